package verify

import (
	"context"
	"testing"

	"github.com/recoverydrill/gameday/reports"
)

func judged(t *testing.T, e *Evidence, checks []Check) (reports.Outcome, []reports.CheckResult) {
	t.Helper()
	r := Judge(context.Background(), e, checks, nil)
	return Verdict(r, nil), r
}

func describeResults(results []reports.CheckResult) string {
	s := ""
	for _, r := range results {
		s += "\n  " + r.Name + ": " + r.Outcome.String()
		for i, f := range r.Findings {
			if i == 3 {
				break
			}
			s += "\n     " + f.Outcome.String() + ": " + f.Summary
			for k, x := range f.Examples {
				if k == 2 {
					break
				}
				s += "\n        " + x
			}
		}
	}
	return s
}

func TestGoodRecoveryPasses(t *testing.T) {
	e := newScene(t, plot{}).build()
	if o, r := judged(t, e, Default()); o != reports.Passed {
		t.Fatalf("outcome %v%s", o, describeResults(r))
	}
}
