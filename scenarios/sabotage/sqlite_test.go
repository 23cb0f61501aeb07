package sabotage_test

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

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
	"github.com/recoverydrill/gameday/recover/sqlitebackup"
	"github.com/recoverydrill/gameday/reports"
	"github.com/recoverydrill/gameday/scenarios/drill"
	"github.com/recoverydrill/gameday/scenarios/suite"
)

// brokenFile is a way to break the recovery of a file: the good procedure of scenarios/sqlite with something else in
// the place of one of its parts.
type brokenFile struct {
	do      func(ctx context.Context, job recovery.Job) error
	settle  time.Duration // traffic before the mark, for a sabotage that needs a past to lose
	check   string        // the check that must fail
	finding string        // a regular expression that one of its findings must match
}

const paymentsChanged = `main\.payments: \d+ of \d+ rows changed`

var brokenFiles = map[string]brokenFile{
	"restores nothing and says that it has": {
		do: func(_ context.Context, job recovery.Job) error {
			job.Step("restore from the replica")
			return nil
		},
		check: "contents", finding: paymentsChanged,
	},
	"stops 30 s too early": {
		do: func(ctx context.Context, job recovery.Job) error {
			job.Target.Time = job.Target.Time.Add(-30 * time.Second)
			return litestream.To(litestream.Time).Recover(ctx, job)
		},
		settle: 35 * time.Second,
		check:  "ledger", finding: `\d+ .*acknowledged before the mark`,
	},
	"replays the bad write as well": {
		do:    litestream.To(litestream.Latest).Recover,
		check: "contents", finding: paymentsChanged,
	},
	"restores beside and keeps clients on the old file": {
		do: func(ctx context.Context, job recovery.Job) error {
			job.CutOver = func(context.Context, string) error { return nil }
			return litestream.To(litestream.Position).Recover(ctx, job)
		},
		check: "contents", finding: paymentsChanged,
	},
	"restores beside and sends clients to the old file": {
		do: func(ctx context.Context, job recovery.Job) error {
			cutOver := job.CutOver
			job.CutOver = func(ctx context.Context, _ string) error { return cutOver(ctx, job.Env["GAMEDAY_FILE"]) }
			return litestream.To(litestream.Position).Recover(ctx, job)
		},
		check: "contents", finding: paymentsChanged,
	},
	"loses one table": {
		do: func(ctx context.Context, job recovery.Job) error {
			cutOver := job.CutOver
			job.CutOver = func(ctx context.Context, path string) error {
				h, err := handle.Open(ctx, path, handle.Write, "DROP TABLE order_lines")
				if err != nil {
					return err
				}
				return errors.Join(h.Close(), cutOver(ctx, path))
			}
			return litestream.To(litestream.Position).Recover(ctx, job)
		},
		check: "contents", finding: `main\.order_lines is missing`,
	},
	"leaves the file to be read by everybody": {
		do: func(ctx context.Context, job recovery.Job) error {
			cutOver := job.CutOver
			job.CutOver = func(ctx context.Context, path string) error {
				return errors.Join(os.Chmod(path, 0o644), cutOver(ctx, path)) //nolint:gosec // that is the sabotage
			}
			return litestream.To(litestream.Position).Recover(ctx, job)
		},
		check: "structure", finding: `file main changed`,
	},
}

// unchecked is a store whose log is never brought into its file.
var unchecked = sqlite.Store{Unreplicated: true, Settings: map[string]string{"wal_autocheckpoint": "0"}}

