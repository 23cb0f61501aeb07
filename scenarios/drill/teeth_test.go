package drill_test

import (
	"context"
	"strings"
	"testing"

	recovery "github.com/recoverydrill/gameday/recover"
	"github.com/recoverydrill/gameday/reports"
	"github.com/recoverydrill/gameday/scenarios/drill"
	"github.com/recoverydrill/gameday/verify"
)

// careless is a check of contents that looks and always passes.
type careless struct{ verify.Contents }

func (c careless) Judge(ctx context.Context, e *verify.Evidence) reports.CheckResult {
	r := c.Contents.Judge(ctx, e)
	r.Outcome, r.Findings, r.Total = reports.Passed, nil, 0
	return r
}

// TestTeethOnARealDrill: the same good drill, with all checks and with contents that always pass. Only the first may pass,
// and the second says which check is blunt, of the scratch tables and of the evidence.
func TestTeethOnARealDrill(t *testing.T) {
	blunted := verify.Default()
	for i, c := range blunted {
		if c.Name() == "contents" {
			blunted[i] = careless{}
		}
	}
	for name, c := range map[string]struct {
		checks []verify.Check
		want   reports.Outcome
	}{"sharp": {nil, reports.Passed}, "blunt": {blunted, reports.Inconclusive}} {
		t.Run(name, func(t *testing.T) {
			d, m := onFile(t, drill.Scenario{Name: "test/teeth-" + name, MustRefuse: true, Checks: c.checks})
			if err := d.Break(t.Context(), alarm{}); err != nil {
				t.Fatal(err)
			}
			refuse := recovery.Func("refuses", func(context.Context, recovery.Job) error { return recovery.Refuse("nothing is broken") })
			if err := d.Recover(t.Context(), refuse, drill.To(m)); err != nil {
				t.Fatal(err)
			}
			rec := d.Verify(t.Context())
			closed(t, d.Finish)
			if outcome, why := reports.Verdict(rec); outcome != c.want || rec.Teeth.Scratch == nil || rec.Teeth.Evidence == nil {
				t.Fatalf("%s: %s; teeth %+v", outcome, why, rec.Teeth)
			}
			t.Log(rec.Teeth, rec.Teeth.Scratch.Untested, rec.Teeth.Evidence.Untested)
			scratch, evidence := rec.Teeth.Scratch, rec.Teeth.Evidence
			if scratch.Tried < 60 || evidence.Tried < 15 || scratch.Error != "" || evidence.Error != "" {
				t.Errorf("tried %d and %d, errors %q and %q", scratch.Tried, evidence.Tried, scratch.Error, evidence.Error)
			}
			if name == "sharp" {
				if scratch.Noticed != scratch.Tried || evidence.Noticed != evidence.Tried {
					t.Errorf("noticed %d of %d and %d of %d: %+v", scratch.Noticed, scratch.Tried, evidence.Noticed, evidence.Tried, scratch.Blunt)
				}
				again(t, d)
				return
			}
			for _, b := range []*reports.Bite{scratch, evidence} {
				if len(b.Blunt) == 0 || !strings.Contains(b.Blunt[0].Summary, `check "contents" is blunt`) {
					t.Errorf("%+v", b)
				}
			}
		})
	}
}

// again judges the evidence once more without the store: with the same teeth, and without those that were to be tried.
func again(t *testing.T, d *drill.Drill) {
	t.Helper()
	for planned, want := range map[bool]reports.Outcome{true: reports.Inconclusive, false: reports.Passed} {
		e, err := verify.LoadEvidence(d.Dir())
		if err != nil {
			t.Fatal(err)
		}
		rec := *e.Record
		if planned {
			rec.Teeth = &reports.Teeth{} // the scratch tables were to be tried, and were not
		}
		rec.Checks = verify.Teeth(t.Context(), e, &rec, verify.Default(), verify.Judge(t.Context(), e, verify.Default(), rec.Waivers))
		rec.Outcome = verify.Verdict(rec.Checks, rec.Waivers)
		if outcome, why := reports.Verdict(&rec); outcome != want || rec.Teeth.Evidence == nil {
			t.Errorf("judged again, %t: %s: %s", planned, outcome, why)
		}
	}
}
