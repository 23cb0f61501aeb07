// Package sabotage_test holds broken recoveries. Each must be caught, by a finding that names what is wrong; the good
// script that they are made from passes in scenarios/postgres.
package sabotage_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/recoverydrill/gameday/faults"
	"github.com/recoverydrill/gameday/fixtures"
	"github.com/recoverydrill/gameday/fixtures/dataset"
	"github.com/recoverydrill/gameday/fixtures/postgres"
	"github.com/recoverydrill/gameday/fixtures/traffic"
	recovery "github.com/recoverydrill/gameday/recover"
	"github.com/recoverydrill/gameday/reports"
	"github.com/recoverydrill/gameday/scenarios/drill"
	"github.com/recoverydrill/gameday/scenarios/suite"
	"github.com/recoverydrill/gameday/verify"
)

// edit is one change to the good script. Its old text must be there exactly once, so that a change of the good script
// cannot turn a sabotage into a copy of it.
type edit struct{ old, new string }

// broken is a way to break the flagship's script.
type broken struct {
	edits     []edit
	replace   string                                   // the whole script, instead of edits
	before    func(SpecContext, fixtures.System) error // what happens first, with traffic running
	elsewhere bool                                     // the same is caught by the same check in another suite
	settle    time.Duration                            // traffic before the mark, for a sabotage that needs a past to lose
	check     string                                   // the check that must fail
	finding   string                                   // a regular expression that one of its findings must match
}

const cutOver = `echo "gameday: cutover $GAMEDAY_HOST_SPARE:$GAMEDAY_PORT"`

var flagship = map[string]broken{
	"restores nothing and exits 0": {
		replace: "#!/bin/sh\necho 'gameday: step restore'\necho done\n",
		check:   "contents", finding: `shop\.payments: \d+ of \d+ rows changed`,
	},
	"stops 30 s too early": {
		edits: []edit{{
			"recovery_target_name = '$GAMEDAY_TARGET_NAME'",
			"recovery_target_time = '$(date -u -d \"$GAMEDAY_TARGET_TIME - 30 seconds\" '+%F %T.%6N+00')'",
		}},
		settle: 35 * time.Second,
		check:  "ledger", finding: `\d+ .*acknowledged before the mark`,
	},
	"replays the bad write as well": {
		edits: []edit{
			{"recovery_target_name = '$GAMEDAY_TARGET_NAME'\n", ""},
			{`echo "gameday: step fetch the base backup"`, `$GAMEDAY_NODE_PRIMARY psql -h /tmp -d postgres -qAtc 'SELECT pg_switch_wal()' >/dev/null; sleep 2; echo "gameday: step fetch"`},
		},
		check: "contents", finding: `shop\.payments: \d+ of \d+ rows changed`,
	},
	"restores into the wrong place and cuts over to the old server": {
		edits: []edit{
			{cutOver, `echo "gameday: cutover $GAMEDAY_HOST_PRIMARY:$GAMEDAY_PORT"`},
			{"set -eu\n\n:", "set -eu\nGAMEDAY_PGDATA=/data/elsewhere\n:"},
		},
		elsewhere: true,
		check:     "contents", finding: `shop\.payments: \d+ of \d+ rows changed`,
	},
	"loses one table": {
		edits: []edit{{cutOver, `$GAMEDAY_NODE_SPARE "$GAMEDAY_PGBIN/psql" -h /tmp -d shop -qc 'DROP TABLE shop.order_lines CASCADE'` + "\n" + cutOver}},
		check: "contents", finding: `shop\.order_lines.* missing`,
	},
}

var _ = Describe("the flagship's script", Label("postgres", "sabotage"), func() {
	for _, version := range []string{"17", "15", "18"} {
		on := postgresFlagship
		on.Version = version
		for name, b := range flagship {
			labels := Label("version=" + version)
			if version != "17" || b.settle > 0 || b.elsewhere { // what takes long, and what SQLite's drills show as well
				labels = append(labels, full)
			}
			It("is caught on PostgreSQL "+version+" when it "+name, labels, SpecTimeout(4*time.Minute), func(ctx SpecContext) {
				b.caught(ctx, on, "sabotage/"+strings.ReplaceAll("postgres "+version+" "+name, " ", "-"), "../postgres/restore-payments.sh")
			})
		}
	}

	It("is not asked when the bad write is harmless: the drill is void", SpecTimeout(4*time.Minute), func(ctx SpecContext) {
		harmless(ctx, postgresFlagship, "sabotage/harmless-fault")
	})
})

