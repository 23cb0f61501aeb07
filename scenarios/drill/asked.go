package drill

import (
	"math/rand/v2"
	"slices"
	"strings"

	"github.com/recoverydrill/gameday/faults"
	"github.com/recoverydrill/gameday/fixtures/probe"
)

// A question is asked every 20 ms, about one table, and service is back when all have been asked in one run of correct
// answers: with tables by the thousand no run would be long enough within any limit. So that many are asked about, and of the
// damaged ones, whose rows have questions of their own, that many beside them.
const (
	askedLimit   = 150
	damagedLimit = 50
)

// chosen are the canaries to ask of all that there are: spread evenly over them by the seed, with those of the damaged tables.
func chosen(all []probe.Canary, damaged []faults.Rows, seed int64) []probe.Canary {
	hurt := func(c probe.Canary) bool {
		return slices.ContainsFunc(damaged, func(r faults.Rows) bool { return asksAbout(c, r.Database, r.Table) })
	}
	sound := slices.DeleteFunc(slices.Clone(all), hurt)
	first := evenly(slices.DeleteFunc(slices.Clone(all), func(c probe.Canary) bool { return !hurt(c) }), damagedLimit, seed)
	return append(first, evenly(sound, askedLimit-len(first), seed)...)
}

// asksAbout tells whether a canary is the one of a table that was made with the mark.
func asksAbout(c probe.Canary, database, table string) bool {
	return (c.Database == database || c.Database == "") && strings.TrimPrefix(c.Name, database+": ") == table
}

// evenly picks n of all, one by chance of each of n equal parts.
func evenly[T any](all []T, n int, seed int64) []T {
	if len(all) <= n {
		return all
	}
	rng := rand.New(rand.NewPCG(uint64(seed), 3)) //nolint:gosec // to be repeated
	var some []T
	for i := range n {
		from, to := i*len(all)/n, (i+1)*len(all)/n
		some = append(some, all[from+rng.IntN(to-from)])
	}
	return some
}
