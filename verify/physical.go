package verify

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/recoverydrill/gameday/fixtures"
	"github.com/recoverydrill/gameday/reports"
)

// Physical wants the files to be sound: every page of every table of the mark was read, with its indexes, and the engine's
// own checkers find nothing. They are no proof of contents (a zeroed page passes most of them), but they see what no query
// reads: an index that lacks an entry, a page in a corner that nobody asks for.
type Physical struct{}

var (
	_ Check        = Physical{}
	_ Collector    = Physical{}
	_ CollectorFor = Physical{}
)

// Name is "physical".
func (Physical) Name() string { return "physical" }

// Promise is what a passed check means.
func (Physical) Promise() string {
	return "the engine's own checkers find every table of the mark sound, with its indexes, down to pages that no query reads"
}

// Collect fails: which tables are to be examined comes from the mark.
func (Physical) Collect(context.Context, fixtures.System) ([]byte, error) { return nil, errNoBaseline }

// CollectFor runs the engine's checkers on the tables of the mark.
func (Physical) CollectFor(ctx context.Context, sys fixtures.System, e *Evidence) ([]byte, error) {
	return examine(sys, e, func(x fixtures.Examiner) ([]fixtures.Examined, error) { return x.Examine(ctx, "", e.Baseline) })
}

// looks are what the engine has shown: of each table by checker, and of what belongs to no table.
type looks struct {
	tables map[tableID]map[string][]fixtures.Examined
	others []fixtures.Examined
	kinds  []string           // of all entries of tables, sorted
	whole  []string           // checkers that look at every table as a whole: the others look at some of its objects
	absent map[objectKey]bool // checkers that are not there, by database, "" for all
	failed map[objectKey]bool // and those that should be, and could not be asked
}

func sortLooks(entries []fixtures.Examined) looks {
	l := looks{tables: map[tableID]map[string][]fixtures.Examined{}, absent: map[objectKey]bool{}, failed: map[objectKey]bool{}}
	for _, x := range entries {
		if x.Table == "" {
			l.others = append(l.others, x)
			switch key := (objectKey{database: x.Database, kind: x.Kind}); {
			case x.Name != "":
			case x.Error != "":
				l.failed[key] = true
			case x.NotLooked != "":
				l.absent[key] = true
			}
			continue
		}
		id := tableID{x.Database, x.Table}
		if l.tables[id] == nil {
			l.tables[id] = map[string][]fixtures.Examined{}
		}
		l.tables[id][x.Kind] = append(l.tables[id][x.Kind], x)
		if !slices.Contains(l.kinds, x.Kind) {
			l.kinds = append(l.kinds, x.Kind)
		}
		if x.Name == x.Table && !slices.Contains(l.whole, x.Kind) {
			l.whole = append(l.whole, x.Kind)
		}
	}
	slices.Sort(l.kinds)
	slices.Sort(l.whole)
	return l
}

// missing are the checkers that say nothing of a table, although they speak of others.
func (l looks) missing(id tableID) []string {
	var out []string
	for _, kind := range l.whole {
		if len(l.tables[id][kind]) == 0 && !of(l.absent, id.database, kind) && !of(l.failed, id.database, kind) {
			out = append(out, kind)
		}
	}
	return out
}

// of tells whether a checker is among some of a database.
func of(some map[objectKey]bool, database, kind string) bool {
	return some[objectKey{database: database, kind: kind}] || some[objectKey{kind: kind}]
}

// gone are the checkers that the host had at the mark and that are not there now: nothing is wrong with the store, and it was
// looked at with less than there was.
func (j *judgement) gone(l looks, had []string) {
	for _, kind := range had {
		for key := range l.absent {
			if key.kind == kind {
				j.unsure(reports.Finding{
					Summary: fmt.Sprintf("%s was there at the mark, and cannot be asked about the recovered store: what only it sees was not looked for", kind),
					Wanted:  kind, Found: "no such checker", Question: reports.Harmless, Hint: "install on the host to which you recover what the other one has",
				})
				break
			}
		}
	}
}

// Judge plans by the tables of the mark and reads what the checkers said.
func (p Physical) Judge(_ context.Context, e *Evidence) reports.CheckResult {
	const what = "tables"
	seen, e, result := readExamined(e, p.Name(), what)
	if result != nil {
		return *result
	}
	j := judging(what)
	j.res.Questions = []reports.Question{reports.Harmless}
	l := sortLooks(seen.Entries)
	found, _ := indexTables(e.Found)
	objects := objectsOf(e.Found)
	tables := 0
	for _, db := range e.Baseline.Databases {
		for _, t := range db.Tables {
			tables++
			if l.withWhole(db.Name, t) { // its rows are looked at there
				continue
			}
			j.examinedTable(l, db.Name, t, found[tableID{db.Name, t.FullName()}], objects)
		}
	}
	for _, x := range l.others {
		j.examinedEntry(x)
	}
	j.notLooked(seen.Entries, func(x fixtures.Examined) string { return x.Kind })
	j.gone(l, e.Baseline.Checkers)
	slices.SortStableFunc(j.res.Findings, func(a, b reports.Finding) int { return worse(a.Outcome) - worse(b.Outcome) })
	switch {
	case tables == 0:
		j.unsure(unsure("the manifest of the mark has no tables: there was nothing to look at"))
	case j.res.Covered.Planned == 0 && len(l.absent) > 0: // every checker is absent, which is noted
		j.res.Covered = noted("checkers", "").Covered
	}
	return j.done()
}

