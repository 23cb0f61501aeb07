package binlog

import (
	"context"

	recovery "github.com/recoverydrill/gameday/recover"
	"github.com/recoverydrill/gameday/recover/mysqlhost"
)

type restore struct {
	host   mysqlhost.Host
	target mysqlhost.Target
	claim  *mysqlhost.Claim
}

func (r *restore) steps() []recovery.Step {
	to := "replay the archived binary log from where the backup stands to the target"
	if r.target.Kind == Latest {
		to = "replay the archived binary log from where the backup stands to its end"
	}
	return []recovery.Step{
		{Name: "fetch the base backup", Does: "copy the newest base backup to the data directory of the spare", Do: r.fetch},
		{
			Name: "start a server that clients cannot reach", Does: "start the server without network, events and replication, and make it one of its own",
			Do: r.claim.Unless(r.startClosed),
		},
		{Name: "replay the binary log", Does: to, Do: r.claim.Unless(r.replay)},
		{Name: "start it for clients", Does: "stop the server and start it as it is configured", Do: r.claim.Unless(r.host.StartOpen, r.claim.Done)},
		{Name: "cut over", Does: "send clients to the spare", Do: r.host.CutOver},
	}
}

func (r *restore) fetch(ctx context.Context) error {
	if r.host.Job.Env["GAMEDAY_BACKUP"] == "" {
		return recovery.Refuse("there is no base backup in the vault")
	}
	_, err := r.host.Sh(ctx, `test -d "$GAMEDAY_BACKUP/data" || { echo "gameday: refuse the backup is of the kind $(info kind): it has no data directory" >&2; exit 1; }`, nil)
	if err != nil {
		return err
	}
	if err := r.claim.Take(ctx); err != nil {
		return err
	}
	return r.claim.Unless(func(ctx context.Context) error {
		_, err := r.host.Sh(ctx, `
mkdir -p -m 0700 "$GAMEDAY_DATADIR"
cp -a "$GAMEDAY_BACKUP/data/." "$GAMEDAY_DATADIR/"`, nil)
		return err
	})(ctx)
}

func (r *restore) startClosed(ctx context.Context) error {
	if err := r.host.StartClosed(ctx); err != nil {
		return err
	}
	return r.host.Detach(ctx)
}

func (r *restore) replay(ctx context.Context) error { return r.host.Replay(ctx, r.target) }
