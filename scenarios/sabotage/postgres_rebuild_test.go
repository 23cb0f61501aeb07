package sabotage_test

import (
	"bytes"
	"context"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/recoverydrill/gameday/faults"
	"github.com/recoverydrill/gameday/fixtures"
	"github.com/recoverydrill/gameday/fixtures/dataset"
	"github.com/recoverydrill/gameday/fixtures/postgres"
	"github.com/recoverydrill/gameday/fixtures/traffic"
	recovery "github.com/recoverydrill/gameday/recover"
	"github.com/recoverydrill/gameday/recover/pgrebuild"
	"github.com/recoverydrill/gameday/recover/pgsalvage"
	"github.com/recoverydrill/gameday/recover/pgserver"
	"github.com/recoverydrill/gameday/reports"
	"github.com/recoverydrill/gameday/scenarios/drill"
	"github.com/recoverydrill/gameday/scenarios/suite"
	"github.com/recoverydrill/gameday/verify"
)

// zeroed puts zeroes over the first block of a table on the disk of standby-1. It passes for an empty block: no error
// shows the damage, only what is missing.
type zeroed struct{ table string }

func (zeroed) Describe() faults.Description {
	return faults.Description{Name: "zeroed block of a standby", Class: "corruption", Detail: "zeroes over a block on the disk of standby-1"}
}
func (zeroed) IsSilent() bool { return true }

func (z zeroed) Prove(ctx context.Context, sys fixtures.System) (string, error) {
	n, err := recovery.Member(sys, "standby-1")
	if err != nil {
		return "", err
	}
	files, err := sys.(fixtures.FileMapper).Files(ctx, n, fixtures.TableFile, "", z.table)
	if err != nil {
		return "", err
	}
	got, err := fixtures.ReadAt(ctx, n, files[0].Path, 0, files[0].Block)
	if err != nil {
		return "", err
	}
	if !bytes.Equal(got, make([]byte, files[0].Block)) {
		return "", faults.ErrNotSeen
	}
	return "the block is all zeroes", nil
}

func (z zeroed) Inject(ctx context.Context, sys fixtures.System) error {
	n, err := recovery.Member(sys, "standby-1")
	if err != nil {
		return err
	}
	files, err := sys.(fixtures.FileMapper).Files(ctx, n, fixtures.TableFile, "", z.table)
	if err != nil {
		return err
	}
	servers := sys.(fixtures.Controlled)
	if err := servers.StopServer(ctx, n); err != nil {
		return err
	}
	if err := fixtures.Overwrite(ctx, n, files[0].Path, 0, make([]byte, files[0].Block)); err != nil {
		return err
	}
	return servers.StartServer(ctx, n)
}

var _ = Describe("the rebuild of a standby", Label("postgres", "sabotage", full), func() {
	for name, s := range map[string]struct {
		by      recovery.Recovery
		finding string
	}{
		"does nothing": {recovery.Func("nothing", func(context.Context, recovery.Job) error { return nil }), `standby-1: shop\.payments is damaged .*heap and index disagree`},
		"leaves the standby behind": {recovery.Func("left behind", func(ctx context.Context, job recovery.Job) error {
			if err := pgrebuild.Standby("standby-1").Recover(ctx, job); err != nil {
				return err
			}
			s, err := pgserver.Named(job, "standby-1")
			if err != nil {
				return err
			}
			_, err = s.Sh(ctx, `sql -d postgres -c "ALTER SYSTEM SET primary_conninfo = 'host=nowhere'" -c 'SELECT pg_reload_conf()'`, nil)
			return err
		}), `not every standby follows: .*standby-1`},
	} {
		It("is caught when it "+name, SpecTimeout(6*time.Minute), func(ctx SpecContext) {
			sys := suite.Start(ctx, postgres.Cluster{Standbys: 1, Dataset: dataset.Shop(dataset.ShopOptions{Scale: 0.1})})
			d := suite.Begin(ctx, sys, drill.Scenario{
				Owner: "gameday", Disaster: "A standby's disk is damaged, and the rebuild is broken on purpose.",
				Answers: []reports.Question{reports.Harmless}, Objective: drill.Objective{LostWrites: drill.NoLoss()},
				Checks: append(verify.Default(), verify.Replicas{}),
			})
			Expect(d.Traffic(ctx, traffic.Mix{Rate: 100})).To(Succeed())
			mark := d.Mark(ctx, "before the damage")
			Expect(d.Break(ctx, zeroed{"shop.payments"})).To(Succeed())
			caught(ctx, d, s.by, mark, "replicas", s.finding)
		})
	}
})

var _ = Describe("a salvage", Label("postgres", "sabotage", full), func() {
	for name, s := range map[string]struct{ sql, finding string }{
		"drops a block that was sound": {
			`DELETE FROM shop.reviews WHERE ctid < '(1,0)'`, `shop\.reviews: \d+ rows missing that the fault had not hit`,
		},
		"changes what it saves": {
			`UPDATE shop.reviews SET stars = 1 WHERE stars = 5`, `shop\.reviews: \d+ rows changed and 0 extra, where only a loss is allowed`,
		},
		"takes the table's constraint away": {`ALTER TABLE shop.reviews DROP CONSTRAINT reviews_stars_check`, ``},
	} {
		It("is caught when it "+name, SpecTimeout(5*time.Minute), func(ctx SpecContext) {
			sys := suite.Start(ctx, postgres.Cluster{Dataset: dataset.Shop(dataset.ShopOptions{Scale: 0.1})})
			var d *suite.Drill
			DeferCleanup(func(ctx SpecContext) { judgeAgain(ctx, d) })
			d = suite.Begin(ctx, sys, drill.Scenario{
				Owner: "gameday", Disaster: "A block is corrupt, there is no backup, and the salvage is broken on purpose.",
				Answers: []reports.Question{reports.Harmless}, ServiceLimit: 5 * time.Second,
				Objective: drill.Objective{LostWrites: drill.NoLoss(), LostRows: []reports.LostRows{
					{Database: "shop", Table: "shop.reviews", Most: 100, Reason: "there is neither a standby nor a backup"},
				}},
			})
			Expect(d.Traffic(ctx, traffic.Mix{Rate: 100})).To(Succeed())
			mark := d.Mark(ctx, "before the corruption")
			Expect(d.Break(ctx, faults.CorruptBlock("shop.reviews", 1))).To(Succeed())
			check := "contents"
			if s.finding == "" {
				check, s.finding = "structure", `reviews_stars_check`
			}
			caught(ctx, d, recovery.Func("broken salvage", func(ctx context.Context, job recovery.Job) error {
				if err := pgsalvage.Tables().Recover(ctx, job); err != nil {
					return err
				}
				return sys.(fixtures.Operator).Statement(ctx, "", "", s.sql)
			}), mark, check, s.finding)
		})
	}
})
