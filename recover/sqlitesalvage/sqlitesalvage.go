// Package sqlitesalvage is the reference procedure for a damaged SQLite file of which there is no backup, or only one that
// is too old: keep clients from writing, read page by page what can be read, as SQLite's own .recover does, build a new file
// of it, name what is lost, and let clients open the new file. What cannot be read is gone; nothing else is.
package sqlitesalvage

import (
	"context"
	"database/sql/driver"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"
	"time"

	"github.com/recoverydrill/gameday/fixtures/sqlite/handle"
	recovery "github.com/recoverydrill/gameday/recover"
	"github.com/recoverydrill/gameday/recover/internal/sqlitefile"
)

// Procedure is one salvage. It refuses, with everything as it was, where SQLite finds nothing wrong with the file, where the
// file's header or schema is damaged, and where there is no room.
type Procedure struct{}

var (
	_ recovery.Recovery    = Procedure{}
	_ recovery.Planner     = Procedure{}
	_ recovery.Preflighter = Procedure{}
)

// Name is what reports call it.
func (Procedure) Name() string { return "sqlite salvage" }

// Recover runs the procedure. Clients cannot write from its first step on, so that no acknowledged write is lost by it.
func (Procedure) Recover(ctx context.Context, job recovery.Job) (err error) {
	r, err := prepare(job)
	if err != nil {
		return fmt.Errorf("sqlite salvage: %w", err)
	}
	defer func() { err = errors.Join(err, r.release()) }()
	return job.Run(ctx, r.steps()...)
}

// Plan says what Recover would do.
func (Procedure) Plan(_ context.Context, job recovery.Job) (recovery.Plan, error) {
	return recovery.PlanOf((&rescue{job: job}).steps()...), nil
}

// Preflight looks for room and for the permission to make files. A salvage needs no backup.
func (Procedure) Preflight(_ context.Context, job recovery.Job) ([]recovery.Need, error) {
	r, err := prepare(job)
	if err != nil {
		return nil, fmt.Errorf("sqlite salvage: %w", err)
	}
	bytes, err := r.bytes()
	if err != nil {
		return nil, fmt.Errorf("sqlite salvage: %w", err)
	}
	return []recovery.Need{r.file.Room(bytes), r.file.Writable()}, nil
}

type rescue struct {
	job  recovery.Job
	old  string
	file sqlitefile.New
	from *handle.Handle // holds the damaged file's write lock
}

func prepare(job recovery.Job) (*rescue, error) {
	old := job.Env["GAMEDAY_FILE"]
	if old == "" {
		return nil, recovery.Refuse("nobody says which file is damaged: GAMEDAY_FILE is empty")
	}
	return &rescue{job: job, old: old, file: sqlitefile.Beside(old, "salvaged.db")}, nil
}

func (r *rescue) steps() []recovery.Step {
	return []recovery.Step{
		{Name: "keep clients from writing", Does: "take the damaged file's write lock, and let SQLite look for the damage", Do: r.hold},
		{Name: "read what can be read", Does: "read every table page by page into a new file beside the damaged one, and name what is lost", Do: r.read},
		{Name: "check the new file", Does: "let SQLite read all of the new file", Do: func(ctx context.Context) error { return sqlitefile.Check(ctx, r.file.Part) }},
		{Name: "cut over", Does: "give the new file its name and the damaged one's owner and mode, and let clients open it", Do: func(ctx context.Context) error {
			if err := r.file.Adopt(); err != nil {
				return err
			}
			return r.file.CutOver(ctx, r.job)
		}},
	}
}

// bytes is what the new file takes at most: the damaged one with its log.
func (r *rescue) bytes() (total int64, err error) {
	for _, path := range []string{r.old, r.old + "-wal"} {
		info, err := os.Stat(path)
		if errors.Is(err, fs.ErrNotExist) && path != r.old {
			continue
		}
		if errors.Is(err, fs.ErrNotExist) {
			return 0, recovery.Refuse("%s is not there: there is nothing to salvage", path)
		}
		if err != nil {
			return 0, err
		}
		total += info.Size()
	}
	return total, nil
}

// patience is how long the write lock may take to come by.
const patience = 10 * time.Second

// hold takes the write lock and keeps it up to the end: what clients read until then stands still.
func (r *rescue) hold(ctx context.Context) error {
	bytes, err := r.bytes()
	if err == nil {
		err = r.file.HasRoom(bytes)
	}
	if err != nil {
		return err
	}
	// With a writable schema SQLite opens a file that is shorter than it should be, or has entries that make no sense.
	r.from, err = handle.Open(ctx, r.old, handle.Write, "PRAGMA writable_schema = on")
	if err != nil {
		return unreadable(r.old, err)
	}
	for until := time.Now().Add(patience); ; {
		if _, err = r.from.Exec(ctx, "BEGIN IMMEDIATE"); err == nil || !handle.Is(err, handle.Busy) || time.Now().After(until) {
			break
		}
	}
	if err != nil {
		return unreadable(r.old, err)
	}
	said, err := integrity(ctx, r.from)
	switch {
	case ctx.Err() != nil:
		return context.Cause(ctx)
	case err != nil && !handle.Is(err, handle.Damaged):
		return err
	case err == nil && said == "ok":
		return recovery.Refuse("SQLite finds nothing wrong with %s: what is wrong with it, if anything, a salvage would only copy", r.old)
	case err != nil:
		said = err.Error()
	}
	_, _ = fmt.Fprintf(r.job.Output, "the damage: %s\n", said)
	return nil
}

// integrity is what SQLite itself finds: "ok", or the first few damages.
func integrity(ctx context.Context, file *handle.Handle) (string, error) {
	var said []string
	err := file.Query(ctx, "PRAGMA integrity_check(3)", nil, func(v []driver.Value) error {
		said = append(said, strings.TrimSpace(handle.Text(v[0])))
		return nil
	})
	return strings.ReplaceAll(strings.Join(said, "; "), "\n", "; "), err
}

func unreadable(path string, err error) error {
	if handle.Is(err, handle.Damaged) {
		return recovery.Refuse("%s cannot be opened, so there is nothing to read it by: %v: restore a backup", path, err)
	}
	return err
}

// read makes the new file.
func (r *rescue) read(ctx context.Context) error {
	if err := r.file.Begin(); err != nil {
		return err
	}
	report, err := Salvage(ctx, r.from, r.file.Part)
	if err != nil {
		return err
	}
	for _, suffix := range []string{"-wal", "-shm"} { // empty
		if err := os.Remove(r.file.Part + suffix); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	_, _ = fmt.Fprintf(r.job.Output, "%d rows are in the new file; %d pages were cut off from their tables, and their rows are among them\n", report.Rows, report.Adopted)
	for _, l := range report.Losses {
		_, _ = fmt.Fprintf(r.job.Output, "lost: %s\n", l)
	}
	return nil
}

func (r *rescue) release() error {
	if r.from == nil {
		return nil
	}
	return r.from.Close()
}
