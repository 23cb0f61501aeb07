package pgrepair

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/recoverydrill/gameday/fixtures"
	"github.com/recoverydrill/gameday/fixtures/postgres"
	recovery "github.com/recoverydrill/gameday/recover"
	"github.com/recoverydrill/gameday/recover/internal/labtest"
)

// bench is a system with a backup and a mark, whose table "paid" has been damaged since, between good writes to the same rows.
type bench struct {
	t      *testing.T
	ctx    context.Context
	system *postgres.System
	mark   fixtures.Mark
	env    map[string]string
}

func newBench(t *testing.T) *bench {
	t.Helper()
	ctx, run, s := labtest.Open(t, 8*time.Minute, postgres.Cluster{Spares: 1}.Open)
	l := &bench{t: t, ctx: ctx, system: s}
	l.do("CREATE TABLE paid (id int PRIMARY KEY, amount int NOT NULL, note text NOT NULL DEFAULT '')",
		"INSERT INTO paid SELECT n, n * 10 FROM generate_series(1, 7) n", "CREATE TABLE gone AS TABLE paid", "ALTER TABLE gone ADD PRIMARY KEY (id)")
	_, err := s.Backup(ctx, "full")
	labtest.NoError(t, err)
	l.mark, err = s.Mark(ctx, "good")
	labtest.NoError(t, err)
	labtest.NoError(t, s.Archived(ctx, l.mark))
	engine, err := s.Environment(ctx)
	labtest.NoError(t, err)
	l.env = recovery.Environment(engine, run, "a drill", t.TempDir(), l.mark)
	delete(l.env, "PGUSER") // on a node, the server's user is the superuser
	return l
}

func (l *bench) do(statements ...string) {
	l.t.Helper()
	for _, sql := range statements {
		labtest.NoError(l.t, l.system.Statement(l.ctx, "", "", sql))
	}
}

// repair runs the procedure; at is called at the beginning of each step.
func (l *bench) repair(ctx context.Context, at func(step string), damages ...Damage) (string, error) {
	var out strings.Builder
	err := Rows(damages...).Recover(ctx, recovery.Job{
		System: l.system, Target: l.mark, Env: l.env, Output: &out, WorkDir: l.t.TempDir(), Step: at,
	})
	l.t.Logf("%s%v", out.String(), err)
	return out.String(), err
}

// on runs a script on a node, 0 the primary and 1 the spare, as the server's user.
func (l *bench) on(node int, script string) string {
	l.t.Helper()
	res, err := l.system.Members()[node].Node.Exec(l.ctx, fixtures.Command{Args: []string{"sh", "-euc", script}, User: "postgres", Env: l.env})
	labtest.NoError(l.t, err)
	return strings.TrimSpace(string(res.Stdout))
}

func (l *bench) rows(table, want string) {
	l.t.Helper()
	got := l.on(0, `"$GAMEDAY_PGBIN/psql" -h /tmp -d app -XAtc "SELECT string_agg(concat_ws(':', id, amount, nullif(note, '')), ' ' ORDER BY id) FROM `+table+`"`)
	if got != want {
		l.t.Errorf("the rows of %s are\n%s, want\n%s", table, got, want)
	}
}

