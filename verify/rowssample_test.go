package verify

import (
	"context"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/recoverydrill/gameday/reports"
)

// TestNamedRowsAreSpread: of many damaged rows the first and the last are named, and some of every part between them: a
// repair in the order of the keys must not be taken for done with its first rows.
func TestNamedRowsAreSpread(t *testing.T) {
	dir := t.TempDir()
	base, found := filepath.Join(dir, "base"), filepath.Join(dir, "found")
	const n = 100_000
	damage := func(i int) (string, uint64, int) {
		if i%50 == 7 {
			return strconv.Itoa(i), uint64(i) + 1<<40, i % 100 / 50 // changed, or missing
		}
		return soundRow(i)
	}
	writeRows(t, base, n, soundRow)
	writeRows(t, found, n, damage)
	d, err := diffRows(context.Background(), base, found, keyLimit)
	must(t, err)
	keys := baselineKeys(d)
	if d.Changed != n/100 || d.Missing != n/100 || len(keys) != keyLimit {
		t.Fatalf("%d changed, %d missing, keys %v", d.Changed, d.Missing, keys)
	}
	for _, kind := range []struct{ named, ends []string }{{d.MissingKeys, []string{"7", "99907"}}, {d.ChangedKeys, []string{"57", "99957"}}} {
		for _, end := range kind.ends {
			if !slices.Contains(kind.named, end) || !slices.Contains(keys, end) {
				t.Errorf("row %s is not named: %v", end, kind.named)
			}
		}
		for from := 0; from < n; from += n / 4 {
			if !slices.ContainsFunc(kind.named, func(k string) bool { i, _ := strconv.Atoi(k); return i >= from && i < from+n/4 }) {
				t.Errorf("no row from %d on is named: %v", from, kind.named)
			}
		}
	}
	again, err := diffRows(context.Background(), base, found, keyLimit)
	must(t, err)
	if !slices.Equal(again.ChangedKeys, d.ChangedKeys) {
		t.Error("other rows are named when it is judged again")
	}
}

func TestSpread(t *testing.T) {
	all := strings.Split("a b c d e f g", " ")
	for n, want := range map[int]string{0: "", 1: "a", 2: "a g", 3: "a d g", 7: "a b c d e f g", 9: "a b c d e f g"} {
		if got := strings.Join(Spread(all, n), " "); got != want {
			t.Errorf("%d: %q", n, got)
		}
	}
}

// TestServiceBackLongBeforeTheEndOfARepairInPlace: the clock asks about some of the damaged rows; that the recovery went on
// for long is said. One that moved the clients, or whose damage they did not see, may do what it likes afterwards.
func TestServiceBackLongBeforeTheEndOfARepairInPlace(t *testing.T) {
	for name, c := range map[string]struct {
		plot   plot
		change func(*reports.Record)
		says   bool
	}{
		"in place":        {plot{}, func(*reports.Record) {}, true},
		"beside":          {plot{beside: true}, func(*reports.Record) {}, false},
		"soon afterwards": {plot{}, func(r *reports.Record) { r.Recovery.EndedNS = backNS + 5*second }, false},
	} {
		s := newScene(t, c.plot)
		s.rec.Recovery.EndedNS = backNS + 20*second
		c.change(s.rec)
		outcome, results := judged(t, s.build(), []Check{Service{}})
		if got := strings.Contains(describeResults(results), "sent no client elsewhere"); got != c.says || outcome != reports.Passed {
			t.Errorf("%s: %v%s", name, outcome, describeResults(results))
		}
	}
}
