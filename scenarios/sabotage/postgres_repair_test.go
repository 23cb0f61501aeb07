package sabotage_test

import (
	"bytes"
	"context"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/recoverydrill/gameday/faults"
	"github.com/recoverydrill/gameday/fixtures/dataset"
	"github.com/recoverydrill/gameday/fixtures/postgres"
	"github.com/recoverydrill/gameday/fixtures/traffic"
	recovery "github.com/recoverydrill/gameday/recover"
	"github.com/recoverydrill/gameday/recover/pgpitr"
	"github.com/recoverydrill/gameday/recover/pgrepair"
	"github.com/recoverydrill/gameday/recover/pgserver"
	"github.com/recoverydrill/gameday/reports"
	"github.com/recoverydrill/gameday/scenarios/drill"
	"github.com/recoverydrill/gameday/scenarios/suite"
)

// The damage to each table that the slow burn hits.
var (
	payments = pgrepair.Damage{Table: "shop.payments", Poison: "amount = 0", Columns: []string{"amount"}}
	items    = pgrepair.Damage{Table: "gameday.item", Poison: "val LIKE 'burnt:%'", Columns: []string{"val"}}
	accounts = pgrepair.Damage{Table: "gameday.account", Poison: "val LIKE 'burnt:%'", Columns: []string{"val"}}
)

// narrowed is a damage whose signature misses some rows.
func narrowed(d pgrepair.Damage, but string) pgrepair.Damage {
	d.Poison += " AND NOT (" + but + ")"
	return d
}

// overwriting puts all of traffic's items back as they were at the mark, and so throws away what was written to them since.
func overwriting(ctx context.Context, job recovery.Job) error {
	if err := pgrepair.Rows(payments, accounts).Recover(ctx, job); err != nil {
		return err
	}
	spare, err := pgserver.Named(job, "spare")
	if err != nil {
		return err
	}
	primary, err := pgserver.Named(job, "primary")
	if err != nil {
		return err
	}
	r := pgpitr.Restore{Server: spare, Action: pgpitr.Pause, Target: "recovery_target_name = '" + job.Target.Name + "'"}
	var rows bytes.Buffer
	return job.Run(ctx,
		recovery.Step{Name: "fetch", Do: r.Fetch}, recovery.Step{Name: "replay", Do: r.Replay}, recovery.Step{Name: "wait", Do: r.Reached},
		recovery.Step{Name: "copy the table", Do: func(ctx context.Context) error {
			return spare.Stream(ctx, `sql -d shop -c 'COPY gameday.item TO STDOUT'`, nil, nil, &rows)
		}},
		recovery.Step{Name: "replace the table", Do: func(ctx context.Context) error {
			return primary.Stream(ctx, `sql -d shop -1 -c 'DELETE FROM gameday.item' -c 'COPY gameday.item FROM STDIN'`, nil, &rows, nil)
		}},
	)
}

var _ = Describe("the repair of a slow burn", Label("postgres", "sabotage", full), func() {
	for name, s := range map[string]struct {
		by             recovery.Recovery
		check, finding string
	}{
		"goes back to the mark and loses what was written since": {
			pgpitr.To(pgpitr.Name), "objectives", `\d+ acknowledged writes gone, 0 may be`,
		},
		"misses some of the poisoned rows": {
			pgrepair.Rows(narrowed(payments, "id % 3 = 0"), items, accounts), "contents", `shop\.payments: \d+ of \d+ rows changed`,
		},
		"leaves poison in a table that clients write to": {
			pgrepair.Rows(payments, narrowed(items, "true"), accounts), "ledger", `rows? with changed values`,
		},
		"puts good later writes back as well": {
			recovery.Func("overwriting", overwriting), "ledger", `older than the last version|fared differently|back that had been deleted`,
		},
	} {
		It("is caught when it "+name, SpecTimeout(6*time.Minute), func(ctx SpecContext) {
			sys := suite.Start(ctx, postgres.Cluster{Spares: 1, Dataset: dataset.Shop(dataset.ShopOptions{Scale: 0.1})})
			var d *suite.Drill
			DeferCleanup(func(ctx SpecContext) { judgeAgain(ctx, d) })
			d = suite.Begin(ctx, sys, drill.Scenario{
				Owner: "gameday", Disaster: "A slow burn, and a repair that is broken on purpose.",
				Answers:   []reports.Question{reports.InService, reports.Harmless},
				Objective: drill.Objective{RTO: 3 * time.Minute, LostWrites: drill.NoLoss()}, ServiceLimit: 5 * time.Second,
			})
			Expect(d.Backup(ctx)).To(Succeed())
			// Few updates, so that most of the poisoned rows are not written again before the repair.
			Expect(d.Traffic(ctx, traffic.Mix{Rate: 100, Insert: 80, Update: 5, Delete: 1, Transfer: 10, Document: 4})).To(Succeed())
			mark := d.Mark(ctx, "before the job")
			Expect(d.Break(ctx, &faults.SlowBurn{Table: "shop.payments", Column: "amount", Value: "0", Duration: 3 * time.Second, Traffic: true, Share: 0.1})).To(Succeed())
			caught(ctx, d, s.by, mark, s.check, s.finding)
		})
	}
})
