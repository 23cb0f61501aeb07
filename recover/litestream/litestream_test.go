package litestream_test

import (
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/recoverydrill/gameday/fixtures"
	"github.com/recoverydrill/gameday/fixtures/embedded"
	"github.com/recoverydrill/gameday/fixtures/sqlite"
	"github.com/recoverydrill/gameday/fixtures/traffic"
	recovery "github.com/recoverydrill/gameday/recover"
	"github.com/recoverydrill/gameday/recover/litestream"
)

// bench is a store with a past: "before" is in the mark, "after" is not.
type bench struct {
	t    *testing.T
	sys  *sqlite.System
	mark fixtures.Mark

	output bytes.Buffer
	steps  []string
	cut    []string
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
	b.write("before")
	b.mark, err = b.sys.Mark(t.Context(), "good")
	check(t, err)
	b.write("after")
	check(t, b.sys.Replicated(t.Context()))
	return b
}

func check(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func (b *bench) write(key string) {
	b.t.Helper()
	s, err := b.sys.Connect(b.t.Context(), "")
	check(b.t, err)
	_, err = s.Apply(b.t.Context(), []traffic.Mutation{{Kind: traffic.Insert, Row: traffic.Row{Table: traffic.TableItem, Key: key, Ver: 1}}})
	check(b.t, errors.Join(err, s.Close()))
}

func (b *bench) keys() string {
	b.t.Helper()
	var all []string
	check(b.t, b.sys.Rows(b.t.Context(), "", func(r traffic.Row) error {
		all = append(all, r.Key)
		return nil
	}))
	return strings.Join(all, " ")
}

func (b *bench) job() recovery.Job {
	b.t.Helper()
	env, err := b.sys.Environment(b.t.Context())
	check(b.t, err)
	return recovery.Job{
		System: b.sys, Target: b.mark, Env: env, Output: &b.output,
		Step: func(name string) { b.steps = append(b.steps, name) },
		CutOver: func(ctx context.Context, path string) error {
			b.cut = append(b.cut, path)
			return b.sys.Reopen(ctx, path)
		},
	}
}

// TestForms: each form of the target ends where it says, beside the damaged file or in its place, and as private.
func TestForms(t *testing.T) {
	if testing.Short() {
		t.Skip("takes a second")
	}
	for _, p := range []litestream.Procedure{
		{}, litestream.To(litestream.Time), litestream.To(litestream.Latest), {InPlace: true}, {Kind: litestream.Time, InPlace: true},
	} {
		b := newBench(t)
		job := b.job()
		old := job.Env["GAMEDAY_FILE"]
		if err := p.Recover(t.Context(), job); err != nil {
			t.Errorf("%+v: %v\n%s", p, err, &b.output)
			continue
		}
		want := "before"
		if p.Kind == litestream.Latest {
			want = "before after"
		}
		if got := b.keys(); got != want {
			t.Errorf("%+v: clients find %q, want %q", p, got, want)
		}
		if len(b.cut) != 1 || (b.cut[0] == old) != p.InPlace || len(b.steps) != 3 {
			t.Errorf("%+v: cut over to %q in the steps %q", p, b.cut, b.steps)
		}
		if info, err := os.Stat(b.cut[0]); err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("%+v: the file's mode: %v (%v)", p, info.Mode(), err)
		}
		settings, err := b.sys.Durability(t.Context(), "")
		check(t, err)
		for _, s := range settings {
			if !s.OK {
				t.Errorf("%+v: %+v", p, s)
			}
		}
	}
}

// TestInPlaceTakesTheOldLogAway: beside the new file it would be taken for its own.
func TestInPlaceTakesTheOldLogAway(t *testing.T) {
	b := newBench(t)
	job := b.job()
	job.CutOver = func(_ context.Context, path string) error {
		for _, beside := range []string{"-wal", "-shm"} {
			if _, err := os.Stat(path + beside); err == nil {
				t.Errorf("%s%s is there when clients open the file", filepath.Base(path), beside)
			}
		}
		return nil
	}
	check(t, litestream.Procedure{InPlace: true}.Recover(t.Context(), job))
}

