package suite

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/onsi/gomega/types"

	"github.com/recoverydrill/gameday/reports"
)

// Time for the clean-up is kept back from any deadline, and never all of it.
func TestTimeIsKeptBackForTheCleanUp(t *testing.T) {
	for left, want := range map[time.Duration]time.Duration{
		10 * time.Minute: 10*time.Minute - cleanupTime,
		20 * time.Second: 10 * time.Second,
	} {
		if got := beforeDeadline(left); got != want {
			t.Errorf("of %s: got %s, want %s", left, got, want)
		}
	}
}

func TestNamesFromTextAreStableAndFitForADirectory(t *testing.T) {
	if got := nameOf(" Payments: returns, to the *moment* before "); got != "payments-returns-to-the-moment-before" {
		t.Errorf("got %q", got)
	}
	if got := nameOf(strings.Repeat("long ", 100)); len(got) > 100 {
		t.Errorf("got %d characters", len(got))
	}
	if nameOf("…") == "" {
		t.Error("a text without letters gives no name")
	}
}

func TestOnlyAPassedRecordHasPassed(t *testing.T) {
	for outcome, want := range map[reports.Outcome]bool{reports.Passed: true, reports.Failed: false, reports.Inconclusive: false} {
		if got, err := HavePassed().Match(&reports.Record{Outcome: outcome}); err != nil || got != want {
			t.Errorf("%s: got %t, %v", outcome, got, err)
		}
	}
	for _, actual := range []any{nil, (*reports.Record)(nil), reports.Record{Outcome: reports.Passed}, "passed"} {
		if ok, err := HavePassed().Match(actual); ok || err == nil {
			t.Errorf("%T: got %t, %v", actual, ok, err)
		}
	}
}

func TestWhatAScenarioAskedForIsNoted(t *testing.T) {
	for name, c := range map[string]struct {
		match  types.GomegaMatcher
		wanted []reports.Outcome // of a failed record
	}{
		"passed, or its negation": {HavePassed(), []reports.Outcome{reports.Failed, reports.Inconclusive}},
		"failed":                  {HaveOutcome(reports.Failed), []reports.Outcome{reports.Failed}},
		"one of two":              {HaveOutcome(reports.Failed, reports.Passed), []reports.Outcome{reports.Passed, reports.Failed}},
	} {
		rec := &reports.Record{Outcome: reports.Failed}
		if _, err := c.match.Match(rec); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		for _, o := range []reports.Outcome{reports.Passed, reports.Failed, reports.Inconclusive} {
			if got, want := lookedAt.wanted(rec, o), slices.Contains(c.wanted, o); got != want {
				t.Errorf("%s: %s was asked for: got %t, want %t", name, o, got, want)
			}
		}
	}
	if _, err := HaveOutcome().Match(&reports.Record{}); err == nil {
		t.Error("no outcome at all matches")
	}
}

// What a failed spec prints must say what was wanted, what was found and what to do, and leave out what passed.
func TestAFailureExplainsItself(t *testing.T) {
	text := HavePassed().FailureMessage(&reports.Record{
		Scenario: "a/b", Outcome: reports.Failed,
		Checks: []reports.CheckResult{
			{Name: "identity", Outcome: reports.Passed, Findings: []reports.Finding{{Summary: "a note"}}},
			{Name: "contents", Outcome: reports.Failed, Promise: "all rows", Total: 7, Findings: []reports.Finding{{
				Outcome: reports.Failed, Summary: "shop.payments: 3 of 9 rows changed", Wanted: "9 rows", Found: "6 rows", Hint: "look at the target",
			}}},
		},
	})
	for _, want := range []string{"FAILED a/b", "contents: failed (all rows)", "3 of 9 rows changed", "wanted: 9 rows", "found:  6 rows", "do: look at the target", "and 6 more"} {
		if !strings.Contains(text, want) {
			t.Errorf("%q is missing from:\n%s", want, text)
		}
	}
	if strings.Contains(text, "a note") {
		t.Errorf("a passed check is shown:\n%s", text)
	}
}
