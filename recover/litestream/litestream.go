// Package litestream is the reference procedure for point-in-time recovery of a SQLite file from its Litestream replica:
// look whether the replica holds the target, whole and sound, restore it beside the damaged file, check the result, give it
// the old file's owner and mode, and let clients open it. It does with Litestream's library what
//
//	litestream restore -o NEW -txid "$GAMEDAY_TARGET_POSITION" -integrity-check full "file://$GAMEDAY_REPLICA"
//
// does with its command, and looks first, because a restore to a time, or to the last transaction, ends without a word
// before a file that is missing.
package litestream

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"time"

	upstream "github.com/benbjohnson/litestream"
	"github.com/benbjohnson/litestream/file"
	"github.com/superfly/ltx"

	recovery "github.com/recoverydrill/gameday/recover"
	"github.com/recoverydrill/gameday/recover/internal/sqlitefile"
)

// Kind is the form in which Litestream is told the target.
type Kind string

// The forms of a target.
const (
	Position Kind = "position" // the mark's transaction
	Time     Kind = "time"     // the mark's time
	Latest   Kind = "latest"   // the last transaction in the replica
)

// Procedure is one point-in-time recovery. It refuses, with everything as it was, where the replica is missing, is damaged
// or has a hole before the target, where the target is older than what is kept, and where there is no room.
type Procedure struct {
	Kind Kind // default Position
	// InPlace gives the restored file the damaged one's name at the end; that one is kept beside it as before-NAME. The
	// default leaves both where they are.
	InPlace bool
	// Short restores what the replica holds before the damage or the hole instead of refusing, and says what is left out:
	// it is lost.
	Short bool
	// Limit is how long the restore may take; default 5 min.
	Limit time.Duration
}

var (
	_ recovery.Recovery    = Procedure{}
	_ recovery.Planner     = Procedure{}
	_ recovery.Preflighter = Procedure{}
)

// To is a recovery to the drill's target, told to Litestream in the given form.
func To(kind Kind) Procedure { return Procedure{Kind: kind} }

// Name is what reports call it.
func (p Procedure) Name() string {
	name := "litestream restore to " + string(p.kind())
	if p.Short {
		name += " or short of it"
	}
	return name
}

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
	return job.Run(ctx, r.steps()...)
}

// Plan says what Recover would do.
func (p Procedure) Plan(_ context.Context, job recovery.Job) (recovery.Plan, error) {
	return recovery.PlanOf((&restore{Procedure: p, job: job}).steps()...), nil
}

// Preflight looks whether the replica holds the target, whole and sound, and for room and the permission to make files.
func (p Procedure) Preflight(ctx context.Context, job recovery.Job) ([]recovery.Need, error) {
	log := recovery.Need{Resource: recovery.NeedsLog, Where: job.Env["GAMEDAY_REPLICA"]}
	r, err := p.prepare(job)
	if err == nil {
		err = r.look(ctx)
	}
	var no *recovery.Refused
	if errors.As(err, &no) && r == nil || errors.As(err, &no) && len(r.way.files) == 0 {
		log.Detail = no.Reason
		return []recovery.Need{log}, nil
	}
	if err != nil && no == nil {
		return nil, fmt.Errorf("litestream: look at the replica: %w", err)
	}
	log.Met = r.way.short == "" || p.Short
	log.Detail = fmt.Sprintf("%d sound files up to transaction %s", len(r.way.files), r.way.end)
	if r.way.short != "" {
		log.Detail += "; " + r.way.short
	}
	return []recovery.Need{log, r.file.Room(r.way.bytes), r.file.Writable()}, nil
}

// target is where a restore is to end: at a transaction, before a time, or as late as possible where both are zero.
type target struct {
	txid ltx.TXID
	time time.Time
}

func (t target) last() bool { return t.txid == 0 && t.time.IsZero() }

func (t target) String() string {
	switch {
	case t.txid != 0:
		return "(transaction " + t.txid.String() + ")"
	case !t.time.IsZero():
		return "(" + t.time.Format(time.RFC3339Nano) + ")"
	}
	return "(the last transaction)"
}

type restore struct {
	Procedure

	job     recovery.Job
	target  target
	replica *replica
	way     route
	file    sqlitefile.New
}

