package mysql_test

import (
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/recoverydrill/gameday/faults"
	"github.com/recoverydrill/gameday/fixtures/dataset"
	"github.com/recoverydrill/gameday/fixtures/mysql"
	"github.com/recoverydrill/gameday/fixtures/traffic"
	"github.com/recoverydrill/gameday/recover/binlog"
	"github.com/recoverydrill/gameday/reports"
	"github.com/recoverydrill/gameday/scenarios/drill"
	"github.com/recoverydrill/gameday/scenarios/suite"
)

// A dropped table takes its indexes, constraints, triggers and partitions with it, so bringing back the rows is not
// enough: the structure is compared object by object. Rows deleted without a WHERE leave the structure alone and are
// found by their contents only. Both are recovered by the shipped reference procedure, once to a set of transactions and
// once to a time.
var _ = Describe("a deletion", Label("pitr", "owner=orders"), func() {
	answers := []reports.Question{reports.BackedUp, reports.Findable, reports.InService, reports.Harmless, reports.InTime}
	shop := dataset.Shop(dataset.ShopOptions{Scale: 0.2})

	dropped := drill.Scenario{
		Name:   "mysql/dropped-table",
		Owner:  "orders",
		Engine: "mysql", Fault: "dropped table", Recovery: "binlog to gtid", Takes: 30 * time.Second,
		Disaster:  "Somebody drops the payments table with everything that depends on it.",
		Answers:   answers,
		Objective: drill.Objective{RTO: time.Minute, RPO: time.Minute},
		Waivers:   standbyLater,
	}
	It("of a whole table is undone by point-in-time recovery to a set of transactions", Label("mysql"), suite.About(dropped), SpecTimeout(5*time.Minute), func(ctx SpecContext) {
		d := suite.Begin(ctx, suite.Start(ctx, mysql.Cluster{Standbys: 1, Spares: 1, Dataset: shop}), dropped)
		Expect(d.Backup(ctx)).To(Succeed())
		Expect(d.Traffic(ctx, traffic.Mix{})).To(Succeed())
		good := d.Mark(ctx, "before the drop")
		Expect(d.Break(ctx, faults.DropTable("shop.payments"))).To(Succeed())
		Expect(d.Recover(ctx, binlog.To(binlog.GTID), drill.To(good))).To(Succeed())
		Expect(d.Verify(ctx)).To(suite.HavePassed())
	})

	emptied := drill.Scenario{
		Name:   "mariadb/delete-without-where",
		Owner:  "orders",
		Engine: "mariadb", Fault: "delete without where", Recovery: "binlog to time", Takes: 25 * time.Second,
		Disaster:  "A DELETE whose WHERE was forgotten empties the payments table.",
		Answers:   answers,
		Objective: drill.Objective{RTO: time.Minute, RPO: time.Minute},
		Waivers:   standbyLater,
	}
	It("of every row is undone by point-in-time recovery to a time", Label("mariadb"), suite.About(emptied), SpecTimeout(5*time.Minute), func(ctx SpecContext) {
		cluster := mysql.Cluster{Flavour: mysql.MariaDB, Standbys: 1, Spares: 1, Dataset: shop}
		d := suite.Begin(ctx, suite.Start(ctx, cluster), emptied)
		Expect(d.Backup(ctx)).To(Succeed())
		Expect(d.Traffic(ctx, traffic.Mix{})).To(Succeed())
		good := d.Mark(ctx, "before the delete")
		Expect(d.Break(ctx, faults.DeleteRows("shop.payments"))).To(Succeed())
		Expect(d.Recover(ctx, binlog.To(binlog.Time), drill.To(good))).To(Succeed())
		Expect(d.Verify(ctx)).To(suite.HavePassed())
	})
})
