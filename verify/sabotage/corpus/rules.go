package corpus

import (
	"slices"

	"github.com/recoverydrill/gameday/verify/sabotage"
)

// brokenRules are rows that break a rule which the catalogue says holds: they were written while nobody looked. Rows differ
// as well, but it is the rule that must be found broken.
func brokenRules() []sabotage.Act {
	const (
		check     = "constraints"
		index     = "'customer_code'::regclass"
		customers = "SELECT id, code FROM customer"
		payments  = "SELECT id, amount, memo FROM payment WHERE id IN (8, 9)"
		parent    = "INSERT INTO customer (id, code, name) VALUES (20, 'C019', 'Customer Zoë')"
	)
	blind := func(sql string) []string { // as one transaction
		return statement("SET session_replication_role = replica", sql)
	}
	return slices.Concat(
		acts("D3", "rows without their parent behind a foreign key that is valid", check, on{
			Postgres: {do: blind("DELETE FROM customer WHERE id = 20"), undo: blind(parent), sees: customers},
			MySQL:    {do: statement("SET foreign_key_checks = 0", "DELETE FROM customer WHERE id = 20"), undo: statement(parent), sees: customers},
			SQLite:   {do: statement("PRAGMA foreign_keys = off", "DELETE FROM customer WHERE id = 20"), undo: statement(parent), sees: customers},
		}),
		acts("D5", "a row that a valid check forbids", check, on{
			Postgres: {
				do: statement("ALTER TABLE payment DROP CONSTRAINT payment_amount", "UPDATE payment SET amount = -1 WHERE id = 9",
					"ALTER TABLE payment ADD CONSTRAINT payment_amount CHECK (amount > 0) NOT VALID", "UPDATE pg_constraint SET convalidated = true WHERE conname = 'payment_amount'"),
				undo: statement("UPDATE payment SET amount = 18.08 WHERE id = 9"), sees: payments,
			},
			MariaDB: {
				do:   statement("SET check_constraint_checks = 0", "UPDATE payment SET amount = -1, changed = changed WHERE id = 9", "DELETE FROM payment_log WHERE payment = 9 AND status <> 'new'"),
				undo: statement("UPDATE payment SET amount = 18.08, changed = changed WHERE id = 9", "DELETE FROM payment_log", values("payment_log", MariaDB)), sees: payments,
			},
			SQLite: {do: statement("PRAGMA ignore_check_constraints = on", "UPDATE payment SET amount = -1 WHERE id = 9"), undo: statement("UPDATE payment SET amount = 18.08 WHERE id = 9"), sees: payments},
		}),
		acts("D5", "NULL in a column that has none", check, on{Postgres: {
			do: []string{
				"UPDATE pg_attribute SET attnotnull = false WHERE attrelid = 'payment'::regclass AND attname = 'memo'", "UPDATE payment SET memo = NULL WHERE id = 8",
				"UPDATE pg_attribute SET attnotnull = true WHERE attrelid = 'payment'::regclass AND attname = 'memo'",
			},
			undo: statement("UPDATE payment SET memo = 'payment 7' WHERE id = 8"), sees: payments,
		}}),
		acts("C8", "one value twice in a unique index", check, on{Postgres: {
			do: []string{
				"UPDATE pg_index SET indislive = false, indisready = false WHERE indexrelid = " + index, "UPDATE customer SET code = 'C001' WHERE id = 1",
				"UPDATE pg_index SET indislive = true, indisready = true WHERE indexrelid = " + index,
			},
			undo: []string{
				"UPDATE pg_index SET indislive = false, indisready = false WHERE indexrelid = " + index, "UPDATE customer SET code = 'C000' WHERE id = 1",
				"UPDATE pg_index SET indislive = true, indisready = true WHERE indexrelid = " + index, "REINDEX INDEX customer_code",
			},
			sees: "SELECT id, code FROM customer ORDER BY id + 0",
		}}),
		acts("C8", "one value twice in a unique index", structure, on{SQLite: {
			do: []string{
				"DROP INDEX person_email", "CREATE INDEX person_email ON person (email)", "UPDATE person SET email = (SELECT email FROM person WHERE id = 3) WHERE id = 4",
				rewritten("person_email", "CREATE INDEX", "CREATE UNIQUE INDEX"),
			},
			undo: append([]string{"DROP INDEX person_email"}, append(Reload("person", SQLite), "CREATE UNIQUE INDEX person_email ON person (email)")...),
			sees: "SELECT email FROM person WHERE id = 4",
		}}),
		acts("B27", "a generated column is stale", contents, on{
			Postgres: {
				do:   statement("ALTER TABLE person ALTER label DROP EXPRESSION", "UPDATE person SET label = 'stale' WHERE id = 5"),
				undo: statement("ALTER TABLE person DROP label", "ALTER TABLE person ADD label text GENERATED ALWAYS AS (last || ', ' || first) STORED"), sees: "SELECT label FROM person WHERE id = 5",
			},
			MySQL: {
				do:   statement("ALTER TABLE person MODIFY label VARCHAR(700)", "UPDATE person SET label = NULL WHERE id = 5"),
				undo: statement("ALTER TABLE person DROP label, ADD label VARCHAR(700) GENERATED ALWAYS AS (CONCAT(last, ', ', first)) STORED"), sees: "SELECT label FROM person WHERE id = 5",
			},
			SQLite: {
				do: []string{
					rewritten("person", "last || ', ' || first", "last || '; ' || first"), "UPDATE person SET born = born WHERE id = 5",
					rewritten("person", "last || '; ' || first", "last || ', ' || first"),
				},
				undo: statement("UPDATE person SET born = born WHERE id = 5"), sees: "SELECT label FROM person WHERE id = 5",
			},
		}),
	)
}
