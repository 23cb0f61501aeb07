package sqlite_test

import (
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/recoverydrill/gameday/faults"
	"github.com/recoverydrill/gameday/fixtures/dataset"
	"github.com/recoverydrill/gameday/fixtures/sqlite"
	"github.com/recoverydrill/gameday/fixtures/traffic"
	"github.com/recoverydrill/gameday/recover/sqliterepair"
	"github.com/recoverydrill/gameday/reports"
	"github.com/recoverydrill/gameday/scenarios/drill"
	"github.com/recoverydrill/gameday/scenarios/suite"
)

// The poison drips in while clients go on writing, into the same tables among others: a row may have been written rightly
// after the mark and before it was poisoned, or over the poison. Neither the mark's version nor the present one is right
// for all, and a return to the mark throws away all that was written since. Traffic's rows certify themselves, so that the
// ledger finds a poisoned one that was left, and a good one that was lost or put back to an older version.
var _ = Describe("a slow burn in a file", Label("sqlite", "repair", "full", "owner=payments"), func() {
	scenario := drill.Scenario{
		Name: "sqlite/slow-burn", Owner: "payments",
		Engine: "sqlite", Fault: "slow burn", Recovery: "sqliterepair", Takes: 15 * time.Second,
		Disaster:  "A faulty job damages one percent of the rows each second for five seconds, while clients go on writing.",
		Answers:   []reports.Question{reports.BackedUp, reports.InService, reports.Harmless, reports.InTime},
		Objective: drill.Objective{RTO: time.Minute, LostWrites: drill.NoLoss()},
	}
	It("is taken out, and the good writes of its time are kept", suite.About(scenario), SpecTimeout(3*time.Minute), func(ctx SpecContext) {
		d := suite.Begin(ctx, suite.Start(ctx, sqlite.Store{Dataset: dataset.Shop(dataset.ShopOptions{Scale: 0.1})}), scenario)
		Expect(d.Traffic(ctx, traffic.Mix{})).To(Succeed())
		good := d.Mark(ctx, "before the job")
		Expect(d.Break(ctx, &faults.SlowBurn{Table: "payments", Column: "amount", Value: "0", Duration: 5 * time.Second, Traffic: true})).To(Succeed())
		Expect(d.Recover(ctx, sqliterepair.Rows(
			sqliterepair.Damage{Table: "payments", Poison: "amount = 0", Columns: []string{"amount"}},
			sqliterepair.Damage{Table: "gameday_item", Poison: "val LIKE 'burnt:%'", Columns: []string{"val"}},
			sqliterepair.Damage{Table: "gameday_account", Poison: "val LIKE 'burnt:%'", Columns: []string{"val"}},
		), drill.To(good))).To(Succeed())
		Expect(d.Verify(ctx)).To(suite.HavePassed())
	})
})
