package litestream_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/superfly/ltx"

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
		if len(b.cut) != 1 || (b.cut[0] == old) != p.InPlace || len(b.steps) != 4 {
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
		"a target that the replica does not have":                      {litestream.Procedure{}, func(_ *bench, j *recovery.Job) { j.Target.Position = "00000000000fffff" }, "whole up to"},
		"a replica with a gap":                                         {litestream.To(litestream.Latest), func(b *bench, j *recovery.Job) { b.dropTransaction(j) }, "the next that it has begins with"},
		"a replica that is damaged":                                    {litestream.To(litestream.Latest), func(b *bench, j *recovery.Job) { b.damageTransaction(j) }, "is damaged"},
		"a replica with a gap before a time":                           {litestream.To(litestream.Time), func(b *bench, j *recovery.Job) { b.dropTransaction(j) }, "the next that it has begins with"},
		"a replica damaged before a time":                              {litestream.To(litestream.Time), func(b *bench, j *recovery.Job) { b.damageTransaction(j) }, "is damaged"},
		"a replica that has merged the target with what came after it": {litestream.To(litestream.Time), func(b *bench, j *recovery.Job) { b.mergeTransactions(j) }, "has merged"},
		"a replica without the target":                                 {litestream.Procedure{}, func(b *bench, j *recovery.Job) { b.dropTransaction(j) }, "whole up to"},
		"a replica that is empty":                                      {litestream.To(litestream.Latest), func(b *bench, j *recovery.Job) { j.Env["GAMEDAY_REPLICA"] = b.t.TempDir() }, "nothing in the replica"},
		"a replica younger than the target":                            {litestream.To(litestream.Time), func(_ *bench, j *recovery.Job) { j.Target.Time = j.Target.Time.Add(-time.Hour) }, "as old as the target"},
		"a replica whose file is another's":                            {litestream.To(litestream.Latest), func(b *bench, j *recovery.Job) { b.swapTransactions(j) }, "it holds the transactions"},
		"damage that was copied":                                       {litestream.To(litestream.Latest), func(b *bench, _ *recovery.Job) { b.damageStore() }, "integrity check"},
	} {
		t.Run(what, func(t *testing.T) {
			b := newBench(t)
			job := b.job()
			c.change(b, &job)
			err := c.p.Recover(t.Context(), job)
			var no *recovery.Refused
			if err == nil || !strings.Contains(err.Error(), c.want) || errors.As(err, &no) != strings.Contains(what, "replica") {
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

// swapTransactions puts the file of the transaction before the mark's into the place of the mark's.
func (b *bench) swapTransactions(job *recovery.Job) {
	b.keepReplica(job)
	at, err := ltx.ParseTXID(b.mark.Position)
	check(b.t, err)
	before := filepath.Join(filepath.Dir(b.transaction(job)), ltx.FormatFilename(at-1, at-1))
	data, err := os.ReadFile(before)
	check(b.t, err)
	check(b.t, os.WriteFile(b.transaction(job), data, 0o600))
}

// mergeTransactions makes one file of the mark's transaction and the next one, as Litestream does after a while.
func (b *bench) mergeTransactions(job *recovery.Job) {
	b.keepReplica(job)
	at, err := ltx.ParseTXID(b.mark.Position)
	check(b.t, err)
	var parts []io.Reader
	for _, n := range []ltx.TXID{at, at + 1} {
		path := filepath.Join(filepath.Dir(b.transaction(job)), ltx.FormatFilename(n, n))
		data, err := os.ReadFile(path)
		check(b.t, errors.Join(err, os.Remove(path)))
		parts = append(parts, bytes.NewReader(data))
	}
	var merged bytes.Buffer
	c, err := ltx.NewCompactor(&merged, parts)
	check(b.t, err)
	c.HeaderFlags = ltx.HeaderFlagNoChecksum
	check(b.t, c.Compact(b.t.Context()))
	dir := filepath.Join(job.Env["GAMEDAY_REPLICA"], "ltx", "1")
	check(b.t, errors.Join(os.MkdirAll(dir, 0o700), os.WriteFile(filepath.Join(dir, ltx.FormatFilename(at, at+1)), merged.Bytes(), 0o600)))
}

// TestShort: what lies before the damage is restored when that is asked for, and what is left out is said.
func TestShort(t *testing.T) {
	for what, damage := range map[string]func(*bench, *recovery.Job){
		"lost": (*bench).dropTransaction, "damaged": (*bench).damageTransaction,
	} {
		for _, kind := range []litestream.Kind{litestream.Position, litestream.Time, litestream.Latest} {
			b := newBench(t)
			job := b.job()
			damage(b, &job)
			check(t, litestream.Procedure{Kind: kind, Short: true}.Recover(t.Context(), job))
			if got := b.keys(); got != "" {
				t.Errorf("%s, to %s: clients find %q", what, kind, got)
			}
			if !strings.Contains(b.output.String(), "lost: everything after transaction") {
				t.Errorf("%s, to %s: it said\n%s", what, kind, &b.output)
			}
		}
	}
}

// TestTimesOfFilesAreOfNoMatter: a copy of the replica has times of its own on the disk.
func TestTimesOfFilesAreOfNoMatter(t *testing.T) {
	b := newBench(t)
	job := b.job()
	b.keepReplica(&job)
	check(t, litestream.To(litestream.Time).Recover(t.Context(), job))
	if got := b.keys(); got != "before" {
		t.Errorf("clients find %q", got)
	}
}

// TestAfterAKill: run again after it died as any of its steps began, it ends where it should.
func TestAfterAKill(t *testing.T) {
	for _, p := range []litestream.Procedure{{}, {InPlace: true}} {
		for step := 1; step <= 4; step++ {
			b := newBench(t)
			check(t, recovery.Interrupted(p, recovery.Interruption{Step: step}).Recover(t.Context(), b.job()))
			if got := b.keys(); got != "before" || len(b.cut) != 1 {
				t.Errorf("%+v killed at step %d: clients find %q after cutting over to %q", p, step, got, b.cut)
			}
		}
	}
}

// TestAfterAKillBetweenTheNames: in place, the damaged file has been moved away and the new one has not its name yet.
func TestAfterAKillBetweenTheNames(t *testing.T) {
	b := newBench(t)
	job := b.job()
	old := job.Env["GAMEDAY_FILE"]
	check(t, os.Chmod(old, 0o640))
	aside := filepath.Join(filepath.Dir(old), "before-restored-to-"+b.mark.Position+".db")
	check(t, os.Rename(old, aside))
	check(t, litestream.Procedure{InPlace: true}.Recover(t.Context(), job))
	info, err := os.Stat(old)
	check(t, err)
	if got := b.keys(); got != "before" || info.Mode().Perm() != 0o640 {
		t.Errorf("clients find %q in a file of mode %s", got, info.Mode())
	}
	if _, err := os.Stat(aside + "-wal"); err != nil { // with its log, for whoever looks into it
		t.Error(err)
	}
}

// TestOnce: what clients write to by now is not put back to the target.
func TestOnce(t *testing.T) {
	for _, p := range []litestream.Procedure{{}, {InPlace: true}} {
		b := newBench(t)
		job := b.job()
		check(t, p.Recover(t.Context(), job))
		b.write("since")
		var no *recovery.Refused
		if err := p.Recover(t.Context(), job); !errors.As(err, &no) || len(b.cut) != 1 || b.keys() != "before since" {
			t.Errorf("%+v: run again: %v; clients find %q", p, err, b.keys())
		}
	}
}

// TestPreflightAndPlan change nothing, tell what is missing, and name the steps that are done.
func TestPreflightAndPlan(t *testing.T) {
	b := newBench(t)
	job := b.job()
	before, err := os.ReadDir(filepath.Dir(job.Env["GAMEDAY_FILE"]))
	check(t, err)
	p := litestream.Procedure{}
	plan, err := p.Plan(t.Context(), job)
	check(t, err)
	needs, err := p.Preflight(t.Context(), job)
	check(t, err)
	for _, n := range needs {
		if !n.Met || n.Resource == recovery.NeedsDisk && n.Needed < 4096 {
			t.Errorf("%+v", n)
		}
	}
	after, err := os.ReadDir(filepath.Dir(job.Env["GAMEDAY_FILE"]))
	check(t, err)
	if len(needs) != 3 || len(after) != len(before) {
		t.Errorf("needs %+v; files before %v and after %v", needs, before, after)
	}
	check(t, p.Recover(t.Context(), job))
	for i, s := range plan.Steps {
		if s.Does == "" || b.steps[i] != s.Name {
			t.Errorf("planned %+v, done %q", plan.Steps, b.steps)
		}
	}
	b.dropTransaction(&job)
	if needs, err = p.Preflight(t.Context(), job); err != nil || needs[0].Met || needs[0].Resource != recovery.NeedsLog {
		t.Errorf("without the target's transaction: %+v (%v)", needs, err)
	}
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
