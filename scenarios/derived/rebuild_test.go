package derived_test

import (
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/recoverydrill/gameday/faults"
	"github.com/recoverydrill/gameday/fixtures"
	"github.com/recoverydrill/gameday/fixtures/traffic"
	"github.com/recoverydrill/gameday/reports"
	"github.com/recoverydrill/gameday/scenarios/derived/catalogue"
	"github.com/recoverydrill/gameday/scenarios/drill"
	"github.com/recoverydrill/gameday/scenarios/suite"
)

// A store that is derived needs no backup to be made again, if what it is derived from is whole and what derives it gives
// the same twice. That is what is drilled: every good, its stock (a sum, so that an event too few or one twice is seen), the
// full-text index and every acknowledged write must be back, and nothing may be lost, because the source has everything.
// Traffic's own ledger is the harness's; the recovery reads the application's event log, which lies elsewhere.
var _ = Describe("a derived catalogue", Label("sqlite", "derived", "owner=catalogue"), func() {
	nothing := drill.Objective{RTO: 30 * time.Second, LostWrites: drill.NoLoss()}

	wiped := drill.Scenario{
		Name: "derived/wiped", Owner: "catalogue",
		Engine: "sqlite", Fault: "deleted data directory", Recovery: "rebuild from the source", Takes: 5 * time.Second,
		Disaster: "The directory of the catalogue is deleted. Nobody has ever backed it up, since it is derived.",
		Answers:  []reports.Question{reports.InService, reports.Plan, reports.Harmless, reports.InTime}, Objective: nothing,
	}
	It("is made anew from its source after it was wiped", suite.About(wiped), SpecTimeout(2*time.Minute), func(ctx SpecContext) {
		store := catalogue.Store{Dir: GinkgoT().TempDir()}
		d := suite.Begin(ctx, suite.Start(ctx, store), wiped)
		Expect(d.Traffic(ctx, traffic.Mix{})).To(Succeed())
		d.Mark(ctx, "before the wrong window")
		Expect(d.Break(ctx, faults.DeleteDataDirectory())).To(Succeed())
		Expect(d.Recover(ctx, store.Rebuild())).To(Succeed())
		Expect(d.Verify(ctx)).To(suite.HavePassed())
	})

	// The bug is in what derives the store, so the source does not know of the damage, and everything after the backup is in
	// it: deliveries that came later too.
	spoiled := drill.Scenario{
		Name: "derived/bad-projection", Owner: "catalogue",
		Engine: "sqlite", Fault: "bad write", Recovery: "backup and replay of the source", Takes: 5 * time.Second,
		Disaster: "A release of the catalogue sets the stock of every good to 0; the orders and deliveries that it is derived from are sound.",
		Answers:  []reports.Question{reports.BackedUp, reports.Findable, reports.InService, reports.Plan, reports.Harmless, reports.InTime}, Objective: nothing,
	}
	It("comes back from its backup and what the source has recorded since", suite.About(spoiled), SpecTimeout(2*time.Minute), func(ctx SpecContext) {
		store := catalogue.Store{Dir: GinkgoT().TempDir()}
		sys := suite.Start(ctx, store)
		d := suite.Begin(ctx, sys, spoiled)
		Expect(d.Traffic(ctx, traffic.Mix{})).To(Succeed())
		Expect(d.Backup(ctx)).To(Succeed())
		By("delivering goods after the backup")
		deliver(ctx, sys)
		d.Mark(ctx, "before the release")
		Expect(d.Break(ctx, faults.BadWrite("UPDATE goods SET stock = 0"))).To(Succeed())
		Expect(d.Recover(ctx, store.Resume())).To(Succeed())
		Expect(d.Verify(ctx)).To(suite.HavePassed())
	})
})

func deliver(ctx SpecContext, sys fixtures.System) {
	GinkgoHelper()
	for i := range 40 {
		Expect(sys.(*catalogue.System).Deliver(ctx, i, int64(i+1))).To(Succeed())
	}
}
