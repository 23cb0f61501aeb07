package pgdump

import (
	"context"
	"errors"
	"io"
	"maps"
	"strings"
	"testing"
	"time"

	"github.com/recoverydrill/gameday/fixtures"
	"github.com/recoverydrill/gameday/fixtures/postgres"
	recovery "github.com/recoverydrill/gameday/recover"
	"github.com/recoverydrill/gameday/recover/internal/labtest"
)

// bench is a system with a dump, in which the schema "SHOP" has a table with two rows.
type bench struct {
	t      *testing.T
	ctx    context.Context
	system *postgres.System
	env    map[string]string
}

func newBench(t *testing.T) *bench {
	t.Helper()
	ctx, _, s := labtest.Open(t, 8*time.Minute, postgres.Cluster{Spares: 1, Backups: postgres.Dumps{}}.Open)
	l := &bench{t: t, ctx: ctx, system: s}
	l.do(`CREATE SCHEMA "SHOP"; CREATE TABLE "SHOP"."ORDERS" (id int PRIMARY KEY); INSERT INTO "SHOP"."ORDERS" VALUES (1), (2)`)
	_, err := s.Backup(ctx, "nightly")
	labtest.NoError(t, err)
	l.env, err = s.Environment(ctx)
	labtest.NoError(t, err)
	delete(l.env, "PGUSER") // on a node, the server's user is the superuser
	return l
}

func (l *bench) do(sql string) {
	l.t.Helper()
	labtest.NoError(l.t, l.system.Statement(l.ctx, "", "", sql))
}

func (l *bench) rows(want string) {
	l.t.Helper()
	res, err := l.system.Members()[0].Node.Exec(l.ctx, fixtures.Command{
		Args: []string{"sh", "-euc", `"$GAMEDAY_PGBIN/psql" -h /tmp -d app -XAtc 'SELECT count(*) FROM "SHOP"."ORDERS"'; ls "$GAMEDAY_PGDATA".* 2>/dev/null || :`}, User: "postgres", Env: l.env,
	})
	labtest.NoError(l.t, err)
	if got := strings.TrimSpace(string(res.Stdout)); got != want {
		l.t.Errorf("the table has %q rows, want %q", got, want)
	}
}

// restore calls at as each step begins.
func (l *bench) restore(ctx context.Context, at func(step string)) error {
	err := Schema("app", "SHOP").Recover(ctx, recovery.Job{System: l.system, Env: l.env, Output: io.Discard, Step: at})
	l.t.Log(err)
	return err
}

func (l *bench) refuses() {
	l.t.Helper()
	var refused *recovery.Refused
	if err := l.restore(l.ctx, func(string) {}); !errors.As(err, &refused) || !strings.Contains(refused.Reason, "schema SHOP is there") {
		l.t.Errorf("got %v, want a refusal because the schema is there", err)
	}
}

// A schema whose table was emptied has as many tables as the dump, and nothing of it was restored.
func TestASchemaThatIsThereIsNoEarlierRunsWork(t *testing.T) {
	l := newBench(t)
	l.do(`TRUNCATE "SHOP"."ORDERS"`)
	l.refuses()
	l.rows("0")

	// It is gone. A run that is killed when it is back is run again, and does no harm to what came since.
	l.do(`DROP SCHEMA "SHOP" CASCADE`)
	ctx, kill := context.WithCancel(l.ctx)
	defer kill()
	err := l.restore(ctx, func(step string) {
		if step == "check what came back" {
			kill()
		}
	})
	if !errors.Is(err, context.Canceled) {
		t.Errorf("killed: %v", err)
	}
	l.do(`INSERT INTO "SHOP"."ORDERS" VALUES (3)`)
	labtest.NoError(t, l.restore(l.ctx, func(string) {}))
	l.rows("3")

	l.do(`TRUNCATE "SHOP"."ORDERS"`)
	l.refuses()
	l.rows("0")
}

// A server that was restored by another run has clients' writes by now; one that was removed since is nothing.
func TestAServerIsTheWorkOfOneRun(t *testing.T) {
	l := newBench(t)
	cut := ""
	restore := func(run string) error {
		job := recovery.Job{System: l.system, Env: maps.Clone(l.env), Output: t.Output(), Step: func(string) {}}
		job.Env["GAMEDAY_RUN"] = run
		job.CutOver = func(_ context.Context, to string) error { cut = to; return nil }
		cut = ""
		err := Server().Recover(l.ctx, job)
		t.Log(err)
		return err
	}
	on := func(script string) {
		t.Helper()
		_, err := l.system.Members()[1].Node.Exec(l.ctx, fixtures.Command{Args: []string{"sh", "-euc", script}, User: "postgres", Env: l.env})
		labtest.NoError(t, err)
	}
	labtest.NoError(t, restore("first"))
	labtest.NoError(t, restore("first")) // again: there is nothing left to do but to send clients there
	if cut != "spare:5432" {
		t.Errorf("clients were sent to %q", cut)
	}
	var refused *recovery.Refused
	if err := restore("another"); !errors.As(err, &refused) || cut != "" {
		t.Errorf("another run: %v, clients were sent to %q", err, cut)
	}
	on(`"$GAMEDAY_PGBIN/pg_ctl" stop -D "$GAMEDAY_PGDATA" -m immediate -w -s; rm -rf "$GAMEDAY_PGDATA"`)
	labtest.NoError(t, restore("first"))
	on(`test "$("$GAMEDAY_PGBIN/psql" -h /tmp -d app -XAtc 'SELECT count(*) FROM "SHOP"."ORDERS"')" = 2`)
}
