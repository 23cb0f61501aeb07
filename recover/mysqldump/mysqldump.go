// Package mysqldump is the reference procedure for recovery of MySQL and MariaDB from a dump: make an empty server on a
// spare node that no client can reach, load the dump and the accounts, replay the archived binary logs from where the dump
// stands up to the target, start the server anew as it is configured, and send clients there. It follows the servers'
// documentation ("Reloading SQL-Format Backups", "Point-in-Time Recovery Using Binary Log") and works beside the damaged
// server, which it does not touch. A dump holds what SQL can say: of a FLOAT, six digits.
package mysqldump

import (
	"context"
	"fmt"
	"time"

	recovery "github.com/recoverydrill/gameday/recover"
	"github.com/recoverydrill/gameday/recover/mysqlhost"
)

// Procedure is one recovery from a dump. One that was killed may be run again: it begins anew where no client was sent to
// what it restored, and otherwise sends clients there.
type Procedure struct {
	Kind  mysqlhost.Kind // in which the target is told; default [mysqlhost.Position]
	Node  string         // where to restore; default the system's first spare
	Limit time.Duration  // for each of: a start of the server, a stop, the load, the replay; default 5 min
}

var (
	_ recovery.Recovery    = Procedure{}
	_ recovery.Planner     = Procedure{}
	_ recovery.Preflighter = Procedure{}
)

// To is a recovery to the drill's target, told in the given form.
func To(kind mysqlhost.Kind) Procedure { return Procedure{Kind: kind} }

// Name is what reports call it.
func (p Procedure) Name() string { return "mysqldump and binlog to " + string(p.kind()) }

func (p Procedure) kind() mysqlhost.Kind {
	if p.Kind == "" {
		return mysqlhost.Position
	}
	return p.Kind
}

// Recover runs the procedure.
func (p Procedure) Recover(ctx context.Context, job recovery.Job) error {
	r, err := p.restore(job)
	if err != nil {
		return err
	}
	return job.Run(ctx, r.steps()...)
}

// Plan implements [recovery.Planner].
func (p Procedure) Plan(_ context.Context, job recovery.Job) (recovery.Plan, error) {
	r, err := p.restore(job)
	if err != nil {
		return recovery.Plan{}, err
	}
	return recovery.PlanOf(r.steps()...), nil
}

// Preflight implements [recovery.Preflighter]: the machine, the dump, held to its digests, the log from it to the target, and
// disk for what the dump becomes: a new server is some 150 MB before anything is in it, and rows take twice their text.
func (p Procedure) Preflight(ctx context.Context, job recovery.Job) ([]recovery.Need, error) {
	r, err := p.restore(job)
	if err != nil {
		return nil, err
	}
	needs, err := r.host.Look(ctx, r.target, mysqlhost.Growth{Backup: 3}, nil, []string{"dump.sql", "sums.txt"})
	if err != nil {
		return nil, err
	}
	for i := range needs {
		switch n := &needs[i]; {
		case n.Resource == recovery.NeedsDisk:
			n.Needed += emptyServer
			n.Met = n.Met && n.Needed <= n.Available
			n.Detail += ", and an empty server"
		case n.Resource == recovery.NeedsBackup && n.Met:
			trouble, err := r.trouble(ctx)
			if err != nil {
				return nil, err
			}
			if n.Met = trouble == ""; !n.Met {
				n.Detail = trouble
			}
		}
	}
	return needs, nil
}

const emptyServer = 150 << 20

func (p Procedure) restore(job recovery.Job) (*restore, error) {
	t, err := mysqlhost.TargetOf(p.kind(), job.Target)
	if err != nil {
		return nil, fmt.Errorf("mysqldump: %w", err)
	}
	h, err := mysqlhost.Spare(job, p.Node, p.Limit)
	if err != nil {
		return nil, fmt.Errorf("mysqldump: %w", err)
	}
	what := fmt.Sprintf("%s %s from %s", p.Name(), t, job.Env["GAMEDAY_BACKUP"])
	return &restore{host: h, target: t, claim: &mysqlhost.Claim{Host: h, What: what}}, nil
}
