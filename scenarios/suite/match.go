package suite

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"

	"github.com/onsi/gomega/types"

	"github.com/recoverydrill/gameday/reports"
)

// HavePassed matches the *reports.Record that Verify returns if its outcome is passed. What it says otherwise is the
// verdict and each finding: what was wanted, what was found, where, and what to do.
func HavePassed() types.GomegaMatcher { return haveOutcome{reports.Passed} }

// HaveOutcome matches the record of a drill whose outcome is one of those named. It is how a scenario says that it wants
// another verdict than passed, and has looked at it: a drill that ends with a verdict which its scenario has not asked for,
// with this or with [HavePassed] (or the negation of one), fails its spec.
func HaveOutcome(oneOf ...reports.Outcome) types.GomegaMatcher { return haveOutcome(oneOf) }

type haveOutcome []reports.Outcome

func (h haveOutcome) Match(actual any) (bool, error) {
	r, ok := actual.(*reports.Record)
	switch {
	case !ok || r == nil:
		return false, fmt.Errorf("the record that Verify returns is wanted here, got %T", actual)
	case len(h) == 0:
		return false, errors.New("HaveOutcome wants at least one outcome")
	}
	matches := slices.Contains(h, r.Outcome)
	for _, o := range []reports.Outcome{reports.Passed, reports.Failed, reports.Inconclusive} {
		if slices.Contains(h, o) == matches {
			lookedAt.note(r, o)
		}
	}
	return matches, nil
}

func (h haveOutcome) FailureMessage(actual any) string {
	text := explain(actual.(*reports.Record)) //nolint:forcetypeassert // Match has seen it
	if slices.Equal(h, haveOutcome{reports.Passed}) {
		return text
	}
	return fmt.Sprintf("wanted a drill that is %s: %s", h, text)
}

func (h haveOutcome) NegatedFailureMessage(actual any) string {
	return fmt.Sprintf("wanted a drill that is not %s: %s", h, reports.Headline(actual.(*reports.Record))) //nolint:forcetypeassert // Match has seen it
}

func (h haveOutcome) String() string {
	var names []string
	for _, o := range h {
		names = append(names, o.String())
	}
	return strings.Join(names, " or ")
}

// looks are the verdicts that scenarios have asked for, by their drills' records.
type looks struct {
	mu    sync.Mutex
	asked map[*reports.Record][]reports.Outcome
}

var lookedAt = looks{asked: map[*reports.Record][]reports.Outcome{}}

func (l *looks) note(r *reports.Record, o reports.Outcome) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.asked[r] = append(l.asked[r], o)
}

func (l *looks) wanted(r *reports.Record, o reports.Outcome) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return slices.Contains(l.asked[r], o)
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
