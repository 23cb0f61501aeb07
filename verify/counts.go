package verify

import (
	"context"

	"github.com/recoverydrill/gameday/fixtures"
	"github.com/recoverydrill/gameday/reports"
)

// Counts holds the tables of the mark against what came back by their columns and their number of rows. It is what stands
// for [Contents] at level quick. A changed row, and one that was lost where another was invented, it does not see.
type Counts struct{}

var _ Check = Counts{}

// Name is "counts".
func (Counts) Name() string { return "counts" }

// Promise is what a passed check means.
func (Counts) Promise() string {
	return "every table that nobody writes to is there, with its columns and as many rows as at the mark; what is in the rows was not looked at"
}

// Judge compares the manifests.
func (Counts) Judge(ctx context.Context, e *Evidence) reports.CheckResult {
	e = e.untouched()
	if bad := notComparable(e); len(bad) > 0 {
		return inconclusive("tables", bad...)
	}
	j := judging("tables")
	j.res.Questions = []reports.Question{reports.BackedUp}
	found, twice := indexTables(e.Found)
	base, twiceBase := indexTables(e.Baseline)
	for _, name := range append(twice, twiceBase...) {
		j.unsure(unsure("a manifest lists table " + name + " twice"))
	}
	for _, db := range e.Baseline.Databases {
		for _, want := range db.Tables {
			j.res.Covered.Planned++
			if ctx.Err() != nil {
				continue
			}
			got, ok := found[tableID{db.Name, want.FullName()}]
			if ok {
				got = counted(*got)
			}
			if compareTable(ctx, e, j, db.Name, *counted(want), got, ok) {
				j.res.Covered.Looked++
				j.res.Covered.Bytes += want.Bytes
			}
		}
	}
	extraTables(j, e.Found, base)
	wrongDisposables(e, j)
	if j.res.Covered.Planned == 0 {
		j.unsure(unsure("the manifest of the mark has no tables: there was nothing to bring back"))
	}
	return j.done()
}

// counted is a table of which only the number of rows is known.
func counted(t fixtures.Table) *fixtures.Table {
	t.Counted, t.Digest, t.Buckets, t.RowsFile = true, fixtures.Digest{}, nil, ""
	return &t
}
