package verify

import (
	"fmt"
	"regexp"
	"strings"

	"github.com/recoverydrill/gameday/fixtures"
	"github.com/recoverydrill/gameday/reports"
)

// disposable is what lets a table of the mark come back empty; nil where nothing does, and where the recovery must leave a damaged
// store as it is. What a crash empties is no damage either, so that it proves no fault.
func disposable(e *Evidence, database string, t fixtures.Table) *reports.Disposable {
	if e.Record == nil || e.asDamaged || !forgets(e.Baseline, database, t) {
		return nil
	}
	for i := range e.Record.Disposable {
		if d := &e.Record.Disposable[i]; d.Valid() == nil && d.Covers(database, t.FullName()) {
			return d
		}
	}
	return nil
}

// inMemory is the line of SHOW CREATE TABLE that names the engine. What a comment holds begins no line.
var inMemory = regexp.MustCompile(`(?m)^\) ENGINE=MEMORY\b`)

// forgets says whether the structure of a manifest shows that a table is one that loses its rows with the server: an unlogged one,
// or one of the engine MEMORY.
func forgets(m *fixtures.Manifest, database string, t fixtures.Table) bool {
	if m == nil {
		return false
	}
	name, _, _ := strings.Cut(t.FullName(), "#p#") // MySQL's partitions have the table's
	for _, db := range m.Databases {
		for _, o := range db.Objects {
			if db.Name != database || o.Kind != "table" || o.Name != name {
				continue
			}
			switch m.Engine {
			case "postgres": // "table; unlogged; owner ..."
				parts := strings.Split(o.Definition, "; ")
				return len(parts) > 1 && parts[1] == "unlogged"
			case "mysql", "mariadb":
				return inMemory.MatchString(o.Definition)
			}
		}
	}
	return false
}

// emptyAsAllowed notes a disposable table that came back without any row. One that holds some of the mark's rows, or others, is
// judged like every table.
func emptyAsAllowed(e *Evidence, j *judgement, database string, want, got fixtures.Table) bool {
	d := disposable(e, database, want)
	if d == nil || got.Rows != 0 || got.Digest != (fixtures.Digest{}) {
		return false
	}
	if !want.Counted && !got.Counted {
		j.res.Covered.Rows -= want.Rows // which nobody has seen again
	}
	j.note(reports.Finding{
		Summary: fmt.Sprintf("%s is empty, as such a table is after a crash; at the mark it had %s: %s", tableName(database, want), plural(want.Rows, "row"), d.Reason),
		Where:   place(database, want), Question: reports.BackedUp,
	})
	return true
}

// emptyOnStandby notes a disposable table that a standby does not hold as the primary does: it is empty there, or is an unlogged one,
// which nobody can read on a standby.
func emptyOnStandby(e *Evidence, j *judgement, node, database string, want, got fixtures.Table) bool {
	d := disposable(e, database, want)
	if d == nil || want.Error != "" {
		return false
	}
	f := reports.Finding{Where: place(database, want), Question: reports.Harmless}
	f.Where.Node = node
	switch name := node + ": " + tableName(database, want); {
	case got.Error != "" && !got.Damaged && e.Baseline.Engine == "postgres":
		f.Summary = fmt.Sprintf("%s was not compared: an unlogged table cannot be read on a standby: %s", name, d.Reason)
	case got.Error == "" && want.Rows > 0 && got.Rows == 0 && got.Digest == (fixtures.Digest{}) && sameColumns(want.Columns, got.Columns):
		f.Summary = fmt.Sprintf("%s is empty, on the primary it has %s: %s", name, plural(want.Rows, "row"), d.Reason)
	default:
		return false
	}
	j.note(f)
	return true
}

// wrongDisposables are tables of the scenario's that must not come back empty, or that the mark does not know: a slip there would
// hide a loss.
func wrongDisposables(e *Evidence, j *judgement) {
	if e.Record == nil || e.asDamaged {
		return
	}
	for _, d := range e.Record.Disposable {
		if err := d.Valid(); err != nil {
			j.unsure(unsure(err.Error()))
			continue
		}
		known := false
		for _, db := range e.Baseline.Databases {
			for _, t := range db.Tables {
				if !d.Covers(db.Name, t.FullName()) {
					continue
				}
				known = true
				if !forgets(e.Baseline, db.Name, t) {
					j.unsure(reports.Finding{
						Summary: fmt.Sprintf("the scenario calls %s disposable, which was no unlogged table at the mark and none in memory: it keeps its rows", tableName(db.Name, t)),
						Where:   place(db.Name, t), Hint: "leave it out of Scenario.Disposable, or narrow the pattern",
					})
				}
			}
		}
		if !known {
			j.unsure(unsure(fmt.Sprintf("the scenario calls %s disposable, which is no table of the mark", d.Name())))
		}
	}
}
