package mutation_test

import (
	"context"
	"database/sql"
	"fmt"
	"regexp"
	"slices"
	"strings"
)

// rewriting is a change of a line of SHOW CREATE TABLE, or of the text of a view, trigger or routine.
type rewriting struct {
	kind     string
	from     *regexp.Regexp
	to       string
	unlike   string // a text that has this is left alone
	notTaken bool   // the old text does not bring everything back
}

// otherMode is another sql_mode for what is made after it.
const otherMode = "SET sql_mode = 'NO_ZERO_DATE'" + then

var (
	columnShown     = regexp.MustCompile("^  (`(?:[^`]|``)*`) (.*?),?$")
	keyShown        = regexp.MustCompile(`(?m)^  PRIMARY KEY .*$`)
	indexShown      = regexp.MustCompile("^  ((?:UNIQUE |FULLTEXT |SPATIAL )?KEY) (`(?:[^`]|``)*`) (.*?),?$")
	constraintShown = regexp.MustCompile("^  CONSTRAINT (`(?:[^`]|``)*`) (.*?),?$")
)

var ofColumns = []rewriting{
	{kind: "not null lost", from: regexp.MustCompile(` NOT NULL`), to: "", unlike: "AUTO_INCREMENT"},
	{kind: "not null added", from: regexp.MustCompile(`^(\S+(?: unsigned| zerofill)*(?: CHARACTER SET \S+)?(?: COLLATE \S+)?)( DEFAULT NULL|$)`), to: "$1 NOT NULL"},
	{kind: "varchar widened", from: regexp.MustCompile(`^varchar\((\d+)\)`), to: "varchar(1$1)", unlike: "GENERATED"},
	{kind: "whole numbers widened", from: regexp.MustCompile(`^(?:int|smallint|tinyint)(?:\(\d+\))?`), to: "bigint", unlike: "GENERATED"},
	{kind: "unsigned lost", from: regexp.MustCompile(` unsigned`), to: ""},
	{kind: "decimals", from: regexp.MustCompile(`^decimal\((\d+),2\)`), to: "decimal($1,3)", unlike: "GENERATED"},
	{kind: "fraction of seconds lost", from: regexp.MustCompile(`^(datetime|timestamp|time)\(6\)`), to: "$1(3)", unlike: "(6) "},
	{kind: "column's collation", from: regexp.MustCompile(`^(varchar\(\d+\)|char\(\d+\)|text|mediumtext|longtext)(?: CHARACTER SET \S+)?(?: COLLATE \S+)?`), to: "$1 CHARACTER SET utf8mb4 COLLATE utf8mb4_esperanto_ci", unlike: "esperanto"},
	{kind: "column's character set", from: regexp.MustCompile(`^(varchar\(\d+\)|char\(\d+\))(?: CHARACTER SET \S+)?(?: COLLATE \S+)?`), to: "$1 CHARACTER SET utf16", unlike: "utf16"},
	{kind: "comment on a column", from: regexp.MustCompile(`$`), to: " COMMENT 'gameday'", unlike: "COMMENT"},
	{kind: "column hidden", from: regexp.MustCompile(`^([^']*?)( DEFAULT .*|$)`), to: "$1 INVISIBLE$2", unlike: "INVISIBLE"},
	{kind: "column shown", from: regexp.MustCompile(`( /\*!80023)? INVISIBLE( \*/)?`), to: ""},
	{kind: "numbering lost", from: regexp.MustCompile(` AUTO_INCREMENT`), to: ""},
	{kind: "time of the change lost", from: regexp.MustCompile(` ON UPDATE current_timestamp\(6\)`), to: ""},
	{kind: "time of the change lost", from: regexp.MustCompile(` ON UPDATE CURRENT_TIMESTAMP\(6\)`), to: ""},
	{kind: "another default", from: regexp.MustCompile(` DEFAULT (\d|'\d)`), to: " DEFAULT ${1}7", unlike: "bit("},
	{kind: "enum member renamed", from: regexp.MustCompile(`^enum\((.*?)\)`), to: "enum($1,'gameday')"},
	{kind: "set member added", from: regexp.MustCompile(`^set\((.*?)\)`), to: "set($1,'gameday')"},
	{kind: "computed otherwise", from: regexp.MustCompile(`(GENERATED ALWAYS AS \()(.*)(\) (?:STORED|VIRTUAL))`), to: "${1}coalesce(${2},null)$3", notTaken: true},
	{kind: "computed no more", from: regexp.MustCompile(` GENERATED ALWAYS AS \(.*\) (?:STORED|VIRTUAL).*`), to: "", notTaken: true},
	{kind: "column first", from: regexp.MustCompile(`$`), to: " FIRST", notTaken: true},
	{kind: "column's check lost", from: regexp.MustCompile(` CHECK \(.*\)`), to: ""},
}

