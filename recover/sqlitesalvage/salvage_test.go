package sqlitesalvage_test

import (
	"bytes"
	"context"
	"database/sql/driver"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/recoverydrill/gameday/fixtures"
	"github.com/recoverydrill/gameday/fixtures/dataset"
	"github.com/recoverydrill/gameday/fixtures/embedded"
	"github.com/recoverydrill/gameday/fixtures/sqlite"
	"github.com/recoverydrill/gameday/fixtures/sqlite/handle"
	"github.com/recoverydrill/gameday/fixtures/sqlite/survey"
	recovery "github.com/recoverydrill/gameday/recover"
	"github.com/recoverydrill/gameday/recover/sqlitesalvage"
)

func check(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func short(t *testing.T) {
	t.Helper()
	if testing.Short() {
		t.Skip("takes seconds")
	}
}

// shop is a file with everything that SQLite has: tables with and without row numbers, in every order of columns, generated
// and added columns, overflow pages, full-text and R-tree indexes, views, triggers.
var shop = sync.OnceValues(func() (data []byte, err error) {
	dir, err := os.MkdirTemp("", "salvage-")
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	ctx := context.Background()
	run, err := fixtures.NewRun(dir)
	if err != nil {
		return nil, err
	}
	p, err := embedded.New(ctx, run, embedded.Options{})
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, p.Close(ctx)) }()
	sys, err := sqlite.Store{Unreplicated: true, Dataset: dataset.Shop(dataset.ShopOptions{Scale: 0.05})}.Open(ctx, run, p)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, sys.Close(ctx)) }()
	b, err := sys.Backup(ctx, "shop")
	if err != nil {
		return nil, err
	}
	return os.ReadFile(b.Path)
})

// bench is a file, and what it should hold.
type bench struct {
	t          *testing.T
	good, file string
}

func newBench(t *testing.T) *bench {
	t.Helper()
	data, err := shop()
	check(t, err)
	b := &bench{t: t, good: filepath.Join(t.TempDir(), "good.db"), file: filepath.Join(t.TempDir(), "app.db")}
	check(t, errors.Join(os.WriteFile(b.good, data, 0o600), os.WriteFile(b.file, data, 0o600)))
	return b
}

// query asks the sound file.
func (b *bench) query(path, sql string, args ...any) (rows [][]string) {
	b.t.Helper()
	h, err := handle.Open(b.t.Context(), path, handle.Immutable)
	check(b.t, err)
	defer h.Close() //nolint:errcheck // read only
	check(b.t, h.Query(b.t.Context(), sql, args, func(v []driver.Value) error {
		var row []string
		for _, v := range v {
			row = append(row, handle.Text(v))
		}
		rows = append(rows, row)
		return nil
	}))
	return rows
}

// page is the number of a page of a table or an index, of a type (leaf, internal, overflow), in the middle.
func (b *bench) page(name, kind string) (number, rows int64) {
	b.t.Helper()
	all := b.query(b.good, "SELECT pageno, ncell FROM dbstat WHERE name = ? AND pagetype = ? ORDER BY path", name, kind)
	if len(all) == 0 {
		b.t.Fatalf("%s has no page of type %s", name, kind)
	}
	number, err := strconv.ParseInt(all[len(all)/2][0], 10, 64)
	check(b.t, err)
	rows, err = strconv.ParseInt(all[len(all)/2][1], 10, 64)
	check(b.t, err)
	return number, rows
}

const pageSize = 4096

// write damages the file.
func (b *bench) write(page, offset int64, data []byte) {
	b.t.Helper()
	f, err := os.OpenFile(b.file, os.O_WRONLY, 0)
	check(b.t, err)
	_, err = f.WriteAt(data, (page-1)*pageSize+offset)
	check(b.t, errors.Join(err, f.Close()))
}

func (b *bench) salvage() (sqlitesalvage.Report, string, error) {
	b.t.Helper()
	to := filepath.Join(b.t.TempDir(), "new.db")
	h, err := handle.Open(b.t.Context(), b.file, handle.Write, "PRAGMA writable_schema = on", "BEGIN IMMEDIATE")
	check(b.t, err)
	report, err := sqlitesalvage.Salvage(b.t.Context(), h, to)
	check(b.t, h.Close())
	return report, to, err
}

