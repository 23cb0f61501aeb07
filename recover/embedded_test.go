package recovery_test

import (
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/recoverydrill/gameday/fixtures"
	"github.com/recoverydrill/gameday/fixtures/embedded"
	"github.com/recoverydrill/gameday/fixtures/sqlite"
	recovery "github.com/recoverydrill/gameday/recover"
)

// A node that is a directory of this host has this host's /tmp: a script that is copied there would stay, and be another
// run's as well.
func TestScriptsForNodesOfThisHostLeaveNothingBehind(t *testing.T) {
	run, err := fixtures.NewRun(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	p, err := embedded.New(t.Context(), run, embedded.Options{})
	if err != nil {
		t.Fatal(err)
	}
	sys, err := sqlite.Store{Unreplicated: true}.Start(t.Context(), run, p)
	if err != nil {
		t.Fatal(errors.Join(err, p.Close(t.Context())))
	}
	t.Cleanup(func() {
		if err := errors.Join(sys.Close(context.Background()), p.Close(context.Background())); err != nil {
			t.Error(err)
		}
	})
	env, err := sys.(fixtures.Responder).Environment(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	script := filepath.Join(t.TempDir(), "leave-no-trace-"+run.ID+".sh")
	if err := os.WriteFile(script, []byte("#!/bin/sh\necho \"$0 sees $GAMEDAY_FILE\"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	job := recovery.Job{System: sys, Env: env, WorkDir: t.TempDir(), Output: &out}
	if err := recovery.OnNode("primary", script).Recover(t.Context(), job); err != nil {
		t.Fatal(err)
	}
	if got := out.String(); !strings.HasPrefix(got, job.WorkDir) || !strings.HasSuffix(got, " sees "+env["GAMEDAY_FILE"]+"\n") {
		t.Errorf("it said %q", got)
	}
	if left, err := filepath.Glob("/tmp/gameday-recovery-*" + run.ID + "*"); err != nil || len(left) > 0 {
		t.Errorf("left behind: %q (%v)", left, err)
	}
}
