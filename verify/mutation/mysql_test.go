package mutation_test

import (
	"context"
	"database/sql"
	"fmt"
	"strings"
	"testing"
	"time"

	driver "github.com/go-sql-driver/mysql"

	"github.com/recoverydrill/gameday/fixtures"
	"github.com/recoverydrill/gameday/fixtures/container"
	"github.com/recoverydrill/gameday/fixtures/images"
	"github.com/recoverydrill/gameday/fixtures/mysql"
	"github.com/recoverydrill/gameday/fixtures/process"
)

const mysqlModels = `CREATE TABLE kinds (id int PRIMARY KEY, ti tinyint, si smallint unsigned, mi mediumint, i int unsigned, bi bigint unsigned, n decimal(20,4),
 f float, d double, z int unsigned, b bit(1), b64 bit(64), dt date, tm time(6), dtm datetime(6), ts timestamp(6) NULL, y year,
 c char(20), v varchar(50), vl varchar(50) CHARACTER SET latin1, vu varchar(50) CHARACTER SET utf16, bn binary(4), vb varbinary(20),
 tt tinytext, tx text, mt mediumtext, lt longtext, tl longtext CHARACTER SET latin1, tb tinyblob, bl blob, mb mediumblob, lb longblob, e enum('', 'a', 'b', 'ü'), st set('x', 'y', 'z', 'w'),
 j json, g geometry, pt point, sg int GENERATED ALWAYS AS (ti * 2) STORED, vg int GENERATED ALWAYS AS (ti + 1) VIRTUAL, KEY (vg), KEY (v), KEY (e), KEY (b64), KEY (ts)) CHARACTER SET utf8mb4;
INSERT INTO kinds (id, ti, si, mi, i, bi, n, f, d, z, b, b64, dt, tm, dtm, ts, y, c, v, vl, vu, bn, vb, tt, tx, mt, lt, tl, tb, bl, mb, lb, e, st, j, g, pt)
WITH RECURSIVE s (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM s WHERE n < 20)
SELECT n, n, n * 1000, -n, n * 100000000, 9007199254740993 + n, n * 1.5, n + 0.1e0, n / 7e0, n, n % 2, n, '2026-01-01' + INTERVAL n DAY,
 SEC_TO_TIME(n * 1000.123456), '2026-01-02 03:04:05.678901' + INTERVAL n MINUTE, '2026-03-29 00:04:05.678901' + INTERVAL n HOUR, 2000 + n,
 CONCAT('c', n), CONCAT('Case ', n), CONCAT('ü', n), CONCAT('😀', n), UNHEX(LPAD(HEX(n), 8, '0')), UNHEX(LPAD(HEX(n + 256), 4, '0')),
 CONCAT('tt', n), CONCAT('tx', n), CONCAT('mt', n), CONCAT('lt ü', n), CONCAT('tl ü', n), UNHEX(LPAD(HEX(n), 4, '0')), UNHEX(LPAD(HEX(n), 4, '0')), UNHEX(LPAD(HEX(n), 4, '0')), UNHEX(LPAD(HEX(n), 4, '0')),
 ELT(n % 4 + 1, '', 'a', 'b', 'ü'), ELT(n % 3 + 1, 'x', 'x,y', 'z,w'), CONCAT('{"a": ', n, ', "b": [1, 2.50, null], "s": "ü"}'),
 ST_GeomFromText(CONCAT('LINESTRING(0 0,', n, ' 1)')), ST_GeomFromText(CONCAT('POINT(', n, ' 1)')) FROM s;
CREATE TABLE keyless (at int, what varchar(40) CHARACTER SET utf8mb4);
INSERT INTO keyless WITH RECURSIVE s (n) AS (SELECT 0 UNION ALL SELECT n + 1 FROM s WHERE n < 39) SELECT n DIV 2, CONCAT('w', n DIV 2) FROM s;
CREATE TABLE pairs (k varchar(40) COLLATE utf8mb4_bin, l varchar(40) COLLATE utf8mb4_bin, val int, note varchar(40), PRIMARY KEY (k, l)) CHARACTER SET utf8mb4;
INSERT INTO pairs VALUES ('a|b', 'c', 1, 'x'), ('a', 'b|c', 2, NULL), ('it''s', '', 3, ''), ('', '1.5', 4, 'y'), ('x/y', '1.5', 5, 'z'), ('ü', '😀', 6, '|');
CREATE TABLE parts (id int NOT NULL, year int NOT NULL, what varchar(40), PRIMARY KEY (id, year)) CHARACTER SET utf8mb4
 PARTITION BY RANGE (year) (PARTITION p25 VALUES LESS THAN (2026), PARTITION p26 VALUES LESS THAN (2027), PARTITION later VALUES LESS THAN MAXVALUE);
INSERT INTO parts WITH RECURSIVE s (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM s WHERE n < 30) SELECT n, 2025 + n % 3, CONCAT('h', n) FROM s;
CREATE TABLE large (id int PRIMARY KEY, t longtext CHARACTER SET utf8mb4, b longblob);
INSERT INTO large WITH RECURSIVE s (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM s WHERE n < 5) SELECT n, REPEAT(CONCAT('ü', n, 'xyz '), 8000), REPEAT(SHA2(n, 256), 700) FROM s;
`

