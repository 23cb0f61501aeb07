package postgres_test

import (
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/recoverydrill/gameday/faults"
	"github.com/recoverydrill/gameday/fixtures/dataset"
	"github.com/recoverydrill/gameday/fixtures/postgres"
	"github.com/recoverydrill/gameday/fixtures/traffic"
	recovery "github.com/recoverydrill/gameday/recover"
	"github.com/recoverydrill/gameday/reports"
	"github.com/recoverydrill/gameday/scenarios/drill"
	"github.com/recoverydrill/gameday/scenarios/suite"
	"github.com/recoverydrill/gameday/verify"
)

// Both disasters leave the standby sound, so the way back is to promote it. Corruption on the primary's disk is not in
// the log and cannot have been copied; the whole table is read to show it. A cut network loses nothing that the standby
// had received: streaming is asynchronous, so what was acknowledged in the last instant may be gone, and is counted.
var _ = Describe("a sound standby", Label("postgres", "failover", "owner=platform"), func() {
	cluster := postgres.Cluster{Standbys: 1, Dataset: dataset.Shop(dataset.ShopOptions{Scale: 0.2})}
	promote := func() recovery.Recovery { return recovery.OnNode("standby-1", "promote-standby.sh") }

	corrupt := drill.Scenario{
		Name:   "postgres/corrupt-block",
		Owner:  "platform",
		Engine: "postgres", Fault: "corrupt block", Recovery: "promote-standby.sh", Takes: 20 * time.Second,
		Disaster:  "Sixteen bytes of a heap block on the primary's disk are overwritten under the running server.",
		Answers:   []reports.Question{reports.InService, reports.Harmless, reports.InTime},
		Objective: drill.Objective{RTO: 30 * time.Second, RPO: 5 * time.Second},
		Checks:    append(verify.Default(), verify.Replicas{MayBeLast: onlyStandby}),
	}
	It("takes over when a block on the primary's disk is corrupt", suite.About(corrupt), SpecTimeout(5*time.Minute), func(ctx SpecContext) {
		d := suite.Begin(ctx, suite.Start(ctx, cluster), corrupt)
		Expect(d.Traffic(ctx, traffic.Mix{})).To(Succeed())
		d.Mark(ctx, "before the corruption")
		Expect(d.Break(ctx, faults.CorruptBlock("shop.order_lines", 7))).To(Succeed())
		Expect(d.Recover(ctx, promote())).To(Succeed())
		Expect(d.Verify(ctx)).To(suite.HavePassed())
	})

	cut := drill.Scenario{
		Name:   "postgres/network-cut",
		Owner:  "platform",
		Engine: "postgres", Fault: "network cut", Recovery: "promote-standby.sh", Takes: 20 * time.Second,
		Disaster:  "The primary is cut off the network: clients and the standby lose it at once.",
		Answers:   []reports.Question{reports.InService, reports.Harmless, reports.InTime},
		Objective: drill.Objective{RTO: 30 * time.Second, RPO: 5 * time.Second},
		Checks:    append(verify.Default(), verify.Replicas{MayBeLast: onlyStandby}),
	}
	It("takes over when the primary is cut off the network", suite.About(cut), SpecTimeout(5*time.Minute), func(ctx SpecContext) {
		d := suite.Begin(ctx, suite.Start(ctx, cluster), cut)
		Expect(d.Traffic(ctx, traffic.Mix{})).To(Succeed())
		d.Mark(ctx, "before the cut")
		Expect(d.Break(ctx, faults.CutNetwork())).To(Succeed())
		Expect(d.Recover(ctx, promote())).To(Succeed())
		Expect(d.Verify(ctx)).To(suite.HavePassed())
	})
})
