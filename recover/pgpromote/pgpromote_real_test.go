package pgpromote

import (
	"context"
	"errors"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/recoverydrill/gameday/fixtures"
	"github.com/recoverydrill/gameday/fixtures/postgres"
	recovery "github.com/recoverydrill/gameday/recover"
	"github.com/recoverydrill/gameday/recover/internal/labtest"
	"github.com/recoverydrill/gameday/recover/pgserver"
)

// bench is a system of a primary and two standbys.
type bench struct {
	t      *testing.T
	ctx    context.Context
	system *postgres.System
	env    map[string]string
	cut    string // where clients were sent
}

const primary, first, second = 0, 1, 2

func newBench(t *testing.T) *bench {
	t.Helper()
	ctx, _, s := labtest.Open(t, 8*time.Minute, postgres.Cluster{Standbys: 2}.Open)
	l := &bench{t: t, ctx: ctx, system: s}
	var err error
	l.env, err = s.Environment(ctx)
	labtest.NoError(t, err)
	delete(l.env, "PGUSER") // on a node, the server's user is the superuser
	return l
}

// promotion calls at as each step begins.
func (l *bench) promotion(ctx context.Context, p Procedure, at func(step string)) error {
	err := p.Recover(ctx, l.job(at))
	l.t.Log(err)
	return err
}

func (l *bench) job(at func(step string)) recovery.Job {
	return recovery.Job{
		System: l.system, Env: l.env, Output: io.Discard, Step: at,
		CutOver: func(_ context.Context, hostport string) error { l.cut = hostport; return nil },
	}
}

// on runs a script on a node as the server's user.
func (l *bench) on(node int, script string) string {
	l.t.Helper()
	res, err := l.system.Members()[node].Node.Exec(l.ctx, fixtures.Command{
		Args: []string{"sh", "-euc", `data=$GAMEDAY_PGDATA bin=$GAMEDAY_PGBIN` + "\n" + script}, User: "postgres", Env: l.env,
	})
	labtest.NoError(l.t, err)
	return strings.TrimSpace(string(res.Stdout))
}

// start starts a node's server as a primary, as somebody does who knows nothing of a promotion.
func (l *bench) start(node int) {
	l.t.Helper()
	l.on(node, `rm -f "$data/standby.signal"; "$bin/pg_ctl" start -D "$data" -l /data/by-hand.log -w -s`)
}

func (l *bench) state(node int, want pgserver.State) {
	l.t.Helper()
	got, err := pgserver.On(l.job(nil), l.system.Members()[node].Node).State(l.ctx)
	if labtest.NoError(l.t, err); got != want {
		l.t.Errorf("the server on %s is %s, want %s", l.system.Members()[node].Node.Name(), got, want)
	}
}

func nothing(string) {}

func TestOfTwoThatServeNoneIsFencedUnlessARunHasPromotedTheOther(t *testing.T) {
	l := newBench(t)
	l.on(first, `"$bin/pg_ctl" promote -D "$data" -w -s`) // by accident
	var refused *recovery.Refused
	if err := l.promotion(l.ctx, Fenced(), nothing); !errors.As(err, &refused) || !strings.Contains(refused.Reason, "both serve") {
		t.Errorf("a standby was promoted by hand: %v", err)
	}
	labtest.NoError(t, l.system.Statement(l.ctx, "", "", "CREATE TABLE still (serves int)"))
	refuses := func(p Procedure, why string) {
		t.Helper()
		if err := l.promotion(l.ctx, p, nothing); !errors.As(err, &refused) || !strings.Contains(refused.Reason, why) || l.cut != "" {
			t.Errorf("a standby was promoted by hand: %v, clients were sent to %q; want a refusal: %s", err, l.cut, why)
		}
	}
	refuses(Procedure{Damaged: true}, "both serve")
	labtest.NoError(t, l.system.KillServer(l.ctx, l.system.Members()[primary].Node))
	refuses(Fenced(), "no earlier run has promoted it")
	l.on(first, `"$bin/pg_ctl" stop -D "$data" -m immediate -w -s`)
	l.start(primary)

	// The primary is lost. The run that promotes is killed when it has, and the old primary comes back.
	labtest.NoError(t, l.system.KillServer(l.ctx, l.system.Members()[primary].Node))
	ctx, kill := context.WithCancel(l.ctx)
	defer kill()
	err := l.promotion(ctx, Fenced(), func(step string) {
		if step == "cut over" {
			kill()
		}
	})
	if err == nil {
		t.Log("it had cut over before it was killed")
	}
	l.state(second, pgserver.Serving)
	l.start(primary)
	l.state(primary, pgserver.Serving)
	l.cut = ""
	labtest.NoError(t, l.promotion(l.ctx, Fenced(), nothing))
	l.state(primary, pgserver.Stopped)
	l.state(second, pgserver.Serving)
	if l.cut != "standby-2:5432" {
		t.Errorf("clients were sent to %q", l.cut)
	}

	// Its directory is removed under it: it runs on.
	l.start(primary)
	const left = `for p in /proc/[0-9]*; do case $(readlink "$p/cwd" 2>/dev/null || :) in "$data"*) cat "$p/comm" ;; esac; done`
	l.on(primary, `rm -rf "$data"`)
	if got := l.on(primary, left); !strings.Contains(got, "postgres") {
		t.Fatalf("without its directory, of the server is left %q", got)
	}
	labtest.NoError(t, l.promotion(l.ctx, Procedure{Damaged: true}, nothing))
	if got := l.on(primary, left); got != "" {
		t.Errorf("fenced without a directory, of the server is left %q", got)
	}
}
