package mysql_test

import (
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/recoverydrill/gameday/faults"
	"github.com/recoverydrill/gameday/fixtures/dataset"
	"github.com/recoverydrill/gameday/fixtures/mysql"
	"github.com/recoverydrill/gameday/fixtures/traffic"
	recovery "github.com/recoverydrill/gameday/recover"
	"github.com/recoverydrill/gameday/reports"
	"github.com/recoverydrill/gameday/scenarios/drill"
	"github.com/recoverydrill/gameday/scenarios/suite"
)

// A standby is no help against a bad write: it copies it faithfully, and the drill waits until it has. What is left is
// the base backup and the archived binary log, so what this proves is that both are complete, that the script finds them
// and stops at the right event, and that clients end up on the result. Nothing but the log tells the bad write from the
// good ones around it: writes go on after it, as they do in life; they are the price of going back, and the report counts
// them.
var _ = Describe("payments", Label("pitr", "owner=payments"), func() {
	for _, deep := range []mysql.Flavour{"", mysql.MySQL, mysql.MariaDB} {
		for _, c := range []mysql.Cluster{
			{Flavour: mysql.MySQL, Version: "9.7"}, {Flavour: mysql.MariaDB, Version: "11.8"}, {Flavour: mysql.MariaDB, Version: "10.11"},
		} {
			if deep == "" || (deep == c.Flavour && c.Version != "10.11") {
				replicatedBadWrite(c, deep != "")
			}
		}
	}
})

func replicatedBadWrite(c mysql.Cluster, deep bool) {
	labels := Label(string(c.Flavour), "version="+c.Version)
	if c.Version != "10.11" {
		labels = append(labels, "flagship")
	}
	product := map[mysql.Flavour]string{mysql.MySQL: "MySQL", mysql.MariaDB: "MariaDB"}[c.Flavour]
	scenario := drill.Scenario{
		Waivers: []reports.Waiver{{Check: "replicas", Reason: "the script brings back service; the standby is built anew by another runbook (recover/mysqlrebuild)"}},
		Name:    string(c.Flavour) + "-" + c.Version + "/replicated-bad-write",
		Owner:   "payments",
		Engine:  string(c.Flavour), Fault: "bad write", Recovery: "restore-payments.sh", Takes: 35 * time.Second,
		Disaster:  "A deploy sets every payment to 0, and replication has copied it before anybody looks.",
		Answers:   []reports.Question{reports.BackedUp, reports.Findable, reports.InService, reports.Harmless, reports.InTime},
		Objective: drill.Objective{RTO: time.Minute, RPO: time.Minute},
		Runbook:   "scenarios/mysql/restore-payments.sh",
	}
	title := "returns to the moment before a replicated bad write on " + product + " " + c.Version
	c.Standbys, c.Spares, c.Dataset = 1, 1, dataset.Shop(dataset.ShopOptions{})
	limit := 5 * time.Minute
	if deep { // on the second spare the new backup is tried
		scenario.Level, scenario.Name, scenario.Takes = reports.Deep, scenario.Name+"-deep", time.Minute
		limit = 8 * time.Minute
		labels, title, c.Spares = Label(string(c.Flavour), "version="+c.Version, "deep", "full"), title+", and could do so again", 2
	}
	It(title, labels, suite.About(scenario), SpecTimeout(limit), func(ctx SpecContext) {
		By("running a primary with one standby, an archive of its binary log and live traffic")
		sys := suite.Start(ctx, c)
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
