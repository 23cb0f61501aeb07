package sabotage_test

import (
	"context"
	"errors"
	"path/filepath"
	"strings"
	"time"

	upstream "github.com/benbjohnson/litestream"
	"github.com/benbjohnson/litestream/file"
	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/recoverydrill/gameday/faults"
	"github.com/recoverydrill/gameday/fixtures"
	"github.com/recoverydrill/gameday/fixtures/dataset"
	"github.com/recoverydrill/gameday/fixtures/sqlite"
	"github.com/recoverydrill/gameday/fixtures/sqlite/handle"
	"github.com/recoverydrill/gameday/fixtures/traffic"
	recovery "github.com/recoverydrill/gameday/recover"
	"github.com/recoverydrill/gameday/recover/litestream"
	"github.com/recoverydrill/gameday/recover/sqliterepair"
	"github.com/recoverydrill/gameday/recover/sqlitesalvage"
	"github.com/recoverydrill/gameday/reports"
	"github.com/recoverydrill/gameday/scenarios/drill"
	"github.com/recoverydrill/gameday/scenarios/suite"
)

// poorSalvages are salvages that lose more than the damage has taken. Each is the good one, and then a statement on the new
// file, which stands for what it left out.
var poorSalvages = map[string]struct{ statement, check, finding string }{
	"skips a page that can be read":      {"DELETE FROM events WHERE id IN (SELECT id FROM events ORDER BY id LIMIT 30)", "contents", `\d+ rows? missing that the fault had not hit`},
	"changes a row beside the lost ones": {"UPDATE events SET kind = 'lost' WHERE id = (SELECT min(id) FROM events)", "contents", `1 rows changed and 0 extra, where only a loss is allowed`},
	"forgets the schema's version":       {"PRAGMA user_version = 0", "structure", `setting user_version changed`},
	"gives numbers out twice":            {"DELETE FROM payments WHERE id = (SELECT max(id) FROM payments); UPDATE sqlite_sequence SET seq = (SELECT max(id) FROM payments) WHERE name = 'payments'", "structure", `sequence payments went back by`},
	"forgets an index":                   {"DROP INDEX orders_customer", "structure", `index orders_customer is missing`},
	"leaves traffic's last rows behind":  {"DELETE FROM gameday_op WHERE rowid > (SELECT max(rowid) - 5 FROM gameday_op)", "ledger", `\d+ rows? of transactions whose other rows fared differently`},
}

var _ = Describe("the salvage of a damaged file", Label("sqlite", "sabotage", full), func() {
	for name, b := range poorSalvages {
		It("is caught when it "+name, SpecTimeout(2*time.Minute), func(ctx SpecContext) {
			d := beginScenario(ctx, sqlite.Store{Unreplicated: true}, drill.Scenario{
				Name: "sabotage/sqlite-salvage-" + strings.ReplaceAll(strings.ReplaceAll(name, " ", "-"), "'", ""),
				Objective: drill.Objective{RTO: time.Minute, LostWrites: drill.NoLoss(), LostRows: []reports.LostRows{
					{Database: "main", Table: "main.events", Most: 1000, Reason: "they lay on the damaged page"},
				}},
			})
			Expect(d.Traffic(ctx, traffic.Mix{})).To(Succeed())
			good := d.Mark(ctx, "before the disk failed")
			Expect(d.Break(ctx, faults.CorruptTable(faults.Zeroed, "events", 3))).To(Succeed())
			caught(ctx, d, recovery.Func(name, func(ctx context.Context, job recovery.Job) error {
				cutOver := job.CutOver
				job.CutOver = func(ctx context.Context, path string) error {
					h, err := handle.Open(ctx, path, handle.Write, b.statement)
					if err != nil {
						return err
					}
					return errors.Join(h.Close(), cutOver(ctx, path))
				}
				return sqlitesalvage.Procedure{}.Recover(ctx, job)
			}), good, b.check, b.finding)
		})
	}
})

// What an application does that finds its log gone is to start without a word. Without checkpoints the log held everything.
var _ = Describe("the loss of a log", Label("sqlite", "sabotage", full), func() {
	It("is caught when the application is only started again", SpecTimeout(2*time.Minute), func(ctx SpecContext) {
		d := beginScenario(ctx, unchecked, drill.Scenario{Name: "sabotage/sqlite-started-without-log"})
		Expect(d.Traffic(ctx, traffic.Mix{})).To(Succeed())
		good := d.Mark(ctx, "before the crash")
		Expect(d.Break(ctx, lostLog{})).To(Succeed())
		caught(ctx, d, recovery.Func("start it again", func(ctx context.Context, job recovery.Job) error {
			return job.CutOver(ctx, job.Env["GAMEDAY_FILE"])
		}), good, "ledger", `\d+ writes? acknowledged before the mark and gone`)
	})
})

