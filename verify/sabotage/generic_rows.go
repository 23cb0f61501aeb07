package sabotage

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/recoverydrill/gameday/fixtures"
)

var genAll = []string{genSQLite, genPostgres, genMySQL, genMariaDB}

// mostMoved is how many rows a table may have from which rows are taken away: they are kept in memory to be put back.
const mostMoved = 5000

type undoFunc = func(context.Context) error

func genRowActs() []Act {
	return []Act{
		genAct("A17", "a row is gone and another one invented: the count is right", "contents", genAll, genInvent),
		genAct("B1", "two rows have each other's value: counts and sums are right", "contents", genAll, genSwap),
		genAct("B4", "the end of a text is cut off", "contents", genAll, genCut),
		genAct("C4", "a number is one off", "contents", genAll, func(ctx context.Context, s *genStore) (undoFunc, error) {
			return genOneOff(ctx, s, s.tables(true, 1<<40))
		}),
		genAct("B10", "an empty text where there was nothing (NULL)", "contents", genAll, func(ctx context.Context, s *genStore) (undoFunc, error) {
			return genNull(ctx, s, " IS NULL", s.text(""))
		}),
		genAct("B11", "nothing (NULL) where there was a text", "contents", genAll, func(ctx context.Context, s *genStore) (undoFunc, error) {
			return genNull(ctx, s, " IS NOT NULL", "NULL")
		}),
		genAct("A1", "the newest rows of a table are missing, as from yesterday's backup", "contents", genAll, genNewest),
		genAct("A14", "a table is empty", "contents", genAll, genEmpty),
		genAct("G11", "a database that the recovery had nothing to do with has another value", "contents", []string{genPostgres, genMySQL, genMariaDB},
			func(ctx context.Context, s *genStore) (undoFunc, error) {
				return genOneOff(ctx, s, s.tables(false, 1<<40))
			}),
	}
}

// genCell is one value of one row.
type genCell struct {
	genTable
	column fixtures.Column
}

// cells lists the columns of a kind that are no part of the key.
func cells(tables []genTable, ok func(fixtures.Column) bool) []genCell {
	var all []genCell
	for _, t := range tables {
		for _, c := range t.Columns {
			if !slices.Contains(t.Key, c.Name) && ok(c) {
				all = append(all, genCell{t, c})
			}
		}
	}
	return all
}

func genIsText(c fixtures.Column) bool {
	t := strings.ToLower(c.Type)
	return strings.HasPrefix(t, "text") || strings.HasPrefix(t, "varchar") || strings.HasPrefix(t, "character varying") || strings.HasPrefix(t, "longtext") || strings.HasPrefix(t, "mediumtext")
}

func genIsNumber(c fixtures.Column) bool {
	t := strings.ToLower(c.Type)
	return strings.HasPrefix(t, "int") || strings.HasPrefix(t, "bigint") || strings.HasPrefix(t, "smallint") || strings.HasPrefix(t, "numeric") || strings.HasPrefix(t, "decimal")
}

// genKey is the key of one row: the values of its columns as literals, and as they are shown.
type genKey struct{ where, shown string }

// keys reads the keys of a few rows that a condition holds for ("" any), from a random place on, with the value of a column
// as a literal.
func (s *genStore) keys(ctx context.Context, t genTable, expression, condition string, order string, most int) ([]genKey, []string, error) {
	var list []string
	for _, k := range t.Key {
		i := slices.IndexFunc(t.Columns, func(c fixtures.Column) bool { return c.Name == k })
		if i < 0 || s.unsafe(t.Columns[i]) {
			return nil, nil, errNext
		}
		list = append(list, s.literal(t.Columns[i]))
	}
	query := "SELECT " + strings.Join(append(list, expression), ", ") + " FROM " + s.tell(t)
	if condition != "" {
		query += " WHERE " + condition
	}
	rows, err := s.query(ctx, t.database, fmt.Sprintf("%s ORDER BY %s LIMIT %d", query, order, most))
	if err != nil {
		return nil, nil, err
	}
	var keys []genKey
	var values []string
	for _, r := range rows {
		var where, shown []string
		for i, k := range t.Key {
			where = append(where, s.quote(k)+" = "+r[i])
			shown = append(shown, strings.Trim(r[i], "'"))
		}
		keys, values = append(keys, genKey{strings.Join(where, " AND "), strings.Join(shown, "|")}), append(values, r[len(t.Key)])
	}
	return keys, values, nil
}

// byKey orders by the key, upwards or down as the seed says, so that the chosen rows are not always the first.
func (s *genStore) byKey(t genTable, down bool) string {
	var list []string
	for _, k := range t.Key {
		word := s.quote(k)
		if down {
			word += " DESC"
		}
		list = append(list, word)
	}
	return strings.Join(list, ", ")
}

