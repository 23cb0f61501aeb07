package mutation_test

import (
	"context"
	"fmt"
	"maps"
	"math/rand/v2"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/recoverydrill/gameday/fixtures"
	"github.com/recoverydrill/gameday/reports"
	"github.com/recoverydrill/gameday/verify"
)

// then stands between two statements of a change.
const then = ";;\n"

// candidate is one change of structure that can be made.
type candidate struct {
	kind string // "grant lost"
	do   string
	undo string // what takes it back; "" leaves it, and what comes after is compared with the store as it is then
}

// structured is what a campaign on structure needs of a store.
type structured struct {
	name       string
	snapshot   func(ctx context.Context) (fixtures.Snapshot, error)
	exec       func(ctx context.Context, statement string) error
	candidates func(ctx context.Context) ([]candidate, error) // of the store as it is now
}

// onStructure makes changes of structure one after another, of every kind equally often, and wants each to be seen by the
// check of structure alone. When nothing is left that was not tried, it goes on with another store.
func onStructure(t *testing.T, open func(t *testing.T) *structured, changes int) {
	t.Helper()
	s := open(t)
	seed := seedOf(t)
	rng := rand.New(rand.NewPCG(seed, 13))
	ctx, began, nonce := t.Context(), time.Now(), nonceOf(rng)
	var made, refusals, escapes, alarms, undone, stuck int
	done := map[string]bool{}
	kinds := map[string]int{}
	was := s.survey(t, nonce, nil)
	for made < changes && refusals < 3*changes && !overdue(began) {
		c, ok := s.draw(t, rng, done)
		if !ok {
			if len(done) == 0 {
				t.Fatal("there is nothing to change")
			}
			s, done = open(t), map[string]bool{}
			was = s.survey(t, nonce, nil)
			continue
		}
		done[c.do] = true
		if err := s.exec(ctx, c.do); err != nil {
			refusals++                        // it is gone with another change, or something needs it
			if strings.Contains(c.do, then) { // its first half may be done
				was = s.survey(t, nonce, was)
			}
			continue
		}
		if made++; made%50 == 0 {
			t.Logf("%d changes in %.0f s: %d escaped, %d false alarms", made, time.Since(began).Seconds(), escapes, alarms)
		}
		kinds[c.kind]++
		is := s.survey(t, nonce, was)
		if r := structure(ctx, was, is); r.Outcome != reports.Failed {
			escapes++
			t.Errorf("escaped: %s: %s: %s: the verdict is %v: %+v", s.name, c.kind, c.do, r.Outcome, r.Findings)
		}
		if c.undo == "" {
			was = is
			continue
		}
		if err := s.exec(ctx, c.undo); err != nil { // the engine did the one and refuses the other, as where a copy meets a value that it takes no more
			stuck++
			t.Logf("cannot be taken back: %s: %v", c.undo, err)
			was = s.survey(t, nonce, was)
			continue
		}
		undone++
		again := s.survey(t, nonce, was)
		if r := structure(ctx, was, again); r.Outcome != reports.Passed {
			alarms++
			t.Errorf("false alarm: %s: %s was taken back: %+v", s.name, c.do, r.Findings)
			was = again
		}
	}
	t.Logf("%s: seed %d: %d changes of %d kinds in %.0f s: %d escaped; %d were taken back, %d could not be: %d false alarms; %d were refused",
		s.name, seed, made, len(kinds), time.Since(began).Seconds(), escapes, undone, stuck, alarms, refusals)
	for _, k := range slices.Sorted(maps.Keys(kinds)) {
		t.Logf("  %3d %s", kinds[k], k)
	}
	if stuck > 1+undone/5 {
		t.Errorf("%d changes could not be taken back, %d were", stuck, undone)
	}
	if made < changes && *most == 0 {
		t.Errorf("only %d changes were made", made)
	}
}

func (s *structured) draw(t *testing.T, rng *rand.Rand, done map[string]bool) (candidate, bool) {
	t.Helper()
	all, err := s.candidates(t.Context())
	if err != nil {
		t.Fatalf("list what can be changed: %v", err)
	}
	byKind := map[string][]candidate{}
	for _, c := range all {
		if !done[c.do] {
			byKind[c.kind] = append(byKind[c.kind], c)
		}
	}
	if len(byKind) == 0 {
		return candidate{}, false
	}
	kinds := slices.Sorted(maps.Keys(byKind))
	of := byKind[kinds[rng.IntN(len(kinds))]]
	slices.SortFunc(of, func(a, b candidate) int { return compare(a.do, b.do) })
	return of[rng.IntN(len(of))], true
}

func compare(a, b string) int {
	switch {
	case a < b:
		return -1
	case a > b:
		return 1
	}
	return 0
}

func (s *structured) survey(t *testing.T, nonce string, expect *fixtures.Manifest) *fixtures.Manifest {
	t.Helper()
	snapshot, err := s.snapshot(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer snapshot.Close(context.WithoutCancel(t.Context())) //nolint:errcheck // it has only read
	m, err := snapshot.Survey(t.Context(), fixtures.SurveyOptions{Nonce: nonce, Expect: expect})
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func structure(ctx context.Context, was, is *fixtures.Manifest) reports.CheckResult {
	return verify.Judge(ctx, &verify.Evidence{Dir: filepath.Dir("/"), Baseline: was, Found: is}, []verify.Check{verify.Structure{}}, nil)[0]
}

// asCandidates reads rows of kind, statement and, where there is one, what takes it back.
func asCandidates(rows [][]string) (all []candidate, err error) {
	for _, r := range rows {
		switch len(r) {
		case 2:
			all = append(all, candidate{kind: r[0], do: r[1]})
		case 3:
			all = append(all, candidate{kind: r[0], do: r[1], undo: r[2]})
		default:
			return nil, fmt.Errorf("a row of %d values", len(r))
		}
	}
	return all, nil
}
