package mysql_test

import (
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/recoverydrill/gameday/faults"
	"github.com/recoverydrill/gameday/fixtures/dataset"
	"github.com/recoverydrill/gameday/fixtures/mysql"
	"github.com/recoverydrill/gameday/fixtures/traffic"
	"github.com/recoverydrill/gameday/recover/mysqldump"
	"github.com/recoverydrill/gameday/recover/mysqlhost"
	"github.com/recoverydrill/gameday/reports"
	"github.com/recoverydrill/gameday/scenarios/drill"
	"github.com/recoverydrill/gameday/scenarios/suite"
)

// A dump is text: what comes back is what SQL can say, into a server that has never seen the data. Accounts, grants,
// routines, events and triggers each need an option of the dump's that is easily forgotten, so the structure is compared
// object by object, and the log goes on from exactly where the dump stands or replays something twice. A dump rounds a FLOAT
// to six digits; that is no defect of the recovery but of the choice of backup, so the shop is one without such columns
// here, and scenarios/sabotage shows that with them the drill is red.
var _ = Describe("a dump", Label("dump", "full"), func() {
	shop := dataset.Shop(dataset.ShopOptions{Scale: 0.1, Dumpable: true})
	answers := []reports.Question{reports.BackedUp, reports.Findable, reports.InService, reports.Plan, reports.Capacity, reports.Harmless, reports.InTime}

	wrong := drill.Scenario{
		Name: "mysql/bad-write-dump", Owner: "payments",
		Engine: "mysql", Fault: "bad write", Recovery: "mysqldump and binlog to gtid", Takes: 55 * time.Second,
		Disaster:  "A deploy sets every payment to 0, and replication has copied it before anybody looks.",
		Answers:   answers,
		Objective: drill.Objective{RTO: 3 * time.Minute, RPO: 3 * time.Minute},
		Waivers:   standbyLater,
	}
	It("of MySQL and the log after it bring the payments back to the moment before a bad write", suite.About(wrong), SpecTimeout(5*time.Minute), func(ctx SpecContext) {
		cluster := mysql.Cluster{Standbys: 1, Spares: 1, Dataset: shop, Backups: mysql.Dump}
		d := suite.Begin(ctx, suite.Start(ctx, cluster), wrong)
		Expect(d.Backup(ctx)).To(Succeed())
		Expect(d.Traffic(ctx, traffic.Mix{})).To(Succeed())
		good := d.Mark(ctx, "before the bad deploy")
		Expect(d.Break(ctx, faults.BadWrite(`UPDATE shop.payments SET amount = 0`))).To(Succeed())
		Expect(d.Recover(ctx, mysqldump.To(mysqlhost.GTID), drill.To(good))).To(Succeed())
		Expect(d.Verify(ctx)).To(suite.HavePassed())
	})

	dropped := drill.Scenario{
		Name: "mariadb/dropped-table-dump", Owner: "orders",
		Engine: "mariadb", Fault: "dropped table", Recovery: "mysqldump and binlog to position", Takes: 30 * time.Second,
		Disaster:  "Somebody drops the payments table with everything that depends on it.",
		Answers:   answers,
		Objective: drill.Objective{RTO: 3 * time.Minute, RPO: 3 * time.Minute},
		Waivers:   standbyLater,
	}
	It("of MariaDB and the log after it bring a dropped table back", suite.About(dropped), SpecTimeout(5*time.Minute), func(ctx SpecContext) {
		cluster := mysql.Cluster{Flavour: mysql.MariaDB, Version: "10.11", Standbys: 1, Spares: 1, Dataset: shop, Backups: mysql.Dump}
		d := suite.Begin(ctx, suite.Start(ctx, cluster), dropped)
		Expect(d.Backup(ctx)).To(Succeed())
		Expect(d.Traffic(ctx, traffic.Mix{})).To(Succeed())
		good := d.Mark(ctx, "before the drop")
		Expect(d.Break(ctx, faults.DropTable("shop.payments"))).To(Succeed())
		Expect(d.Recover(ctx, mysqldump.To(mysqlhost.Position), drill.To(good))).To(Succeed())
		Expect(d.Verify(ctx)).To(suite.HavePassed())
	})
})
