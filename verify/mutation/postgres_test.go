package mutation_test

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/recoverydrill/gameday/fixtures"
	"github.com/recoverydrill/gameday/fixtures/postgres"
	"github.com/recoverydrill/gameday/fixtures/postgres/postgrestest"
)

const postgresModels = `
CREATE TYPE mood AS ENUM ('sad', 'ok', 'happy');
CREATE TYPE pair AS (a int, b text, c interval, d bytea, e timestamptz);
CREATE DOMAIN email AS text CHECK (VALUE LIKE '%@%');
CREATE DOMAIN price AS float8;
CREATE TYPE span AS RANGE (subtype = float8);
CREATE EXTENSION citext;
CREATE TABLE kinds (
  id int PRIMARY KEY, b bool, i2 int2, i8 int8, f4 float4, f8 float8, n numeric, n2 numeric(10,2), m money, t text, v varchar(20), c char(6),
  by bytea, d date, tm time, ttz timetz, ts timestamp, tstz timestamptz, iv interval, u uuid, j json, jb jsonb, x xml, bi bit(8), vb varbit,
  ip inet, cd cidr, mac macaddr, mac8 macaddr8, pt point, ln line, ls lseg, bx box, pth path, pl polygon, ci2 circle, tv tsvector, tq tsquery, ia int[], ta text[], r int4range, tr tstzrange,
  mr int4multirange, l pg_lsn, ch "char", na name, o oid, xs pg_snapshot, rc regclass, mo mood, moa mood[], pa pair, em email, pr price, sp span, ci citext, jp jsonpath, g int GENERATED ALWAYS AS (i2 * 2) STORED);
INSERT INTO kinds SELECT g, g % 2 = 0, g, g * 10000000000, g + 0.5, g + 0.1, g + 0.10, g, g::money, 'text ü ' || g, 'v' || g, 'c' || g,
  decode(md5(g::text), 'hex'), '2026-01-01'::date + g, '10:00:00.123456', '10:00:00.123456+02', '2026-01-01 10:00:00.123456'::timestamp + g * interval '1 h',
  '2026-01-01 10:00:00.123456+00'::timestamptz + g * interval '1 h', '1 mon 2 days 03:04:05.678'::interval, md5(g::text)::uuid,
  '{"a": 1,  "b": [1, 2]}', '{"a": 1.50}', '<a>1</a>', B'10101010', B'101', '10.0.0.1/8', '10.0.0.0/8', '08:00:2b:01:02:03', '08:00:2b:01:02:03:04:05', point(g, g), '{1,2,3}', '[(1,2),(3,4)]', box(point(0, 0), point(g, g)),
  '[(1,1),(2,2)]', '((1,1),(2,2),(3,1))', '<(1,1),3>', 'fat:1 cat:2', 'fat & cat', ARRAY[g, NULL], ARRAY['a', NULL, 'NULL', ''], int4range(g, g + 5), tstzrange('2026-01-01', '2026-02-01'),
  '{[1,3),[5,9)}', '0/1000', 'a', 'name' || g, g, '10:20:10,14', 'pg_class'::regclass, 'ok', '{sad,happy}', ROW(g, 'p', '1 day 2 hours', '\xff00', '2026-01-01 00:00+00')::pair, 'a' || g || '@b.c', g / 3.0::float8, span(g, g + 1), 'Case', '$.a' FROM generate_series(1, 20) g;
CREATE TABLE keyless (at int, what text); INSERT INTO keyless SELECT g / 2, 'w' || g / 2 FROM generate_series(0, 39) g;
CREATE TABLE pairs (k text, l text, val int, note text, PRIMARY KEY (k, l));
INSERT INTO pairs VALUES ('a|b', 'c', 1, 'x'), ('a', 'b|c', 2, NULL), ('it''s', '', 3, ''), ('', '1.5', 4, 'y'), ('x\y', '1.5', 5, 'z'), ('ü', '😀', 6, '|');
CREATE TABLE parts (id int NOT NULL, year int NOT NULL, what text, PRIMARY KEY (id, year)) PARTITION BY LIST (year);
CREATE TABLE parts_25 PARTITION OF parts FOR VALUES IN (2025); CREATE TABLE parts_rest PARTITION OF parts DEFAULT;
INSERT INTO parts SELECT g, 2025 + g % 3, 'h' || g FROM generate_series(1, 30) g;
CREATE TABLE large (id int PRIMARY KEY, t text, b bytea); ALTER TABLE large ALTER t SET STORAGE EXTERNAL;
INSERT INTO large SELECT g, repeat(md5(g::text), 1500), decode(repeat(md5('b' || g), 2000), 'hex') FROM generate_series(1, 5) g;
`

