package drill_test

import (
	"context"
	"errors"
	"os"
	"strings"
	"testing"

	"github.com/recoverydrill/gameday/faults"
	recovery "github.com/recoverydrill/gameday/recover"
	"github.com/recoverydrill/gameday/recover/litestream"
	"github.com/recoverydrill/gameday/reports"
	"github.com/recoverydrill/gameday/scenarios/drill"
)

// repaired drills a bad write at a level, on a file, with a recovery.
func repaired(t *testing.T, level reports.Level, r recovery.Recovery) (*drill.Drill, map[string]reports.Outcome) {
	t.Helper()
	d, good := onFile(t, drill.Scenario{Name: "level/" + string(level), Level: level})
	if err := d.Break(t.Context(), faults.BadWrite(`UPDATE payments SET amount = 0`)); err != nil {
		t.Fatal(err)
	}
	if err := d.Recover(t.Context(), r, drill.To(good)); err != nil {
		t.Fatal(err)
	}
	return d, outcomes(t, d)
}

// A quick drill proves its fault in full, and its recovered rows not at all.
func TestQuickDrillIsInconclusive(t *testing.T) {
	d, all := repaired(t, reports.Quick, litestream.To(litestream.Position))
	for check, outcome := range all {
		if outcome != reports.Passed && !aboutTime(check) {
			t.Errorf("on a good recovery %s is %v", check, outcome)
		}
	}
	rec := d.Record()
	if _, there := all["contents"]; there || all["counts"] != reports.Passed {
		t.Errorf("checks %v", all)
	}
	if rec.Outcome != reports.Inconclusive || !strings.HasPrefix(rec.Headline, "INCONCLUSIVE level/quick (level quick): ") {
		t.Errorf("%v: %s", rec.Outcome, rec.Headline)
	}
	if all["service"] == reports.Passed && !strings.Contains(rec.Headline, "nothing failed at level quick; integrity was not looked at") {
		t.Errorf("the headline does not say why: %s", rec.Headline)
	}
}

// aboutTime names the checks that a busy machine keeps from telling.
func aboutTime(check string) bool { return check == "service" || check == "objectives" }

// A deep drill of a good recovery passes, and has looked at more.
func TestDeepDrill(t *testing.T) {
	d, all := repaired(t, reports.Deep, litestream.To(litestream.Position))
	for _, check := range []string{"contents", "archive", "rearmed", "restart"} {
		if all[check] != reports.Passed {
			t.Errorf("%s is %v", check, all[check])
		}
	}
	if rec := d.Record(); all["service"] == reports.Passed && !strings.HasPrefix(rec.Headline, "PASSED level/deep (level deep): ") {
		t.Errorf("%v: %s", rec.Outcome, rec.Headline)
	}
}

// The recovery is good, and the file that clients have open has no name any more: the next start of the application opens
// another one. Only level deep sees that.
func TestWhatLivesUntilTheNextRestartOnly(t *testing.T) {
	good := litestream.To(litestream.Position)
	var path string
	var before []byte
	watched := recovery.Func(good.Name(), func(ctx context.Context, job recovery.Job) (err error) {
		path = job.Env["GAMEDAY_FILE"]
		if before, err = os.ReadFile(path); err != nil { // as the bad write has left it
			return err
		}
		cutOver := job.CutOver
		job.CutOver = func(ctx context.Context, to string) error { path = to; return cutOver(ctx, to) }
		return good.Recover(ctx, job)
	})
	d, mark := onFile(t, drill.Scenario{Name: "level/fleeting", Level: reports.Deep})
	if err := d.Break(t.Context(), faults.BadWrite(`UPDATE payments SET amount = 0`)); err != nil {
		t.Fatal(err)
	}
	if err := d.Recover(t.Context(), watched, drill.To(mark)); err != nil {
		t.Fatal(err)
	}
	// Only now: new connections see it as well, and with them the service would not be back.
	if err := errors.Join(os.Remove(path), os.Remove(path+"-wal"), os.Remove(path+"-shm"), os.WriteFile(path, before, 0o600)); err != nil {
		t.Fatal(err)
	}
	all := outcomes(t, d)
	if all["contents"] != reports.Passed || all["restart"] != reports.Failed {
		t.Errorf("contents is %v, restart %v", all["contents"], all["restart"])
	}
}

// What a team waives of level deep is no slip at level full.
func TestWaiverOfADeepCheckAtLevelFull(t *testing.T) {
	d, m := onFile(t, drill.Scenario{Name: "level/waiver", Waivers: []reports.Waiver{{Check: "replicas", Reason: "built anew by another runbook"}}})
	if err := d.Break(t.Context(), faults.BadWrite(`UPDATE payments SET amount = 0`)); err != nil {
		t.Fatal(err)
	}
	if err := d.Recover(t.Context(), litestream.To(litestream.Position), drill.To(m)); err != nil {
		t.Fatal(err)
	}
	rec := d.Verify(t.Context())
	for _, c := range rec.Checks {
		if c.Outcome != reports.Passed && !aboutTime(c.Name) {
			t.Errorf("%s is %v: %+v", c.Name, c.Outcome, c.Findings)
		}
	}
	if len(rec.Waivers) > 0 {
		t.Errorf("waivers %v", rec.Waivers)
	}
}
