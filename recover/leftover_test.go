package recovery

import (
	"context"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// A script that ends at SIGTERM while its child does not once went on changing the data that was being verified.
func TestDeadlineEndsWhatItsLeaderHasLeft(t *testing.T) {
	dir := t.TempDir()
	c := Command(script(t, "#!/bin/sh\nsh -c 'trap \"\" TERM; echo $$ >"+dir+"/pid; echo gameday: step work; sleep 9; touch "+dir+"/late' &\nwait\n", 0o755))
	ctx, stop := context.WithCancelCause(t.Context())
	defer stop(nil)
	began := time.Now()
	out := NewOutput(io.Discard, func(string) error {
		began = time.Now()
		stop(context.DeadlineExceeded)
		return nil
	})
	var stopped *Stopped
	if err := c.Recover(ctx, Job{Output: out}); !errors.As(err, &stopped) {
		t.Errorf("got %v", err)
	}
	if took := time.Since(began); took < Grace || took > Grace+3*time.Second {
		t.Errorf("returned %s after its deadline", took)
	}
	gone(t, dir+"/pid")
	if _, err := os.Stat(dir + "/late"); err == nil {
		t.Error("it worked on")
	}
	if err := c.Cleanup(t.Context(), Job{}); err != nil {
		t.Error(err)
	}
}

// A process group that obeys is not waited for.
func TestADeadlineTakesNoLongerThanItMust(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
	defer cancel()
	began := time.Now()
	_, _, err := run(ctx, t, Command(script(t, "#!/bin/sh\nsleep 600 &\nwait\n", 0o755)), nil)
	var stopped *Stopped
	if took := time.Since(began); !errors.As(err, &stopped) || took > Grace {
		t.Errorf("got %v after %s", err, took)
	}
}

// other is a process that no command of these tests has started.
func other(t *testing.T, env ...string) *exec.Cmd {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "sleep", "600")
	cmd.Env, cmd.SysProcAttr = env, &syscall.SysProcAttr{Setpgid: true}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	})
	return cmd
}

// What makes a session of its own ends with the drill as well; the servers of nodes that are processes of this host do not,
// although they carry the run's variables, nor does what a command has started on such a node.
func TestDaemonsEndWithTheDrillAndNodesDoNot(t *testing.T) {
	dir := t.TempDir()
	path := script(t, "#!/bin/sh\n"+`
daemon() { setsid "$@" >/dev/null 2>&1 & }
daemon sh -c 'echo $$ >`+dir+`/daemon; exec sleep 600'
daemon env -i GAMEDAY_RUN="$GAMEDAY_RUN" PATH="$PATH" sh -c 'echo $$ >`+dir+`/node; exec sleep 600'
while [ ! -s `+dir+`/daemon ] || [ ! -s `+dir+`/node ]; do sleep 0.05; done
`, 0o755)
	server := other(t, VarRun+"=this-run")
	if _, _, err := run(t.Context(), t, Command(path), map[string]string{VarRun: "this-run"}); err != nil {
		t.Error(err)
	}
	gone(t, dir+"/daemon")
	if _, ok := processOf(server.Process.Pid); !ok {
		t.Error("a node's server was killed")
	}
	text, err := os.ReadFile(dir + "/node")
	if err != nil {
		t.Fatal(err)
	}
	pid, err := strconv.Atoi(strings.TrimSpace(string(text)))
	if err != nil {
		t.Fatal(err)
	}
	if _, ok := processOf(pid); !ok {
		t.Error("what was started on a node was killed")
	} else if err := syscall.Kill(pid, syscall.SIGKILL); err != nil {
		t.Error(err)
	}
}

// The number of a group that has ended is another's some minutes later.
func TestCleanupSparesWhoeverHasTheNumberNow(t *testing.T) {
	c := Command("true")
	if err := c.Recover(t.Context(), Job{Output: io.Discard}); err != nil || c.group != 0 || len(c.left) > 0 {
		t.Fatalf("of a command that has ended there is left group %d and %v (%v)", c.group, c.left, err)
	}
	pid := other(t).Process.Pid
	now, _ := processOf(pid)
	c.group, c.left = pid, []process{{pid: pid, group: pid, start: "1"}}
	if err := c.Cleanup(t.Context(), Job{}); err != nil {
		t.Error(err)
	}
	if _, ok := processOf(pid); !ok {
		t.Fatal("somebody else's process was killed")
	}
	c.left = []process{now} // the same one indeed
	if err := c.Cleanup(t.Context(), Job{}); err != nil {
		t.Error(err)
	}
	pidfile := filepath.Join(t.TempDir(), "pid")
	if err := os.WriteFile(pidfile, []byte(strconv.Itoa(pid)), 0o600); err != nil {
		t.Fatal(err)
	}
	gone(t, pidfile)
}