// A client may have written to a row after the mark and before it was damaged, and again since, without healing it: its
// present version names the last client, and the mark's is stale. Deleted rows name nobody.
func TestTheLastGoodVersionIsPutBack(t *testing.T) {
	l := newBench(t)
	l.do("UPDATE paid SET amount = 11 WHERE id = 1", "UPDATE paid SET amount = 22 WHERE id = 2",
		"UPDATE paid SET amount = 0 WHERE id < 4",       // the damage
		"UPDATE paid SET note = 'seen' WHERE id = 1",    // and three that saw it
		"UPDATE paid SET note = 'checked' WHERE id = 1", // and did not see it
		"UPDATE paid SET note = 'seen' WHERE id = 2",
		"UPDATE paid SET amount = 33 WHERE id = 3",
		"UPDATE paid SET amount = 55 WHERE id = 5", "INSERT INTO paid VALUES (8, 88)",
		"DELETE FROM paid WHERE id >= 5", // the other damage
		"DELETE FROM paid WHERE id = 4", "INSERT INTO paid VALUES (7, 77)")
	damage := Damage{Table: "paid", Poison: "amount = 0", Columns: []string{"amount"}, Deleted: "id >= 5"}
	if _, err := Rows(damage).Plan(l.ctx, recovery.Job{System: l.system, Target: l.mark, Env: l.env}); err == nil {
		t.Error("a table without its schema was taken")
	}
	damage.Table = "public.paid"

	// Killed when the rows are back and the copy is not discarded, it is run again, and refuses nothing.
	ctx, kill := context.WithCancel(l.ctx)
	_, err := l.repair(ctx, func(step string) {
		if step == "look again" {
			kill()
		}
	}, damage)
	if !errors.Is(err, context.Canceled) {
		t.Errorf("killed: %v", err)
	}
	const want = "1:11:checked 2:22:seen 3:33 5:55 6:60 7:77 8:88"
	l.rows("paid", want)
	poison := damage
	poison.Deleted = ""
	if _, err := l.repair(l.ctx, func(string) {}, poison); err != nil {
		t.Errorf("run again after it was killed: %v", err)
	}
	l.rows("paid", want)
	if left := l.on(1, `ls -A "$GAMEDAY_PGDATA"`); left != "" {
		t.Errorf("the copy is left: %q", left)
	}

	// Now there is nothing to be done, and nothing of an earlier run.
	var refused *recovery.Refused
	if _, err := l.repair(l.ctx, func(string) {}, poison); !errors.As(err, &refused) || !strings.Contains(refused.Reason, "no row of any table looks damaged") {
		t.Errorf("without damage: %v", err)
	}
	l.do("UPDATE gone SET amount = 11 WHERE id = 1", "TRUNCATE gone")
	if _, err := l.repair(l.ctx, func(string) {}, Damage{Table: "public.gone", Deleted: "true"}); !errors.As(err, &refused) || !strings.Contains(refused.Reason, "public.gone was rewritten since the mark") {
		t.Errorf("rows that were truncated: %v", err)
	}
	if n := l.on(0, `"$GAMEDAY_PGBIN/psql" -h /tmp -d app -XAtc "SELECT count(*) FROM gone"`); n != "0" {
		t.Errorf("it refused, and put %s rows back", n)
	}
}

// Rows may be damaged first and deleted then, some of them or all: no row that is left tells of the damage, the condition on
// deleted rows may be that of the damage itself, and what clients have written in between must not be lost. One was 0
// rightly, and is that again.
func TestRowsThatWereDamagedAndThenDeletedComeBackGood(t *testing.T) {
	l := newBench(t)
	l.do("UPDATE paid SET amount = 15 WHERE id = 1",
		"INSERT INTO paid VALUES (9, 0)", "UPDATE paid SET note = 'free' WHERE id = 9",
		"UPDATE paid SET amount = 0 WHERE amount > 0",   // the damage
		"UPDATE paid SET note = 'seen' WHERE id = 2",    // somebody who did not see it
		"DELETE FROM paid WHERE id < 6 OR id = 9",       // the other damage
		"UPDATE gone SET amount = 0 WHERE amount > 0",   // and once more to every row of a table
		"DELETE FROM gone WHERE amount = 0 OR id > 100") // of which nothing is left
	said, err := l.repair(l.ctx, func(string) {},
		Damage{Table: "public.paid", Poison: "amount = 0", Columns: []string{"amount"}, Deleted: "id < 6 OR id = 9"},
		Damage{Table: "public.gone", Poison: "amount = 0", Deleted: "amount = 0"})
	labtest.NoError(t, err)
	if !strings.Contains(said, "public.paid: 8 rows put back\npublic.gone: 7 rows put back\n") {
		t.Error("a row that was deleted and healed is counted twice")
	}
	l.rows("paid", "1:15 2:20:seen 3:30 4:40 5:50 6:60 7:70 9:0:free")
	l.rows("gone", "1:10 2:20 3:30 4:40 5:50 6:60 7:70")
}
