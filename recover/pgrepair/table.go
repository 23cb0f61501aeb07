package pgrepair

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/recoverydrill/gameday/recover/pgserver"
)

// table is one damaged table.
type table struct {
	Damage
	Key      []column `json:"key"`
	Others   []column `json:"others"` // all that can be written beside the key
	Set      []column `json:"-"`      // of those, what is put back into a row that is there
	damaged  string   // the keys of damaged rows as a JSON list of lists of texts
	suspects int      // how many they are

	good map[string]string // by key, the newest good version as a line of COPY: key and all others
	gone map[string]string // by key, rows that were deleted, as they were last
	late map[string]bool   // the keys, each a JSON list of texts, of rows that looked damaged before they were deleted
	done int64             // rows that were put back
}

type column struct {
	Name string `json:"name"`
	Type string `json:"type"`
}

func quote(name string) string { return `"` + strings.ReplaceAll(name, `"`, `""`) + `"` }

func literal(s string) string { return "'" + strings.ReplaceAll(s, "'", "''") + "'" }

func names(columns []column, prefix string) string {
	var all []string
	for _, c := range columns {
		all = append(all, prefix+quote(c.Name))
	}
	return strings.Join(all, ", ")
}

// describe reads the table's columns.
func (t *table) describe(ctx context.Context, s pgserver.Server, database string) error {
	out, err := s.Ask(ctx, database, `
SELECT json_build_object(
  'key', coalesce(json_agg(json_build_object('name', attname, 'type', format_type(atttypid, atttypmod)) ORDER BY place) FILTER (WHERE place IS NOT NULL), '[]'),
  'others', coalesce(json_agg(json_build_object('name', attname, 'type', format_type(atttypid, atttypmod)) ORDER BY attnum) FILTER (WHERE place IS NULL AND attgenerated = ''), '[]'))
FROM (SELECT a.*, array_position(i.indkey::int2[], a.attnum) AS place
  FROM pg_attribute a JOIN pg_index i ON i.indrelid = a.attrelid AND i.indisprimary
  WHERE a.attrelid = `+literal(t.Table)+`::regclass AND a.attnum > 0 AND NOT a.attisdropped) x`)
	if err != nil {
		return fmt.Errorf("read the columns of %s: %w", t.Table, err)
	}
	if err := json.Unmarshal([]byte(out), t); err != nil {
		return fmt.Errorf("read the columns of %s: %w", t.Table, err)
	}
	if len(t.Key) == 0 {
		return fmt.Errorf("%s has no primary key: which row is which cannot be told", t.Table)
	}
	t.Set = t.Others
	if len(t.Columns) == 0 {
		return nil
	}
	known := map[string]column{}
	for _, c := range t.Others {
		known[c.Name] = c
	}
	t.Set = nil
	for _, name := range t.Columns {
		c, ok := known[name]
		if !ok {
			return fmt.Errorf("%s has no column %q that could be put back", t.Table, name)
		}
		t.Set = append(t.Set, c)
	}
	return nil
}

// keyTexts is the key as an array of texts, by which rows are named between servers.
func (t *table) keyTexts() string {
	var all []string
	for _, c := range t.Key {
		all = append(all, quote(c.Name)+"::text")
	}
	return "jsonb_build_array(" + strings.Join(all, ", ") + ")"
}

// look reads which rows are damaged now, and by which transactions.
func (t *table) look(ctx context.Context, s pgserver.Server, database string) (xids []string, err error) {
	t.damaged, t.suspects = "[]", 0
	if t.Poison == "" {
		return nil, nil
	}
	out, err := s.Ask(ctx, database, `BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY;
SELECT count(*) FROM `+t.Table+` WHERE (`+t.Poison+`);
SELECT coalesce(jsonb_agg(`+t.keyTexts()+`), '[]')::text FROM `+t.Table+` WHERE (`+t.Poison+`);
SELECT DISTINCT xmin FROM `+t.Table+` WHERE (`+t.Poison+`);
COMMIT;`)
	if err != nil {
		return nil, fmt.Errorf("look for damaged rows of %s: %w", t.Table, err)
	}
	count, rest, _ := strings.Cut(out, "\n")
	if _, err := fmt.Sscan(count, &t.suspects); err != nil {
		return nil, fmt.Errorf("look for damaged rows of %s: %q: %w", t.Table, count, err)
	}
	t.damaged, rest, _ = strings.Cut(rest, "\n")
	return strings.Fields(rest), nil
}

