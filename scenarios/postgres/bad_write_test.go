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
)

// A standby is no help against a bad write: it copies it faithfully, and the drill waits until it has. What is left is
// the base backup and the archived log, so what this proves is that both are complete, that the script finds them and
// stops at the right moment, and that clients end up on the result. Writes go on after the bad one, as they do in life:
// they are the price of going back, and the report counts them.
var _ = Describe("payments", Label("postgres", "pitr", "owner=payments"), func() {
	for _, version := range []string{"17", "15", "18"} {
		labels := Label("version=" + version)
		if version == "17" {
			labels = Label("version="+version, "flagship")
		}
		It("returns to the moment before a replicated bad write on PostgreSQL "+version, labels, SpecTimeout(5*time.Minute), func(ctx SpecContext) {
			By("running a primary with one standby, a WAL archive and live traffic")
			sys := suite.Start(ctx, postgres.Cluster{Version: version, Standbys: 1, Spares: 1, Dataset: dataset.Shop(dataset.ShopOptions{})})
			d := suite.Begin(ctx, sys, drill.Scenario{
				Name:      "postgres-" + version + "/replicated-bad-write",
				Owner:     "payments",
				Disaster:  "A deploy sets every payment to 0, and replication has copied it before anybody looks.",
				Answers:   []reports.Question{reports.BackedUp, reports.Findable, reports.InService, reports.Harmless, reports.InTime},
				Objective: drill.Objective{RTO: time.Minute, RPO: time.Minute},
				Runbook:   "scenarios/postgres/restore-payments.sh",
			})
			Expect(d.Backup(ctx)).To(Succeed())
			Expect(d.Traffic(ctx, traffic.Mix{})).To(Succeed())

			By("breaking every payment, on the primary and by replication on the standby")
			good := d.Mark(ctx, "before the bad deploy")
			Expect(d.Break(ctx, faults.BadWrite(`UPDATE shop.payments SET amount = 0`))).To(Succeed())

			By("restoring beside the damaged primary, up to the mark, with the team's own script")
			Expect(d.Recover(ctx, recovery.Command("./restore-payments.sh"), drill.To(good))).To(Succeed())
			Expect(d.Verify(ctx)).To(suite.HavePassed())
		})
	}
})
