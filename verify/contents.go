package verify

import (
	"context"
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	"github.com/recoverydrill/gameday/fixtures"
	"github.com/recoverydrill/gameday/reports"
)

// Contents holds every table of the mark's manifest against what came back, in every database of the server. Tables that
// nobody writes to must be equal to the last bit; tables that traffic or the probe write to must be there and readable,
// their rows are the [Ledger]'s business. Which table is which is taken from the mark, never from the recovered store.
type Contents struct{}

var (
	_ Check  = Contents{}
	_ Damage = Contents{}
)

// Name is "contents".
func (Contents) Name() string { return reports.ContentsCheck }

// Promise is what a passed check means.
func (Contents) Promise() string {
	return "every table that nobody writes to holds exactly the rows of the mark, in every database, and there is no table more or less"
}

// SeesDamage is true: a lost, changed or unreadable row is seen before the recovery as well as after it.
func (Contents) SeesDamage() bool { return true }

// Judge compares the manifests.
func (c Contents) Judge(ctx context.Context, e *Evidence) reports.CheckResult {
	e = e.untouched()
	if bad := notComparable(e); len(bad) > 0 {
		return inconclusive("tables", bad...)
	}
	j := judging("tables")
	j.res.Questions = []reports.Question{reports.BackedUp, reports.Harmless}
	cov := &j.res.Covered
	if note, ok := tolerated(e.Baseline); ok {
		j.note(note)
	}
	found, twice := indexTables(e.Found)
	base, twiceBase := indexTables(e.Baseline)
	for _, name := range append(twice, twiceBase...) {
		j.unsure(unsure(fmt.Sprintf("a manifest lists table %s twice", name)))
	}
	var fixed, counted int64
	for _, db := range e.Baseline.Databases {
		for _, want := range db.Tables {
			cov.Planned++
			if ctx.Err() != nil {
				continue
			}
			got, ok := found[tableID{db.Name, want.FullName()}]
			looked := compareTable(ctx, e, j, db.Name, want, got, ok)
			if !looked {
				continue
			}
			cov.Looked++
			cov.Bytes += want.Bytes
			if want.Class != fixtures.Fixed {
				continue
			}
			fixed++
			if want.Counted || (ok && got.Counted) {
				counted++
				continue
			}
			cov.Rows += want.Rows
		}
	}
	extraTables(j, e.Found, base)
	noSuchViews(e, j, base)
	wrongDisposables(e, j)
	switch {
	case cov.Planned == 0:
		j.unsure(unsure("the manifest of the mark has no tables: there was nothing to bring back"))
	case counted > 0:
		j.unsure(reports.Finding{
			Summary:  fmt.Sprintf("the rows of %s were counted and not looked at: whether they are right is not known", plural(counted, "table")),
			Question: reports.BackedUp, Hint: "run the drill at level full",
		})
	case fixed > 0 && cov.Rows == 0:
		j.unsure(unsure("the tables that nobody writes to had no rows at the mark: there was nothing to bring back"))
	case fixed == 0 && !slices.ContainsFunc(j.res.Findings, func(f reports.Finding) bool { return f.Outcome != reports.Passed }):
		j.unsure(unsure("the manifest of the mark has no table that nobody writes to: nothing was compared"))
	}
	return j.done()
}

type tableID struct{ database, table string }

func indexTables(m *fixtures.Manifest) (all map[tableID]*fixtures.Table, twice []string) {
	all = map[tableID]*fixtures.Table{}
	for i := range m.Databases {
		db := &m.Databases[i]
		for k := range db.Tables {
			id := tableID{db.Name, db.Tables[k].FullName()}
			if all[id] != nil {
				twice = append(twice, tableName(db.Name, db.Tables[k]))
			}
			all[id] = &db.Tables[k]
		}
	}
	return all, twice
}

func extraTables(j *judgement, found *fixtures.Manifest, base map[tableID]*fixtures.Table) {
	for _, db := range found.Databases {
		for _, t := range db.Tables {
			if base[tableID{db.Name, t.FullName()}] == nil {
				j.fail(reports.Finding{
					Summary: fmt.Sprintf("table %s (%s) was not there at the mark", tableName(db.Name, t), plural(t.Rows, "row")),
					Where:   place(db.Name, t), Wanted: "no such table", Found: plural(t.Rows, "row"), Question: reports.Harmless,
					Hint: "look for a second restore into the same server, or one of a later or another backup",
				})
			}
		}
	}
}

