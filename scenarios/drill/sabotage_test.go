package drill_test

import (
	"context"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/recoverydrill/gameday/faults"
	"github.com/recoverydrill/gameday/recover/litestream"
	"github.com/recoverydrill/gameday/reports"
	"github.com/recoverydrill/gameday/scenarios/drill"
	"github.com/recoverydrill/gameday/verify"
	"github.com/recoverydrill/gameday/verify/sabotage"
)

// sabotaged runs a drill of a bad write on a file, with a good recovery and acts upon its result.
func sabotaged(t *testing.T, s drill.Scenario, ids ...string) *reports.Record {
	t.Helper()
	return sabotagedAfter(t, `UPDATE payments SET amount = 0`, s, ids...)
}

func sabotagedAfter(t *testing.T, badWrite string, s drill.Scenario, ids ...string) *reports.Record {
	t.Helper()
	acts, err := sabotage.Choose(sabotage.Generic(), ids, "sqlite")
	if err != nil {
		t.Fatal(err)
	}
	s.Name, s.Seed = "sabotage", 7
	s.Waivers = append(s.Waivers, reports.Waiver{Check: "service", Reason: "what a busy machine does to it is no business of these tests"})
	d, good := onFileWith(t, s, drill.Options{Sabotage: acts})
	if err := d.Break(t.Context(), faults.BadWrite(badWrite)); err != nil {
		t.Fatal(err)
	}
	err = d.Recover(t.Context(), litestream.To(litestream.Position), drill.To(good))
	t.Logf("the recovery: %v", err)
	rec := d.Verify(t.Context())
	closed(t, d.Finish)
	if rec.Sabotage == nil {
		t.Fatal("the record does not say that it was sabotaged")
	}
	for _, a := range rec.Sabotage.Acts {
		t.Logf("%-4s %-14s %5d ms  %q %q: %s%s%s | %s | left %q", a.ID, a.Grade(), a.Took, a.CaughtBy, a.NotSure, a.Did, a.NotHere, a.Error, a.Finding, a.Left)
	}
	t.Logf("control %s, left %q: %s", rec.Sabotage.Control, rec.Sabotage.Left, rec.Sabotage.WhyLeft)
	t.Log(rec.Headline)
	if outcome, _ := reports.Verdict(rec); outcome == reports.Passed || rec.Outcome == reports.Passed || !strings.Contains(rec.Headline, "SABOTAGED ON PURPOSE") {
		t.Errorf("it may be taken for a drill: %s, %s", rec.Outcome, rec.Headline)
	}
	return rec
}

// tried wants acts of one kind to have been caught and of another to have escaped.
func tried(t *testing.T, rec *reports.Record, caught, escaped []string) {
	t.Helper()
	s := rec.Sabotage
	if s.Control != reports.Passed {
		t.Fatalf("the control is %s", s.Control)
	}
	for _, a := range s.Acts {
		want := reports.Caught
		if slices.Contains(escaped, a.ID) {
			want = reports.Escaped
		}
		if a.Grade() != want {
			t.Errorf("%s is %s, want %s", a.ID, a.Grade(), want)
		}
		if a.Left != "" {
			t.Errorf("%s was not taken back: %s", a.ID, a.Left)
		}
	}
	if len(s.Acts) != len(caught)+len(escaped) {
		t.Errorf("%d acts were tried", len(s.Acts))
	}
}

func TestActsOnAFileAreCaughtAndTakenBack(t *testing.T) {
	if os.Getenv("GAMEDAY_TESTS") != "all" {
		tried(t, sabotaged(t, drill.Scenario{}, "A17", "A19", "D7"), []string{"A17", "A19", "D7"}, nil)
		return
	}
	var all []string
	for _, a := range sabotage.Generic() {
		if slices.Contains(a.Engines, "sqlite") && !a.Instead() && a.ID != "H2" { // which only the waived check sees
			all = append(all, a.ID)
		}
	}
	tried(t, sabotaged(t, drill.Scenario{}, all...), all, nil)
}

// A recovery that does nothing and says that all went well.
func TestARecoveryThatDoesNothingIsCaught(t *testing.T) {
	rec := sabotaged(t, drill.Scenario{ServiceLimit: 1e9}, "H1")
	if got := rec.Sabotage.IDs(reports.Caught); len(got) != 1 || rec.Outcome != reports.Failed {
		t.Errorf("caught %q, %s", got, rec.Outcome)
	}
}

// rowCount is a team's own check that only counts rows, as many do.
type rowCount struct{}

func (rowCount) Name() string     { return "row count" }
func (rowCount) Promise() string  { return "no table has fewer rows than before" }
func (rowCount) SeesDamage() bool { return true }
func (rowCount) Judge(_ context.Context, e *verify.Evidence) reports.CheckResult {
	r := reports.CheckResult{Outcome: reports.Passed, Covered: reports.Coverage{What: "tables"}}
	for i, db := range e.Baseline.Databases {
		for k, want := range db.Tables {
			r.Covered.Planned++
			r.Covered.Looked++
			if got := e.Found.Databases[i].Tables[k]; want.Class == "fixed" && got.Rows != want.Rows {
				r.Outcome = reports.Failed
				r.Findings = append(r.Findings, reports.Finding{Outcome: reports.Failed, Summary: want.FullName() + " has another number of rows"})
			}
		}
	}
	return r
}

// Drills with a hole must be told exactly what gets through it.
func TestHolesInTheChecksAreFound(t *testing.T) {
	if os.Getenv("GAMEDAY_TESTS") != "all" {
		t.Skip("takes a minute")
	}
	for name, c := range map[string]struct {
		without         string
		checks          []verify.Check
		caught, escaped []string
	}{
		"without structure":                        {"structure", nil, []string{"A17", "B1", "A19"}, []string{"D1", "D7", "D10"}},
		"without the ledger":                       {"ledger", nil, []string{"B1", "D7"}, []string{"A23", "A19"}},
		"with a count of rows instead of contents": {"contents", []verify.Check{rowCount{}}, []string{"A14", "D1"}, []string{"B1", "C4", "B10"}},
	} {
		t.Run(name, func(t *testing.T) {
			hole := drill.Scenario{Checks: c.checks, Waivers: []reports.Waiver{{Check: c.without, Reason: "a hole"}}}
			tried(t, sabotagedAfter(t, `DELETE FROM returns`, hole, append(slices.Clone(c.caught), c.escaped...)...), c.caught, c.escaped)
		})
	}
}
