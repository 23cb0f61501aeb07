// Package flagship_test is the main job: the drill to begin with, on the best that a machine has.
package flagship_test

import (
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/recoverydrill/gameday/faults"
	"github.com/recoverydrill/gameday/fixtures/traffic"
	"github.com/recoverydrill/gameday/reports"
	"github.com/recoverydrill/gameday/scenarios/drill"
	"github.com/recoverydrill/gameday/scenarios/suite"
)

// A replica is no help against a bad write: it copies it faithfully, and the drill waits until it has. What is left is
// what was kept of the past, a base backup and the log since then, so what this proves is that both are complete, that
// the recovery finds them and stops at the right moment, and that clients end up on the result. That is the same on
// every engine; what differs between them is in engines_test.go. Writes go on after the bad one, as they do in life: they are
// the price of going back, and the report counts them.
var _ = Describe("payments", Label("flagship", "pitr", "owner=payments"), func() {
	It("return to the moment before a replicated bad write", SpecTimeout(5*time.Minute), func(ctx SpecContext) {
		By("running a store with a replica, an archive of its log and live traffic, on the best that this machine has")
		sys := suite.StartFirst(ctx, candidates()...)
		own := engines[sys.Info().Engine]
		d := suite.Begin(ctx, sys, drill.Scenario{
			Name:      "flagship/" + sys.Info().Engine + "-replicated-bad-write",
			Owner:     "payments",
			Disaster:  "A deploy sets every payment to 0, and replication has copied it before anybody looks.",
			Answers:   []reports.Question{reports.BackedUp, reports.Findable, reports.InService, reports.Harmless, reports.InTime},
			Objective: drill.Objective{RTO: time.Minute, RPO: time.Minute},
			Runbook:   own.runbook,
			Waivers:   []reports.Waiver{{Check: "replicas", Reason: "the recovery brings back service; the standby is built anew by another runbook"}},
		})
		Expect(d.Backup(ctx)).To(Succeed())
		Expect(d.Traffic(ctx, traffic.Mix{})).To(Succeed())

		By("breaking every payment, in the store and by replication in its replica")
		good := d.Mark(ctx, "before the bad deploy")
		Expect(d.Break(ctx, faults.BadWrite(own.badWrite))).To(Succeed())

		By("restoring beside the damaged store, up to the mark")
		Expect(d.Recover(ctx, own.recovery, drill.To(good))).To(Succeed())
		Expect(d.Verify(ctx)).To(suite.HavePassed())
	})
})
