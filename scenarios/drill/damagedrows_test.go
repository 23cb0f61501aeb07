package drill_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/recoverydrill/gameday/faults"
	"github.com/recoverydrill/gameday/fixtures/sqlite/handle"
	recovery "github.com/recoverydrill/gameday/recover"
	"github.com/recoverydrill/gameday/reports"
	"github.com/recoverydrill/gameday/scenarios/drill"
)

// TestServiceIsNotBackWithTheFirstRepairedRows: a repair in place that goes through a table in the order of its keys serves
// wrong rows until its end. Were only the first of them asked about, service would be back with the first batch.
func TestServiceIsNotBackWithTheFirstRepairedRows(t *testing.T) {
	const batches, every = 25, 100 * time.Millisecond
	repair := recovery.Func("repair in place", func(ctx context.Context, job recovery.Job) (err error) {
		h, err := handle.Open(ctx, job.Env["GAMEDAY_FILE"], handle.Write)
		if err != nil {
			return err
		}
		defer func() { err = errors.Join(err, h.Close()) }()
		if _, err := h.Exec(ctx, "PRAGMA busy_timeout = 10000"); err != nil {
			return err
		}
		for i := range batches {
			const batch = `UPDATE payments SET amount = amount - 1 WHERE id %% 5 = 0 AND id * %d / (SELECT max(id) + 1 FROM payments) = %d`
			if _, err := h.Exec(ctx, fmt.Sprintf(batch, batches, i)); err != nil {
				return err
			}
			select {
			case <-ctx.Done():
				return ctx.Err()
			case <-time.After(every):
			}
		}
		return nil
	})
	d, _ := onFile(t, drill.Scenario{Name: "in-place", ServiceLimit: 10 * time.Second})
	if err := d.Break(t.Context(), faults.BadWrite(`UPDATE payments SET amount = amount + 1 WHERE id % 5 = 0`)); err != nil {
		t.Fatal(err)
	}
	if err := d.Recover(t.Context(), repair); err != nil {
		t.Fatal(err)
	}
	all, s := outcomes(t, d), d.Record().Service
	if d.Record().Outcome != reports.Passed || all["contents"] != reports.Passed {
		t.Errorf("the drill is %v", d.Record().Outcome)
	}
	if s.FromDeclaredMS < (batches / 2 * every).Milliseconds() {
		t.Errorf("service was back after %d ms, with the first of the damaged rows", s.FromDeclaredMS)
	}
}
