package postgres_test

import (
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/recoverydrill/gameday/faults"
	"github.com/recoverydrill/gameday/fixtures/dataset"
	"github.com/recoverydrill/gameday/fixtures/postgres"
	"github.com/recoverydrill/gameday/fixtures/traffic"
	"github.com/recoverydrill/gameday/recover/pgrepair"
	"github.com/recoverydrill/gameday/reports"
	"github.com/recoverydrill/gameday/scenarios/drill"
	"github.com/recoverydrill/gameday/scenarios/suite"
)

// The price of going back in time is every write since. A selective repair pays nothing: the objective allows no lost
// write at all, while traffic goes on from before the damage to the end. The whole of every table that nobody writes to is
// compared, so that a repair which leaves a damaged row, or touches one that was sound, is seen.
var _ = Describe("a selective repair", Label("postgres", "repair", "full", "owner=payments"), func() {
	cluster := postgres.Cluster{Standbys: 1, Spares: 1, Dataset: dataset.Shop(dataset.ShopOptions{Scale: 0.1})}
	answers := []reports.Question{reports.BackedUp, reports.InService, reports.Plan, reports.Harmless, reports.InTime}
	nothing := drill.Objective{RTO: 90 * time.Second, LostWrites: drill.NoLoss()}

	update := drill.Scenario{
		Name: "postgres/wrong-update", Owner: "payments",
		Engine: "postgres", Fault: "wrong update", Recovery: "pgrepair", Takes: 25 * time.Second,
		Disaster: "An UPDATE with a wrong WHERE sets every third payment to 0; nobody may lose what was written since.",
		Answers:  answers, Objective: nothing,
	}
	It("takes a wrong UPDATE back in place", suite.About(update), SpecTimeout(5*time.Minute), func(ctx SpecContext) {
		d := suite.Begin(ctx, suite.Start(ctx, cluster), update)
		Expect(d.Backup(ctx)).To(Succeed())
		Expect(d.Traffic(ctx, traffic.Mix{Rate: 100})).To(Succeed())
		good := d.Mark(ctx, "before the update")
		Expect(d.Break(ctx, faults.WrongUpdate("shop.payments", "amount = 0", "id % 3 = 0"))).To(Succeed())
		Expect(d.Recover(ctx, pgrepair.Rows(pgrepair.Damage{
			Table: "shop.payments", Poison: "amount = 0", Columns: []string{"amount"},
		}), drill.To(good))).To(Succeed())
		Expect(d.Verify(ctx)).To(suite.HavePassed())
	})

	// The DELETE takes lines, payments and returns with it, and leaves references to payments NULL that were none: an
	// order alone would be half an order.
	deleted := drill.Scenario{
		Name: "postgres/deleted-orders", Owner: "orders",
		Engine: "postgres", Fault: "deleted rows", Recovery: "pgrepair", Takes: 25 * time.Second,
		Disaster: "A clean-up job deletes every seventh order, and what refers to it goes with it.",
		Answers:  answers, Objective: nothing,
	}
	It("brings deleted rows back with everything that went with them", suite.About(deleted), SpecTimeout(5*time.Minute), func(ctx SpecContext) {
		d := suite.Begin(ctx, suite.Start(ctx, cluster), deleted)
		Expect(d.Backup(ctx)).To(Succeed())
		Expect(d.Traffic(ctx, traffic.Mix{Rate: 100})).To(Succeed())
		good := d.Mark(ctx, "before the clean-up")
		Expect(d.Break(ctx, faults.DeleteWhere("shop.orders", "id % 7 = 0"))).To(Succeed())
		Expect(d.Recover(ctx, pgrepair.Rows(
			pgrepair.Damage{Table: "shop.orders", Deleted: "id % 7 = 0"},
			pgrepair.Damage{Table: "shop.order_lines", Deleted: "order_id % 7 = 0"},
			pgrepair.Damage{Table: "shop.payments", Deleted: "order_id % 7 = 0", Poison: "refund_of IS NULL", Columns: []string{"refund_of"}},
			pgrepair.Damage{Table: "shop.returns", Deleted: "order_id % 7 = 0"},
		), drill.To(good))).To(Succeed())
		Expect(d.Verify(ctx)).To(suite.HavePassed())
	})
})
