package sqlitesalvage_test

import (
	"bytes"
	"context"
	"errors"
	"os"
	"strings"
	"testing"

	"github.com/recoverydrill/gameday/fixtures"
	"github.com/recoverydrill/gameday/fixtures/dataset"
	"github.com/recoverydrill/gameday/fixtures/embedded"
	"github.com/recoverydrill/gameday/fixtures/sqlite"
	"github.com/recoverydrill/gameday/fixtures/traffic"
	recovery "github.com/recoverydrill/gameday/recover"
	"github.com/recoverydrill/gameday/recover/sqlitesalvage"
)

// live is a store with clients.
type live struct {
	t      *testing.T
	sys    *sqlite.System
	job    recovery.Job
	steps  []string
	cut    []string
	output bytes.Buffer
}

func newLive(t *testing.T) *live {
	t.Helper()
	run, err := fixtures.NewRun(t.TempDir())
	check(t, err)
	p, err := embedded.New(t.Context(), run, embedded.Options{})
	check(t, err)
	t.Cleanup(func() { check(t, p.Close(context.Background())) })
	l := &live{t: t}
	l.sys, err = sqlite.Store{Dataset: dataset.Shop(dataset.ShopOptions{Scale: 0.05})}.Open(t.Context(), run, p)
	check(t, err)
	t.Cleanup(func() { check(t, l.sys.Close(context.Background())) })
	env, err := l.sys.Environment(t.Context())
	check(t, err)
	l.job = recovery.Job{
		System: l.sys, Env: env, Output: &l.output, Step: func(name string) { l.steps = append(l.steps, name) },
		CutOver: func(ctx context.Context, path string) error {
			l.cut = append(l.cut, path)
			return l.sys.Reopen(ctx, path)
		},
	}
	return l
}

func (l *live) write(key string) error {
	client, err := l.sys.Connect(l.t.Context(), "")
	check(l.t, err)
	defer client.Close() //nolint:errcheck // nothing is under way
	_, err = client.Apply(l.t.Context(), []traffic.Mutation{{Kind: traffic.Insert, Row: traffic.Row{Table: traffic.TableItem, Key: key, Ver: 1}}})
	return err
}

// damage zeroes a page of a table, and returns its rows' keys.
func (l *live) damage(table string) []string {
	l.t.Helper()
	page, err := l.sys.Page(l.t.Context(), "", table, 1)
	check(l.t, err)
	check(l.t, fixtures.Overwrite(l.t.Context(), page.Node, page.Path, page.Offset, make([]byte, page.Size)))
	check(l.t, l.sys.Forget(l.t.Context(), page))
	return page.Keys
}

func (l *live) keys() string {
	l.t.Helper()
	var keys []string
	check(l.t, l.sys.Rows(l.t.Context(), "", func(r traffic.Row) error {
		keys = append(keys, r.Key)
		return nil
	}))
	return strings.Join(keys, " ")
}

// TestClientsCannotWriteMeanwhile: what is acknowledged before the cut-over is in the new file, because nothing is while it
// is made; and the file is as private as the old one, in Litestream's replica, and what the plan says.
func TestClientsCannotWriteMeanwhile(t *testing.T) {
	short(t)
	l := newLive(t)
	plan, err := sqlitesalvage.Procedure{}.Plan(t.Context(), l.job)
	check(t, err)
	needs, err := sqlitesalvage.Procedure{}.Preflight(t.Context(), l.job)
	check(t, err)
	for _, n := range needs {
		if !n.Met || n.Resource == recovery.NeedsDisk && n.Needed < 100_000 {
			t.Errorf("%+v", n)
		}
	}
	check(t, l.write("before"))
	check(t, os.Chmod(l.job.Env["GAMEDAY_FILE"], 0o640))
	keys := l.damage("events")
	check(t, l.write("on-the-damaged-file"))
	l.job.Step = func(name string) {
		l.steps = append(l.steps, name)
		if len(l.steps) > 1 {
			if err := l.write(name); !errors.Is(err, traffic.ErrRefused) {
				t.Errorf("a write while %q begins: %v", name, err)
			}
		}
	}
	check(t, sqlitesalvage.Procedure{}.Recover(t.Context(), l.job))
	if got := l.keys(); got != "before on-the-damaged-file" {
		t.Errorf("clients find %q", got)
	}
	for i, s := range plan.Steps {
		if s.Does == "" || l.steps[i] != s.Name {
			t.Errorf("planned %+v, done %q", plan.Steps, l.steps)
		}
	}
	info, err := os.Stat(l.cut[0])
	check(t, err)
	settings, err := l.sys.Durability(t.Context(), "")
	check(t, err)
	for _, s := range settings {
		if !s.OK {
			t.Errorf("%+v", s)
		}
	}
	if info.Mode().Perm() != 0o640 || len(keys) == 0 || !strings.Contains(l.output.String(), "lost: events: page") {
		t.Errorf("mode %s; %d keys; it said\n%s", info.Mode(), len(keys), &l.output)
	}
	l.job.Step = func(string) {}
	var no *recovery.Refused
	if err := (sqlitesalvage.Procedure{}).Recover(t.Context(), l.job); !errors.As(err, &no) || len(l.cut) != 1 {
		t.Errorf("once more, over what clients write to by now: %v", err)
	}
}

// TestFilesThatAreRefused: a sound file is left alone, and one that cannot be opened, or is not there, is not for a salvage.
func TestFilesThatAreRefused(t *testing.T) {
	short(t)
	for what, c := range map[string]struct {
		do   func(*live)
		want string
	}{
		"sound": {func(*live) {}, "finds nothing wrong"},
		"no header": {func(l *live) {
			l.down()
			check(t, fixtures.Overwrite(t.Context(), l.sys.Members()[0].Node, l.job.Env["GAMEDAY_FILE"], 0, make([]byte, 100)))
		}, "restore a backup"},
		"gone": {func(l *live) {
			l.down()
			check(t, os.Remove(l.job.Env["GAMEDAY_FILE"]))
		}, "is not there"},
	} {
		l := newLive(t)
		c.do(l)
		var no *recovery.Refused
		if err := (sqlitesalvage.Procedure{}).Recover(t.Context(), l.job); !errors.As(err, &no) || !strings.Contains(err.Error(), c.want) || len(l.cut) > 0 {
			t.Errorf("%s: %v; cut over to %q\n%s", what, err, l.cut, &l.output)
		}
	}
}

func (l *live) down() {
	l.t.Helper()
	check(l.t, l.sys.StopServer(l.t.Context(), l.sys.Members()[0].Node))
	check(l.t, os.Remove(l.job.Env["GAMEDAY_FILE"]+"-wal")) // its frames would be read once more
}

// TestAfterAKill: run again after it died as any of its steps began, clients lose nothing.
func TestAfterAKill(t *testing.T) {
	short(t)
	for step := 1; step <= 4; step++ {
		l := newLive(t)
		l.damage("events")
		check(t, l.write("before"))
		check(t, recovery.Interrupted(sqlitesalvage.Procedure{}, recovery.Interruption{Step: step}).Recover(t.Context(), l.job))
		if got := l.keys(); got != "before" || len(l.cut) != 1 {
			t.Errorf("killed at step %d: clients find %q after cutting over to %q", step, got, l.cut)
		}
	}
}
