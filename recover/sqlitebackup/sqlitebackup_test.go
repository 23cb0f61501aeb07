package sqlitebackup_test

import (
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/recoverydrill/gameday/fixtures"
	"github.com/recoverydrill/gameday/fixtures/sqlite/handle"
	recovery "github.com/recoverydrill/gameday/recover"
	"github.com/recoverydrill/gameday/recover/sqlitebackup"
)

func check(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// newJob has a file with the mode of its application, and an older copy of it that only its owner may read.
func newJob(t *testing.T) (recovery.Job, *[]string) {
	t.Helper()
	dir := t.TempDir()
	file, backup := filepath.Join(dir, "data", "app.db"), filepath.Join(dir, "base", "nightly", "app.db")
	check(t, errors.Join(os.MkdirAll(filepath.Dir(file), 0o700), os.MkdirAll(filepath.Dir(backup), 0o700)))
	h, err := handle.Open(t.Context(), file, handle.Create, "CREATE TABLE a (x)", "INSERT INTO a VALUES ('backed up')")
	check(t, err)
	check(t, h.CopyTo(t.Context(), backup))
	_, err = h.Exec(t.Context(), "UPDATE a SET x = 'damaged'")
	check(t, errors.Join(err, h.Close(), os.Chmod(file, 0o664), os.Chmod(backup, 0o400)))
	var cut []string
	return recovery.Job{
		Env: map[string]string{"GAMEDAY_FILE": file, "GAMEDAY_BACKUP": backup}, Output: new(bytes.Buffer), Step: func(string) {},
		CutOver: func(_ context.Context, path string) error {
			cut = append(cut, path)
			return nil
		},
	}, &cut
}

// TestRecover: clients get a copy of the backup, beside the damaged file and with its mode.
func TestRecover(t *testing.T) {
	job, cut := newJob(t)
	check(t, sqlitebackup.Procedure{}.Recover(t.Context(), job))
	if len(*cut) != 1 || filepath.Dir((*cut)[0]) != filepath.Dir(job.Env["GAMEDAY_FILE"]) || (*cut)[0] == job.Env["GAMEDAY_FILE"] {
		t.Fatalf("cut over to %q", *cut)
	}
	info, err := os.Stat((*cut)[0])
	check(t, err)
	if info.Mode().Perm() != 0o664 { // whatever the umask
		t.Errorf("its mode is %v", info.Mode())
	}
	h, err := handle.Open(t.Context(), (*cut)[0], handle.Write)
	check(t, err)
	if got, err := h.Value(t.Context(), "SELECT x FROM a"); err != nil || got != "backed up" {
		t.Errorf("it holds %q (%v)", got, err)
	}
	check(t, h.Close())
	if err := (sqlitebackup.Procedure{}).Recover(t.Context(), job); !isRefusal(err) || len(*cut) != 1 {
		t.Errorf("a second recovery overwrote what clients have by now: %v", err)
	}
	job.Env["GAMEDAY_FILE"] = (*cut)[0] // the next disaster
	check(t, sqlitebackup.Procedure{}.Recover(t.Context(), job))
	if len(*cut) != 2 || (*cut)[1] == (*cut)[0] {
		t.Errorf("cut over to %q", *cut)
	}
}

func isRefusal(err error) bool {
	var no *recovery.Refused
	return errors.As(err, &no)
}

// TestAfterAKill: it is run again after it died at the begin of any of its steps, with half a copy lying there.
func TestAfterAKill(t *testing.T) {
	for died := range 4 {
		job, cut := newJob(t)
		ctx, kill := context.WithCancel(t.Context())
		steps := 0
		job.Step = func(string) {
			if steps == died {
				kill()
				panic("killed")
			}
			steps++
		}
		func() {
			defer func() { _ = recover() }()
			_ = sqlitebackup.Procedure{}.Recover(ctx, job)
		}()
		half := filepath.Join(filepath.Dir(job.Env["GAMEDAY_FILE"]), "restored-from-nightly.db.part")
		check(t, os.WriteFile(half, []byte("half"), 0o600))
		job.Step = func(string) {}
		check(t, sqlitebackup.Procedure{}.Recover(t.Context(), job))
		if _, err := os.Stat(half); err == nil || len(*cut) != 1 {
			t.Errorf("killed at step %d: cut over to %q, and what the first run left is there: %t", died, *cut, err == nil)
		}
	}
}

// TestOfSeveralBackups: the newest that is no later than the target; none is a refusal.
func TestOfSeveralBackups(t *testing.T) {
	job, cut := newJob(t)
	newest := job.Env["GAMEDAY_BACKUP"]
	older := filepath.Join(filepath.Dir(filepath.Dir(newest)), "older", "app.db")
	check(t, os.MkdirAll(filepath.Dir(older), 0o700))
	h, err := handle.Open(t.Context(), older, handle.Create, "CREATE TABLE a (x)", "INSERT INTO a VALUES ('older')")
	check(t, errors.Join(err, h.Close()))
	now := time.Now()
	check(t, errors.Join(os.Chtimes(older, now, now.Add(-2*time.Hour)), os.Chtimes(newest, now, now.Add(-time.Hour))))
	job.Target = fixtures.Mark{Label: "an hour and a half ago", Time: now.Add(-90 * time.Minute)}
	check(t, sqlitebackup.Procedure{}.Recover(t.Context(), job))
	h, err = handle.Open(t.Context(), (*cut)[0], handle.Write)
	check(t, err)
	if got, err := h.Value(t.Context(), "SELECT x FROM a"); err != nil || got != "older" {
		t.Errorf("clients find %q (%v)", got, err)
	}
	check(t, h.Close())
	job.Target.Time = now.Add(-3 * time.Hour)
	if err := (sqlitebackup.Procedure{}).Recover(t.Context(), job); !isRefusal(err) || len(*cut) != 1 {
		t.Errorf("a target before every backup: %v", err)
	}
	needs, err := sqlitebackup.Procedure{}.Preflight(t.Context(), job)
	if err != nil || len(needs) != 1 || needs[0].Met || needs[0].Resource != recovery.NeedsBackup {
		t.Errorf("needs of it: %+v (%v)", needs, err)
	}
}

// flip damages the file's second page.
func flip(t *testing.T, path string) {
	t.Helper()
	check(t, os.Chmod(path, 0o600))
	b, err := os.ReadFile(path)
	check(t, err)
	b[int(b[16])<<8|int(b[17])] ^= 0xff // the header tells the size of a page
	info, err := os.Stat(path)
	check(t, err)
	check(t, errors.Join(os.WriteFile(path, b, 0o600), os.Chtimes(path, info.ModTime(), info.ModTime())))
}

// TestADamagedBackupIsPassedOver: the one before it is sound.
func TestADamagedBackupIsPassedOver(t *testing.T) {
	job, cut := newJob(t)
	newest := job.Env["GAMEDAY_BACKUP"]
	older := filepath.Join(filepath.Dir(filepath.Dir(newest)), "older", "app.db")
	check(t, os.MkdirAll(filepath.Dir(older), 0o700))
	h, err := handle.Open(t.Context(), older, handle.Create, "CREATE TABLE a (x)", "INSERT INTO a VALUES ('older')")
	check(t, errors.Join(err, h.Close()))
	before := time.Now().Add(-time.Hour)
	check(t, os.Chtimes(older, before, before))
	flip(t, newest)
	needs, err := sqlitebackup.Procedure{}.Preflight(t.Context(), job)
	if err != nil || len(needs) != 3 || !needs[0].Met || needs[0].Where != older {
		t.Errorf("needs %+v (%v)", needs, err)
	}
	check(t, sqlitebackup.Procedure{}.Recover(t.Context(), job))
	h, err = handle.Open(t.Context(), (*cut)[0], handle.Write)
	check(t, err)
	if got, err := h.Value(t.Context(), "SELECT x FROM a"); err != nil || got != "older" {
		t.Errorf("clients find %q (%v)", got, err)
	}
	check(t, h.Close())
	if said := job.Output.(*bytes.Buffer).String(); !strings.Contains(said, "passed over: "+newest+" is damaged") {
		t.Errorf("it said %q", said)
	}
	flip(t, older)
	err = sqlitebackup.Procedure{}.Recover(t.Context(), job)
	if !isRefusal(err) || !strings.Contains(err.Error(), newest+" is damaged") || !strings.Contains(err.Error(), older+" is damaged") || len(*cut) != 1 {
		t.Errorf("of two damaged ones: %v; cut over to %q", err, *cut)
	}
}

// TestPreflightAndPlan change nothing, and the plan names the steps that are done.
func TestPreflightAndPlan(t *testing.T) {
	job, _ := newJob(t)
	plan, err := sqlitebackup.Procedure{}.Plan(t.Context(), job)
	check(t, err)
	needs, err := sqlitebackup.Procedure{}.Preflight(t.Context(), job)
	check(t, err)
	for _, n := range needs {
		if !n.Met {
			t.Errorf("%+v", n)
		}
	}
	if all, err := os.ReadDir(filepath.Dir(job.Env["GAMEDAY_FILE"])); err != nil || len(all) != 1 || len(needs) != 3 {
		t.Errorf("beside the file there is %v (%v); needs %+v", all, err, needs)
	}
	job.Step = func(name string) {
		if len(plan.Steps) == 0 || plan.Steps[0].Name != name || plan.Steps[0].Does == "" {
			t.Fatalf("step %q is not the next of %+v", name, plan.Steps)
		}
		plan.Steps = plan.Steps[1:]
	}
	check(t, sqlitebackup.Procedure{}.Recover(t.Context(), job))
	if len(plan.Steps) > 0 {
		t.Errorf("not done: %+v", plan.Steps)
	}
}

// TestRefusals: nobody is sent to a backup that is not sound.
func TestRefusals(t *testing.T) {
	for what, c := range map[string]struct {
		change func(recovery.Job)
		want   string
	}{
		"no backup": {func(j recovery.Job) { j.Env["GAMEDAY_BACKUP"] = "" }, "no base backup"},
		"lost":      {func(j recovery.Job) { check(t, os.Remove(j.Env["GAMEDAY_BACKUP"])) }, "is not there"},
		"cut short": {func(j recovery.Job) {
			check(t, errors.Join(os.Chmod(j.Env["GAMEDAY_BACKUP"], 0o600), os.Truncate(j.Env["GAMEDAY_BACKUP"], 5000)))
		}, "damaged"},
		"empty": {func(j recovery.Job) {
			check(t, errors.Join(os.Chmod(j.Env["GAMEDAY_BACKUP"], 0o600), os.Truncate(j.Env["GAMEDAY_BACKUP"], 0)))
		}, "empty"},
	} {
		job, cut := newJob(t)
		c.change(job)
		err := sqlitebackup.Procedure{}.Recover(t.Context(), job)
		if !isRefusal(err) || !strings.Contains(err.Error(), c.want) || len(*cut) > 0 {
			t.Errorf("%s: want an error about %q, got %v; cut over to %q", what, c.want, err, *cut)
		}
	}
}
