// Package mysqlpromote is the reference procedure for the loss of a MySQL or MariaDB primary: make sure that it is lost,
// fence it, choose the replica that has received most, let it apply all of that, make it a primary, send clients there, and
// let the other replicas follow it.
//
// It refuses where the primary still serves, as seen from the replicas' side as well as from its own, and where the old
// primary can neither be stopped nor is out of everybody's reach: two primaries are worse than none. It may be run again
// after it was killed: what was promoted already stays, and what is left is done. It knows its own work by a note in the new
// primary's configuration, with the run; where another server takes writes without that, it refuses.
package mysqlpromote

import (
	"context"
	"fmt"
	"strings"
	"time"

	recovery "github.com/recoverydrill/gameday/recover"
	"github.com/recoverydrill/gameday/recover/mysqlhost"
)

// Procedure is one promotion.
type Procedure struct {
	// Damaged says that the primary is to be given up although it answers: its data is damaged. Without it a primary
	// that answers is left alone.
	Damaged bool
	// Asleep are events, as database.event, that were disabled on the primary and stay so. A replica cannot tell: it
	// disables every event that comes to it, and all others of them are enabled.
	Asleep []string
	// Limit is how long the chosen replica may take to apply what it has received, and the others to follow it; default
	// 5 min.
	Limit time.Duration
}

var (
	_ recovery.Recovery    = Procedure{}
	_ recovery.Planner     = Procedure{}
	_ recovery.Preflighter = Procedure{}
)

// Fenced is a promotion with fencing of the old primary.
func Fenced() Procedure { return Procedure{} }

// Name is what reports call it.
func (Procedure) Name() string { return "mysqlpromote" }

// Recover runs the procedure.
func (p Procedure) Recover(ctx context.Context, job recovery.Job) error {
	f, err := p.failover(job)
	if err != nil {
		return err
	}
	return job.Run(ctx, f.steps()...)
}

// Plan implements [recovery.Planner].
func (p Procedure) Plan(_ context.Context, job recovery.Job) (recovery.Plan, error) {
	f, err := p.failover(job)
	if err != nil {
		return recovery.Plan{}, err
	}
	return recovery.PlanOf(f.steps()...), nil
}

// Preflight implements [recovery.Preflighter]: which replicas there are to promote, and what each has received.
func (p Procedure) Preflight(ctx context.Context, job recovery.Job) ([]recovery.Need, error) {
	f, err := p.failover(job)
	if err != nil {
		return nil, err
	}
	var needs []recovery.Need
	usable := false
	for _, h := range f.others {
		n := recovery.Need{Resource: recovery.NeedsNode, Where: h.Name()}
		s, err := f.state(ctx, h)
		if n.Met, n.Detail = err == nil, "it has received "+s.received; err != nil {
			n.Detail = err.Error()
		}
		usable = usable || n.Met
		needs = append(needs, n)
	}
	if usable { // one is enough: the others may be what is broken
		return needs, nil
	}
	return append(needs, recovery.Need{Resource: recovery.NeedsNode, Where: "replicas", Detail: "there is none to promote"}), nil
}

// failover is one promotion under way.
type failover struct {
	old     mysqlhost.Host
	place   string           // what is noted on the server that takes the old one's place: its name, and the run's
	others  []mysqlhost.Host // every other node that is no spare
	damaged bool
	asleep  []string
	limit   time.Duration

	best  mysqlhost.Host // set by look or choose
	taken bool           // an earlier run has made best a primary
	goal  string         // all transactions that best has received
}

func (p Procedure) failover(job recovery.Job) (*failover, error) {
	name, _, _ := strings.Cut(job.Env["GAMEDAY_PRIMARY"], ":")
	f := &failover{damaged: p.Damaged, asleep: p.Asleep, limit: p.Limit}
	if f.limit <= 0 {
		f.limit = mysqlhost.DefaultLimit
	}
	for n := range strings.FieldsSeq(job.Env["GAMEDAY_NODES"]) {
		node, err := recovery.Member(job.System, n)
		if err != nil {
			return nil, fmt.Errorf("mysqlpromote: %w", err)
		}
		h, err := mysqlhost.On(job, node, f.limit)
		if err != nil {
			return nil, fmt.Errorf("mysqlpromote: %w", err)
		}
		switch {
		case n == name:
			f.old, f.place = h, name+h.InRun()
		case !strings.HasPrefix(n, "spare"):
			f.others = append(f.others, h)
		}
	}
	if len(f.others) == 0 || f.old.Node == nil {
		return nil, fmt.Errorf("mysqlpromote: GAMEDAY_NODES is %q: want %s and at least one replica", job.Env["GAMEDAY_NODES"], name)
	}
	return f, nil
}

func (f *failover) steps() []recovery.Step {
	old := f.old.Name()
	return []recovery.Step{
		{Name: "look whether the primary is lost", Does: "ask " + old + " on its own node and from every replica, and refuse if it serves", Do: f.look},
		{Name: "fence the old primary", Does: "end the server on " + old + " at once and let it take no writes should anybody start it", Do: f.fence},
		{Name: "choose the most advanced replica", Does: "compare the transactions that every replica has received", Do: f.choose},
		{Name: "let it apply its relay log", Does: "wait until it has applied every transaction that it has received", Do: f.drain},
		{Name: "make it the primary", Does: "end its replication for good, let it take writes now and after a restart, and enable the events", Do: f.promote},
		{Name: "cut over", Does: "send clients to it", Do: func(ctx context.Context) error { return f.best.CutOver(ctx) }},
		{Name: "let the others follow", Does: "lead the other replicas to the new primary", Do: f.repoint},
	}
}
