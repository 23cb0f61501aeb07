// Package sqlitebackup is the reference procedure for going back to a base backup of a SQLite file: the newest that is sound
// and, where there is a target, no later than that. It is checked, copied beside the damaged file, checked again, given the
// old file's owner and mode, and clients are let open it. What was committed since the backup is lost.
package sqlitebackup

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	recovery "github.com/recoverydrill/gameday/recover"
	"github.com/recoverydrill/gameday/recover/internal/sqlitefile"
)

// Procedure is one recovery from a backup.
type Procedure struct{}

var (
	_ recovery.Recovery    = Procedure{}
	_ recovery.Planner     = Procedure{}
	_ recovery.Preflighter = Procedure{}
)

// Name is what reports call it.
func (Procedure) Name() string { return "sqlite backup" }

// Recover runs the procedure. It refuses where no backup is sound and early enough, and where there is no room.
func (Procedure) Recover(ctx context.Context, job recovery.Job) error {
	r := &restore{job: job}
	if err := r.find(); err != nil {
		return fmt.Errorf("sqlite backup: %w", err)
	}
	return job.Run(ctx, r.steps()...)
}

// Plan says what Recover would do.
func (Procedure) Plan(_ context.Context, job recovery.Job) (recovery.Plan, error) {
	return recovery.PlanOf((&restore{job: job}).steps()...), nil
}

// Preflight looks for a backup that is sound and early enough, for room, and for the permission to make files.
func (Procedure) Preflight(ctx context.Context, job recovery.Job) ([]recovery.Need, error) {
	r := &restore{job: job}
	backup := recovery.Need{Resource: recovery.NeedsBackup, Where: job.Env["GAMEDAY_BACKUP"]}
	var no *recovery.Refused
	err := r.find()
	if err == nil {
		backup.Where = r.early[0].backup
		err = r.check(ctx)
	}
	switch {
	case errors.As(err, &no):
		backup.Detail = no.Reason
		return []recovery.Need{backup}, nil
	case err != nil:
		return nil, fmt.Errorf("sqlite backup: look at the backup: %w", err)
	}
	backup.Where, backup.Met, backup.Detail = r.backup, true, fmt.Sprintf("%d bytes, sound, of %s", r.size, r.taken.Format(time.RFC3339))
	return []recovery.Need{backup, r.file.Room(r.size), r.file.Writable()}, nil
}

type restore struct {
	copied // the chosen one

	job   recovery.Job
	early []copied // no later than the target, the newest first
	file  sqlitefile.New
}

// copied is a backup.
type copied struct {
	backup string
	size   int64
	taken  time.Time
}

func (r *restore) steps() []recovery.Step {
	return []recovery.Step{
		{Name: "check the backup", Does: "find the newest sound backup that is no later than the target: let SQLite read all of it", Do: r.check},
		{Name: "copy the backup", Does: "copy it beside the damaged file, with that one's owner and mode", Do: r.copy},
		{Name: "check the copy", Does: "let SQLite read all of the copy", Do: func(ctx context.Context) error { return sqlitefile.Check(ctx, r.file.Part) }},
		{Name: "cut over", Does: "give the copy its name, and let clients open it", Do: func(ctx context.Context) error { return r.file.CutOver(ctx, r.job) }},
	}
}

// find chooses the backup. The time of a copy's last byte is not before the state that it holds.
func (r *restore) find() error {
	newest, old := r.job.Env["GAMEDAY_BACKUP"], r.job.Env["GAMEDAY_FILE"]
	if newest == "" || old == "" {
		return recovery.Refuse("there is no base backup in the vault: GAMEDAY_BACKUP or GAMEDAY_FILE is empty")
	}
	all, err := filepath.Glob(filepath.Join(filepath.Dir(filepath.Dir(newest)), "*", filepath.Base(newest)))
	if err != nil {
		return err
	}
	for _, path := range slices.Compact(slices.Sorted(slices.Values(append(all, newest)))) {
		info, err := os.Stat(path)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return err
		}
		if r.job.Target.Time.IsZero() || !info.ModTime().After(r.job.Target.Time) {
			r.early = append(r.early, copied{path, info.Size(), info.ModTime().UTC()})
		}
	}
	switch {
	case len(r.early) == 0 && r.job.Target.Time.IsZero():
		return recovery.Refuse("the backup %s is not there", newest)
	case len(r.early) == 0:
		return recovery.Refuse("no backup is from before the target, %s", r.job.Target.Time.Format(time.RFC3339Nano))
	}
	slices.SortStableFunc(r.early, func(a, b copied) int { return b.taken.Compare(a.taken) })
	return nil
}

// check looks at everything that could be in the way, and changes nothing. It takes the newest backup that is sound.
func (r *restore) check(ctx context.Context) error {
	if err := r.choose(ctx); err != nil {
		return err
	}
	_, _ = fmt.Fprintf(r.job.Output, "the backup is %s, of %s\n", r.backup, r.taken.Format(time.RFC3339Nano))
	r.file = sqlitefile.Beside(r.job.Env["GAMEDAY_FILE"], "restored-from-"+filepath.Base(filepath.Dir(r.backup))+".db")
	return r.file.HasRoom(r.size)
}

// choose passes over what is not sound.
func (r *restore) choose(ctx context.Context) error {
	var passed []string
	for _, r.copied = range r.early {
		err := sqlitefile.Check(ctx, r.backup)
		var no *recovery.Refused
		if !errors.As(err, &no) {
			return err
		}
		passed = append(passed, no.Reason)
		_, _ = fmt.Fprintf(r.job.Output, "passed over: %s\n", no.Reason)
	}
	return recovery.Refuse("no backup is sound: %s", strings.Join(passed, "; "))
}

// copy makes the new file, which nobody else may read before it has the old one's owner and mode.
func (r *restore) copy(context.Context) (err error) {
	if err := r.file.Begin(); err != nil {
		return err
	}
	from, err := os.Open(r.backup)
	if err != nil {
		return err
	}
	defer from.Close() //nolint:errcheck // read only
	to, err := os.OpenFile(r.file.Part, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, to.Close()) }()
	if _, err := io.Copy(to, from); err != nil {
		return err
	}
	return r.file.Adopt()
}