var (
	myText = []string{
		"INSERT($c, 1 + $r % GREATEST(CHAR_LENGTH($c), 1), 1, '$l')", "CONCAT($c, ' ')", "CONCAT(' ', $c)", "UPPER($c)", "LOWER($c)", "LEFT($c, CHAR_LENGTH($c) - 1)", "''", "NULL",
		"CONCAT($c, _utf8mb4 X'CC81')", "REPLACE($c, 'ü', 'u')", "REPLACE($c, 'ü', 'Ã¼')", "RTRIM($c)", "CONCAT($c, CHAR(0 USING utf8mb4))", "REPLACE($c, '😀', '?')",
	}
	myBytes = []string{"INSERT($c, 1 + $r % LENGTH($c), 1, CHAR($b))", "CONCAT($c, X'00')", "LEFT($c, LENGTH($c) - 1)", "''", "NULL", "X'FF'", "HEX($c)", "REVERSE($c)"}
	myWhole = []string{"$c + 1", "$c - 1", "$c ^ $b", "-$c", "NULL", "0"}
	myTimes = []string{"$c + INTERVAL 1 MICROSECOND", "$c - INTERVAL 1 HOUR", "NULL"}
	myKinds = []column{
		{"ti", myWhole},
		{"si", myWhole},
		{"mi", myWhole},
		{"i", myWhole},
		{"bi", append([]string{"CAST(CAST($c AS DOUBLE) AS UNSIGNED)"}, myWhole...)},
		{"n", []string{"$c + 0.0001", "-$c", "ROUND($c)", "NULL"}},
		{"f", []string{"CAST($c AS DOUBLE) * 1.0000002e0", "-$c", "NULL", "16777216", "16777215"}},
		{"d", []string{"$c * 1.0000000000000002e0", "-$c", "ROUND($c, 6)", "NULL", "0e0", "-0e0"}},
		{"z", myWhole},
		{"b", []string{"1 - $c", "NULL"}},
		{"b64", []string{"$c ^ $b", "$c + 0", "NULL"}},
		{"dt", []string{"$c + INTERVAL 1 DAY", "NULL"}},
		{"tm", []string{"ADDTIME($c, '00:00:00.000001')", "-$c", "NULL", "SEC_TO_TIME(TIME_TO_SEC($c))"}},
		{"dtm", myTimes},
		{"ts", myTimes},
		{"y", []string{"$c + 1", "NULL"}},
		{"c", myText},
		{"v", myText},
		{"vl", myText},
		{"vu", myText},
		{"bn", myBytes},
		{"vb", myBytes},
		{"tt", myText},
		{"tx", myText},
		{"mt", myText},
		{"lt", myText},
		{"tl", myText},
		{"tb", myBytes},
		{"bl", myBytes},
		{"mb", myBytes},
		{"lb", myBytes},
		{"e", []string{"'a'", "'b'", "'ü'", "''", "NULL"}},
		{"st", []string{"'x'", "'x,y'", "'y'", "''", "NULL"}},
		{"j", []string{"JSON_SET($c, '$.a', 77)", "JSON_SET($c, '$.s', 'u')", "JSON_REMOVE($c, '$.b[2]')", "'null'", "NULL", "JSON_SET($c, '$.a', '1')", "JSON_SET($c, '$.b[1]', 2.51)"}},
		{"g", []string{"ST_GeomFromText('LINESTRING(0 0,3.0000000000000004 1)')", "NULL", "ST_GeomFromText('POINT(1 1)')"}},
		{"pt", []string{"ST_GeomFromText('POINT(1 1.0000000001)')", "ST_GeomFromText('POINT(1 3)')", "NULL"}},
	}
)

