package sqlite_test

import (
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/recoverydrill/gameday/faults"
	"github.com/recoverydrill/gameday/fixtures/dataset"
	"github.com/recoverydrill/gameday/fixtures/sqlite"
	"github.com/recoverydrill/gameday/fixtures/traffic"
	"github.com/recoverydrill/gameday/recover/litestream"
	"github.com/recoverydrill/gameday/reports"
	"github.com/recoverydrill/gameday/scenarios/drill"
	"github.com/recoverydrill/gameday/scenarios/suite"
)

// A replica is no help against a bad write: Litestream copies it faithfully, and the drill waits until it has. But it
// keeps every transaction, so what this proves is that the replica is complete, that the restore stops at the right one,
// that the result is as private as the old file was, and that the application ends up on it and is replicated again.
// Writes go on after the bad one, as they do in life: they are the price of going back, and the report counts them.
var _ = Describe("payments in a file", Label("sqlite", "pitr", "owner=payments"), func() {
	scenario := drill.Scenario{
		Name:   "sqlite/replicated-bad-write",
		Owner:  "payments",
		Engine: "sqlite", Fault: "bad write", Recovery: "litestream restore to position", Takes: 5 * time.Second,
		Disaster:  "A deploy sets every payment to 0, and Litestream has copied it to the replica before anybody looks.",
		Answers:   []reports.Question{reports.BackedUp, reports.Findable, reports.InService, reports.Harmless, reports.InTime},
		Objective: drill.Objective{RTO: 30 * time.Second, RPO: 30 * time.Second},
	}
	again := scenario
	again.Name, again.Level, again.Takes = scenario.Name+"-deep", reports.Deep, 10*time.Second
	for title, scenario := range map[string]drill.Scenario{
		"return to the moment before a replicated bad write": scenario, "return there, and could do so again": again,
	} {
		labels := Label("flagship")
		if scenario.Level == reports.Deep {
			labels = Label("deep", "full")
		}
		It(title, labels, suite.About(scenario), SpecTimeout(2*time.Minute), func(ctx SpecContext) {
			By("running an application on a file, with Litestream beside it and live traffic")
			sys := suite.Start(ctx, sqlite.Store{Dataset: dataset.Shop(dataset.ShopOptions{Scale: 0.5})})
			d := suite.Begin(ctx, sys, scenario)
			Expect(d.Traffic(ctx, traffic.Mix{})).To(Succeed())

			By("breaking every payment, in the file and in its replica")
			good := d.Mark(ctx, "before the bad deploy")
			Expect(d.Break(ctx, faults.BadWrite(`UPDATE payments SET amount = 0`))).To(Succeed())

			By("restoring the replica beside the damaged file, up to the mark")
			Expect(d.Recover(ctx, litestream.To(litestream.Position), drill.To(good))).To(Succeed())
			Expect(d.Verify(ctx)).To(suite.HavePassed())
		})
	}

	// The column is another one afterwards, and its text is cut: rows and structure must both be back.
	narrowed := drill.Scenario{
		Name: "sqlite/narrowed-column", Owner: "payments",
		Engine: "sqlite", Fault: "narrowed column", Recovery: "litestream restore to time", Takes: 5 * time.Second,
		Disaster:  "A migration makes the remarks on orders eight characters wide and cuts off the rest.",
		Answers:   []reports.Question{reports.BackedUp, reports.InService, reports.Harmless, reports.InTime},
		Objective: drill.Objective{RTO: 30 * time.Second, RPO: 30 * time.Second},
	}
	It("return to the moment before a migration", Label("full"), suite.About(narrowed), SpecTimeout(2*time.Minute), func(ctx SpecContext) {
		d := suite.Begin(ctx, suite.Start(ctx, sqlite.Store{Dataset: dataset.Shop(dataset.ShopOptions{Scale: 0.1})}), narrowed)
		Expect(d.Traffic(ctx, traffic.Mix{})).To(Succeed())
		good := d.Mark(ctx, "before the migration")
		Expect(d.Break(ctx, faults.NarrowColumn("orders", "remark", 8))).To(Succeed())
		Expect(d.Recover(ctx, litestream.To(litestream.Time), drill.To(good))).To(Succeed())
		Expect(d.Verify(ctx)).To(suite.HavePassed())
	})
})
