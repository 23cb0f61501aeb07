package sqlite_test

import (
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/recoverydrill/gameday/faults"
	"github.com/recoverydrill/gameday/fixtures/dataset"
	"github.com/recoverydrill/gameday/fixtures/sqlite"
	"github.com/recoverydrill/gameday/fixtures/traffic"
	recovery "github.com/recoverydrill/gameday/recover"
	"github.com/recoverydrill/gameday/recover/litestream"
	"github.com/recoverydrill/gameday/reports"
	"github.com/recoverydrill/gameday/scenarios/drill"
	"github.com/recoverydrill/gameday/scenarios/suite"
)

// The same disaster for two applications. One has a replica: the file is put back in place, while the application holds
// the old one, as of a time. The other has a nightly copy and nothing else: what it gets back is last night's, so all
// that was acknowledged since is lost, and what is asked of it is only that this is no more than was agreed to.
var _ = Describe("a deletion from a file", Label("sqlite", "owner=orders"), func() {
	shop := dataset.Shop(dataset.ShopOptions{Scale: 0.2})
	answers := []reports.Question{reports.BackedUp, reports.Findable, reports.InService, reports.Harmless, reports.InTime}

	It("of a whole table is undone in place, from the replica, as of a time", Label("pitr"), SpecTimeout(2*time.Minute), func(ctx SpecContext) {
		d := suite.Begin(ctx, suite.Start(ctx, sqlite.Store{Dataset: shop}), drill.Scenario{
			Name:      "sqlite/dropped-table",
			Owner:     "orders",
			Disaster:  "Somebody drops the payments table with its indexes and triggers.",
			Answers:   answers,
			Objective: drill.Objective{RTO: 30 * time.Second, RPO: 30 * time.Second},
		})
		Expect(d.Traffic(ctx, traffic.Mix{})).To(Succeed())
		good := d.Mark(ctx, "before the drop")
		Expect(d.Break(ctx, faults.BadWrite("DROP TABLE payments"))).To(Succeed())
		Expect(d.Recover(ctx, litestream.Procedure{Kind: litestream.Time, InPlace: true}, drill.To(good))).To(Succeed())
		Expect(d.Verify(ctx)).To(suite.HavePassed())
	})

	It("of every row is undone with the newest copy of the file", Label("backup"), SpecTimeout(2*time.Minute), func(ctx SpecContext) {
		d := suite.Begin(ctx, suite.Start(ctx, sqlite.Store{Dataset: shop, Unreplicated: true}), drill.Scenario{
			Name:      "sqlite/delete-without-where",
			Owner:     "orders",
			Disaster:  "A DELETE whose WHERE was forgotten empties the payments table of a file that has no replica.",
			Answers:   answers,
			Objective: drill.Objective{RTO: 30 * time.Second, RPO: time.Minute},
			Runbook:   "scenarios/sqlite/restore-copy.sh",
		})
		Expect(d.Traffic(ctx, traffic.Mix{})).To(Succeed())
		d.Mark(ctx, "yesterday") // what the copy must hold at least
		Expect(d.Backup(ctx)).To(Succeed())
		Expect(d.Break(ctx, faults.DeleteRows("payments"))).To(Succeed())
		Expect(d.Recover(ctx, recovery.Command("./restore-copy.sh"))).To(Succeed())
		Expect(d.Verify(ctx)).To(suite.HavePassed())
	})
})
