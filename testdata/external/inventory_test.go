// Package inventory_test is a team's own suite, in a module of its own, with its own schema, data and recovery. It uses
// nothing but gameday's exported API.
package inventory_test

import (
	"testing"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/recoverydrill/gameday/faults"
	"github.com/recoverydrill/gameday/fixtures/dataset"
	"github.com/recoverydrill/gameday/fixtures/postgres"
	"github.com/recoverydrill/gameday/fixtures/traffic"
	recovery "github.com/recoverydrill/gameday/recover"
	"github.com/recoverydrill/gameday/reports"
	"github.com/recoverydrill/gameday/scenarios/drill"
	"github.com/recoverydrill/gameday/scenarios/suite"
)

func TestInventory(t *testing.T) { suite.Run(t, "inventory") }

// A stock count written over by a wrong import has no other copy than the backup and the log: the drill proves that the
// team's script gets it back, to the moment before the import, with every count in place.
var _ = Describe("inventory", Label("postgres", "owner=inventory"), func() {
	It("gets its stock counts back after a wrong import", SpecTimeout(5*time.Minute), func(ctx SpecContext) {
		sys := suite.Start(ctx, postgres.Cluster{
			Spares:  1,
			Dataset: dataset.Files("inventory", "inventory", "schema/001-tables.sql", "schema/002-rows.sql"),
		})
		d := suite.Begin(ctx, sys, drill.Scenario{
			Name:      "inventory/wrong-import",
			Owner:     "inventory",
			Disaster:  "An import of last year's counts overwrites the stock of one warehouse.",
			Answers:   []reports.Question{reports.BackedUp, reports.InService, reports.InTime},
			Objective: drill.Objective{RTO: time.Minute, RPO: time.Minute},
		})
		Expect(d.Backup(ctx)).To(Succeed())
		Expect(d.Traffic(ctx, traffic.Mix{Clients: 2})).To(Succeed())
		good := d.Mark(ctx, "before the import")
		Expect(d.Break(ctx, faults.BadWrite(`UPDATE inventory.stock SET quantity = 1 WHERE warehouse = 2`))).To(Succeed())
		Expect(d.Recover(ctx, recovery.OnNode("spare", "restore.sh"), drill.To(good))).To(Succeed())
		Expect(d.Verify(ctx)).To(suite.HavePassed())
	})
})
