package corpus

import (
	"slices"

	"github.com/recoverydrill/gameday/verify/sabotage"
)

const contents = "contents"

// lostRows are sets of rows that are incomplete or too large, where nobody writes.
func lostRows() []sabotage.Act {
	rows := func(id, title, table string, do ...string) []sabotage.Act {
		return acts(id, title, contents, everywhere(change{table: table, do: do}))
	}
	return slices.Concat(
		rows("A1", "the newest rows are missing", "total", "DELETE FROM total WHERE day > '2026-02-20'"),
		rows("A3", "a table is there and empty", "price", "DELETE FROM price"),
		rows("A11", "rows of another backup are there as well", "price", "INSERT INTO price (id, cents) VALUES (1001, 5), (1002, 6)"),
		rows("A14", "the load stopped: a later table is empty", "total", "DELETE FROM total"),
		rows("A15", "a table without a key was loaded twice", "visit", "INSERT INTO visit SELECT * FROM visit"),
		rows("A15", "one pair of equal rows became another pair", "visit",
			"UPDATE visit SET who = 'visitor 3', at = '2026-03-04 08:00:00.123456', place = 'gate' WHERE who = 'visitor 0' AND at = '2026-03-01 08:00:00.123456'"),
		rows("A17", "one row is gone and another invented", "price", "DELETE FROM price WHERE id = 7", "INSERT INTO price (id, cents) VALUES (7777, 106)"),
		rows("A19", "the last changes of some rows are lost", "total", "UPDATE total SET amount = amount - 10 WHERE day >= '2026-02-25'"),
		rows("H3", "the failing row was deleted", "price", "DELETE FROM price WHERE id = 31"),
		rows("B28", "a table of totals is stale", "total", "UPDATE total SET amount = amount - 1 WHERE day = '2026-02-28'"),
		acts("A24", "a table that a crash empties is empty", contents, on{
			Postgres: {table: "cache", do: statement("TRUNCATE cache")}, MySQL: {table: "cache", do: statement("DELETE FROM cache")},
		}),
		acts("B28", "a materialised view is stale", contents, on{Postgres: {
			do:   statement("UPDATE person SET active = NOT active WHERE id = 1", "REFRESH MATERIALIZED VIEW person_count", "UPDATE person SET active = NOT active WHERE id = 1"),
			undo: statement("REFRESH MATERIALIZED VIEW person_count"), sees: "SELECT active, n FROM person_count",
		}}),
	)
}

// neighbours are acts on another database of the same server.
func neighbours() []sabotage.Act {
	both := func(do ...string) on {
		c := change{table: "note", database: Neighbour, do: do}
		return on{Postgres: c, MySQL: c}
	}
	return slices.Concat(
		acts("G11", "another database of the server was rolled back", contents, both("UPDATE note SET text = 'older' WHERE id = 3")),
		acts("G12", "the restore wrote over a table of the neighbour's", contents, both("DELETE FROM note", "INSERT INTO note (id, text) VALUES (1, 'of the restored database')")),
	)
}

