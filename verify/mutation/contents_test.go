package mutation_test

import (
	"context"
	"encoding/hex"
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/recoverydrill/gameday/fixtures"
	"github.com/recoverydrill/gameday/reports"
	"github.com/recoverydrill/gameday/verify"
)

// engine is what a campaign needs of a store.
type engine struct {
	name     string // with the version
	database string
	snapshot func(ctx context.Context) (fixtures.Snapshot, error)
	// exec runs statements one after another over one connection.
	exec func(ctx context.Context, statements ...string) error
	// stored is every row of a table as it is stored, read in another way than the survey does: what is equal here was
	// not changed, whatever the statement meant to do.
	stored func(ctx context.Context, s shape, table string) ([]string, error)
	// copyOf is what makes an empty table of a model's shape.
	copyOf func(s shape, table string) []string
	shapes []shape
}

// shape is a table of which copies are changed. Its rows are in the table that is named model.
type shape struct {
	model   string
	columns []column
	// row is the condition that is true of the row with this number only, from 0.
	row  func(table string, n int) string
	rows int
	// key is what a rows file calls the row with this number; nil where it has no name, or a change gives it another.
	key func(n int) string
	// copied are the columns that can be written, "*" all of them.
	copied string
	// twin is what to write in place of a column for a second row beside the first: the key must be another. "" is none.
	twin map[string]string
}

// column is one column with the changes that can be made to its value: expressions of the engine, in which $c is the
// column, $r a random number below a million, $b a random power of two below 128, $l a random letter.
type column struct {
	name    string
	changes []string
}

// change is one change of one table.
type change struct {
	what       string
	statements []string
	keys       []string // of the rows that the finding must name; nil where they are not known
}

func (s shape) refill(table string) []string {
	if s.copied == "*" {
		return []string{"DELETE FROM " + table, "INSERT INTO " + table + " SELECT * FROM " + s.model}
	}
	return []string{"DELETE FROM " + table, "INSERT INTO " + table + " (" + s.copied + ") SELECT " + s.copied + " FROM " + s.model}
}

// draw makes a random change of a table of this shape.
func (s shape) draw(rng *rand.Rand, table string) change {
	n := rng.IntN(s.rows)
	where := " WHERE " + s.row(table, n)
	named := func(rows ...int) (keys []string) {
		if s.key == nil {
			return nil
		}
		for _, r := range rows {
			keys = append(keys, s.key(r))
		}
		return keys
	}
	c := s.columns[rng.IntN(len(s.columns))]
	switch pick := rng.IntN(100); {
	case pick < 5:
		return change{"delete", []string{"DELETE FROM " + table + where}, named(n)}
	case pick < 10:
		columns, values := s.copied, s.copied
		for name, value := range s.twin {
			parts := strings.Split(values, ", ")
			parts[slices.Index(parts, name)] = value
			values = strings.Join(parts, ", ")
		}
		into := table
		if columns != "*" {
			into += " (" + columns + ")"
		}
		return change{"insert a row like another", []string{"INSERT INTO " + into + " SELECT " + values + " FROM " + s.model + " WHERE " + s.row(s.model, n)}, nil}
	case pick < 18:
		other := (n + 1 + rng.IntN(s.rows-1)) % s.rows
		set := func(to, from int) string {
			return fmt.Sprintf("UPDATE %s SET %s = (SELECT %s FROM %s WHERE %s) WHERE %s", table, c.name, c.name, s.model, s.row(s.model, from), s.row(table, to))
		}
		if s.key == nil { // the first statement may move the rows: one value is copied instead
			return change{"copy " + c.name + " from another row", []string{set(n, other)}, nil}
		}
		return change{"swap " + c.name + " of two rows", []string{set(n, other), set(other, n)}, named(n, other)}
	default:
		e := strings.NewReplacer("$c", c.name, "$r", strconv.Itoa(rng.IntN(1_000_000)), "$b", strconv.Itoa(1<<rng.IntN(7)), "$l", string(rune('a'+rng.IntN(26)))).
			Replace(c.changes[rng.IntN(len(c.changes))])
		return change{c.name + " = " + e, []string{"UPDATE " + table + " SET " + c.name + " = " + e + where}, named(n)}
	}
}

