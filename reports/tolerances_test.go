package reports

import (
	"regexp"
	"strings"
	"testing"

	"github.com/recoverydrill/gameday/fixtures"
)

// TestTolerancesAreShown: whoever reads that a drill has passed reads what was not compared exactly, and what was accepted.
func TestTolerancesAreShown(t *testing.T) {
	r := samplePassed()
	r.Tolerate = []fixtures.ColumnTolerance{{Database: "shop", Table: "public.payments", Column: "amount", Rule: fixtures.Digits(6), Reason: "it is recomputed"}}
	r.Disposable = []Disposable{{Database: "shop", Table: "public.cache_*", Reason: "it fills itself"}, {Database: "shop", Table: "shop.session", Reason: "people log in again"}}
	r.Checks = append(r.Checks, CheckResult{
		Name: "structure", Promise: "all is as it was", Outcome: Passed, Covered: Coverage{What: "objects", Planned: 3, Looked: 3}, Total: 1,
		Findings: []Finding{{Outcome: Passed, Summary: "setting port changed, which is accepted: it moves"}},
	})
	page, summary := render(t, WriteHTML, []Drill{{Record: r}}), render(t, WriteMarkdown, []Drill{{Record: r}})
	if !strings.Contains(page, "<strong>Compared with a tolerance:</strong> shop.payments.amount, 6 digits: it is recomputed</p>") {
		t.Error("the page does not show the tolerance")
	}
	if !strings.Contains(summary, "compared with a tolerance: shop.payments.amount, 6 digits: it is recomputed") {
		t.Errorf("the summary does not show the tolerance:\n%s", summary)
	}
	if !strings.Contains(page, "<strong>May be empty:</strong> shop.public.cache_*: it fills itself</p>") {
		t.Error("the page does not show the disposable tables")
	}
	if !strings.Contains(summary, "may be empty: shop.public.cache") || !strings.Contains(summary, "may be empty: shop.session: people log in again") {
		t.Errorf("the summary does not show the disposable tables:\n%s", summary)
	}
	for name, text := range map[string]string{"page": regexp.MustCompile(`(?s)<script.*?</script>`).ReplaceAllString(page, ""), "summary": summary} {
		if !strings.Contains(text, "which is accepted: it moves") {
			t.Errorf("the %s does not show what was accepted", name)
		}
	}
}
