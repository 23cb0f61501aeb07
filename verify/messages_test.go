package verify

import (
	"testing"

	"github.com/recoverydrill/gameday/fixtures/probe"
	"github.com/recoverydrill/gameday/reports"
)

// TestMessages holds the words that a person reads first. A change of them is meant to be seen in review.
func TestMessages(t *testing.T) {
	for _, c := range []struct {
		check Check
		plot  plot
		do    func(s *scene)
		want  string
	}{
		{Contents{}, plot{}, func(s *scene) { s.found.table("payments").cells = s.found.table("payments").cells[:900] }, "shop.payments: 100 of 1000 rows missing"},
		{Contents{}, plot{}, func(s *scene) { s.found.table("payments").cells[5][1] = "0" }, "shop.payments: 1 of 1000 rows changed"},
		{Contents{}, plot{}, func(s *scene) {
			s.noRowsFiles = true
			s.found.table("payments").cells[5][1] = "0"
		}, "shop.payments: some of 1000 rows changed; they are among 18 rows in 1 of 64 buckets"},
		{Contents{}, plot{}, func(s *scene) {
			s.noRowsFiles = true
			s.found.table("payments").cells = s.found.table("payments").cells[:999]
		}, "shop.payments: 1 of 1000 rows missing or more, the others not compared one by one; they are among 17 rows in 1 of 64 buckets"},
		{Contents{}, plot{}, func(s *scene) { s.found.drop("payments") }, "table shop.payments is missing (1000 rows)"},
		{Contents{}, plot{}, func(s *scene) { s.found.table("payments").Columns[1].Type = "integer" }, "shop.payments: the columns differ, none of its 1000 rows can be the same"},
		{Contents{}, plot{}, onEvidence(func(e *Evidence) { e.Found = e.Baseline }), "the manifest of the mark was compared with itself"},
		{Structure{}, plot{}, func(s *scene) { s.found.database("shop").remove("index") }, "shop: index public.payments_at is missing"},
		{Structure{}, plot{}, func(s *scene) { s.found.databases = s.found.databases[1:] }, "database neighbour is missing"},
		{Durability{}, plot{}, func(s *scene) { s.after[0].Value, s.after[0].OK = "off", false }, `fsync is "off" after the recovery: durability needs on`},
		{Durability{}, plot{}, func(s *scene) { s.after = s.after[1:] }, "fsync was not read after the recovery"},
		{FaultProven{}, plot{}, onRecord(func(r *reports.Record) { r.Recovery.ExitCode = 3 }), "recovery command exited with 3"},
		{FaultProven{}, plot{}, onRecord(func(r *reports.Record) { r.Fault.Proven = false }), `the fault took no effect: no check saw the damage of "bad write"`},
		{Ledger{}, plot{dead: true}, nil, "traffic was too thin: no write acknowledged after the recovery: a recovered store that takes no writes"},
		{Ledger{}, plot{recoverTo: markNS - second/4}, nil, "6 writes acknowledged before the mark and gone"},
		{Service{}, plot{}, answers(0, declaredNS+1, is(probe.Correct)), "the service clock never saw the damage: every answer was correct until the recovery began"},
		{Objectives{}, plot{}, onRecord(func(r *reports.Record) { r.Objective.RTOMS = 6000 }), "RTA 6253 ms is 253 ms over the RTO of 6000 ms"},
		{Objectives{}, plot{}, onRecord(func(r *reports.Record) { r.Objective = reports.Objective{} }), "nothing was asked for: no RTO, no RPO, no limit on lost writes"},
	} {
		s := newScene(t, c.plot)
		if c.do != nil {
			c.do(s)
		}
		_, r := judged(t, s.build(), []Check{c.check})
		if len(r[0].Findings) == 0 || r[0].Findings[0].Summary != c.want {
			t.Errorf("%s: want %q, got%s", r[0].Name, c.want, describeResults(r))
		}
	}
}
