package mysql_test

import (
	"fmt"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/recoverydrill/gameday/faults"
	"github.com/recoverydrill/gameday/fixtures/dataset"
	"github.com/recoverydrill/gameday/fixtures/mysql"
	"github.com/recoverydrill/gameday/fixtures/traffic"
	"github.com/recoverydrill/gameday/recover/mysqlrepair"
	"github.com/recoverydrill/gameday/reports"
	"github.com/recoverydrill/gameday/scenarios/drill"
	"github.com/recoverydrill/gameday/scenarios/suite"
	"github.com/recoverydrill/gameday/verify"
)

// A point-in-time recovery would bring the payments back too, and throw away every order of the minutes since. What this
// proves is that only the damaged values are put back: not one acknowledged write may be lost, on the primary that never
// stopped serving, and the standby must end with the same rows.
var _ = Describe("a selective repair", Label("repair", "owner=payments"), func() {
	shop := dataset.Shop(dataset.ShopOptions{Scale: 0.1})
	answers := []reports.Question{reports.BackedUp, reports.InService, reports.Plan, reports.Harmless, reports.InTime}

	wrong := drill.Scenario{
		Name: "mariadb/wrong-update-repair", Owner: "payments",
		Engine: "mariadb", Fault: "wrong update", Recovery: "mysqlrepair", Takes: 30 * time.Second,
		Disaster:  "An UPDATE with the wrong WHERE sets the amount and the time of every third payment, and nobody stops the shop.",
		Answers:   answers,
		Objective: drill.Objective{RTO: 4 * time.Minute, LostWrites: drill.NoLoss()},
		Checks:    append(verify.Default(), verify.Replicas{}),
	}
	It("takes a wrong UPDATE back on MariaDB while the shop goes on", suite.About(wrong), SpecTimeout(5*time.Minute), func(ctx SpecContext) {
		// The server's zone is not the one in which the good rows are read.
		zone := map[string]string{"default_time_zone": "+03:00"}
		cluster := mysql.Cluster{Flavour: mysql.MariaDB, Version: "10.11", Standbys: 1, Spares: 1, Dataset: shop, Settings: zone}
		d := suite.Begin(ctx, suite.Start(ctx, cluster), wrong)
		Expect(d.Backup(ctx)).To(Succeed())
		Expect(d.Traffic(ctx, traffic.Mix{})).To(Succeed())
		d.Mark(ctx, "before the update")
		Expect(d.Break(ctx, faults.WrongUpdate("shop.payments", "amount = 9999999.99, paid_at = '2001-01-01 12:00:00'", "id % 3 = 0"))).To(Succeed())
		Expect(d.Recover(ctx, mysqlrepair.Rows(mysqlrepair.Damage{Table: "shop.payments", Poison: "amount = 9999999.99", Columns: []string{"amount", "paid_at"}}))).To(Succeed())
		Expect(d.Verify(ctx)).To(suite.HavePassed())
	})

	// The poison drips in while clients go on writing, into the same tables among others: a row may have been written rightly
	// after the mark and before it was poisoned, or over the poison. Neither the mark's version nor the present one is right
	// for all. Traffic's rows certify themselves, so that the ledger finds a poisoned one that was left, and a good one that
	// was lost or put back to an older version.
	burn := drill.Scenario{
		Name: "mysql/slow-burn", Owner: "payments",
		Engine: "mysql", Fault: "slow burn", Recovery: "mysqlrepair", Takes: time.Minute,
		Disaster:  "A faulty job damages one percent of the rows each second for eight seconds, while clients go on writing.",
		Answers:   answers,
		Objective: drill.Objective{RTO: 4 * time.Minute, LostWrites: drill.NoLoss()},
		Checks:    append(verify.Default(), verify.Replicas{}),
	}
	It("takes the poison of a slow burn out on MySQL, and keeps the good writes of its time", suite.About(burn), Label("full"), SpecTimeout(6*time.Minute), func(ctx SpecContext) {
		d := suite.Begin(ctx, suite.Start(ctx, mysql.Cluster{Standbys: 1, Spares: 1, Dataset: shop}), burn)
		Expect(d.Backup(ctx)).To(Succeed())
		Expect(d.Traffic(ctx, traffic.Mix{})).To(Succeed())
		d.Mark(ctx, "before the job")
		Expect(d.Break(ctx, &faults.SlowBurn{Table: "shop.payments", Column: "amount", Value: "0", Duration: 8 * time.Second, Traffic: true})).To(Succeed())
		Expect(d.Recover(ctx, mysqlrepair.Rows(
			mysqlrepair.Damage{Table: "shop.payments", Poison: "amount = 0", Columns: []string{"amount"}},
			mysqlrepair.Damage{Table: "gameday.item", Poison: "val LIKE 'burnt:%'", Columns: []string{"val"}},
			mysqlrepair.Damage{Table: "gameday.account", Poison: "val LIKE 'burnt:%'", Columns: []string{"val"}},
		))).To(Succeed())
		rec := d.Verify(ctx)
		AddReportEntry("slow burn", burnt(d))
		Expect(rec).To(suite.HavePassed())
	})
})

// burnt says in two figures how the repair of a slow burn went, from the evidence.
func burnt(d *suite.Drill) string {
	GinkgoHelper()
	e, err := verify.LoadEvidence(d.Dir())
	Expect(err).NotTo(HaveOccurred())
	poison := int64(0)
	for _, v := range verify.Reconcile(e.Ops, e.Rows, verify.ReconcileOptions{}).Violations {
		if v.Class == verify.Corrupt {
			poison += v.Total
		}
	}
	return fmt.Sprintf("poison left among traffic's rows: %d, good later writes lost: %d", poison, d.Record().Traffic.Lost)
}