var (
	pgText = []string{
		"overlay($c::text placing '$l' from 1 + $r % greatest(length($c::text), 1) for 1)", "$c || ' '", "' ' || $c", "upper($c)", "lower($c)",
		"left($c::text, -1)", "''", "NULL", "$c || U&'\\0301'", "replace($c, 'ü', U&'u\\0308')", "rtrim($c::text)", "replace($c, 'ü', 'Ã¼')",
	}
	pgBytes = []string{"set_byte($c, $r % length($c), get_byte($c, $r % length($c)) # $b)", "$c || '\\x00'", "substr($c, 2)", "''", "NULL", "convert_to(encode($c, 'hex'), 'UTF8')"}
	pgWhole = []string{"$c + 1", "$c - 1", "-$c", "NULL", "0", "$c # $b"}
	pgTimes = []string{"$c + interval '1 microsecond'", "$c - interval '1 hour'", "NULL"}
	pgKinds = []column{
		{"b", []string{"NOT $c", "NULL"}},
		{"i2", pgWhole},
		{"i8", append([]string{"$c + 4294967296", "($c::float4)::int8"}, pgWhole...)},
		{"f4", []string{"($c::float8 * 1.0000002)::float4", "-$c", "NULL", "'NaN'", "'-0'", "'Infinity'"}},
		{"f8", []string{"$c * 1.0000000000000002::float8", "-$c", "NULL", "'NaN'", "'-0'", "round($c::numeric, 6)::float8"}},
		{"n", []string{"$c + 0.01", "round($c, 3)", "-$c", "$c + 1e-20", "NULL", "'NaN'", "trunc($c)"}},
		{"n2", []string{"$c + 0.01", "-$c", "NULL"}},
		{"m", []string{"$c + '0.01'::money", "NULL"}},
		{"t", pgText},
		{"v", pgText},
		{"c", pgText},
		{"by", pgBytes},
		{"d", []string{"$c + 1", "$c - 365", "NULL", "'infinity'"}},
		{"tm", pgTimes},
		{"ttz", append([]string{"'09:00:00.123456+01'"}, pgTimes...)},
		{"ts", append([]string{"date_trunc('second', $c)", "'1970-01-01'"}, pgTimes...)},
		{"tstz", append([]string{"date_trunc('second', $c)", "'infinity'"}, pgTimes...)},
		{"iv", append([]string{"'32 days 03:04:05.678'", "justify_hours($c + interval '24 hours')", "'1 mon 2 days 03:04:05.678'"}, pgTimes...)},
		{"u", []string{"overlay($c::text placing to_hex($r % 16) from 1 + $r % 8 for 1)::uuid", "NULL"}},
		{"j", []string{"replace($c::text, '  ', ' ')::json", "replace($c::text, '1', '1.0')::json", "'{\"b\": [1, 2], \"a\": 1}'", "NULL", "'null'"}},
		{"jb", []string{"'{\"a\": 1.5}'", "$c || '{\"z\": null}'", "NULL", "'null'", "'{\"a\": \"1.50\"}'"}},
		{"x", []string{"'<a> 1</a>'", "'<a>2</a>'", "NULL", "'<a  >1</a>'"}},
		{"bi", []string{"set_bit($c, $r % 8, 1 - get_bit($c, $r % 8))", "NULL"}},
		{"vb", []string{"$c || B'0'", "B'0101'", "B''", "NULL"}},
		{"ip", []string{"$c + 1", "set_masklen($c, 9)", "NULL", "'::1'"}},
		{"cd", []string{"'11.0.0.0/8'", "'10.0.0.0/9'", "NULL"}},
		{"mac", []string{"trunc($c)", "~$c", "NULL"}},
		{"mac8", []string{"trunc($c)", "NULL"}},
		{"pt", []string{"point($c[0], $c[1] + 1e-9)", "point($c[1] + 1, $c[0])", "NULL"}},
		{"ln", []string{"'{1,2,3.0000000001}'", "NULL"}},
		{"ls", []string{"'[(3,4),(1,2)]'", "NULL"}},
		{"bx", []string{"$c + point(0, 1e-9)", "NULL"}},
		{"pth", []string{"pclose($c)", "'((1,1),(2,2))'", "NULL"}},
		{"pl", []string{"'((2,2),(3,1),(1,1))'", "NULL"}},
		{"ci2", []string{"'<(1,1),3.0000000001>'", "NULL"}},
		{"tv", []string{"setweight($c, 'B')", "strip($c)", "NULL"}},
		{"tq", []string{"!!$c", "'fat | cat'", "NULL"}},
		{"ia", []string{"$c || 0", "array_append($c, NULL)", "'[0:1]={3,NULL}'", "NULL", "'{}'"}},
		{"ta", []string{"array_replace($c, NULL, '')", "array_replace($c, 'NULL', NULL)", "NULL"}},
		{"r", []string{"int4range(lower($c), upper($c) + 1)", "'empty'", "int4range(lower($c), upper($c) - 1, '[]')", "NULL"}},
		{"tr", []string{"tstzrange(lower($c), upper($c), '[]')", "tstzrange(lower($c), NULL)", "NULL"}},
		{"mr", []string{"'{[1,3),[5,8)}'", "'{}'", "NULL"}},
		{"l", []string{"$c + 1", "NULL"}},
		{"ch", []string{"'$l'", "NULL"}},
		{"na", []string{"'name'", "NULL"}},
		{"o", []string{"($c::int8 + 1)::oid", "NULL"}},
		{"xs", []string{"'10:20:10,15'", "NULL"}},
		{"rc", []string{"'pg_type'", "NULL"}},
		{"mo", []string{"'happy'", "'sad'", "NULL"}},
		{"moa", []string{"'{happy,sad}'", "array_append($c, NULL)", "NULL"}},
		{"pa", []string{"ROW(($c).a + 1, ($c).b, ($c).c, ($c).d, ($c).e)::pair", "ROW(($c).a, ($c).b, '26 hours', ($c).d, ($c).e)::pair", "ROW(NULL, NULL, NULL, NULL, NULL)::pair", "NULL"}},
		{"em", []string{"upper($c)", "$c || ' '", "NULL"}},
		{"pr", []string{"$c * 1.0000000000000002::float8", "NULL"}},
		{"sp", []string{"span(lower($c), upper($c), '[]')", "NULL"}},
		{"ci", []string{"upper($c::text)", "lower($c::text)", "NULL"}},
		{"jp", []string{"'$.b'", "'strict $.a'", "NULL"}},
	}
)