// manifest is everything that a file holds.
func (b *bench) manifest(path string) fixtures.Database {
	b.t.Helper()
	h, err := handle.Open(b.t.Context(), path, handle.Write)
	check(b.t, err)
	s, err := survey.Open(b.t.Context(), survey.Options{File: h})
	check(b.t, err)
	defer s.Close(b.t.Context()) //nolint:errcheck // read only
	m, err := s.Survey(b.t.Context(), fixtures.SurveyOptions{Nonce: strings.Repeat("0", 32)})
	check(b.t, err)
	return m.Databases[0]
}

// compare wants every table and every object to be the same, apart from the tables with losses: of these it returns how
// many rows are missing. There is no row that was not there.
func (b *bench) compare(path string, except ...string) (missing map[string]int) {
	b.t.Helper()
	missing = map[string]int{}
	want, got := b.manifest(b.good), b.manifest(path)
	for _, w := range want.Tables {
		i := slices.IndexFunc(got.Tables, func(t fixtures.Table) bool { return t.Name == w.Name })
		if i < 0 {
			b.t.Errorf("table %s is missing", w.Name)
			continue
		}
		g := got.Tables[i]
		if strings.HasPrefix(w.Name, "products_search") && slices.Contains(except, "products") { // made anew from what there is
			continue
		}
		if slices.Contains(except, w.Name) {
			missing[w.Name] = b.missing(path, w)
		} else if g.Rows != w.Rows || g.Digest != w.Digest || g.Error != "" {
			b.t.Errorf("table %s: %d rows, want %d, with the digest %s, want %s; %s", w.Name, g.Rows, w.Rows, g.Digest, w.Digest, g.Error)
		}
	}
	for _, w := range want.Objects {
		i := slices.IndexFunc(got.Objects, func(o fixtures.Object) bool { return o.Kind == w.Kind && o.Name == w.Name })
		switch {
		case i < 0:
			b.t.Errorf("%s %s is missing", w.Kind, w.Name)
		case w.Name == "foreign_key_check" && len(except) > 0: // lost rows may have had children
		case got.Objects[i].Definition != w.Definition || (w.AtLeast == nil) != (got.Objects[i].AtLeast == nil) || w.AtLeast != nil && *w.AtLeast != *got.Objects[i].AtLeast:
			b.t.Errorf("%s %s is %+v, want %+v", w.Kind, w.Name, got.Objects[i], w)
		}
	}
	if len(got.Objects) != len(want.Objects) || len(got.Tables) != len(want.Tables) {
		b.t.Errorf("%d objects and %d tables, want %d and %d", len(got.Objects), len(got.Tables), len(want.Objects), len(want.Tables))
	}
	return missing
}

func (b *bench) missing(path string, t fixtures.Table) int {
	b.t.Helper()
	var columns []string
	for _, c := range t.Columns {
		columns = append(columns, handle.Quote(c.Name))
	}
	list := strings.Join(columns, ", ")
	h, err := handle.Open(b.t.Context(), path, handle.Write, "ATTACH "+handle.Literal(b.good)+" AS good")
	check(b.t, err)
	defer h.Close() //nolint:errcheck // read only
	count := func(of, without string) int {
		text, err := h.Value(b.t.Context(), fmt.Sprintf("SELECT count(*) FROM (SELECT %s FROM %s.%s EXCEPT SELECT %s FROM %s.%s)",
			list, of, handle.Quote(t.Name), list, without, handle.Quote(t.Name)))
		check(b.t, err)
		n, err := strconv.Atoi(text)
		check(b.t, err)
		return n
	}
	if invented := count("main", "good"); invented > 0 {
		b.t.Errorf("%s has %d rows that it did not have", t.Name, invented)
	}
	text, err := h.Value(b.t.Context(), "SELECT count(*) FROM main."+handle.Quote(t.Name))
	check(b.t, err)
	n, err := strconv.Atoi(text)
	check(b.t, err)
	return int(t.Rows) - n
}

