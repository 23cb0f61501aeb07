package realbackup_test

import (
	"os"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/recoverydrill/gameday/fixtures/foreign"
	"github.com/recoverydrill/gameday/fixtures/postgres"
	"github.com/recoverydrill/gameday/reports"
	"github.com/recoverydrill/gameday/scenarios/drill"
	"github.com/recoverydrill/gameday/scenarios/suite"
)

// A PostgreSQL of a team's own: its own initdb, roles, settings and way of entering.
func postgresTeam(backup, script string) setUp {
	return setUp{
		engine: "postgres", place: postgres.Cluster{Version: "17", Spares: 1}, script: script, backup: backup,
		store: func(address string) foreign.Store {
			return foreign.Store{Postgres: "postgres://postgres@" + address + "/library?sslmode=disable"}
		},
		init: `"$GAMEDAY_PGBIN/initdb" -D /tmp/library -U postgres --auth=trust --data-checksums >/tmp/initdb.log
cat >>/tmp/library/postgresql.conf <<CONF
listen_addresses = '*'
port = $GAMEDAY_PORT
unix_socket_directories = '/tmp'
work_mem = '6MB'
CONF
echo 'host all all all trust' >>/tmp/library/pg_hba.conf
"$GAMEDAY_PGBIN/pg_ctl" start -D /tmp/library -l /tmp/library.log -w -s
"$GAMEDAY_PGBIN/psql" -h /tmp -U postgres -Xqc 'CREATE DATABASE library'
"$GAMEDAY_PGBIN/psql" -h /tmp -U postgres -d library -Xq -v ON_ERROR_STOP=1 >/dev/null <<'SQL'
` + sqlFile("lending-postgres.sql") + "SQL\n",
	}
}

var _ = Describe("a real backup of PostgreSQL", Label("postgres", "realbackup"), func() {
	const files = `"$GAMEDAY_PGBIN/pg_basebackup" -h /tmp -U postgres -D "$BACKUP" -c fast -X stream`
	const dump = `cp /tmp/library/postgresql.conf /tmp/library/pg_hba.conf "$BACKUP/"
"$GAMEDAY_PGBIN/pg_dumpall" -h /tmp -U postgres --globals-only >"$BACKUP/globals.sql"
"$GAMEDAY_PGBIN/pg_dump" -h /tmp -U postgres --format=custom --file="$BACKUP/library.dump" library`
	sql := func(statement string) string {
		return `"$GAMEDAY_PGBIN/psql" -h /tmp -U postgres -d library -Xqc "` + statement + `"`
	}
	// A dump has the view's query and not its rows.
	newSystem := func(s *drill.RestoreScenario) {
		s.NewSystem = true
		s.Refreshed = []reports.RefreshedView{{Database: "library", View: "public.lent", Reason: "it is refreshed every night"}}
	}

	It("comes back from its files as its manifest says, and nothing else does", SpecTimeout(5*time.Minute), func(ctx SpecContext) {
		t := newTeam(ctx, postgresTeam(files, "restore-postgres-files.sh"))
		Expect(os.Chmod(t.backup, 0o700)).To(Succeed()) // as pg_basebackup makes it, and as the server wants it
		rec := t.restore(ctx, "postgres-files", "", nil)
		Expect(rec).To(suite.HavePassed(), says(rec))
		Expect(rec.Headline).To(MatchRegexp(`restored in .*; all of 2,501 rows are back as the manifest of`))

		rec = t.restore(ctx, "postgres-files-value-changed", sql("UPDATE loans SET book = 'book 8' WHERE id = 7"), nil)
		Expect(rec).NotTo(suite.HavePassed())
		Expect(says(rec)).To(ContainSubstring("public.loans"))
	})

	It("comes back from its dump as its manifest says, and nothing else does", SpecTimeout(8*time.Minute), func(ctx SpecContext) {
		t := newTeam(ctx, postgresTeam(dump, "restore-postgres.sh"))
		rec := t.restore(ctx, "postgres-dump", "", newSystem)
		Expect(rec).To(suite.HavePassed(), says(rec))
		Expect(rec.Headline).To(MatchRegexp(`restored in .*; all of 2,501 rows are back as the manifest of`))

		rec = t.restore(ctx, "postgres-refreshed-view", "", func(s *drill.RestoreScenario) { s.NewSystem, s.Refreshed = true, nil })
		Expect(rec).NotTo(suite.HavePassed(), "nobody has said that the view may be refreshed")
		Expect(says(rec)).To(And(ContainSubstring("public.lent"), ContainSubstring("name the view in Scenario.Refreshed")))

		rec = t.restore(ctx, "postgres-stale-view", sql("UPDATE loans SET book = 'book 8' WHERE id = 7; REFRESH MATERIALIZED VIEW lent; UPDATE loans SET book = 'book 7' WHERE id = 7"), newSystem)
		Expect(rec).NotTo(suite.HavePassed(), "it holds neither what it held nor what its query gives")
		Expect(says(rec)).To(ContainSubstring("public.lent"))

		reload := "\n" + sql("SELECT pg_reload_conf()") + "\n"
		rec = t.restore(ctx, "postgres-opened-later", sql("ALTER SYSTEM SET default_transaction_read_only = on")+reload+
			"(sleep 3\n"+sql("ALTER SYSTEM RESET default_transaction_read_only")+reload+") >/dev/null 2>&1 &", newSystem)
		Expect(rec).To(suite.HavePassed(), says(rec))

		rec = t.restore(ctx, "postgres-another-system", "", nil)
		Expect(says(rec)).To(ContainSubstring("system"))
		Expect(rec).NotTo(suite.HavePassed())

		broken := map[string]wrong{
			"row-lost":         {sql("DELETE FROM loans WHERE id = 7"), "public.loans"},
			"sequence-behind":  {sql("SELECT setval('loans_id_seq', 17)"), "loans_id_seq"},
			"grant-lost":       {sql("REVOKE INSERT ON loans FROM desk"), "loans"},
			"check-lost":       {sql("ALTER TABLE loans DROP CONSTRAINT loans_book_check"), "loans_book_check"},
			"durability-lost":  {sql("ALTER SYSTEM SET fsync = off") + "\n" + sql("SELECT pg_reload_conf()"), "fsync"},
			"nobody-to-log-in": {sql("ALTER ROLE librarian NOLOGIN"), "librarian"},
			"not-promoted":     {sql("ALTER SYSTEM SET default_transaction_read_only = on") + "\n" + sql("SELECT pg_reload_conf()"), "takes no writes"},
		}
		for _, name := range few(broken) {
			c := broken[name]
			rec := t.restore(ctx, "postgres-"+name, c.afterwards, newSystem)
			Expect(rec).To(suite.HaveOutcome(reports.Failed), name)
			Expect(says(rec)).To(ContainSubstring(c.says), name)
		}
	})
})
