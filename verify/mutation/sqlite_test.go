package mutation_test

import (
	"context"
	"database/sql/driver"
	"fmt"
	"path/filepath"
	"strings"
	"testing"

	"github.com/recoverydrill/gameday/fixtures"
	"github.com/recoverydrill/gameday/fixtures/sqlite/handle"
	"github.com/recoverydrill/gameday/fixtures/sqlite/survey"
)

const sqliteModels = `BEGIN;
CREATE TABLE kinds (id INTEGER PRIMARY KEY, i INTEGER, r REAL, t TEXT, b BLOB, n NUMERIC, a, nc TEXT COLLATE NOCASE, d DATE, bo BOOLEAN, g INTEGER AS (i * 2) STORED);
WITH s(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM s WHERE x < 20)
	INSERT INTO kinds (id, i, r, t, b, n, a, nc, d, bo) SELECT x, x * 4294967297, x / 7.0, 'text ü ' || x, randomblob(20) || x, x || '.50',
		CASE x % 5 WHEN 0 THEN x WHEN 1 THEN x / 3.0 WHEN 2 THEN 'any ' || x WHEN 3 THEN CAST('any ' || x AS BLOB) END, 'Case ' || x, '2026-01-' || (10 + x), x % 2 FROM s;
CREATE INDEX kinds_t ON kinds (t); CREATE INDEX kinds_nc ON kinds (nc, i);
CREATE TABLE keyless (at, what TEXT);
WITH s(x) AS (SELECT 0 UNION ALL SELECT x + 1 FROM s WHERE x < 39) INSERT INTO keyless SELECT x / 2, 'w' || x / 2 FROM s;
CREATE TABLE pairs (k TEXT, l, val INTEGER, note TEXT, PRIMARY KEY (k, l)) WITHOUT ROWID;
INSERT INTO pairs VALUES ('a|b', 'c', 1, 'x'), ('a', 'b|c', 2, NULL), ('it''s', '', 3, ''), ('', 1.5, 4, 'y'), ('', '1.5', 5, 'z'), ('u', x'00ff', 6, '|');
CREATE TABLE strict_one (id INTEGER PRIMARY KEY, i INT NOT NULL, r REAL, t TEXT UNIQUE, b BLOB, a ANY) STRICT;
WITH s(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM s WHERE x < 10) INSERT INTO strict_one SELECT x, x, x + 0.1, 's' || x, CAST(x'0001ff' || x AS BLOB), CASE x % 2 WHEN 0 THEN x ELSE 'x' || x END FROM s;
CREATE TABLE large (id INTEGER PRIMARY KEY, t TEXT, b BLOB);
WITH s(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM s WHERE x < 5) INSERT INTO large SELECT x, hex(randomblob(20000)), randomblob(30000) FROM s;
COMMIT;`

var sqliteText = []string{
	"substr($c, 1, $r % max(length($c), 1)) || '$l' || substr($c, $r % max(length($c), 1) + 2)", "$c || ' '", "' ' || $c", "upper($c)", "lower($c)",
	"substr($c, 1, length($c) - 1)", "''", "NULL", "$c || char(0)", "$c || char(769)", "CAST($c AS BLOB)", "replace($c, 'ü', 'ue')", "$c || x'80'",
}

var (
	sqliteInteger = []string{"$c + 1", "$c - 1", "($c | $b) - ($c & $b)", "-$c", "NULL", "0", "CAST($c AS TEXT)", "$c + 4294967296", "CAST($c AS REAL)"}
	sqliteReal    = []string{"$c + 1e-9", "$c * 1.0000000000000002", "-$c", "round($c, 6)", "NULL", "CAST(printf('%.15g', $c) AS REAL)", "CAST($c AS INTEGER)", "0.0", "-0.0"}
	sqliteBlob    = []string{"CAST(substr($c, 1, $r % 15) || '$l' || substr($c, $r % 15 + 2) AS BLOB)", "CAST($c || x'00' AS BLOB)", "substr($c, 1, length($c) - 1)", "x''", "NULL", "CAST($c AS TEXT)", "CAST(hex($c) AS BLOB)"}
	sqliteAny     = []string{"$c + 1", "CAST($c AS TEXT)", "CAST($c AS BLOB)", "CAST($c AS REAL)", "NULL", "''", "0", "x''", "$c || ''"}
)

