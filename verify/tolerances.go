package verify

import (
	"fmt"
	"slices"
	"strings"

	"github.com/recoverydrill/gameday/fixtures"
	"github.com/recoverydrill/gameday/reports"
)

// tolerances is the list as text, without the reasons: two manifests with the same were compared in the same way.
func tolerances(all []fixtures.ColumnTolerance) string {
	var lines []string
	for _, t := range all {
		lines = append(lines, fmt.Sprintf("%q %q %q: %s", t.Database, t.Table, t.Column, t.Rule))
	}
	slices.Sort(lines)
	return strings.Join(lines, "\n")
}

// tolerated is a note of the columns that were not compared to the last bit; ok is false where there are none.
func tolerated(m *fixtures.Manifest) (note reports.Finding, ok bool) {
	if len(m.Tolerate) == 0 {
		return note, false
	}
	verb := "were"
	if len(m.Tolerate) == 1 {
		verb = "was"
	}
	note.Summary = fmt.Sprintf("%s %s compared with a tolerance", plural(int64(len(m.Tolerate)), "column"), verb)
	for _, t := range m.Tolerate {
		note.Examples = append(note.Examples, t.String())
	}
	return note, true
}

// unapplied are columns of a manifest that are compared in another way than its list of tolerances says.
func unapplied(m *fixtures.Manifest) []string {
	var bad []string
	for _, db := range m.Databases {
		for _, t := range db.Tables {
			for _, c := range t.Columns {
				said := slices.ContainsFunc(m.Tolerate, func(o fixtures.ColumnTolerance) bool {
					base, _, _ := strings.Cut(t.FullName(), "#p#") // MySQL's partitions have the table's
					return o.Database == db.Name && o.Column == c.Name && o.Rule == c.Compare && (o.Table == t.FullName() || o.Table == base)
				})
				if c.Compare != "" && !said {
					bad = append(bad, fmt.Sprintf("%s.%s, %s", tableName(db.Name, t), c.Name, c.Compare))
				}
			}
		}
	}
	return bad
}
