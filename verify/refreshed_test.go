package verify

import (
	"slices"
	"strings"
	"testing"

	"github.com/recoverydrill/gameday/fixtures"
	"github.com/recoverydrill/gameday/reports"
)

// refreshedView makes the table of payments a materialized view that came back with other rows, which are what its query gives.
func refreshedView(e *Evidence) {
	e.Record.Refreshed = []reports.RefreshedView{{Database: "shop", View: "public.payments", Reason: "it is refreshed every night"}}
	tableOf(e.Baseline, "payments").Kind = materializedView
	t := tableOf(e.Found, "payments")
	t.Kind, t.RowsFile = materializedView, ""
	t.Buckets = slices.Clone(t.Buckets)
	t.Rows++
	t.Digest = t.Digest.Add(fixtures.Digest{Hi: 7, Lo: 7})
	if len(t.Buckets) > 0 {
		t.Buckets[0].Rows++
		t.Buckets[0].Digest = t.Buckets[0].Digest.Add(fixtures.Digest{Hi: 7, Lo: 7})
	}
	t.Refreshed = &fixtures.Refreshed{Rows: t.Rows, Digest: t.Digest}
}

// TestRefreshedViews: a materialized view may hold what its query gives where the scenario says so, and in no other case.
func TestRefreshedViews(t *testing.T) {
	for name, c := range map[string]struct {
		edit func(*Evidence)
		want reports.Outcome
		says string
	}{
		"as allowed":          {func(*Evidence) {}, reports.Passed, "shop.payments was refreshed: it holds the 1001 rows that its query gives, and no longer the 1000 of the mark: it is refreshed every night"},
		"not refreshed":       {func(e *Evidence) { *tableOf(e.Found, "payments") = *tableOf(e.Baseline, "payments") }, reports.Passed, ""},
		"nobody has said so":  {func(e *Evidence) { e.Record.Refreshed = nil }, reports.Failed, "payments"},
		"another view":        {func(e *Evidence) { e.Record.Refreshed[0].View = "public.customers" }, reports.Failed, "no materialized view of the mark"},
		"other rows":          {func(e *Evidence) { tableOf(e.Found, "payments").Refreshed.Digest.Lo++ }, reports.Failed, "payments"},
		"other count":         {func(e *Evidence) { tableOf(e.Found, "payments").Refreshed.Rows++ }, reports.Failed, "payments"},
		"query not read":      {func(e *Evidence) { tableOf(e.Found, "payments").Refreshed.Error = "permission denied" }, reports.Inconclusive, "could not be read: permission denied"},
		"query not asked":     {func(e *Evidence) { tableOf(e.Found, "payments").Refreshed = nil }, reports.Failed, "payments"},
		"a table in place":    {func(e *Evidence) { tableOf(e.Found, "payments").Kind = "table" }, reports.Failed, "payments"},
		"before the recovery": {func(e *Evidence) { e.Record.Recovery = nil }, reports.Failed, "payments"},
		"must refuse":         {func(e *Evidence) { e.Record.MustRefuse = true }, reports.Failed, "payments"},
	} {
		t.Run(strings.ReplaceAll(name, " ", "-"), func(t *testing.T) {
			e := newScene(t, plot{}).build()
			refreshedView(e)
			c.edit(e)
			o, r := judged(t, e, []Check{Contents{}})
			if o != c.want || !strings.Contains(describeResults(r), c.says) {
				t.Errorf("outcome %v, want %v for %q%s", o, c.want, c.says, describeResults(r))
			}
		})
	}
	e := newScene(t, plot{}).build()
	refreshedView(e)
	e.Record.Refreshed = nil
	r := Contents{}.Judge(t.Context(), e)
	if len(r.Findings) != 1 || !strings.Contains(r.Findings[0].Hint, "Scenario.Refreshed") {
		t.Errorf("a finding that does not tell of the refresh: %+v", r.Findings)
	}
}
