package verify

import (
	"strings"
	"testing"

	"github.com/recoverydrill/gameday/reports"
)

// On a slow machine the drill itself looks at the store for long between the mark and the recovery, while clients write on. That
// is no loss of the recovery's that returns to the mark; of one that was asked for all it could save, it is.
func TestTheDrillsOwnTimeIsNoLossOfTheRecoverys(t *testing.T) {
	for _, c := range []struct {
		name, says string
		rpo        int64
		outcome    reports.Outcome
	}{
		{"within what is left", "ms are the drill's own", 3000, reports.Passed},
		{"beyond what is left", "over the RPO of 2000 ms", 2000, reports.Failed},
		{"within in any case", "", 8000, reports.Passed},
	} {
		s := newScene(t, plot{})
		s.rec.Objective = reports.Objective{RPOMS: c.rpo}
		s.rec.Phases = []reports.Phase{
			{Name: "mark", StartNS: markNS - second, EndNS: markNS + second/2}, {Name: "teeth", StartNS: markNS + second/2, EndNS: 12 * second},
			{Name: "hold", StartNS: 12 * second, EndNS: 13 * second}, {Name: "break", StartNS: 13 * second, EndNS: declaredNS - second/2},
		}
		e := s.build()
		r := Objectives{}.Judge(t.Context(), e)
		if r.Outcome != c.outcome || !strings.Contains(describeResults([]reports.CheckResult{r}), c.says) {
			t.Errorf("%s: %s", c.name, describeResults([]reports.CheckResult{r}))
		}
		s.rec.Target = nil
		if r := (Objectives{}).Judge(t.Context(), e); c.rpo < 7000 && r.Outcome != reports.Failed {
			t.Errorf("%s, without a target: %s", c.name, describeResults([]reports.CheckResult{r}))
		}
	}
}