var postgresFlagship = postgres.Cluster{Standbys: 1, Spares: 1, Dataset: dataset.Shop(dataset.ShopOptions{Scale: 0.1})}

// caught runs the flagship with the broken script and wants it red.
func (b broken) caught(ctx SpecContext, on fixtures.Blueprint, name, good string) {
	GinkgoHelper()
	script := b.write(good, GinkgoT().TempDir())
	sys, d := beginFlagship(ctx, on, name)
	Expect(d.Backup(ctx)).To(Succeed())
	Expect(d.Traffic(ctx, traffic.Mix{})).To(Succeed())
	if b.before != nil {
		Expect(b.before(ctx, sys)).To(Succeed())
	}
	wait(ctx, b.settle)
	mark := d.Mark(ctx, "before the bad deploy")
	Expect(d.Break(ctx, faults.BadWrite(`UPDATE shop.payments SET amount = 0`))).To(Succeed())
	caught(ctx, d, recovery.Command(script), mark, b.check, b.finding)
}

// harmless runs the flagship with a statement that breaks nothing.
func harmless(ctx SpecContext, on fixtures.Blueprint, name string) {
	GinkgoHelper()
	_, d := beginFlagship(ctx, on, name)
	Expect(d.Backup(ctx)).To(Succeed())
	Expect(d.Traffic(ctx, traffic.Mix{})).To(Succeed())
	good := d.Mark(ctx, "before nothing")
	Expect(d.Break(ctx, faults.BadWrite(`SELECT 1`))).To(MatchError(drill.ErrNoEffect))
	Expect(d.Recover(ctx, recovery.Command("true"), drill.To(good))).To(MatchError(drill.ErrNoEffect))
	Expect(d.Finish(ctx)).To(Succeed())
	Expect(d.Record()).To(suite.HaveOutcome(reports.Inconclusive))
	Expect(d.Record().Headline).To(ContainSubstring("no effect"))
}

func beginFlagship(ctx SpecContext, on fixtures.Blueprint, name string) (fixtures.System, *suite.Drill) {
	GinkgoHelper()
	sys := suite.Start(ctx, on)
	var d *suite.Drill
	DeferCleanup(func(ctx SpecContext) { judgeAgain(ctx, d) }) // before Begin, so that it runs after the record is finished
	d = suite.Begin(ctx, sys, drill.Scenario{
		Name: name, Owner: "gameday", Disaster: "The flagship's bad write, and a recovery that is broken on purpose.",
		Answers:      []reports.Question{reports.InService, reports.Harmless},
		Objective:    drill.Objective{RTO: time.Minute, RPO: time.Minute},
		ServiceLimit: 5 * time.Second,
	})
	return sys, d
}

// judgeAgain wants the same verdict from the evidence alone: the servers are about to go.
func judgeAgain(ctx SpecContext, d *suite.Drill) {
	GinkgoHelper()
	e, err := verify.LoadEvidence(d.Dir())
	Expect(err).NotTo(HaveOccurred())
	results := verify.Judge(ctx, e, verify.Default(), e.Record.Waivers)
	Expect(verify.Verdict(results, e.Record.Waivers)).To(Equal(d.Record().Outcome))
}

// write makes the broken script from the good one.
func (b broken) write(from, dir string) string {
	GinkgoHelper()
	text := b.replace
	if text == "" {
		good, err := os.ReadFile(from) //nolint:gosec // a script of ours
		Expect(err).NotTo(HaveOccurred())
		text = string(good)
		for _, e := range b.edits {
			Expect(strings.Count(text, e.old)).To(Equal(1), "the good script must hold %q once", e.old)
			text = strings.Replace(text, e.old, e.new, 1)
		}
	}
	path := filepath.Join(dir, "restore-payments.sh")
	Expect(os.WriteFile(path, []byte(text), 0o755)).To(Succeed())
	return path
}

// findings lists the failed findings of one check.
func findings(rec *reports.Record, check string) []string {
	var out []string
	for _, c := range rec.Checks {
		for _, f := range c.Findings {
			if c.Name == check && f.Outcome == reports.Failed {
				out = append(out, f.Summary)
			}
		}
	}
	if len(out) == 0 {
		out = append(out, fmt.Sprintf("check %q failed in nothing", check))
	}
	return out
}

func wait(ctx SpecContext, d time.Duration) {
	select {
	case <-ctx.Done():
	case <-time.After(d):
	}
}
