package mysqlpromote

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/recoverydrill/gameday/fixtures"
	"github.com/recoverydrill/gameday/fixtures/mysql"
	recovery "github.com/recoverydrill/gameday/recover"
	"github.com/recoverydrill/gameday/recover/internal/labtest"
	"github.com/recoverydrill/gameday/recover/mysqlhost"
	"github.com/recoverydrill/gameday/recover/mysqlrebuild"
)

// bench is a primary and a replica.
type bench struct {
	t      *testing.T
	ctx    context.Context
	system *mysql.System
	env    map[string]string
	cut    string // where clients were sent
}

// The nodes.
const primary, replica = 0, 1

func newBench(t *testing.T, c mysql.Cluster) *bench {
	t.Helper()
	ctx, _, s := labtest.Open(t, 5*time.Minute, c.Open)
	l := &bench{t: t, ctx: ctx, system: s}
	labtest.NoError(t, l.ask(primary, "CREATE TABLE moment (at varchar(20) PRIMARY KEY)"))
	labtest.NoError(t, s.Replicated(ctx))
	var err error
	l.env, err = s.Environment(ctx)
	labtest.NoError(t, err)
	return l
}

func (l *bench) ask(node int, statement string) error {
	l.t.Helper()
	a, err := l.system.Members()[node].Node.Address(l.ctx, mysql.Port)
	labtest.NoError(l.t, err)
	return l.system.Statement(l.ctx, a.Harness, "", statement)
}

func (l *bench) on(node int, script string) {
	l.t.Helper()
	_, err := l.system.Members()[node].Node.Exec(l.ctx, fixtures.Command{Args: []string{"sh", "-euc", script}, User: "mysql", Env: l.env})
	labtest.NoError(l.t, err)
}

func (l *bench) promote(ctx context.Context, p Procedure, step func(string)) error {
	l.cut = ""
	err := p.Recover(ctx, recovery.Job{
		System: l.system, Env: l.env, Output: l.t.Output(), Step: step,
		CutOver: func(ctx context.Context, to string) error { l.cut = to; return ctx.Err() },
	})
	l.t.Log(err)
	return err
}

// A replica that takes writes was taken for the work of an earlier run, and the healthy primary was shot.
func TestAReplicaMadeWritableByHandIsNoPromotion(t *testing.T) {
	for name, c := range map[string]struct {
		cluster mysql.Cluster
		byHand  string
	}{
		"mysql": {mysql.Cluster{Standbys: 1}, "STOP REPLICA; RESET REPLICA ALL; SET GLOBAL super_read_only = OFF; SET GLOBAL read_only = OFF"},
		"mariadb": {
			mysql.Cluster{Flavour: mysql.MariaDB, Version: "10.11", Standbys: 1, Settings: map[string]string{"event_scheduler": "ON"}}, "STOP SLAVE; RESET SLAVE ALL; SET GLOBAL read_only = OFF",
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			l := newBench(t, c.cluster)
			l.takesWritesByHand(c.byHand)
			l.wasFenced()
			l.fencesWhatHasNoFiles()
			l.isRunAgain()
			l.runsEvents()
		})
	}
}

// takesWritesByHand: a run of another day may have promoted it, but not this one, and what it has not received since is not known.
func (l *bench) takesWritesByHand(byHand string) {
	l.t.Helper()
	node := l.system.Members()[primary].Node
	l.on(replica, `echo "# promoted instead of primary in run of-yesterday" >>"$GAMEDAY_CONFIG"`)
	labtest.NoError(l.t, l.ask(replica, byHand))
	refuses := func(p Procedure, when, why string) {
		l.t.Helper()
		var refused *recovery.Refused
		if err := l.promote(l.ctx, p, func(string) {}); !errors.As(err, &refused) || !strings.Contains(refused.Reason, why) || l.cut != "" {
			l.t.Errorf("%s: %v, clients were sent to %q; want a refusal: %s", when, err, l.cut, why)
		}
	}
	refuses(Fenced(), "with two that take writes", "takes writes too")
	refuses(Procedure{Damaged: true}, "with two that take writes and one of them damaged", "takes writes too")
	labtest.NoError(l.t, l.ask(primary, "INSERT INTO moment VALUES ('it serves')"))
	labtest.NoError(l.t, l.system.KillServer(l.ctx, node))
	refuses(Fenced(), "with a replica that was made writable before the primary was lost", "no earlier run has promoted it")
	labtest.NoError(l.t, l.system.StartServer(l.ctx, node))
}

