package verify

import (
	"fmt"
	"strconv"

	"github.com/recoverydrill/gameday/fixtures/ledger"
	"github.com/recoverydrill/gameday/fixtures/traffic"
)

// replay applies the surviving operations of each client in their order. One that does not fit was built on a write that
// is gone: a store cannot get there by itself, two states were mixed. Its rows are expected all the same, so that the
// comparison goes on.
func (c *reconciler) replay() {
	c.expected = traffic.NewState()
	for _, k := range c.ops {
		if !k.counts() {
			continue
		}
		err := c.expected.Apply(k.mutations)
		if err == nil {
			continue
		}
		c.holes[k.ID] = true
		c.violate(Hole, "", strconv.FormatUint(k.ID, 10), fmt.Sprintf("%s survived and rests on a write that is gone: %v", describe(k), err))
		for _, m := range k.mutations {
			table := c.expected[m.Row.Table]
			switch {
			case table == nil:
			case m.Kind == traffic.Delete:
				delete(table, m.Row.Key)
			default:
				table[m.Row.Key] = m.Row
			}
		}
	}
}

// compare wants exactly the expected rows.
func (c *reconciler) compare(rows []traffic.Row) {
	seen := make(map[rowID]bool, len(rows))
	for _, r := range rows {
		id := rowID{r.Table, r.Key}
		if seen[id] {
			c.violate(Duplicated, r.Table, r.Key, fmt.Sprintf("%s/%s is there more than once", r.Table, r.Key))
			continue
		}
		seen[id] = true
		if want, ok := c.expected[r.Table][r.Key]; ok && want == r {
			continue
		}
		class, why := c.classify(r)
		c.violate(class, r.Table, r.Key, fmt.Sprintf("%s/%s (operation %d, version %d): %s", r.Table, r.Key, r.Op, r.Ver, why))
	}
	for _, table := range traffic.Tables() {
		var gone []string
		for key := range c.expected[table] {
			if !seen[rowID{table, key}] {
				gone = append(gone, key)
			}
		}
		sortNaturally(gone)
		for _, key := range gone {
			want := c.expected[table][key]
			c.violate(Torn, table, key, fmt.Sprintf("%s/%s is gone, while operation %d that wrote it survived", table, key, want.Op))
		}
	}
}

// classify says what is wrong with a row that is not the expected one.
func (c *reconciler) classify(r traffic.Row) (Class, string) {
	writer := c.byID[r.Op]
	want, expected := c.expected[r.Table][r.Key]
	switch {
	case !traffic.Valid(r):
		return Corrupt, "its MAC does not fit what it holds"
	case writer == nil:
		return Unexpected, "no operation of the ledger wrote it"
	case writer.Outcome == ledger.Refused:
		return AbortedVisible, "the server had refused the operation"
	case !wrote(writer, r):
		if r.Ver > c.newest(r) {
			return Future, "no operation ever wrote this version"
		}
		return Unexpected, "the operation that it names wrote something else"
	case !writer.survived:
		return Torn, "the rest of its operation is gone"
	case !expected:
		return Resurrected, "a later operation that survived had deleted it"
	default:
		return Stale, fmt.Sprintf("operation %d wrote version %d and survived", want.Op, want.Ver)
	}
}

func wrote(k *known, r traffic.Row) bool {
	for _, m := range k.mutations {
		if m.Kind != traffic.Delete && m.Row == r {
			return true
		}
	}
	return false
}

// newest is the highest version that any operation of the ledger tried to give to a row; 0 where none did.
func (c *reconciler) newest(r traffic.Row) int64 {
	var newest int64
	for _, k := range c.writers[rowID{r.Table, r.Key}] {
		for _, m := range k.mutations {
			if m.Kind != traffic.Delete && m.Row.Table == r.Table && m.Row.Key == r.Key {
				newest = max(newest, m.Row.Ver)
			}
		}
	}
	return newest
}

// cleanCut wants the loss to be one cut through time: nothing that was sent after a lost write had been acknowledged may
// have survived, until clients wrote to the recovered store; and nothing may be lost after that.
//
// Where exactly the recovered store took over is known only to lie after DeclaredNS (or to be CutNS). An operation that
// survived although it was sent after the first lost acknowledgement is a hole if it had come back before that moment.
// Otherwise the recovered store took it, and everything sent after it came back must have survived too.
func (c *reconciler) cleanCut() {
	var firstLost *known
	for _, k := range c.ops {
		if k.lost() && (firstLost == nil || k.ReturnNS < firstLost.ReturnNS) {
			firstLost = k
		}
	}
	if firstLost == nil {
		return
	}
	cut := c.o.CutNS
	if cut == 0 {
		cut = c.o.DeclaredNS
	}
	var taken *known // the first one that the recovered store acknowledged
	for _, k := range c.ops {
		if !k.counts() || k.InvokeNS <= firstLost.ReturnNS {
			continue
		}
		if cut == 0 || k.settledNS() <= cut {
			if !c.holes[k.ID] {
				c.violate(Hole, "", strconv.FormatUint(k.ID, 10), fmt.Sprintf("%s survived and was sent after %s, which is lost", describe(k), describe(firstLost)))
			}
			continue
		}
		if k.Outcome == ledger.Acknowledged && (taken == nil || k.ReturnNS < taken.ReturnNS) {
			taken = k
		}
	}
	if taken == nil {
		return
	}
	for _, k := range c.ops {
		if k.lost() && k.InvokeNS > taken.ReturnNS && (c.o.after() == 0 || k.InvokeNS <= c.o.after()) {
			c.violate(LostAfter, "", strconv.FormatUint(k.ID, 10),
				fmt.Sprintf("%s is lost and was sent after %s, which the recovered store took", describe(k), describe(taken)))
		}
	}
}
