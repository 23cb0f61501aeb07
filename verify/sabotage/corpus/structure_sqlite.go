package corpus

import "strings"

// rewritten changes the text of an object's definition, as a tool that writes the schema itself does, and lets every
// client read it anew.
func rewritten(object, from, to string) string {
	quote := func(s string) string { return "'" + strings.ReplaceAll(s, "'", "''") + "'" }
	return "PRAGMA writable_schema = on; UPDATE sqlite_schema SET sql = replace(sql, " + quote(from) + ", " + quote(to) +
		") WHERE name = " + quote(object) + "; PRAGMA writable_schema = reset; CREATE TABLE made_anew (x); DROP TABLE made_anew"
}

func lostInSQLite() []lostObject {
	s := func(id, title, do, undo string) lostObject {
		return lostObject{SQLite, id, title, lost{do, undo, liteSchema}}
	}
	edit := func(id, title, object, from, to string) lostObject {
		return s(id, title, rewritten(object, from, to), rewritten(object, to, from))
	}
	pragma := func(id, title, name, value, was string) lostObject {
		return lostObject{SQLite, id, title, lost{"PRAGMA " + name + " = " + value, "PRAGMA " + name + " = " + was, "PRAGMA " + name}}
	}
	const (
		trigger = "CREATE TRIGGER payment_changed AFTER UPDATE OF status ON payment BEGIN INSERT INTO payment_log VALUES (new.id, new.status); END"
		columns = "(id INTEGER NOT NULL, region TEXT NOT NULL, text TEXT NOT NULL, PRIMARY KEY (region, id))"
		move    = "; INSERT INTO ticket SELECT * FROM ticket_old; DROP TABLE ticket_old"
		aside   = "ALTER TABLE ticket RENAME TO ticket_old; CREATE TABLE ticket "
		number  = "SELECT seq FROM sqlite_sequence WHERE name = 'payment'"
	)
	ticket := "CREATE TABLE ticket (id INTEGER NOT NULL, region TEXT NOT NULL, text TEXT NOT NULL, PRIMARY KEY (region, id)) WITHOUT ROWID, STRICT"
	return []lostObject{
		s("A13", "a table was left out", "DROP TABLE ticket", ticket+"; "+values("ticket", SQLite)),
		s("D1", "an index is missing", "DROP INDEX payment_made", "CREATE INDEX payment_made ON payment (made)"),
		s("D1", "an index has a condition", "DROP INDEX payment_made; CREATE INDEX payment_made ON payment (made) WHERE status = 'new'", "DROP INDEX payment_made; CREATE INDEX payment_made ON payment (made)"),
		s("D2", "a unique index is a mere one", "DROP INDEX person_email; CREATE INDEX person_email ON person (email)", "DROP INDEX person_email; CREATE UNIQUE INDEX person_email ON person (email)"),
		edit("D3", "a foreign key is missing", "payment", " REFERENCES customer (id)", " /* was a reference */"),
		edit("D5", "a check is missing", "payment", " CHECK (amount > 0)", " /* was checked */"),
		edit("D5", "a column may be NULL", "payment", "memo TEXT NOT NULL", "memo TEXT NULL"),
		edit("D6", "a default is missing", "payment", " DEFAULT 'new'", " /* was 'new' */"),
		edit("D6", "numbers are given out again", "payment", " AUTOINCREMENT", " /* was never again */"),
		s("D7", "a trigger is missing", "DROP TRIGGER payment_changed", trigger),
		s("D10", "a view is missing", "DROP VIEW payment_open", "CREATE VIEW payment_open AS SELECT id, amount FROM payment WHERE status = 'new'"),
		{SQLite, "D11", "numbering goes on too early", lost{"UPDATE sqlite_sequence SET seq = 200 WHERE name = 'payment'", "UPDATE sqlite_sequence SET seq = 3000 WHERE name = 'payment'", number}},
		{SQLite, "D11", "numbering was forgotten", lost{"DELETE FROM sqlite_sequence WHERE name = 'payment'", "INSERT INTO sqlite_sequence (name, seq) VALUES ('payment', 3000)", number}},
		edit("D13", "a column has another type", "customer", "name TEXT NOT NULL", "name NUMERIC NOT NULL"),
		s("D14", "columns have another order", "DROP TABLE payment_log; CREATE TABLE payment_log (status TEXT NOT NULL, payment INTEGER NOT NULL); "+values("payment_log", SQLite), "DROP TABLE payment_log; CREATE TABLE payment_log (payment INTEGER NOT NULL, status TEXT NOT NULL); "+values("payment_log", SQLite)),
		edit("D15", "a column has another collation", "customer", "name TEXT NOT NULL", "name TEXT COLLATE NOCASE NOT NULL"),
		edit("D23", "a table is not strict", "ticket", "WITHOUT ROWID, STRICT", "WITHOUT ROWID /* was strict */"),
		s("D23", "a table has row IDs", aside+columns+" STRICT"+move, aside+columns+" WITHOUT ROWID, STRICT"+move),
		s("D23", "a full-text index is missing", "DROP TABLE search", "CREATE VIRTUAL TABLE search USING fts5 (title, body); "+values("search", SQLite)),
		pragma("D23", "the version of the schema is 0", "user_version", "0", "7"),
		pragma("D23", "the file is another application's", "application_id", "0", "4711"),
	}
}