func (r *restore) steps() []recovery.Step {
	ends := map[Kind]string{Position: "the target's transaction", Time: "the target's time", Latest: "its last transaction"}[r.kind()]
	name, short := "give the new file its name, and let clients open it", ""
	if r.InPlace {
		name = "move the damaged file and its log away, give the new one its name, and let clients open it"
	}
	if r.Short {
		short = ", or as far as it is whole"
	}
	return []recovery.Step{
		{Name: "look at the replica", Does: "read every file of the replica that leads to " + ends + short, Do: r.look},
		{Name: "restore from the replica", Does: "restore beside the damaged file up to " + ends + short + ", and let SQLite read all of it", Do: r.restore},
		{Name: "give it owner and mode", Does: "give the new file the damaged one's owner and mode", Do: func(context.Context) error { return r.file.Adopt() }},
		{Name: "cut over", Does: name, Do: func(ctx context.Context) error { return r.file.CutOver(ctx, r.job) }},
	}
}

func (p Procedure) prepare(job recovery.Job) (*restore, error) {
	r := &restore{Procedure: p, job: job}
	path, old := job.Env["GAMEDAY_REPLICA"], job.Env["GAMEDAY_FILE"]
	if path == "" || old == "" {
		return nil, recovery.Refuse("the store has no replica: GAMEDAY_REPLICA or GAMEDAY_FILE is empty")
	}
	if r.Limit <= 0 {
		r.Limit = 5 * time.Minute
	}
	name := "restored-latest.db"
	var err error
	switch p.kind() {
	case Latest:
	case Position:
		if job.Target.Position == "" {
			return nil, fmt.Errorf("the drill gave no target %s: ask for one with drill.To(mark)", p.kind())
		}
		if r.target.txid, err = ltx.ParseTXID(job.Target.Position); err != nil {
			return nil, fmt.Errorf("the target %q: %w", job.Target.Position, err)
		}
		name = "restored-to-" + r.target.txid.String() + ".db"
	case Time:
		if job.Target.Time.IsZero() {
			return nil, fmt.Errorf("the drill gave no target %s: ask for one with drill.To(mark)", p.kind())
		}
		r.target.time = job.Target.Time
		name = "restored-to-" + strings.ReplaceAll(job.Target.Time.UTC().Format("20060102T150405.000"), ".", "-") + ".db"
	default:
		return nil, fmt.Errorf("unknown kind of target %q", p.Kind)
	}
	if r.file = sqlitefile.Beside(old, name); p.InPlace {
		r.file = sqlitefile.InPlace(old, name)
	}
	log := slog.New(slog.NewTextHandler(job.Output, &slog.HandlerOptions{Level: slog.LevelInfo}))
	r.replica = &replica{ReplicaClient: file.NewReplicaClient(path), log: log, unsound: map[string]error{}}
	r.replica.SetLogger(log)
	return r, nil
}

// look finds the way, and refuses where it does not lead to the target or there is no room at its end.
func (r *restore) look(ctx context.Context) error {
	var err error
	if r.way, err = r.replica.plan(ctx, r.target); err != nil {
		return err
	}
	for _, f := range r.way.passed {
		_, _ = fmt.Fprintf(r.job.Output, "the replica's file %s is not used\n", f)
	}
	if r.way.short != "" && !r.Short {
		return recovery.Refuse("%s", r.way.short)
	}
	if r.way.short != "" {
		_, _ = fmt.Fprintf(r.job.Output, "lost: everything after transaction %s: %s\n", r.way.end, r.way.short)
		r.target = target{txid: r.way.end}
	}
	return r.file.HasRoom(r.way.bytes)
}

// restore writes the file, flushes it to the disk and has SQLite check all of it.
func (r *restore) restore(ctx context.Context) (err error) {
	if err := r.file.Begin(); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, r.Limit)
	defer cancel()
	options := upstream.NewRestoreOptions()
	options.OutputPath, options.TXID, options.Timestamp = r.file.Part, r.target.txid, r.target.time
	options.IntegrityCheck = upstream.IntegrityCheckFull
	// A database that is not opened: the replica takes its logger from it.
	db := upstream.NewDB(r.file.Part)
	db.SetLogger(r.replica.log)
	defer func() { err = errors.Join(err, db.Close(ctx)) }()
	return upstream.NewReplicaWithClient(db, r.replica).Restore(ctx, options)
}