var _ = Describe("the recovery of a file", Label("sqlite", "sabotage"), func() {
	for name, b := range brokenFiles {
		It("is caught when it "+name, SpecTimeout(2*time.Minute), func(ctx SpecContext) {
			_, d := beginFile(ctx, "sabotage/sqlite-"+strings.ReplaceAll(name, " ", "-"), sqlite.Store{})
			Expect(d.Traffic(ctx, traffic.Mix{})).To(Succeed())
			wait(ctx, b.settle)
			good := d.Mark(ctx, "before the bad deploy")
			Expect(d.Break(ctx, faults.BadWrite(`UPDATE payments SET amount = 0`))).To(Succeed())
			caught(ctx, d, recovery.Func(name, b.do), good, b.check, b.finding)
		})
	}

	// A8 of the corpus: the copy is sound, by SQLite's own check, and lacks what was committed last. Without checkpoints
	// that is everything.
	It("is caught when its backup is the file without its log", SpecTimeout(2*time.Minute), func(ctx SpecContext) {
		sys, d := beginFile(ctx, "sabotage/sqlite-copy-without-log", unchecked)
		Expect(d.Traffic(ctx, traffic.Mix{})).To(Succeed())
		good := d.Mark(ctx, "before the bad deploy")
		env, err := sys.(fixtures.Responder).Environment(ctx)
		Expect(err).NotTo(HaveOccurred())
		nightly := filepath.Join(env["GAMEDAY_VAULT"], "nightly.db")
		Expect(copyFile(ctx, env["GAMEDAY_FILE"], nightly)).To(Succeed())
		Expect(d.Break(ctx, faults.BadWrite(`UPDATE payments SET amount = 0`))).To(Succeed())
		restore := func(ctx context.Context, job recovery.Job) error {
			path := filepath.Join(job.Env["GAMEDAY_DATA"], "nightly.db")
			return errors.Join(copyFile(ctx, nightly, path), job.CutOver(ctx, path))
		}
		caught(ctx, d, recovery.Func("nightly copy", restore), good, "ledger", `\d+ .*acknowledged before the mark`)
	})

	// A9 of the corpus: SQLite takes a log for the file's that has its name, whatever file that was written for. Without
	// checkpoints the log holds the bad write for certain; else it is a matter of luck what it makes of the new file.
	It("is caught when it puts the new file beside the log of the old one", SpecTimeout(2*time.Minute), func(ctx SpecContext) {
		_, d := beginFile(ctx, "sabotage/sqlite-log-of-the-old-file", unchecked)
		Expect(d.Traffic(ctx, traffic.Mix{})).To(Succeed())
		Expect(d.Backup(ctx)).To(Succeed())
		good := d.Mark(ctx, "before the bad deploy")
		Expect(d.Break(ctx, faults.BadWrite(`UPDATE payments SET amount = 0`))).To(Succeed())
		restore := func(ctx context.Context, job recovery.Job) error {
			cutOver := job.CutOver
			job.CutOver = func(ctx context.Context, path string) error {
				return errors.Join(os.Rename(path, job.Env["GAMEDAY_FILE"]), cutOver(ctx, job.Env["GAMEDAY_FILE"]))
			}
			return sqlitebackup.Procedure{}.Recover(ctx, job)
		}
		caught(ctx, d, recovery.Func("backup beside the old log", restore), good, "contents", paymentsChanged)
	})

	It("is not asked when the bad write is harmless: the drill is void", SpecTimeout(2*time.Minute), func(ctx SpecContext) {
		_, d := beginFile(ctx, "sabotage/sqlite-harmless-fault", sqlite.Store{})
		Expect(d.Traffic(ctx, traffic.Mix{})).To(Succeed())
		good := d.Mark(ctx, "before nothing")
		Expect(d.Break(ctx, faults.BadWrite(`SELECT 1`))).To(MatchError(drill.ErrNoEffect))
		Expect(d.Recover(ctx, litestream.To(litestream.Position), drill.To(good))).To(MatchError(drill.ErrNoEffect))
		Expect(d.Finish(ctx)).To(Succeed())
		Expect(d.Record()).To(suite.HaveOutcome(reports.Inconclusive))
		Expect(d.Record().Headline).To(ContainSubstring("no effect"))
	})
})

func beginFile(ctx SpecContext, name string, store sqlite.Store) (fixtures.System, *suite.Drill) {
	GinkgoHelper()
	store.Dataset = dataset.Shop(dataset.ShopOptions{Scale: 0.1})
	sys := suite.Start(ctx, store)
	var d *suite.Drill
	DeferCleanup(func(ctx SpecContext) { judgeAgain(ctx, d) }) // before Begin, so that it runs after the record is finished
	d = suite.Begin(ctx, sys, drill.Scenario{
		Name: name, Owner: "gameday", Disaster: "The flagship's bad write, and a recovery that is broken on purpose.",
		Answers:      []reports.Question{reports.InService, reports.Harmless},
		Objective:    drill.Objective{RTO: time.Minute, RPO: time.Minute},
		ServiceLimit: 3 * time.Second,
	})
	return sys, d
}

// caught wants a recovery to be red, by the finding that names what is wrong with it.
func caught(ctx SpecContext, d *suite.Drill, r recovery.Recovery, good fixtures.Mark, check, finding string) {
	GinkgoHelper()
	err := d.Recover(ctx, r, drill.To(good)) // may say that the service is not back
	rec := d.Verify(ctx)
	Expect(rec).NotTo(suite.HavePassed())
	Expect(rec.Outcome).To(Equal(reports.Failed), "Recover said: %v", err)
	Expect(findings(rec, check)).To(ContainElement(MatchRegexp(finding)))
}

// copyFile copies as a script would: by another process, whose end drops none of this one's locks on the file.
func copyFile(ctx context.Context, from, to string) error {
	return exec.CommandContext(ctx, "cp", "-p", from, to).Run() //nolint:gosec // the run's own files
}
