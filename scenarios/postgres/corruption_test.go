package postgres_test

import (
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/recoverydrill/gameday/faults"
	"github.com/recoverydrill/gameday/fixtures"
	"github.com/recoverydrill/gameday/fixtures/dataset"
	"github.com/recoverydrill/gameday/fixtures/postgres"
	"github.com/recoverydrill/gameday/fixtures/traffic"
	recovery "github.com/recoverydrill/gameday/recover"
	"github.com/recoverydrill/gameday/recover/pgpitr"
	"github.com/recoverydrill/gameday/reports"
	"github.com/recoverydrill/gameday/scenarios/drill"
	"github.com/recoverydrill/gameday/scenarios/suite"
	"github.com/recoverydrill/gameday/verify"
)

// Two kinds of damage that PostgreSQL's own checksums do not see: a block of zeroes is an empty block to it, and an older
// version of a block is a good one. Both take rows, or bring some back, without an error; only the comparison of contents
// finds them. Neither is in the log, so the standby has every row. But its indexes may have learnt of the loss from clients
// that looked for the rows on the primary, so they are built anew: promote-and-reindex.sh says how that comes.
var _ = Describe("a disk that lies", Label("postgres", "corruption", "failover", "full", "owner=platform"), func() {
	cluster := postgres.Cluster{Standbys: 1, Dataset: dataset.Shop(dataset.ShopOptions{Scale: 0.1})}
	answers := []reports.Question{reports.InService, reports.Harmless, reports.InTime}
	promote := func() recovery.Recovery { return recovery.OnNode("standby-1", "promote-and-reindex.sh") }

	zeroed := drill.Scenario{
		Name: "postgres/zeroed-block", Owner: "platform",
		Engine: "postgres", Fault: "zeroed block in table", Recovery: "promote-and-reindex.sh", Takes: 20 * time.Second,
		Disaster: "The disk gives zeroes for a block of a table: its rows are gone, without an error.",
		Answers:  answers, Objective: drill.Objective{RTO: 30 * time.Second, RPO: 5 * time.Second},
		Checks: append(verify.Default(), verify.Replicas{MayBeLast: onlyStandby}),
	}
	It("is found out by contents when it gives zeroes, and the standby takes over", suite.About(zeroed), SpecTimeout(5*time.Minute), func(ctx SpecContext) {
		d := suite.Begin(ctx, suite.Start(ctx, cluster), zeroed)
		Expect(d.Traffic(ctx, traffic.Mix{})).To(Succeed())
		d.Mark(ctx, "before the disk failed")
		Expect(d.Break(ctx, faults.CorruptTable(faults.Zeroed, "shop.payments", 3))).To(Succeed())
		Expect(d.Recover(ctx, promote())).To(Succeed())
		Expect(d.Verify(ctx)).To(suite.HavePassed())
	})

	lost := drill.Scenario{
		Name: "postgres/lost-write", Owner: "platform",
		Engine: "postgres", Fault: "stale block in table", Recovery: "promote-and-reindex.sh", Takes: 25 * time.Second,
		Disaster: "The disk has acknowledged a write of a block and lost it: rows are back as they were before they were changed.",
		Answers:  answers, Objective: drill.Objective{RTO: 30 * time.Second, RPO: 5 * time.Second},
		Checks: append(verify.Default(), verify.Replicas{MayBeLast: onlyStandby}),
	}
	It("is found out by contents when it gives an older version, and the standby takes over", suite.About(lost), SpecTimeout(5*time.Minute), func(ctx SpecContext) {
		sys := suite.Start(ctx, cluster)
		block := faults.CorruptTable(faults.Stale, "shop.payments", 3)
		By("writing to a block whose present version will come back")
		store := sys.(fixtures.Operator)
		// With room in its block a row that is changed stays there, so that clients who look for it find the lost version. The
		// index entry of one that has moved is soon known to be dead, and they find the right one.
		Expect(store.Statement(ctx, "", "", "ALTER TABLE shop.payments SET (fillfactor = 50)")).To(Succeed())
		Expect(store.Statement(ctx, "", "", "VACUUM (FULL) shop.payments")).To(Succeed())
		Expect(block.Remember(ctx, sys)).To(Succeed())
		Expect(store.Statement(ctx, "", "", "UPDATE shop.payments SET amount = amount + 1 WHERE id % 3 = 0")).To(Succeed())
		d := suite.Begin(ctx, sys, lost)
		Expect(d.Traffic(ctx, traffic.Mix{})).To(Succeed())
		d.Mark(ctx, "after the write")
		Expect(d.Break(ctx, block)).To(Succeed())
		Expect(d.Recover(ctx, promote())).To(Succeed())
		Expect(d.Verify(ctx)).To(suite.HavePassed())
	})
})

// The control file is the first thing that a server reads, and there is one of it. It is damaged while the server is
// stopped for maintenance, so the log is complete in the archive: everything that was acknowledged must come back, though
// nobody gives a target.
var _ = Describe("a server that does not start any more", Label("postgres", "corruption", "pitr", "full", "owner=platform"), func() {
	control := drill.Scenario{
		Name: "postgres/destroyed-control-file", Owner: "platform",
		Engine: "postgres", Fault: "corrupt block in control file", Recovery: "pgpitr to latest", Takes: 20 * time.Second,
		Disaster:  "The control file is overwritten while the server is stopped, and the server does not start again.",
		Answers:   []reports.Question{reports.BackedUp, reports.Findable, reports.InService, reports.Harmless, reports.InTime},
		Objective: drill.Objective{RTO: time.Minute, LostWrites: drill.NoLoss()},
	}
	It("is replaced from its base backup and the whole archive when its control file is destroyed", suite.About(control), SpecTimeout(5*time.Minute), func(ctx SpecContext) {
		cluster := postgres.Cluster{Spares: 1, Dataset: dataset.Shop(dataset.ShopOptions{Scale: 0.1})}
		d := suite.Begin(ctx, suite.Start(ctx, cluster), control)
		Expect(d.Backup(ctx)).To(Succeed())
		Expect(d.Traffic(ctx, traffic.Mix{})).To(Succeed())
		d.Mark(ctx, "before the maintenance")
		Expect(d.Break(ctx, faults.CorruptFile(faults.Overwritten, fixtures.ControlFile, "", 0).While(faults.Stopped))).To(Succeed())
		Expect(d.Recover(ctx, pgpitr.To(pgpitr.Latest))).To(Succeed())
		Expect(d.Verify(ctx)).To(suite.HavePassed())
	})
})
