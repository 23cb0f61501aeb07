package pgbackrest

import (
	"context"
	"errors"
	"io"
	"maps"
	"path"
	"strings"
	"testing"
	"time"

	"github.com/recoverydrill/gameday/fixtures"
	"github.com/recoverydrill/gameday/fixtures/postgres"
	recovery "github.com/recoverydrill/gameday/recover"
	"github.com/recoverydrill/gameday/recover/internal/labtest"
	"github.com/recoverydrill/gameday/recover/pgserver"
)

// bench is a system with a full and an incremental backup and a mark: the row "before" lies between them, "after" behind it.
type bench struct {
	t      *testing.T
	ctx    context.Context
	system *postgres.System
	mark   fixtures.Mark
	env    map[string]string
	cut    string // where clients were sent
}

func newBench(t *testing.T) *bench {
	t.Helper()
	ctx, _, s := labtest.Open(t, 10*time.Minute, postgres.Cluster{Spares: 1, Backups: postgres.PgBackRest{}}.Open)
	l := &bench{t: t, ctx: ctx, system: s}
	l.do("CREATE TABLE moment (at text)")
	_, err := s.Backup(ctx, "full")
	labtest.NoError(t, err)
	_, err = s.Backup(ctx, "incr")
	labtest.NoError(t, err)
	l.do("INSERT INTO moment VALUES ('before')")
	l.mark = l.archivedMark("good")
	l.do("INSERT INTO moment VALUES ('after')")
	l.archivedMark("later")
	l.env, err = s.Environment(ctx)
	labtest.NoError(t, err)
	delete(l.env, "PGUSER") // on a node, the server's user is the superuser
	return l
}

func (l *bench) do(sql string) {
	l.t.Helper()
	labtest.NoError(l.t, l.system.Statement(l.ctx, "", "", sql))
}

func (l *bench) archivedMark(label string) fixtures.Mark {
	l.t.Helper()
	m, err := l.system.Mark(l.ctx, label)
	labtest.NoError(l.t, err)
	labtest.NoError(l.t, l.system.Archived(l.ctx, m))
	return m
}

func (l *bench) job(m fixtures.Mark) recovery.Job {
	return recovery.Job{
		System: l.system, Target: m, Env: l.env, Output: io.Discard, Step: func(name string) { l.t.Log(time.Now().Format("05.000"), name) },
		CutOver: func(_ context.Context, hostport string) error { l.cut = hostport; return nil },
	}
}

// on runs a script on a node, 0 the primary and 1 the spare, as the server's user.
func (l *bench) on(node int, script string) string {
	l.t.Helper()
	res, err := l.system.Members()[node].Node.Exec(l.ctx, fixtures.Command{Args: []string{"sh", "-euc", script}, User: "postgres", Env: l.env})
	labtest.NoError(l.t, err)
	return strings.TrimSpace(string(res.Stdout))
}

func (l *bench) rows(node int) string {
	l.t.Helper()
	return l.on(node, `"$GAMEDAY_PGBIN/psql" -h /tmp -d app -XAtc "SELECT string_agg(at, ' ' ORDER BY at) FROM moment"`)
}

func (l *bench) clear() {
	l.t.Helper()
	l.on(1, `"$GAMEDAY_PGBIN/pg_ctl" stop -D "$GAMEDAY_PGDATA" -m immediate -s 2>/dev/null || :; rm -rf "$GAMEDAY_PGDATA" "$GAMEDAY_PGDATA".*`)
}

// stage is what an interrupted run has left beside the data directory.
func (l *bench) stage(node int, says string) {
	l.t.Helper()
	l.on(node, `echo "`+says+`" >"$GAMEDAY_PGDATA.pgbackrest-stage"`)
}

func (l *bench) refuses(p Procedure, m fixtures.Mark, because string) {
	l.t.Helper()
	err := p.Recover(l.ctx, l.job(m))
	var refused *recovery.Refused
	if !errors.As(err, &refused) || !strings.Contains(refused.Reason, because) {
		l.t.Errorf("%s: got %v, want a refusal because of %q", p.Name(), err, because)
	}
}

// needs says which of the needs are met, by what they are about.
func (l *bench) needs(p Procedure, m fixtures.Mark) string {
	l.t.Helper()
	all, err := p.Preflight(l.ctx, l.job(m))
	labtest.NoError(l.t, err)
	var said []string
	for _, n := range all {
		word := "no " + string(n.Resource)
		if n.Met {
			word = string(n.Resource)
		}
		said = append(said, word)
	}
	return strings.Join(said, ", ")
}

func TestRecovery(t *testing.T) {
	l := newBench(t)
	const allMet = "node, permission, backup, log, disk"
	if got := l.needs(To(Name), l.mark); got != allMet {
		t.Errorf("what there is: %s", got)
	}
	testGap(t, l)
	testInPlace(t, l)
	testBeside(t, l) // the last: what it makes on the spare node archives timelines that begin at the mark
}

