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
	recovery "github.com/recoverydrill/gameday/recover"
	"github.com/recoverydrill/gameday/recover/pgbackrest"
	"github.com/recoverydrill/gameday/reports"
	"github.com/recoverydrill/gameday/scenarios/drill"
	"github.com/recoverydrill/gameday/scenarios/suite"
)

// The repository holds a full backup and what has changed since; a restore needs the chain of the one that it begins with, and
// the log after it. All but the first are taken with traffic running: what they copy is torn, and only the log makes it whole.
var _ = Describe("a pgBackRest repository", Label("pgbackrest"), func() {
	cluster := postgres.Cluster{
		Spares: 1, Dataset: dataset.Shop(dataset.ShopOptions{Scale: 0.1}),
		Backups: postgres.PgBackRest{Types: []string{"full", "diff", "incr"}},
	}
	answers := []reports.Question{reports.BackedUp, reports.Findable, reports.InService, reports.Harmless, reports.InTime}
	objective := drill.Objective{RTO: 2 * time.Minute, RPO: time.Minute}

	// A bad write is in the log like any other, and on the standby at once: what brings the rows back is where the replay
	// stops.
	badWrite := drill.Scenario{
		Name: "postgres/pgbackrest-bad-write", Owner: "payments", Engine: "postgres", Fault: "bad write", Recovery: "pgbackrest to name", Takes: 50 * time.Second,
		Disaster: "A deploy sets every payment to 0, and replication has copied it before anybody looks.",
		Answers:  answers, Objective: objective,
		Waivers: standbyLater,
	}
	It("leads back to the moment before a replicated bad write, from a full, a differential and an incremental backup",
		suite.About(badWrite), Label("full"), SpecTimeout(6*time.Minute), func(ctx SpecContext) {
			replicated := cluster
			replicated.Standbys = 1
			d := suite.Begin(ctx, suite.Start(ctx, replicated), badWrite)
			Expect(d.Backup(ctx)).To(Succeed())
			Expect(d.Traffic(ctx, traffic.Mix{})).To(Succeed())
			Expect(d.Backup(ctx)).To(Succeed())
			Expect(d.Backup(ctx)).To(Succeed())
			good := d.Mark(ctx, "before the bad deploy")
			Expect(d.Break(ctx, faults.BadWrite(`UPDATE shop.payments SET amount = 0`))).To(Succeed())
			Expect(d.Recover(ctx, pgbackrest.To(pgbackrest.Name), drill.To(good))).To(Succeed())
			Expect(d.Verify(ctx)).To(suite.HavePassed())
		})

	// The same by a script on the spare host, as a team has it, which leaves the choice of the backup to pgBackRest.
	table := drill.Scenario{
		Name: "postgres/pgbackrest-dropped-table", Owner: "orders", Engine: "postgres", Fault: "dropped table", Recovery: "restore-pgbackrest.sh", Takes: 35 * time.Second,
		Disaster: "Somebody drops the payments table with everything that depends on it.",
		Answers:  answers, Objective: objective, Runbook: "scenarios/postgres/restore-pgbackrest.sh",
	}
	It("brings a dropped table back by a script of the team's own", suite.About(table), Label("full"), SpecTimeout(6*time.Minute), func(ctx SpecContext) {
		d := suite.Begin(ctx, suite.Start(ctx, cluster), table)
		Expect(d.Backup(ctx)).To(Succeed())
		Expect(d.Traffic(ctx, traffic.Mix{})).To(Succeed())
		Expect(d.Backup(ctx)).To(Succeed())
		good := d.Mark(ctx, "before the drop")
		Expect(d.Break(ctx, faults.DropTable("shop.payments"))).To(Succeed())
		Expect(d.Recover(ctx, recovery.OnNode("spare", "restore-pgbackrest.sh"), drill.To(good))).To(Succeed())
		Expect(d.Verify(ctx)).To(suite.HavePassed())
	})

	// The server's own machine is sound, and most of its files are as they were: copying only what differs is the quick way,
	// and clients need not move. The clock that decides is that of the mark, so it must have been kept to the millisecond.
	emptied := drill.Scenario{
		Name: "postgres/pgbackrest-delete-in-place", Owner: "orders", Engine: "postgres", Fault: "delete without where", Recovery: "pgbackrest to time in place", Takes: 30 * time.Second,
		Disaster: "A DELETE whose WHERE was forgotten empties the order lines, and there is no second machine to restore on.",
		Answers:  answers, Objective: objective,
	}
	It("takes the server back in place to the moment before every row of a table was deleted", suite.About(emptied), SpecTimeout(6*time.Minute), func(ctx SpecContext) {
		alone := cluster
		alone.Spares = 0
		d := suite.Begin(ctx, suite.Start(ctx, alone), emptied)
		Expect(d.Backup(ctx)).To(Succeed())
		Expect(d.Traffic(ctx, traffic.Mix{})).To(Succeed())
		Expect(d.Backup(ctx)).To(Succeed())
		good := d.Mark(ctx, "before the delete")
		Expect(d.Break(ctx, faults.DeleteRows("shop.order_lines"))).To(Succeed())
		Expect(d.Recover(ctx, pgbackrest.InPlace(pgbackrest.Time), drill.To(good))).To(Succeed())
		Expect(d.Verify(ctx)).To(suite.HavePassed())
	})

	// Nothing is left to compare with, and nobody knows the moment: as much as the archive holds must come back. What the
	// server had not archived is gone with its disk, and is counted. The server is still there as a process without files,
	// which the recovery has to end before it restores under its feet.
	gone := drill.Scenario{
		Name: "postgres/pgbackrest-data-directory-deleted", Owner: "platform", Engine: "postgres", Fault: "deleted data directory", Recovery: "pgbackrest to latest in place", Takes: 30 * time.Second,
		Disaster: "Somebody deletes the primary's data directory under the running server.",
		Answers:  answers, Objective: objective,
	}
	It("brings a server back whose whole data directory was deleted, to the end of the archived log", suite.About(gone), Label("full"), SpecTimeout(6*time.Minute), func(ctx SpecContext) {
		d := suite.Begin(ctx, suite.Start(ctx, cluster), gone)
		Expect(d.Backup(ctx)).To(Succeed())
		Expect(d.Traffic(ctx, traffic.Mix{})).To(Succeed())
		Expect(d.Backup(ctx)).To(Succeed())
		d.Mark(ctx, "before the deletion")
		Expect(d.Break(ctx, faults.DeleteDataDirectory())).To(Succeed())
		Expect(d.Recover(ctx, pgbackrest.InPlace(pgbackrest.Latest))).To(Succeed())
		Expect(d.Verify(ctx)).To(suite.HavePassed())
	})

	// The repository's list still names the backup whose files are gone, and pgBackRest would take it. Whoever looks finds
	// the older one, and the log from there on. A backup that is damaged looks as it should until somebody reads all of it.
	for _, c := range []struct {
		how, disaster string
		fault         faults.Fault
	}{
		{"deleted", "A clean-up job deletes the newest backup, and a deploy sets every payment to 0 the same night.", faults.DeleteBackup()},
		{
			"damaged", "Some bytes of the newest backup have gone bad in the vault, and a deploy sets every payment to 0.",
			faults.CorruptFile(faults.Overwritten, fixtures.BackupFile, "", 1),
		},
	} {
		fault := faults.Together(c.fault, faults.BadWrite(`UPDATE shop.payments SET amount = 0`))
		scenario := drill.Scenario{
			Name: "postgres/pgbackrest-newest-backup-" + c.how, Owner: "payments", Engine: "postgres", Fault: fault.Describe().Name, Recovery: "pgbackrest to lsn",
			Takes: 30 * time.Second, Disaster: c.disaster, Answers: answers, Objective: objective,
		}
		It("still holds an older backup when the newest was "+c.how+" before the bad write", suite.About(scenario), Label("full"), SpecTimeout(6*time.Minute), func(ctx SpecContext) {
			d := suite.Begin(ctx, suite.Start(ctx, cluster), scenario)
			Expect(d.Backup(ctx)).To(Succeed())
			Expect(d.Traffic(ctx, traffic.Mix{})).To(Succeed())
			Expect(d.Backup(ctx)).To(Succeed())
			good := d.Mark(ctx, "before the bad deploy")
			Expect(d.Break(ctx, fault)).To(Succeed())
			Expect(d.Recover(ctx, pgbackrest.To(pgbackrest.LSN), drill.To(good))).To(Succeed())
			Expect(d.Verify(ctx)).To(suite.HavePassed())
		})
	}
})