// newPostgres makes a server with the models.
func newPostgres(t *testing.T) *engine {
	t.Helper()
	return postgresEngine(t, postgrestest.Local(t, postgres.Cluster{}))
}

// postgresEngine makes the models in a server's main database.
func postgresEngine(t *testing.T, s *postgres.System) *engine {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), s.DSN("", "app", postgres.RoleOwner))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close(context.Background()) })
	exec := func(ctx context.Context, statements ...string) error {
		_, err := conn.PgConn().Exec(ctx, strings.Join(statements, ";")).ReadAll()
		return err
	}
	if err := exec(t.Context(), "SET synchronous_commit = off", postgresModels); err != nil {
		t.Fatal(err)
	}
	numbered := func(_ string, n int) string { return fmt.Sprintf("id = %d", n+1) }
	id := func(n int) string { return fmt.Sprint(n + 1) }
	names := []string{"id"}
	for _, c := range pgKinds {
		names = append(names, c.name)
	}
	return &engine{
		name: "PostgreSQL " + s.Info().Version, database: "app", exec: exec,
		snapshot: func(ctx context.Context) (fixtures.Snapshot, error) { return s.Snapshot(ctx, "") },
		stored: func(ctx context.Context, _ shape, table string) ([]string, error) {
			var b bytes.Buffer
			if _, err := conn.PgConn().CopyTo(ctx, &b, "COPY (SELECT tableoid, * FROM "+table+") TO STDOUT (FORMAT binary)"); err != nil {
				return nil, err
			}
			return tuples(b.Bytes())
		},
		copyOf: func(s shape, table string) []string {
			if s.model != "parts" {
				return []string{"CREATE TABLE " + table + " (LIKE " + s.model + " INCLUDING ALL)"}
			}
			return []string{
				"CREATE TABLE " + table + " (LIKE parts INCLUDING ALL) PARTITION BY LIST (year)",
				"CREATE TABLE " + table + "_25 PARTITION OF " + table + " FOR VALUES IN (2025)", "CREATE TABLE " + table + "_rest PARTITION OF " + table + " DEFAULT",
			}
		},
		shapes: []shape{
			{model: "kinds", rows: 20, row: numbered, key: id, copied: strings.Join(names, ", "), twin: map[string]string{"id": "id + 1000"}, columns: pgKinds},
			{
				model: "keyless", rows: 40, copied: "*", columns: []column{{"at", pgWhole}, {"what", pgText}},
				row: func(table string, n int) string {
					return fmt.Sprintf("ctid = (SELECT ctid FROM %s ORDER BY ctid LIMIT 1 OFFSET %d)", table, n)
				},
			},
			{model: "kinds", rows: 20, row: numbered, key: id, copied: strings.Join(names, ", "), twin: map[string]string{"id": "id + 1000"}, columns: pgKinds},
			{
				model: "pairs", rows: 6, copied: "k, l, val, note", twin: map[string]string{"k": "k || 'z'"}, columns: []column{{"val", pgWhole}, {"note", pgText}, {"k", pgText}, {"l", pgText}},
				row: func(_ string, n int) string { return fmt.Sprintf("val = %d", n+1) },
			},
			{model: "parts", rows: 30, row: numbered, copied: "id, year, what", twin: map[string]string{"id": "id + 1000"}, columns: []column{{"year", []string{"$c + 1", "$c - 1", "2025"}}, {"what", pgText}}},
			{model: "large", rows: 5, row: numbered, key: id, copied: "id, t, b", twin: map[string]string{"id": "id + 1000"}, columns: []column{
				{"t", append([]string{"overlay($c placing '$l' from 1 + $r % length($c) for 1)"}, pgText...)}, {"b", pgBytes},
			}},
		},
	}
}

// tuples takes apart what COPY writes in its binary format.
func tuples(b []byte) (rows []string, err error) {
	const head = 11 + 4 + 4
	if !bytes.HasPrefix(b, []byte("PGCOPY\n\xff\r\n\x00")) || len(b) < head {
		return nil, errors.New("no binary copy")
	}
	for b = b[head:]; ; {
		if len(b) < 2 {
			return nil, errors.New("the copy ends early")
		}
		fields := int16(binary.BigEndian.Uint16(b)) //nolint:gosec // as it is defined
		if fields == -1 {
			return rows, nil
		}
		end := 2
		for range fields {
			length := int32(binary.BigEndian.Uint32(b[end:])) //nolint:gosec // as it is defined
			end += 4 + int(max(length, 0))
		}
		rows = append(rows, string(b[:end]))
		b = b[end:]
	}
}

func TestContentsOfPostgres(t *testing.T) {
	e := newPostgres(t)
	e.campaign(t, size(150, 10_000), 100)
}
