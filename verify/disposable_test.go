package verify

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"github.com/recoverydrill/gameday/fixtures"
	"github.com/recoverydrill/gameday/reports"
)

// defined gives the table object of payments another definition, in both manifests.
func defined(e *Evidence, definition string) {
	for _, m := range []*fixtures.Manifest{e.Baseline, e.Found} {
		for d := range m.Databases {
			m.Databases[d].Objects = slices.Clone(m.Databases[d].Objects)
			for i := range m.Databases[d].Objects {
				if o := &m.Databases[d].Objects[i]; o.Kind == "table" && o.Name == "public.payments" {
					o.Definition = definition
				}
			}
		}
	}
}

func noRows(t *fixtures.Table) { *t = emptied(*t) }

// disposed makes the table of payments an unlogged one, which the scenario calls disposable and which came back empty.
func disposed(e *Evidence) {
	e.Record.Disposable = []reports.Disposable{{Database: "shop", Table: "public.pay*", Reason: "it is a cache"}}
	defined(e, "table; unlogged; owner shop_owner; access method heap")
	noRows(tableOf(e.Found, "payments"))
}

// TestDisposableTables: a table that loses its rows with the server may be empty where the scenario says so, and in no other
// case.
func TestDisposableTables(t *testing.T) {
	const note = "shop.payments is empty, as such a table is after a crash; at the mark it had 1000 rows: it is a cache"
	engine := func(name string) func(*Evidence) {
		return func(e *Evidence) { e.Baseline.Engine, e.Found.Engine = name, name }
	}
	both := func(all ...func(*Evidence)) func(*Evidence) {
		return func(e *Evidence) {
			for _, f := range all {
				f(e)
			}
		}
	}
	definition := func(text string) func(*Evidence) { return func(e *Evidence) { defined(e, text) } }
	disposable := func(edit func(*reports.Disposable)) func(*Evidence) {
		return func(e *Evidence) { edit(&e.Record.Disposable[0]) }
	}
	const memory = "row format Fixed\n) ENGINE=MEMORY DEFAULT CHARSET=utf8mb4"
	for name, c := range map[string]struct {
		edit func(*Evidence)
		want reports.Outcome
		says string
	}{
		"empty":                 {func(*Evidence) {}, reports.Passed, note},
		"not empty":             {func(e *Evidence) { *tableOf(e.Found, "payments") = *tableOf(e.Baseline, "payments") }, reports.Passed, ""},
		"in memory, of MariaDB": {both(engine("mariadb"), definition(memory)), reports.Passed, note},
		"in memory, of MySQL":   {both(engine("mysql"), definition(memory)), reports.Passed, note},
		"half its rows": {func(e *Evidence) {
			t := tableOf(e.Found, "payments")
			*t = *tableOf(e.Baseline, "payments")
			t.Rows, t.Digest, t.Buckets, t.RowsFile = 500, t.Digest.Add(fixtures.Digest{Lo: 7}), nil, ""
		}, reports.Failed, "payments"},
		"other columns": {func(e *Evidence) {
			t := tableOf(e.Found, "payments")
			t.Columns = t.Columns[1:]
		}, reports.Failed, "columns differ"},
		"missing":               {func(e *Evidence) { tableOf(e.Found, "payments").Name = "gone" }, reports.Failed, "is missing"},
		"not readable":          {func(e *Evidence) { tableOf(e.Found, "payments").Error = "permission denied" }, reports.Inconclusive, "could not be read"},
		"nobody has said so":    {func(e *Evidence) { e.Record.Disposable = nil }, reports.Failed, "payments"},
		"a logged table":        {definition("table; logged; owner unlogged; unlogged"), reports.Failed, "which was no unlogged table at the mark"},
		"another engine":        {both(engine("mariadb"), definition("row format Dynamic\n) ENGINE=InnoDB COMMENT=') ENGINE=MEMORY'")), reports.Failed, "keeps its rows"},
		"no table of the mark":  {disposable(func(d *reports.Disposable) { d.Table = "public.cache" }), reports.Failed, "shop.public.cache disposable, which is no table of the mark"},
		"another database":      {disposable(func(d *reports.Disposable) { d.Database = "neighbour" }), reports.Failed, "which is no table of the mark"},
		"no reason":             {disposable(func(d *reports.Disposable) { d.Reason = " " }), reports.Failed, "and a reason"},
		"no pattern":            {disposable(func(d *reports.Disposable) { d.Table = "public.[" }), reports.Failed, "valid pattern"},
		"two tables, one keeps": {disposable(func(d *reports.Disposable) { d.Table = "public.*" }), reports.Inconclusive, "calls shop.customers disposable"},
		"a logged one that is as it was": {func(e *Evidence) {
			*tableOf(e.Found, "payments") = *tableOf(e.Baseline, "payments")
			defined(e, "table; logged; owner shop_owner")
		}, reports.Inconclusive, "keeps its rows"},
	} {
		t.Run(strings.ReplaceAll(name, " ", "-"), func(t *testing.T) {
			for _, check := range []Check{Contents{}, Counts{}} {
				e := newScene(t, plot{}).build()
				disposed(e)
				c.edit(e)
				o, r := judged(t, e, []Check{check})
				if o != c.want || !strings.Contains(describeResults(r), c.says) {
					t.Errorf("%s: outcome %v, want %v for %q%s", check.Name(), o, c.want, c.says, describeResults(r))
				}
			}
		})
	}
}