var ofIndexes = []rewriting{
	{kind: "unique lost", from: regexp.MustCompile(`^UNIQUE KEY`), to: "KEY"},
	{kind: "unique added", from: regexp.MustCompile(`^KEY`), to: "UNIQUE KEY"},
	{kind: "index of fewer columns", from: regexp.MustCompile("(.*\\(`[^`]*`),.*\\)"), to: "$1)"},
	{kind: "index of a prefix", from: regexp.MustCompile("(.*`)\\)"), to: "$1(3))"},
	{kind: "index in another order", from: regexp.MustCompile("(.*`)\\)"), to: "$1 DESC)"},
	{kind: "comment on an index", from: regexp.MustCompile(`$`), to: " COMMENT 'gameday'"},
}

var ofConstraints = []rewriting{
	{kind: "check weakened", from: regexp.MustCompile(`^CHECK \((.*)\)`), to: "CHECK ($1 or 1 = 1)"},
	{kind: "foreign key's action lost", from: regexp.MustCompile(` ON DELETE (CASCADE|SET NULL)`), to: ""},
	{kind: "foreign key cascades", from: regexp.MustCompile(`(REFERENCES [^)]*\))$`), to: "$1 ON DELETE CASCADE"},
}

// ofCode are changes of what CREATE says of a view, a trigger or a routine.
var ofCode = map[string][]rewriting{
	"VIEW": {
		{kind: "view's rights", from: regexp.MustCompile(`SQL SECURITY DEFINER`), to: "SQL SECURITY INVOKER"},
		{kind: "view's rights", from: regexp.MustCompile(`SQL SECURITY INVOKER`), to: "SQL SECURITY DEFINER"},
		{kind: "view's definer", from: regexp.MustCompile("DEFINER=`[^`]*`@`[^`]*`"), to: "DEFINER=`gameday_owner`@`%`"},
		{kind: "view's algorithm", from: regexp.MustCompile(`ALGORITHM=\w+`), to: "ALGORITHM=TEMPTABLE", unlike: "CHECK OPTION"},
		{kind: "view's condition", from: regexp.MustCompile(`(?i) where `), to: " where 1 = 1 and "},
		{kind: "view's check lost", from: regexp.MustCompile(` WITH (LOCAL|CASCADED) CHECK OPTION`), to: ""},
		{kind: "view's columns", from: regexp.MustCompile(`(?i) AS select `), to: " AS select 7 AS `gameday`,", unlike: "active_products"},
	},
	"TRIGGER": {
		{kind: "trigger's definer", from: regexp.MustCompile("DEFINER *= *`?[^`@ ]*`?@`?[^` ]*`?"), to: "DEFINER=`gameday_owner`@`%`"},
		{kind: "trigger's moment", from: regexp.MustCompile(` AFTER `), to: " BEFORE "},
		{kind: "trigger's event", from: regexp.MustCompile(`BEFORE UPDATE`), to: "BEFORE INSERT", unlike: "OLD"},
		{kind: "trigger's work", from: regexp.MustCompile(`FOR EACH ROW`), to: "FOR EACH ROW /* gameday */"},
	},
	"FUNCTION": {
		{kind: "routine's work", from: regexp.MustCompile(`(?s)(.*)(RETURN )`), to: "$1$2 /* gameday */ "},
		{kind: "routine's definer", from: regexp.MustCompile("DEFINER=`[^`]*`@`[^`]*`"), to: "DEFINER=`gameday_owner`@`%`"},
		{kind: "routine's mode", from: regexp.MustCompile(`^`), to: otherMode},
		{kind: "function's type", from: regexp.MustCompile(`RETURNS (bigint|decimal\(14,2\))`), to: "RETURNS decimal(20,4)"},
	},
	"PROCEDURE": {
		{kind: "routine's work", from: regexp.MustCompile(`BEGIN`), to: "BEGIN /* gameday */"},
		{kind: "routine's definer", from: regexp.MustCompile("DEFINER=`[^`]*`@`[^`]*`"), to: "DEFINER=`gameday_owner`@`%`"},
		{kind: "routine's mode", from: regexp.MustCompile(`^`), to: otherMode},
	},
}

