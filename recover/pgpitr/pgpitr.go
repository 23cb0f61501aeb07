// Package pgpitr is the reference procedure for PostgreSQL point-in-time recovery: fetch the base backup to a spare node,
// replay the archived log up to the target, promote, and send clients there. It follows the server's documentation
// ("Recovering Using a Continuous Archive Backup") and works beside the damaged server, which it does not touch.
package pgpitr

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/recoverydrill/gameday/fixtures"
	recovery "github.com/recoverydrill/gameday/recover"
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

var _ recovery.Recovery = Procedure{}

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
	if p.Limit <= 0 {
		p.Limit = 5 * time.Minute
	}
	setting, err := p.target(job.Target)
	if err != nil {
		return err
	}
	node, err := recovery.SpareNode(job.System, p.Node)
	if err != nil {
		return fmt.Errorf("pgpitr: %w", err)
	}
	r := restore{job: job, node: node, setting: setting, limit: p.Limit}
	return job.Run(ctx,
		recovery.Step{Name: "fetch the base backup", Do: r.fetch},
		recovery.Step{Name: "replay the log", Do: r.replay},
		recovery.Step{Name: "wait for the promotion", Do: r.promoted},
		recovery.Step{Name: "cut over", Do: r.cutOver},
	)
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

type restore struct {
	job     recovery.Job
	node    fixtures.Node
	setting string
	limit   time.Duration
}

// sh runs a script on the node as the server's user, with the recovery's environment.
func (r restore) sh(ctx context.Context, script string) error {
	env := map[string]string{"SETTING": r.setting}
	for _, k := range []string{"GAMEDAY_BACKUP", "GAMEDAY_PGDATA", "GAMEDAY_PGBIN", "GAMEDAY_VAULT"} {
		env[k] = r.job.Env[k]
	}
	_, err := r.node.Exec(ctx, fixtures.Command{
		Args: []string{"sh", "-euc", script}, User: r.job.Env["GAMEDAY_OSUSER"], Env: env, Stdout: r.job.Output,
	})
	return err
}

func (r restore) fetch(ctx context.Context) error {
	if r.job.Env["GAMEDAY_BACKUP"] == "" {
		return errors.New("there is no base backup in the vault")
	}
	return r.sh(ctx, `
if [ -e "$GAMEDAY_PGDATA/PG_VERSION" ]; then echo "$GAMEDAY_PGDATA is not empty" >&2; exit 1; fi
"$GAMEDAY_PGBIN/pg_verifybackup" --no-parse-wal --quiet "$GAMEDAY_BACKUP"
mkdir -p -m 0700 "$GAMEDAY_PGDATA"
cp -a "$GAMEDAY_BACKUP/." "$GAMEDAY_PGDATA/"`)
}

// replay starts the server in recovery. recovery_target_timeline is current: an earlier recovery may have archived a
// timeline of its own, and the latest would follow it.
func (r restore) replay(ctx context.Context) error {
	return r.sh(ctx, `
cat >> "$GAMEDAY_PGDATA/postgresql.auto.conf" <<CONF
restore_command = 'cp "$GAMEDAY_VAULT/wal/%f" "%p"'
$SETTING
recovery_target_timeline = 'current'
recovery_target_action = 'promote'
CONF
touch "$GAMEDAY_PGDATA/recovery.signal"
"$GAMEDAY_PGBIN/pg_ctl" start --pgdata="$GAMEDAY_PGDATA" --log=/tmp/pgpitr.log --wait --timeout=300 --silent || { tail -20 /tmp/pgpitr.log >&2; exit 1; }`)
}

// promoted waits until the server is out of recovery, and stops at once when it has ended instead.
func (r restore) promoted(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, r.limit)
	defer cancel()
	return r.sh(ctx, `
until [ "$("$GAMEDAY_PGBIN/psql" -h /tmp -d postgres -Atc 'SELECT pg_is_in_recovery()' 2>/dev/null)" = f ]; do
	"$GAMEDAY_PGBIN/pg_ctl" status --pgdata="$GAMEDAY_PGDATA" >/dev/null || { tail -20 /tmp/pgpitr.log >&2; exit 1; }
	sleep 0.1
done`)
}

func (r restore) cutOver(ctx context.Context) error {
	return r.job.CutOver(ctx, r.node.Name()+":"+r.job.Env["GAMEDAY_PORT"])
}
