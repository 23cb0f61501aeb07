package derived_test

import (
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/recoverydrill/gameday/faults"
	"github.com/recoverydrill/gameday/fixtures/traffic"
	"github.com/recoverydrill/gameday/reports"
	"github.com/recoverydrill/gameday/scenarios/derived/catalogue"
	"github.com/recoverydrill/gameday/scenarios/drill"
	"github.com/recoverydrill/gameday/scenarios/suite"
)

// A read model among other tables of a database is made anew where it is: there is no backup, no other server and no
// cut-over, and clients go on with what is theirs. That nothing else was touched, and nothing was lost, is what the checks of
// every other table and the ledger show.
var _ = Describe("a read model in PostgreSQL", Label("postgres", "derived", "full", "owner=catalogue"), func() {
	scenario := drill.Scenario{
		Name: "derived/postgres-bad-projection", Owner: "catalogue",
		Engine: "postgres", Fault: "wrong update", Recovery: "rebuild from the source", Takes: 20 * time.Second,
		Disaster:  "A release of the catalogue doubles the stock of half of the goods.",
		Answers:   []reports.Question{reports.InService, reports.Plan, reports.Harmless, reports.InTime},
		Objective: drill.Objective{RTO: 30 * time.Second, LostWrites: drill.NoLoss()},
	}
	It("is made anew in place from its source", suite.About(scenario), SpecTimeout(5*time.Minute), func(ctx SpecContext) {
		store := catalogue.Server{Dir: GinkgoT().TempDir()}
		sys := suite.Start(ctx, store)
		d := suite.Begin(ctx, sys, scenario)
		Expect(d.Traffic(ctx, traffic.Mix{})).To(Succeed())
		for i := range 40 {
			Expect(sys.(*catalogue.ServerSystem).Deliver(ctx, i, int64(i+1))).To(Succeed())
		}
		d.Mark(ctx, "before the release")
		Expect(d.Break(ctx, faults.WrongUpdate("catalogue.goods", "stock = stock * 2 + 1", "right(sku, 1) < '5'"))).To(Succeed())
		Expect(d.Recover(ctx, store.Rebuild())).To(Succeed())
		Expect(d.Verify(ctx)).To(suite.HavePassed())
	})
})
