package postgres_test

import (
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/recoverydrill/gameday/faults"
	"github.com/recoverydrill/gameday/fixtures/dataset"
	"github.com/recoverydrill/gameday/fixtures/postgres"
	"github.com/recoverydrill/gameday/fixtures/traffic"
	"github.com/recoverydrill/gameday/recover/pgpitr"
	"github.com/recoverydrill/gameday/reports"
	"github.com/recoverydrill/gameday/scenarios/drill"
	"github.com/recoverydrill/gameday/scenarios/suite"
)

// A disaster seldom comes alone, and seldom waits. A restore beside the damaged server must need nothing of it once it has
// begun: neither its network, which goes while the backup is fetched, nor the server itself, which is killed while the log is
// replayed. Both are proven while the restore runs; had one of them come too late, the drill would be inconclusive.
var _ = Describe("a restore", Label("postgres", "pitr", "meanwhile", "owner=orders"), func() {
	scenario := drill.Scenario{
		Name:   "postgres/dropped-table-and-more",
		Owner:  "orders",
		Engine: "postgres", Fault: "dropped table", Recovery: "pgpitr to name", Takes: 35 * time.Second,
		Disaster:  "Somebody drops the payments table, and while it is restored the old primary loses its network and then dies.",
		Answers:   []reports.Question{reports.BackedUp, reports.Findable, reports.InService, reports.Plan, reports.Capacity, reports.Harmless, reports.InTime},
		Objective: drill.Objective{RTO: time.Minute, RPO: time.Minute},
		Waivers:   standbyLater,
	}
	It("goes on while the old primary loses its network and dies", Label("full"), suite.About(scenario), SpecTimeout(5*time.Minute), func(ctx SpecContext) {
		sys := suite.Start(ctx, postgres.Cluster{Standbys: 1, Spares: 1, Dataset: dataset.Shop(dataset.ShopOptions{Scale: 0.2})})
		d := suite.Begin(ctx, sys, scenario)
		Expect(d.Backup(ctx)).To(Succeed())
		Expect(d.Traffic(ctx, traffic.Mix{})).To(Succeed())
		good := d.Mark(ctx, "before the drop")
		Expect(d.Break(ctx, faults.DropTable("shop.payments"))).To(Succeed())
		Expect(d.Recover(ctx, pgpitr.To(pgpitr.Name), drill.To(good),
			drill.Meanwhile(faults.CutNetwork(), drill.AtStep("fetch the base backup"), drill.Until(drill.AtStep("wait for the promotion"))),
			drill.Meanwhile(faults.KillServer("primary"), drill.AtStep("replay the log")),
		)).To(Succeed())
		Expect(d.Verify(ctx)).To(suite.HavePassed())
	})
})