// newSQLite makes a file of the models.
func newSQLite(t *testing.T) *engine {
	t.Helper()
	h, err := handle.Open(t.Context(), filepath.Join(t.TempDir(), "models.db"), handle.Create, "PRAGMA journal_mode = wal", "PRAGMA synchronous = off", sqliteModels)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = h.Close() })
	numbered := func(_ string, n int) string { return fmt.Sprintf("id = %d", n+1) }
	id := func(n int) string { return fmt.Sprint(n + 1) }
	return &engine{
		name: "SQLite " + handle.Version, database: survey.Database,
		snapshot: func(ctx context.Context) (fixtures.Snapshot, error) {
			file, err := handle.Open(ctx, h.Path(), handle.Write)
			if err != nil {
				return nil, err
			}
			return survey.Open(ctx, survey.Options{File: file})
		},
		exec: func(ctx context.Context, statements ...string) error {
			for _, s := range statements {
				if _, err := h.Exec(ctx, s); err != nil {
					return err
				}
			}
			return nil
		},
		stored: func(ctx context.Context, s shape, table string) ([]string, error) { return sqliteStored(ctx, h, table) },
		copyOf: func(s shape, table string) []string {
			var text string
			if err := h.Query(t.Context(), "SELECT sql FROM sqlite_schema WHERE name = ?", []any{s.model}, func(v []driver.Value) error {
				text = handle.Text(v[0])
				return nil
			}); err != nil {
				t.Fatal(err)
			}
			made := []string{strings.Replace(text, s.model, table, 1)}
			if s.model == "kinds" {
				made = append(made, "CREATE INDEX "+table+"_t ON "+table+" (t)", "CREATE INDEX "+table+"_nc ON "+table+" (nc, i)")
			}
			return made
		},
		shapes: []shape{
			{model: "kinds", rows: 20, row: numbered, key: id, copied: "id, i, r, t, b, n, a, nc, d, bo", twin: map[string]string{"id": "id + 1000"}, columns: []column{
				{"i", sqliteInteger},
				{"r", sqliteReal},
				{"t", sqliteText},
				{"b", sqliteBlob},
				{"n", sqliteReal},
				{"a", sqliteAny},
				{"nc", sqliteText},
				{"d", []string{"date($c, '+1 day')", "NULL", "substr($c, 1, 9)", "$c || ' 00:00:00'"}},
				{"bo", []string{"1 - $c", "NULL", "'true'"}},
			}},
			{
				model: "keyless", rows: 40, copied: "*", columns: []column{{"at", sqliteInteger}, {"what", sqliteText}},
				row: func(table string, n int) string {
					return fmt.Sprintf("rowid = (SELECT rowid FROM %s ORDER BY rowid LIMIT 1 OFFSET %d)", table, n)
				},
			},
			{
				model: "pairs", rows: 6, copied: "k, l, val, note", twin: map[string]string{"k": "k || 'z'"}, columns: []column{{"val", sqliteInteger}, {"note", sqliteText}, {"k", sqliteText}, {"l", sqliteAny}},
				row: func(_ string, n int) string { return fmt.Sprintf("val = %d", n+1) },
			},
			{
				model: "strict_one", rows: 10, row: numbered, key: id, copied: "id, i, r, t, b, a", twin: map[string]string{"id": "id + 1000", "t": "t || 'z'"},
				columns: []column{{"i", sqliteInteger}, {"r", sqliteReal}, {"t", sqliteText}, {"b", sqliteBlob}, {"a", sqliteAny}},
			},
			{model: "large", rows: 5, row: numbered, key: id, copied: "id, t, b", twin: map[string]string{"id": "id + 1000"}, columns: []column{
				{"t", append([]string{"substr($c, 1, $r % 40000) || '$l' || substr($c, $r % 40000 + 2)"}, sqliteText...)},
				{"b", append([]string{"CAST(substr($c, 1, $r % 30000) || '$l' || substr($c, $r % 30000 + 2) AS BLOB)"}, sqliteBlob...)},
			}},
		},
	}
}

// sqliteStored reads the storage class and the bytes of every value by the file's own functions. 26 digits tell any two
// reals apart.
func sqliteStored(ctx context.Context, h *handle.Handle, table string) (rows []string, err error) {
	var columns []string
	err = h.Query(ctx, "SELECT name FROM pragma_table_info(?)", []any{table}, func(v []driver.Value) error {
		columns = append(columns, fmt.Sprintf("typeof(%[1]s) || ':' || iif(typeof(%[1]s) = 'real', printf('%%!.26g', %[1]s), hex(CAST(%[1]s AS BLOB)))", v[0]))
		return nil
	})
	if err != nil {
		return nil, err
	}
	err = h.Query(ctx, "SELECT "+strings.Join(columns, " || '|' || ")+" FROM "+table+" NOT INDEXED", nil, func(v []driver.Value) error {
		rows = append(rows, handle.Text(v[0]))
		return nil
	})
	return rows, err
}

func TestContentsOfSQLite(t *testing.T) {
	e := newSQLite(t)
	e.campaign(t, size(300, 10_000), 100)
}
