package verify

import (
	"container/heap"
	"slices"
)

// rowsSample keeps some of many keys, spread over all of them: the first and the last in their natural order, and the others
// by a hash. A repair that goes through a table in the order of its keys is done with such a sample near its end only, and
// with the first keys of a file at once. The same keys give the same sample, in whatever order they come.
type rowsSample struct {
	limit       int
	kept        hashedKeys // those of the smallest hashes
	least, most string
	any         bool
}

// add takes note of a key. One that is empty names no row.
func (s *rowsSample) add(key []byte, hash uint64) {
	if len(key) == 0 {
		return
	}
	text := string(key)
	if !s.any || naturalLess(text, s.least) {
		s.least = text
	}
	if !s.any || naturalLess(s.most, text) {
		s.most = text
	}
	s.any = true
	switch {
	case len(s.kept) < s.limit:
		heap.Push(&s.kept, hashedKey{hash, text})
	case s.limit > 0 && hash < s.kept[0].hash:
		s.kept[0] = hashedKey{hash, text}
		heap.Fix(&s.kept, 0)
	}
}

// full tells that every further key would be in place of another.
func (s *rowsSample) full() bool { return len(s.kept) >= s.limit }

// keys are sorted; nil where there are none.
func (s *rowsSample) keys() []string {
	var all []string
	for _, k := range s.kept {
		all = append(all, k.key)
	}
	for i, end := range []string{s.least, s.most} { // in place of others, one each
		if s.full() && len(all) > i && !slices.Contains(all, end) {
			at := slices.IndexFunc(all, func(k string) bool { return k != s.least && k != s.most })
			if at >= 0 {
				all[at] = end
			}
		}
	}
	sortNaturally(all)
	return all
}

type hashedKey struct {
	hash uint64
	key  string
}

// hashedKeys is a heap with the largest hash on top.
type hashedKeys []hashedKey

func (h hashedKeys) Len() int           { return len(h) }
func (h hashedKeys) Less(i, k int) bool { return h[i].hash > h[k].hash }
func (h hashedKeys) Swap(i, k int)      { h[i], h[k] = h[k], h[i] }
func (h *hashedKeys) Push(x any)        { *h = append(*h, x.(hashedKey)) } //nolint:forcetypeassert // heap's own
func (h *hashedKeys) Pop() any          { panic("a sample only grows") }

// Spread returns up to n of the keys, evenly over the list, the first and the last among them.
func Spread(keys []string, n int) []string {
	if len(keys) <= n {
		return keys
	}
	var some []string
	for i := range n {
		some = append(some, keys[i*(len(keys)-1)/max(1, n-1)])
	}
	return some
}