// openMySQL starts a server as a drill has one: of this machine's own binaries where it has them, else in a container.
func openMySQL(t *testing.T, flavour mysql.Flavour, data fixtures.Dataset) *mysql.System {
	t.Helper()
	if testing.Short() {
		t.Skip("needs a server")
	}
	ctx := t.Context()
	run, err := fixtures.NewRun(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	version := map[mysql.Flavour]string{mysql.MySQL: "9.7", mysql.MariaDB: "11.8"}[flavour]
	var p interface {
		fixtures.Provider
		Close(ctx context.Context) error
	}
	if _, missing := process.Find(ctx, string(flavour), "10.11"); flavour == mysql.MariaDB && missing == nil {
		version = "10.11"
		p, err = process.New(ctx, run, process.Options{Log: t.Output()})
	} else {
		p, err = container.New(ctx, run, container.Options{Images: images.New(images.Options{Build: true, Log: t.Output()})})
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := p.Close(context.Background()); err != nil {
			t.Error(err)
		}
	})
	// Thousands of small transactions, none of which has to outlive the machine.
	s, err := mysql.Cluster{Flavour: flavour, Version: version, Dataset: data, Settings: map[string]string{"sync_binlog": "0", "innodb_flush_log_at_trx_commit": "0"}}.Open(ctx, run, p)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
		defer cancel()
		if err := s.Close(ctx); err != nil {
			t.Error(err)
		}
	})
	return s
}

// newMySQL makes a server with the models.
func newMySQL(t *testing.T, flavour mysql.Flavour) *engine {
	t.Helper()
	return mysqlEngine(t, openMySQL(t, flavour, nil))
}

