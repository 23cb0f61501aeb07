// Package pgpitr is the reference procedure for PostgreSQL point-in-time recovery: fetch the base backup to a spare node,
// replay the archived log up to the target, promote, and send clients there. It follows the server's documentation
// ("Recovering Using a Continuous Archive Backup") and works beside the damaged server, which it does not touch.
//
// It may be run again after it was killed: a copy that it had not finished is made anew, one that has become a server of
// its own is not touched any more, and a data directory that it did not fill is refused.
package pgpitr

import (
	"context"
	"fmt"
	"strings"
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

// Procedure is one point-in-time recovery.
type Procedure struct {
	Kind  Kind          // default Name
	Node  string        // where to restore; default the system's first spare
	Limit time.Duration // for the server to reach the target and be promoted; default 5 min
}

var (
	_ recovery.Recovery    = Procedure{}
	_ recovery.Planner     = Procedure{}
	_ recovery.Preflighter = Procedure{}
)

// To is a recovery to the drill's target, told to the server in the given form.
func To(kind Kind) Procedure { return Procedure{Kind: kind} }

// Name is what reports call it.
func (p Procedure) Name() string { return "pgpitr to " + string(p.kind()) }

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

// Preflight looks for the node, the backup, the log from it to the target, and room for the copy.
func (p Procedure) Preflight(ctx context.Context, job recovery.Job) ([]recovery.Need, error) {
	node, err := recovery.SpareNode(job.System, p.Node)
	if err != nil {
		return []recovery.Need{{Resource: recovery.NeedsNode, Where: p.Node, Detail: err.Error()}}, nil
	}
	position := ""
	if p.kind() != Latest {
		position = job.Target.Position
	}
	return Needs(ctx, pgserver.On(job, node), position)
}

func (p Procedure) steps(job recovery.Job) ([]recovery.Step, error) {
	setting, err := p.target(job.Target)
	if err != nil {
		return nil, err
	}
	node, err := recovery.SpareNode(job.System, p.Node)
	if err != nil {
		return nil, fmt.Errorf("pgpitr: %w", err)
	}
	r := Restore{Server: pgserver.On(job, node), Target: setting, Action: Promote, Limit: p.Limit}
	return []recovery.Step{
		{Name: "fetch the base backup", Does: "verify the newest base backup with pg_verifybackup and copy it into the data directory of " + node.Name(), Do: r.Fetch},
		{Name: "replay the log", Does: "start the server on " + node.Name() + " in recovery from the archive, " + p.until(), Do: r.Replay},
		{Name: "wait for the promotion", Does: "wait until the server has reached the target and takes writes", Do: r.Reached},
		{Name: "cut over", Does: "send clients to " + node.Name(), Do: func(ctx context.Context) error {
			return job.CutOver(ctx, r.Server.At())
		}},
	}, nil
}

func (p Procedure) until() string {
	if p.kind() == Latest {
		return "up to the end of the archived log"
	}
	return "with recovery_target_" + string(p.kind()) + " = the drill's target"
}

// target is the recovery_target_* setting, without the quotes' content being trusted to be harmless.
func (p Procedure) target(m fixtures.Mark) (string, error) {
	values := map[Kind]string{Name: m.Name, LSN: m.Position, Time: ""}
	if !m.Time.IsZero() {
		values[Time] = m.Time.UTC().Format(recovery.TimeFormat)
	}
	if p.kind() == Latest {
		return "", nil
	}
	v, ok := values[p.kind()]
	if !ok {
		return "", fmt.Errorf("pgpitr: unknown kind of target %q", p.Kind)
	}
	if v == "" {
		return "", fmt.Errorf("pgpitr: the drill gave no target %s: ask for one with drill.To(mark)", p.kind())
	}
	return fmt.Sprintf("recovery_target_%s = '%s'", p.kind(), strings.ReplaceAll(v, "'", "''")), nil
}
