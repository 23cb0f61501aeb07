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
	It("return to the moment before a replicated bad write", Label("flagship"), SpecTimeout(2*time.Minute), func(ctx SpecContext) {
		By("running an application on a file, with Litestream beside it and live traffic")
		sys := suite.Start(ctx, sqlite.Store{Dataset: dataset.Shop(dataset.ShopOptions{Scale: 0.5})})
		d := suite.Begin(ctx, sys, drill.Scenario{
			Name:      "sqlite/replicated-bad-write",
			Owner:     "payments",
			Disaster:  "A deploy sets every payment to 0, and Litestream has copied it to the replica before anybody looks.",
			Answers:   []reports.Question{reports.BackedUp, reports.Findable, reports.InService, reports.Harmless, reports.InTime},
			Objective: drill.Objective{RTO: 30 * time.Second, RPO: 30 * time.Second},
		})
		Expect(d.Traffic(ctx, traffic.Mix{})).To(Succeed())

		By("breaking every payment, in the file and in its replica")
		good := d.Mark(ctx, "before the bad deploy")
		Expect(d.Break(ctx, faults.BadWrite(`UPDATE payments SET amount = 0`))).To(Succeed())

		By("restoring the replica beside the damaged file, up to the mark")
		Expect(d.Recover(ctx, litestream.To(litestream.Position), drill.To(good))).To(Succeed())
		Expect(d.Verify(ctx)).To(suite.HavePassed())
	})
})
