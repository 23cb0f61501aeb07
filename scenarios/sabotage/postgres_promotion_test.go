package sabotage_test

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
	"github.com/recoverydrill/gameday/reports"
	"github.com/recoverydrill/gameday/scenarios/drill"
	"github.com/recoverydrill/gameday/scenarios/suite"
	"github.com/recoverydrill/gameday/verify"
)

// promotes is a promotion of one standby by the script, which neither compares nor fences.
func promotes(standby string) recovery.Recovery {
	return recovery.OnNode(standby, "../postgres/promote-standby.sh")
}

var _ = Describe("a promotion", Label("postgres", "sabotage", full), func() {
	for _, s := range []struct {
		does    string
		by      recovery.Recovery
		check   string
		finding string
	}{
		{"takes the standby that lags behind", promotes("standby-1"), "ledger", `\d+ writes? acknowledged before the mark and gone`},
		{"does not fence the old primary", promotes("standby-2"), "fenced", `primary takes clients' writes as well once it is started again`},
	} {
		It("is caught when it "+s.does, SpecTimeout(4*time.Minute), func(ctx SpecContext) {
			sys := suite.Start(ctx, postgres.Cluster{Standbys: 2, Dataset: dataset.Shop(dataset.ShopOptions{Scale: 0.1})})
			d := suite.Begin(ctx, sys, drill.Scenario{
				Name: "sabotage/promotion-" + s.check, Owner: "gameday", Disaster: "The primary's server is killed, and a promotion is broken on purpose.",
				Answers: []reports.Question{reports.InService, reports.Harmless}, Objective: drill.Objective{RTO: time.Minute, RPO: time.Minute},
				Checks: append(verify.Default(), verify.Fenced{}), ServiceLimit: 5 * time.Second,
			})
			Expect(d.Traffic(ctx, traffic.Mix{Rate: 100})).To(Succeed())
			Expect(sys.(fixtures.Routed).Routes()["replication standby-1"].Cut(ctx)).To(Succeed())
			wait(ctx, time.Second)
			mark := d.Mark(ctx, "before the crash")
			Expect(d.Break(ctx, faults.KillServer(""))).To(Succeed())
			caught(ctx, d, s.by, mark, s.check, s.finding)
		})
	}

	It("is caught when it believes a false alarm", SpecTimeout(4*time.Minute), func(ctx SpecContext) {
		sys := suite.Start(ctx, postgres.Cluster{Standbys: 1, Dataset: dataset.Shop(dataset.ShopOptions{Scale: 0.1})})
		d := suite.Begin(ctx, sys, drill.Scenario{
			Name: "sabotage/promotion-alarm", Owner: "gameday", Disaster: "Only the health check is cut off, and a promotion believes it.",
			Answers: []reports.Question{reports.Plan, reports.Harmless}, Objective: drill.Objective{LostWrites: drill.NoLoss()}, MustRefuse: true,
			Checks: append(verify.Default(), verify.Fenced{}), ServiceLimit: 5 * time.Second,
		})
		Expect(d.Traffic(ctx, traffic.Mix{Rate: 100})).To(Succeed())
		mark := d.Mark(ctx, "before the alarm")
		Expect(d.Break(ctx, faults.BlindMonitor())).To(Succeed())
		caught(ctx, d, promotes("standby-1"), mark, "refusal", `had to refuse`)
		Expect(findings(d.Record(), "fenced")).To(ContainElement(MatchRegexp(`primary takes clients' writes as well: two primaries`)))
	})
})