func testBeside(t *testing.T, l *bench) {
	l.on(1, `mkdir -m 0700 "$GAMEDAY_PGDATA"; echo mine >"$GAMEDAY_PGDATA/file"`)
	l.refuses(To(Name), l.mark, "is not empty")
	if got := l.on(1, `cat "$GAMEDAY_PGDATA/file"; ls /data`); got != "mine\nlog\npgdata" {
		t.Errorf("a refusal has changed something: %q", got)
	}

	for _, kind := range []Kind{LSN, Name} {
		l.clear()
		if kind == LSN { // an earlier run was killed while it restored
			l.on(1, `mkdir -m 0700 "$GAMEDAY_PGDATA"; echo half >"$GAMEDAY_PGDATA/base"; echo restoring >"$GAMEDAY_PGDATA.pgbackrest-stage"`)
		}
		labtest.NoError(t, To(kind).Recover(l.ctx, l.job(l.mark)))
		if got := l.rows(1); got != "before" || l.cut != "spare:5432" {
			t.Errorf("to %s: %q came back, and clients were sent to %q", kind, got, l.cut)
		}
	}

	// Clients have written to the restored server when somebody runs the recovery again.
	l.on(1, `"$GAMEDAY_PGBIN/psql" -h /tmp -d app -qXc "INSERT INTO moment VALUES ('since')"`)
	labtest.NoError(t, To(Name).Recover(l.ctx, l.job(l.mark)))
	if got := l.rows(1); got != "before since" {
		t.Errorf("a second run has left %q", got)
	}
	l.refuses(To(Latest), fixtures.Mark{}, "restored to another target")
	again := l.job(l.mark)
	again.Env = maps.Clone(l.env)
	again.Env["GAMEDAY_RUN"] = "another-run"
	var refused *recovery.Refused
	if err := To(Name).Recover(l.ctx, again); !errors.As(err, &refused) || !strings.Contains(refused.Reason, "by another run") {
		t.Errorf("a server that another run has restored: %v", err)
	}
}

// testGap: without the segment of the mark nothing leads there, nor beyond it.
func testGap(t *testing.T, l *bench) {
	segment := l.on(0, `"$GAMEDAY_PGBIN/psql" -h /tmp -d app -XAtc "SELECT pg_walfile_name('`+l.mark.Position+`'::pg_lsn)"`)
	l.on(0, `mv "$GAMEDAY_VAULT"/pgbackrest/archive/main/*/*/`+segment+`-* /data/`)
	for kind, m := range map[Kind]fixtures.Mark{Name: l.mark, Latest: {}} {
		l.refuses(To(kind), m, segment+", which is missing")
		if got := l.needs(To(kind), m); got != "node, permission, backup, no log, no disk" {
			t.Errorf("with a gap, what there is to %s: %s", kind, got)
		}
	}
	if got := l.on(1, `ls /data`); got != "gameday-start.log\nlog" && got != "log" {
		t.Errorf("a refusal has left %q", got)
	}
	l.on(0, `mv /data/`+segment+`-* "$GAMEDAY_VAULT"/pgbackrest/archive/main/*/`+segment[:16]+`/`)
}

// testInPlace: a server that answers is not replaced by the end of its own log; one that has lost its files under its feet,
// and with them the one that says which process it is, is ended and brought back.
func testInPlace(t *testing.T, l *bench) {
	l.refuses(InPlace(Latest), fixtures.Mark{}, "answers (serving)")
	if got := l.rows(0); got != "after before" {
		t.Errorf("a refusal has left %q", got)
	}
	// Whatever an earlier run has left beside the data directory, a server that answers is one.
	label := path.Base(l.env["GAMEDAY_BACKUP"])
	for _, stage := range []string{"restoring", "restored an-earlier-run " + label + " --type=default", "restored no-run " + label + "x --type=default"} {
		l.stage(0, stage)
		l.refuses(InPlace(Latest), fixtures.Mark{}, "answers (serving)")
	}
	// And of one that is lost, an earlier run's work says nothing, nor this one's where the files are gone.
	l.stage(0, "restored no-run "+label+" --type=default")
	old := l.on(0, `head -n 1 "$GAMEDAY_PGDATA/postmaster.pid"; rm -rf "$GAMEDAY_PGDATA"`)
	l.on(0, `kill -0 `+old) // it does not know yet
	labtest.NoError(t, InPlace(Latest).Recover(l.ctx, l.job(fixtures.Mark{})))
	if got := l.rows(0); got != "after before" {
		t.Errorf("in place, %q came back", got)
	}
	if got := l.on(0, `kill -0 `+old+` 2>/dev/null && echo alive || echo gone; ls "$GAMEDAY_PGDATA".* 2>/dev/null || :`); got != "gone" {
		t.Errorf("after a recovery in place the old server is %q", got)
	}
	testRestoredByAnEarlierRun(t, l, label)
	// Back to an earlier moment, on the server that runs: only what differs is copied.
	labtest.NoError(t, InPlace(LSN).Recover(l.ctx, l.job(l.mark)))
	if got := l.rows(0); got != "before" {
		t.Errorf("in place to the mark, %q came back", got)
	}
	state, err := pgserver.On(l.job(l.mark), l.system.Members()[0].Node).State(l.ctx)
	if labtest.NoError(t, err); state != pgserver.Serving {
		t.Errorf("the server is %s", state)
	}
}

// testRestoredByAnEarlierRun: that run gave up waiting for a promotion, which came later, and the server has served since.
// Now it is lost. What came after the first recovery lies on another timeline than the backup.
func testRestoredByAnEarlierRun(t *testing.T, l *bench, label string) {
	l.do("INSERT INTO moment VALUES ('since')")
	l.archivedMark("since")
	l.stage(0, "restored an-earlier-run "+label+" --type=default")
	l.on(0, `"$GAMEDAY_PGBIN/pg_ctl" stop -D "$GAMEDAY_PGDATA" -m immediate -s; echo damaged >"$GAMEDAY_PGDATA/witness"`)
	labtest.NoError(t, InPlace(Latest).Recover(l.ctx, l.job(fixtures.Mark{})))
	if got := l.rows(0); got != "after before since" {
		t.Errorf("in place once more, %q came back", got)
	}
	if got := l.on(0, `ls "$GAMEDAY_PGDATA/witness" 2>/dev/null || echo gone`); got != "gone" {
		t.Error("nothing was restored: an earlier run's restore was taken for this one's")
	}
}
