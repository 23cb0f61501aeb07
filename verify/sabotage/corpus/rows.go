package corpus

import (
	"encoding/hex"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
)

// filled lists the tables that have rows, parents first.
func filled(engine string) []string {
	all := []string{"person", "visit", "customer", "payment", "payment_log", "ticket", "document", "price", "total"}
	switch engine {
	case Postgres:
		return append(all, "cache", "tenant_note")
	case SQLite:
		return append(all, "search")
	}
	return append(all, "cache")
}

// Reload are the statements that make a table of the bench as it was. One that others point to cannot be reloaded.
func Reload(table, engine string) []string {
	return []string{"DELETE FROM " + table, values(table, engine)}
}

// raw is SQL that stands for itself; every other value is written as a literal.
type raw string

var (
	firsts = []string{"Ana", "Björn", "Chloé", "Dmitri", "Émile", "Fatıma", "Giò", "Håkon", "李", "🙂 Jo"}
	lasts  = []string{"O'Neil", "Müller", "Şahin", "d'Arc", "Nguyễn", "Ørsted", "王", "Ivanov", "Smith", "Zoë"}
)

// values is the statement that fills a table.
func values(table, engine string) string {
	columns, rows := rowsOf(table, engine)
	var b strings.Builder
	fmt.Fprintf(&b, "INSERT INTO %s (%s) VALUES\n", table, strings.Join(columns, ", "))
	for i, r := range rows {
		parts := make([]string, len(r))
		for k, v := range r {
			parts[k] = literal(v, engine)
		}
		if i > 0 {
			b.WriteString(",\n")
		}
		b.WriteString("(" + strings.Join(parts, ", ") + ")")
	}
	return b.String()
}

func literal(v any, engine string) string {
	switch v := v.(type) {
	case nil:
		return "NULL"
	case raw:
		return string(v)
	case bool:
		if engine == Postgres {
			return map[bool]string{true: "true", false: "false"}[v]
		}
		return map[bool]string{true: "1", false: "0"}[v]
	case []byte:
		if engine == Postgres {
			return `'\x` + hex.EncodeToString(v) + "'"
		}
		return "X'" + hex.EncodeToString(v) + "'"
	case string:
		return "'" + strings.ReplaceAll(v, "'", "''") + "'"
	}
	return fmt.Sprint(v)
}

const people = 120