// set changes one value of one row, and sees that it is another.
func (s *genStore) set(ctx context.Context, c genCell, key genKey, old, value string) error {
	if err := s.exec(ctx, c.database, s.update(c, key, value)); err != nil {
		return err
	}
	rows, err := s.query(ctx, c.database, "SELECT "+s.exact(c.column)+" FROM "+s.tell(c.genTable)+" WHERE "+key.where)
	if err != nil {
		return err
	}
	if len(rows) != 1 || rows[0][0] == old {
		return fmt.Errorf("%s.%s of %s did not change: %w", c.FullName(), c.column.Name, key.shown, errNext)
	}
	return nil
}

func (s *genStore) update(c genCell, key genKey, value string) string {
	return s.guard + "UPDATE " + s.tell(c.genTable) + " SET " + s.quote(c.column.Name) + " = " + value + " WHERE " + key.where
}

// one changes one value of the first row that a condition holds for, to an expression.
func (s *genStore) one(ctx context.Context, c genCell, condition, value, did string) (undoFunc, error) {
	keys, old, err := s.keys(ctx, c.genTable, s.exact(c.column), condition, s.byKey(c.genTable, s.random.IntN(2) == 0), 1)
	if err != nil {
		return nil, err
	}
	if len(keys) == 0 {
		return nil, errNext
	}
	undo := func(ctx context.Context) error { return s.exec(ctx, c.database, s.update(c, keys[0], old[0])) }
	if err := s.set(ctx, c, keys[0], old[0], value); err != nil {
		return nil, err
	}
	s.Did("%s: %s.%s of row %s", did, c.FullName(), c.column.Name, keys[0].shown)
	return undo, nil
}

func genCut(ctx context.Context, s *genStore) (undoFunc, error) {
	return genEach(s, "text of some length", cells(s.tables(true, 1<<40), genIsText), func(c genCell) (undoFunc, error) {
		name := s.quote(c.column.Name)
		return s.one(ctx, c, "length("+name+") > 3", "substr("+name+", 1, length("+name+") - 1)", "the last character is gone")
	})
}

func genOneOff(ctx context.Context, s *genStore, tables []genTable) (undoFunc, error) {
	return genEach(s, "number", cells(tables, genIsNumber), func(c genCell) (undoFunc, error) {
		name := s.quote(c.column.Name)
		return s.one(ctx, c, name+" IS NOT NULL", name+" + 1", "one more than it was")
	})
}

func genNull(ctx context.Context, s *genStore, condition, value string) (undoFunc, error) {
	return genEach(s, "text"+strings.ToLower(condition), cells(s.tables(true, 1<<40), genIsText), func(c genCell) (undoFunc, error) {
		return s.one(ctx, c, s.quote(c.column.Name)+condition, value, "is now "+value)
	})
}

func genSwap(ctx context.Context, s *genStore) (undoFunc, error) {
	usable := func(c fixtures.Column) bool { return genIsText(c) || genIsNumber(c) }
	return genEach(s, "two different values", cells(s.tables(true, 1<<40), usable), func(c genCell) (undoFunc, error) {
		keys, values, err := s.keys(ctx, c.genTable, s.exact(c.column), s.quote(c.column.Name)+" IS NOT NULL", s.byKey(c.genTable, s.random.IntN(2) == 0), 50)
		if err != nil {
			return nil, err
		}
		other := slices.IndexFunc(values, func(v string) bool { return v != values[0] })
		if other < 0 {
			return nil, errNext
		}
		back := func(ctx context.Context) error {
			return s.exec(ctx, c.database, s.update(c, keys[0], values[0])+"; "+s.update(c, keys[other], values[other]))
		}
		if err := s.exec(ctx, c.database, s.update(c, keys[0], values[other])+"; "+s.update(c, keys[other], values[0])); err != nil {
			return nil, genHalf(ctx, back, err)
		}
		s.Did("%s.%s of rows %s and %s", c.FullName(), c.column.Name, keys[0].shown, keys[other].shown)
		return back, nil
	})
}

// genHalf takes back what may have been done in part.
func genHalf(ctx context.Context, back undoFunc, err error) error {
	if undone := back(ctx); undone != nil {
		return fmt.Errorf("%w, and it could not be taken back: %w", err, undone)
	}
	return err
}