// compareTable judges one table of the mark and says whether it could be looked at.
func compareTable(ctx context.Context, e *Evidence, j *judgement, database string, want fixtures.Table, got *fixtures.Table, ok bool) bool {
	name, where := tableName(database, want), place(database, want)
	switch {
	case e.asDamaged && want.Error != "" && ok:
		stillDamaged(j, name, where, want, *got)
		return true
	case want.Error != "":
		j.unsure(reports.Finding{Summary: fmt.Sprintf("%s could not be read at the mark: %s", name, want.Error), Where: where})
		return false
	case want.Class != fixtures.Fixed && want.Class != fixtures.Traffic && want.Class != fixtures.Harness:
		j.unsure(reports.Finding{Summary: fmt.Sprintf("%s has the unknown class %q", name, want.Class), Where: where})
		return false
	case !ok || isMissing(*got):
		j.fail(missingTable(e, database, want))
		return true
	case got.Damaged:
		j.fail(reports.Finding{
			Summary: fmt.Sprintf("%s is damaged and cannot be read to its end: %s", name, got.Error), Where: where, Question: reports.Harmless,
			Wanted: plural(want.Rows, "row"), Found: got.Error, Hint: "restore the table's file from a backup that was verified",
		})
		return true
	case got.Error != "":
		j.unsure(reports.Finding{
			Summary: fmt.Sprintf("%s could not be read: %s", name, got.Error), Where: where,
			Hint: "judge again after the survey can read the table: whether its rows are back is not known",
		})
		return false
	case want.Class != fixtures.Fixed:
		return true
	}
	for _, m := range []fixtures.Table{want, *got} {
		if why := contradicts(m); why != "" {
			j.unsure(reports.Finding{Summary: fmt.Sprintf("%s: the manifest contradicts itself: %s", name, why), Where: where})
			return false
		}
	}
	if !sameColumns(want.Columns, got.Columns) {
		j.fail(reports.Finding{
			Summary: fmt.Sprintf("%s: the columns differ, none of its %s can be the same", name, plural(want.Rows, "row")), Where: where,
			Wanted: columnList(want.Columns), Found: columnList(got.Columns), Question: reports.BackedUp,
		})
		return true
	}
	if (want.Rows != got.Rows || want.Digest != got.Digest) && (refreshedAsAllowed(e, j, database, want, *got) || emptyAsAllowed(e, j, database, want, *got)) {
		return true
	}
	if want.Counted || got.Counted {
		compareCounts(e, j, database, want, *got)
		return true
	}
	if want.Rows != got.Rows || want.Digest != got.Digest {
		l := mayLose(e, database, want)
		if l == nil {
			j.fail(hintRefresh(locate(ctx, e, database, want, *got), *got))
		} else if lost, ok := lostAsAllowed(ctx, e, j, l, want, *got); ok {
			j.res.Covered.Lost += lost
			j.res.Covered.Rows -= lost
		}
	}
	return true
}

// compareCounts is what is left where the rows were not read: their number.
func compareCounts(e *Evidence, j *judgement, database string, want, got fixtures.Table) {
	gone := want.Rows - got.Rows
	if l := mayLose(e, database, want); gone == 0 || (l != nil && gone > 0 && gone <= l.Most) {
		return
	}
	j.fail(reports.Finding{
		Summary: fmt.Sprintf("%s has %s, it had %d at the mark", tableName(database, want), plural(got.Rows, "row"), want.Rows),
		Where:   place(database, want), Wanted: plural(want.Rows, "row"), Found: plural(got.Rows, "row"), Question: reports.BackedUp,
		Hint: "run the drill at level full to be told which rows",
	})
}

func missingTable(e *Evidence, database string, want fixtures.Table) reports.Finding {
	f := reports.Finding{
		Summary: fmt.Sprintf("table %s is missing (%s)", tableName(database, want), plural(want.Rows, "row")),
		Where:   place(database, want), Wanted: plural(want.Rows, "row"), Found: "no such table", Question: reports.BackedUp,
		Hint: "look whether the backup holds the table, and whether the restore stopped before it or left it out",
	}
	if want.RowsFile != "" && len(want.Key) > 0 {
		some := rowsSample{limit: keyLimit}
		_ = fixtures.ReadRows(filepath.Join(e.Dir, e.BaseDir, want.RowsFile), func(key []byte, _ fixtures.Digest) error {
			some.add(key, hashKey(key))
			return nil
		}) // keys are only examples here; that the table is missing does not depend on them
		f.Where.Keys = some.keys()
	}
	return f
}

// isMissing tells a table that is not there from one that could not be read.
func isMissing(t fixtures.Table) bool { return t.Damaged && strings.HasSuffix(t.Error, "is missing") }

// unread tells a table whose rows nobody read from one whose rows have a digest.
func unread(t fixtures.Table) bool {
	return t.Counted || (t.Rows > 0 && t.Digest == fixtures.Digest{})
}

// contradicts says how a table's digest and buckets disagree with its totals: "" where they agree or there are none. Rows
// that were counted only have no digest; any others without one were not read, whoever says so: two tables without digests
// would be equal whatever they hold.
func contradicts(t fixtures.Table) string {
	switch {
	case t.Counted && (t.Digest != fixtures.Digest{} || len(t.Buckets) > 0):
		return fmt.Sprintf("%d rows were counted only and have digest %s", t.Rows, t.Digest)
	case t.Counted:
		return ""
	case unread(t):
		return fmt.Sprintf("%d rows have no digest: they were not read", t.Rows)
	}
	if t.Rows < 0 || (t.Rows == 0 && t.Digest != fixtures.Digest{}) {
		return fmt.Sprintf("%d rows have digest %s", t.Rows, t.Digest)
	}
	if len(t.Buckets) == 0 {
		return ""
	}
	var rows int64
	var sum fixtures.Digest
	for _, b := range t.Buckets {
		rows, sum = rows+b.Rows, sum.Add(b.Digest)
	}
	if rows != t.Rows || sum != t.Digest {
		return fmt.Sprintf("its buckets hold %d rows with digest %s, the table %d with %s", rows, sum, t.Rows, t.Digest)
	}
	return ""
}

func sameColumns(a, b []fixtures.Column) bool {
	if len(a) != len(b) {
		return false
	}
	for i := range a {
		if a[i] != b[i] {
			return false
		}
	}
	return true
}

func columnList(columns []fixtures.Column) string {
	parts := make([]string, len(columns))
	for i, c := range columns {
		parts[i] = c.Name + " " + c.Type
		if c.Compare != "" {
			parts[i] += " (compared: " + string(c.Compare) + ")"
		}
	}
	return strings.Join(parts, ", ")
}
