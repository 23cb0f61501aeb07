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
	"github.com/recoverydrill/gameday/recover/pgpromote"
	"github.com/recoverydrill/gameday/reports"
	"github.com/recoverydrill/gameday/scenarios/drill"
	"github.com/recoverydrill/gameday/scenarios/suite"
	"github.com/recoverydrill/gameday/verify"
)

// Two standbys, of which the first has received nothing for a while: whoever promotes it loses writes that were acknowledged
// before the mark, and the ledger names them. The old primary's machine is well, so that anybody could start its server
// again: the check "fenced" does so after the recovery, and wants it to take no writes.
var _ = Describe("a crashed primary", Label("postgres", "failover", "owner=platform"), func() {
	cluster := postgres.Cluster{Standbys: 2, Dataset: dataset.Shop(dataset.ShopOptions{Scale: 0.1})}
	scenario := drill.Scenario{
		Name: "postgres/crashed-primary", Owner: "platform",
		Engine: "postgres", Fault: "killed server", Recovery: "pgpromote", Takes: 20 * time.Second,
		Disaster:  "The primary's server is killed while one of its two standbys lags behind.",
		Answers:   []reports.Question{reports.InService, reports.Plan, reports.Harmless, reports.InTime},
		Objective: drill.Objective{RTO: 45 * time.Second, RPO: 5 * time.Second},
		Checks:    append(verify.Default(), verify.Fenced{}, verify.Replicas{}),
	}

	It("is fenced, and its most advanced standby takes over", suite.About(scenario), SpecTimeout(5*time.Minute), func(ctx SpecContext) {
		sys := suite.Start(ctx, cluster)
		d := suite.Begin(ctx, sys, scenario)
		Expect(d.Traffic(ctx, traffic.Mix{Rate: 100})).To(Succeed())
		By("letting the first standby fall behind")
		Expect(sys.(fixtures.Routed).Routes()["replication standby-1"].Cut(ctx)).To(Succeed())
		d.Mark(ctx, "before the crash")
		Expect(d.Break(ctx, faults.KillServer(""))).To(Succeed())
		Expect(d.Recover(ctx, pgpromote.Fenced())).To(Succeed())
		Expect(d.Verify(ctx)).To(suite.HavePassed())
	})

	// Nothing is broken but the eye that looks: the primary serves its clients and its standbys. A promotion would make a
	// second primary, so the drill wants a refusal, and everything as it was.
	alarm := drill.Scenario{
		Name: "postgres/false-alarm", Owner: "platform",
		Engine: "postgres", Fault: "false alarm", Recovery: "pgpromote", Takes: 20 * time.Second,
		Disaster:  "The health check of the primary is cut off, and reports a primary dead that serves its clients.",
		Answers:   []reports.Question{reports.Plan, reports.Harmless},
		Objective: drill.Objective{LostWrites: drill.NoLoss()}, MustRefuse: true,
		Checks: append(verify.Default(), verify.Fenced{}, verify.Replicas{}),
	}

	It("is no reason for a promotion when only its health check is blind", suite.About(alarm), Label("full"), SpecTimeout(5*time.Minute), func(ctx SpecContext) {
		d := suite.Begin(ctx, suite.Start(ctx, cluster), alarm)
		Expect(d.Traffic(ctx, traffic.Mix{Rate: 100})).To(Succeed())
		d.Mark(ctx, "before the alarm")
		Expect(d.Break(ctx, faults.BlindMonitor())).To(Succeed())
		Expect(d.Recover(ctx, pgpromote.Fenced())).To(Succeed())
		Expect(d.Verify(ctx)).To(suite.HavePassed())
	})
})
