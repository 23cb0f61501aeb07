package mutation_test

import (
	"context"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/recoverydrill/gameday/fixtures"
	"github.com/recoverydrill/gameday/fixtures/mysql"
	"github.com/recoverydrill/gameday/fixtures/postgres"
	"github.com/recoverydrill/gameday/fixtures/postgres/postgrestest"
	"github.com/recoverydrill/gameday/reports"
	"github.com/recoverydrill/gameday/verify"
)

// million is a table of a million rows of 12 columns and some 290 bytes with two indexes beside its key.
type million struct {
	*engine
	make   []string // one statement after another
	damage func(ids []string) string
	lose   func(ids []string) string
	legs   fixtures.Examiner
}

// onMillion surveys the table, damages 1 row, 10 and 1,000 in all, and wants exactly those to be named; and prints how
// long everything took.
func onMillion(t *testing.T, m million) {
	t.Helper()
	if os.Getenv("GAMEDAY_TESTS") != "all" {
		t.Skip("a million rows: GAMEDAY_TESTS=all")
	}
	ctx := t.Context()
	began := time.Now()
	for _, s := range m.make {
		if err := m.exec(ctx, s); err != nil {
			t.Fatal(err)
		}
	}
	t.Logf("%s: a million rows made in %.1f s", m.name, time.Since(began).Seconds())
	rng := rand.New(rand.NewPCG(seedOf(t), 17))
	dir := t.TempDir()
	was, spent := m.timed(t, filepath.Join(dir, "base"), nonceOf(rng), nil)
	m.table(t, "baseline", spent)
	if m.legs != nil {
		for leg, look := range map[string]func(context.Context, string, *fixtures.Manifest) ([]fixtures.Examined, error){"constraints": m.legs.Revalidate, "engine's checkers": m.legs.Examine} {
			began := time.Now()
			looked, err := look(ctx, "", was)
			t.Logf("%s: %s: %d things in %.2f s (%v)", m.name, leg, len(looked), time.Since(began).Seconds(), err)
		}
	}
	planted := map[string]string{}
	for _, n := range []int{1, 10, 1000} {
		var lost, harmed []string
		for len(planted) < n {
			id := fmt.Sprint(1 + rng.IntN(1_000_000))
			switch {
			case planted[id] != "":
			case rng.IntN(2) == 0:
				planted[id], lost = "missing", append(lost, id)
			default:
				planted[id], harmed = "changed", append(harmed, id)
			}
		}
		for _, s := range []struct {
			ids  []string
			text func([]string) string
		}{{lost, m.lose}, {harmed, m.damage}} {
			if len(s.ids) > 0 {
				if err := m.exec(ctx, s.text(s.ids)); err != nil {
					t.Fatal(err)
				}
			}
		}
		is, spent := m.timed(t, filepath.Join(dir, "found"), was.Nonce, was)
		began := time.Now()
		e := &verify.Evidence{Dir: dir, BaseDir: "base", FoundDir: "found", Baseline: was, Found: is}
		results := verify.Judge(ctx, e, []verify.Check{verify.Contents{}, verify.Structure{}}, nil)
		spent["judging, with the rows named"] = time.Since(began)
		if err := verify.ListDamagedRows(ctx, e, results); err != nil {
			t.Fatal(err)
		}
		m.table(t, fmt.Sprintf("%d damaged rows", n), spent)
		m.named(t, dir, planted, results[0])
	}
}

// named wants the list to be the planted rows, and the finding to name the first of them.
func (m million) named(t *testing.T, dir string, planted map[string]string, r reports.CheckResult) {
	t.Helper()
	if r.Outcome != reports.Failed || len(r.Findings) != 1 || r.Findings[0].RowsFile == "" {
		t.Fatalf("%d rows: %+v", len(planted), r)
	}
	f := r.Findings[0]
	text, err := os.ReadFile(filepath.Join(dir, f.RowsFile))
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]string{}
	for line := range strings.Lines(string(text)) {
		kind, key, _ := strings.Cut(strings.TrimSuffix(line, "\n"), "\t")
		got[key] = kind
	}
	if !maps.Equal(got, planted) {
		t.Errorf("%d rows were damaged, %d are listed, or not the same", len(planted), len(got))
	}
	for _, key := range f.Where.Keys {
		if planted[key] == "" {
			t.Errorf("row %s is named and was not damaged", key)
		}
	}
	if len(f.Where.Keys) != min(len(planted), 20) {
		t.Errorf("the finding names %d of %d rows", len(f.Where.Keys), len(planted))
	}
	t.Logf("%s: %s", m.name, f.Summary)
}

