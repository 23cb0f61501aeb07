package verify

import (
	"slices"
	"testing"
)

// TestClasses: each sabotage of traffic is called by its name.
func TestClasses(t *testing.T) {
	want := map[string]Class{
		"rows of an abandoned branch":                                                 Unexpected,
		"two backups were merged":                                                     Hole,
		"one of traffic's rows is there twice":                                        Duplicated,
		"a deleted row is back":                                                       Resurrected,
		"the last update of a row is lost":                                            Stale,
		"the last transfer of an account is lost":                                     Stale,
		"one line of a transfer is lost":                                              Torn,
		"a row of a lost transaction is there":                                        Torn,
		"a refused transaction is visible":                                            AbortedVisible,
		"one row of a refused transaction is visible":                                 AbortedVisible,
		"a segment in the middle was skipped":                                         Hole,
		"one write in the middle was skipped":                                         Hole,
		"a value was cut off":                                                         Corrupt,
		"two rows have each other's values":                                           Corrupt,
		"a balance is wrong and certifies itself":                                     Unexpected,
		"a version that nobody wrote":                                                 Future,
		"split brain: a write after the recovery went to the old store":               LostAfter,
		"one write from before the mark is gone":                                      LostBefore,
		"the recovered store forgot one write that it took before the recovery ended": LostAfter,
	}
	seen := 0
	for _, sab := range wrongTraffic() {
		class, ok := want[sab.what]
		if !ok {
			continue
		}
		seen++
		s := newScene(t, sab.plot)
		sab.do(s)
		e := s.quick()
		r := Reconcile(e.Ops, e.Rows, reconcileOptions(e))
		if !slices.ContainsFunc(r.Violations, func(v Violation) bool { return v.Class == class }) {
			t.Errorf("%s: want %q, got %+v", sab.what, class, r.Violations)
		}
	}
	if seen != len(want) {
		t.Errorf("%d of %d names are of sabotages", seen, len(want))
	}
	for _, c := range Classes() {
		if violationSummaries[c] == "" || violationHints[c] == "" {
			t.Errorf("class %q has no words", c)
		}
		if !slices.Contains(mapValues(want), c) {
			t.Errorf("no sabotage shows class %q", c)
		}
	}
}

func mapValues(m map[string]Class) []Class {
	var all []Class
	for _, c := range m {
		all = append(all, c)
	}
	return all
}