// tally is what a campaign has shown.
type tally struct {
	changes, unchanged, refused, escapes, alarms, misnamed int
	surveys                                                int
	took                                                   time.Duration
}

// changedTable is a copy under attack.
type changedTable struct {
	shape  shape
	name   string
	before []string // as stored
	made   change
	kind   outcome
}

type outcome int

const (
	changed outcome = iota
	same            // the engine stores the same as before
	refused         // the engine did not take the statement
)

// campaign makes changes until there are as many as wanted, of which copies are made at a time.
func (e *engine) campaign(t *testing.T, changes, copies int) tally {
	t.Helper()
	seed := seedOf(t)
	rng := rand.New(rand.NewPCG(seed, 11))
	ctx := t.Context()
	tables := e.prepare(t, copies)
	base, found := filepath.Join(t.TempDir(), "base"), filepath.Join(t.TempDir(), "found")
	var sum tally
	began := time.Now()
	var was *fixtures.Manifest
	for batch := 0; sum.changes < changes && !t.Failed() && !overdue(began); batch++ {
		if batch%10 == 0 { // another nonce: other seeds of every digest
			was = e.survey(t, nonceOf(rng), base, nil)
			sum.surveys++
		}
		for _, a := range tables {
			e.attack(t, rng, a)
		}
		is := e.survey(t, was.Nonce, found, was)
		for _, a := range tables {
			e.judge(t, &sum, a, was, is, base, found)
		}
		for _, a := range tables {
			if err := e.exec(ctx, a.shape.refill(a.name)...); err != nil {
				t.Fatalf("put %s back: %v", a.name, err)
			}
		}
		if sum.surveys++; batch%4 != 3 && sum.changes < changes {
			continue
		}
		again := e.survey(t, was.Nonce, found, was)
		sum.surveys++
		for _, r := range verify.Judge(ctx, evidence(was, again, base, found), []verify.Check{verify.Contents{}, verify.Structure{}}, nil) {
			if r.Outcome != reports.Passed {
				sum.alarms++
				t.Errorf("false alarm: everything was put back, and %s says %v: %+v", r.Name, r.Outcome, r.Findings)
			}
		}
		if sum.took = time.Since(began); batch%10 == 9 {
			t.Logf("%d changes in %.0f s: %d escaped, %d false alarms, %d misnamed", sum.changes, sum.took.Seconds(), sum.escapes, sum.alarms, sum.misnamed)
		}
	}
	t.Logf("%s: seed %d: %d changes in %d surveys and %.0f s: %d escaped, %d false alarms, %d misnamed; %d more left the stored bytes as they were, %d were refused",
		e.name, seed, sum.changes, sum.surveys, sum.took.Seconds(), sum.escapes, sum.alarms, sum.misnamed, sum.unchanged, sum.refused)
	return sum
}

// prepare makes the copies.
func (e *engine) prepare(t *testing.T, copies int) []*changedTable {
	t.Helper()
	var tables []*changedTable
	for i := range copies {
		a := &changedTable{shape: e.shapes[i%len(e.shapes)], name: fmt.Sprintf("copy%04d", i)}
		if err := e.exec(t.Context(), append(e.copyOf(a.shape, a.name), a.shape.refill(a.name)...)...); err != nil {
			t.Fatalf("make a copy of %s: %v", a.shape.model, err)
		}
		a.before = e.rows(t, a)
		if len(a.before) != a.shape.rows {
			t.Fatalf("%s has %d rows, not %d", a.shape.model, len(a.before), a.shape.rows)
		}
		tables = append(tables, a)
	}
	return tables
}

func (e *engine) rows(t *testing.T, a *changedTable) []string {
	t.Helper()
	rows, err := e.stored(t.Context(), a.shape, a.name)
	if err != nil {
		t.Fatalf("read what %s stores: %v", a.name, err)
	}
	slices.Sort(rows)
	return rows
}

func (e *engine) attack(t *testing.T, rng *rand.Rand, a *changedTable) {
	t.Helper()
	a.made = a.shape.draw(rng, a.name)
	if err := e.exec(t.Context(), a.made.statements...); err != nil {
		a.kind = refused
		return
	}
	a.kind = changed
	if slices.Equal(e.rows(t, a), a.before) {
		a.kind = same
	}
}

