package drill_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/recoverydrill/gameday/faults"
	"github.com/recoverydrill/gameday/fixtures"
	"github.com/recoverydrill/gameday/fixtures/sqlite/handle"
	"github.com/recoverydrill/gameday/fixtures/traffic"
	"github.com/recoverydrill/gameday/recover/litestream"
	"github.com/recoverydrill/gameday/reports"
	"github.com/recoverydrill/gameday/scenarios/drill"
)

// TestManyTables: a store with so many tables that asking about each would take longer than a recovered service may take to be
// back. Its recovery is sound, and the verdict says about how many of the tables it was asked when they were back.
func TestManyTables(t *testing.T) {
	run, sys := shopOnFile(t)
	env, err := sys.(fixtures.Responder).Environment(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	var tables strings.Builder
	for i := range 400 {
		fmt.Fprintf(&tables, "CREATE TABLE t%d (id INTEGER PRIMARY KEY, v TEXT); INSERT INTO t%d VALUES (1, 'one'), (2, 'two');\n", i, i)
	}
	h, err := handle.Open(t.Context(), env["GAMEDAY_FILE"], handle.Write, "BEGIN; "+tables.String()+" COMMIT")
	if err != nil {
		t.Fatal(err)
	}
	if err := h.Close(); err != nil {
		t.Fatal(err)
	}
	d, err := drill.Begin(t.Context(), sys, drill.Scenario{
		Name: "many-tables", Owner: "gameday", Disaster: "A test.", Answers: []reports.Question{reports.Plan}, ServiceLimit: 7 * time.Second, Seed: 1,
	}, drill.Options{Run: run})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { closed(t, d.Finish) })
	if err := d.Traffic(t.Context(), traffic.Mix{Clients: 1}); err != nil {
		t.Fatal(err)
	}
	good, err := d.Mark(t.Context(), "good")
	if err != nil {
		t.Fatal(err)
	}
	if err := d.Break(t.Context(), faults.BadWrite(`UPDATE t333 SET v = 'wrong'`)); err != nil {
		t.Fatal(err)
	}
	if err := d.Recover(t.Context(), litestream.To(litestream.Position), drill.To(good)); err != nil {
		t.Fatal(err)
	}
	outcomes(t, d)
	rec := d.Record()
	if rec.Outcome != reports.Passed || rec.TablesAsked >= rec.TablesAskable || rec.TablesAskable < 400 {
		t.Errorf("the drill is %v, and asked about %d of %d tables", rec.Outcome, rec.TablesAsked, rec.TablesAskable)
	}
	for _, c := range rec.Checks {
		for _, f := range c.Findings {
			if c.Name == "service" && strings.HasPrefix(f.Summary, "the service clock asked about 150 of ") {
				return
			}
		}
	}
	t.Error("the verdict does not say so")
}
