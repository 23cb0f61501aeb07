package verify

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/recoverydrill/gameday/fixtures"
	"github.com/recoverydrill/gameday/reports"
)

// listedTable is a manifest of one table of n rows, with its rows file.
func listedTable(t *testing.T, dir string, n int, change func(int) (string, uint64, int)) *fixtures.Manifest {
	t.Helper()
	makeDir(t, dir)
	path := filepath.Join(dir, "t.rows")
	writeRows(t, path, n, change)
	table := fixtures.Table{Schema: "public", Name: "t", Kind: "table", Class: fixtures.Fixed, Key: []string{"k"}, Columns: []fixtures.Column{{Name: "k", Type: "text"}}, RowsFile: "t.rows"}
	must(t, fixtures.ReadRows(path, func(_ []byte, d fixtures.Digest) error {
		table.Rows++
		table.Digest = table.Digest.Add(d)
		return nil
	}))
	return &fixtures.Manifest{
		SchemaVersion: fixtures.ManifestSchema, Nonce: "c0ffee", Encoding: "test/1", Engine: "test", Taken: time.Now(),
		Databases: []fixtures.Database{{Name: "app", Tables: []fixtures.Table{table}}},
	}
}

// TestEveryDamagedRowIsListed: whoever repairs gets the key of each row, not only of those that a finding shows.
func TestEveryDamagedRowIsListed(t *testing.T) {
	const n = 20_000
	for _, damages := range []int{1, 10, 1000} {
		t.Run(strconv.Itoa(damages), func(t *testing.T) {
			rng := rand.New(rand.NewPCG(uint64(damages), 6))
			planted := map[int]string{}
			for len(planted) < damages {
				planted[rng.IntN(n)] = []string{"missing", "changed"}[rng.IntN(2)]
			}
			want := map[string]bool{"extra\tof\\tanother\\\\ kind\\n": true}
			for i, kind := range planted {
				want[fmt.Sprintf("%s\t%d", kind, i)] = true
			}
			e := &Evidence{Dir: t.TempDir(), BaseDir: "base", FoundDir: "found"}
			e.Baseline = listedTable(t, filepath.Join(e.Dir, e.BaseDir), n, soundRow)
			e.Found = listedTable(t, filepath.Join(e.Dir, e.FoundDir), n+1, func(i int) (string, uint64, int) {
				switch {
				case i == n:
					return "of\tanother\\ kind\n", 1, 1
				case planted[i] == "missing":
					return strconv.Itoa(i), uint64(i), 0
				case planted[i] == "changed":
					return strconv.Itoa(i), uint64(i) + 1<<40, 1
				}
				return soundRow(i)
			})
			results := Judge(t.Context(), e, []Check{Contents{}}, nil)
			must(t, ListDamagedRows(t.Context(), e, results))
			f := results[0].Findings[0]
			if f.RowsFile != "damaged-rows/app.public.t.tsv" || !strings.Contains(f.Hint, fmt.Sprintf("%d rows of %d named in "+f.RowsFile, damages+1, damages+1)) {
				t.Fatalf("%+v", f)
			}
			text, err := os.ReadFile(filepath.Join(e.Dir, f.RowsFile))
			must(t, err)
			lines := strings.Split(strings.TrimSuffix(string(text), "\n"), "\n")
			slices.Sort(lines)
			if wanted := slices.Sorted(maps.Keys(want)); !slices.Equal(lines, wanted) {
				t.Errorf("%d lines, want %d", len(lines), len(wanted))
			}
			if len(f.Where.Keys) != min(damages, keyLimit) {
				t.Errorf("the finding itself names %d rows", len(f.Where.Keys))
			}
		})
	}
}

// TestNothingIsListedOfWhatHasNoNames: no key, no rows file, no damage.
func TestNothingIsListedOfWhatHasNoNames(t *testing.T) {
	for name, change := range map[string]func(*fixtures.Table){
		"no key":       func(t *fixtures.Table) { t.Key = nil },
		"no rows file": func(t *fixtures.Table) { t.RowsFile = "" },
		"no damage":    func(t *fixtures.Table) {},
	} {
		e := &Evidence{Dir: t.TempDir(), BaseDir: "base", FoundDir: "found"}
		e.Baseline = listedTable(t, filepath.Join(e.Dir, "base"), 100, soundRow)
		e.Found = listedTable(t, filepath.Join(e.Dir, "found"), 100, func(i int) (string, uint64, int) {
			if i == 7 && name != "no damage" {
				return "7", 1 << 40, 1
			}
			return soundRow(i)
		})
		change(&e.Baseline.Databases[0].Tables[0])
		change(&e.Found.Databases[0].Tables[0])
		results := Judge(t.Context(), e, []Check{Contents{}}, nil)
		if name != "no damage" && results[0].Outcome != reports.Failed {
			t.Errorf("%s: %+v", name, results[0])
		}
		must(t, ListDamagedRows(t.Context(), e, results))
		if _, err := os.Stat(filepath.Join(e.Dir, DamagedRowsDir)); err == nil {
			t.Errorf("%s: something is listed", name)
		}
	}
}
