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

// The health check sees nothing, and nothing is wrong: clients and the standby are served. The script can tell, because it
// asks from the standby as well. A promotion would be a second primary; the drill wants a refusal, every write of clients
// in its place, and the store as it was.
var _ = Describe("a blind health check", Label("postgres", "no-damage", "owner=platform"), func() {
	scenario := drill.Scenario{
		Name: "postgres/false-alarm-script", Owner: "platform",
		Engine: "postgres", Fault: "false alarm", Recovery: "promote-if-gone.sh", Takes: 20 * time.Second,
		Disaster:  "The health check of the primary is cut off, and pages somebody about a primary that serves its clients.",
		Answers:   []reports.Question{reports.Plan, reports.Harmless},
		Objective: drill.Objective{LostWrites: drill.NoLoss()}, MustRefuse: true,
		Checks:  append(verify.Default(), verify.Fenced{}, verify.Replicas{}),
		Runbook: "scenarios/postgres/promote-if-gone.sh",
	}
	It("makes nobody promote a standby who asks from there as well", suite.About(scenario), Label("full"), SpecTimeout(5*time.Minute), func(ctx SpecContext) {
		d := suite.Begin(ctx, suite.Start(ctx, postgres.Cluster{Standbys: 1, Dataset: dataset.Shop(dataset.ShopOptions{Scale: 0.1})}), scenario)
		Expect(d.Traffic(ctx, traffic.Mix{})).To(Succeed())
		d.Mark(ctx, "before the alarm")
		Expect(d.Break(ctx, faults.BlindMonitor())).To(Succeed())
		Expect(d.Recover(ctx, recovery.OnNode("standby-1", "promote-if-gone.sh"))).To(Succeed())
		Expect(d.Verify(ctx)).To(suite.HavePassed())
	})

	// The same script must not refuse where the primary is gone, or it would be no way back at all.
	gone := drill.Scenario{
		Name: "postgres/true-alarm-script", Owner: "platform",
		Engine: "postgres", Fault: "isolated node", Recovery: "promote-if-gone.sh", Takes: 20 * time.Second,
		Disaster:  "The primary's machine is off the network: the health check is right this time.",
		Answers:   []reports.Question{reports.InService, reports.InTime},
		Objective: drill.Objective{RTO: time.Minute, RPO: 5 * time.Second},
		Checks:    append(verify.Default(), verify.Replicas{MayBeLast: onlyStandby}),
		Runbook:   "scenarios/postgres/promote-if-gone.sh",
	}
	It("is believed when nobody else sees the primary either", suite.About(gone), Label("full"), SpecTimeout(5*time.Minute), func(ctx SpecContext) {
		d := suite.Begin(ctx, suite.Start(ctx, postgres.Cluster{Standbys: 1, Dataset: dataset.Shop(dataset.ShopOptions{Scale: 0.1})}), gone)
		Expect(d.Traffic(ctx, traffic.Mix{})).To(Succeed())
		d.Mark(ctx, "before the alarm")
		Expect(d.Break(ctx, faults.IsolateNode(""))).To(Succeed())
		Expect(d.Recover(ctx, recovery.OnNode("standby-1", "promote-if-gone.sh"))).To(Succeed())
		Expect(d.Verify(ctx)).To(suite.HavePassed())
	})
})