// Litestream restores to a time up to the first hole before it, and reports success.
var _ = Describe("a restore over a hole in the replica", Label("sqlite", "sabotage", full), func() {
	It("is caught when nobody has looked for the hole", SpecTimeout(2*time.Minute), func(ctx SpecContext) {
		d := beginScenario(ctx, sqlite.Store{}, drill.Scenario{Name: "sabotage/sqlite-hole-in-replica"})
		Expect(d.Traffic(ctx, traffic.Mix{})).To(Succeed())
		good := d.Mark(ctx, "before the bad deploy")
		Expect(d.Break(ctx, faults.BadWrite(`UPDATE payments SET amount = 0`))).To(Succeed())
		caught(ctx, d, recovery.Func("litestream restore -timestamp", func(ctx context.Context, job recovery.Job) error {
			hole := filepath.Join(job.Env["GAMEDAY_REPLICA"], "ltx", "0", good.Position+"-"+good.Position+".ltx")
			if _, err := job.System.Members()[0].Node.Exec(ctx, fixtures.Command{Args: []string{"rm", hole}}); err != nil {
				return err
			}
			options := upstream.NewRestoreOptions()
			options.OutputPath, options.Timestamp = filepath.Join(job.Env["GAMEDAY_DATA"], "restored.db"), job.Target.Time
			db := upstream.NewDB(options.OutputPath)
			err := upstream.NewReplicaWithClient(db, file.NewReplicaClient(job.Env["GAMEDAY_REPLICA"])).Restore(ctx, options)
			_, owned := job.System.Members()[0].Node.Exec(ctx, fixtures.Command{Args: []string{"chmod", "600", options.OutputPath}})
			if err = errors.Join(err, db.Close(ctx), owned); err != nil {
				return err
			}
			return job.CutOver(ctx, options.OutputPath)
		}), good, "ledger", `\d+ writes? acknowledged before the mark and gone`)
	})
})

// brokenRepairs are ways to deal with a slow burn that keep poison or lose good writes.
var brokenRepairs = map[string]struct {
	recovery       recovery.Recovery
	check, finding string
}{
	"goes back to the mark": {litestream.To(litestream.Position), "objectives", `\d+ acknowledged writes? gone`},
	"forgets a table": {sqliterepair.Rows(
		sqliterepair.Damage{Table: "payments", Poison: "amount = 0", Columns: []string{"amount"}},
	), "ledger", `\d+ rows? with changed values`},
	"leaves the payments": {sqliterepair.Rows(
		sqliterepair.Damage{Table: "gameday_item", Poison: "val LIKE 'burnt:%'", Columns: []string{"val"}},
		sqliterepair.Damage{Table: "gameday_account", Poison: "val LIKE 'burnt:%'", Columns: []string{"val"}},
	), "contents", paymentsChanged},
}

var _ = Describe("the repair of a slow burn in a file", Label("sqlite", "sabotage", full), func() {
	for name, b := range brokenRepairs {
		It("is caught when it "+name, SpecTimeout(3*time.Minute), func(ctx SpecContext) {
			d := beginScenario(ctx, sqlite.Store{}, drill.Scenario{
				Name: "sabotage/sqlite-slow-burn-" + strings.ReplaceAll(name, " ", "-"), Objective: drill.Objective{RTO: time.Minute, LostWrites: drill.NoLoss()},
			})
			Expect(d.Traffic(ctx, traffic.Mix{})).To(Succeed())
			good := d.Mark(ctx, "before the job")
			Expect(d.Break(ctx, &faults.SlowBurn{Table: "payments", Column: "amount", Value: "0", Share: 0.05, Duration: 3 * time.Second, Traffic: true})).To(Succeed())
			caught(ctx, d, b.recovery, good, b.check, b.finding)
		})
	}
})

// beginScenario is beginFile for a scenario that has more to say.
func beginScenario(ctx SpecContext, store sqlite.Store, s drill.Scenario) *suite.Drill {
	GinkgoHelper()
	store.Dataset = dataset.Shop(dataset.ShopOptions{Scale: 0.1})
	sys := suite.Start(ctx, store)
	var d *suite.Drill
	DeferCleanup(func(ctx SpecContext) { judgeAgain(ctx, d) }) // before Begin, so that it runs after the record is finished
	s.Owner, s.Disaster, s.ServiceLimit = "gameday", "A disaster whose recovery is broken on purpose.", 3*time.Second
	s.Answers = []reports.Question{reports.InService, reports.Harmless}
	if s.Objective.RTO == 0 {
		s.Objective = drill.Objective{RTO: time.Minute, RPO: time.Minute}
	}
	d = suite.Begin(ctx, sys, s)
	return d
}

// lostLog is a crash that takes the log along.
type lostLog struct{}

func (lostLog) Describe() faults.Description {
	return faults.Description{Name: "lost log", Class: "deletion", Detail: "the application dies, and its -wal file is lost"}
}

func (lostLog) IsOutage() bool { return true }

func (lostLog) Inject(ctx context.Context, sys fixtures.System) error {
	node := sys.Members()[0].Node
	files, err := sys.(fixtures.FileMapper).Files(ctx, node, fixtures.LogFile, "", "")
	if err := errors.Join(err, sys.(fixtures.Controlled).KillServer(ctx, node)); err != nil {
		return err
	}
	_, err = node.Exec(ctx, fixtures.Command{Args: []string{"rm", files[0].Path}})
	return err
}
