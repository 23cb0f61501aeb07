package suite

import (
	"strings"
	"testing"

	"github.com/recoverydrill/gameday/scenarios/drill/config"
)

// A variable that was left in a shell must not make a run of tests skip its drills and be green.
func TestALeftoverOfGamedayPlanIsAnError(t *testing.T) {
	dir := t.TempDir()
	t.Setenv(config.ReportDirVariable, dir)
	t.Setenv(config.PlanVariable, "1")
	if _, err := newStage(); err == nil || !strings.Contains(err.Error(), config.PlanVariable) {
		t.Errorf("got %v", err)
	}
	t.Setenv(config.PlanVariable, dir)
	if st, err := newStage(); err != nil || !st.planOnly {
		t.Errorf("as the command sets it: %v", err)
	}
}
