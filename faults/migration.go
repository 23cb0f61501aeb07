package faults

import (
	"context"
	"fmt"
	"strconv"
	"strings"
)

// NarrowColumn is a migration that makes a column of text at most width characters wide and cuts off what is longer:
// PostgreSQL with USING left(...), MySQL and MariaDB by a session whose sql_mode is not strict, SQLite by a new column
// in the old one's place. It is a change of structure too, and the rows that it has hit are those that were cut.
func NarrowColumn(table, column string, width int) *RowChange {
	return &RowChange{
		Table: table, name: "narrowed column", class: badWrite,
		detail: fmt.Sprintf("a migration narrows %s.%s to %d characters and cuts off the rest", table, column, width),
		plan: func(ctx context.Context, s *store) (string, string, error) {
			if width < 1 {
				return "", "", fmt.Errorf("narrow %s.%s: width %d: want 1 or more", table, column, width)
			}
			n := strconv.Itoa(width)
			switch {
			case s.engine == enginePostgres:
				return "char_length(" + column + "::text) > " + n,
					"ALTER TABLE " + table + " ALTER COLUMN " + column + " TYPE varchar(" + n + ") USING left(" + column + "::text, " + n + ")", nil
			case s.mysql():
				modified, err := s.narrowed(ctx, table, column, width)
				return "char_length(" + column + ") > " + n, "SET SESSION sql_mode = ''; ALTER TABLE " + table + " MODIFY " + column + " " + modified, err
			}
			return "length(" + column + ") > " + n, "BEGIN IMMEDIATE; ALTER TABLE " + table + " ADD COLUMN gameday_narrow VARCHAR(" + n + ");" +
				"UPDATE " + table + " SET gameday_narrow = substr(" + column + ", 1, " + n + ");" +
				"ALTER TABLE " + table + " DROP COLUMN " + column + "; ALTER TABLE " + table + " RENAME COLUMN gameday_narrow TO " + column + "; COMMIT", nil
		},
	}
}

// narrowed is the definition of a column of MySQL's with another width: all that is left out is lost.
func (s *store) narrowed(ctx context.Context, table, column string, width int) (string, error) {
	database, name := s.place(table)
	_, bare, _ := strings.Cut(name, ".")
	rows, err := s.ask(ctx, `SELECT character_set_name, collation_name, is_nullable FROM information_schema.columns
		WHERE table_schema = `+literal(database)+` AND table_name = `+literal(bare)+` AND column_name = `+literal(strings.Trim(column, "`")))
	if err != nil {
		return "", fmt.Errorf("read the definition of %s.%s: %w", table, column, err)
	}
	if len(rows) != 1 || rows[0][0] == "" {
		return "", fmt.Errorf("%s.%s is no column of text", table, column)
	}
	definition := fmt.Sprintf("varchar(%d) CHARACTER SET %s COLLATE %s", width, rows[0][0], rows[0][1])
	if rows[0][2] == "NO" {
		definition += " NOT NULL"
	}
	return definition, nil
}

// DamageCharset takes the UTF-8 of a column of text for Latin-1 and stores what that spells: "weiß" becomes "weiÃ\u009f".
// It hits the rows with anything but ASCII in the column. The column must have room for the longer text.
func DamageCharset(table, column string) *RowChange {
	return &RowChange{
		Table: table, name: "charset damage", class: badWrite,
		detail: fmt.Sprintf("the UTF-8 in %s.%s is taken for Latin-1 and encoded once more", table, column),
		plan: func(_ context.Context, s *store) (string, string, error) {
			var where, garbled string
			switch {
			case s.engine == enginePostgres:
				where = "octet_length(" + column + "::text) <> char_length(" + column + "::text)"
				garbled = "convert_from(convert_to(" + column + "::text, 'UTF8'), 'LATIN1')"
			case s.mysql():
				utf8 := "CONVERT(" + column + " USING utf8mb4)"
				where = "length(" + utf8 + ") <> char_length(" + utf8 + ")"
				garbled = "CONVERT(CAST(" + utf8 + " AS BINARY) USING latin1)"
			default: // SQLite knows no other encoding: byte by byte
				where = "typeof(" + column + ") = 'text' AND length(CAST(" + column + " AS BLOB)) <> length(" + column + ")"
				garbled = "(WITH RECURSIVE bytes (i, h) AS (SELECT 1, hex(" + column + ") UNION ALL SELECT i + 2, h FROM bytes WHERE i + 2 < length(h))" +
					" SELECT group_concat(char((instr('0123456789ABCDEF', substr(h, i, 1)) - 1) * 16 + instr('0123456789ABCDEF', substr(h, i + 1, 1)) - 1), '') FROM bytes)"
			}
			return where, "UPDATE " + table + " SET " + column + " = " + garbled + " WHERE " + where, nil
		},
	}
}

// SwapColumns exchanges the values of two columns, as an import with two columns of its file mixed up does. It hits the
// rows in which they differ. The columns must take each other's values.
func SwapColumns(table, one, other string) *RowChange {
	return &RowChange{
		Table: table, name: "swapped columns", class: badWrite, detail: fmt.Sprintf("the values of %s and %s change places in %s", one, other, table),
		plan: func(ctx context.Context, s *store) (string, string, error) {
			switch s.engine {
			case enginePostgres:
				where := one + " IS DISTINCT FROM " + other
				return where, "UPDATE " + table + " SET " + one + " = " + other + ", " + other + " = " + one + " WHERE " + where, nil
			case engineSQLite:
				where := one + " IS NOT " + other
				return where, "UPDATE " + table + " SET " + one + " = " + other + ", " + other + " = " + one + " WHERE " + where, nil
			}
			// MySQL assigns from the left to the right: the old values come from a copy, which the limit makes it keep.
			key, err := s.keyColumns(ctx, table)
			list := strings.Join(key, ", ")
			return "NOT (" + one + " <=> " + other + ")",
				"UPDATE " + table + " AS now JOIN (SELECT " + list + ", " + one + " AS was_one, " + other + " AS was_other FROM " + table +
					" LIMIT 18446744073709551615) AS old USING (" + list + ") SET now." + one + " = old.was_other, now." + other + " = old.was_one", err
		},
	}
}
