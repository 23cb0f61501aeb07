package catalogue_test

import (
	"bytes"
	"context"
	"errors"
	"os"
	"testing"

	"github.com/recoverydrill/gameday/fixtures"
	"github.com/recoverydrill/gameday/fixtures/embedded"
	"github.com/recoverydrill/gameday/fixtures/eventlog"
	"github.com/recoverydrill/gameday/fixtures/sqlite/handle"
	"github.com/recoverydrill/gameday/fixtures/traffic"
	recovery "github.com/recoverydrill/gameday/recover"
	"github.com/recoverydrill/gameday/recover/derived"
	"github.com/recoverydrill/gameday/scenarios/derived/catalogue"
)

func check(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// bench is a catalogue with a backup, and events after it.
func bench(t *testing.T) (catalogue.Store, recovery.Job) {
	t.Helper()
	run, err := fixtures.NewRun(t.TempDir())
	check(t, err)
	p, err := embedded.New(t.Context(), run, embedded.Options{})
	check(t, err)
	t.Cleanup(func() { check(t, p.Close(context.Background())) })
	store := catalogue.Store{Dir: t.TempDir(), Goods: 20}
	started, err := store.Start(t.Context(), run, p)
	check(t, err)
	t.Cleanup(func() { check(t, started.Close(context.Background())) })
	sys := started.(*catalogue.System)
	_, err = sys.Backup(t.Context(), "nightly")
	check(t, err)
	check(t, sys.Deliver(t.Context(), 7, 100))
	client, err := sys.Connect(t.Context(), "")
	check(t, err)
	row := traffic.Row{Table: traffic.TableOp, Key: "1", Op: 1, Ver: 1}
	_, err = client.Apply(t.Context(), []traffic.Mutation{{Kind: traffic.Insert, Row: row}})
	check(t, errors.Join(err, client.Close()))
	env, err := sys.Environment(t.Context())
	check(t, err)
	return store, recovery.Job{
		System: sys, Env: env, WorkDir: t.TempDir(), Output: new(bytes.Buffer), Step: func(string) {},
		CutOver: sys.Reopen,
	}
}

// contents are the goods, what can be found of them, and traffic's rows.
func contents(t *testing.T, sys fixtures.System) string {
	t.Helper()
	env, err := sys.(fixtures.Responder).Environment(t.Context())
	check(t, err)
	h, err := handle.Open(t.Context(), env["GAMEDAY_FILE"], handle.Write)
	check(t, err)
	defer h.Close() //nolint:errcheck // read only
	got, err := h.Value(t.Context(), `SELECT (SELECT group_concat(sku || ' ' || stock || ' ' || deliveries, ', ' ORDER BY sku) FROM goods) || '; ' ||
		(SELECT group_concat(rowid, ' ') FROM search WHERE search MATCH 'word3') || '; ' || (SELECT group_concat(k) FROM gameday_op) || '; ' ||
		(SELECT number FROM applied) || '; ' || (SELECT count(*) FROM gameday_identity)`)
	check(t, err)
	return got
}

// TestAfterAKill: both ways end with what the store held, run again after they died as any of their steps began.
func TestAfterAKill(t *testing.T) {
	for step := range 5 {
		for _, way := range []func(catalogue.Store) derived.Procedure{catalogue.Store.Rebuild, catalogue.Store.Resume} {
			store, job := bench(t)
			want := contents(t, job.System)
			check(t, job.System.(fixtures.Operator).Statement(t.Context(), "", "", "UPDATE goods SET stock = 0; DELETE FROM search"))
			var r recovery.Recovery = way(store)
			if step > 0 {
				r = recovery.Interrupted(way(store), recovery.Interruption{Step: step})
			}
			check(t, r.Recover(t.Context(), job))
			if got := contents(t, job.System); got != want {
				t.Errorf("%s, killed at step %d: clients find\n%s, want\n%s", way(store).Name(), step, got, want)
			}
			var no *recovery.Refused
			if err := way(store).Recover(t.Context(), job); !errors.As(err, &no) {
				t.Errorf("once more, over what clients write to by now: %v", err)
			}
		}
	}
}

// TestASourceWithAHoleIsRefused, whatever could be made of the rest.
func TestASourceWithAHoleIsRefused(t *testing.T) {
	store, job := bench(t)
	path := store.Source().Path
	data, err := os.ReadFile(path)
	check(t, err)
	end := bytes.IndexByte(data, '\n') + 1
	check(t, os.WriteFile(path, data[end:], 0o600))
	want := contents(t, job.System)
	for _, p := range []derived.Procedure{store.Rebuild(), store.Resume()} {
		var no *recovery.Refused
		if err := p.Recover(t.Context(), job); !errors.As(err, &no) || contents(t, job.System) != want {
			t.Errorf("%s: %v", p.Name(), err)
		}
	}
	var damage *eventlog.DamageError
	if _, err := store.Source().Events(t.Context(), 0, func(eventlog.Event) error { return nil }); !errors.As(err, &damage) || damage.After != 0 {
		t.Error(err)
	}
}