// timed surveys and says what took how long.
func (m million) timed(t *testing.T, dir, nonce string, expect *fixtures.Manifest) (*fixtures.Manifest, map[string]time.Duration) {
	t.Helper()
	if err := os.MkdirAll(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	spent := map[string]time.Duration{}
	began := time.Now()
	s, err := m.snapshot(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close(context.Background()) //nolint:errcheck // it has only read
	spent["opening the snapshot"] = time.Since(began)
	manifest, err := s.Survey(t.Context(), fixtures.SurveyOptions{Nonce: nonce, RowsDir: dir, Expect: expect, Spent: func(part string, took time.Duration) { spent[part] += took }})
	if err != nil {
		t.Fatal(err)
	}
	return manifest, spent
}

func (m million) table(t *testing.T, what string, spent map[string]time.Duration) {
	t.Helper()
	var all time.Duration
	for _, d := range spent {
		all += d
	}
	for _, part := range slices.SortedFunc(maps.Keys(spent), func(a, b string) int { return int(spent[b] - spent[a]) }) {
		t.Logf("%s: %s: %-28s %7.2f s %4.0f %%", m.name, what, part, spent[part].Seconds(), 100*spent[part].Seconds()/all.Seconds())
	}
	t.Logf("%s: %s: %-28s %7.2f s", m.name, what, "together", all.Seconds())
}

func among(ids []string) string { return " WHERE id IN (" + strings.Join(ids, ", ") + ")" }

const millionColumns = `(id bigint PRIMARY KEY, customer bigint NOT NULL, state varchar(20) NOT NULL, amount decimal(12,2), price double precision, day date, at %s, name varchar(60), note varchar(120), token char(32), flag smallint, more varchar(60))`

func TestMillionRowsOfSQLite(t *testing.T) {
	e := newSQLite(t)
	onMillion(t, million{
		engine: e, damage: func(ids []string) string { return "UPDATE million SET price = price * 1.0000000000000002" + among(ids) }, lose: func(ids []string) string { return "DELETE FROM million" + among(ids) },
		make: []string{
			"CREATE TABLE million " + strings.Replace(fmt.Sprintf(millionColumns, "text"), "id bigint", "id INTEGER", 1),
			`WITH RECURSIVE s(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM s WHERE n < 1000000) INSERT INTO million SELECT n, n % 5000, 'state ' || n % 7, n * 0.25, n / 7.0 + 1, date('2026-01-01', '+' || (n % 300) || ' days'),
				'2026-01-01 10:00:00.' || printf('%06d', n), 'name of the customer ' || n, 'a note that is somewhat longer than the others, and says little about row ' || n, hex(n * 7) || substr('00000000000000000000000000000000', 1, 20), n % 2, 'more of the same for row ' || n FROM s`,
			"CREATE INDEX million_customer ON million (customer, day)", "CREATE INDEX million_token ON million (token)",
		},
	})
}

func TestMillionRowsOfPostgres(t *testing.T) {
	if os.Getenv("GAMEDAY_TESTS") != "all" {
		t.Skip("a million rows: GAMEDAY_TESTS=all")
	}
	s := postgrestest.Local(t, postgres.Cluster{})
	e := postgresEngine(t, s)
	m := million{
		engine: e, damage: func(ids []string) string {
			return "UPDATE million SET price = price * 1.0000000000000002::float8" + among(ids)
		}, lose: func(ids []string) string { return "DELETE FROM million" + among(ids) },
		make: []string{
			"CREATE TABLE million " + fmt.Sprintf(millionColumns, "timestamptz"),
			`INSERT INTO million SELECT n, n % 5000, 'state ' || n % 7, n * 0.25, n / 7.0 + 1, '2026-01-01'::date + n % 300, '2026-01-01 10:00:00+00'::timestamptz + n * interval '1 microsecond', 'name of the customer ' || n,
				'a note that is somewhat longer than the others, and says little about row ' || n, md5(n::text), n % 2, 'more of the same for row ' || n FROM generate_series(1, 1000000) n`,
			"CREATE INDEX million_customer ON million (customer, day)", "CREATE INDEX million_token ON million (token)",
		},
	}
	m.legs, _ = any(s).(fixtures.Examiner)
	onMillion(t, m)
}

func TestMillionRowsOfMySQL(t *testing.T) {
	if os.Getenv("GAMEDAY_TESTS") != "all" {
		t.Skip("a million rows: GAMEDAY_TESTS=all")
	}
	for _, flavour := range []mysql.Flavour{mysql.MySQL, mysql.MariaDB} {
		t.Run(string(flavour), func(t *testing.T) {
			s := openMySQL(t, flavour, nil)
			m := million{
				engine: mysqlEngine(t, s), damage: func(ids []string) string {
					return "UPDATE million SET price = price * 1.0000000000000002e0" + among(ids)
				}, lose: func(ids []string) string { return "DELETE FROM million" + among(ids) },
				make: []string{
					"CREATE TABLE million " + fmt.Sprintf(millionColumns, "datetime(6)") + " CHARACTER SET utf8mb4", "CREATE TABLE digits (n int)", "INSERT INTO digits VALUES (0), (1), (2), (3), (4), (5), (6), (7), (8), (9)",
					`INSERT INTO million SELECT n, n % 5000, CONCAT('state ', n % 7), n * 0.25, n / 7e0 + 1, '2026-01-01' + INTERVAL n % 300 DAY, '2026-01-01 10:00:00' + INTERVAL n MICROSECOND, CONCAT('name of the customer ', n),
						CONCAT('a note that is somewhat longer than the others, and says little about row ', n), LEFT(SHA2(n, 256), 32), n % 2, CONCAT('more of the same for row ', n)
						FROM (SELECT 1 + a.n + 10 * b.n + 100 * c.n + 1000 * d.n + 10000 * e.n + 100000 * f.n AS n FROM digits a, digits b, digits c, digits d, digits e, digits f) x`,
					"ALTER TABLE million ADD KEY million_customer (customer, day), ADD KEY million_token (token)",
				},
			}
			m.legs, _ = any(s).(fixtures.Examiner)
			onMillion(t, m)
		})
	}
}
