package verify

import (
	"context"
	"errors"
	"slices"
	"sort"

	"github.com/recoverydrill/gameday/fixtures"
)

// partitions is how many parts the rows of a table are sorted into by their key. Only parts that differ are held in
// memory, as many at a time as fit into partRows rows: a few damaged rows cost two readings of the files and little
// memory, a table of which everything changed costs more readings and not more memory.
const (
	partitions = 1024
	partRows   = 1 << 20
)

// rowsDiff is how two rows files differ. The counts are exact; of more keys of a kind than were asked for there are some,
// spread over all of them (see [rowsSample]). Rows of a table without a key have no name: those that are in one file and not in the other are
// missing and extra, never changed.
type rowsDiff struct {
	Missing, Extra, Changed             int64
	MissingKeys, ExtraKeys, ChangedKeys []string
	Keyless                             bool

	Base, Found sums
}

// sums are the totals of a rows file, to be held against its manifest.
type sums struct {
	Rows   int64
	Digest fixtures.Digest
}

func (s *sums) add(d fixtures.Digest) { s.Rows, s.Digest = s.Rows+1, s.Digest.Add(d) }

// rowEntry stands for a row: a 64-bit hash of its key, and its digest.
type rowEntry struct {
	key    uint64
	digest fixtures.Digest
}

func compareEntries(a, b rowEntry) int {
	for _, p := range [][2]uint64{{a.key, b.key}, {a.digest.Hi, b.digest.Hi}, {a.digest.Lo, b.digest.Lo}} {
		if p[0] != p[1] {
			if p[0] < p[1] {
				return -1
			}
			return 1
		}
	}
	return 0
}

// part is the rows of one partition as a count and a sum that depends on each key together with its digest.
type part struct {
	rows int64
	sum  uint64
}

// differ compares rows files as multisets.
type differ struct {
	ctx         context.Context
	base, found string // paths
	diff        rowsDiff

	missing, extra, changed rowsSample
}

func diffRows(ctx context.Context, base, found string, limit int) (rowsDiff, error) {
	d := &differ{ctx: ctx, base: base, found: found, missing: rowsSample{limit: limit}, extra: rowsSample{limit: limit}, changed: rowsSample{limit: limit}}
	d.diff.Keyless = true
	b, err := d.sum(base, &d.diff.Base)
	if err != nil {
		return rowsDiff{}, err
	}
	f, err := d.sum(found, &d.diff.Found)
	if err != nil {
		return rowsDiff{}, err
	}
	for from := 0; from < partitions; {
		var chosen [partitions]bool
		var rows int64
		for ; from < partitions && rows < partRows; from++ {
			if b[from] != f[from] {
				chosen[from] = true
				rows += b[from].rows + f[from].rows
			}
		}
		if rows > 0 {
			if err := d.compare(&chosen, rows); err != nil {
				return rowsDiff{}, err
			}
		}
	}
	d.diff.MissingKeys, d.diff.ExtraKeys, d.diff.ChangedKeys = d.missing.keys(), d.extra.keys(), d.changed.keys()
	return d.diff, nil
}

// entry is what stands for a row. Where there is no key its digest stands for one.
func entry(key []byte, digest fixtures.Digest) rowEntry {
	if len(key) == 0 {
		b := digest.Bytes()
		return rowEntry{hashKey(b[:]), digest}
	}
	return rowEntry{hashKey(key), digest}
}

// hashKey is 64-bit FNV-1a, finished so that its low bits can pick a partition. It is the same in every process, so that
// a drill that is judged again names the same rows.
func hashKey(key []byte) uint64 {
	h := uint64(14695981039346656037)
	for _, b := range key {
		h = (h ^ uint64(b)) * 1099511628211
	}
	return scramble(h)
}

func (d *differ) each(path string, do func(key []byte, e rowEntry) error) error {
	n := 0
	return fixtures.ReadRows(path, func(key []byte, digest fixtures.Digest) error {
		if n++; n%4096 == 0 && d.ctx.Err() != nil {
			return d.ctx.Err()
		}
		return do(key, entry(key, digest))
	})
}

func (d *differ) sum(path string, total *sums) (*[partitions]part, error) {
	var parts [partitions]part
	err := d.each(path, func(key []byte, e rowEntry) error {
		if len(key) > 0 {
			d.diff.Keyless = false
		}
		total.add(e.digest)
		p := &parts[e.key%partitions]
		p.rows++
		p.sum += mix(e)
		return nil
	})
	return &parts, err
}