// examinedTable judges one table of the mark. One that no checker has a way to look at is not planned for, which is noted.
func (j *judgement) examinedTable(l looks, database string, t fixtures.Table, now *fixtures.Table, objects map[objectKey]fixtures.Object) {
	id, where := tableID{database, t.FullName()}, place(database, t)
	possible, looked, missing := 0, 0, false
	for _, kind := range l.kinds {
		for _, x := range l.tables[id][kind] {
			if x.Missing && x.Name != x.Table {
				j.missingObject(x, where, objects)
				continue
			}
			missing = missing || x.Missing
			if x.Missing || (x.NotLooked != "" && x.Bad == 0 && x.Error == "") {
				continue
			}
			possible++
			if j.examinedEntry(x) {
				looked++
			}
		}
	}
	silent := l.missing(id)
	switch gone := now == nil || isMissing(*now); {
	case missing && gone: // which contents tells
		j.note(reports.Finding{Summary: fmt.Sprintf("not looked at: %s is missing: see check contents", tableName(database, t)), Where: where})
		return
	case missing:
		j.unsure(reports.Finding{Summary: tableName(database, t) + " was not found to be examined, and the manifest of the recovered store has it", Where: where})
	case len(silent) > 0:
		j.unsure(reports.Finding{Summary: fmt.Sprintf("%s was not examined by %s", tableName(database, t), strings.Join(silent, ", ")), Where: where, Question: reports.Harmless})
	case len(l.tables[id]) == 0 && !l.hasAbsent(database) && !l.hasFailed(database):
		j.unsure(reports.Finding{Summary: tableName(database, t) + " was not examined at all", Where: where, Question: reports.Harmless})
	case possible == 0 && !l.hasFailed(database):
		return
	case l.hasFailed(database): // which is said of the checker
	case looked == possible:
		j.res.Covered.Looked++
	}
	j.res.Covered.Planned++
}

// partitionOf stands in the name of a partition that has no name of its own among the tables, behind that of its table.
const partitionOf = "#p#"

// withWhole tells whether a partition without an entry was looked at with the table that it is a part of.
func (l looks) withWhole(database string, t fixtures.Table) bool {
	whole, _, part := strings.Cut(t.FullName(), partitionOf)
	return part && t.Kind == "partition" && len(l.tables[tableID{database, t.FullName()}]) == 0 && len(l.tables[tableID{database, whole}]) > 0
}

// missingObject judges a part of a table, such as an index, that the engine did not find.
func (j *judgement) missingObject(x fixtures.Examined, where reports.Place, objects map[objectKey]fixtures.Object) {
	f := reports.Finding{Summary: fmt.Sprintf("not looked at: %s.%s is missing: see check structure", x.Database, x.Name), Where: where}
	if _, there := objects[objectKey{x.Database, "index", x.Name}]; !there {
		j.note(f)
		return
	}
	f.Summary = fmt.Sprintf("%s.%s was not found to be examined, and the manifest of the recovered store has it", x.Database, x.Name)
	j.unsure(f)
}

// hasAbsent tells whether the engine said of a checker that it is not there.
func (l looks) hasAbsent(database string) bool { return anyOf(l.absent, database) }

// hasFailed tells whether one that should be there could not be asked.
func (l looks) hasFailed(database string) bool { return anyOf(l.failed, database) }

func anyOf(some map[objectKey]bool, database string) bool {
	for k := range some {
		if k.database == "" || k.database == database {
			return true
		}
	}
	return false
}

// examinedEntry judges what one checker said of one thing, and says whether it could look or had no way to.
func (j *judgement) examinedEntry(x fixtures.Examined) bool {
	where := reports.Place{Database: x.Database, Table: x.Table, Keys: x.Keys}
	if x.Name != "" && x.Name != x.Table {
		where.Object = x.Name
	}
	name := strings.Trim(strings.Join([]string{x.Database, x.Table}, "."), ".")
	if where.Object != "" {
		name = strings.TrimSpace(name + " " + where.Object)
	}
	j.res.Covered.Bytes += x.Bytes
	if x.Kind == "amcheck" || x.Kind == "integrity" || x.Kind == "check table" {
		j.res.Covered.Rows += x.Rows
	}
	switch {
	case x.Bad > 0:
		j.fail(reports.Finding{
			Summary: fmt.Sprintf("%s: %s found by %s: %s", name, plural(x.Bad, "fault"), x.Kind, firstLine(x.Detail)), Where: where,
			Wanted: x.Kind + " finds nothing", Found: x.Detail, Examples: x.Keys[:min(len(x.Keys), exampleLimit)], Question: reports.Harmless,
			Hint: "rebuild an index that is wrong; a damaged table comes back from a backup that was verified",
		})
		return true
	case x.Error != "":
		j.unsure(reports.Finding{Summary: fmt.Sprintf("%s could not be examined by %s: %s", name, x.Kind, x.Error), Where: where, Question: reports.Harmless})
		return false
	case x.NotLooked == "" && x.Detail != "":
		j.note(reports.Finding{Summary: fmt.Sprintf("%s: %s: %s", name, x.Kind, x.Detail), Where: where})
	}
	return true
}

func firstLine(s string) string {
	line, _, _ := strings.Cut(s, "\n")
	return line
}