// judge holds one table alone against what was done to it.
func (e *engine) judge(t *testing.T, sum *tally, a *changedTable, was, is *fixtures.Manifest, base, found string) {
	t.Helper()
	r := verify.Judge(t.Context(), evidence(only(was, e.database, a.name), only(is, e.database, a.name), base, found), []verify.Check{verify.Contents{}}, nil)[0]
	said := fmt.Sprintf("%s of %s: %s (%q)", e.name, a.shape.model, a.made.what, a.made.statements)
	switch {
	case a.kind != changed:
		if a.kind == same {
			sum.unchanged++
		} else {
			sum.refused++
		}
		// A statement of two may have been half done before it was refused.
		if r.Outcome != reports.Passed && (a.kind == same || len(a.made.statements) == 1) {
			sum.alarms++
			t.Errorf("false alarm: %s: nothing stored has changed, and the verdict is %v: %+v", said, r.Outcome, r.Findings)
		}
		return
	case r.Outcome != reports.Failed:
		sum.escapes++
		t.Errorf("escaped: %s: the verdict is %v: %+v", said, r.Outcome, r.Findings)
	case a.made.keys != nil:
		keys := slices.Clone(r.Findings[0].Where.Keys)
		slices.Sort(keys)
		slices.Sort(a.made.keys)
		if !slices.Equal(keys, a.made.keys) {
			sum.misnamed++
			t.Errorf("misnamed: %s: the finding names rows %q, not %q: %s", said, keys, a.made.keys, r.Findings[0].Summary)
		}
	}
	sum.changes++
}

// survey reads everything in a snapshot of its own.
func (e *engine) survey(t *testing.T, nonce, dir string, expect *fixtures.Manifest) *fixtures.Manifest {
	t.Helper()
	ctx := t.Context()
	if err := os.MkdirAll(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	s, err := e.snapshot(ctx)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close(context.WithoutCancel(ctx)) //nolint:errcheck // it has only read
	m, err := s.Survey(ctx, fixtures.SurveyOptions{Nonce: nonce, RowsDir: dir, Expect: expect})
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// only is the part of a manifest that is about one table and its partitions.
func only(m *fixtures.Manifest, database, table string) *fixtures.Manifest {
	part := *m
	part.Databases, part.Objects = []fixtures.Database{{Name: database}}, nil
	for _, d := range m.Databases {
		for _, t := range d.Tables {
			if name := t.Name; d.Name == database && strings.HasPrefix(name, table) {
				part.Databases[0].Tables = append(part.Databases[0].Tables, t)
			}
		}
	}
	return &part
}

func evidence(was, is *fixtures.Manifest, base, found string) *verify.Evidence {
	relative := func(dir string) string {
		r, err := filepath.Rel("/", dir)
		if err != nil {
			panic(err)
		}
		return r
	}
	return &verify.Evidence{Dir: "/", Baseline: was, Found: is, BaseDir: relative(base), FoundDir: relative(found)}
}

// seedOf draws the seed of every choice, or takes the one of an earlier run.
func seedOf(t *testing.T) uint64 {
	t.Helper()
	if text := os.Getenv("GAMEDAY_SEED"); text != "" {
		seed, err := strconv.ParseUint(text, 10, 64)
		if err != nil {
			t.Fatalf("GAMEDAY_SEED: %v", err)
		}
		return seed
	}
	seed := rand.Uint64N(1 << 31)
	t.Logf("seed %d: GAMEDAY_SEED=%d repeats this run", seed, seed)
	return seed
}

func nonceOf(rng *rand.Rand) string {
	b := make([]byte, 16)
	for i := range b {
		b[i] = byte(rng.Uint32())
	}
	return hex.EncodeToString(b)
}

var wanted = flag.Int("changes", 0, "how many changes are made; 0: a few hundred, or 10,000 with GAMEDAY_TESTS=all")

var most = flag.Duration("most", 0, "how long one campaign may last before it ends with what it has; 0 is until it is done")

// overdue says that a campaign has lasted as long as it may.
func overdue(began time.Time) bool { return *most > 0 && time.Since(began) > *most }

// size is how many changes are made: few by default, all on demand.
func size(few, all int) int {
	if *wanted > 0 {
		return *wanted
	}
	if os.Getenv("GAMEDAY_TESTS") == "all" {
		return all
	}
	return few
}