// mix depends on key and digest together, so that two rows which exchanged their digests do not cancel in a sum.
func mix(e rowEntry) uint64 {
	return scramble(scramble(e.key^e.digest.Hi) ^ e.digest.Lo)
}

// scramble is the finaliser of MurmurHash3.
func scramble(h uint64) uint64 {
	h ^= h >> 33
	h *= 0xff51afd7ed558ccd
	h ^= h >> 33
	h *= 0xc4ceb9fe1a85ec53
	return h ^ h>>33
}

// compare finds the rows of the chosen partitions that are in one file only.
func (d *differ) compare(chosen *[partitions]bool, rows int64) error {
	load := func(path string) ([]rowEntry, error) {
		all := make([]rowEntry, 0, rows/2+1)
		err := d.each(path, func(_ []byte, e rowEntry) error {
			if chosen[e.key%partitions] {
				all = append(all, e)
			}
			return nil
		})
		slices.SortFunc(all, compareEntries)
		return all, err
	}
	base, err := load(d.base)
	if err != nil {
		return err
	}
	found, err := load(d.found)
	if err != nil {
		return err
	}
	onlyBase, onlyFound := subtract(base, found)
	missing, extra, changed := d.classify(onlyBase, onlyFound)
	if err := d.name(d.base, naming{missing, &d.missing}, naming{changed, &d.changed}); err != nil {
		return err
	}
	return d.name(d.found, naming{extra, &d.extra})
}

// subtract returns what is in one of two sorted lists only. It reuses the lists' memory.
func subtract(a, b []rowEntry) (onlyA, onlyB []rowEntry) {
	onlyA, onlyB = a[:0], b[:0]
	i, k := 0, 0
	for i < len(a) && k < len(b) {
		switch compareEntries(a[i], b[k]) {
		case 0:
			i, k = i+1, k+1
		case -1:
			onlyA = append(onlyA, a[i])
			i++
		default:
			onlyB = append(onlyB, b[k])
			k++
		}
	}
	return append(onlyA, a[i:]...), append(onlyB, b[k:]...)
}

// classify counts: a key that is left on both sides is a changed row. It returns the hashes of the keys of each kind
// and how many rows of that kind each has.
func (d *differ) classify(onlyBase, onlyFound []rowEntry) (missing, extra, changed map[uint64]int64) {
	missing, extra, changed = map[uint64]int64{}, map[uint64]int64{}, map[uint64]int64{}
	i, k := 0, 0
	for i < len(onlyBase) || k < len(onlyFound) {
		var key uint64
		if k >= len(onlyFound) || (i < len(onlyBase) && onlyBase[i].key <= onlyFound[k].key) {
			key = onlyBase[i].key
		} else {
			key = onlyFound[k].key
		}
		var b, f int64
		for ; i < len(onlyBase) && onlyBase[i].key == key; i++ {
			b++
		}
		for ; k < len(onlyFound) && onlyFound[k].key == key; k++ {
			f++
		}
		both := min(b, f)
		d.diff.Changed += both
		d.diff.Missing += b - both
		d.diff.Extra += f - both
		for _, c := range []struct {
			kind map[uint64]int64
			n    int64
		}{{changed, both}, {missing, b - both}, {extra, f - both}} {
			if c.n > 0 {
				c.kind[key] = c.n
			}
		}
	}
	return missing, extra, changed
}

// naming is how many rows of which hashes are still to be named, and where.
type naming struct {
	rows map[uint64]int64
	keys *rowsSample
}

// name reads a file again for the keys themselves, unless enough of a kind are known from other partitions.
func (d *differ) name(path string, kinds ...naming) error {
	kinds = slices.DeleteFunc(kinds, func(n naming) bool { return len(n.rows) == 0 || n.keys.full() })
	if len(kinds) == 0 {
		return nil
	}
	err := d.each(path, func(key []byte, e rowEntry) error {
		left := 0
		for _, n := range kinds {
			if n.rows[e.key] > 0 {
				n.keys.add(key, e.key)
				if n.rows[e.key]--; n.rows[e.key] == 0 {
					delete(n.rows, e.key)
				}
			}
			left += len(n.rows)
		}
		if left == 0 {
			return errNamed
		}
		return nil
	})
	if errors.Is(err, errNamed) {
		return nil
	}
	return err
}

// errNamed ends the reading of a file.
var errNamed = errors.New("all rows are named")

func sortNaturally(keys []string) {
	sort.Slice(keys, func(i, k int) bool { return naturalLess(keys[i], keys[k]) })
}

// naturalLess puts 9 before 10.
func naturalLess(a, b string) bool {
	if len(a) != len(b) {
		return len(a) < len(b)
	}
	return a < b
}