// TestLostFile: with the file itself gone the replica is all there is.
func TestLostFile(t *testing.T) {
	b := newBench(t)
	job := b.job()
	old := job.Env["GAMEDAY_FILE"]
	check(t, errors.Join(os.Remove(old), os.Remove(old+"-wal"), os.Remove(old+"-shm")))
	check(t, litestream.To(litestream.Latest).Recover(t.Context(), job))
	if got := b.keys(); got != "before after" {
		t.Errorf("clients find %q", got)
	}
}

// TestRefusals: nobody is sent anywhere when the recovery cannot end where it should.
func TestRefusals(t *testing.T) {
	if testing.Short() {
		t.Skip("takes a second")
	}
	for what, c := range map[string]struct {
		p      litestream.Procedure
		change func(*bench, *recovery.Job)
		want   string
	}{
		"no replica":      {litestream.Procedure{}, func(_ *bench, j *recovery.Job) { j.Env["GAMEDAY_REPLICA"] = "" }, "no replica"},
		"no target":       {litestream.Procedure{}, func(_ *bench, j *recovery.Job) { j.Target = fixtures.Mark{} }, "no target position"},
		"no target time":  {litestream.To(litestream.Time), func(_ *bench, j *recovery.Job) { j.Target = fixtures.Mark{} }, "no target time"},
		"another engine":  {litestream.Procedure{}, func(_ *bench, j *recovery.Job) { j.Target.Position = "0/15D4" }, `"0/15D4"`},
		"an unknown form": {litestream.To("moment"), func(*bench, *recovery.Job) {}, "unknown kind"},
		"a target that the replica does not have": {litestream.Procedure{}, func(_ *bench, j *recovery.Job) { j.Target.Position = "00000000000fffff" }, "not available"},
		"a replica with a gap":                    {litestream.To(litestream.Latest), func(b *bench, j *recovery.Job) { b.dropTransaction(j) }, "non-contiguous"},
		"a replica that is damaged":               {litestream.To(litestream.Latest), func(b *bench, j *recovery.Job) { b.damageTransaction(j) }, "restore from the replica"},
		"damage that was copied":                  {litestream.To(litestream.Latest), func(b *bench, _ *recovery.Job) { b.damageStore() }, "integrity check"},
	} {
		t.Run(what, func(t *testing.T) {
			b := newBench(t)
			job := b.job()
			c.change(b, &job)
			err := c.p.Recover(t.Context(), job)
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("want an error about %q, got %v", c.want, err)
			}
			if len(b.cut) > 0 {
				t.Errorf("clients were sent to %q", b.cut)
			}
		})
	}
}

// damageStore makes an index that does not belong to its table, which Litestream copies like anything else.
func (b *bench) damageStore() {
	b.t.Helper()
	check(b.t, b.sys.Statement(b.t.Context(), "", "", `PRAGMA writable_schema = on; UPDATE sqlite_schema SET rootpage =
		(SELECT rootpage FROM sqlite_schema WHERE name = 'sqlite_autoindex_gameday_op_1') WHERE name = 'sqlite_autoindex_gameday_item_1'`))
	check(b.t, b.sys.Replicated(b.t.Context()))
}

// transaction is the file of the mark's transaction in the replica.
func (b *bench) transaction(job *recovery.Job) string {
	return filepath.Join(job.Env["GAMEDAY_REPLICA"], "ltx", "0", b.mark.Position+"-"+b.mark.Position+".ltx")
}

func (b *bench) dropTransaction(job *recovery.Job) {
	b.keepReplica(job)
	check(b.t, os.Remove(b.transaction(job)))
}

func (b *bench) damageTransaction(job *recovery.Job) {
	b.keepReplica(job)
	path := b.transaction(job)
	data, err := os.ReadFile(path)
	check(b.t, err)
	data[len(data)/2] ^= 0xff
	check(b.t, os.WriteFile(path, data, 0o600))
}

// keepReplica lets the recovery work on a copy of the replica.
func (b *bench) keepReplica(job *recovery.Job) {
	b.t.Helper()
	b.write("more")
	check(b.t, b.sys.Replicated(b.t.Context()))
	dir := filepath.Join(b.t.TempDir(), "replica")
	check(b.t, os.CopyFS(dir, os.DirFS(job.Env["GAMEDAY_REPLICA"])))
	job.Env["GAMEDAY_REPLICA"] = dir
}
