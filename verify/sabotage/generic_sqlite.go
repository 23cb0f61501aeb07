package sabotage

import (
	"context"
	"errors"
	"fmt"
	"os"
	"regexp"
	"strings"

	"github.com/recoverydrill/gameday/fixtures"
)

var genSQLiteDialect = genDialect{
	quote:   func(name string) string { return `"` + strings.ReplaceAll(name, `"`, `""`) + `"` },
	text:    func(value string) string { return "'" + strings.ReplaceAll(value, "'", "''") + "'" },
	literal: func(c fixtures.Column) string { return `quote("` + strings.ReplaceAll(c.Name, `"`, `""`) + `")` },
	exact: func(c fixtures.Column) string { // quote ends a text at its first NUL
		name := `"` + strings.ReplaceAll(c.Name, `"`, `""`) + `"`
		return "iif(typeof(" + name + ") = 'text', 'CAST(X''' || hex(" + name + ") || ''' AS TEXT)', quote(" + name + "))"
	},
	inexact: func(name string) string { // the least and the greatest numbers, and the zero with a sign
		return "(typeof(" + name + ") = 'real' AND (" + name + " <> CAST(quote(" + name + ") AS REAL) OR " + name + " = 0 OR abs(" + name + ") NOT BETWEEN 1e-300 AND 1e300))"
	},
	guard:  "PRAGMA foreign_keys = off; ",
	unsafe: func(fixtures.Column) bool { return false },
	tell:   func(t genTable) string { return `"` + strings.ReplaceAll(t.Name, `"`, `""`) + `"` },
	columns: func(ctx context.Context, s *genStore, t genTable) ([]string, error) {
		rows, err := s.query(ctx, "", "SELECT name FROM pragma_table_xinfo("+s.text(t.Name)+") WHERE hidden = 0")
		var names []string
		for _, r := range rows {
			names = append(names, r[0])
		}
		return names, err
	},
}

func genSQLiteActs() []Act {
	here := []string{genSQLite}
	object := func(id, title, kind, which string) Act {
		return genDDL{id: id, title: title, check: "structure", engines: here, query: `SELECT name, 'DROP ` + kind + ` "' || replace(name, '"', '""') || '"', sql FROM sqlite_schema
			WHERE type = '` + strings.ToLower(kind) + `' AND sql IS NOT NULL AND name NOT LIKE '\_litestream%' ESCAPE '\' AND name NOT LIKE 'gameday%'` + which}.act()
	}
	return []Act{
		object("D1", "an index is gone", "INDEX", ` AND sql NOT LIKE '%UNIQUE%'`),
		object("D2", "a unique index is gone", "INDEX", ` AND sql LIKE '%UNIQUE%'`),
		genSQLiteText("D3", "a foreign key is gone", `(?i)\bREFERENCES\s+"?\w+"?\s*(\([^()]*\))?(\s+ON\s+(DELETE|UPDATE)\s+(CASCADE|RESTRICT|SET\s+NULL|SET\s+DEFAULT|NO\s+ACTION))*`),
		genSQLiteText("D5", "a column takes NULL that did not", `(?i)\bNOT\s+NULL\b`),
		genSQLiteText("D6", "a default is gone", `(?i)\bDEFAULT\s+('[^']*'|\([^()]*\)|[\w.+-]+)`),
		object("D7", "a trigger is gone", "TRIGGER", ""),
		object("D10", "a view is gone", "VIEW", ""),
		genDDL{id: "D11", title: "a number is given out again", check: "structure", engines: here, query: `SELECT name, 'UPDATE sqlite_sequence SET seq = ' || (seq - 1) || ' WHERE name = ''' || name || '''',
			'UPDATE sqlite_sequence SET seq = ' || seq || ' WHERE name = ''' || name || '''' FROM sqlite_sequence WHERE seq > 0`}.act(),
		genDDL{id: "D23", title: "the schema's version is another", check: "structure", engines: here, query: `SELECT 'user_version', 'PRAGMA user_version = ' || (user_version + 1), 'PRAGMA user_version = ' || user_version FROM pragma_user_version`}.act(),
		genAct("E8", "everybody may read the file", "structure", here, genReadable),
		genAct("A12", "a table is gone", "contents", here, genSQLiteDropTable),
	}
}

