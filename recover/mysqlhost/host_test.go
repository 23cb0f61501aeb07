package mysqlhost

import (
	"bytes"
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/recoverydrill/gameday/fixtures"
	recovery "github.com/recoverydrill/gameday/recover"
)

// said is a node on which every script prints the same.
type said struct {
	fixtures.Node
	text string
}

func (said) Name() string { return "spare" }

func (s said) Exec(_ context.Context, cmd fixtures.Command) (fixtures.Result, error) {
	c := fixtures.NewCapture()
	stdout, _ := c.Writers(cmd)
	if _, err := stdout.Write([]byte(s.text)); err != nil {
		return fixtures.Result{}, err
	}
	return c.End(s.Name(), cmd, time.Now(), 0, nil)
}

// A node keeps the end of what a script prints. Half of an answer was taken for all of it once.
func TestAnAnswerIsWholeOrAnError(t *testing.T) {
	full := strings.Repeat("x", fixtures.OutputLimit)
	for text, fits := range map[string]bool{full: true, full + "x": false} {
		h, err := On(recovery.Job{Env: map[string]string{"GAMEDAY_ENGINE": "mysql"}}, said{text: text}, 0)
		if err != nil {
			t.Fatal(err)
		}
		got, err := h.Sh(t.Context(), "", nil)
		if fits != (err == nil) || fits != (got == text) {
			t.Errorf("of %d bytes it returned %d: %v", len(text), len(got), err)
		}
		var all bytes.Buffer
		if err := h.Stream(t.Context(), "", nil, &all); err != nil || all.String() != text {
			t.Errorf("of %d bytes %d came through: %v", len(text), all.Len(), err)
		}
	}
}

// The note with a server's ID lies beside its data, and may be gone with that: the server runs on.
func TestAServerIsFoundWithoutItsNotes(t *testing.T) {
	if _, err := os.Stat("/proc/self/cmdline"); err != nil {
		t.Skip("needs /proc")
	}
	dir := t.TempDir()
	server, config := filepath.Join(dir, "mysqld"), filepath.Join(dir, "my.cnf")
	var ids []string
	for _, line := range []string{server + " --defaults-file=" + config, server + " --defaults-file=" + config + ".other"} {
		cmd := exec.CommandContext(t.Context(), "sh", "-c", "read line")
		cmd.Args[0] = line
		if _, err := cmd.StdinPipe(); err != nil { // it waits
			t.Fatal(err)
		}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = cmd.Process.Kill(); _ = cmd.Wait() })
		ids = append(ids, strconv.Itoa(cmd.Process.Pid))
	}
	sh := exec.CommandContext(t.Context(), "sh", "-euc", prelude+`ours; stop KILL; echo "then $(ours)"`)
	sh.Env = append(os.Environ(), "GAMEDAY_SERVER="+server, "GAMEDAY_CONFIG="+config, "GAMEDAY_DATADIR="+dir+"/data", "GAMEDAY_PIDFILE="+dir+"/pid")
	out, err := sh.CombinedOutput()
	if want := ids[0] + "\nthen \n"; err != nil || string(out) != want {
		t.Errorf("got %q, want %q: %v", out, want, err)
	}
}
