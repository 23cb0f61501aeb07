// Package mariabackup is the reference procedure for recovery of MariaDB from a full backup by mariadb-backup and the
// incremental ones on top of it: copy the full one to a spare node and prepare it, prepare it again with each increment,
// move the result into the data directory, replay the archived binary logs from where the last increment stands up to the
// target, start the server as it is configured, and send clients there. It follows the server's documentation
// ("Incremental Backup and Restore with mariadb-backup") and works beside the damaged server, which it does not touch.
//
// A backup that is a prepared copy already is restored by package binlog.
package mariabackup

import (
	"context"
	"fmt"
	"time"

	recovery "github.com/recoverydrill/gameday/recover"
	"github.com/recoverydrill/gameday/recover/mysqlhost"
)

// Procedure is one recovery. One that was killed may be run again: it begins anew where no client was sent to what it
// restored, and otherwise sends clients there.
type Procedure struct {
	Kind  mysqlhost.Kind // in which the target is told; default [mysqlhost.Position]
	Node  string         // where to restore; default the system's first spare
	Limit time.Duration  // for each of: the preparation, a start of the server, a stop, the replay; default 5 min
}

var (
	_ recovery.Recovery    = Procedure{}
	_ recovery.Planner     = Procedure{}
	_ recovery.Preflighter = Procedure{}
)

// To is a recovery to the drill's target, told in the given form.
func To(kind mysqlhost.Kind) Procedure { return Procedure{Kind: kind} }

// Name is what reports call it.
func (p Procedure) Name() string { return "mariabackup and binlog to " + string(p.kind()) }

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

// Preflight implements [recovery.Preflighter]: the machine, the chain of backups, the log from its end to the target, and
// disk for the full backup, each increment beside it, and the log.
func (p Procedure) Preflight(ctx context.Context, job recovery.Job) ([]recovery.Need, error) {
	r, err := p.restore(job)
	if err != nil {
		return nil, err
	}
	needs, err := r.host.Look(ctx, r.target, mysqlhost.Growth{Backup: 1}, []string{program}, []string{"files"})
	if err != nil || job.Env["GAMEDAY_BACKUP"] == "" {
		return needs, err
	}
	for i := range needs {
		switch n := &needs[i]; n.Resource {
		case recovery.NeedsBackup:
			chain, err := r.chain(ctx)
			if err != nil {
				return nil, err
			}
			n.Met, n.Detail = n.Met && chain.trouble == "", n.Detail+"; "+chain.String()
		case recovery.NeedsDisk:
			chain, err := r.chain(ctx)
			if err != nil {
				return nil, err
			}
			n.Needed += chain.bytes
			n.Met = n.Needed <= n.Available
			n.Detail += ", and the backups that it is on top of"
		}
	}
	return needs, nil
}

const program = "mariadb-backup"

func (p Procedure) restore(job recovery.Job) (*restore, error) {
	t, err := mysqlhost.TargetOf(p.kind(), job.Target)
	if err != nil {
		return nil, fmt.Errorf("mariabackup: %w", err)
	}
	h, err := mysqlhost.Spare(job, p.Node, p.Limit)
	if err != nil {
		return nil, fmt.Errorf("mariabackup: %w", err)
	}
	if !h.IsMariaDB() {
		return nil, fmt.Errorf("mariabackup: the system is %q: want mariadb", job.Env["GAMEDAY_ENGINE"])
	}
	what := fmt.Sprintf("%s %s from %s", p.Name(), t, job.Env["GAMEDAY_BACKUP"])
	return &restore{host: h, target: t, claim: &mysqlhost.Claim{Host: h, What: what}}, nil
}