// TestNothingLost: whatever is damaged that is made anew, or that something else leads to, nothing is missing.
func TestNothingLost(t *testing.T) {
	short(t)
	for what, damage := range map[string]func(*bench){
		"nothing": func(*bench) {},
		"a page of an index": func(b *bench) {
			p, _ := b.page("orders_customer", "leaf")
			b.write(p, 0, make([]byte, pageSize))
		},
		"the root of an index": func(b *bench) {
			p, _ := b.page("payments_order", "internal")
			b.write(p, 0, make([]byte, pageSize))
		},
		"the root of a table": func(b *bench) { // its pages are found all the same
			p, _ := b.page("payments", "internal")
			b.write(p, 0, make([]byte, pageSize))
		},
		"the number of free pages": func(b *bench) { b.write(1, 36, []byte{0xde, 0xad, 0xbe, 0xef}) },
	} {
		t.Run(what, func(t *testing.T) {
			b := newBench(t)
			damage(b)
			report, path, err := b.salvage()
			check(t, err)
			if b.compare(path); report.Adopted > 0 != (what == "the root of a table") {
				t.Errorf("%+v", report)
			}
		})
	}
}

// TestExactlyTheHitRowsAreLost: those of the page, of a table with row numbers, without, and with long rows.
func TestExactlyTheHitRowsAreLost(t *testing.T) {
	short(t)
	junk := bytes.Repeat([]byte{0xde, 0xad, 0xbe, 0xef}, pageSize/4)
	for _, table := range []string{"payments", "events", "sessions", "order_lines", "stock_moves", "audit_log", "products"} {
		for what, data := range map[string][]byte{"zeroed": make([]byte, pageSize), "overwritten": junk} {
			if what == "overwritten" && table != "payments" && table != "sessions" { // the same for all of a kind
				continue
			}
			t.Run(table+" "+what, func(t *testing.T) {
				b := newBench(t)
				page, rows := b.page(table, "leaf")
				b.write(page, 0, data)
				report, path, err := b.salvage()
				check(t, err)
				got := b.compare(path, table)[table]
				if got != int(rows) {
					t.Errorf("%d rows are missing, the page had %d: %+v", got, rows, report.Losses)
				}
				h, err := handle.Open(t.Context(), path, handle.Write, "INSERT INTO products_search (products_search, rank) VALUES ('integrity-check', 1)")
				if err != nil {
					t.Fatalf("the full-text index is not of the rows that are left: %v", err)
				}
				check(t, h.Close())
				if len(report.Losses) == 0 || report.Losses[0].Table != table || int64(report.Losses[0].Page) != page {
					t.Errorf("it names %+v", report.Losses)
				}
			})
		}
	}
}

// sql changes the file that will be damaged, and what it should hold.
func (b *bench) sql(statement string) {
	b.t.Helper()
	h, err := handle.Open(b.t.Context(), b.good, handle.Write, "PRAGMA journal_mode = delete")
	check(b.t, err)
	_, err = h.Exec(b.t.Context(), statement)
	check(b.t, errors.Join(err, h.Close()))
	data, err := os.ReadFile(b.good)
	check(b.t, errors.Join(err, os.WriteFile(b.file, data, 0o600)))
}

// TestWhatWasDeletedStaysSo: the pages of deleted rows look like those that nothing leads to. Where the list of free pages
// is damaged nobody can tell them apart, and none are taken.
func TestWhatWasDeletedStaysSo(t *testing.T) {
	short(t)
	for _, list := range []string{"whole", "damaged"} {
		b := newBench(t)
		b.sql("PRAGMA foreign_keys = off; DELETE FROM payments WHERE id % 1000 > 300")
		root, _ := b.page("payments", "internal")
		b.write(root, 0, make([]byte, pageSize))
		if list == "damaged" {
			b.write(1, 36, []byte{0, 0, 0, 1})
		}
		report, path, err := b.salvage()
		check(t, err)
		all, err := strconv.Atoi(b.query(b.good, "SELECT count(*) FROM payments")[0][0])
		check(t, err)
		want := map[string]int{"whole": 0, "damaged": all}[list]
		if got := b.compare(path, "payments")["payments"]; got != want || report.Adopted > 0 != (want == 0) {
			t.Errorf("the list is %s: %d of %d rows are missing: %+v", list, got, all, report)
		}
	}
}

