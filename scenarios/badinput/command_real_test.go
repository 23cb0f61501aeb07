// Package badinput_test gives gameday what cannot work, by its command and on real servers, and looks at what a person
// gets: a message that names step, cause, evidence and what to do, the exit code, and nothing left behind.
//
// A port that is taken is no case here: a drill has no way to ask for a port. Nodes' ports and the clients' route take
// free ones; the one place where a number can be given, route.Options.Port, has its test beside it.
package badinput_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/recoverydrill/gameday/fixtures"
	"github.com/recoverydrill/gameday/reports"
)

// bad is the suite of bad drills.
const bad = "./testdata/drills"

// command is the gameday command, built once.
var command = sync.OnceValues(func() (string, error) {
	dir, err := os.MkdirTemp("", "gameday-badinput-")
	if err != nil {
		return "", err
	}
	path := filepath.Join(dir, "gameday")
	out, err := exec.Command("go", "build", "-o", path, "../../cmd/gameday").CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("build the command: %w\n%s", err, out)
	}
	return path, nil
})

func TestMain(m *testing.M) {
	code := m.Run()
	if path, err := command(); !testing.Short() && err == nil {
		_ = os.RemoveAll(filepath.Dir(path))
	}
	os.Exit(code)
}

// ended is what a run of the command came to.
type ended struct {
	code     int
	out, err string
	dir      string // of the run; "" if none began
	took     time.Duration
}

// invocation is one run of the command.
type invocation struct {
	env     []string
	reports string // default a temporary directory
	until   string // SIGINT is sent when this is printed
	args    []string
}

// run runs the command to its end and fails the test if anything is left behind.
func (i invocation) run(t *testing.T) ended {
	t.Helper()
	path, err := command()
	if err != nil {
		t.Fatal(err)
	}
	if i.reports == "" {
		i.reports = t.TempDir()
	}
	ctx, cancel := context.WithTimeout(t.Context(), 4*time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, path, i.args...)
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGTERM) }
	cmd.WaitDelay = time.Minute
	cmd.Env = append(append(os.Environ(), "GAMEDAY_REPORT_DIR="+i.reports), i.env...)
	var stdout bytes.Buffer
	stderr := &trigger{word: i.until, pull: func() { _ = cmd.Process.Signal(syscall.SIGINT) }}
	cmd.Stdout, cmd.Stderr = &stdout, stderr
	began := time.Now()
	if err := cmd.Run(); err != nil && !errors.As(err, new(*exec.ExitError)) {
		t.Fatal(err)
	}
	e := ended{code: cmd.ProcessState.ExitCode(), out: stdout.String(), err: stderr.String(), took: time.Since(began)}
	runs, err := filepath.Glob(filepath.Join(i.reports, "2*Z-*"))
	if err != nil || len(runs) > 1 {
		t.Fatalf("want one run at most, got %q, %v", runs, err)
	}
	if len(runs) == 1 {
		e.dir = runs[0]
		nothingLeft(t, filepath.Base(e.dir))
	}
	return e
}

// trigger keeps what is written and pulls once when it holds a word.
type trigger struct {
	kept bytes.Buffer
	word string
	pull func()
}

func (w *trigger) String() string { return w.kept.String() }

func (w *trigger) Write(p []byte) (int, error) {
	n, err := w.kept.Write(p)
	if w.word != "" && strings.Contains(w.String(), w.word) {
		w.word = ""
		w.pull()
	}
	return n, err
}

// record reads the record of one drill of the run.
func (e ended) record(t *testing.T, scenario string) *reports.Record {
	t.Helper()
	rec, err := reports.ReadRecord(filepath.Join(e.dir, strings.ReplaceAll(scenario, "/", ".")))
	if err != nil {
		t.Fatalf("%v\n%s\n%s", err, e.out, e.err)
	}
	return rec
}

// verdict is the line that the command printed about a drill.
func (e ended) verdict(scenario string) string {
	for _, line := range strings.Split(e.out, "\n") {
		if _, rest, ok := strings.Cut(line, " "); ok && strings.HasPrefix(rest, scenario+" (level ") {
			return line
		}
	}
	return ""
}

// nothingLeft fails the test for everything that a run has made and not removed.
func nothingLeft(t *testing.T, run string) {
	t.Helper()
	for _, left := range leftBehind(t, run) {
		t.Error("left behind: " + left)
	}
}

// leftBehind looks for what a run made: by its label, and processes by their environment.
func leftBehind(t *testing.T, run string) (left []string) {
	t.Helper()
	for _, args := range [][]string{{"ps", "-aq"}, {"network", "ls", "-q"}, {"volume", "ls", "-q"}} {
		args = append(args, "--filter", "label="+fixtures.LabelRun+"="+run)
		out, err := exec.CommandContext(t.Context(), "docker", args...).CombinedOutput()
		if err != nil {
			t.Fatalf("docker %q: %v\n%s", args, err, out)
		}
		if len(out) > 0 {
			left = append(left, fmt.Sprintf("docker %s: %s", strings.Join(args, " "), out))
		}
	}
	procs, err := filepath.Glob("/proc/[0-9]*/environ")
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range procs {
		env, _ := os.ReadFile(p) // processes come and go
		if bytes.Contains(env, []byte(fixtures.RunVariable+"="+run)) {
			line, _ := os.ReadFile(filepath.Join(filepath.Dir(p), "cmdline"))
			left = append(left, fmt.Sprintf("process %s: %q", filepath.Dir(p), line))
		}
	}
	return left
}

// If what is left behind were not seen, every test here would be green for the wrong reason.
func TestWhatIsLeftBehindIsSeen(t *testing.T) {
	if testing.Short() {
		t.Skip("needs Docker")
	}
	run := fmt.Sprintf("badinput-%d", os.Getpid())
	if out, err := exec.CommandContext(t.Context(), "docker", "volume", "create", "--label", fixtures.LabelRun+"="+run, run).CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	t.Cleanup(func() {
		if out, err := exec.Command("docker", "volume", "rm", run).CombinedOutput(); err != nil {
			t.Errorf("%v\n%s", err, out)
		}
	})
	sleep := exec.CommandContext(t.Context(), "sleep", "60")
	sleep.Env = append(os.Environ(), fixtures.RunVariable+"="+run)
	if err := sleep.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = sleep.Process.Kill(); _ = sleep.Wait() })
	if left := leftBehind(t, run); len(left) != 2 {
		t.Errorf("want a volume and a process, got %q", left)
	}
}

// says fails the test for every text that is not there.
func says(t *testing.T, what, text string, wants ...string) {
	t.Helper()
	for _, want := range wants {
		if !strings.Contains(text, want) {
			t.Errorf("%s does not say %q:\n%s", what, want, text)
		}
	}
}
