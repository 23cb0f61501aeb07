package drill_test

import (
	"context"
	"errors"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/recoverydrill/gameday/faults"
	"github.com/recoverydrill/gameday/fixtures"
	"github.com/recoverydrill/gameday/fixtures/sqlite/handle"
	"github.com/recoverydrill/gameday/fixtures/traffic"
	recovery "github.com/recoverydrill/gameday/recover"
	"github.com/recoverydrill/gameday/recover/litestream"
	"github.com/recoverydrill/gameday/reports"
	"github.com/recoverydrill/gameday/scenarios/drill"
)

// sixDigits is how a recovery that loses the last digits of a time is accepted.
var sixDigits = fixtures.ColumnTolerance{Database: "main", Table: "main.payments", Column: "paid_at", Rule: fixtures.Digits(6), Reason: "the archive keeps six digits"}

// inexactly recovers well, and then changes the rows that clients will see.
func inexactly(statement string) recovery.Recovery {
	good := litestream.To(litestream.Position)
	return recovery.Func(good.Name(), func(ctx context.Context, job recovery.Job) error {
		cutOver := job.CutOver
		job.CutOver = func(ctx context.Context, to string) error {
			path := to
			if path == "" {
				path = job.Env["GAMEDAY_FILE"]
			}
			h, err := handle.Open(ctx, path, handle.Write)
			if err != nil {
				return err
			}
			_, err = h.Exec(ctx, statement)
			if err := errors.Join(err, h.Close()); err != nil {
				return err
			}
			return cutOver(ctx, to)
		}
		return good.Recover(ctx, job)
	})
}

// TestTolerance: what a scenario tolerates passes, for the checks and for the service clock, which asks about the same rows,
// and the result says so. A change of another column of the same rows, and the same change without the tolerance, fail.
func TestTolerance(t *testing.T) {
	const rounded = `UPDATE payments SET paid_at = CAST(CAST(printf('%.5e', paid_at) AS REAL) AS INTEGER)`
	for name, c := range map[string]struct {
		tolerate  []fixtures.ColumnTolerance
		statement string
		want      reports.Outcome
	}{
		"within":         {[]fixtures.ColumnTolerance{sixDigits}, rounded, reports.Passed},
		"another column": {[]fixtures.ColumnTolerance{sixDigits}, rounded + `; UPDATE payments SET card = x'00' WHERE id = (SELECT max(id) FROM payments)`, reports.Failed},
		"not tolerated":  {nil, rounded, reports.Failed},
	} {
		t.Run(name, func(t *testing.T) {
			if name == "another column" && os.Getenv("GAMEDAY_TESTS") != "all" {
				t.Skip("the surveys' own tests show it: make test-all")
			}
			d, good := onFile(t, drill.Scenario{Name: "tolerance/" + strings.ReplaceAll(name, " ", "-"), Tolerate: c.tolerate, ServiceLimit: 3 * time.Second})
			if err := d.Break(t.Context(), faults.BadWrite(`UPDATE payments SET amount = 0`)); err != nil {
				t.Fatal(err)
			}
			if err := d.Recover(t.Context(), inexactly(c.statement), drill.To(good)); err != nil && c.want == reports.Passed {
				t.Fatal(err)
			}
			if all := outcomes(t, d); all["contents"] != c.want || (c.want == reports.Passed && d.Record().Outcome != reports.Passed) {
				t.Errorf("contents is %v, the drill %v", all["contents"], d.Record().Outcome)
			}
			if got := d.Record().Tolerate; len(got) != len(c.tolerate) {
				t.Errorf("the record has the tolerances %v", got)
			}
		})
	}
}

// TestToleranceOfNothing: one that the store has no column for ends the drill at its mark, without a verdict.
func TestToleranceOfNothing(t *testing.T) {
	run, sys := shopOnFile(t)
	slip := sixDigits
	slip.Column = "paid_on"
	s := drill.Scenario{Name: "tolerance/slip", Owner: "gameday", Disaster: "A test.", Answers: []reports.Question{reports.Plan}, Tolerate: []fixtures.ColumnTolerance{slip}}
	d, err := drill.Begin(t.Context(), sys, s, drill.Options{Run: run})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { closed(t, d.Finish) })
	if err := d.Traffic(t.Context(), traffic.Mix{Clients: 1}); err != nil {
		t.Fatal(err)
	}
	if _, err = d.Mark(t.Context(), "good"); err == nil || !strings.Contains(err.Error(), "the tolerance for main.payments.paid_on is for a table or column that the store does not have") {
		t.Errorf("error %v", err)
	}
	closed(t, d.Finish)
	if d.Record().Outcome != reports.Inconclusive {
		t.Errorf("the drill is %v", d.Record().Outcome)
	}
	s.Name, s.Tolerate[0].Reason = "tolerance/mute", ""
	if _, err := drill.Begin(t.Context(), sys, s, drill.Options{Run: run}); err == nil || !strings.Contains(err.Error(), "has no reason") {
		t.Errorf("a tolerance without a reason: %v", err)
	}
}