// TestPagesInTheWrongPlace: a page of another table, as a write that went astray leaves it, is not read where it does not
// belong.
func TestPagesInTheWrongPlace(t *testing.T) {
	b := newBench(t)
	b.sql(`CREATE TABLE one (id INTEGER PRIMARY KEY, x); CREATE TABLE two (id INTEGER PRIMARY KEY, x);
		WITH n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 1000) INSERT INTO one SELECT i, hex(zeroblob(40)) FROM n; INSERT INTO two SELECT id + 100000, x FROM one`)
	page, rows := b.page("one", "leaf")
	other, _ := b.page("two", "leaf")
	text := b.query(b.good, "SELECT data FROM sqlite_dbpage WHERE pgno = ?", other)[0][0]
	data, err := hex.DecodeString(strings.Trim(text, "x'"))
	check(t, err)
	b.write(page, 0, data)
	report, path, err := b.salvage()
	check(t, err)
	if got := b.compare(path, "one")["one"]; got != int(rows) {
		t.Errorf("%d rows are missing, the page had %d: %+v", got, rows, report.Losses)
	}
}

// TestNoRowReplacesAnother: although the table says so. A key that is there twice is damage, and the second is lost.
func TestNoRowReplacesAnother(t *testing.T) {
	b := newBench(t)
	b.sql("CREATE TABLE one (id INTEGER PRIMARY KEY, x UNIQUE ON CONFLICT REPLACE); INSERT INTO one VALUES (1, 'only-once-1'), (2, 'only-once-2')")
	page, _ := b.page("one", "leaf")
	data, err := os.ReadFile(b.file)
	check(t, err)
	leaf := data[(page-1)*pageSize : page*pageSize]
	b.write(page, int64(bytes.Index(leaf, []byte("only-once-2"))), []byte("only-once-1"))
	report, path, err := b.salvage()
	check(t, err)
	if got := b.query(path, "SELECT id, x FROM one"); len(got) != 1 || got[0][0] != "1" || len(report.Losses) != 1 {
		t.Errorf("there is %q: %+v", got, report.Losses)
	}
}

// TestOneRow: of a page with one damaged row the others are read, and of a chain of overflow pages that is broken the row.
func TestOneRow(t *testing.T) {
	b := newBench(t)
	page, _ := b.page("payments", "leaf")
	b.write(page, 8, []byte{0xff, 0xf0}) // where the first row begins
	overflow, _ := b.page("scans", "overflow")
	b.write(overflow, 0, []byte{0xff, 0xff, 0xff, 0xff})
	report, path, err := b.salvage()
	check(t, err)
	if got := b.compare(path, "payments", "scans"); got["payments"] != 1 || got["scans"] != 1 {
		t.Errorf("missing: %v; %+v", got, report.Losses)
	}
}

// TestCutShort: what lay behind the end is lost, and nothing else; SQLite by itself does not open such a file.
func TestCutShort(t *testing.T) {
	b := newBench(t)
	b.sql("CREATE TABLE late (id INTEGER PRIMARY KEY, x); WITH n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 1000) INSERT INTO late SELECT i, hex(zeroblob(40)) FROM n")
	info, err := os.Stat(b.file)
	check(t, err)
	check(t, os.Truncate(b.file, info.Size()-3*pageSize))
	_, path, err := b.salvage()
	check(t, err)
	if got := b.compare(path, "late")["late"]; got < 50 || got > 200 {
		t.Errorf("%d rows are missing", got)
	}
}

// TestSequenceIsLost: the numbers go on after the largest that is left, and that they may be given out twice is said.
func TestSequenceIsLost(t *testing.T) {
	b := newBench(t)
	page, _ := b.page("sqlite_sequence", "leaf")
	b.write(page, 0, make([]byte, pageSize))
	report, path, err := b.salvage()
	check(t, err)
	if len(report.Losses) != 1 || report.Losses[0].Table != "sqlite_sequence" {
		t.Errorf("it names %+v", report.Losses)
	}
	if got := b.query(path, "SELECT count(*) FROM payments p JOIN sqlite_sequence s ON s.name = 'payments' WHERE p.id > s.seq"); got[0][0] != "0" {
		t.Errorf("%s payments have numbers that are to come", got)
	}
}

// TestRefusals: where nobody can know what belongs where, nothing is made.
func TestRefusals(t *testing.T) {
	for what, damage := range map[string]func(*bench){
		"the schema": func(b *bench) {
			p, _ := b.page("sqlite_schema", "leaf")
			b.write(p, 0, make([]byte, pageSize))
		},
	} {
		b := newBench(t)
		damage(b)
		var no *recovery.Refused
		if _, _, err := b.salvage(); !errors.As(err, &no) {
			t.Errorf("%s: %v", what, err)
		}
	}
}
