package sabotage_test

import (
	"context"
	"strings"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/recoverydrill/gameday/faults"
	"github.com/recoverydrill/gameday/fixtures"
	"github.com/recoverydrill/gameday/fixtures/dataset"
	"github.com/recoverydrill/gameday/fixtures/mysql"
	"github.com/recoverydrill/gameday/fixtures/traffic"
	recovery "github.com/recoverydrill/gameday/recover"
	"github.com/recoverydrill/gameday/recover/mysqlhost"
	"github.com/recoverydrill/gameday/reports"
	"github.com/recoverydrill/gameday/scenarios/drill"
	"github.com/recoverydrill/gameday/scenarios/suite"
	"github.com/recoverydrill/gameday/verify"
)

// The ways to end replication: for good, or until the server is started again.
const (
	forGood   = "STOP SLAVE; RESET SLAVE ALL"
	forAWhile = "STOP SLAVE"
)

// hasty makes a primary of a replica without looking at what the others have, at its relay log (unless it applies it), at
// the old primary, or at the events.
func hasty(name string, applies bool, ends string) recovery.Recovery {
	return recovery.Func("hasty promotion", func(ctx context.Context, job recovery.Job) error {
		node, err := recovery.Member(job.System, name)
		if err != nil {
			return err
		}
		h, err := mysqlhost.On(job, node, time.Minute)
		if err != nil {
			return err
		}
		wait := ""
		if applies {
			wait = `sql 'START SLAVE SQL_THREAD'; sleep 3; `
		}
		if _, err := h.Sh(ctx, wait+`sql '`+ends+`; SET GLOBAL read_only = OFF'`, nil); err != nil {
			return err
		}
		return h.CutOver(ctx)
	})
}

var _ = Describe("a promotion of MariaDB", Label("mariadb", "sabotage", full), func() {
	for _, s := range []struct {
		does           string
		by             recovery.Recovery
		check, finding string
	}{
		{"takes the replica that lags behind", hasty("standby-1", true, forGood), "ledger", `acknowledged before the mark`},
		{"does not let the replica apply its relay log", hasty("standby-2", false, forGood), "ledger", `acknowledged before the mark`},
		{"does not fence the old primary", hasty("standby-2", true, forGood), "fenced", `primary takes clients' writes as well once it is started again`},
		{"leaves an event disabled", hasty("standby-2", true, forGood), "structure", `event shop\.nightly`},
		{"leaves it a replica of the old primary", hasty("standby-2", true, forAWhile), "structure", `replication channel '' was not there`},
	} {
		It("is caught when it "+s.does, SpecTimeout(4*time.Minute), func(ctx SpecContext) {
			shop := dataset.Shop(dataset.ShopOptions{Scale: 0.1})
			sys := suite.Start(ctx, mysql.Cluster{Flavour: mysql.MariaDB, Version: "10.11", Standbys: 2, Dataset: shop})
			d := suite.Begin(ctx, sys, drill.Scenario{
				Name: "sabotage/mariadb-promotion-" + strings.ReplaceAll(s.does, " ", "-"), Owner: "gameday",
				Disaster: "The primary's server is killed, and a promotion is broken on purpose.",
				Answers:  []reports.Question{reports.InService, reports.Harmless}, Objective: drill.Objective{RTO: time.Minute, RPO: time.Minute},
				Checks: append(verify.Default(), verify.Fenced{}), ServiceLimit: 5 * time.Second,
			})
			nightly := "CREATE DEFINER = shop_owner@localhost EVENT shop.nightly ON SCHEDULE EVERY 1 DAY STARTS '2037-12-31 03:00:00' DO DELETE FROM shop.sessions"
			Expect(sys.(fixtures.Operator).Statement(ctx, "", "shop", nightly)).To(Succeed())
			Expect(sys.(fixtures.Replicator).Replicated(ctx)).To(Succeed())
			Expect(d.Traffic(ctx, traffic.Mix{})).To(Succeed())
			Expect(sys.(fixtures.Routed).Routes()["replication standby-1"].Cut(ctx)).To(Succeed())
			standby, err := recovery.Member(sys, "standby-2")
			Expect(err).NotTo(HaveOccurred())
			at, err := standby.Address(ctx, mysql.Port)
			Expect(err).NotTo(HaveOccurred())
			Expect(sys.(fixtures.Operator).Statement(ctx, at.Harness, "", "STOP SLAVE SQL_THREAD")).To(Succeed())
			wait(ctx, time.Second)
			mark := d.Mark(ctx, "before the crash")
			Expect(d.Break(ctx, faults.KillServer(""))).To(Succeed())
			caught(ctx, d, s.by, mark, s.check, s.finding)
		})
	}
})
