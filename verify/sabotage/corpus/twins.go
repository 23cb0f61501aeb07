package corpus

import (
	"fmt"
	"slices"
	"strings"

	"github.com/recoverydrill/gameday/verify/sabotage"
)

// Twins are the clean twins of the acts: differences that a correct recovery may show, and that no check may take for
// damage. Their ID is "M" and they have no check. See [LaterTwins] for more.
func Twins() []sabotage.Act {
	twin := func(title string, o on) []sabotage.Act { return acts("M", title, "", o) }
	const (
		files  = "SELECT relfilenode FROM pg_class WHERE relname IN ('payment', 'payment_made', 'person_email', 'payment_open') ORDER BY 1"
		oids   = "SELECT oid FROM pg_class WHERE relname IN ('payment_open', 'payment_made', 'payment_log')"
		places = "SELECT ctid, xmin, id FROM price"
	)
	return slices.Concat(
		twin("numbers were skipped", on{
			Postgres: {do: statement("SELECT setval('payment_id_seq', 3033), setval('ticket_number', 5320)"), undo: none, sees: "SELECT last_value FROM payment_id_seq"},
			MySQL:    {do: statement("ALTER TABLE payment AUTO_INCREMENT = 3033"), undo: none, sees: "SHOW CREATE TABLE payment"},
			SQLite:   {do: statement("UPDATE sqlite_sequence SET seq = seq + 32"), undo: none, sees: "SELECT seq FROM sqlite_sequence"},
		}),
		twin("rows lie in another order", on{
			Postgres: {do: backwards(Postgres), undo: none, sees: "SELECT ctid, who, at FROM visit"},
			MySQL:    {do: backwards(MySQL), undo: none, sees: "SELECT group_concat(who ORDER BY NULL) FROM (SELECT who FROM visit LIMIT 5) x"},
			SQLite:   {do: backwards(SQLite), undo: none, sees: "SELECT rowid, who, at FROM visit"},
		}),
		twin("rows have other versions and places", on{Postgres: {do: statement("UPDATE price SET cents = cents"), undo: none, sees: places}}),
		twin("tables and indexes lie in other files", on{
			Postgres: {do: []string{"VACUUM FULL payment", "REINDEX TABLE person"}, undo: none, sees: files},
		}),
		twin("tables were made anew with the same definition", on{
			Postgres: {
				do: statement("DROP VIEW payment_open", "CREATE VIEW payment_open WITH (security_invoker = true) AS SELECT id, amount FROM payment WHERE status = 'new'",
					"DROP INDEX payment_made", "CREATE INDEX payment_made ON payment (made)"),
				undo: none, sees: oids,
			},
			MySQL: {
				do:   statement("ALTER TABLE payment FORCE", "DROP INDEX payment_made ON payment", "CREATE INDEX payment_made ON payment (made)"),
				undo: none, sees: "SELECT COALESCE(CREATE_TIME, ''), NOW(6) FROM information_schema.TABLES WHERE TABLE_SCHEMA = 'bench' AND TABLE_NAME = 'payment'",
			},
			SQLite: {do: statement("DROP INDEX payment_made", "CREATE INDEX payment_made ON payment (made)", "REINDEX"), undo: none, sees: "PRAGMA schema_version"},
		}),
		twin("statistics are others", on{
			Postgres: {do: statement("ANALYZE", "SELECT pg_stat_reset()"), undo: none, sees: "SELECT stats_reset FROM pg_stat_database WHERE datname = 'bench'"},
			SQLite:   {do: statement("ANALYZE"), undo: none, sees: "SELECT count(*) FROM sqlite_schema"},
		}),
		twin("the log goes on in another file", on{
			Postgres: {do: []string{"CHECKPOINT", "SELECT pg_switch_wal()", "CREATE TABLE made (x int); DROP TABLE made"}, undo: none, sees: "SELECT pg_walfile_name(pg_current_wal_insert_lsn())"},
			MySQL:    {do: statement("FLUSH BINARY LOGS"), undo: none, sees: "SHOW BINARY LOGS"},
		}),
		twin("privileges were granted in another order", on{Postgres: {
			do:   statement("REVOKE SELECT ON person FROM bench_reader", "REVOKE INSERT, UPDATE ON payment FROM bench_writer", "GRANT UPDATE ON payment TO bench_writer", "GRANT INSERT ON payment TO bench_writer", "GRANT SELECT ON person TO bench_reader"),
			undo: none, sees: "SELECT xmin FROM pg_class WHERE relname = 'person'",
		}}),
		twin("a column was added and dropped", on{
			Postgres: {do: statement("ALTER TABLE total ADD x int", "ALTER TABLE total DROP x"), undo: none, sees: "SELECT count(*) FROM pg_attribute WHERE attrelid = 'total'::regclass"},
		}),
	)
}

// backwards are the statements that write the same rows in the opposite order.
func backwards(engine string) []string {
	head, rows, _ := strings.Cut(values("visit", engine), " VALUES\n")
	lines := strings.Split(rows, ",\n")
	slices.Reverse(lines)
	return []string{"DELETE FROM visit", fmt.Sprintf("%s VALUES\n%s", head, strings.Join(lines, ",\n"))}
}
