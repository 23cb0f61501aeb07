package postgres_test

import (
	"fmt"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/recoverydrill/gameday/faults"
	"github.com/recoverydrill/gameday/fixtures/dataset"
	"github.com/recoverydrill/gameday/fixtures/postgres"
	"github.com/recoverydrill/gameday/fixtures/traffic"
	"github.com/recoverydrill/gameday/recover/pgrepair"
	"github.com/recoverydrill/gameday/reports"
	"github.com/recoverydrill/gameday/scenarios/drill"
	"github.com/recoverydrill/gameday/scenarios/suite"
	"github.com/recoverydrill/gameday/verify"
)

// The poison drips in while clients go on writing, into the same table among others: a row may have been written rightly
// after the mark and before it was poisoned, or over the poison. Neither the mark's version nor the present one is right
// for all, and a return to the mark throws away all that was written since. Traffic's rows certify themselves, so that
// the ledger finds a poisoned one that was left, and a good one that was lost or put back to an older version.
var _ = Describe("a slow burn", Label("postgres", "repair", "full", "owner=payments"), func() {
	scenario := drill.Scenario{
		Name: "postgres/slow-burn", Owner: "payments",
		Engine: "postgres", Fault: "slow burn", Recovery: "pgrepair", Takes: 55 * time.Second,
		Disaster:  "A faulty job damages one percent of the rows each second for eight seconds, while clients go on writing.",
		Answers:   []reports.Question{reports.BackedUp, reports.InService, reports.Harmless, reports.InTime},
		Objective: drill.Objective{RTO: 2 * time.Minute, LostWrites: drill.NoLoss()},
	}

	It("is taken out, and the good writes of its time are kept", suite.About(scenario), SpecTimeout(6*time.Minute), func(ctx SpecContext) {
		d := suite.Begin(ctx, suite.Start(ctx, postgres.Cluster{Standbys: 1, Spares: 1, Dataset: dataset.Shop(dataset.ShopOptions{Scale: 0.1})}), scenario)
		Expect(d.Backup(ctx)).To(Succeed())
		Expect(d.Traffic(ctx, traffic.Mix{Rate: 100})).To(Succeed())
		good := d.Mark(ctx, "before the job")
		Expect(d.Break(ctx, &faults.SlowBurn{Table: "shop.payments", Column: "amount", Value: "0", Duration: 8 * time.Second, Traffic: true})).To(Succeed())
		Expect(d.Recover(ctx, pgrepair.Rows(
			pgrepair.Damage{Table: "shop.payments", Poison: "amount = 0", Columns: []string{"amount"}},
			pgrepair.Damage{Table: "gameday.item", Poison: "val LIKE 'burnt:%'", Columns: []string{"val"}},
			pgrepair.Damage{Table: "gameday.account", Poison: "val LIKE 'burnt:%'", Columns: []string{"val"}},
		), drill.To(good))).To(Succeed())
		rec := d.Verify(ctx)
		AddReportEntry("slow burn", burnt(d))
		Expect(rec).To(suite.HavePassed())
	})
})

// burnt says in two figures how the repair of a slow burn went, from the evidence.
func burnt(d *suite.Drill) string {
	GinkgoHelper()
	e, err := verify.LoadEvidence(d.Dir())
	Expect(err).NotTo(HaveOccurred())
	poison := int64(0)
	for _, v := range verify.Reconcile(e.Ops, e.Rows, verify.ReconcileOptions{}).Violations {
		if v.Class == verify.Corrupt {
			poison += v.Total
		}
	}
	return fmt.Sprintf("poison left among traffic's rows: %d, good later writes lost: %d", poison, d.Record().Traffic.Lost)
}
