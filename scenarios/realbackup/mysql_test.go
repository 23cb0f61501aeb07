package realbackup_test

import (
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/recoverydrill/gameday/fixtures/foreign"
	"github.com/recoverydrill/gameday/fixtures/mysql"
	"github.com/recoverydrill/gameday/reports"
	"github.com/recoverydrill/gameday/scenarios/suite"
)

// A MySQL or MariaDB of a team's own: another data directory, its own accounts.
func mysqlTeam(flavour mysql.Flavour, init, grant, backup, script string) setUp {
	return setUp{
		engine: string(flavour), place: mysql.Cluster{Flavour: flavour, Spares: 1}, script: script, backup: backup,
		store: func(address string) foreign.Store {
			return foreign.Store{MySQL: "auditor:audit@tcp(" + address + ")/"}
		},
		init: `mv "$GAMEDAY_DATADIR" "$GAMEDAY_DATADIR.of-the-drill"
mkdir -m 0700 "$GAMEDAY_DATADIR"
` + init + `
setsid "$GAMEDAY_SERVER" --defaults-file="$GAMEDAY_CONFIG" </dev/null >/tmp/library.log 2>&1 &
client=$(command -v mariadb || command -v mysql)
until "$client" --no-defaults --user=root --socket="$GAMEDAY_SOCKET" --execute='SELECT 1' >/dev/null 2>&1; do
	kill -0 $! || { cat /tmp/library.log; exit 1; }
	sleep 0.1
done
"$client" --no-defaults --user=root --socket="$GAMEDAY_SOCKET" <<'SQL'
` + sqlFile("lending-mysql.sql") + grant + "\nSQL\n",
	}
}

var _ = Describe("a real backup of MySQL and MariaDB", Label("realbackup"), func() {
	sql := func(statement string) string {
		return `sql lending --execute="` + statement + `"`
	}
	broken := map[string]wrong{
		"value-changed":  {sql("UPDATE loans SET book = 'book 8' WHERE id = 7"), "lending.loans"},
		"counter-behind": {sql("DELETE FROM loans WHERE id > 1990; ALTER TABLE loans AUTO_INCREMENT = 1991"), "lending.loans"},
		"account-lost":   {sql("DROP USER librarian@'%'"), "librarian"},
		"read-only":      {sql("SET GLOBAL read_only = ON"), "takes no writes"},
		"index-lost":     {sql("ALTER TABLE loans DROP FOREIGN KEY loans_reader, DROP INDEX loans_by_reader"), "loans_by_reader"},
	}
	try := func(ctx SpecContext, t team, kind string) {
		GinkgoHelper()
		rec := t.restore(ctx, kind, "", nil)
		Expect(rec).To(suite.HavePassed(), says(rec))
		Expect(rec.Headline).To(MatchRegexp(`restored in .*; all of 2,500 rows are back as the manifest of`))
		for _, name := range few(broken) {
			c := broken[name]
			rec := t.restore(ctx, kind+"-"+name, c.afterwards, nil)
			Expect(rec).To(suite.HaveOutcome(reports.Failed), name)
			Expect(says(rec)).To(ContainSubstring(c.says), name)
		}
	}

	It("comes back from mysqldump as its manifest says, and nothing else does", Label("mysql"), SpecTimeout(5*time.Minute), func(ctx SpecContext) {
		try(ctx, newTeam(ctx, mysqlTeam(mysql.MySQL, `"$GAMEDAY_SERVER" --defaults-file="$GAMEDAY_CONFIG" --initialize-insecure`,
			"GRANT SELECT, SHOW VIEW, TRIGGER, EVENT, PROCESS, REPLICATION CLIENT ON *.* TO auditor@'%';",
			`mysqldump --no-defaults --user=root --socket="$GAMEDAY_SOCKET" --all-databases --single-transaction --routines --events --triggers --set-gtid-purged=OFF >"$BACKUP/all.sql"`,
			"restore-mysql.sh")), "mysql-dump")
	})

	It("comes back from mariadb-backup as its manifest says, and nothing else does", Label("mariadb"), SpecTimeout(5*time.Minute), func(ctx SpecContext) {
		try(ctx, newTeam(ctx, mysqlTeam(mysql.MariaDB, `mariadb-install-db --defaults-file="$GAMEDAY_CONFIG" --auth-root-authentication-method=normal --skip-test-db >/tmp/init.log 2>&1 || { cat /tmp/init.log; exit 1; }`,
			"GRANT SELECT, SHOW VIEW, TRIGGER, EVENT, PROCESS, BINLOG MONITOR ON *.* TO auditor@'%';",
			`mariadb-backup --no-defaults --backup --user=root --socket="$GAMEDAY_SOCKET" --datadir="$GAMEDAY_DATADIR" --target-dir="$BACKUP/files" 2>/tmp/backup.log || { cat /tmp/backup.log; exit 1; }`,
			"restore-mariadb.sh")), "mariadb-files")
	})
})
