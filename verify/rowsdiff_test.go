package verify

import (
	"context"
	"math/rand/v2"
	"path/filepath"
	"reflect"
	"runtime"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/recoverydrill/gameday/fixtures"
)

// writeRows writes a rows file of n rows, in an order of its own, with a change applied to each.
func writeRows(t testing.TB, path string, n int, change func(i int) (key string, value uint64, times int)) {
	t.Helper()
	w, err := fixtures.CreateRows(path)
	if err != nil {
		t.Fatal(err)
	}
	for k := range n {
		i := (k*7919 + 13) % n
		key, value, times := change(i)
		for range times {
			if err := w.Add([]byte(key), fixtures.Digest{Hi: scramble(value + 1), Lo: scramble(value + 2)}); err != nil {
				t.Fatal(err)
			}
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
}

func soundRow(i int) (string, uint64, int) { return strconv.Itoa(i), uint64(i), 1 }

// TestDiffOfAMillionRows names exactly the damaged rows, quickly, and without holding the table in memory.
func TestDiffOfAMillionRows(t *testing.T) {
	n := 1_000_000
	if testing.Short() {
		n = 100_000
	}
	dir := t.TempDir()
	base := filepath.Join(dir, "base")
	writeRows(t, base, n, soundRow)
	for _, damages := range []int{1, 10, 1000} {
		rng := rand.New(rand.NewPCG(uint64(damages), 5))
		kind := map[int]int{}
		for len(kind) < damages {
			kind[rng.IntN(n)] = rng.IntN(3)
		}
		var want rowsDiff
		for i, k := range kind {
			key := strconv.Itoa(i)
			switch k {
			case 0:
				want.Missing++
				want.MissingKeys = append(want.MissingKeys, key)
			case 1:
				want.Changed++
				want.ChangedKeys = append(want.ChangedKeys, key)
			case 2:
				want.Extra++
				want.ExtraKeys = append(want.ExtraKeys, "new "+key)
			}
		}
		found := filepath.Join(dir, "found"+strconv.Itoa(damages))
		writeRows(t, found, n+damages, func(i int) (string, uint64, int) {
			if i >= n {
				return "", 0, 0
			}
			if k, ok := kind[i]; ok && k != 2 {
				return strconv.Itoa(i), uint64(i) + 1<<40, k
			}
			return soundRow(i)
		})
		appendExtra(t, found, n, kind)
		runtime.GC()
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		start := time.Now()
		got, err := diffRows(context.Background(), base, found, 2000)
		took := time.Since(start)
		runtime.ReadMemStats(&after)
		if err != nil {
			t.Fatal(err)
		}
		for _, keys := range [][]string{want.MissingKeys, want.ChangedKeys, want.ExtraKeys, got.MissingKeys, got.ChangedKeys, got.ExtraKeys} {
			sortNaturally(keys)
		}
		want.Base, want.Found = got.Base, got.Found
		if !reflect.DeepEqual(got, want) {
			t.Errorf("%d damages: got %d missing, %d changed, %d extra, want %d, %d, %d, or other keys", damages, got.Missing, got.Changed, got.Extra, want.Missing, want.Changed, want.Extra)
		}
		if mb := (after.TotalAlloc - before.TotalAlloc) >> 20; mb > 200 {
			t.Errorf("%d damages: allocated %d MB", damages, mb)
		}
		if took > 5*time.Second {
			t.Errorf("%d damages: took %v", damages, took)
		}
		t.Logf("%d damages in %d rows: %v", damages, n, took)
	}
}

// appendExtra rewrites the file with the extra rows of kind 2.
func appendExtra(t *testing.T, path string, n int, kind map[int]int) {
	t.Helper()
	type row struct {
		key string
		d   fixtures.Digest
	}
	var all []row
	if err := fixtures.ReadRows(path, func(key []byte, d fixtures.Digest) error {
		all = append(all, row{string(key), d})
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	w, err := fixtures.CreateRows(path)
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range all {
		if err := w.Add([]byte(r.key), r.d); err != nil {
			t.Fatal(err)
		}
	}
	for i, k := range kind {
		if k == 2 {
			if err := w.Add([]byte("new "+strconv.Itoa(i)), fixtures.Digest{Hi: uint64(i), Lo: uint64(n)}); err != nil {
				t.Fatal(err)
			}
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
}

// TestDiffOfAllRows: everything changed, more than fits into one part.
func TestDiffOfAllRows(t *testing.T) {
	n := 700_000
	if testing.Short() {
		n = 70_000
	}
	dir := t.TempDir()
	base, found := filepath.Join(dir, "base"), filepath.Join(dir, "found")
	writeRows(t, base, n, soundRow)
	writeRows(t, found, n, func(i int) (string, uint64, int) { return strconv.Itoa(i), uint64(i) + 1<<50, 1 })
	got, err := diffRows(context.Background(), base, found, 20)
	if err != nil || got.Changed != int64(n) || got.Missing != 0 || got.Extra != 0 || len(got.ChangedKeys) != 20 {
		t.Errorf("changed %d, missing %d, extra %d, %d keys, error %v", got.Changed, got.Missing, got.Extra, len(got.ChangedKeys), err)
	}
}

func TestDiffRows(t *testing.T) {
	digest := func(v uint64) fixtures.Digest { return fixtures.Digest{Hi: v, Lo: v} }
	type row struct {
		key string
		v   uint64
	}
	for _, c := range []struct {
		what                    string
		base, found             []row
		missing, changed, extra string
		keyless                 bool
		n                       [3]int64
	}{
		{what: "equal in another order", base: []row{{"a", 1}, {"b", 2}}, found: []row{{"b", 2}, {"a", 1}}},
		{what: "values exchanged", base: []row{{"a", 1}, {"b", 2}}, found: []row{{"a", 2}, {"b", 1}}, changed: "a b", n: [3]int64{0, 2, 0}},
		{what: "a key twice", base: []row{{"a", 1}}, found: []row{{"a", 1}, {"a", 2}}, extra: "a", n: [3]int64{0, 0, 1}},
		{what: "the same row twice", base: []row{{"a", 1}}, found: []row{{"a", 1}, {"a", 1}}, extra: "a", n: [3]int64{0, 0, 1}},
		{what: "all missing", base: []row{{"9", 1}, {"10", 2}}, missing: "9 10", n: [3]int64{2, 0, 0}},
		{what: "without a key: one of a pair", keyless: true, base: []row{{"", 1}, {"", 1}}, found: []row{{"", 1}}, n: [3]int64{1, 0, 0}},
		{what: "without a key: one became another", keyless: true, base: []row{{"", 1}, {"", 2}}, found: []row{{"", 1}, {"", 1}}, n: [3]int64{1, 0, 1}},
	} {
		t.Run(c.what, func(t *testing.T) {
			dir := t.TempDir()
			for name, rows := range map[string][]row{"base": c.base, "found": c.found} {
				w, err := fixtures.CreateRows(filepath.Join(dir, name))
				must(t, err)
				for _, r := range rows {
					must(t, w.Add([]byte(r.key), digest(r.v)))
				}
				must(t, w.Close())
			}
			d, err := diffRows(context.Background(), filepath.Join(dir, "base"), filepath.Join(dir, "found"), 20)
			must(t, err)
			join := func(keys []string) string { return strings.Join(keys, " ") }
			if join(d.MissingKeys) != c.missing || join(d.ChangedKeys) != c.changed || join(d.ExtraKeys) != c.extra {
				t.Errorf("missing %q, changed %q, extra %q", d.MissingKeys, d.ChangedKeys, d.ExtraKeys)
			}
			if got := [3]int64{d.Missing, d.Changed, d.Extra}; got != c.n || d.Keyless != c.keyless {
				t.Errorf("missing, changed, extra %v, keyless %v", got, d.Keyless)
			}
		})
	}
}

// TestDiffOfExchangedDigests: two rows of one partition that have each other's digests do not cancel in its sum.
func TestDiffOfExchangedDigests(t *testing.T) {
	first := map[uint64]string{}
	var a, b string
	for i := 0; b == ""; i++ {
		key := strconv.Itoa(i)
		p := hashKey([]byte(key)) % partitions
		if first[p] != "" {
			a, b = first[p], key
		}
		first[p] = key
	}
	dir := t.TempDir()
	for name, v := range map[string][2]uint64{"base": {1, 2}, "found": {2, 1}} {
		w, err := fixtures.CreateRows(filepath.Join(dir, name))
		must(t, err)
		must(t, w.Add([]byte(a), fixtures.Digest{Hi: v[0], Lo: v[0]}))
		must(t, w.Add([]byte(b), fixtures.Digest{Hi: v[1], Lo: v[1]}))
		must(t, w.Close())
	}
	d, err := diffRows(context.Background(), filepath.Join(dir, "base"), filepath.Join(dir, "found"), 20)
	must(t, err)
	if d.Changed != 2 {
		t.Errorf("%d rows changed, want 2", d.Changed)
	}
}