// wasFenced makes the replica one that an earlier run has fenced, and that was rebuilt since.
func (l *bench) wasFenced() {
	l.t.Helper()
	node := l.system.Members()[replica].Node
	job := recovery.Job{System: l.system, Env: l.env, Output: l.t.Output(), Step: func(string) {}}
	host, err := mysqlhost.On(job, node, 0)
	labtest.NoError(l.t, err)
	labtest.NoError(l.t, (&failover{old: host}).fence(l.ctx))
	labtest.NoError(l.t, l.system.StartServer(l.ctx, node))
	labtest.NoError(l.t, mysqlrebuild.Replica(node.Name()).Recover(l.ctx, job))
}

// runsEvents: the scheduler is what it was before the fence, now and after a restart.
func (l *bench) runsEvents() {
	l.t.Helper()
	for range 2 {
		l.on(replica, `
for client in mysql mariadb; do command -v $client >/dev/null && break; done
is=$($client --defaults-file="$GAMEDAY_CLIENT_CONFIG" -BNe 'SELECT @@event_scheduler')
test "$is" = ON || { echo "the event scheduler is $is" >&2; exit 1; }`)
		labtest.NoError(l.t, l.system.StopServer(l.ctx, l.system.Members()[replica].Node))
		labtest.NoError(l.t, l.system.StartServer(l.ctx, l.system.Members()[replica].Node))
	}
}

// fencesWhatHasNoFiles gives a primary up that serves, though its configuration and the note with its ID are gone. The run is
// killed when it is to send clients to the new one.
func (l *bench) fencesWhatHasNoFiles() {
	l.t.Helper()
	l.on(primary, `cp "$GAMEDAY_CONFIG" "$GAMEDAY_CONFIG.kept"; rm "$GAMEDAY_CONFIG" "$GAMEDAY_PIDFILE"`)
	ctx, kill := context.WithCancel(l.ctx)
	defer kill()
	err := l.promote(ctx, Procedure{Damaged: true}, func(step string) {
		if step == "cut over" {
			kill()
		}
	})
	if !errors.Is(err, context.Canceled) {
		l.t.Errorf("killed: %v", err)
	}
	if err := l.ask(primary, "INSERT INTO moment VALUES ('fenced')"); err == nil {
		l.t.Error("the old primary takes writes: it was left because it had no configuration")
	}
}

// isRunAgain after the kill, when somebody has started the old primary with a configuration that knows nothing of all this:
// the note on the new one says whose turn it is.
func (l *bench) isRunAgain() {
	l.t.Helper()
	l.on(primary, `mv "$GAMEDAY_CONFIG.kept" "$GAMEDAY_CONFIG"`)
	labtest.NoError(l.t, l.system.StartServer(l.ctx, l.system.Members()[primary].Node))
	labtest.NoError(l.t, l.ask(primary, "INSERT INTO moment VALUES ('too late')"))
	labtest.NoError(l.t, l.promote(l.ctx, Fenced(), func(string) {}))
	if want := l.system.Members()[replica].Node.Name() + ":3306"; l.cut != want {
		l.t.Errorf("clients were sent to %q, want %q", l.cut, want)
	}
	if err := l.ask(primary, "INSERT INTO moment VALUES ('fenced')"); err == nil {
		l.t.Error("the old primary takes writes")
	}
	labtest.NoError(l.t, l.ask(replica, "INSERT INTO moment VALUES ('new')"))
}
