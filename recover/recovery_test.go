package recovery

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func script(t *testing.T, text string, mode os.FileMode) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "restore.sh")
	if err := os.WriteFile(path, []byte(text), mode); err != nil {
		t.Fatal(err)
	}
	return path
}

func run(ctx context.Context, t *testing.T, c *HostCommand, env map[string]string) (string, []string, error) {
	t.Helper()
	var log bytes.Buffer
	var lines []string
	out := NewOutput(&log, func(l string) error { lines = append(lines, l); return nil })
	job := Job{Output: out, Env: env}
	err := c.Recover(ctx, job)
	if cerr := errors.Join(out.Close(), c.Cleanup(context.Background(), job)); cerr != nil {
		t.Error(cerr)
	}
	return log.String(), lines, err
}

func TestCommandGetsItsEnvironmentAndIsUnderstood(t *testing.T) {
	t.Setenv("GAMEDAY_SECRET_OF_THE_HARNESS", "leak")
	for _, name := range []string{"PGPASSWORD", "MYSQL_PWD", "MARIADB_TLS_DISABLE_PEER_VERIFICATION"} {
		t.Setenv(name, "leak")
	}
	path := script(t, "#!/bin/sh\necho \"$GAMEDAY_TARGET_NAME\" \"$PGPASSWORD$MYSQL_PWD$MARIADB_TLS_DISABLE_PEER_VERIFICATION$GAMEDAY_SECRET_OF_THE_HARNESS\" >&2\necho 'gameday: step one'\nprintf 'gameday: cutover spare:5432'\n", 0o755)
	log, lines, err := run(t.Context(), t, Command(path), map[string]string{VarTargetName: "good"})
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(log, "good \n") {
		t.Errorf("environment not passed, or the harness's own leaked: %q", log)
	}
	if fmt.Sprint(lines) != "[step one cutover spare:5432]" {
		t.Errorf("understood %q", lines)
	}
}

// On a node the script is the server's user: the responder's PGUSER would make its psql another one, which is refused
// (the external module's script once waited for ever because of it).
func TestNodesGetNeitherTheEnginesOwnVariablesNorTheHosts(t *testing.T) {
	got := forNode(map[string]string{"PGUSER": "x", "GAMEDAY_NODE_SPARE": "x", VarWorkDir: "x", "GAMEDAY_PORT": "5432"})
	if len(got) != 1 || got["GAMEDAY_PORT"] != "5432" {
		t.Errorf("got %q", got)
	}
}

func TestCommandsThatCannotRunSayWhy(t *testing.T) {
	noexec := script(t, "#!/bin/sh\n", 0o644)
	garbage := script(t, "\x7fnot a program\n", 0o755)
	for _, c := range []struct{ path, want string }{
		{noexec, "is not executable: chmod +x"},
		{"./no-such-script.sh", "does not exist (looked in"},
		{"no-such-command-anywhere", "is not in PATH"},
		{t.TempDir(), "is a directory, not a program"},
		{garbage, "#!/bin/sh?"},
	} {
		if _, _, err := run(t.Context(), t, Command(c.path), nil); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: got %v, want %q", c.path, err, c.want)
		}
	}
}

func TestExitStatusIsKept(t *testing.T) {
	_, _, err := run(t.Context(), t, Command(script(t, "#!/bin/sh\nexit 3\n", 0o755)), nil)
	var exit *ExitStatus
	if !errors.As(err, &exit) || exit.Code != 3 {
		t.Errorf("got %v", err)
	}
}

// A script that hangs, and has children that hang, is gone with all of them when its time is up.
func TestDeadlineEndsTheWholeProcessGroup(t *testing.T) {
	pidfile := filepath.Join(t.TempDir(), "pid")
	path := script(t, "#!/bin/sh\ntrap '' TERM\nsleep 600 &\necho $! > "+pidfile+"\nwait\nsleep 600\n", 0o755)
	ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
	defer cancel()
	began := time.Now()
	_, _, err := run(ctx, t, Command(path), nil)
	var stopped *Stopped
	if !errors.As(err, &stopped) || !strings.Contains(err.Error(), "did not end in its time") {
		t.Errorf("got %v", err)
	}
	if took := time.Since(began); took > Grace+5*time.Second {
		t.Errorf("took %s", took)
	}
	gone(t, pidfile)
}

// A program that a script leaves running, holding its output open, delays neither the end nor survives the clean-up.
func TestProgramsLeftRunningEndWithTheDrill(t *testing.T) {
	for _, program := range []string{"sleep 600", "env -i sleep 600"} {
		pidfile := filepath.Join(t.TempDir(), "pid")
		path := script(t, "#!/bin/sh\n"+program+" &\necho $! > "+pidfile+"\n", 0o755)
		began := time.Now()
		if _, _, err := run(t.Context(), t, Command(path), nil); err != nil {
			t.Error(err)
		}
		if took := time.Since(began); took > 10*time.Second {
			t.Errorf("%s: took %s", program, took)
		}
		gone(t, pidfile)
	}
}

func gone(t *testing.T, pidfile string) {
	t.Helper()
	pid, err := os.ReadFile(pidfile)
	if err != nil {
		t.Fatal(err)
	}
	deadline := time.Now().Add(3 * time.Second)
	for stat := "/proc/" + strings.TrimSpace(string(pid)) + "/stat"; ; {
		b, err := os.ReadFile(stat)
		if err != nil || strings.Contains(string(b), ") Z ") {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("process %s is still there: %s", pid, b)
		}
		time.Sleep(10 * time.Millisecond)
	}
}

// A script in a loop that prints what looks like lines for gameday once made the harness grow by gigabytes.
func TestEndlessLinesForGamedayAreBounded(t *testing.T) {
	for _, bad := range []error{nil, errors.New("nonsense")} {
		understood := 0
		out := NewOutput(io.Discard, func(string) error { understood++; return bad })
		lines := []byte(strings.Repeat("gameday: again\n", 10*saidLimit))
		if _, err := out.Write(lines); err != nil {
			t.Fatal(err)
		}
		err := out.Close()
		if understood != saidLimit || len(out.errs) > errsLimit {
			t.Errorf("understood %d lines, kept %d errors", understood, len(out.errs))
		}
		want := "more than 1000 lines that begin with"
		if bad != nil {
			want = "and 991 more errors"
		}
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %q", err, want)
		}
	}
}

// A script that prints without end, and not even text, fills neither memory nor disk, and its last lines are kept.
func TestEndlessOutputIsBounded(t *testing.T) {
	var log bytes.Buffer
	var steps []string
	out := NewOutput(&log, func(l string) error { steps = append(steps, l); return nil })
	junk := bytes.Repeat([]byte{0, 0xff, 'g'}, 1<<20)
	for range 20 {
		if _, err := out.Write(junk); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := out.Write([]byte("\ngameday: step last\nthe end\n")); err != nil {
		t.Fatal(err)
	}
	if err := out.Close(); err != nil {
		t.Fatal(err)
	}
	if log.Len() > headLimit+tailLimit+1024 {
		t.Errorf("kept %d bytes", log.Len())
	}
	if !strings.HasSuffix(log.String(), "the end\n") || !strings.Contains(log.String(), "bytes left out") {
		t.Error("the end of the output is not kept, or nothing says that the middle is missing")
	}
	if fmt.Sprint(steps) != "[step last]" {
		t.Errorf("understood %q", steps)
	}
}
