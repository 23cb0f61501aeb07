package suite_test

import (
	"bufio"
	"bytes"
	"context"
	"flag"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/recoverydrill/gameday/fixtures"
	"github.com/recoverydrill/gameday/fixtures/container"
	"github.com/recoverydrill/gameday/fixtures/images"
)

var (
	kills    = flag.Int("kills", 3, "how often to kill the flagship, in each of its phases in turn")
	killSeed = flag.Uint64("kill-seed", uint64(time.Now().UnixNano()), "seed of the moments")
)

// TestKilledRunIsSweptAndALivingOneIsNot kills the flagship's process with SIGKILL, so that no clean-up of its own can
// run. Afterwards a sweep must leave nothing of it, and must not touch what a living run (this process) has.
func TestKilledRunIsSweptAndALivingOneIsNot(t *testing.T) {
	if testing.Short() {
		t.Skip("needs Docker")
	}
	ctx := t.Context()
	binary := filepath.Join(t.TempDir(), "flagship.test")
	build := exec.CommandContext(ctx, "go", "test", "-c", "-o", binary, "../postgres")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("compile the flagship: %v\n%s", err, out)
	}
	alive, aliveRun := living(t)
	owned := remains(t, aliveRun)
	t.Logf("-kills %d -kill-seed %d", *kills, *killSeed)
	r := rand.New(rand.NewPCG(*killSeed, 0)) //nolint:gosec // moments, not secrets
	for i := range *kills {
		// Every phase in turn, and a random moment of its first second.
		phase := phases[i%len(phases)]
		after := time.Duration(r.Int64N(int64(time.Second)))
		dead := killed(t, binary, phase, after)
		if _, err := container.Sweep(ctx); err != nil {
			t.Errorf("sweep: %v", err)
		}
		if left := remains(t, dead); left != "" {
			t.Errorf("killed %s into %q: left behind:\n%s", after, phase, left)
		}
		t.Logf("killed %s into %q: nothing left", after.Round(time.Millisecond), phase)
		if _, err := alive.Exec(ctx, fixtures.Command{Args: []string{"true"}}); err != nil {
			t.Fatalf("the living run's node was touched: %v", err)
		}
		if now := remains(t, aliveRun); now != owned || owned == "" {
			t.Fatalf("the living run had\n%sand now has\n%s", owned, now)
		}
	}
}

// phases are the beginnings of the lines of progress after which the flagship is killed.
var phases = []string{
	"phase recover", "phase break", "phase start", "step replay", "phase verify", "phase mark", "phase backup", "phase traffic", "step fetch", "phase begin",
}

// living is a node of a run that is alive: this process.
func living(t *testing.T) (node fixtures.Node, runID string) {
	t.Helper()
	run, err := fixtures.NewRun(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	p, err := container.New(t.Context(), run, container.Options{Images: images.New(images.Options{Build: true})})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := p.Close(context.Background()); err != nil {
			t.Error(err)
		}
	})
	n, err := p.NewNode(t.Context(), fixtures.NodeSpec{Name: "bystander", Engine: "postgres", Version: "17", Disks: []fixtures.Disk{{Path: "/data"}}})
	if err != nil {
		t.Fatal(err)
	}
	return n, run.ID
}

// killed starts the flagship, kills it some time after it has reported a phase, and returns its run's ID.
func killed(t *testing.T, binary, phase string, after time.Duration) (run string) {
	t.Helper()
	dir := t.TempDir()
	cmd := exec.Command(binary, "-ginkgo.label-filter=flagship") //nolint:gosec,noctx // our own binary, and killing it is the test
	cmd.Dir = "../postgres"
	cmd.Env = append(os.Environ(), "GAMEDAY_REPORT_DIR="+dir, "GAMEDAY_PROGRESS=1")
	progress, err := cmd.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	reached := false
	var said []string
	for lines := bufio.NewScanner(progress); !reached && lines.Scan(); {
		said = append(said, lines.Text())
		reached = strings.HasPrefix(lines.Text(), "gameday: "+phase)
	}
	go io.Copy(io.Discard, progress) //nolint:errcheck // the rest of its progress
	time.Sleep(after)
	if err := cmd.Process.Kill(); err != nil {
		t.Fatalf("kill it: %v", err)
	}
	_ = cmd.Wait() // killed, as it should be
	runs, err := os.ReadDir(dir)
	if err != nil || len(runs) != 1 || !reached {
		t.Fatalf("want a run that was killed in %q, got %v, %v, reached %t:\n%s", phase, runs, err, reached, strings.Join(said, "\n"))
	}
	return runs[0].Name()
}

// remains lists what is left of a run: containers, networks, volumes by their label, processes by their environment.
func remains(t *testing.T, run string) string {
	t.Helper()
	if run == "" {
		return ""
	}
	var left strings.Builder
	label := "label=" + fixtures.LabelRun + "=" + run
	for _, args := range [][]string{{"ps", "-aq"}, {"network", "ls", "-q"}, {"volume", "ls", "-q"}} {
		out, err := exec.CommandContext(t.Context(), "docker", append(args, "--filter", label)...).CombinedOutput()
		if err != nil {
			t.Fatalf("docker %v: %v\n%s", args, err, out)
		}
		if len(out) > 0 {
			fmt.Fprintf(&left, "docker %s: %s", args[0], out)
		}
	}
	procs, err := filepath.Glob("/proc/[0-9]*/environ")
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range procs {
		env, _ := os.ReadFile(p) // processes come and go
		if bytes.Contains(env, []byte(fixtures.RunVariable+"="+run)) {
			fmt.Fprintf(&left, "process %s\n", p)
		}
	}
	return left.String()
}