// genInvent gives a row another key: the row of the old key is gone, and one that nobody wrote is there.
func genInvent(ctx context.Context, s *genStore) (undoFunc, error) {
	var all []genCell
	for _, t := range s.tables(true, 1<<40) {
		for _, c := range t.Columns {
			if len(t.Key) == 1 && t.Key[0] == c.Name && (genIsNumber(c) || genIsText(c)) {
				all = append(all, genCell{t, c})
			}
		}
	}
	return genEach(s, "table with a key of one number or text", all, func(c genCell) (undoFunc, error) {
		name := s.quote(c.column.Name)
		keys, old, err := s.keys(ctx, c.genTable, s.exact(c.column), "", s.byKey(c.genTable, s.random.IntN(2) == 0), 1)
		if err != nil || len(keys) == 0 {
			return nil, fmt.Errorf("%w: %w", errNext, err)
		}
		last, err := s.query(ctx, c.database, "SELECT max("+name+") FROM "+s.tell(c.genTable))
		if err != nil {
			return nil, err
		}
		invented := s.text(last[0][0] + "9")
		if genIsNumber(c.column) {
			invented = last[0][0] + " + 1"
		}
		if err := s.exec(ctx, c.database, s.update(c, keys[0], invented)); err != nil {
			return nil, err
		}
		there, err := s.query(ctx, c.database, "SELECT count(*) FROM "+s.tell(c.genTable)+" WHERE "+keys[0].where)
		if err != nil || there[0][0] != "0" {
			return nil, fmt.Errorf("row %s is still there: %w", keys[0].shown, err)
		}
		s.Did("%s: row %s is gone, and there is a new one %s", c.FullName(), keys[0].shown, invented)
		return func(ctx context.Context) error {
			return s.exec(ctx, c.database, s.update(c, genKey{where: name + " = " + invented}, old[0]))
		}, nil
	})
}

func genNewest(ctx context.Context, s *genStore) (undoFunc, error) {
	return genEach(s, "table of which rows can be kept", s.tables(true, mostMoved), func(t genTable) (undoFunc, error) {
		if t.Rows < 3 {
			return nil, errNext
		}
		keys, _, err := s.keys(ctx, t, "1", "", s.byKey(t, true), int(min(max(t.Rows/10, 1), 100)))
		if err != nil {
			return nil, err
		}
		var where []string
		for _, k := range keys {
			where = append(where, "("+k.where+")")
		}
		return s.take(ctx, []genTable{t}, strings.Join(where, " OR "), fmt.Sprintf("the newest %d of %d rows of %s are gone", len(keys), t.Rows, t.FullName()))
	})
}

func genEmpty(ctx context.Context, s *genStore) (undoFunc, error) {
	return genEach(s, "table of which rows can be kept", s.tables(true, mostMoved), func(t genTable) (undoFunc, error) {
		return s.take(ctx, []genTable{t}, "1 = 1", fmt.Sprintf("all %d rows of %s are gone", t.Rows, t.FullName()))
	})
}

// take deletes the rows of some tables that a condition holds for, and puts them back.
func (s *genStore) take(ctx context.Context, tables []genTable, where, did string) (undoFunc, error) {
	var back, away strings.Builder
	kept := 0
	for _, t := range tables {
		inserts, err := s.inserts(ctx, t, where)
		if err != nil {
			return nil, err
		}
		kept += len(inserts)
		for _, i := range inserts {
			back.WriteString(i + ";")
		}
		away.WriteString("DELETE FROM " + s.tell(t) + " WHERE " + where + ";")
	}
	if kept == 0 {
		return nil, errNext
	}
	// In one transaction: on some engines every statement is one of its own otherwise, with a wait for the disk.
	undo := func(ctx context.Context) error {
		return s.exec(ctx, tables[0].database, s.guard+"BEGIN;"+back.String()+"COMMIT")
	}
	if err := s.exec(ctx, tables[0].database, s.guard+"BEGIN;"+away.String()+"COMMIT"); err != nil {
		return nil, err
	}
	for _, t := range tables {
		left, err := s.query(ctx, t.database, "SELECT count(*) FROM "+s.tell(t)+" WHERE "+where)
		if err != nil || left[0][0] != "0" {
			return undo, fmt.Errorf("rows of %s are still there: %w", t.FullName(), err)
		}
	}
	s.Did("%s", did)
	return undo, nil
}

// inserts are the statements that write rows again as they are.
func (s *genStore) inserts(ctx context.Context, t genTable, where string) ([]string, error) {
	names, err := s.columns(ctx, s, t)
	if err != nil {
		return nil, err
	}
	var quoted, literals, inexact []string
	for _, c := range t.Columns {
		if !slices.Contains(names, c.Name) {
			continue // it is computed
		}
		if s.unsafe(c) {
			return nil, errNext
		}
		quoted, literals = append(quoted, s.quote(c.Name)), append(literals, s.exact(c))
		if s.inexact != nil {
			inexact = append(inexact, s.inexact(s.quote(c.Name)))
		}
	}
	if len(inexact) > 0 {
		bad, err := s.query(ctx, t.database, "SELECT count(*) FROM "+s.tell(t)+" WHERE ("+where+") AND ("+strings.Join(inexact, " OR ")+")")
		if err != nil {
			return nil, err
		}
		if bad[0][0] != "0" {
			return nil, errNext
		}
	}
	rows, err := s.query(ctx, t.database, "SELECT "+strings.Join(literals, ", ")+" FROM "+s.tell(t)+" WHERE "+where)
	if err != nil {
		return nil, err
	}
	var all []string
	for _, r := range rows {
		all = append(all, "INSERT INTO "+s.tell(t)+" ("+strings.Join(quoted, ", ")+") "+s.into+"VALUES ("+strings.Join(r, ", ")+")")
	}
	return all, nil
}
