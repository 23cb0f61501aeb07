package sabotage_test

import (
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
	"github.com/recoverydrill/gameday/recover/pgpitr"
	"github.com/recoverydrill/gameday/reports"
	"github.com/recoverydrill/gameday/scenarios/drill"
	"github.com/recoverydrill/gameday/scenarios/suite"
)

func beginCorruption(ctx SpecContext, name string, on postgres.Cluster) *suite.Drill {
	GinkgoHelper()
	on.Dataset = dataset.Shop(dataset.ShopOptions{Scale: 0.1})
	sys := suite.Start(ctx, on)
	return suite.Begin(ctx, sys, drill.Scenario{
		Name: "sabotage/" + name, Owner: "gameday", Disaster: "Files are damaged, and the recovery does not do away with that.",
		Answers:      []reports.Question{reports.InService, reports.Harmless},
		Objective:    drill.Objective{RTO: time.Minute, RPO: time.Minute},
		ServiceLimit: 5 * time.Second,
	})
}

var _ = Describe("damage on disk", Label("postgres", "sabotage", full), func() {
	// No error shows it, and the service answers: whoever believes that is red by what the table holds.
	It("is caught when nothing is done about a block of zeroes", SpecTimeout(4*time.Minute), func(ctx SpecContext) {
		d := beginCorruption(ctx, "zeroed-block-left", postgres.Cluster{})
		Expect(d.Traffic(ctx, traffic.Mix{})).To(Succeed())
		good := d.Mark(ctx, "before the disk failed")
		Expect(d.Break(ctx, faults.CorruptTable(faults.Zeroed, "shop.payments", 3))).To(Succeed())
		nothing := recovery.Func("nothing", func(context.Context, recovery.Job) error { return nil })
		caught(ctx, d, nothing, good, "contents", `shop\.payments`)
	})

	// The standby has every row. But clients have looked for the lost ones on the primary, and what that did to the index is
	// in the log: after the promotion no index leads to them.
	It("is caught when the standby is promoted with the indexes that it has", SpecTimeout(4*time.Minute), func(ctx SpecContext) {
		d := beginCorruption(ctx, "zeroed-block-in-index", postgres.Cluster{Standbys: 1})
		Expect(d.Traffic(ctx, traffic.Mix{})).To(Succeed())
		good := d.Mark(ctx, "before the disk failed")
		Expect(d.Break(ctx, faults.CorruptTable(faults.Zeroed, "shop.payments", 3))).To(Succeed())
		wait(ctx, 2*time.Second) // the log is streamed when somebody has written it
		caught(ctx, d, promotes("standby-1"), good, "contents", `shop\.payments .*heap and index disagree`)
	})

	// The newest segment of the archive, in which the mark lies, is damaged where the last writes before the mark are. With
	// a target the server itself says that it has not reached it. Without one it ends before the damage, takes that for the
	// end of the log, and promotes: what was acknowledged before the mark is gone without a word.
	for _, r := range []struct {
		name  string
		to    pgpitr.Kind
		fails bool
	}{{"fails loudly when there is a target", pgpitr.Name, true}, {"is caught when a recovery to the end of the log takes it for the end", pgpitr.Latest, false}} {
		It("in the archived log "+r.name, SpecTimeout(4*time.Minute), func(ctx SpecContext) {
			d := beginCorruption(ctx, "damaged-archive-"+string(r.to), postgres.Cluster{Spares: 1})
			Expect(d.Backup(ctx)).To(Succeed())
			Expect(d.Traffic(ctx, traffic.Mix{})).To(Succeed())
			good := d.Mark(ctx, "before the damage")
			Expect(d.Break(ctx, faults.Together(
				faults.CorruptFile(faults.Overwritten, fixtures.ArchivedLog, "", 1),
				faults.CorruptFile(faults.Overwritten, fixtures.ControlFile, "", 0).While(faults.Stopped),
			))).To(Succeed())
			err := d.Recover(ctx, pgpitr.To(r.to), drill.To(good))
			rec := d.Verify(ctx)
			Expect(rec).NotTo(suite.HavePassed())
			if r.fails {
				Expect(err).To(HaveOccurred())
				Expect(rec.Recovery.Error).To(ContainSubstring("recovery ended before configured recovery target was reached"))
				return
			}
			Expect(findings(rec, "ledger")).To(ContainElement(MatchRegexp(`\d+ .*acknowledged before the mark`)))
		})
	}
})
