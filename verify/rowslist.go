package verify

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/recoverydrill/gameday/fixtures"
	"github.com/recoverydrill/gameday/reports"
)

// DamagedRowsDir is where [ListDamagedRows] writes, below the drill's directory.
const DamagedRowsDir = "damaged-rows"

// listLimit is how many rows of each kind a list names.
const listLimit = 1_000_000

// ListDamagedRows writes, for every table whose rows a check found different, a file with the key of each such row: a
// finding shows a few, whoever repairs needs them all. A line is "missing", "changed" or "extra", a tab, and the
// key in the form of a rows file, with \t, \n and \\ for a tab, a line's end and a backslash; the keys of one kind are
// sorted. Of each kind at most a million are named; the finding has the exact totals. The finding gets the file's path
// in RowsFile and its hint. A table without a key, or without rows files, has no list.
func ListDamagedRows(ctx context.Context, e *Evidence, results []reports.CheckResult) error {
	if e == nil || e.Baseline == nil || e.Found == nil || e.Dir == "" {
		return nil
	}
	e = e.untouched()
	want, _ := indexTables(e.Baseline)
	got, _ := indexTables(e.Found)
	var errs []error
	for _, r := range results {
		if r.Name != (Contents{}).Name() {
			continue
		}
		for i := range r.Findings {
			f := &r.Findings[i]
			id := tableID{f.Where.Database, f.Where.Table}
			w, g := want[id], got[id]
			if f.Outcome != reports.Failed || f.RowsFile != "" || len(f.Where.Keys)+len(f.Examples) == 0 || w == nil || g == nil || !listable(*w, *g) {
				continue
			}
			errs = append(errs, listRows(ctx, e, f, *w, *g))
		}
	}
	return errors.Join(errs...)
}

func listable(want, got fixtures.Table) bool {
	return want.RowsFile != "" && got.RowsFile != "" && len(want.Key) > 0 && slices.Equal(want.Key, got.Key)
}

func listRows(ctx context.Context, e *Evidence, f *reports.Finding, want, got fixtures.Table) error {
	d, err := diffRows(ctx, filepath.Join(e.Dir, e.BaseDir, want.RowsFile), filepath.Join(e.Dir, e.FoundDir, got.RowsFile), listLimit)
	if err != nil {
		return fmt.Errorf("list the damaged rows of %s: %w", want.FullName(), err)
	}
	name := filepath.Join(DamagedRowsDir, url.PathEscape(f.Where.Database+"."+f.Where.Table)+".tsv")
	if err := writeRowsList(filepath.Join(e.Dir, name), d); err != nil {
		return fmt.Errorf("list the damaged rows of %s: %w", want.FullName(), err)
	}
	f.RowsFile = filepath.ToSlash(name)
	listed := int64(len(d.MissingKeys) + len(d.ChangedKeys) + len(d.ExtraKeys))
	f.Hint = strings.TrimPrefix(fmt.Sprintf("%s; %s of %d named in %s", f.Hint, plural(listed, "row"), d.Missing+d.Changed+d.Extra, f.RowsFile), "; ")
	return nil
}

// escaped keeps a key on its line.
var escaped = strings.NewReplacer(`\`, `\\`, "\t", `\t`, "\n", `\n`, "\r", `\r`)

func writeRowsList(path string, d rowsDiff) (err error) {
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil { //nolint:gosec // evidence is to be read
		return err
	}
	file, err := os.Create(path) //nolint:gosec // below the drill's directory
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, file.Close()) }()
	w := bufio.NewWriter(file)
	for _, kind := range []struct {
		what string
		keys []string
	}{{"missing", d.MissingKeys}, {"changed", d.ChangedKeys}, {"extra", d.ExtraKeys}} {
		for _, key := range kind.keys {
			if _, err := fmt.Fprintf(w, "%s\t%s\n", kind.what, escaped.Replace(key)); err != nil {
				return err
			}
		}
	}
	return w.Flush()
}
