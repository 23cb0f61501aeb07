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
	"github.com/recoverydrill/gameday/recover/pgdump"
	"github.com/recoverydrill/gameday/reports"
	"github.com/recoverydrill/gameday/scenarios/drill"
	"github.com/recoverydrill/gameday/scenarios/suite"
	"github.com/recoverydrill/gameday/verify"
)

// A dump holds what was true when it began, in another form: what comes back was written anew, by another server. So the
// structure is compared object by object, with the roles and the settings, none of which are in a database's dump. The mark
// is taken before the dump: all of it must come back, and what was acknowledged since the dump is gone and counted.
var _ = Describe("a logical dump", Label("pgdump"), func() {
	cluster := postgres.Cluster{
		Standbys: 1, Spares: 1, Dataset: dataset.Shop(dataset.ShopOptions{Scale: 0.1}), Backups: postgres.Dumps{},
	}
	answers := []reports.Question{reports.BackedUp, reports.Findable, reports.InService, reports.Harmless, reports.InTime}

	dropped := drill.Scenario{
		Name: "postgres/pgdump-database-dropped", Owner: "orders", Engine: "postgres", Fault: "dropped database", Recovery: "pg_restore into a new server", Takes: 40 * time.Second,
		Disaster:  "A script that was meant for a test server drops the main database.",
		Answers:   answers,
		Objective: drill.Objective{RTO: 2 * time.Minute, RPO: time.Minute},
		Waivers:   standbyLater,
		Checks:    newServer(),
	}
	It("makes a new server of everything when the main database was dropped", suite.About(dropped), Label("full"), SpecTimeout(6*time.Minute), func(ctx SpecContext) {
		d := suite.Begin(ctx, suite.Start(ctx, cluster), dropped)
		Expect(d.Traffic(ctx, traffic.Mix{})).To(Succeed())
		d.Mark(ctx, "before the dump")
		Expect(d.Backup(ctx)).To(Succeed())
		Expect(d.Break(ctx, faults.DropDatabase("shop"))).To(Succeed())
		Expect(d.Recover(ctx, pgdump.Server())).To(Succeed())
		Expect(d.Verify(ctx)).To(suite.HavePassed())
	})

	// The machine is gone with its disks, and so is its log: the dump is in the vault, which is elsewhere. No standby is left
	// to promote.
	lost := drill.Scenario{
		Name: "postgres/pgdump-node-lost", Owner: "orders", Engine: "postgres", Fault: "lost node", Recovery: "restore-dump.sh", Takes: 40 * time.Second,
		Disaster:  "The primary's machine is lost with its disks, there is no standby, and all there is are dumps.",
		Answers:   answers,
		Objective: drill.Objective{RTO: 2 * time.Minute, RPO: time.Minute},
		Waivers:   standbyLater,
		Checks:    newServer(), Runbook: "scenarios/postgres/restore-dump.sh",
	}
	It("makes a new server by a script of the team's own when the machine was lost", suite.About(lost), Label("full"), SpecTimeout(6*time.Minute), func(ctx SpecContext) {
		alone := cluster
		alone.Standbys = 0
		d := suite.Begin(ctx, suite.Start(ctx, alone), lost)
		Expect(d.Traffic(ctx, traffic.Mix{})).To(Succeed())
		d.Mark(ctx, "before the dump")
		Expect(d.Backup(ctx)).To(Succeed())
		Expect(d.Break(ctx, faults.LoseNode(""))).To(Succeed())
		Expect(d.Recover(ctx, recovery.OnNode("spare", "restore-dump.sh"))).To(Succeed())
		Expect(d.Verify(ctx)).To(suite.HavePassed())
	})

	// Nothing but the schema is lost, so nothing but the schema may come back: the other tables have taken writes since,
	// and none of them may be lost.
	schema := drill.Scenario{
		Name: "postgres/pgdump-schema-dropped", Owner: "billing", Engine: "postgres", Fault: "dropped schema", Recovery: "pg_restore of a schema in place", Takes: 25 * time.Second,
		Disaster:  "A clean-up script drops the schema billing, and replication has copied it before anybody looks.",
		Answers:   answers,
		Objective: drill.Objective{RTO: 2 * time.Minute, LostWrites: drill.NoLoss()},
	}
	It("brings back one schema that was dropped, and takes no write away from the others", suite.About(schema), Label("full"), SpecTimeout(6*time.Minute), func(ctx SpecContext) {
		alone := cluster
		alone.Spares = 0
		d := suite.Begin(ctx, suite.Start(ctx, alone), schema)
		Expect(d.Traffic(ctx, traffic.Mix{})).To(Succeed())
		d.Mark(ctx, "before the drop")
		Expect(d.Backup(ctx)).To(Succeed())
		Expect(d.Break(ctx, faults.DropSchema("billing"))).To(Succeed())
		Expect(d.Recover(ctx, pgdump.Schema("shop", "billing"))).To(Succeed())
		Expect(d.Verify(ctx)).To(suite.HavePassed())
	})
})

// newServer are the checks of a recovery into a server that is made anew: its system identifier is another one.
func newServer() []verify.Check {
	return []verify.Check{verify.Identity{AllowNewSystem: true}}
}
