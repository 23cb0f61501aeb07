package verify

import (
	"context"
	"fmt"
	"path/filepath"
	"strings"

	"github.com/recoverydrill/gameday/fixtures"
	"github.com/recoverydrill/gameday/reports"
)

// mayLose is what the objective lets be lost of a table; nil where that is nothing, and while the damage itself is looked
// for.
func mayLose(e *Evidence, database string, want fixtures.Table) *reports.LostRows {
	if e.Record == nil || e.Record.Recovery == nil {
		return nil
	}
	for i := range e.Record.Objective.LostRows {
		if l := &e.Record.Objective.LostRows[i]; l.Database == database && l.Table == want.FullName() {
			return l
		}
	}
	return nil
}

// lostAsAllowed judges a table that differs and may lose rows: those that the fault has hit may be gone, as many as the
// objective says, and everything else must be as it was. It returns how many are gone; ok is false where the difference is
// another one, of which the finding then is.
func lostAsAllowed(ctx context.Context, e *Evidence, j *judgement, l *reports.LostRows, want, got fixtures.Table) (lost int64, ok bool) {
	name := tableName(l.Database, want)
	refuse := func(summary, wanted, found string, keys []string) (int64, bool) {
		f := locate(ctx, e, l.Database, want, got)
		f.Examples = append([]string{f.Summary}, f.Examples...)
		f.Summary, f.Wanted, f.Found = name+": "+summary, wanted, found
		if len(keys) > 0 {
			f.Where.Keys = keys[:min(len(keys), keyLimit)]
		}
		f.Hint = "the objective allows only the loss of what lay on the damaged storage (" + l.Reason + "): look at what the salvage left out or changed"
		j.fail(f)
		return 0, false
	}
	hit := map[string]bool{}
	if e.Record.Fault != nil {
		for _, p := range e.Record.Fault.Hit {
			if p.Database == l.Database && p.Table == l.Table {
				for _, k := range p.Keys {
					hit[k] = true
				}
			}
		}
	}
	if want.RowsFile == "" || got.RowsFile == "" || strings.Join(want.Key, "|") != strings.Join(got.Key, "|") || len(want.Key) == 0 {
		return refuse("rows are gone or changed, and there is no list of rows to tell which", plural(want.Rows, "row"), plural(got.Rows, "row"), nil)
	}
	// Every missing row is named, however many the objective allows.
	d, err := diffRows(ctx, filepath.Join(e.Dir, e.BaseDir, want.RowsFile), filepath.Join(e.Dir, e.FoundDir, got.RowsFile), int(want.Rows)+1)
	if err != nil || d.Base != (sums{want.Rows, want.Digest}) || d.Found != (sums{got.Rows, got.Digest}) {
		return refuse("rows are gone or changed, and the lists of rows do not tell which", plural(want.Rows, "row"), plural(got.Rows, "row"), nil)
	}
	if d.Changed > 0 || d.Extra > 0 {
		return refuse(fmt.Sprintf("%d rows changed and %d extra, where only a loss is allowed", d.Changed, d.Extra), "none", fmt.Sprint(d.Changed+d.Extra), append(d.ChangedKeys, d.ExtraKeys...))
	}
	var sound []string
	for _, k := range d.MissingKeys {
		if !hit[k] {
			sound = append(sound, k)
		}
	}
	switch {
	case len(sound) > 0 || int64(len(d.MissingKeys)) != d.Missing:
		return refuse(plural(max(int64(len(sound)), 1), "row")+" missing that the fault had not hit", "every row that the fault had not hit", fmt.Sprintf("%d of %d missing were sound", len(sound), d.Missing), sound)
	case d.Missing > l.Most:
		return refuse(fmt.Sprintf("%s missing, the objective allows %d", plural(d.Missing, "row"), l.Most), fmt.Sprintf("at most %d", l.Most), fmt.Sprint(d.Missing), d.MissingKeys)
	}
	where := place(l.Database, want)
	where.Keys = d.MissingKeys[:min(len(d.MissingKeys), keyLimit)]
	j.note(reports.Finding{
		Summary: fmt.Sprintf("%s: %d of %s lost, which the objective allows: %s", name, d.Missing, plural(want.Rows, "row"), l.Reason),
		Where:   where, Examples: examples(d), Question: reports.Harmless,
	})
	return d.Missing, true
}