// shownChanges are changes of what SHOW CREATE says.
func shownChanges(ctx context.Context, conn *sql.Conn) (all []candidate, err error) {
	tables, err := textsOf(ctx, conn, "SELECT TABLE_SCHEMA, TABLE_NAME, TABLE_TYPE FROM information_schema.TABLES WHERE TABLE_SCHEMA IN ('shop', 'billing', 'archive') AND TABLE_TYPE IN ('BASE TABLE', 'SYSTEM VERSIONED', 'VIEW')")
	if err != nil {
		return nil, err
	}
	for _, r := range tables {
		name := "`" + r[0] + "`.`" + strings.ReplaceAll(r[1], "`", "``") + "`"
		if r[2] == "VIEW" {
			created, err := textsOf(ctx, conn, "SHOW CREATE VIEW "+name)
			if err == nil { // its tables may be gone
				all = append(all, codeChanges("VIEW", name, created[0][1])...)
			}
			continue
		}
		created, err := textsOf(ctx, conn, "SHOW CREATE TABLE "+name)
		if err != nil {
			return nil, fmt.Errorf("show %s: %w", name, err)
		}
		key := keyShown.FindString(created[0][1])
		for line := range strings.SplitSeq(created[0][1], "\n") {
			for _, c := range lineChanges(name, line) {
				if m := columnShown.FindStringSubmatch(line); c.kind == "not null lost" && m != nil && strings.Contains(key, m[1]) {
					continue // a column of the primary key stays NOT NULL, whatever it is told
				}
				all = append(all, c)
			}
		}
	}
	code, err := textsOf(ctx, conn, "SELECT ROUTINE_TYPE, ROUTINE_SCHEMA, ROUTINE_NAME FROM information_schema.ROUTINES WHERE ROUTINE_SCHEMA = 'shop' UNION ALL SELECT 'TRIGGER', TRIGGER_SCHEMA, TRIGGER_NAME FROM information_schema.TRIGGERS WHERE TRIGGER_SCHEMA = 'shop'")
	if err != nil {
		return nil, err
	}
	for _, r := range code {
		name := "`" + r[1] + "`.`" + r[2] + "`"
		created, err := textsOf(ctx, conn, "SHOW CREATE "+r[0]+" "+name)
		if err != nil {
			return nil, fmt.Errorf("show %s: %w", name, err)
		}
		all = append(all, codeChanges(r[0], name, created[0][2])...)
	}
	return all, nil
}

// lostItsDefault is a column that may be NULL and is not NULL by default: whoever makes it anew gives it that default.
func lostItsDefault(column string) bool {
	return !strings.Contains(column, "DEFAULT") && !strings.Contains(column, "NOT NULL") && !strings.Contains(column, "GENERATED")
}

// lineChanges are changes of a column, an index or a constraint.
func lineChanges(table, line string) (all []candidate) {
	alter := "ALTER TABLE " + table + " "
	change := func(of []rewriting, text string, do func(text string) string) {
		for _, w := range of {
			changed := w.from.ReplaceAllString(text, w.to)
			if changed == text || (w.unlike != "" && strings.Contains(text, w.unlike)) {
				continue
			}
			c := candidate{kind: w.kind, do: do(changed)}
			if !w.notTaken {
				c.undo = do(text)
			}
			all = append(all, c)
		}
	}
	if m := columnShown.FindStringSubmatch(line); m != nil {
		of := slices.Clone(ofColumns)
		for i := range of {
			of[i].notTaken = of[i].notTaken || lostItsDefault(m[2])
		}
		change(of, m[2], func(text string) string { return alter + "MODIFY COLUMN " + m[1] + " " + text })
	}
	if m := indexShown.FindStringSubmatch(line); m != nil {
		change(ofIndexes, m[1]+" "+m[2]+" "+m[3], func(text string) string { return alter + "DROP INDEX " + m[2] + ", ADD " + text })
	}
	if m := constraintShown.FindStringSubmatch(line); m != nil {
		drop := "DROP CONSTRAINT "
		if strings.HasPrefix(m[2], "FOREIGN KEY") {
			drop = "DROP FOREIGN KEY "
		}
		change(ofConstraints, m[2], func(text string) string {
			return alter + drop + m[1] + then + alter + "ADD CONSTRAINT " + m[1] + " " + text
		})
	}
	return all
}

// codeChanges are changes of a view, a trigger or a routine. What is made anew has lost the rights that were given on it,
// and the mode that it was made under: only a view is put back.
func codeChanges(what, name, text string) (all []candidate) {
	made := func(text string) string {
		if what == "VIEW" {
			return strings.Replace(text, "CREATE ", "CREATE OR REPLACE ", 1)
		}
		rest, mode := strings.CutPrefix(text, otherMode)
		do := "DROP " + what + " " + name + then + rest
		if mode {
			do = otherMode + do + then + "SET sql_mode = 'STRICT_ALL_TABLES,NO_ENGINE_SUBSTITUTION'"
		}
		return do
	}
	for _, w := range ofCode[what] {
		changed := w.from.ReplaceAllString(text, w.to)
		if changed == text || strings.Contains(text, `"`) || (w.unlike != "" && strings.Contains(text, w.unlike)) {
			continue // or it is of a mode in which names are quoted otherwise
		}
		c := candidate{kind: w.kind, do: made(changed)}
		if what == "VIEW" {
			c.undo = made(text)
		}
		all = append(all, c)
	}
	return all
}
