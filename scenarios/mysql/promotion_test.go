package mysql_test

import (
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/recoverydrill/gameday/faults"
	"github.com/recoverydrill/gameday/fixtures"
	"github.com/recoverydrill/gameday/fixtures/dataset"
	"github.com/recoverydrill/gameday/fixtures/mysql"
	"github.com/recoverydrill/gameday/fixtures/traffic"
	"github.com/recoverydrill/gameday/recover/mysqlpromote"
	"github.com/recoverydrill/gameday/reports"
	"github.com/recoverydrill/gameday/scenarios/drill"
	"github.com/recoverydrill/gameday/scenarios/suite"
	"github.com/recoverydrill/gameday/verify"
)

// Two replicas, of which the first has received nothing for a while: whoever promotes it loses writes that were acknowledged
// before the mark, and the ledger names them. The other one has received everything and applied only a part of it, as a
// busy replica has: whoever makes it a primary before it has come to the end of its relay log loses the same. An event has
// come through replication, so that it is disabled on both, and the structure is only complete when it runs again. The old
// primary's machine is well, so that anybody could start its server again: the check "fenced" does so after the recovery,
// and wants it to take no writes.
var _ = Describe("a crashed primary", Label("failover", "full", "owner=platform"), func() {
	shop := dataset.Shop(dataset.ShopOptions{Scale: 0.1})
	for _, c := range []struct {
		cluster mysql.Cluster
		pause   string
		takes   time.Duration
	}{
		{mysql.Cluster{Standbys: 2, Dataset: shop}, "STOP REPLICA SQL_THREAD", 50 * time.Second},
		{mysql.Cluster{Flavour: mysql.MariaDB, Version: "10.11", Standbys: 2, Dataset: shop}, "STOP SLAVE SQL_THREAD", 30 * time.Second},
	} {
		engine, product := string(mysql.MySQL), "MySQL"
		if c.cluster.Flavour == mysql.MariaDB {
			engine, product = string(mysql.MariaDB), "MariaDB"
		}
		scenario := drill.Scenario{
			Name: engine + "/crashed-primary", Owner: "platform",
			Engine: engine, Fault: "killed server", Recovery: "mysqlpromote", Takes: c.takes,
			Disaster:  "The primary's server is killed while one of its two replicas has received nothing for a while and the other has not applied all.",
			Answers:   []reports.Question{reports.InService, reports.Plan, reports.Harmless, reports.InTime},
			Objective: drill.Objective{RTO: time.Minute, RPO: 5 * time.Second},
			Checks:    append(verify.Default(), verify.Fenced{}, verify.Replicas{}),
		}

		It("of "+product+" is fenced, and its most advanced replica takes over", suite.About(scenario), SpecTimeout(5*time.Minute), func(ctx SpecContext) {
			sys := suite.Start(ctx, c.cluster)
			d := suite.Begin(ctx, sys, scenario)
			nightly := "CREATE DEFINER = shop_owner@localhost EVENT shop.nightly ON SCHEDULE EVERY 1 DAY STARTS '2037-12-31 03:00:00' DO DELETE FROM shop.sessions"
			Expect(sys.(fixtures.Operator).Statement(ctx, "", "shop", nightly)).To(Succeed())
			Expect(sys.(fixtures.Replicator).Replicated(ctx)).To(Succeed())
			Expect(d.Traffic(ctx, traffic.Mix{})).To(Succeed())
			By("letting the first replica receive nothing, and the second apply nothing")
			Expect(sys.(fixtures.Routed).Routes()["replication standby-1"].Cut(ctx)).To(Succeed())
			Expect(onStandby(ctx, sys, "standby-2", c.pause)).To(Succeed())
			d.Mark(ctx, "before the crash")
			Expect(d.Break(ctx, faults.KillServer(""))).To(Succeed())
			Expect(d.Recover(ctx, mysqlpromote.Fenced())).To(Succeed())
			Expect(d.Verify(ctx)).To(suite.HavePassed())
		})
	}

	// Nothing is broken but the eye that looks: the primary serves its clients and its replicas. A promotion would make a
	// second primary, so the drill wants a refusal, and everything as it was.
	alarm := drill.Scenario{
		Name: "mariadb/false-alarm", Owner: "platform",
		Engine: "mariadb", Fault: "false alarm", Recovery: "mysqlpromote", Takes: 20 * time.Second,
		Disaster:  "The health check of the primary is cut off, and reports a primary dead that serves its clients.",
		Answers:   []reports.Question{reports.Plan, reports.Harmless},
		Objective: drill.Objective{LostWrites: drill.NoLoss()}, MustRefuse: true,
		Checks: append(verify.Default(), verify.Fenced{}, verify.Replicas{}),
	}
	It("is none when only its health check is blind", suite.About(alarm), SpecTimeout(5*time.Minute), func(ctx SpecContext) {
		d := suite.Begin(ctx, suite.Start(ctx, mysql.Cluster{Flavour: mysql.MariaDB, Version: "10.11", Standbys: 1, Dataset: shop}), alarm)
		Expect(d.Traffic(ctx, traffic.Mix{})).To(Succeed())
		d.Mark(ctx, "before the alarm")
		Expect(d.Break(ctx, faults.BlindMonitor())).To(Succeed())
		Expect(d.Recover(ctx, mysqlpromote.Fenced())).To(Succeed())
		Expect(d.Verify(ctx)).To(suite.HavePassed())
	})
})

// onStandby runs a statement on a standby's server.
func onStandby(ctx SpecContext, sys fixtures.System, name, statement string) error {
	GinkgoHelper()
	for _, m := range sys.Members() {
		if m.Node.Name() == name {
			a, err := m.Node.Address(ctx, mysql.Port)
			Expect(err).NotTo(HaveOccurred())
			return sys.(fixtures.Operator).Statement(ctx, a.Harness, "", statement)
		}
	}
	Fail("no standby " + name)
	return nil
}