func rowsOf(table, engine string) (columns []string, rows [][]any) {
	r := rand.New(rand.NewPCG(7, 7)) //nolint:gosec // the same rows everywhere
	add := func(row ...any) { rows = append(rows, row) }
	switch table {
	case "person":
		columns = []string{"id", "first", "last", "email", "city", "note", "born", "active", "balance", "ratio", "number", "counter", "seen", "payload", "doc", "uid", "secret"}
		for i := range people {
			row := person(i, engine, r)
			if engine == MySQL || engine == MariaDB { // as a column's default it would be printed, and be another number
				row = append(row, 16777215)
			}
			add(row...)
		}
		if engine == MySQL || engine == MariaDB {
			columns = append(columns, "narrow")
		}
	case "visit":
		columns = []string{"who", "at", "place"}
		for i := range 60 {
			row := []any{fmt.Sprintf("visitor %d", i%17), fmt.Sprintf("2026-03-%02d 08:00:00.123456", 1+i%28), any("gate")}
			if i%5 == 0 {
				row[2] = nil
			}
			add(row...)
			if i%3 == 0 { // rows that are there twice
				add(slices.Clone(row)...)
			}
		}
	case "customer":
		columns = []string{"id", "code", "name"}
		for i := range 20 {
			add(i+1, fmt.Sprintf("C%03d", i), "Customer "+lasts[i%10])
		}
	case "payment":
		columns = []string{"id", "customer", "amount", "memo", "status", "made"}
		if engine == MySQL || engine == MariaDB {
			columns = append(columns, "changed")
		}
		for i := range 200 {
			row := []any{i + 1, 1 + i%20, raw(fmt.Sprintf("%d.%02d", 10+i, i%100)), fmt.Sprintf("payment %d", i), []string{"new", "paid"}[i%2], fmt.Sprintf("2026-02-%02d", 1+i%28)}
			if len(columns) == 7 {
				row = append(row, "2026-01-01 00:00:00")
			}
			add(row...)
		}
	case "payment_log":
		columns = []string{"payment", "status"}
		for i := range 30 {
			add(i+1, "new")
		}
	case "ticket":
		columns = []string{"id", "region", "text"}
		for i := range 80 {
			region := any([]string{"north", "south"}[i%2])
			if engine == MySQL || engine == MariaDB {
				region = 1 + i%2
			}
			add(i+1, region, fmt.Sprintf("ticket %d", i))
		}
	case "document", "search":
		columns = []string{"id", "title", "body"}
		if table == "search" {
			columns[0] = "rowid"
		}
		for i := range 6 {
			add(i+1, fmt.Sprintf("document %d", i), letters(r, 9000))
		}
	case "price":
		columns = []string{"id", "cents"}
		for i := range 50 {
			add(i+1, 100+i)
		}
	case "total":
		columns = []string{"day", "amount"}
		for i := range 28 {
			add(fmt.Sprintf("2026-02-%02d", i+1), raw(fmt.Sprintf("%d.50", 1000+i)))
		}
	case "cache":
		columns = []string{"id", "value"}
		for i := range 25 {
			add(i+1, fmt.Sprintf("value %d", i))
		}
	case "tenant_note", "note":
		columns = []string{"id", "tenant", "text"}
		if table == "note" {
			columns = []string{"id", "text"}
		}
		for i := range 30 {
			row := []any{i + 1, "bench_writer", fmt.Sprintf("note %d", i)}
			if table == "note" {
				row = slices.Delete(row, 1, 2)
			}
			add(row...)
		}
	default:
		panic("no rows are known of table " + table)
	}
	return columns, rows
}

// person is a row with a value of every type that is easily got wrong.
func person(i int, engine string, r *rand.Rand) []any {
	uid := make([]byte, 16)
	payload := make([]byte, 8+i%40)
	secret := make([]byte, 32)
	for _, b := range [][]byte{uid, payload, secret} {
		for k := range b {
			b[k] = byte(r.IntN(256)) //nolint:gosec // a byte
		}
	}
	first := firsts[i%10]
	if i%20 == 3 {
		first += strings.Repeat(" de la Cruz", 30) // longer than 255
	}
	city := any(fmt.Sprintf("Town %d", i%7))
	switch i % 6 {
	case 0:
		city = nil
	case 1:
		city = ""
	}
	last := lasts[(i/10)%10]
	id := any(uid)
	if engine == Postgres {
		id = fmt.Sprintf("%x-%x-%x-%x-%x", uid[:4], uid[4:6], uid[6:8], uid[8:10], uid[10:])
	}
	zone := ""
	if engine == Postgres {
		zone = "+00"
	}
	return []any{
		i + 1, first, last, fmt.Sprintf("Person.%d@Example.org", i), city, fmt.Sprintf("note %d é", i), fmt.Sprintf("19%02d-%02d-%02d", 50+i%50, 1+i%12, 1+i%28),
		i%3 == 0, raw(fmt.Sprintf("%d.%d00", 100+i, i%10)), raw(fmt.Sprintf("%.17g", 0.1+float64(i)/3)), raw(fmt.Sprint(9007199254740993 + int64(i)*2)),
		raw(fmt.Sprint(4294967295 - int64(i))), fmt.Sprintf("2026-01-%02d %02d:30:15.%06d%s", 1+i%28, i%24, 123456+i, zone), payload,
		fmt.Sprintf(`{"b": %d.50, "a": "x", "list": [1, 2]}`, i), id, secret,
	}
}

func letters(r *rand.Rand, n int) string {
	b := make([]byte, n)
	for i := range b {
		b[i] = "abcdefghijklmnopqrstuvwxyz0123456789 "[r.IntN(37)]
	}
	return string(b)
}
