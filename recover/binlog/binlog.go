// Package binlog is the reference procedure for point-in-time recovery of MySQL and MariaDB: copy the base backup to a
// spare node, start a server on it that no client can reach, replay the archived binary logs up to the target, start the
// server anew as it is configured, and send clients there. It follows the servers' documentation ("Point-in-Time Recovery
// Using Binary Log") and works beside the damaged server, which it does not touch.
package binlog

import (
	"context"
	"fmt"
	"time"

	recovery "github.com/recoverydrill/gameday/recover"
	"github.com/recoverydrill/gameday/recover/mysqlhost"
)

// Kind is the form in which the target is told.
type Kind = mysqlhost.Kind

// The forms of a target; see [mysqlhost.Kind].
const (
	Position = mysqlhost.Position
	GTID     = mysqlhost.GTID
	Time     = mysqlhost.Time
	Latest   = mysqlhost.Latest
)

// Procedure is one point-in-time recovery. One that was killed may be run again: it begins anew where no client was sent
// to what it restored, and otherwise sends clients there.
type Procedure struct {
	Kind  Kind          // default Position
	Node  string        // where to restore; default the system's first spare
	Limit time.Duration // for each of: a start of the server, a stop, the replay; default 5 min
}

var (
	_ recovery.Recovery    = Procedure{}
	_ recovery.Planner     = Procedure{}
	_ recovery.Preflighter = Procedure{}
)

// To is a recovery to the drill's target, told in the given form.
func To(kind Kind) Procedure { return Procedure{Kind: kind} }

// Name is what reports call it.
func (p Procedure) Name() string { return "binlog to " + string(p.kind()) }

func (p Procedure) kind() Kind {
	if p.Kind == "" {
		return Position
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

// Preflight implements [recovery.Preflighter]: the machine, the backup, the log from it to the target, and disk.
func (p Procedure) Preflight(ctx context.Context, job recovery.Job) ([]recovery.Need, error) {
	r, err := p.restore(job)
	if err != nil {
		return nil, err
	}
	return r.host.Look(ctx, r.target, mysqlhost.Growth{Backup: 1}, nil, []string{"data"})
}

// restore is what a job asks of the procedure.
func (p Procedure) restore(job recovery.Job) (*restore, error) {
	t, err := mysqlhost.TargetOf(p.kind(), job.Target)
	if err != nil {
		return nil, fmt.Errorf("binlog: %w", err)
	}
	h, err := mysqlhost.Spare(job, p.Node, p.Limit)
	if err != nil {
		return nil, fmt.Errorf("binlog: %w", err)
	}
	what := fmt.Sprintf("%s %s from %s", p.Name(), t, job.Env["GAMEDAY_BACKUP"])
	return &restore{host: h, target: t, claim: &mysqlhost.Claim{Host: h, What: what}}, nil
}
