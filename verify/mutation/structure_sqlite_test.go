package mutation_test

import (
	"context"
	"fmt"
	"os"
	"testing"

	"github.com/recoverydrill/gameday/fixtures"
	"github.com/recoverydrill/gameday/fixtures/dataset"
	"github.com/recoverydrill/gameday/fixtures/embedded"
	"github.com/recoverydrill/gameday/fixtures/sqlite"
	"github.com/recoverydrill/gameday/fixtures/sqlite/handle"
)

// rewritten edits the schema's text, as ALTER TABLE does in this engine, and makes the others read it anew.
const rewritten = `'PRAGMA writable_schema = on; UPDATE sqlite_schema SET sql = replace(sql, ' || quote(%s) || ', ' || quote(%s) || ') WHERE type = ''table'' AND name = ' || quote(name) || '; PRAGMA writable_schema = reset'`

var sqliteCandidates = `
WITH t AS (SELECT name, sql FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite!_%' ESCAPE '!' AND name NOT LIKE 'gameday!_%' ESCAPE '!' AND sql NOT LIKE 'CREATE VIRTUAL%'
	AND name NOT IN (SELECT name FROM pragma_table_list WHERE type IN ('shadow', 'virtual'))),
c AS (SELECT t.name AS name, t.sql AS sql, i.name AS col, i.pk FROM t, pragma_table_xinfo(t.name) i)
SELECT 'index dropped', 'DROP INDEX ' || name, '' FROM sqlite_schema WHERE type = 'index' AND sql IS NOT NULL
UNION ALL SELECT 'index added', 'CREATE INDEX gameday_' || name || '_' || col || ' ON ' || name || ' (' || col || ')', '' FROM c
UNION ALL SELECT 'trigger dropped', 'DROP TRIGGER ' || name, '' FROM sqlite_schema WHERE type = 'trigger'
UNION ALL SELECT 'view dropped', 'DROP VIEW ' || name, '' FROM sqlite_schema WHERE type = 'view'
UNION ALL SELECT 'view added', 'CREATE VIEW gameday_' || name || ' AS SELECT * FROM ' || name, 'DROP VIEW gameday_' || name FROM t
UNION ALL SELECT 'trigger added', 'CREATE TRIGGER gameday_' || name || ' AFTER DELETE ON ' || name || ' BEGIN SELECT 1; END', 'DROP TRIGGER gameday_' || name FROM t
UNION ALL SELECT 'column added', 'ALTER TABLE ' || name || ' ADD COLUMN gameday_more', '' FROM t
UNION ALL SELECT 'column renamed', 'ALTER TABLE ' || name || ' RENAME COLUMN ' || col || ' TO gameday_' || col, 'ALTER TABLE ' || name || ' RENAME COLUMN gameday_' || col || ' TO ' || col FROM c WHERE sql NOT LIKE '%"%'
UNION ALL SELECT 'column dropped', 'ALTER TABLE ' || name || ' DROP COLUMN ' || col, '' FROM c WHERE NOT pk
UNION ALL SELECT 'table renamed', 'ALTER TABLE ' || name || ' RENAME TO gameday_was_' || name, '' FROM t
UNION ALL SELECT 'not null lost', ` + fmt.Sprintf(rewritten, "' NOT NULL,'", "','") + `, '' FROM t WHERE sql LIKE '% NOT NULL,%'
UNION ALL SELECT 'check lost', ` + fmt.Sprintf(rewritten, "'CHECK ('", "'CHECK (1 OR '") + `, '' FROM t WHERE sql LIKE '%CHECK (%'
UNION ALL SELECT 'default changed', ` + fmt.Sprintf(rewritten, "'DEFAULT '", "'DEFAULT -'") + `, '' FROM t WHERE sql GLOB '*DEFAULT [0-9]*' AND sql NOT GLOB '*DEFAULT [^0-9]*'
UNION ALL SELECT 'foreign key lost', ` + fmt.Sprintf(rewritten, "'ON DELETE CASCADE'", "''") + `, '' FROM t WHERE sql LIKE '%ON DELETE CASCADE%'
UNION ALL SELECT 'collation lost', ` + fmt.Sprintf(rewritten, "' COLLATE NOCASE'", "''") + `, '' FROM t WHERE sql LIKE '% COLLATE NOCASE%'
UNION ALL SELECT 'strict lost', ` + fmt.Sprintf(rewritten, "') STRICT'", "')'") + `, '' FROM t WHERE sql LIKE '%) STRICT'
UNION ALL SELECT 'user_version', 'PRAGMA user_version = ' || (user_version + 7), 'PRAGMA user_version = ' || user_version FROM pragma_user_version
UNION ALL SELECT 'application_id', 'PRAGMA application_id = ' || (application_id + 7), 'PRAGMA application_id = ' || application_id FROM pragma_application_id
UNION ALL SELECT 'sequence set back', 'UPDATE sqlite_sequence SET seq = seq - 1 WHERE name = ' || quote(name), 'UPDATE sqlite_sequence SET seq = seq + 1 WHERE name = ' || quote(name) FROM sqlite_sequence WHERE name NOT LIKE 'gameday%'
UNION ALL SELECT 'sequence lost', 'DELETE FROM sqlite_sequence WHERE name = ' || quote(name), 'INSERT INTO sqlite_sequence (name, seq) VALUES (' || quote(name) || ', ' || seq || ')' FROM sqlite_sequence WHERE name NOT LIKE 'gameday%'`

// newStructuredSQLite makes the shop.
func newStructuredSQLite(t *testing.T) *structured {
	t.Helper()
	run, err := fixtures.NewRun(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	p, err := embedded.New(t.Context(), run, embedded.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = p.Close(context.Background()) })
	s, err := sqlite.Store{Dataset: dataset.Shop(dataset.ShopOptions{Scale: 0.001}), Unreplicated: true}.Open(t.Context(), run, p)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close(context.Background()) })
	path := s.Members()[0].Node.(fixtures.Hosted).HostPath(sqlite.File)
	modes := []candidate{{"file's mode", "chmod 640", "chmod back"}, {"file's mode", "chmod 666", "chmod back"}}
	before, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	return &structured{
		name:     "SQLite " + handle.Version,
		snapshot: func(ctx context.Context) (fixtures.Snapshot, error) { return s.Snapshot(ctx, "") },
		exec: func(ctx context.Context, statement string) error {
			switch statement {
			case "chmod 640":
				return os.Chmod(path, 0o640)
			case "chmod 666":
				return os.Chmod(path, 0o666) //nolint:gosec // what is to be seen
			case "chmod back":
				return os.Chmod(path, before.Mode())
			}
			return s.Statement(ctx, "", "", statement)
		},
		candidates: func(ctx context.Context) ([]candidate, error) {
			rows, err := s.Query(ctx, "", "", sqliteCandidates)
			if err != nil {
				return nil, err
			}
			all, err := asCandidates(rows)
			return append(all, modes...), err
		},
	}
}

func TestStructureOfSQLite(t *testing.T) {
	onStructure(t, newStructuredSQLite, size(30, 200))
}
