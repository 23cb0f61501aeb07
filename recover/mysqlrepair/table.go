package mysqlrepair

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"

	recovery "github.com/recoverydrill/gameday/recover"
	"github.com/recoverydrill/gameday/recover/mysqlhost"
)

// describe reads from the catalogue what the repair must know of a table, and refuses one that it cannot repair.
func (t *table) describe(ctx context.Context, h mysqlhost.Host) error {
	ask := func(what, from string) ([][]string, error) {
		out, err := h.SQL(ctx, "SELECT "+what+" FROM information_schema."+from)
		if err != nil {
			return nil, err
		}
		var rows [][]string
		for line := range strings.Lines(out) {
			rows = append(rows, strings.Split(strings.TrimRight(line, "\n"), "\t"))
		}
		return rows, nil
	}
	here := fmt.Sprintf("table_schema = '%s' AND table_name = '%s'", t.database, t.name)
	columns, err := ask("column_name, ordinal_position, column_key = 'PRI', data_type, extra LIKE '%on update%', column_type LIKE '%unsigned%'", "columns WHERE "+here+" ORDER BY ordinal_position")
	if err != nil {
		return err
	}
	kinds := map[string]string{}
	t.keys, t.ordinals, t.unsigned, t.renewed = nil, nil, nil, nil
	for _, c := range columns {
		kinds[c[0]] = c[3]
		if c[2] == "1" {
			t.keys, t.ordinals = append(t.keys, c[0]), append(t.ordinals, c[1])
			if c[5] == "1" {
				t.unsigned = append(t.unsigned, c[1])
			}
		}
		if c[4] == "1" {
			t.renewed = append(t.renewed, c[0])
		}
	}
	if len(t.keys) == 0 {
		return recovery.Refuse("%s has no primary key: its rows cannot be told from each other", t.Table)
	}
	for _, c := range t.Columns {
		if kind, ok := kinds[c]; !ok || kind == "float" {
			return recovery.Refuse("column %s of %s is %q: want one that is there and no float, of which six digits would be put back", c, t.Table, kind)
		}
	}
	triggers, err := ask("trigger_name", fmt.Sprintf("triggers WHERE event_object_schema = '%s' AND event_object_table = '%s' AND event_manipulation = 'UPDATE'", t.database, t.name))
	if err != nil {
		return err
	}
	if len(triggers) > 0 {
		return recovery.Refuse("%s has the trigger %s: it would do its work again for each row that is put back", t.Table, triggers[0][0])
	}
	return nil
}

// count tells how many rows look damaged.
func (t *table) count(ctx context.Context, h mysqlhost.Host) (int, error) {
	out, err := h.SQL(ctx, fmt.Sprintf("SELECT count(*) FROM %s.%s WHERE %s", quoted(t.database), quoted(t.name), t.Poison))
	if err != nil {
		return 0, fmt.Errorf("look for damage in %s: %w", t.Table, err)
	}
	return strconv.Atoi(out)
}

// good is the name of the table of good rows.
func good(i int) string { return "gameday_good_" + strconv.Itoa(i) }

// create makes a table of the keys and the damaged columns, under names that are none of the damaged table's: k_0, v_0.
func (t *table) create(where string, i int) string {
	var columns, keys []string
	for j, k := range t.keys {
		columns = append(columns, fmt.Sprintf("%s AS k_%d", quoted(k), j))
		keys = append(keys, fmt.Sprintf("k_%d", j))
	}
	for j, c := range t.Columns {
		columns = append(columns, fmt.Sprintf("%s AS v_%d", quoted(c), j))
	}
	return fmt.Sprintf("CREATE %s.%s (PRIMARY KEY (%s)) ENGINE = InnoDB SELECT %s FROM %s.%s WHERE FALSE",
		where, good(i), strings.Join(keys, ", "), strings.Join(columns, ", "), quoted(t.database), quoted(t.name))
}

// bring are the statements that make a temporary table of the good rows, before their dump and after it. They were read with
// their moments in UTC, which their dump does not say, because it is without a heading.
func (t *table) bring(i int) (before, after string) {
	return fmt.Sprintf("USE %s;\n%s;\nSET @gameday_zone = @@time_zone;\nSET time_zone = '+00:00';\n",
		quoted(t.database), t.create("TEMPORARY TABLE "+quoted(t.database), i)), "\nSET time_zone = @gameday_zone;\n"
}

// join is the condition that a row of the good ones (g) and of the table (t) are the same.
func (t *table) join() string {
	var same []string
	for j, k := range t.keys {
		same = append(same, fmt.Sprintf("t.%s = g.k_%d", quoted(k), j))
	}
	return strings.Join(same, " AND ")
}

// putBack are the statements for the primary. The rows are looked at once more when they are locked: who has written one
// rightly meanwhile keeps it.
func (t *table) putBack(i int) string {
	var set []string
	for j, c := range t.Columns {
		set = append(set, fmt.Sprintf("t.%s = g.v_%d", quoted(c), j))
	}
	for _, c := range t.renewed {
		if !slices.Contains(t.Columns, c) {
			set = append(set, fmt.Sprintf("t.%s = t.%s", quoted(c), quoted(c)))
		}
	}
	return fmt.Sprintf("UPDATE %s.%s t JOIN %s.%s g ON %s SET %s WHERE coalesce((%s), FALSE);\nSELECT '%s', row_count();\n",
		quoted(t.database), quoted(t.name), quoted(t.database), good(i), t.join(), strings.Join(set, ", "), t.Poison, t.Table)
}

func quoted(name string) string { return "`" + name + "`" }

func list(columns []string) string { return "`" + strings.Join(columns, "`, `") + "`" }
