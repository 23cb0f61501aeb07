package verify

import (
	"slices"
	"strings"
	"testing"

	"github.com/recoverydrill/gameday/fixtures"
	"github.com/recoverydrill/gameday/reports"
)

// tolerating takes both manifests of a scene, and its record, for ones with a tolerance.
func tolerating(e *Evidence) {
	all := []fixtures.ColumnTolerance{{Database: "shop", Table: "public.payments", Column: "amount", Rule: fixtures.Digits(6), Reason: "it is recomputed"}}
	e.Record.Tolerate = all
	for _, m := range []*fixtures.Manifest{e.Baseline, e.Found} {
		m.Tolerate = all
		apply(tableOf(m, "payments"), fixtures.Digits(6))
	}
}

func apply(t *fixtures.Table, rule fixtures.Compare) {
	t.Columns = slices.Clone(t.Columns)
	for i := range t.Columns {
		if t.Columns[i].Name == "amount" {
			t.Columns[i].Compare = rule
		}
	}
}

// TestTolerancesAreShown: a recovery that was judged with a tolerance passes, and says so.
func TestTolerancesAreShown(t *testing.T) {
	s := newScene(t, plot{})
	e := s.build()
	tolerating(e)
	if o, r := judged(t, e, Default()); o != reports.Passed {
		t.Fatalf("outcome %v%s", o, describeResults(r))
	}
	r := Contents{}.Judge(t.Context(), e)
	if len(r.Findings) != 1 || r.Findings[0].Summary != "1 column was compared with a tolerance" || !slices.Equal(r.Findings[0].Examples, []string{"shop.payments.amount, 6 digits: it is recomputed"}) {
		t.Errorf("findings %+v", r.Findings)
	}
}

// TestOtherTolerancesCannotBeCompared: what was tolerated on one side only, or where nobody is told, is never passed.
func TestOtherTolerancesCannotBeCompared(t *testing.T) {
	for name, c := range map[string]struct {
		edit func(*Evidence)
		want string
	}{
		"only one side": {func(e *Evidence) { e.Baseline.Tolerate = nil; apply(tableOf(e.Baseline, "payments"), "") }, "different tolerances"},
		"another rule": {func(e *Evidence) {
			e.Found.Tolerate = slices.Clone(e.Found.Tolerate)
			e.Found.Tolerate[0].Rule = fixtures.AnyValue
		}, "different tolerances"},
		"the report is mute": {func(e *Evidence) { e.Record.Tolerate = nil }, "other tolerances than the report shows"},
		"nobody is told": {func(e *Evidence) {
			e.Record.Tolerate, e.Baseline.Tolerate, e.Found.Tolerate = nil, nil, nil
		}, "that it does not list: shop.payments.amount, 6 digits"},
	} {
		s := newScene(t, plot{})
		e := s.build()
		tolerating(e)
		c.edit(e)
		for _, check := range []Check{Contents{}, Structure{}} {
			if o, r := judged(t, e, []Check{check}); o != reports.Inconclusive || !strings.Contains(describeResults(r), c.want) {
				t.Errorf("%s: %s is %v, want it inconclusive for %q%s", name, check.Name(), o, c.want, describeResults(r))
			}
		}
	}
}

// TestAToleranceThatWasNotApplied: columns that are compared in different ways are different columns.
func TestAToleranceThatWasNotApplied(t *testing.T) {
	s := newScene(t, plot{})
	e := s.build()
	tolerating(e)
	apply(tableOf(e.Found, "payments"), "")
	if o, r := judged(t, e, []Check{Contents{}}); o != reports.Failed || !strings.Contains(describeResults(r), "columns differ") {
		t.Errorf("outcome %v%s", o, describeResults(r))
	}
}
