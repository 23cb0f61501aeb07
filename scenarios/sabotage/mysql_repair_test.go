package sabotage_test

import (
	"context"
	"strings"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/recoverydrill/gameday/faults"
	"github.com/recoverydrill/gameday/fixtures/dataset"
	"github.com/recoverydrill/gameday/fixtures/mysql"
	"github.com/recoverydrill/gameday/fixtures/traffic"
	recovery "github.com/recoverydrill/gameday/recover"
	"github.com/recoverydrill/gameday/recover/binlog"
	"github.com/recoverydrill/gameday/recover/mysqlhost"
	"github.com/recoverydrill/gameday/recover/mysqlrepair"
	"github.com/recoverydrill/gameday/reports"
	"github.com/recoverydrill/gameday/scenarios/drill"
	"github.com/recoverydrill/gameday/scenarios/suite"
)

// The damage to each table that the slow burn hits.
var (
	burntPayments = mysqlrepair.Damage{Table: "shop.payments", Poison: "amount = 0", Columns: []string{"amount"}}
	burntItems    = mysqlrepair.Damage{Table: "gameday.item", Poison: "val LIKE 'burnt:%'", Columns: []string{"val"}}
	burntAccounts = mysqlrepair.Damage{Table: "gameday.account", Poison: "val LIKE 'burnt:%'", Columns: []string{"val"}}
)

// missing is a damage whose signature misses some rows.
func missing(d mysqlrepair.Damage, but string) mysqlrepair.Damage {
	d.Poison = "(" + d.Poison + ") AND NOT (" + but + ")"
	return d
}

// replacing repairs what is told, and puts all of traffic's items back as they were at the mark: it throws away what was
// written to them since.
func replacing(ctx context.Context, job recovery.Job) error {
	if err := mysqlrepair.Rows(burntPayments, burntAccounts).Recover(ctx, job); err != nil {
		return err
	}
	spare, err := mysqlhost.Spare(job, "", 0)
	if err != nil {
		return err
	}
	primary, err := recovery.Member(job.System, "primary")
	if err != nil {
		return err
	}
	target, err := mysqlhost.TargetOf(mysqlhost.Position, job.Target)
	if err != nil {
		return err
	}
	if _, err := spare.Sh(ctx, `cp -a "$GAMEDAY_BACKUP/data" "$GAMEDAY_DATADIR"`, nil); err != nil {
		return err
	}
	for _, do := range []func(context.Context) error{
		func(ctx context.Context) error { return spare.StartClosed(ctx) }, spare.Detach,
		func(ctx context.Context) error { return spare.Replay(ctx, target) },
	} {
		if err := do(ctx); err != nil {
			return err
		}
	}
	rows, err := spare.Sh(ctx, `mariadb-dump --defaults-file="$GAMEDAY_CLIENT_CONFIG" --compact --no-create-info --skip-triggers gameday item`, nil)
	if err != nil {
		return err
	}
	_, err = spare.Beside(primary).Feed(ctx, `mariadb --defaults-file="$GAMEDAY_CLIENT_CONFIG" gameday`, nil, strings.NewReader("BEGIN; DELETE FROM item;\n"+rows+"\nCOMMIT;\n"))
	return err
}

var _ = Describe("the repair of a slow burn on MariaDB", Label("mariadb", "sabotage", full), func() {
	for name, s := range map[string]struct {
		by             recovery.Recovery
		check, finding string
	}{
		"goes back to the mark and loses what was written since": {
			binlog.To(binlog.Position), "objectives", `\d+ acknowledged writes gone, 0 may be`,
		},
		"misses some of the poisoned rows": {
			mysqlrepair.Rows(missing(burntPayments, "id % 10 = 3"), burntItems, burntAccounts), "contents", `shop\.payments: \d+ of \d+ rows changed`,
		},
		"leaves poison in a table that clients write to": { // of the accounts none is left: each is written again and again
			mysqlrepair.Rows(burntPayments, burntAccounts), "ledger", `rows? with changed values`,
		},
		"puts good later writes back as well": {
			recovery.Func("replacing", replacing), "ledger", `older than the last version|fared differently|back that had been deleted`,
		},
	} {
		It("is caught when it "+name, SpecTimeout(6*time.Minute), func(ctx SpecContext) {
			shop := dataset.Shop(dataset.ShopOptions{Scale: 0.1})
			sys := suite.Start(ctx, mysql.Cluster{Flavour: mysql.MariaDB, Version: "10.11", Spares: 1, Dataset: shop})
			var d *suite.Drill
			DeferCleanup(func(ctx SpecContext) { judgeAgain(ctx, d) })
			d = suite.Begin(ctx, sys, drill.Scenario{
				Name: "sabotage/mariadb-repair-" + strings.ReplaceAll(name, " ", "-"), Owner: "gameday",
				Disaster:  "A slow burn, and a repair that is broken on purpose.",
				Answers:   []reports.Question{reports.InService, reports.Harmless},
				Objective: drill.Objective{RTO: 3 * time.Minute, LostWrites: drill.NoLoss()}, ServiceLimit: 5 * time.Second,
			})
			Expect(d.Backup(ctx)).To(Succeed())
			Expect(d.Traffic(ctx, traffic.Mix{})).To(Succeed())
			mark := d.Mark(ctx, "before the job")
			Expect(d.Break(ctx, &faults.SlowBurn{Table: "shop.payments", Column: "amount", Value: "0", Duration: 3 * time.Second, Traffic: true, Share: 0.1})).To(Succeed())
			caught(ctx, d, s.by, mark, s.check, s.finding)
		})
	}
})
