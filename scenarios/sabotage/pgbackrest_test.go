package sabotage_test

import (
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
	"github.com/recoverydrill/gameday/recover/pgbackrest"
	"github.com/recoverydrill/gameday/scenarios/suite"
)

var repository = postgres.Cluster{
	Spares: 1, Dataset: dataset.Shop(dataset.ShopOptions{Scale: 0.1}), Backups: postgres.PgBackRest{Types: []string{"full", "incr"}},
}

const toTheTarget = `--type=time --target="$GAMEDAY_TARGET_TIME" --target-timeline="$GAMEDAY_TARGET_TIMELINE" --target-action=promote`

var fromRepository = map[string]broken{
	"replays the bad write as well": {
		edits: []edit{{toTheTarget, "--type=default"}},
		check: "contents", finding: `shop\.payments: \d+ of \d+ rows changed`,
	},
	// What the old full backup holds is consistent, and so it looks restored.
	"restores the full backup alone, without the log": {
		edits:  []edit{{toTheTarget, `--set="$(ls "$GAMEDAY_VAULT/pgbackrest/backup/$PGBACKREST_STANZA" | grep -x '[0-9-]*F')" --type=immediate --target-action=promote`}},
		settle: 2 * time.Second,
		check:  "ledger", finding: `\d+ .*acknowledged before the mark`,
	},
	// The server serves, and the next disaster finds no log.
	"leaves the archive off": {
		edits: []edit{{"pgbackrest restore ", "pgbackrest restore --archive-mode=off "}},
		check: "durability", finding: `archive_mode`,
	},
}

var _ = Describe("the script for a pgBackRest repository", Label("postgres", "pgbackrest", "sabotage", full), func() {
	for name, b := range fromRepository {
		It("is caught when it "+name, SpecTimeout(6*time.Minute), func(ctx SpecContext) {
			script := b.write("../postgres/restore-pgbackrest.sh", GinkgoT().TempDir())
			d, good := brokenRepository(ctx, "sabotage/pgbackrest-"+strings.ReplaceAll(strings.ReplaceAll(name, ",", ""), " ", "-"), b.settle,
				faults.BadWrite(`UPDATE shop.payments SET amount = 0`))
			caught(ctx, d, recovery.OnNode("spare", script), good, b.check, b.finding)
		})
	}

	// The reference procedure without its first look: the newest backup of the list has no files any more.
	It("is no worse than a procedure that takes the repository's list for true when the newest backup was deleted", SpecTimeout(6*time.Minute), func(ctx SpecContext) {
		d, good := brokenRepository(ctx, "sabotage/pgbackrest-takes-the-list-for-true", 0,
			faults.Together(faults.DeleteBackup(), faults.BadWrite(`UPDATE shop.payments SET amount = 0`)))
		caught(ctx, d, pgbackrest.Procedure{Unverified: true}, good, "contents", `shop\.payments: \d+ of \d+ rows changed`)
	})
})

// brokenRepository takes two backups, marks and breaks, and has the log archived with what was broken.
func brokenRepository(ctx SpecContext, name string, settle time.Duration, f faults.Fault) (*suite.Drill, fixtures.Mark) {
	GinkgoHelper()
	sys, d := beginFlagship(ctx, repository, name)
	Expect(d.Backup(ctx)).To(Succeed())
	Expect(d.Traffic(ctx, traffic.Mix{})).To(Succeed())
	Expect(d.Backup(ctx)).To(Succeed())
	wait(ctx, settle)
	good := d.Mark(ctx, "before the bad deploy")
	Expect(d.Break(ctx, f)).To(Succeed())
	after, err := sys.(fixtures.Marker).Mark(ctx, "after the bad deploy")
	Expect(err).NotTo(HaveOccurred())
	Expect(sys.(fixtures.Marker).Archived(ctx, after)).To(Succeed())
	return d, good
}
