// Package pgpromote is the reference procedure for the loss of a PostgreSQL primary: make sure that it is lost, fence it,
// promote the standby that has received most, send clients there, and let the other standbys follow it.
//
// It refuses where the primary still serves, as seen from the standbys' side as well as from its own, and where the old
// primary can neither be stopped nor is out of everybody's reach: two primaries are worse than none. Where another
// node serves already, it goes on only if it has promoted that one itself. It may be run again after it was killed: what was promoted already
// stays, and what is left is done.
package pgpromote

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/recoverydrill/gameday/fixtures"
	recovery "github.com/recoverydrill/gameday/recover"
	"github.com/recoverydrill/gameday/recover/pgserver"
)

// Procedure is one promotion.
type Procedure struct {
	// Damaged says that the primary is to be given up although it answers: its data is damaged. Without it a primary
	// that answers is left alone.
	Damaged bool
	// Follow is how long the other standbys may take to stream from the new primary; default 1 min.
	Follow time.Duration
}

var (
	_ recovery.Recovery    = Procedure{}
	_ recovery.Planner     = Procedure{}
	_ recovery.Preflighter = Procedure{}
)

// Fenced is a promotion with fencing of the old primary.
func Fenced() Procedure { return Procedure{} }

// Name is what reports call it.
func (Procedure) Name() string { return "pgpromote" }

// Recover runs the procedure.
func (p Procedure) Recover(ctx context.Context, job recovery.Job) error {
	f, err := p.failover(job)
	if err != nil {
		return err
	}
	return job.Run(ctx, f.steps()...)
}

// Plan says what Recover would do.
func (p Procedure) Plan(_ context.Context, job recovery.Job) (recovery.Plan, error) {
	f, err := p.failover(job)
	if err != nil {
		return recovery.Plan{}, err
	}
	return recovery.PlanOf(f.steps()...), nil
}

// Preflight tells which standbys there are to promote, and how far each has come.
func (p Procedure) Preflight(ctx context.Context, job recovery.Job) ([]recovery.Need, error) {
	f, err := p.failover(job)
	if err != nil {
		return nil, err
	}
	var needs []recovery.Need
	for _, s := range f.others {
		n := recovery.Need{Resource: recovery.NeedsNode, Where: s.Name()}
		at, err := f.position(ctx, s)
		if n.Met, n.Detail = err == nil, "it has received "+at.text; err != nil {
			n.Detail = err.Error()
		}
		needs = append(needs, n)
	}
	for _, n := range needs {
		if n.Met { // one is enough: the others may be what is broken
			return needs, nil
		}
	}
	return append(needs, recovery.Need{Resource: recovery.NeedsNode, Where: "standbys", Detail: "there is none to promote"}), nil
}

// failover is one promotion under way.
type failover struct {
	job     recovery.Job
	damaged bool
	follow  time.Duration

	old    pgserver.Server
	others []pgserver.Server // every other node that is no spare
	best   pgserver.Server   // set by choose
	taken  bool              // an earlier run has promoted best
}

func (p Procedure) failover(job recovery.Job) (*failover, error) {
	name, _, ok := strings.Cut(job.Env["GAMEDAY_PRIMARY"], ":")
	if !ok {
		return nil, fmt.Errorf("pgpromote: GAMEDAY_PRIMARY is %q, want HOST:PORT", job.Env["GAMEDAY_PRIMARY"])
	}
	f := &failover{job: job, damaged: p.Damaged, follow: p.Follow}
	if f.follow <= 0 {
		f.follow = time.Minute
	}
	for _, m := range job.System.Members() {
		switch s := pgserver.On(job, m.Node); {
		case s.Name() == name:
			f.old = s
		case m.Role != fixtures.Spare:
			f.others = append(f.others, s)
		}
	}
	if len(f.others) == 0 || f.old.Name() == "" {
		return nil, fmt.Errorf("pgpromote: the system has no node %q, or no other one that is no spare", name)
	}
	return f, nil
}

func (f *failover) steps() []recovery.Step {
	return []recovery.Step{
		{Name: "look whether the primary is lost", Does: "ask " + f.old.Name() + " on its own node and from every standby, and refuse if it serves", Do: f.look},
		{Name: "fence the old primary", Does: "stop the server on " + f.old.Name() + " at once and make it a standby should anybody start it", Do: f.fence},
		{Name: "choose the most advanced standby", Does: "compare what every standby has received", Do: f.choose},
		{Name: "promote it", Does: "pg_ctl promote, and wait until it takes writes", Do: f.promote},
		{Name: "cut over", Does: "send clients to it", Do: func(ctx context.Context) error { return f.job.CutOver(ctx, f.best.At()) }},
		{Name: "let the others follow", Does: "lead the other standbys, and the old primary when it comes back, to the new one", Do: f.repoint},
	}
}
