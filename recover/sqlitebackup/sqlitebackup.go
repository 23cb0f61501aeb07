// Package sqlitebackup is the reference procedure for going back to the newest base backup of a SQLite file: copy it
// beside the damaged file, check the copy, give it the old file's owner and mode, and let clients open it. What was
// committed since the backup is lost.
package sqlitebackup

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"

	"github.com/recoverydrill/gameday/fixtures/sqlite/handle"
	recovery "github.com/recoverydrill/gameday/recover"
)

// Procedure is one recovery from the newest backup.
type Procedure struct{}

var _ recovery.Recovery = Procedure{}

// Name is what reports call it.
func (Procedure) Name() string { return "sqlite backup" }

// Recover runs the procedure.
func (Procedure) Recover(ctx context.Context, job recovery.Job) error {
	r := restore{job: job, backup: job.Env["GAMEDAY_BACKUP"], old: job.Env["GAMEDAY_FILE"]}
	if r.backup == "" || r.old == "" {
		return errors.New("sqlite backup: there is no base backup in the vault: GAMEDAY_BACKUP or GAMEDAY_FILE is empty")
	}
	r.path = filepath.Join(filepath.Dir(r.old), "restored-from-"+filepath.Base(filepath.Dir(r.backup))+".db")
	return job.Run(ctx,
		recovery.Step{Name: "copy the backup", Do: r.copy},
		recovery.Step{Name: "check the copy", Do: r.check},
		recovery.Step{Name: "cut over", Do: r.cutOver},
	)
}

type restore struct {
	job               recovery.Job
	backup, old, path string
}

// copy makes the new file, with the old one's owner and mode from the beginning.
func (r restore) copy(context.Context) (err error) {
	mode := fs.FileMode(0o600)
	info, err := os.Stat(r.old)
	if err == nil {
		mode = info.Mode().Perm()
	} else if !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	from, err := os.Open(r.backup)
	if err != nil {
		return err
	}
	defer from.Close() //nolint:errcheck // read only
	to, err := os.OpenFile(r.path, os.O_CREATE|os.O_EXCL|os.O_WRONLY, mode)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, to.Close()) }()
	if err := to.Chmod(mode); err != nil { // the umask took something away
		return err
	}
	if info != nil {
		if st, ok := info.Sys().(*syscall.Stat_t); ok {
			if err := to.Chown(int(st.Uid), int(st.Gid)); err != nil {
				return err
			}
		}
	}
	if _, err := io.Copy(to, from); err != nil {
		return err
	}
	return to.Sync()
}

// check has SQLite read all of it.
func (r restore) check(ctx context.Context) (err error) {
	h, err := handle.Open(ctx, r.path, handle.Immutable)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, h.Close()) }()
	said, err := h.Value(ctx, "PRAGMA integrity_check(1)")
	if err != nil {
		return err
	}
	if said != "ok" {
		return fmt.Errorf("the backup is damaged: %s", said)
	}
	tables, err := h.Value(ctx, "SELECT count(*) FROM sqlite_schema")
	if err == nil && tables == "0" { // a file of no bytes is a sound database
		err = errors.New("the backup is empty")
	}
	return err
}

func (r restore) cutOver(ctx context.Context) error { return r.job.CutOver(ctx, r.path) }
