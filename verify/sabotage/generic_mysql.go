package sabotage

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/recoverydrill/gameday/fixtures"
)

var genMySQLs = []string{genMySQL, genMariaDB}

func genBackticks(name string) string { return "`" + strings.ReplaceAll(name, "`", "``") + "`" }

func genMySQLText(value string) string {
	return "'" + strings.NewReplacer(`\`, `\\`, "'", "''").Replace(value) + "'"
}

// genBytes are types whose values are bytes, or text in some character set.
func genBytes(c fixtures.Column) bool {
	t := strings.ToLower(c.Type)
	return strings.Contains(t, "char") || strings.Contains(t, "text") || strings.Contains(t, "blob") || strings.Contains(t, "binary")
}

var genMySQLDialect = genDialect{
	quote: genBackticks,
	text:  genMySQLText,
	literal: func(c fixtures.Column) string {
		if t := strings.ToLower(c.Type); strings.Contains(t, "binary") || strings.Contains(t, "blob") {
			return "CONCAT('X''', HEX(" + genBackticks(c.Name) + "), '''')"
		}
		return "QUOTE(" + genBackticks(c.Name) + ")"
	},
	exact: func(c fixtures.Column) string {
		name := genBackticks(c.Name)
		if genBytes(c) {
			return "IF(" + name + " IS NULL, 'NULL', CONCAT('X''', HEX(" + name + "), ''''))"
		}
		return "QUOTE(" + name + ")"
	},
	guard: "SET foreign_key_checks = 0; ",
	// A text does not hold them to the last bit.
	unsafe: func(c fixtures.Column) bool {
		t := strings.ToLower(c.Type)
		return slices.ContainsFunc([]string{"float", "bit", "json", "point", "geometry", "polygon", "linestring", "geom", "vector"}, func(bad string) bool { return strings.HasPrefix(t, bad) })
	},
	tell: func(t genTable) string { return genBackticks(t.database) + "." + genBackticks(t.Name) },
	columns: func(ctx context.Context, s *genStore, t genTable) ([]string, error) {
		rows, err := s.query(ctx, t.database, "SELECT COLUMN_NAME FROM information_schema.COLUMNS WHERE TABLE_SCHEMA = "+s.text(t.database)+" AND TABLE_NAME = "+s.text(t.Name)+
			" AND COALESCE(EXTRA, '') NOT LIKE '%GENERATED%' AND COALESCE(GENERATION_EXPRESSION, '') = ''")
		var names []string
		for _, r := range rows {
			names = append(names, r[0])
		}
		return names, err
	},
}

const genMySQLDrop = "SELECT TABLE_NAME, CONCAT('SET foreign_key_checks = 0; DROP TABLE `', TABLE_SCHEMA, '`.`', TABLE_NAME, '`'), '' " +
	"FROM information_schema.TABLES WHERE TABLE_SCHEMA = DATABASE() AND TABLE_TYPE = 'BASE TABLE'"

func genMySQLActs() []Act {
	ddl := func(id, title string, list func(context.Context, *genStore) ([][]string, error)) Act {
		return genDDL{id: id, title: title, check: "structure", engines: genMySQLs, list: list}.act()
	}
	sql := func(id, title, check, query string) Act {
		return genDDL{id: id, title: title, check: check, engines: genMySQLs, query: query}.act()
	}
	setting := func(id, title, check, name, value string) Act {
		return sql(id, title, check, "SELECT '"+name+"', 'SET GLOBAL "+name+" = "+value+"', CONCAT('SET GLOBAL "+name+" = ', @@GLOBAL."+name+") FROM dual WHERE @@GLOBAL."+name+" <> "+value)
	}
	return []Act{
		ddl("D1", "an index is gone", genParts("index", "INDEX", func(d string) bool { return strings.HasPrefix(d, "KEY ") })),
		ddl("D2", "a unique key is gone", genParts("index", "INDEX", func(d string) bool { return strings.HasPrefix(d, "UNIQUE KEY ") })),
		ddl("D3", "a foreign key is gone", genParts("constraint", "FOREIGN KEY", func(d string) bool { return strings.Contains(d, "FOREIGN KEY") })),
		ddl("D5", "a check is gone", genParts("constraint", "CONSTRAINT", func(d string) bool { return strings.Contains(d, " CHECK ") })),
		sql("D6", "a default is gone", "structure", "SELECT CONCAT(TABLE_NAME, '.', COLUMN_NAME), CONCAT('ALTER TABLE `', TABLE_NAME, '` ALTER `', COLUMN_NAME, '` DROP DEFAULT'), "+
			"CONCAT('ALTER TABLE `', TABLE_NAME, '` ALTER `', COLUMN_NAME, '` SET DEFAULT ', QUOTE(TRIM(BOTH '''' FROM COLUMN_DEFAULT))) "+
			"FROM information_schema.COLUMNS WHERE TABLE_SCHEMA = DATABASE() AND COLUMN_DEFAULT REGEXP '^''?[A-Za-z0-9.]+''?$' AND COLUMN_DEFAULT <> 'NULL' AND EXTRA = '' AND DATA_TYPE IN ('varchar', 'char', 'int', 'smallint', 'tinyint', 'bigint', 'decimal', 'enum') "+
			"AND TABLE_NAME IN (SELECT TABLE_NAME FROM information_schema.TABLES WHERE TABLE_SCHEMA = DATABASE() AND TABLE_TYPE = 'BASE TABLE')"),
		ddl("D7", "a trigger is gone", genCode("TRIGGER", "SELECT TRIGGER_NAME FROM information_schema.TRIGGERS WHERE TRIGGER_SCHEMA = DATABASE()", 1)),
		ddl("D9", "a function is gone", genCode("FUNCTION", "SELECT ROUTINE_NAME FROM information_schema.ROUTINES WHERE ROUTINE_SCHEMA = DATABASE() AND ROUTINE_TYPE = 'FUNCTION' AND ROUTINE_NAME NOT IN (SELECT Routine_name FROM mysql.procs_priv)", 1)),
		ddl("D10", "a view is gone", genCode("VIEW", "SELECT TABLE_NAME FROM information_schema.VIEWS WHERE TABLE_SCHEMA = DATABASE()", 0)),
		sql("E1", "a user is gone: it has another name", "structure", "SELECT CONCAT(User, '@', Host), CONCAT('RENAME USER ', QUOTE(User), '@', QUOTE(Host), ' TO ', QUOTE(CONCAT(User, '_gone')), '@', QUOTE(Host)), "+
			"CONCAT('RENAME USER ', QUOTE(CONCAT(User, '_gone')), '@', QUOTE(Host), ' TO ', QUOTE(User), '@', QUOTE(Host)) "+
			"FROM mysql.user WHERE User NOT REGEXP '^(mysql|mariadb|root|gameday|PUBLIC)|_gone$' AND User <> '' AND User <> SUBSTRING_INDEX(CURRENT_USER(), '@', 1)"),
		sql("E2", "a user lost its rights to a table", "structure", "SELECT CONCAT(User, ' on ', Table_name), CONCAT('REVOKE ', Table_priv, ' ON `', Db, '`.`', Table_name, '` FROM ', QUOTE(User), IF(Host = '', '', CONCAT('@', QUOTE(Host)))), "+
			"CONCAT('GRANT ', Table_priv, ' ON `', Db, '`.`', Table_name, '` TO ', QUOTE(User), IF(Host = '', '', CONCAT('@', QUOTE(Host)))) "+
			"FROM mysql.tables_priv WHERE Db = DATABASE() AND Table_priv <> '' AND Table_priv NOT LIKE '%Grant%'"),
		setting("F2", "the server does not wait for its disk (redo log)", "durability", "innodb_flush_log_at_trx_commit", "2"),
		setting("F2b", "the server does not wait for its disk (binary log)", "durability", "sync_binlog", "0"),
		setting("G1", "the server takes no writes", "service", "read_only", "1"),
	}
}

// genParts lists the indexes or constraints of the main database that were there at the mark and are there now, with what adds
// each to its table again, as the server wrote it.
func genParts(kind, dropped string, which func(definition string) bool) func(context.Context, *genStore) ([][]string, error) {
	return func(ctx context.Context, s *genStore) ([][]string, error) {
		now := "SELECT DISTINCT CONCAT(TABLE_NAME, '.', INDEX_NAME) FROM information_schema.STATISTICS WHERE TABLE_SCHEMA = DATABASE()"
		if kind == "constraint" {
			now = "SELECT CONCAT(TABLE_NAME, '.', CONSTRAINT_NAME) FROM information_schema.TABLE_CONSTRAINTS WHERE TABLE_SCHEMA = DATABASE()"
		}
		rows, err := s.query(ctx, "", now)
		if err != nil {
			return nil, err
		}
		there := map[string]bool{}
		for _, r := range rows {
			there[r[0]] = true
		}
		var all [][]string
		for _, db := range s.Baseline.Databases {
			for _, o := range db.Objects {
				name := strings.TrimPrefix(o.Name, db.Name+".")
				table, part, ok := strings.Cut(name, ".")
				if db.Name != s.main || o.Kind != kind || !ok || !there[name] || !which(o.Definition) {
					continue
				}
				all = append(all, []string{
					name, fmt.Sprintf("ALTER TABLE %s DROP %s %s", genBackticks(table), dropped, genBackticks(part)),
					fmt.Sprintf("SET foreign_key_checks = 0; ALTER TABLE %s ADD %s", genBackticks(table), o.Definition),
				})
			}
		}
		return all, nil
	}
}

// genCode lists triggers, routines or views by their names, with what the server says would make each again. mode is the
// column in which it says with which sql_mode, 0 where there is none; the text comes after it.
func genCode(kind, names string, mode int) func(context.Context, *genStore) ([][]string, error) {
	return func(ctx context.Context, s *genStore) ([][]string, error) {
		rows, err := s.query(ctx, "", names+" ORDER BY 1")
		if err != nil {
			return nil, err
		}
		var all [][]string
		for _, r := range rows {
			created, err := s.query(ctx, "", "SHOW CREATE "+kind+" "+genBackticks(r[0]))
			if err != nil || len(created) != 1 || len(created[0]) < mode+4 {
				return nil, fmt.Errorf("read %s %s: %w", strings.ToLower(kind), r[0], err)
			}
			c := created[0][mode:]
			back := "SET character_set_client = " + c[2] + ", collation_connection = " + c[3] + "; " + c[1]
			if mode > 0 {
				back = "SET sql_mode = " + s.text(c[0]) + "; " + back
			}
			all = append(all, []string{r[0], "DROP " + kind + " " + genBackticks(r[0]), back})
		}
		return all, nil
	}
}
