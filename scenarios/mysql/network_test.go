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
	"github.com/recoverydrill/gameday/recover/mysqlpromote"
	"github.com/recoverydrill/gameday/reports"
	"github.com/recoverydrill/gameday/scenarios/drill"
	"github.com/recoverydrill/gameday/scenarios/suite"
	"github.com/recoverydrill/gameday/verify"
)

// What was acknowledged is in the logs on the server's own disk, and a kill takes nothing from that disk: the drill allows
// not one lost write. There is no replica and no backup, so that nothing but the server's own crash recovery can have
// brought the data back. Both flavours are drilled: each has a crash recovery of its own between binary log and InnoDB.
var _ = Describe("a server that was killed", Label("crash", "owner=platform"), func() {
	for _, flavour := range []mysql.Flavour{mysql.MySQL, mysql.MariaDB} {
		engine := string(flavour)
		scenario := drill.Scenario{
			Name: engine + "/killed-server", Owner: "platform",
			Engine: engine, Fault: "killed server", Recovery: "restart.sh", Takes: 20 * time.Second,
			Disaster:  "Every process of the server is killed, and nothing starts it again.",
			Answers:   []reports.Question{reports.InService, reports.Harmless, reports.InTime},
			Objective: drill.Objective{RTO: 45 * time.Second, LostWrites: drill.NoLoss()},
			Runbook:   "scenarios/mysql/restart.sh",
		}
		It("is started again in place, and has lost nothing, on "+engine, suite.About(scenario), Label("full"), SpecTimeout(5*time.Minute), func(ctx SpecContext) {
			d := suite.Begin(ctx, suite.Start(ctx, mysql.Cluster{Flavour: flavour, Dataset: dataset.Shop(dataset.ShopOptions{Scale: 0.1})}), scenario)
			Expect(d.Traffic(ctx, traffic.Mix{})).To(Succeed())
			d.Mark(ctx, "before the kill")
			Expect(d.Break(ctx, faults.KillServer(""))).To(Succeed())
			Expect(d.Recover(ctx, recovery.OnNode("primary", "restart.sh"))).To(Succeed())
			Expect(d.Verify(ctx)).To(suite.HavePassed())
		})
	}
})

// The health check sees nothing, and nothing is wrong: clients and the replica are served. The script can tell, because it
// asks from the replica as well. A promotion would be a second primary; the drill wants a refusal, every write of clients
// in its place, and the store as it was.
var _ = Describe("a blind health check", Label("no-damage", "owner=platform"), func() {
	for _, flavour := range []mysql.Flavour{mysql.MySQL, mysql.MariaDB} {
		engine := string(flavour)
		cluster := mysql.Cluster{Flavour: flavour, Standbys: 1, Dataset: dataset.Shop(dataset.ShopOptions{Scale: 0.1})}
		alarm := drill.Scenario{
			Name: engine + "/false-alarm-script", Owner: "platform",
			Engine: engine, Fault: "false alarm", Recovery: "promote-if-gone.sh", Takes: 25 * time.Second,
			Disaster:  "The health check of the primary is cut off, and pages somebody about a primary that serves its clients.",
			Answers:   []reports.Question{reports.Plan, reports.Harmless},
			Objective: drill.Objective{LostWrites: drill.NoLoss()}, MustRefuse: true,
			Checks:  append(verify.Default(), verify.Fenced{}, verify.Replicas{}),
			Runbook: "scenarios/mysql/promote-if-gone.sh",
		}
		It("makes nobody promote a replica who asks from there as well, on "+engine, suite.About(alarm), Label("full"), SpecTimeout(5*time.Minute), func(ctx SpecContext) {
			d := suite.Begin(ctx, suite.Start(ctx, cluster), alarm)
			Expect(d.Traffic(ctx, traffic.Mix{})).To(Succeed())
			d.Mark(ctx, "before the alarm")
			Expect(d.Break(ctx, faults.BlindMonitor())).To(Succeed())
			Expect(d.Recover(ctx, recovery.OnNode("standby-1", "promote-if-gone.sh"))).To(Succeed())
			Expect(d.Verify(ctx)).To(suite.HavePassed())
		})

		// The same script must not refuse where the primary is gone, or it would be no way back at all.
		gone := drill.Scenario{
			Name: engine + "/true-alarm-script", Owner: "platform",
			Engine: engine, Fault: "isolated node", Recovery: "promote-if-gone.sh", Takes: 25 * time.Second,
			Disaster:  "The primary's machine is off the network: the health check is right this time.",
			Answers:   []reports.Question{reports.InService, reports.InTime},
			Objective: drill.Objective{RTO: time.Minute, RPO: 5 * time.Second},
			Checks:    append(verify.Default(), verify.Replicas{MayBeLast: onlyStandby}),
			Runbook:   "scenarios/mysql/promote-if-gone.sh",
		}
		It("is believed when nobody else sees the primary either, on "+engine, suite.About(gone), Label("full"), SpecTimeout(5*time.Minute), func(ctx SpecContext) {
			d := suite.Begin(ctx, suite.Start(ctx, cluster), gone)
			Expect(d.Traffic(ctx, traffic.Mix{})).To(Succeed())
			d.Mark(ctx, "before the alarm")
			Expect(d.Break(ctx, faults.IsolateNode(""))).To(Succeed())
			Expect(d.Recover(ctx, recovery.OnNode("standby-1", "promote-if-gone.sh"))).To(Succeed())
			Expect(d.Verify(ctx)).To(suite.HavePassed())
		})
	}
})

// A frozen primary may wake up at any time and take writes from whoever still has a connection to it, so a promotion alone
// makes two primaries: the check "fenced" asks the old one after the recovery, and starts it where it is down.
var _ = Describe("a frozen primary", Label("failover", "owner=platform"), func() {
	for _, flavour := range []mysql.Flavour{mysql.MySQL, mysql.MariaDB} {
		engine := string(flavour)
		scenario := drill.Scenario{
			Name: engine + "/frozen-primary", Owner: "platform",
			Engine: engine, Fault: "frozen server", Recovery: "mysqlpromote", Takes: 35 * time.Second,
			Disaster:  "Every process of the primary's server stands still: it takes connections and answers none of them.",
			Answers:   []reports.Question{reports.InService, reports.Plan, reports.Harmless, reports.InTime},
			Objective: drill.Objective{RTO: 2 * time.Minute, RPO: 5 * time.Second},
			Checks:    append(verify.Default(), verify.Fenced{}, verify.Replicas{MayBeLast: onlyStandby}),
		}
		It("is fenced and replaced, on "+engine, suite.About(scenario), Label("full"), SpecTimeout(5*time.Minute), func(ctx SpecContext) {
			d := suite.Begin(ctx, suite.Start(ctx, mysql.Cluster{Flavour: flavour, Standbys: 1, Dataset: dataset.Shop(dataset.ShopOptions{Scale: 0.1})}), scenario)
			Expect(d.Traffic(ctx, traffic.Mix{})).To(Succeed())
			d.Mark(ctx, "before it froze")
			Expect(d.Break(ctx, faults.FreezeServer(""))).To(Succeed())
			Expect(d.Recover(ctx, mysqlpromote.Fenced())).To(Succeed())
			Expect(d.Verify(ctx)).To(suite.HavePassed())
		})
	}
})
