package suite

import (
	"fmt"
	"strings"

	"github.com/onsi/gomega/types"

	"github.com/recoverydrill/gameday/reports"
)

// HavePassed matches the *reports.Record that Verify returns if its outcome is passed. What it says otherwise is the
// verdict and each finding: what was wanted, what was found, where, and what to do.
func HavePassed() types.GomegaMatcher { return havePassed{} }

type havePassed struct{}

func (havePassed) Match(actual any) (bool, error) {
	r, ok := actual.(*reports.Record)
	if !ok || r == nil {
		return false, fmt.Errorf("HavePassed wants the record that Verify returns, got %T", actual)
	}
	return r.Outcome == reports.Passed, nil
}

func (havePassed) FailureMessage(actual any) string { return explain(actual.(*reports.Record)) } //nolint:forcetypeassert // Match has seen it

func (havePassed) NegatedFailureMessage(actual any) string {
	return "the drill was expected not to pass, but it did: " + reports.Headline(actual.(*reports.Record)) //nolint:forcetypeassert // Match has seen it
}

func explain(r *reports.Record) string {
	var b strings.Builder
	fmt.Fprintln(&b, reports.Headline(r))
	for _, c := range r.Checks {
		if c.Outcome == reports.Passed {
			continue
		}
		fmt.Fprintf(&b, "\n%s: %s (%s)\n", c.Name, c.Outcome, c.Promise)
		for _, f := range c.Findings {
			fmt.Fprintf(&b, "  - %s\n", f.Summary)
			if f.Wanted != "" || f.Found != "" {
				fmt.Fprintf(&b, "    wanted: %s\n    found:  %s\n", f.Wanted, f.Found)
			}
			if f.Hint != "" {
				fmt.Fprintf(&b, "    do: %s\n", f.Hint)
			}
		}
		if c.Total > len(c.Findings) {
			fmt.Fprintf(&b, "  … and %d more\n", c.Total-len(c.Findings))
		}
	}
	return b.String()
}
