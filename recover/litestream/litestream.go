// Package litestream is the reference procedure for point-in-time recovery of a SQLite file from its Litestream replica:
// restore beside the damaged file up to the target, check the result, give it the old file's owner and mode, and let
// clients open it. It does with Litestream's library what
//
//	litestream restore -o NEW -txid "$GAMEDAY_TARGET_POSITION" -integrity-check full "file://$GAMEDAY_REPLICA"
//
// does with its command.
package litestream

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"syscall"
	"time"

	upstream "github.com/benbjohnson/litestream"
	"github.com/benbjohnson/litestream/file"
	"github.com/superfly/ltx"

	recovery "github.com/recoverydrill/gameday/recover"
)

// Kind is the form in which Litestream is told the target.
type Kind string

// The forms of a target.
const (
	Position Kind = "position" // the mark's transaction
	Time     Kind = "time"     // the mark's time
	Latest   Kind = "latest"   // the last transaction in the replica
)

// Procedure is one point-in-time recovery.
type Procedure struct {
	Kind Kind // default Position
	// InPlace gives the restored file the damaged one's name at the end. The default leaves it where it was restored,
	// and the damaged one for whoever wants to find out what has happened.
	InPlace bool
	// Limit is how long the restore may take; default 5 min.
	Limit time.Duration
}

var _ recovery.Recovery = Procedure{}

// To is a recovery to the drill's target, told to Litestream in the given form.
func To(kind Kind) Procedure { return Procedure{Kind: kind} }

// Name is what reports call it.
func (p Procedure) Name() string { return "litestream restore to " + string(p.kind()) }

func (p Procedure) kind() Kind {
	if p.Kind == "" {
		return Position
	}
	return p.Kind
}

// Recover runs the procedure.
func (p Procedure) Recover(ctx context.Context, job recovery.Job) error {
	r, err := p.prepare(job)
	if err != nil {
		return fmt.Errorf("litestream: %w", err)
	}
	return job.Run(ctx,
		recovery.Step{Name: "restore from the replica", Do: r.restore},
		recovery.Step{Name: "give it owner and mode", Do: r.own},
		recovery.Step{Name: "cut over", Do: r.cutOver},
	)
}

type restore struct {
	job     recovery.Job
	options upstream.RestoreOptions
	replica string
	old     string // the file that clients have
	limit   time.Duration
	inPlace bool
}

func (p Procedure) prepare(job recovery.Job) (*restore, error) {
	r := &restore{
		job: job, options: upstream.NewRestoreOptions(), replica: job.Env["GAMEDAY_REPLICA"], old: job.Env["GAMEDAY_FILE"],
		limit: p.Limit, inPlace: p.InPlace,
	}
	if r.replica == "" || r.old == "" {
		return nil, errors.New("the store has no replica: GAMEDAY_REPLICA or GAMEDAY_FILE is empty")
	}
	if r.limit <= 0 {
		r.limit = 5 * time.Minute
	}
	var err error
	switch p.kind() {
	case Latest:
	case Position:
		if job.Target.Position == "" {
			return nil, fmt.Errorf("the drill gave no target %s: ask for one with drill.To(mark)", p.kind())
		}
		if r.options.TXID, err = ltx.ParseTXID(job.Target.Position); err != nil {
			return nil, fmt.Errorf("the target %q: %w", job.Target.Position, err)
		}
	case Time:
		if job.Target.Time.IsZero() {
			return nil, fmt.Errorf("the drill gave no target %s: ask for one with drill.To(mark)", p.kind())
		}
		r.options.Timestamp = job.Target.Time
	default:
		return nil, fmt.Errorf("unknown kind of target %q", p.Kind)
	}
	r.options.IntegrityCheck = upstream.IntegrityCheckFull
	r.options.OutputPath, err = beside(r.old)
	return r, err
}

// beside is a name that no file has yet.
func beside(old string) (string, error) {
	for n := 1; ; n++ {
		path := filepath.Join(filepath.Dir(old), fmt.Sprintf("restored-%d.db", n))
		if _, err := os.Lstat(path); errors.Is(err, fs.ErrNotExist) {
			return path, nil
		} else if err != nil {
			return "", err
		}
	}
}

// restore writes the file, flushes it to the disk and has SQLite check all of it.
func (r *restore) restore(ctx context.Context) (err error) {
	ctx, cancel := context.WithTimeout(ctx, r.limit)
	defer cancel()
	log := slog.New(slog.NewTextHandler(r.job.Output, &slog.HandlerOptions{Level: slog.LevelInfo}))
	client := file.NewReplicaClient(r.replica)
	client.SetLogger(log)
	// A database that is not opened: the replica takes its logger from it.
	db := upstream.NewDB(r.options.OutputPath)
	db.SetLogger(log)
	defer func() { err = errors.Join(err, db.Close(ctx)) }()
	return upstream.NewReplicaWithClient(db, client).Restore(ctx, r.options)
}

// own gives the new file the old one's owner and mode: Litestream makes it as anybody's new file.
func (r *restore) own(context.Context) error {
	info, err := os.Stat(r.old)
	if errors.Is(err, fs.ErrNotExist) { // lost: what a store's file should have
		return os.Chmod(r.options.OutputPath, 0o600)
	}
	if err != nil {
		return err
	}
	if err := os.Chmod(r.options.OutputPath, info.Mode().Perm()); err != nil {
		return err
	}
	if st, ok := info.Sys().(*syscall.Stat_t); ok {
		return os.Chown(r.options.OutputPath, int(st.Uid), int(st.Gid))
	}
	return nil
}

// cutOver lets clients open the new file. In place, the old one's log goes first: beside the new file it would be taken
// for its own.
func (r *restore) cutOver(ctx context.Context) error {
	if !r.inPlace {
		return r.job.CutOver(ctx, r.options.OutputPath)
	}
	for _, log := range []string{r.old + "-wal", r.old + "-shm"} {
		if err := os.Remove(log); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	if err := os.Rename(r.options.OutputPath, r.old); err != nil {
		return err
	}
	if err := flushDir(filepath.Dir(r.old)); err != nil {
		return err
	}
	return r.job.CutOver(ctx, r.old)
}

// flushDir makes the names in a directory outlive the machine.
func flushDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}
