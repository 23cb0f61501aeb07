package drill_test

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/recoverydrill/gameday/faults"
	"github.com/recoverydrill/gameday/fixtures"
	"github.com/recoverydrill/gameday/recover/litestream"
	"github.com/recoverydrill/gameday/reports"
	"github.com/recoverydrill/gameday/scenarios/drill"
)

// unhealed is a fault that cannot be undone at the drill's end.
type unhealed struct{ faults.Fault }

func (unhealed) Heal(context.Context, fixtures.System) error {
	return errors.New("the network stays cut")
}

// What a drill could not put right again is in its record: a report that says passed would be read by whoever runs the next
// one on the same machine.
func TestWhatIsLeftBehindIsRecorded(t *testing.T) {
	d, good := onFile(t, drill.Scenario{Name: "file/left-behind"})
	if err := d.Break(t.Context(), unhealed{faults.BadWrite("UPDATE payments SET amount = 0")}); err != nil {
		t.Fatal(err)
	}
	if err := d.Recover(t.Context(), litestream.To(litestream.Position), drill.To(good)); err != nil {
		t.Fatal(err)
	}
	if rec := d.Verify(t.Context()); rec.Outcome != reports.Passed {
		t.Errorf("before the end the drill is %s: %s", rec.Outcome, rec.Headline)
	}
	err := d.Finish(t.Context())
	if rec := d.Record(); err == nil || rec.Outcome != reports.Inconclusive || !strings.Contains(rec.Headline, "left behind: ") || !strings.Contains(rec.Headline, "the network stays cut") {
		t.Errorf("finish: %v; the drill is %s: %s", err, rec.Outcome, rec.Headline)
	}
}