// wrongValues are values that are wrong and look right. Each is done to every row that it can be done to, unless it says
// otherwise.
func wrongValues() []sabotage.Act {
	all := []struct{ id, title, postgres, mysql, sqlite string }{
		{"B3", "first and last names are exchanged", "first = last, last = first", "first = CONCAT(last, '|', first), last = LEFT(SUBSTRING_INDEX(first, '|', -1), 100), first = SUBSTRING_INDEX(first, '|', 1) WHERE LENGTH(first) < 90", "first = last, last = first"},
		{"B4", "text is cut off after 255 characters", "first = left(first, 255)", "first = LEFT(first, 255)", "first = substr(first, 1, 255)"},
		{"B4", "text ends at the first four-byte character", "first = split_part(first, '🙂', 1) || ''", "first = SUBSTRING_INDEX(first, '🙂', 1)", "first = iif(instr(first, '🙂'), substr(first, 1, instr(first, '🙂') - 1), first)"},
		{"B5", "UTF-8 was read as Latin-1", "note = convert_from(convert_to(note, 'UTF8'), 'LATIN1')", "note = CONVERT(CAST(note AS BINARY) USING latin1)", "note = replace(note, 'é', 'Ã©')"},
		{"B6", "four-byte characters are question marks", "first = replace(first, '🙂', '?')", "first = REPLACE(first, '🙂', '?')", "first = replace(first, '🙂', '?')"},
		{"B7", "every time is an hour later", "seen = seen + interval '1 hour'", "seen = seen + INTERVAL 1 HOUR", "seen = substr(seen, 1, 11) || printf('%02d', (substr(seen, 12, 2) + 1) % 24) || substr(seen, 14)"},
		{"B8", "fractions of a second are lost", "seen = date_trunc('second', seen)", "seen = DATE_FORMAT(seen, '%Y-%m-%d %H:%i:%s')", "seen = substr(seen, 1, 19)"},
		{"B10", "NULL became the empty string", "city = coalesce(city, '')", "city = COALESCE(city, '')", "city = coalesce(city, '')"},
		{"B11", "the empty string became NULL", "city = nullif(city, '')", "city = NULLIF(city, '')", "city = nullif(city, '')"},
		{"B13", "floating-point numbers have six digits", "ratio = round(ratio::numeric, 6)", "ratio = ROUND(ratio, 6)", "ratio = round(ratio, 6)"},
		{"B13", "numbers lost their scale", "balance = trim_scale(balance)", "", ""},
		{"B15", "unsigned numbers were read as signed", "counter = counter - 4294967296", "counter = counter - 4294967296", "counter = counter - 4294967296"},
		{"B16", "large numbers went through a floating-point one", "number = number::double precision::bigint", "number = CAST(CAST(number AS DOUBLE) AS SIGNED)", "number = CAST(CAST(number AS REAL) AS INTEGER)"},
		{"B18", "addresses are in lower case", "email = lower(email)", "email = LOWER(email)", "email = lower(email)"},
		{"B18", "letters are composed in another way", "note = normalize(note, NFD)", "note = REPLACE(note, 'é', 'e\u0301')", "note = replace(note, 'é', 'e\u0301')"},
		{"B19", "JSON was written anew", "doc = doc::jsonb::json", "doc = JSON_SET(doc, '$.b', CAST(JSON_EXTRACT(doc, '$.b') AS CHAR))", ""},
		{"B20", "two booleans are inverted", "active = NOT active WHERE id IN (5, 6)", "active = 1 - active WHERE id IN (5, 6)", "active = 1 - active WHERE id IN (5, 6)"},
		{"B22", "bytes were kept as hexadecimal digits", "payload = convert_to(encode(payload, 'hex'), 'UTF8')", "payload = HEX(payload)", "payload = CAST(hex(payload) AS BLOB)"},
		{"B23", "the bytes of identifiers have another order", "", "uid = CONCAT(SUBSTR(uid, 7, 2), SUBSTR(uid, 5, 2), SUBSTR(uid, 1, 4), SUBSTR(uid, 9))", ""},
		{"B25", "encrypted values are of another key", "secret = sha256(secret)", "secret = UNHEX(SHA2(secret, 256))", "secret = randomblob(32)"},
		{"B30", "dates became the epoch", "born = '1970-01-01'", "born = '1970-01-01'", "born = '1970-01-01'"},
		{"B31", "a masked backup", "email = 'user' || id || '@example.com'", "email = CONCAT('user', id, '@example.com')", "email = 'user' || id || '@example.com'"},
	}
	sees := map[string]string{ // where the text of the rows does not show it
		"B10": "SELECT count(*) FROM person WHERE city IS NULL", "B11": "SELECT count(*) FROM person WHERE city IS NULL",
	}
	var out []sabotage.Act
	for _, v := range all {
		do := on{}
		for engine, set := range map[string]string{Postgres: v.postgres, MySQL: v.mysql, SQLite: v.sqlite} {
			if set != "" {
				do[engine] = change{table: "person", do: statement("UPDATE person SET " + set), sees: sees[v.id]}
			}
		}
		out = append(out, acts(v.id, v.title, contents, do)...)
	}
	return slices.Concat(out,
		acts("B13", "a narrow floating-point number is its print", contents, on{MySQL: {
			table: "person", do: statement("UPDATE person SET narrow = 16777200"), sees: "SELECT CAST(narrow AS DOUBLE) FROM person WHERE id = 1",
		}}),
		acts("B22", "bytes became text", contents, on{SQLite: {
			table: "person", do: statement("UPDATE person SET payload = CAST(payload AS TEXT)"), sees: "SELECT count(*) FROM person WHERE typeof(payload) = 'text'",
		}}),
		acts("B1", "two rows have each other's values", contents, everywhere(change{table: "price", do: statement("UPDATE price SET cents = 205 - cents WHERE id IN (3, 4)")})),
		acts("B1", "two rows have each other's keys", contents, everywhere(change{
			table: "price", do: []string{"UPDATE price SET id = 0 WHERE id = 3", "UPDATE price SET id = 3 WHERE id = 4", "UPDATE price SET id = 4 WHERE id = 0"},
		})),
	)
}