// question is one of those that the copy is asked, and what becomes of each line of its answer.
type question struct {
	sql  string
	take func(line string)
}

// reading asks the copy for the present versions of the damaged rows where they are good, for the transactions that wrote
// them where they are not, and for the rows that were deleted. Of those, the ones that look damaged are damaged rows too:
// what is asked later asks for their good versions as well.
func (t *table) reading(suspects map[string]bool) (all []question) {
	columns := names(append(append([]column(nil), t.Key...), t.Others...), "x.")
	if t.suspects > 0 || len(t.late) > 0 {
		var join, list []string
		for i, c := range t.Key {
			join = append(join, fmt.Sprintf("x.%s = k.k%d", quote(c.Name), i))
			list = append(list, fmt.Sprintf("(e ->> %d)::%s AS k%d", i, c.Type, i))
		}
		from := t.Table + ` x
JOIN (SELECT ` + strings.Join(list, ", ") + ` FROM jsonb_array_elements(` + literal(t.damaged) + `::jsonb || ` + literal(t.lateKeys()) + `::jsonb) e) k ON ` + strings.Join(join, " AND ") + `
WHERE (x.tableoid, x.ctid) IN (SELECT tableoid, ctid FROM ` + t.Table + ` WHERE (` + t.Poison + `)`
		all = append(all,
			question{"COPY (SELECT " + columns + " FROM " + from + " IS NOT TRUE)) TO STDOUT;", func(line string) { t.take(line, t.good) }},
			question{"COPY (SELECT DISTINCT x.xmin FROM " + from + ")) TO STDOUT;", func(xid string) { suspects[xid] = true }})
	}
	if t.Deleted != "" {
		all = append(all, question{`COPY (SELECT ` + columns + ` FROM ` + t.Table + ` x
WHERE (x.tableoid, x.ctid) IN (SELECT tableoid, ctid FROM ` + t.Table + ` WHERE (` + t.Deleted + `))) TO STDOUT;`, func(line string) { t.take(line, t.gone) }})
	}
	if t.Deleted != "" && t.Poison != "" {
		all = append(all, question{`COPY (SELECT xmin, ` + t.keyTexts() + ` FROM ` + t.Table + ` WHERE (` + t.Deleted + `) AND (` + t.Poison + `)
AND ` + t.keyTexts() + ` NOT IN (SELECT jsonb_array_elements(` + literal(t.damaged) + `::jsonb))) TO STDOUT;`, func(line string) {
			xid, key, _ := strings.Cut(line, "\t")
			suspects[xid] = true
			t.late[strings.ReplaceAll(key, `\\`, `\`)] = true // COPY writes a backslash as two
		}})
	}
	return all
}

// lateKeys is late as damaged is written.
func (t *table) lateKeys() string {
	return "[" + strings.Join(slices.Sorted(maps.Keys(t.late)), ", ") + "]"
}

// files are the table's and its partitions', as the log names them: tablespace/database/file.
func (t *table) files(ctx context.Context, s pgserver.Server, database string) ([]string, error) {
	out, err := s.Ask(ctx, database, `
WITH RECURSIVE part(oid) AS (SELECT `+literal(t.Table)+`::regclass::oid UNION SELECT inhrelid FROM pg_inherits JOIN part ON inhparent = part.oid)
SELECT coalesce(nullif(c.reltablespace, 0), d.dattablespace)::text || '/' || d.oid || '/' || pg_relation_filenode(c.oid)
FROM part JOIN pg_class c USING (oid), pg_database d WHERE d.datname = current_database() AND c.relkind = 'r' ORDER BY 1`)
	if err != nil {
		return nil, fmt.Errorf("read where the rows of %s lie: %w", t.Table, err)
	}
	return strings.Fields(out), nil
}

// take keeps a line of COPY by its key. COPY writes a row on one line, whatever it holds.
func (t *table) take(line string, into map[string]string) {
	fields := strings.SplitN(line, "\t", len(t.Key)+1)
	into[strings.Join(fields[:min(len(fields), len(t.Key))], "\t")] = line
}

// staged names the columns of the table that the good rows are staged in, so that a condition on the damaged table's
// columns means these alone.
func (t *table) staged() (list, stage string) {
	var create, all []string
	for i, c := range append(append([]column(nil), t.Key...), t.Others...) {
		create = append(create, fmt.Sprintf("%s AS pgrepair_%d", quote(c.Name), i))
		all = append(all, fmt.Sprintf("pgrepair_%d", i))
	}
	return strings.Join(all, ", "), "SELECT " + strings.Join(create, ", ") + " FROM " + t.Table + " WITH NO DATA"
}

// script is the part of the repair's transaction that is about this table: it stages the good rows and puts them back. What
// was deleted comes first: a row that was damaged before is back as it was last, and is then healed like the others. It
// prints the key of every row that it has put back, of such a row twice.
func (t *table) script(n int) string {
	var b strings.Builder
	list, stage := t.staged()
	at := map[string]int{}
	for i, c := range append(append([]column(nil), t.Key...), t.Others...) {
		at[c.Name] = i
	}
	var match, set, key []string
	for _, c := range t.Key {
		match = append(match, fmt.Sprintf("x.%s = s.pgrepair_%d", quote(c.Name), at[c.Name]))
		key = append(key, "x."+quote(c.Name))
	}
	for _, c := range t.Set {
		set = append(set, fmt.Sprintf("%s = s.pgrepair_%d", quote(c.Name), at[c.Name]))
	}
	put := func(name string, rows map[string]string) {
		fmt.Fprintf(&b, "CREATE TEMP TABLE %s ON COMMIT DROP AS %s;\nCOPY %s FROM STDIN;\n", name, stage, name)
		for _, line := range rows {
			b.WriteString(line + "\n")
		}
		b.WriteString("\\.\n")
	}
	if len(t.gone) > 0 {
		name := fmt.Sprintf("pgrepair_gone_%d", n)
		put(name, t.gone)
		fmt.Fprintf(&b, "INSERT INTO %s AS x (%s) OVERRIDING SYSTEM VALUE SELECT %s FROM %s s WHERE NOT EXISTS (SELECT FROM %s x WHERE %s) RETURNING 'row', %d, %s;\n",
			t.Table, names(append(append([]column(nil), t.Key...), t.Others...), ""), list, name, t.Table, strings.Join(match, " AND "), n, strings.Join(key, ", "))
	}
	if len(t.good) > 0 {
		name := fmt.Sprintf("pgrepair_good_%d", n)
		put(name, t.good)
		// A row that somebody has overwritten meanwhile is damaged no more, and stays as it is.
		fmt.Fprintf(&b, "UPDATE %s x SET %s FROM %s s WHERE %s AND (%s) RETURNING 'row', %d, %s;\n",
			t.Table, strings.Join(set, ", "), name, strings.Join(match, " AND "), t.Poison, n, strings.Join(key, ", "))
	}
	return b.String()
}

// left are the keys of rows that look damaged now, and have a good version or did not look damaged before.
func (t *table) left(before string) ([]string, error) {
	now, err := keys(t.damaged)
	if err != nil {
		return nil, fmt.Errorf("read the keys of damaged rows of %s: %w", t.Table, err)
	}
	then, err := keys(before)
	if err != nil {
		return nil, fmt.Errorf("read the keys of damaged rows of %s: %w", t.Table, err)
	}
	late, err := keys(t.lateKeys()) // without a good version, they are as they were last and have always looked so
	if err != nil {
		return nil, fmt.Errorf("read the keys of deleted rows of %s: %w", t.Table, err)
	}
	known := map[string]bool{}
	for _, k := range append(then, late...) {
		known[copied(k)] = true
	}
	var left []string
	for _, k := range now {
		if _, good := t.good[copied(k)]; good || !known[copied(k)] {
			left = append(left, strings.Join(k, ", "))
		}
	}
	return left, nil
}

// copied is a key as COPY writes it.
func copied(key []string) string {
	escape := strings.NewReplacer("\\", "\\\\", "\t", "\\t", "\n", "\\n", "\r", "\\r", "\b", "\\b", "\f", "\\f", "\v", "\\v")
	all := make([]string, len(key))
	for i, k := range key {
		all[i] = escape.Replace(k)
	}
	return strings.Join(all, "\t")
}

func keys(list string) (all [][]string, err error) {
	err = json.Unmarshal([]byte(list), &all)
	return all, err
}
