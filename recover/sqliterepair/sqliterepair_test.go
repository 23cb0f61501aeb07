package sqliterepair_test

import (
	"bytes"
	"context"
	"database/sql/driver"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/recoverydrill/gameday/fixtures"
	"github.com/recoverydrill/gameday/fixtures/embedded"
	"github.com/recoverydrill/gameday/fixtures/sqlite"
	"github.com/recoverydrill/gameday/fixtures/sqlite/handle"
	recovery "github.com/recoverydrill/gameday/recover"
	"github.com/recoverydrill/gameday/recover/sqliterepair"
)

func check(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

type bench struct {
	t      *testing.T
	sys    *sqlite.System
	job    recovery.Job
	output bytes.Buffer
}

func newBench(t *testing.T) *bench {
	t.Helper()
	run, err := fixtures.NewRun(t.TempDir())
	check(t, err)
	p, err := embedded.New(t.Context(), run, embedded.Options{})
	check(t, err)
	t.Cleanup(func() { check(t, p.Close(context.Background())) })
	b := &bench{t: t}
	b.sys, err = sqlite.Store{}.Open(t.Context(), run, p)
	check(t, err)
	t.Cleanup(func() { check(t, b.sys.Close(context.Background())) })
	b.run(`CREATE TABLE stock (id TEXT, lot INTEGER, amount INTEGER, note TEXT, PRIMARY KEY (id, lot));
		CREATE TABLE changes (what); CREATE TRIGGER changed AFTER UPDATE ON stock BEGIN INSERT INTO changes VALUES (OLD.id); END`)
	for _, id := range []string{"early", "late", "over", "twice", "sound"} {
		b.run("INSERT INTO stock VALUES ('" + id + "', 1, 10, 'first')")
	}
	mark, err := b.sys.Mark(t.Context(), "good")
	check(t, err)
	env, err := b.sys.Environment(t.Context())
	check(t, err)
	b.job = recovery.Job{System: b.sys, Env: env, Target: mark, WorkDir: t.TempDir(), Output: &b.output, Step: func(string) {}}
	return b
}

// run runs statements, each in a transaction of its own that the replica gets.
func (b *bench) run(statements ...string) {
	b.t.Helper()
	for _, s := range statements {
		check(b.t, b.sys.Statement(b.t.Context(), "", "", s))
		check(b.t, b.sys.Replicated(b.t.Context()))
	}
}

func (b *bench) stock() string {
	b.t.Helper()
	h, err := handle.Open(b.t.Context(), b.job.Env["GAMEDAY_FILE"], handle.Write)
	check(b.t, err)
	defer h.Close() //nolint:errcheck // read only
	var all []string
	check(b.t, h.Query(b.t.Context(), "SELECT id, amount, note FROM stock UNION ALL SELECT 'changes', count(*), (SELECT count(*) FROM sqlite_schema WHERE type = 'trigger') FROM changes ORDER BY 1", nil, func(v []driver.Value) error {
		all = append(all, handle.Text(v[0])+" "+handle.Text(v[1])+" "+handle.Text(v[2]))
		return nil
	}))
	return strings.Join(all, ", ")
}

var stock = sqliterepair.Rows(sqliterepair.Damage{Table: "stock", Poison: "amount = 0", Columns: []string{"amount"}})

// TestLastGoodVersions: of a row that was changed rightly before it was damaged, and after, and of one that a client put
// right itself. The repair is no change of the application's.
func TestLastGoodVersions(t *testing.T) {
	b := newBench(t)
	b.run("UPDATE stock SET amount = 0 WHERE id IN ('early', 'over')", // the first burst
		"UPDATE stock SET amount = 20 WHERE id = 'late'",
		"UPDATE stock SET amount = 30, note = 'over' WHERE id = 'over'",
		"UPDATE stock SET note = 'after' WHERE id = 'early'",
		"UPDATE stock SET amount = 0 WHERE id = 'late'", // the second
		"INSERT INTO stock VALUES ('new', 1, 5, 'new')")
	plan, err := stock.Plan(t.Context(), b.job)
	check(t, err)
	needs, err := stock.Preflight(t.Context(), b.job)
	check(t, err)
	b.job.Step = func(name string) {
		if len(plan.Steps) == 0 || plan.Steps[0].Name != name || plan.Steps[0].Does == "" {
			t.Fatalf("step %q is not the next of %+v", name, plan.Steps)
		}
		plan.Steps = plan.Steps[1:]
	}
	check(t, stock.Recover(t.Context(), b.job))
	want := "changes 6 1, early 10 after, late 20 first, new 5 new, over 30 over, sound 10 first, twice 10 first"
	if got := b.stock(); got != want || len(plan.Steps) > 0 || !needs[0].Met {
		t.Errorf("there is\n%s, want\n%s\nneeds %+v", got, want, needs)
	}
	b.job.Step = func(string) {}
	var no *recovery.Refused
	if err := stock.Recover(t.Context(), b.job); !errors.As(err, &no) || b.stock() != want {
		t.Errorf("once more: %v", err)
	}
}

// TestClientsWriteMeanwhile: what a client has put right while the good versions were looked for is left alone.
func TestClientsWriteMeanwhile(t *testing.T) {
	b := newBench(t)
	b.run("UPDATE stock SET amount = 0")
	b.job.Step = func(name string) {
		if name == "put the rows back" {
			b.run("UPDATE stock SET amount = 99 WHERE id = 'late'")
		}
	}
	check(t, stock.Recover(t.Context(), b.job))
	if got := b.stock(); !strings.Contains(got, "late 99") || !strings.Contains(got, "early 10") {
		t.Errorf("there is %s", got)
	}
}

// TestClientsWriteBeforeTheReplicaIsRead: a row that a client has overwritten is healthy in the replica's last state, which
// once was taken for a replica that lags.
func TestClientsWriteBeforeTheReplicaIsRead(t *testing.T) {
	b := newBench(t)
	b.run("UPDATE stock SET amount = 0")
	b.job.Step = func(name string) {
		if name == "find the last good versions" {
			b.run("UPDATE stock SET amount = 99 WHERE id = 'late'", "DELETE FROM stock WHERE id = 'over'")
		}
	}
	check(t, stock.Recover(t.Context(), b.job))
	if got := b.stock(); !strings.Contains(got, "late 99") || !strings.Contains(got, "early 10") || strings.Contains(got, "over") || strings.Contains(b.output.String(), "no good version") {
		t.Errorf("there is %s; it said %s", got, b.output.String())
	}
}

// TestAReplicaThatLags: damage that is younger than the replica's last state is waited for, and not for ever.
func TestAReplicaThatLags(t *testing.T) {
	b := newBench(t)
	dir := t.TempDir()
	replica, old, link := b.job.Env["GAMEDAY_REPLICA"], filepath.Join(dir, "old"), filepath.Join(dir, "replica")
	check(t, os.CopyFS(old, os.DirFS(replica)))
	check(t, os.Symlink(old, link))
	b.job.Env["GAMEDAY_REPLICA"] = link
	b.run("UPDATE stock SET amount = 0 WHERE id = 'late'")
	short := stock
	short.Lag = 100 * time.Millisecond
	var no *recovery.Refused
	if err := short.Recover(t.Context(), b.job); !errors.As(err, &no) || !strings.Contains(err.Error(), "does not hold all of the damage yet") || !strings.Contains(b.stock(), "late 0") {
		t.Errorf("of a replica that stays behind: %v; there is %s", err, b.stock())
	}
	b.job.Step = func(name string) {
		if name == "find the last good versions" {
			time.AfterFunc(300*time.Millisecond, func() {
				if err := errors.Join(os.Symlink(replica, link+".new"), os.Rename(link+".new", link)); err != nil {
					t.Error(err)
				}
			})
		}
	}
	check(t, stock.Recover(t.Context(), b.job))
	if got := b.stock(); !strings.Contains(got, "late 10") {
		t.Errorf("there is %s", got)
	}
}

// TestAfterAKill: killed as any of its steps began, and run again.
func TestAfterAKill(t *testing.T) {
	for step := 1; step <= 3; step++ {
		b := newBench(t)
		b.run("UPDATE stock SET amount = 0")
		check(t, recovery.Interrupted(stock, recovery.Interruption{Step: step}).Recover(t.Context(), b.job))
		if got := b.stock(); strings.Contains(got, " 0 ") {
			t.Errorf("killed at step %d: there is %s", step, got)
		}
	}
}

// TestRefusals: what was damaged before the mark, what no state in the replica tells, what has no key.
func TestRefusals(t *testing.T) {
	keyless := sqliterepair.Rows(sqliterepair.Damage{Table: "changes", Poison: "what = 'early'", Columns: []string{"what"}})
	for what, c := range map[string]struct {
		p    sqliterepair.Procedure
		do   func(*bench)
		want string
	}{
		"nothing is damaged": {stock, func(*bench) {}, "no row is damaged"},
		"before the mark": {stock, func(b *bench) {
			b.run("UPDATE stock SET amount = 0")
			var err error
			b.job.Target, err = b.sys.Mark(t.Context(), "too late")
			check(t, err)
			b.run("UPDATE stock SET note = 'x'")
		}, "at the mark already"},
		"a replica of nothing": {stock, func(b *bench) {
			b.run("UPDATE stock SET amount = 0")
			b.job.Env["GAMEDAY_REPLICA"] = t.TempDir()
		}, "nothing in the replica"},
		"no key": {keyless, func(b *bench) { b.run("UPDATE stock SET amount = 1") }, "no primary key"},
	} {
		b := newBench(t)
		c.do(b)
		before := b.stock()
		var no *recovery.Refused
		if err := c.p.Recover(t.Context(), b.job); !errors.As(err, &no) || !strings.Contains(err.Error(), c.want) || b.stock() != before {
			t.Errorf("%s: %v; there is %s", what, err, b.stock())
		}
	}
}