// TestAnEmptiedTableProvesNothing: what a crash empties is no damage by which a fault could be seen, and its rows are not counted as
// back.
func TestAnEmptiedTableProvesNothing(t *testing.T) {
	whole := Contents{}.Judge(t.Context(), newScene(t, plot{}).build())
	e := newScene(t, plot{}).build()
	disposed(e)
	_, results := judged(t, e, []Check{Contents{}})
	if got, want := results[0].Covered.Rows, whole.Covered.Rows-1000; got != want {
		t.Errorf("%d rows are said to be back, want %d", got, want)
	}
	if b := EvidenceTeeth(t.Context(), e, []Check{Contents{}}, results, nil); len(b.Blunt) > 0 || b.Noticed == 0 {
		t.Errorf("teeth: %+v", b)
	}
	e.Record.Recovery = nil
	if r := (Contents{}).Judge(t.Context(), e); r.Outcome != reports.Passed {
		t.Errorf("before the recovery: %+v", r.Findings)
	}
}

// TestDisposableTablesOfStandbys: an unlogged table cannot be read there.
func TestDisposableTablesOfStandbys(t *testing.T) {
	const unlogged = "cannot access temporary or unlogged relations during recovery"
	for name, c := range map[string]struct {
		standby func(*fixtures.Table)
		engine  string
		edit    func(*Evidence)
		want    reports.Outcome
		says    string
	}{
		"unlogged":           {func(t *fixtures.Table) { t.Error = unlogged }, "postgres", nil, reports.Passed, "standby-1: shop.payments was not compared: an unlogged table cannot be read on a standby: it is a cache"},
		"emptied":            {noRows, "mariadb", func(e *Evidence) { defined(e, "row format Fixed\n) ENGINE=MEMORY") }, reports.Passed, "standby-1: shop.payments is empty, on the primary it has 1000 rows: it is a cache"},
		"nobody has said so": {func(t *fixtures.Table) { t.Error = unlogged }, "postgres", func(e *Evidence) { e.Record.Disposable = nil }, reports.Inconclusive, unlogged},
		"a logged table":     {noRows, "postgres", func(e *Evidence) { defined(e, "table; logged") }, reports.Failed, "payments"},
		"lost connection":    {func(t *fixtures.Table) { t.Error = "lost" }, "mariadb", func(e *Evidence) { defined(e, "row format Fixed\n) ENGINE=MEMORY") }, reports.Inconclusive, "lost"},
		"damaged":            {func(t *fixtures.Table) { t.Error, t.Damaged = "a page", true }, "postgres", nil, reports.Failed, "is damaged"},
		"half its rows":      {func(t *fixtures.Table) { t.Rows, t.Digest, t.Buckets = 500, t.Digest.Add(fixtures.Digest{Lo: 7}), nil }, "postgres", nil, reports.Failed, "payments"},
	} {
		e, r := replicated(t)
		disposed(e)
		*tableOf(e.Found, "payments") = *tableOf(e.Baseline, "payments")
		e.Baseline.Engine = c.engine
		if c.edit != nil {
			c.edit(e)
		}
		r.Primary = e.Found
		for i := range r.Standbys {
			r.Standbys[i].Manifest = again(t, e.Found)
		}
		c.standby(tableOf(r.Standbys[0].Manifest, "payments"))
		b, err := json.Marshal(r)
		must(t, err)
		e.Extra = map[string][]byte{"replicas": b}
		wants(t, name, e, Replicas{}, c.want, c.says)
	}
}

// TestDisposableTablesLater: a restart empties them, and so does the restore of a new backup.
func TestDisposableTablesLater(t *testing.T) {
	for _, check := range []Check{Restart{}, Rearmed{}} {
		for _, said := range []bool{true, false} {
			s := newScene(t, plot{})
			s.deep = true
			s.edit = append(s.edit, func(e *Evidence) {
				disposed(e)
				*tableOf(e.Found, "payments") = *tableOf(e.Baseline, "payments")
				collectedSound(t, e)
				if !said {
					e.Record.Disposable = nil
				}
				edited(e, Restart{}.Name(), func(r *restarted) bool { noRows(tableOf(r.Manifest, "payments")); return true })
				edited(e, Rearmed{}.Name(), func(r *rearmed) bool { noRows(tableOf(r.After, "payments")); return true })
			})
			e := s.build()
			o, r := judged(t, e, []Check{check})
			if (o == reports.Passed) != said || said && !strings.Contains(describeResults(r), "it is a cache") {
				t.Errorf("%s, declared %t: %v%s", check.Name(), said, o, describeResults(r))
			}
			if b := EvidenceTeeth(t.Context(), e, []Check{check}, r, nil); said && (len(b.Blunt) > 0 || b.Noticed == 0) {
				t.Errorf("%s: teeth %+v", check.Name(), b)
			}
		}
	}
}

// TestTeethAreNotTriedOnDisposableTables: that one of them is empty need not be noticed.
func TestTeethAreNotTriedOnDisposableTables(t *testing.T) {
	e := newScene(t, plot{}).build()
	e.Record.Disposable = []reports.Disposable{{Database: "neighbour", Table: "public.notes", Reason: "it is a cache"}}
	for _, definition := range []string{"table; logged", "table; unlogged"} {
		e.Baseline.Databases[0].Objects = []fixtures.Object{{Kind: "table", Name: "public.notes", Definition: definition}}
		database, _ := fixedTable(e)
		m := again(t, e.Found)
		emptyOne(e, m)
		none := tableOf(m, "notes").Rows == 0
		if keeps := definition == "table; logged"; none != keeps || (database == "neighbour") != keeps {
			t.Errorf("%s: a table of %s is chosen, the notes are emptied: %t", definition, database, none)
		}
	}
}
