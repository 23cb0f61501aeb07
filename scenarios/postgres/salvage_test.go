package postgres_test

import (
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/recoverydrill/gameday/faults"
	"github.com/recoverydrill/gameday/fixtures/dataset"
	"github.com/recoverydrill/gameday/fixtures/postgres"
	"github.com/recoverydrill/gameday/fixtures/traffic"
	"github.com/recoverydrill/gameday/recover/pgsalvage"
	"github.com/recoverydrill/gameday/reports"
	"github.com/recoverydrill/gameday/scenarios/drill"
	"github.com/recoverydrill/gameday/scenarios/suite"
)

// No standby, no backup: what lies on the damaged block is gone, and a drill that asked for it back could only be red. The
// objective says so, with its reason, and allows no more: the fault knows which rows it has hit, and each of the others
// must be there unchanged. The service clock asks for all of these at once, so that it sees the damage and its end.
var _ = Describe("a corrupt block without a backup", Label("postgres", "salvage", "full", "owner=catalogue"), func() {
	scenario := drill.Scenario{
		Name: "postgres/corrupt-block-without-backup", Owner: "catalogue",
		Engine: "postgres", Fault: "corrupt block", Recovery: "pgsalvage", Takes: 25 * time.Second,
		Disaster: "A block of the reviews is corrupt, there is no standby, and nobody has ever taken a backup.",
		Answers:  []reports.Question{reports.InService, reports.Harmless, reports.InTime},
		Objective: drill.Objective{
			RTO: time.Minute, LostWrites: drill.NoLoss(),
			LostRows: []reports.LostRows{{Database: "shop", Table: "shop.reviews", Most: 100, Reason: "there is neither a standby nor a backup"}},
		},
	}

	It("loses the rows on that block, and nothing else", suite.About(scenario), SpecTimeout(5*time.Minute), func(ctx SpecContext) {
		d := suite.Begin(ctx, suite.Start(ctx, postgres.Cluster{Dataset: dataset.Shop(dataset.ShopOptions{Scale: 0.1})}), scenario)
		Expect(d.Traffic(ctx, traffic.Mix{Rate: 100})).To(Succeed())
		d.Mark(ctx, "before the corruption")
		Expect(d.Break(ctx, faults.CorruptBlock("shop.reviews", 1))).To(Succeed())
		Expect(d.Recover(ctx, pgsalvage.Tables())).To(Succeed())
		Expect(d.Verify(ctx)).To(suite.HavePassed())
	})
})
