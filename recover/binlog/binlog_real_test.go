package binlog

import (
	"context"
	"io"
	"maps"
	"strings"
	"testing"
	"time"

	"github.com/recoverydrill/gameday/fixtures"
	"github.com/recoverydrill/gameday/fixtures/mysql"
	recovery "github.com/recoverydrill/gameday/recover"
	"github.com/recoverydrill/gameday/recover/internal/labtest"
)

// bench is a system with a backup and a mark: a row "before" lies between the two, in another file of the log, and a row
// "after" behind the mark. With the first lies one as large as the server takes, which is larger as text.
type bench struct {
	t      *testing.T
	ctx    context.Context
	system *mysql.System
	spare  fixtures.Node
	mark   fixtures.Mark
	early  fixtures.Mark // before the backup
	same   fixtures.Mark // where the backup ends
	env    map[string]string
	cut    string // where clients were sent
}

func newBench(t *testing.T, flavour mysql.Flavour) *bench {
	t.Helper()
	ctx, _, s := labtest.Open(t, 15*time.Minute, mysql.Cluster{Flavour: flavour, Spares: 1, Settings: map[string]string{"event_scheduler": "ON", "max_allowed_packet": "4M"}}.Open)
	l := &bench{t: t, ctx: ctx, system: s, spare: s.Members()[1].Node}

	l.do("create table moment (at varchar(10) primary key)", "create table large (v longblob)", "create table tick (server int primary key)",
		"create event tick on schedule every 1 second do insert ignore into app.tick values (@@server_id)")
	l.early = l.newMark("early")
	l.do("alter event tick disable")
	b, err := s.Backup(ctx, "nightly")
	labtest.NoError(t, err)
	l.same = fixtures.Mark{Label: "same", Position: b.Stop}
	l.do("alter event tick enable")
	l.do("flush local binary logs", "insert into moment values ('before')", "insert into large values (repeat('y', 4000000))")
	l.mark = l.newMark("good")
	l.do("insert into moment values ('after')", "flush local binary logs", "insert into moment values ('later')")
	labtest.NoError(t, s.Archived(ctx, l.mark))
	l.env, err = s.Environment(ctx)
	labtest.NoError(t, err)
	return l
}

func (l *bench) do(statements ...string) {
	l.t.Helper()
	for _, text := range statements {
		labtest.NoError(l.t, l.system.Statement(l.ctx, "", "", text))
	}
}

func (l *bench) newMark(label string) fixtures.Mark {
	l.t.Helper()
	m, err := l.system.Mark(l.ctx, label)
	labtest.NoError(l.t, err)
	return m
}

func (l *bench) job(m fixtures.Mark) recovery.Job {
	return recovery.Job{
		System: l.system, Target: m, Env: l.env, Output: io.Discard, Step: func(name string) { l.t.Log(time.Now().Format("05.000"), name) },
		CutOver: func(_ context.Context, hostport string) error { l.cut = hostport; return nil },
	}
}

// on runs a script on the spare.
func (l *bench) on(script string) string {
	l.t.Helper()
	res, err := l.spare.Exec(l.ctx, fixtures.Command{Args: []string{"sh", "-euc", script}, User: "mysql", Env: l.env})
	labtest.NoError(l.t, err)
	return strings.TrimSpace(string(res.Stdout))
}

// ask puts a question to the spare's server, as its own user.
func (l *bench) ask(question string) string {
	l.t.Helper()
	client := map[string]string{"mysql": "mysql", "mariadb": "mariadb"}[l.env["GAMEDAY_ENGINE"]]
	return l.on(client + ` --defaults-file="$GAMEDAY_CLIENT_CONFIG" -BN -e "` + question + `"`)
}

// clear empties the spare.
func (l *bench) clear() {
	l.t.Helper()
	if l.on(`cat "$GAMEDAY_PIDFILE" 2>/dev/null || :`) != "" {
		labtest.NoError(l.t, l.system.KillServer(l.ctx, l.spare))
	}
	l.on(`rm -rf "$GAMEDAY_DATADIR" "$GAMEDAY_DATADIR".*`)
}

// rows are those of the table moment.
const rows = "select coalesce(group_concat(at order by at), '') from app.moment"

// ownEvents counts what the schedule of the restored server itself has done.
const ownEvents = "select count(*) from app.tick where server = @@server_id"

func TestProcedure(t *testing.T) {
	if testing.Short() {
		t.Skip("needs Docker")
	}
	for _, flavour := range []mysql.Flavour{mysql.MySQL, mysql.MariaDB} {
		t.Run(string(flavour), func(t *testing.T) {
			t.Parallel() // half of the time is waiting
			l := newBench(t, flavour)
			l.whole(t)
			if flavour == mysql.MariaDB {
				l.killed(t)
			}
			l.refusals(t)
			l.otherKinds(t)
		})
	}
}

// whole is the procedure from end to end, and what is left of it.
func (l *bench) whole(t *testing.T) {
	labtest.NoError(t, To("").Recover(l.ctx, l.job(l.mark)))
	if l.cut != "spare:3306" {
		t.Errorf("clients were sent to %q", l.cut)
	}
	a, err := l.spare.Address(l.ctx, mysql.Port)
	labtest.NoError(t, err)
	labtest.NoError(t, l.system.Statement(l.ctx, a.Harness, "", "insert into moment values ('new')")) // over the network
	if got := l.ask(rows); got != "before,new" {
		t.Errorf("the restored server holds %q", got)
	}
	if got := l.ask("select concat(length(v), ' of ', @@max_allowed_packet) from app.large"); got != "4000000 of 4194304" {
		t.Errorf("the largest row that fits is %s", got)
	}
	settings, err := l.system.Durability(l.ctx, a.Harness)
	labtest.NoError(t, err)
	for _, s := range settings {
		if !s.OK {
			t.Errorf("setting %s is %q, want %s", s.Name, s.Value, s.Wanted)
		}
	}
	if got := l.ask("select @@event_scheduler"); got != "ON" {
		t.Errorf("the event scheduler is %s", got)
	}
	if left := l.on(`ls "$GAMEDAY_DATADIR".*.sql 2>/dev/null || :`); left != "" {
		t.Errorf("left behind: %s", left)
	}
	// Once more, as after a kill just before clients were sent: what clients have written since is theirs.
	l.cut = ""
	labtest.NoError(t, To("").Recover(l.ctx, l.job(l.mark)))
	if got := l.ask(rows); l.cut != "spare:3306" || got != "before,new" {
		t.Errorf("run again, it sent clients to %q, where there is %q", l.cut, got)
	}
	wantError(t, To(GTID).Recover(l.ctx, l.job(l.mark)), "fetch the base backup", "refused", "was restored here already")
	another := l.job(l.mark)
	another.Env = maps.Clone(l.env)
	another.Env["GAMEDAY_RUN"] = "another"
	wantError(t, To("").Recover(l.ctx, another), "fetch the base backup", "refused", "was restored here already")
	l.on(`rm "$GAMEDAY_DATADIR.recovery"`)
	wantError(t, To("").Recover(l.ctx, l.job(l.mark)), "fetch the base backup", "refused", "is not empty")
	if got := l.ask(rows); got != "before,new" {
		t.Errorf("a recovery that refused has left %q", got)
	}
	l.clear()
}

// wantError fails unless the error has all the words.
func wantError(t *testing.T, err error, words ...string) {
	t.Helper()
	if err == nil {
		t.Fatalf("no error, want one about %q", words)
	}
	for _, w := range words {
		if !strings.Contains(err.Error(), w) {
			t.Errorf("error %q does not mention %q", err, w)
		}
	}
}