// mysqlEngine makes the models in a server's main database.
func mysqlEngine(t *testing.T, s *mysql.System) *engine {
	t.Helper()
	conn := mysqlSession(t, s, "app")
	exec := func(ctx context.Context, statements ...string) error {
		for _, text := range statements {
			if _, err := conn.ExecContext(ctx, text); err != nil {
				return err
			}
		}
		return nil
	}
	if err := exec(t.Context(), mysqlModels); err != nil {
		t.Fatal(err)
	}
	numbered := func(_ string, n int) string { return fmt.Sprintf("id = %d", n+1) }
	id := func(n int) string { return fmt.Sprint(n + 1) }
	names := []string{"id"}
	for _, c := range myKinds {
		names = append(names, c.name)
	}
	kinds := shape{model: "kinds", rows: 20, row: numbered, key: id, copied: strings.Join(names, ", "), twin: map[string]string{"id": "id + 1000"}, columns: myKinds}
	return &engine{
		name: s.Info().Engine + " " + s.Info().Version, database: "app", exec: exec,
		snapshot: func(ctx context.Context) (fixtures.Snapshot, error) { return s.Snapshot(ctx, "") },
		stored: func(ctx context.Context, s shape, table string) ([]string, error) {
			return mysqlStored(ctx, conn, s, table)
		},
		copyOf: func(s shape, table string) []string { return []string{"CREATE TABLE " + table + " LIKE " + s.model} },
		shapes: []shape{
			kinds,
			{model: "keyless", rows: 40, copied: "*", columns: []column{{"at", myWhole}, {"what", myText}}, row: func(_ string, n int) string { return fmt.Sprintf("at = %d LIMIT 1", n/2) }},
			kinds,
			{
				model: "pairs", rows: 6, copied: "k, l, val, note", twin: map[string]string{"k": "CONCAT(k, 'z')"}, columns: []column{{"val", myWhole}, {"note", myText}, {"k", myText}, {"l", myText}},
				row: func(_ string, n int) string { return fmt.Sprintf("val = %d", n+1) },
			},
			{model: "parts", rows: 30, row: numbered, copied: "id, year, what", twin: map[string]string{"id": "id + 1000"}, columns: []column{{"year", []string{"$c + 1", "$c - 1", "2025"}}, {"what", myText}}},
			{model: "large", rows: 5, row: numbered, key: id, copied: "id, t, b", twin: map[string]string{"id": "id + 1000"}, columns: []column{{"t", myText}, {"b", myBytes}}},
		},
	}
}

// mysqlSession is one connection as the owner.
func mysqlSession(t *testing.T, s *mysql.System, database string) *sql.Conn {
	t.Helper()
	config, err := driver.ParseDSN(s.DSN("", database, mysql.RoleOwner))
	if err != nil {
		t.Fatal(err)
	}
	config.MultiStatements, config.Logger, config.ParseTime = true, &driver.NopLogger{}, false
	connector, err := driver.NewConnector(config)
	if err != nil {
		t.Fatal(err)
	}
	db := sql.OpenDB(connector)
	t.Cleanup(func() { _ = db.Close() })
	conn, err := db.Conn(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := conn.ExecContext(t.Context(), "SET NAMES utf8mb4, time_zone = '+00:00'"); err != nil {
		t.Fatal(err)
	}
	return conn
}

// mysqlStored reads the values in the protocol's binary form, texts as their bytes.
func mysqlStored(ctx context.Context, conn *sql.Conn, s shape, table string) (rows []string, err error) {
	columns := []string{"id"}
	if s.copied == "*" || s.model == "pairs" {
		columns = nil
	}
	for _, c := range s.columns {
		switch c.name {
		case "c", "v", "vl", "vu", "tt", "tx", "mt", "lt", "tl", "what", "k", "l", "note", "t":
			columns = append(columns, "CAST("+c.name+" AS BINARY)")
		case "e", "st":
			columns = append(columns, c.name+" + 0", c.name)
		default:
			columns = append(columns, c.name)
		}
	}
	prepared, err := conn.PrepareContext(ctx, "SELECT "+strings.Join(columns, ", ")+" FROM "+table)
	if err != nil {
		return nil, err
	}
	defer prepared.Close() //nolint:errcheck // only read
	result, err := prepared.QueryContext(ctx)
	if err != nil {
		return nil, err
	}
	defer result.Close() //nolint:errcheck // only read
	for result.Next() {
		values, into := make([]any, len(columns)), make([]any, len(columns))
		for i := range values {
			into[i] = &values[i]
		}
		if err := result.Scan(into...); err != nil {
			return nil, err
		}
		var row strings.Builder
		for _, v := range values {
			fmt.Fprintf(&row, "%T %v|", v, v)
		}
		rows = append(rows, row.String())
	}
	return rows, result.Err()
}

func TestContentsOfMySQL(t *testing.T) {
	for _, flavour := range []mysql.Flavour{mysql.MySQL, mysql.MariaDB} {
		t.Run(string(flavour), func(t *testing.T) {
			newMySQL(t, flavour).campaign(t, size(60, 10_000), 60)
		})
	}
}
