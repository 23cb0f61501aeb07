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
	for _, c := range []struct {
		version string
		level   reports.Level
	}{{version: "17"}, {version: "15"}, {version: "18"}, {"17", reports.Deep}} {
		version, title, spares := c.version, "returns to the moment before a replicated bad write on PostgreSQL "+c.version, 1
		limit := 5 * time.Minute
		labels := Label("version=" + version)
		if version == "17" {
			labels = Label("version="+version, "flagship")
		}
		if c.level == reports.Deep { // on the second spare the new backup is tried
			limit = 8 * time.Minute
			labels, title, spares = Label("version="+version, "deep", "full"), title+", and could do so again", 2
		}
		scenario := drill.Scenario{
			Level: c.level, Waivers: []reports.Waiver{{Check: "replicas", Reason: "the script brings back service; the standby is built anew by another runbook (recover/pgrebuild)"}},
			Name:   "postgres-" + version + "/replicated-bad-write",
			Owner:  "payments",
			Engine: "postgres", Fault: "bad write", Recovery: "restore-payments.sh", Takes: 25 * time.Second,
			Disaster:  "A deploy sets every payment to 0, and replication has copied it before anybody looks.",
			Answers:   []reports.Question{reports.BackedUp, reports.Findable, reports.InService, reports.Harmless, reports.InTime},
			Objective: drill.Objective{RTO: time.Minute, RPO: time.Minute},
			Runbook:   "scenarios/postgres/restore-payments.sh",
		}
		if c.level == reports.Deep {
			scenario.Name, scenario.Takes = scenario.Name+"-deep", 45*time.Second
		}
		It(title, labels, suite.About(scenario), SpecTimeout(limit), func(ctx SpecContext) {
			By("running a primary with one standby, a WAL archive and live traffic")
			sys := suite.Start(ctx, postgres.Cluster{Version: version, Standbys: 1, Spares: spares, Dataset: dataset.Shop(dataset.ShopOptions{})})
			d := suite.Begin(ctx, sys, scenario)
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
