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
	"github.com/recoverydrill/gameday/fixtures/postgres"
	"github.com/recoverydrill/gameday/fixtures/traffic"
	recovery "github.com/recoverydrill/gameday/recover"
	"github.com/recoverydrill/gameday/recover/pgdump"
	"github.com/recoverydrill/gameday/reports"
	"github.com/recoverydrill/gameday/scenarios/drill"
	"github.com/recoverydrill/gameday/scenarios/suite"
	"github.com/recoverydrill/gameday/verify"
)

var dumped = postgres.Cluster{Spares: 1, Dataset: dataset.Shop(dataset.ShopOptions{Scale: 0.1}), Backups: postgres.Dumps{}}

const (
	sums      = `(cd "$dump" && sha256sum --quiet --strict -c SHA256SUMS)`
	carefully = ` --exit-on-error --create $again --dbname="$from" "$dump/$db.dump" </dev/null`
	// What is written over some bytes in the middle of the largest dump, and one word of one membership.
	damagedDump    = `printf DAMAGED | dd of="$GAMEDAY_BACKUP/shop.dump" bs=1 seek=$(($(stat -c %s "$GAMEDAY_BACKUP/shop.dump") / 2)) conv=notrunc status=none`
	damagedGlobals = `sed -i '0,/^GRANT shop/s/^GRANT/GRAMT/' "$GAMEDAY_BACKUP/globals.sql"; grep -q GRAMT "$GAMEDAY_BACKUP/globals.sql"`
)

var fromDump = map[string]struct {
	broken
	damage string // to the dump, before the disaster
}{
	"goes on after errors with a damaged dump": {
		broken: broken{
			edits: []edit{{sums, "true"}, {carefully, ` --create $again --dbname="$from" "$dump/$db.dump" </dev/null || true`}},
			check: "contents", finding: `shop\.`,
		},
		damage: damagedDump,
	},
	// The roles that clients log in with are made by hand, as somebody does who has only the dump of the database.
	"leaves out the other roles": {
		broken: broken{
			edits: []edit{
				{`grep -vx 'CREATE ROLE postgres;' "$dump/globals.sql"`, `grep -E 'gameday_|ROLE postgres WITH' "$dump/globals.sql"`},
				{carefully, ` --create $again --dbname="$from" "$dump/$db.dump" </dev/null || true`},
			},
			check: "structure", finding: `role .* is missing`,
		},
	},
	"lets psql go on after an error": {
		broken: broken{
			edits: []edit{{sums, "true"}, {"-v ON_ERROR_STOP=1 ", ""}},
			check: "structure", finding: `is missing`,
		},
		damage: damagedGlobals,
	},
	"leaves the configuration to initdb": {
		broken: broken{
			edits: []edit{{`cp "$dump"/config/*.conf "$data/"`, `cp "$dump/config/pg_hba.conf" "$data/"; printf "listen_addresses='*'\nunix_socket_directories='/tmp'\n" >>"$data/postgresql.conf"`}},
			check: "durability", finding: `archive_mode`,
		},
	},
}

var _ = Describe("the script for a dump", Label("postgres", "pgdump", "sabotage", full), func() {
	for name, b := range fromDump {
		It("is caught when it "+name, SpecTimeout(6*time.Minute), func(ctx SpecContext) {
			script := b.write("../postgres/restore-dump.sh", GinkgoT().TempDir())
			d := brokenDump(ctx, "sabotage/pgdump-"+strings.ReplaceAll(name, " ", "-"), b.damage)
			caughtWithoutTarget(ctx, d, recovery.OnNode("spare", script), b.check, b.finding)
		})
	}

	It("is not what the procedure does with a damaged dump: it refuses, and has made nothing", SpecTimeout(6*time.Minute), func(ctx SpecContext) {
		d := brokenDump(ctx, "sabotage/pgdump-refuses", damagedDump)
		err := d.Recover(ctx, pgdump.Server())
		Expect(err).To(MatchError(MatchRegexp(`refused: no dump in the vault is whole: .*shop\.dump`)))
		Expect(d.Verify(ctx)).NotTo(suite.HavePassed())
		_, err = d.System().Members()[1].Node.Exec(ctx, fixtures.Command{Args: []string{"test", "!", "-e", postgres.DataDir}})
		Expect(err).NotTo(HaveOccurred())
	})
})

// brokenDump marks, dumps, and drops the main database.
func brokenDump(ctx SpecContext, name, damage string) *suite.Drill {
	GinkgoHelper()
	sys := suite.Start(ctx, dumped)
	var d *suite.Drill
	d = suite.Begin(ctx, sys, drill.Scenario{
		Name: name, Owner: "gameday", Disaster: "The main database is dropped, and the recovery from its dump is broken on purpose.",
		Answers:   []reports.Question{reports.InService, reports.Harmless},
		Objective: drill.Objective{RTO: 3 * time.Minute, RPO: time.Minute}, Checks: []verify.Check{verify.Identity{AllowNewSystem: true}}, ServiceLimit: 5 * time.Second,
	})
	Expect(d.Traffic(ctx, traffic.Mix{})).To(Succeed())
	d.Mark(ctx, "before the dump")
	Expect(d.Backup(ctx)).To(Succeed())
	if damage != "" {
		Expect(onNode(ctx, sys, damage)).To(Succeed())
	}
	Expect(d.Break(ctx, faults.DropDatabase("shop"))).To(Succeed())
	return d
}

// onNode runs a script on the primary as the server's user, with the environment of a recovery.
func onNode(ctx context.Context, sys fixtures.System, script string) error {
	env, err := sys.(fixtures.Responder).Environment(ctx)
	if err != nil {
		return err
	}
	keep := map[string]string{}
	for k, v := range env {
		if strings.HasPrefix(k, "GAMEDAY_") {
			keep[k] = v
		}
	}
	_, err = sys.Members()[0].Node.Exec(ctx, fixtures.Command{Args: []string{"sh", "-euc", script}, User: env["GAMEDAY_OSUSER"], Env: keep})
	return err
}

// caughtWithoutTarget is caught for a recovery that has no moment to return to.
func caughtWithoutTarget(ctx SpecContext, d *suite.Drill, r recovery.Recovery, check, finding string) {
	GinkgoHelper()
	err := d.Recover(ctx, r) // may say that the service is not back
	rec := d.Verify(ctx)
	Expect(rec).NotTo(suite.HavePassed())
	Expect(rec.Outcome).To(Equal(reports.Failed), "Recover said: %v", err)
	Expect(findings(rec, check)).To(ContainElement(MatchRegexp(finding)))
}
