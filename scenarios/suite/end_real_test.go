package suite_test

import (
	"bufio"
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/recoverydrill/gameday/reports"
)

// TestEveryEndCleansUp ends the flagship in ways that leave it time: nothing of its run may be left, without a sweep by
// anybody else, and there must be a record of the drill, which is not green.
func TestEveryEndCleansUp(t *testing.T) {
	if testing.Short() {
		t.Skip("needs Docker")
	}
	binary := filepath.Join(t.TempDir(), "flagship.test")
	if out, err := exec.CommandContext(t.Context(), "go", "test", "-c", "-o", binary, "../postgres").CombinedOutput(); err != nil {
		t.Fatalf("compile the flagship: %v\n%s", err, out)
	}
	for _, c := range []struct {
		name   string
		args   []string
		after  string         // the line of progress to wait for
		signal syscall.Signal // 0 sends none
	}{
		// The deadline of go test kills the process; the suite must have ended before that.
		{name: "timeout of go test", args: []string{"-test.timeout=20s"}},
		{name: "SIGINT", after: "gameday: phase mark", signal: syscall.SIGINT},
		{name: "SIGTERM during the recovery", after: "gameday: step fetch", signal: syscall.SIGTERM},
	} {
		t.Run(c.name, func(t *testing.T) {
			run, dir := ended(t, binary, c.args, c.after, c.signal)
			if left := remains(t, run); left != "" {
				t.Errorf("left behind:\n%s", left)
			}
			drills, err := reports.ReadRun(dir)
			if err != nil || len(drills) != 1 {
				t.Fatalf("want the record of one drill, got %d, %v", len(drills), err)
			}
			if rec := drills[0].Record; rec.Outcome == reports.Passed || rec.Finished.IsZero() {
				t.Errorf("outcome %s, finished %s", rec.Outcome, rec.Finished)
			}
		})
	}
}

func ended(t *testing.T, binary string, args []string, after string, signal syscall.Signal) (run, runDir string) {
	t.Helper()
	dir := t.TempDir()
	ctx, cancel := context.WithTimeout(t.Context(), 3*time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, binary, append(args, "-ginkgo.label-filter=flagship")...) //nolint:gosec // our own binary
	cmd.Dir = "../postgres"
	cmd.Env = append(os.Environ(), "GAMEDAY_REPORT_DIR="+dir, "GAMEDAY_PROGRESS=1")
	progress, err := cmd.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	var said strings.Builder
	for lines := bufio.NewScanner(progress); lines.Scan(); {
		said.WriteString(lines.Text() + "\n")
		if signal != 0 && strings.HasPrefix(lines.Text(), after) {
			if err := cmd.Process.Signal(signal); err != nil {
				t.Fatal(err)
			}
			signal = 0
		}
	}
	if err := cmd.Wait(); err == nil {
		t.Errorf("it exited with 0:\n%s", said.String())
	}
	if strings.Contains(said.String(), "panic: test timed out") {
		t.Errorf("go test killed it before it could clean up:\n%s", said.String())
	}
	runs, err := os.ReadDir(dir)
	if err != nil || len(runs) != 1 {
		t.Fatalf("want one run in %s, got %v, %v", dir, runs, err)
	}
	return runs[0].Name(), filepath.Join(dir, runs[0].Name())
}
