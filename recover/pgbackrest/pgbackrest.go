// Package pgbackrest is the reference procedure for a PostgreSQL server whose backups and log are in a pgBackRest
// repository: choose the newest backup that is whole and lies before the target, restore it (with what it builds on), replay
// the log up to the target, promote. It works beside the damaged server, or in place, where only what differs from the
// backup is copied (--delta) and clients stay where they are.
//
// pgBackRest's own choice is not enough: for a named target it takes the newest backup whatever the target, its list of
// backups does not know that one was deleted, and neither it nor the server minds a gap in the log when the target is the
// log's end. So the repository is read first: `pgbackrest verify` for the backups and segments, its listing for gaps.
//
// After a restore in place, standbys of the server do not follow it any more: their slots are not in a backup, and what
// they have replayed may be beyond the target. They must be made anew (recover/pgrebuild).
//
// It may be run again after it was killed: a restore that it had not finished is gone on with, and a server that it has
// started is not touched any more. A data directory on the spare node that it did not fill is refused, and so is a server
// there that another run has restored; in place, such a server is asked whether it is well like any other.
package pgbackrest

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/recoverydrill/gameday/fixtures"
	recovery "github.com/recoverydrill/gameday/recover"
	"github.com/recoverydrill/gameday/recover/pgserver"
)

// Kind is the form in which the server is told the target.
type Kind string

// The forms of a target.
const (
	Name   Kind = "name"   // the mark's restore point
	LSN    Kind = "lsn"    // the mark's position
	Time   Kind = "time"   // the mark's time on the server's clock
	Latest Kind = "latest" // the end of the archived log
)

// Procedure is one recovery from the repository.
type Procedure struct {
	Kind  Kind          // default Name
	Set   string        // the label of the backup to restore; default the newest that serves
	Node  string        // where to restore; default the system's first spare, in place its primary
	Limit time.Duration // for the server to reach the target and be promoted; default 5 min

	// InPlace restores into the damaged server's own data directory. Its clients are not moved.
	InPlace bool
	// Unverified takes the repository's list of backups for true, and does not read the backups and the log before.
	Unverified bool
}

var (
	_ recovery.Recovery    = Procedure{}
	_ recovery.Planner     = Procedure{}
	_ recovery.Preflighter = Procedure{}
)

// To is a recovery beside the damaged server to the drill's target, told to the server in the given form.
func To(kind Kind) Procedure { return Procedure{Kind: kind} }

// InPlace is a delta restore of the primary to the drill's target, told to the server in the given form.
func InPlace(kind Kind) Procedure { return Procedure{Kind: kind, InPlace: true} }

// Name is what reports call it.
func (p Procedure) Name() string {
	name := "pgbackrest to " + string(p.kind())
	if p.InPlace {
		name += " in place"
	}
	if p.Set != "" {
		name += " from a given set"
	}
	return name
}

func (p Procedure) kind() Kind {
	if p.Kind == "" {
		return Name
	}
	return p.Kind
}

// Recover runs the procedure.
func (p Procedure) Recover(ctx context.Context, job recovery.Job) error {
	steps, err := p.steps(job)
	if err != nil {
		return err
	}
	return job.Run(ctx, steps...)
}

// Plan says what Recover would do.
func (p Procedure) Plan(_ context.Context, job recovery.Job) (recovery.Plan, error) {
	steps, err := p.steps(job)
	return recovery.PlanOf(steps...), err
}

