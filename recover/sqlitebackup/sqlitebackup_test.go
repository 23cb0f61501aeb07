package sqlitebackup_test

import (
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

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
	if err := (sqlitebackup.Procedure{}).Recover(t.Context(), job); err == nil || len(*cut) != 1 {
		t.Errorf("a second recovery overwrote what clients have by now: %v", err)
	}
}

// TestRefusals: nobody is sent to a backup that is not sound.
func TestRefusals(t *testing.T) {
	for what, c := range map[string]struct {
		change func(recovery.Job)
		want   string
	}{
		"no backup": {func(j recovery.Job) { j.Env["GAMEDAY_BACKUP"] = "" }, "no base backup"},
		"lost":      {func(j recovery.Job) { check(t, os.Remove(j.Env["GAMEDAY_BACKUP"])) }, "copy the backup"},
		"cut short": {func(j recovery.Job) {
			check(t, errors.Join(os.Chmod(j.Env["GAMEDAY_BACKUP"], 0o600), os.Truncate(j.Env["GAMEDAY_BACKUP"], 5000)))
		}, "check the copy"},
		"empty": {func(j recovery.Job) {
			check(t, errors.Join(os.Chmod(j.Env["GAMEDAY_BACKUP"], 0o600), os.Truncate(j.Env["GAMEDAY_BACKUP"], 0)))
		}, "empty"},
	} {
		job, cut := newJob(t)
		c.change(job)
		err := sqlitebackup.Procedure{}.Recover(t.Context(), job)
		if err == nil || !strings.Contains(err.Error(), c.want) || len(*cut) > 0 {
			t.Errorf("%s: want an error about %q, got %v; cut over to %q", what, c.want, err, *cut)
		}
	}
}
