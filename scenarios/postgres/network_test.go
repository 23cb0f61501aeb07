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
	"github.com/recoverydrill/gameday/recover/pgpromote"
	"github.com/recoverydrill/gameday/reports"
	"github.com/recoverydrill/gameday/scenarios/drill"
	"github.com/recoverydrill/gameday/scenarios/suite"
	"github.com/recoverydrill/gameday/verify"
)

// What was acknowledged is in the log on the server's own disk, and a kill takes nothing from that disk: the drill allows
// not one lost write. There is no standby and no backup, so that nothing but the server's own crash recovery can have
// brought the data back.
var _ = Describe("a server that was killed", Label("postgres", "crash", "owner=platform"), func() {
	scenario := drill.Scenario{
		Name: "postgres/killed-server", Owner: "platform",
		Engine: "postgres", Fault: "killed server", Recovery: "restart.sh", Takes: 15 * time.Second,
		Disaster:  "Every process of the server is killed, and nothing starts it again.",
		Answers:   []reports.Question{reports.InService, reports.Harmless, reports.InTime},
		Objective: drill.Objective{RTO: 30 * time.Second, LostWrites: drill.NoLoss()},
		Runbook:   "scenarios/postgres/restart.sh",
	}
	It("is started again in place, and has lost nothing", suite.About(scenario), Label("full"), SpecTimeout(5*time.Minute), func(ctx SpecContext) {
		d := suite.Begin(ctx, suite.Start(ctx, postgres.Cluster{Dataset: dataset.Shop(dataset.ShopOptions{Scale: 0.1})}), scenario)
		Expect(d.Traffic(ctx, traffic.Mix{})).To(Succeed())
		d.Mark(ctx, "before the kill")
		Expect(d.Break(ctx, faults.KillServer(""))).To(Succeed())
		Expect(d.Recover(ctx, recovery.OnNode("primary", "restart.sh"))).To(Succeed())
		Expect(d.Verify(ctx)).To(suite.HavePassed())
	})
})

// Both primaries are alive: the frozen one may wake up at any time and take writes, the flapping one does take them in
// between. Whoever only promotes has two primaries then, so the check "fenced" asks the old one after the recovery, and
// starts it where it is down. The flapping goes on to the end of the drill: were clients sent back, they would lose
// service again.
var _ = Describe("a primary that is neither dead nor well", Label("postgres", "failover", "owner=platform"), func() {
	cluster := postgres.Cluster{Standbys: 1, Dataset: dataset.Shop(dataset.ShopOptions{Scale: 0.1})}
	answers := []reports.Question{reports.InService, reports.Plan, reports.Harmless, reports.InTime}

	frozen := drill.Scenario{
		Name: "postgres/frozen-primary", Owner: "platform",
		Engine: "postgres", Fault: "frozen server", Recovery: "pgpromote", Takes: 50 * time.Second,
		Disaster:  "Every process of the primary's server stands still: it takes connections and answers none of them.",
		Answers:   answers,
		Objective: drill.Objective{RTO: 2 * time.Minute, RPO: 5 * time.Second},
		Checks:    append(verify.Default(), verify.Fenced{}, verify.Replicas{MayBeLast: onlyStandby}),
	}
	It("is fenced and replaced when it is frozen", suite.About(frozen), Label("full"), SpecTimeout(5*time.Minute), func(ctx SpecContext) {
		d := suite.Begin(ctx, suite.Start(ctx, cluster), frozen)
		Expect(d.Traffic(ctx, traffic.Mix{})).To(Succeed())
		d.Mark(ctx, "before it froze")
		Expect(d.Break(ctx, faults.FreezeServer(""))).To(Succeed())
		Expect(d.Recover(ctx, pgpromote.Fenced())).To(Succeed())
		Expect(d.Verify(ctx)).To(suite.HavePassed())
	})

	flapping := drill.Scenario{
		Name: "postgres/flapping-network", Owner: "platform",
		Engine: "postgres", Fault: "flapping network", Recovery: "pgpromote", Takes: 20 * time.Second,
		Disaster:  "The network in front of the primary fails for 600 ms in every second, for clients and for the standby.",
		Answers:   answers,
		Objective: drill.Objective{RTO: time.Minute, RPO: 5 * time.Second},
		Checks:    append(verify.Default(), verify.Fenced{}, verify.Replicas{MayBeLast: onlyStandby}),
	}
	It("is given up once and for all when its network flaps", suite.About(flapping), Label("full"), SpecTimeout(5*time.Minute), func(ctx SpecContext) {
		d := suite.Begin(ctx, suite.Start(ctx, cluster), flapping)
		Expect(d.Traffic(ctx, traffic.Mix{})).To(Succeed())
		d.Mark(ctx, "before it flapped")
		Expect(d.Break(ctx, &faults.Flapping{Only: []string{"clients", "replication standby-1"}, Period: time.Second, Duty: 0.6})).To(Succeed())

		By("giving up a primary that answers now and then, and staying with the new one")
		Expect(d.Recover(ctx, pgpromote.Procedure{Damaged: true})).To(Succeed())
		Expect(d.Verify(ctx)).To(suite.HavePassed())
	})
})

// The disk is full of log that waits for an archive which takes nothing, so that nothing can be written any more, the
// server cannot even start, and every quick way to make room throws away what somebody still needs: the log after the last
// checkpoint, or what is not archived yet. The ledger shows the first, the check "archive" the second: it wants the
// archive to be without a gap.
var _ = Describe("a disk that is full of log", Label("postgres", "resource", "owner=platform"), func() {
	scenario := drill.Scenario{
		Name: "postgres/log-disk-full", Owner: "platform",
		Engine: "postgres", Fault: "log disk full", Recovery: "make-room.sh", Takes: 25 * time.Second,
		Disaster:  "The archive takes no log for days, nobody reads the alarms, and the log fills the primary's disk.",
		Answers:   []reports.Question{reports.BackedUp, reports.InService, reports.Harmless, reports.InTime},
		Objective: drill.Objective{RTO: 2 * time.Minute, LostWrites: drill.NoLoss()},
		Checks:    append(verify.Default(), verify.Archive{}),
		Runbook:   "scenarios/postgres/make-room.sh",
	}
	It("gets room without losing any of it", suite.About(scenario), Label("full"), SpecTimeout(5*time.Minute), func(ctx SpecContext) {
		By("limiting the disk, and letting checkpoints come often, as they do on a busy server")
		sys := suite.Start(ctx, postgres.Cluster{
			Disk: 600 << 20, Dataset: dataset.Shop(dataset.ShopOptions{Scale: 0.1}), Settings: map[string]string{"max_wal_size": "64MB"},
		})
		d := suite.Begin(ctx, sys, scenario)
		Expect(d.Backup(ctx)).To(Succeed())
		Expect(d.Traffic(ctx, traffic.Mix{})).To(Succeed())
		d.Mark(ctx, "before the disk was full")
		Expect(d.Break(ctx, faults.FillLog())).To(Succeed())
		Expect(d.Recover(ctx, recovery.OnNode("primary", "make-room.sh"))).To(Succeed())
		Expect(d.Verify(ctx)).To(suite.HavePassed())
	})
})
