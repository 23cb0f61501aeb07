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

// locate says which rows of a table differ, as exactly as the evidence allows: by its rows files, else by its buckets.
// That the table differs is known before; whatever goes wrong here is said in the finding and does not soften it.
func locate(ctx context.Context, e *Evidence, database string, want, got fixtures.Table) reports.Finding {
	f := reports.Finding{
		Where: place(database, want), Question: reports.BackedUp,
		Wanted: fmt.Sprintf("%s, digest %s", plural(want.Rows, "row"), want.Digest),
		Found:  fmt.Sprintf("%s, digest %s", plural(got.Rows, "row"), got.Digest),
		Hint:   "hold the examples against the backup: are they right in it, and up to where was the log applied?",
	}
	name := tableName(database, want)
	if want.RowsFile == "" || got.RowsFile == "" || strings.Join(want.Key, "|") != strings.Join(got.Key, "|") {
		f.Summary = byBuckets(name, want, got)
		return f
	}
	d, err := diffRows(ctx, filepath.Join(e.Dir, e.BaseDir, want.RowsFile), filepath.Join(e.Dir, e.FoundDir, got.RowsFile), keyLimit)
	switch {
	case err != nil:
		f.Summary = byBuckets(name, want, got)
		f.Examples = []string{"the rows could not be told apart: " + err.Error()}
	case d.Base != sums{want.Rows, want.Digest} || d.Found != sums{got.Rows, got.Digest}:
		f.Summary = byBuckets(name, want, got)
		f.Examples = []string{"the rows could not be told apart: a rows file does not belong to its manifest"}
	default:
		f.Summary = byRows(name, want, d)
		f.Examples, f.Where.Keys = examples(d), baselineKeys(d)
	}
	return f
}

// byRows is the difference in numbers: "shop.payments: 10000 of 10000 rows changed".
func byRows(name string, want fixtures.Table, d rowsDiff) string {
	var parts []string
	for _, p := range []struct {
		n    int64
		what string
	}{{d.Missing, "missing"}, {d.Changed, "changed"}} {
		if p.n > 0 {
			parts = append(parts, fmt.Sprintf("%d of %s %s", p.n, plural(want.Rows, "row"), p.what))
		}
	}
	if d.Extra > 0 {
		parts = append(parts, plural(d.Extra, "row")+" extra")
	}
	if d.Keyless {
		parts = append(parts, "the table has no key to name them by")
	}
	return name + ": " + strings.Join(parts, ", ")
}

func byBuckets(name string, want, got fixtures.Table) string {
	s := name + ": "
	switch {
	case want.Rows > got.Rows:
		s += fmt.Sprintf("%d of %s missing or more, the others not compared one by one", want.Rows-got.Rows, plural(want.Rows, "row"))
	case want.Rows < got.Rows:
		s += fmt.Sprintf("%s extra or more beside %d, the others not compared one by one", plural(got.Rows-want.Rows, "row"), want.Rows)
	default:
		s += fmt.Sprintf("some of %s changed", plural(want.Rows, "row"))
	}
	if n := len(want.Buckets); n > 0 && n == len(got.Buckets) {
		differ, rows := 0, int64(0)
		for i := range want.Buckets {
			if want.Buckets[i] != got.Buckets[i] {
				differ++
				rows += want.Buckets[i].Rows
			}
		}
		s += fmt.Sprintf("; they are among %s in %d of %d buckets", plural(rows, "row"), differ, n)
	}
	return s
}

func examples(d rowsDiff) []string {
	var all []string
	for _, kind := range []struct {
		what string
		keys []string
	}{{"missing", d.MissingKeys}, {"changed", d.ChangedKeys}, {"extra", d.ExtraKeys}} {
		for i, k := range kind.keys {
			if i == exampleLimit {
				break
			}
			all = append(all, kind.what+": "+k)
		}
	}
	return all
}

// baselineKeys are the rows that have a right value to ask for: the changed and the missing ones, of each kind some.
func baselineKeys(d rowsDiff) []string {
	changed := Spread(d.ChangedKeys, max(keyLimit/2, keyLimit-len(d.MissingKeys)))
	return append(slices.Clone(changed), Spread(d.MissingKeys, keyLimit-len(changed))...)
}