func (p Procedure) steps(job recovery.Job) ([]recovery.Step, error) {
	r, err := p.on(job)
	if err != nil {
		return nil, err
	}
	where := r.server.Name()
	steps := []recovery.Step{{
		Name: "choose the backup", Do: r.choose,
		Does: "read the repository with pgbackrest info, verify and repo-ls, and take the newest whole backup " + p.before() + " from which on the log has no gap",
	}}
	if p.InPlace {
		steps = append(steps, recovery.Step{
			Name: "stop the damaged server", Do: r.stop,
			Does: "stop every process of the server on " + where + ", by force if need be",
		})
	}
	steps = append(steps,
		recovery.Step{
			Name: "restore", Do: r.restore,
			Does: "pgbackrest restore --delta into the data directory of " + where + ", " + p.until(),
		},
		recovery.Step{Name: "replay the log", Does: "start the server on " + where + " in recovery from the repository's archive", Do: r.replay},
		recovery.Step{Name: "wait for the promotion", Does: "wait until the server has reached the target and takes writes", Do: r.promoted},
	)
	if !p.InPlace {
		steps = append(steps, recovery.Step{Name: "cut over", Does: "send clients to " + where, Do: func(ctx context.Context) error {
			return job.CutOver(ctx, r.server.At())
		}})
	}
	return steps, nil
}

func (p Procedure) before() string {
	if p.kind() == Latest {
		return "of all"
	}
	return "before the target"
}

func (p Procedure) until() string {
	if p.kind() == Latest {
		return "up to the end of the archived log"
	}
	return "with --type=" + string(p.kind()) + " and the drill's target"
}

// run is one run of the procedure.
type run struct {
	Procedure
	server pgserver.Server
	want   target
	chosen set
	behind []string // the standbys that a restore in place leaves behind
}

// on finds the node and the target.
func (p Procedure) on(job recovery.Job) (*run, error) {
	if p.Limit <= 0 {
		p.Limit = 5 * time.Minute
	}
	if job.Env["GAMEDAY_PGBACKREST_CONFIG"] == "" {
		return nil, errors.New("pgbackrest: the system is not backed up by pgBackRest: GAMEDAY_PGBACKREST_CONFIG is empty")
	}
	want, err := p.target(job.Target)
	if err != nil {
		return nil, err
	}
	node, err := p.node(job.System)
	if err != nil {
		return nil, fmt.Errorf("pgbackrest: %w", err)
	}
	r := &run{Procedure: p, server: pgserver.On(job, node), want: want}
	for _, m := range job.System.Members() {
		if p.InPlace && m.Role == fixtures.Standby && m.Node.Name() != node.Name() {
			r.behind = append(r.behind, m.Node.Name())
		}
	}
	return r, nil
}

func (p Procedure) node(sys fixtures.System) (fixtures.Node, error) {
	if p.Node != "" || !p.InPlace {
		return recovery.SpareNode(sys, p.Node)
	}
	for _, m := range sys.Members() {
		if m.Role == fixtures.Primary {
			return m.Node, nil
		}
	}
	return nil, errors.New("the system has no primary to restore in place")
}

// target is where to stop, as pgBackRest is told and as the choice of the backup needs it.
type target struct {
	options  string // of pgbackrest restore, one a line
	position string // "" is the end of the log
	timeline uint32 // 0 is the latest
}

func (p Procedure) target(m fixtures.Mark) (target, error) {
	if p.kind() == Latest {
		return target{options: "--type=default"}, nil
	}
	values := map[Kind]string{Name: m.Name, LSN: m.Position, Time: ""}
	if !m.Time.IsZero() {
		values[Time] = m.Time.UTC().Format(recovery.TimeFormat)
	}
	v, ok := values[p.kind()]
	if !ok {
		return target{}, fmt.Errorf("pgbackrest: unknown kind of target %q", p.Kind)
	}
	if v == "" || m.Position == "" {
		return target{}, fmt.Errorf("pgbackrest: the drill gave no target %s: ask for one with drill.To(mark)", p.kind())
	}
	t := target{position: m.Position, options: fmt.Sprintf("--type=%s\n--target=%s\n--target-action=promote", p.kind(), v)}
	if _, err := fmt.Sscan(m.Timeline, &t.timeline); err != nil {
		return t, fmt.Errorf("pgbackrest: the target's timeline %q: %w", m.Timeline, err)
	}
	// The latest one, which is the default, may be that of an earlier recovery.
	t.options += fmt.Sprintf("\n--target-timeline=%d", t.timeline)
	return t, nil
}