// genSQLiteText takes a clause out of the text of a table, as a dump that did not know it would have left it out.
func genSQLiteText(id, title, clause string) Act {
	pattern := regexp.MustCompile(clause)
	return genAct(id, title, "structure", []string{genSQLite}, func(ctx context.Context, s *genStore) (undoFunc, error) {
		rows, err := s.query(ctx, "", `SELECT name, sql FROM sqlite_schema WHERE type = 'table' AND rootpage > 0 AND name NOT LIKE 'sqlite\_%' ESCAPE '\'
			AND name NOT LIKE '\_litestream%' ESCAPE '\' AND name NOT LIKE 'gameday%'`)
		if err != nil {
			return nil, err
		}
		return genEach(s, title, rows, func(row []string) (undoFunc, error) {
			at := pattern.FindAllStringIndex(row[1], -1)
			if len(at) == 0 {
				return nil, errNext
			}
			one := at[s.random.IntN(len(at))]
			put := func(ctx context.Context, sql string) error {
				version, err := s.query(ctx, "", "PRAGMA schema_version")
				if err != nil {
					return err
				}
				return s.exec(ctx, "", "PRAGMA writable_schema = on; BEGIN; UPDATE sqlite_schema SET sql = "+s.text(sql)+" WHERE type = 'table' AND name = "+s.text(row[0])+
					"; PRAGMA schema_version = "+version[0][0]+"1; COMMIT; PRAGMA writable_schema = off")
			}
			undo := func(ctx context.Context) error { return put(ctx, row[1]) }
			if err := put(ctx, row[1][:one[0]]+row[1][one[1]:]); err != nil {
				return nil, genHalf(ctx, undo, err)
			}
			now, err := s.query(ctx, "", "SELECT sql FROM sqlite_schema WHERE type = 'table' AND name = "+s.text(row[0]))
			if err != nil || len(now) != 1 || now[0][0] == row[1] {
				return nil, genHalf(ctx, undo, fmt.Errorf("the text of %s is the same: %w", row[0], err))
			}
			s.Did("table %s: without %q", row[0], row[1][one[0]:one[1]])
			return undo, nil
		})
	})
}

func genReadable(ctx context.Context, s *genStore) (undoFunc, error) {
	rows, err := s.query(ctx, "", "SELECT file FROM pragma_database_list WHERE name = 'main'")
	if err != nil {
		return nil, err
	}
	path := rows[0][0]
	info, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	if info.Mode().Perm()&0o004 != 0 {
		return nil, fmt.Errorf("%w: everybody may read it already", ErrNotHere)
	}
	if err := os.Chmod(path, info.Mode().Perm()|0o044); err != nil {
		return nil, err
	}
	s.Did("mode %o instead of %o", info.Mode().Perm()|0o044, info.Mode().Perm())
	return func(context.Context) error { return os.Chmod(path, info.Mode()) }, nil
}

// genSQLiteDropTable drops a table, and makes it again from its own text, its rows and those of its indexes and triggers.
func genSQLiteDropTable(ctx context.Context, s *genStore) (undoFunc, error) {
	return genEach(s, "table that can be made again", s.tables(true, mostMoved), func(t genTable) (undoFunc, error) {
		name := s.text(t.Name)
		counted, err := s.query(ctx, "", "SELECT count(*) FROM sqlite_schema WHERE name = 'sqlite_sequence'")
		if err != nil {
			return nil, err
		}
		if counted[0][0] != "0" {
			rows, err := s.query(ctx, "", "SELECT 1 FROM sqlite_sequence WHERE name = "+name)
			if err != nil || len(rows) > 0 {
				return nil, errors.Join(errNext, err)
			}
		}
		made, err := s.query(ctx, "", "SELECT sql FROM sqlite_schema WHERE tbl_name = "+name+" AND sql IS NOT NULL ORDER BY type <> 'table', type = 'trigger'")
		if err != nil {
			return nil, err
		}
		inserts, err := s.inserts(ctx, t, "1 = 1")
		if err != nil {
			return nil, err
		}
		var back strings.Builder
		for i, m := range made {
			back.WriteString(m[0] + ";")
			if i == 0 {
				for _, one := range inserts {
					back.WriteString(one + ";")
				}
			}
		}
		if err := s.exec(ctx, "", s.guard+"DROP TABLE "+s.tell(t)); err != nil {
			return nil, err
		}
		left, err := s.query(ctx, "", "SELECT 1 FROM sqlite_schema WHERE tbl_name = "+name)
		if err == nil && len(left) > 0 {
			err = fmt.Errorf("table %s is still there", t.Name)
		}
		s.Did("table %s with %d rows", t.Name, t.Rows)
		return func(ctx context.Context) error { return s.exec(ctx, "", s.guard+"BEGIN;"+back.String()+"COMMIT") }, err
	})
}
