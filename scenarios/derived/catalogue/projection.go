package catalogue

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/recoverydrill/gameday/fixtures/eventlog"
	"github.com/recoverydrill/gameday/fixtures/sqlite/handle"
	"github.com/recoverydrill/gameday/fixtures/traffic"
	recovery "github.com/recoverydrill/gameday/recover"
	"github.com/recoverydrill/gameday/recover/derived"
)

// Source is the catalogue's log.
func (s Store) Source() eventlog.File { return eventlog.File{Path: filepath.Join(s.Dir, logFile)} }

// Rebuild makes the catalogue anew from its log.
func (s Store) Rebuild() derived.Procedure { return derived.Rebuild(s.Source(), s.Empty()) }

// Resume restores the catalogue's newest backup, and replays what the log has recorded since.
func (s Store) Resume() derived.Procedure { return derived.Resume(s.Source(), s.FromBackup()) }

// Empty begins with an empty catalogue.
func (s Store) Empty() *Projection { return &Projection{store: s} }

// FromBackup begins with the newest backup.
func (s Store) FromBackup() *Projection { return &Projection{store: s, backup: true} }

// Projection makes the catalogue's file, as [derived.Projection]. It is the application's own code, run by itself.
type Projection struct {
	store  Store
	backup bool

	path, part string
	file       *handle.Handle
}

var _ derived.Projection = (*Projection)(nil)

// File is the file that is being made, after Begin.
func (p *Projection) File() *handle.Handle { return p.file }

// Begin makes the file under a name that nobody opens, empty or from the newest backup.
func (p *Projection) Begin(ctx context.Context, job recovery.Job) (holds uint64, err error) {
	p.path = filepath.Join(job.Env["GAMEDAY_DATA"], "rebuilt.db")
	p.part = p.path + ".part"
	if _, err := os.Lstat(p.path); err == nil {
		return 0, recovery.Refuse("%s is there already, and clients may have written to it: move it away", p.path)
	}
	for _, suffix := range []string{"", "-wal", "-shm", "-journal"} {
		if err := os.Remove(p.part + suffix); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return 0, err
		}
	}
	f, err := os.OpenFile(p.part, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return 0, err
	}
	if p.backup {
		holds, err = restore(f, job.Env["GAMEDAY_BACKUP"])
	}
	if err := errors.Join(err, f.Close()); err != nil {
		return 0, err
	}
	// Until it is complete nobody needs it.
	if p.file, err = handle.Open(ctx, p.part, handle.Write, "PRAGMA journal_mode = off", "PRAGMA synchronous = off"); err != nil || p.backup {
		return holds, err
	}
	migrations, err := os.ReadFile(filepath.Join(p.store.Dir, schemaFile))
	if err != nil {
		return 0, err
	}
	_, err = p.file.Exec(ctx, string(migrations))
	return 0, err
}

// restore copies the backup, and reads which event it ends with.
func restore(to io.Writer, backup string) (holds uint64, err error) {
	if backup == "" {
		return 0, recovery.Refuse("there is no backup")
	}
	position, err := os.ReadFile(filepath.Join(filepath.Dir(backup), positionFile))
	if err != nil {
		return 0, err
	}
	if _, err := fmt.Sscan(string(position), &holds); err != nil {
		return 0, fmt.Errorf("read which event the backup ends with: %w", err)
	}
	from, err := os.Open(backup)
	if err != nil {
		return 0, err
	}
	defer from.Close() //nolint:errcheck // read only
	_, err = io.Copy(to, from)
	return holds, err
}

// Apply applies an event once: one of the goods if its number is larger than that of the last, one of traffic if its own row
// is not there yet.
func (p *Projection) Apply(ctx context.Context, e eventlog.Event) error {
	if e.Kind == eventlog.KindWrite {
		return p.write(ctx, e)
	}
	held, err := p.file.Value(ctx, "SELECT number >= "+fmt.Sprint(e.Number)+" FROM applied")
	if err != nil || held == "1" {
		return err
	}
	sql, err := statements(e)
	if err != nil {
		return err
	}
	_, err = p.file.Exec(ctx, sql)
	return err
}

// write applies a transaction of traffic, whose first mutation is a row for itself.
func (p *Projection) write(ctx context.Context, e eventlog.Event) error {
	all, err := eventlog.Mutations(e)
	if err != nil || len(all) == 0 {
		return err
	}
	own := all[0].Row
	held, err := p.file.Value(ctx, "SELECT count(*) FROM "+traffic.TablePrefix+own.Table+" WHERE k = ?", own.Key)
	if err != nil || held == "1" {
		return err
	}
	for _, m := range all {
		r, table := m.Row, traffic.TablePrefix+m.Row.Table
		op := int64(r.Op) //nolint:gosec // 24 bits of client and 40 of sequence
		var changed int64
		switch m.Kind {
		case traffic.Insert:
			changed, err = p.file.Exec(ctx, "INSERT INTO "+table+" (k, op, ver, val, mac) VALUES (?, ?, ?, ?, ?)", r.Key, op, r.Ver, r.Val, r.MAC)
		case traffic.Update:
			changed, err = p.file.Exec(ctx, "UPDATE "+table+" SET op = ?, ver = ?, val = ?, mac = ? WHERE k = ? AND ver = ?", op, r.Ver, r.Val, r.MAC, r.Key, m.Was)
		case traffic.Delete:
			changed, err = p.file.Exec(ctx, "DELETE FROM "+table+" WHERE k = ? AND ver = ?", r.Key, m.Was)
		}
		if err == nil && changed != 1 {
			err = fmt.Errorf("%s %s/%s version %d: %d rows changed", m.Kind, r.Table, r.Key, m.Was, changed)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// Serve flushes the file, gives it its name and lets clients open it.
func (p *Projection) Serve(ctx context.Context, job recovery.Job) error {
	for _, sql := range []string{"PRAGMA synchronous = full", "PRAGMA journal_mode = wal", "PRAGMA wal_checkpoint(truncate)"} {
		if _, err := p.file.Exec(ctx, sql); err != nil {
			return err
		}
	}
	if err := p.Close(); err != nil {
		return err
	}
	for _, suffix := range []string{"-wal", "-shm"} { // empty
		if err := os.Remove(p.part + suffix); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	for _, path := range []string{p.part, filepath.Dir(p.part)} {
		f, err := os.Open(path)
		if err == nil {
			err = errors.Join(f.Sync(), f.Close())
		}
		if err != nil {
			return err
		}
	}
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	if err := os.Rename(p.part, p.path); err != nil {
		return err
	}
	return job.CutOver(ctx, p.path)
}

// Close lets go of the file.
func (p *Projection) Close() error {
	if p.file == nil {
		return nil
	}
	return p.file.Close()
}
