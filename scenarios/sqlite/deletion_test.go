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

	dropped := drill.Scenario{
		Name:   "sqlite/dropped-table",
		Owner:  "orders",
		Engine: "sqlite", Fault: "dropped table", Recovery: "litestream restore to time", Takes: 5 * time.Second,
		Disaster:  "Somebody drops the payments table with its indexes and triggers.",
		Answers:   answers,
		Objective: drill.Objective{RTO: 30 * time.Second, RPO: 30 * time.Second},
	}
	It("of a whole table is undone in place, from the replica, as of a time", Label("pitr"), suite.About(dropped), SpecTimeout(2*time.Minute), func(ctx SpecContext) {
		d := suite.Begin(ctx, suite.Start(ctx, sqlite.Store{Dataset: shop}), dropped)
		Expect(d.Traffic(ctx, traffic.Mix{})).To(Succeed())
		good := d.Mark(ctx, "before the drop")
		Expect(d.Break(ctx, faults.DropTable("payments"))).To(Succeed())
		Expect(d.Recover(ctx, litestream.Procedure{Kind: litestream.Time, InPlace: true}, drill.To(good))).To(Succeed())
		Expect(d.Verify(ctx)).To(suite.HavePassed())
	})

	emptied := drill.Scenario{
		Name:   "sqlite/delete-without-where",
		Owner:  "orders",
		Engine: "sqlite", Fault: "delete without where", Recovery: "restore-copy.sh", Takes: 5 * time.Second,
		Disaster:  "A DELETE whose WHERE was forgotten empties the payments table of a file that has no replica.",
		Answers:   answers,
		Objective: drill.Objective{RTO: 30 * time.Second, RPO: time.Minute},
		Runbook:   "scenarios/sqlite/restore-copy.sh",
	}
	It("of every row is undone with the newest copy of the file", Label("backup"), suite.About(emptied), SpecTimeout(2*time.Minute), func(ctx SpecContext) {
		d := suite.Begin(ctx, suite.Start(ctx, sqlite.Store{Dataset: shop, Unreplicated: true}), emptied)
		Expect(d.Traffic(ctx, traffic.Mix{})).To(Succeed())
		d.Mark(ctx, "yesterday") // what the copy must hold at least
		Expect(d.Backup(ctx)).To(Succeed())
		Expect(d.Break(ctx, faults.DeleteRows("payments"))).To(Succeed())
		Expect(d.Recover(ctx, recovery.Command("./restore-copy.sh").WithPlan("--plan"))).To(Succeed())
		Expect(d.Verify(ctx)).To(suite.HavePassed())
	})

	// Of a table in which nothing else has changed, so that a row too few or too many is seen; and with the rows that
	// referred to the deleted ones, which the deletion has changed too.
	some := drill.Scenario{
		Name: "sqlite/deleted-payments", Owner: "orders",
		Engine: "sqlite", Fault: "deleted rows", Recovery: "litestream restore to position", Takes: 5 * time.Second,
		Disaster: "A clean-up job deletes the payments of one method.",
		Answers:  answers, Objective: drill.Objective{RTO: 30 * time.Second, RPO: 30 * time.Second},
	}
	It("of some rows is undone from the replica", Label("pitr", "full"), suite.About(some), SpecTimeout(2*time.Minute), func(ctx SpecContext) {
		d := suite.Begin(ctx, suite.Start(ctx, sqlite.Store{Dataset: shop}), some)
		Expect(d.Traffic(ctx, traffic.Mix{})).To(Succeed())
		good := d.Mark(ctx, "before the clean-up")
		Expect(d.Break(ctx, faults.DeleteWhere("payments", "method = 'wallet'"))).To(Succeed())
		Expect(d.Recover(ctx, litestream.Procedure{InPlace: true}, drill.To(good))).To(Succeed())
		Expect(d.Verify(ctx)).To(suite.HavePassed())
	})
})
