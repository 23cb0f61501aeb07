package verify

import (
	"context"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/recoverydrill/gameday/fixtures/ledger"
	"github.com/recoverydrill/gameday/fixtures/traffic"
	"github.com/recoverydrill/gameday/reports"
)

// histories is how many random ones each property is tried on.
func histories() int {
	if testing.Short() {
		return 8
	}
	return 40
}

// quick builds only what the ledger's check needs.
func (s *scene) quick() *Evidence {
	e := &Evidence{Record: s.rec, Ops: s.ops, Probe: s.probe}
	e.Rows = s.rows(func(id uint64) bool { return s.survived[id] })
	for _, f := range s.editRows {
		e.Rows = f(e.Rows)
	}
	return e
}

func randomPlot(rng *rand.Rand) plot {
	p := plot{seed: rng.Uint64N(1<<40) + 1, clients: 1 + rng.IntN(5), beside: rng.IntN(2) == 0}
	p.rate = 24 / int64(p.clients)
	switch rng.IntN(3) {
	case 0:
		p.recoverTo = markNS + rng.Int64N(declaredNS-markNS)
	case 1:
		p.recoverTo = stopNS
	}
	if p.beside && p.recoverTo > declaredNS {
		p.recoverTo = declaredNS
	}
	return p
}

// TestLegalHistoriesNeverFail: whatever became of operations of unknown outcome, and wherever after the mark the tail
// was cut, with operations in flight at the cut on either side, the ledger's check passes.
func TestLegalHistoriesNeverFail(t *testing.T) {
	for i := range histories() {
		rng := rand.New(rand.NewPCG(uint64(i), 1))
		p := randomPlot(rng)
		s := newScene(t, p)
		s.plot = p
		for _, o := range s.ops {
			early, late := o.InvokeNS <= p.cut(), o.InvokeNS > startNS
			// After the recovery a store may have had to refuse what never reached it: it can only be absent.
			if o.Outcome == ledger.Unknown && (early || (late && s.applied(o.ID))) {
				s.survived[o.ID] = rng.IntN(2) == 0
			}
			// In flight at the cut: it may have made it.
			if !early && o.InvokeNS <= p.cut()+2e6 && s.applied(o.ID) && rng.IntN(2) == 0 && o.InvokeNS < declaredNS {
				s.survived[o.ID] = true
			}
		}
		if r := (Ledger{}).Judge(context.Background(), s.quick()); r.Outcome != reports.Passed {
			t.Fatalf("history %d (%+v): %s", i, p, describeResults([]reports.CheckResult{r}))
		}
	}
}

func (p plot) cut() int64 {
	if p.recoverTo == 0 {
		return markNS
	}
	return p.recoverTo
}

// alterations make a legal history illegal. Each returns false where the history offers it no place.
var alterations = map[string]func(rng *rand.Rand, s *scene, e *Evidence) bool{
	"drop a row": func(rng *rand.Rand, s *scene, e *Evidence) bool {
		i := rng.IntN(len(e.Rows))
		e.Rows = slices.Delete(slices.Clone(e.Rows), i, i+1)
		return e.lostIllegally(s)
	},
	"change a byte": func(rng *rand.Rand, _ *scene, e *Evidence) bool {
		r := &e.Rows[rng.IntN(len(e.Rows))]
		field := []*string{&r.Key, &r.Val, &r.MAC}[rng.IntN(3)]
		b := []byte(*field)
		b[rng.IntN(len(b))] ^= byte(1 + rng.IntN(31))
		*field = string(b)
		return true
	},
	"change a value and certify it": func(rng *rand.Rand, _ *scene, e *Evidence) bool {
		r := &e.Rows[rng.IntN(len(e.Rows))]
		r.Val += "x"
		*r = reMAC(*r)
		return true
	},
	"change a version and certify it": func(rng *rand.Rand, _ *scene, e *Evidence) bool {
		r := &e.Rows[rng.IntN(len(e.Rows))]
		r.Ver += int64(rng.IntN(5)) - 5
		*r = reMAC(*r)
		return true
	},
	"change an author and certify it": func(rng *rand.Rand, _ *scene, e *Evidence) bool {
		r := &e.Rows[rng.IntN(len(e.Rows))]
		r.Op ^= 1 << rng.IntN(45)
		*r = reMAC(*r)
		return true
	},
	"double a row": func(rng *rand.Rand, _ *scene, e *Evidence) bool {
		e.Rows = append(slices.Clone(e.Rows), e.Rows[rng.IntN(len(e.Rows))])
		return true
	},
	"put back an older version": func(rng *rand.Rand, s *scene, e *Evidence) bool {
		for _, i := range rng.Perm(len(e.Rows)) {
			if e.Rows[i].Ver > 1 {
				e.Rows[i] = older(s, e.Rows[i])
				return true
			}
		}
		return false
	},
	"invent a row": func(rng *rand.Rand, _ *scene, e *Evidence) bool {
		r := e.Rows[rng.IntN(len(e.Rows))]
		r.Key += "9999999"
		e.Rows = append(slices.Clone(e.Rows), reMAC(r))
		return true
	},
	"lose a write from before the mark": func(rng *rand.Rand, s *scene, e *Evidence) bool {
		return s.withoutOne(rng, e, func(o ledger.Op) bool { return o.ReturnNS <= markNS })
	},
	"lose a write from after the recovery": func(rng *rand.Rand, s *scene, e *Evidence) bool {
		return s.withoutOne(rng, e, func(o ledger.Op) bool { return o.InvokeNS > 21*second })
	},
	"skip writes in the middle": func(rng *rand.Rand, s *scene, e *Evidence) bool {
		from := markNS + rng.Int64N(2*second)
		if s.plot.cut() < from+second {
			return false
		}
		e.Rows = s.rows(func(id uint64) bool { return s.survived[id] && !sent(from, from+second/2)(*s.op(id)) })
		return true
	},
	"bring back a write from beyond the cut": func(rng *rand.Rand, s *scene, e *Evidence) bool {
		if s.plot.cut() > declaredNS-2*second {
			return false
		}
		var late []uint64
		for _, o := range s.ops {
			if o.InvokeNS > s.plot.cut()+second && o.ReturnNS < declaredNS && o.Outcome == ledger.Acknowledged {
				late = append(late, o.ID)
			}
		}
		id := late[rng.IntN(len(late))]
		e.Rows = s.rows(func(x uint64) bool { return s.survived[x] || x == id })
		return true
	},
	"one table is older": func(rng *rand.Rand, s *scene, e *Evidence) bool {
		table := traffic.Tables()[1+rng.IntN(3)]
		old := s.rows(func(id uint64) bool { return s.survived[id] && s.op(id).InvokeNS < 5*second })
		rows := slices.DeleteFunc(slices.Clone(e.Rows), func(r traffic.Row) bool { return r.Table == table })
		for _, r := range old {
			if r.Table == table {
				rows = append(rows, r)
			}
		}
		changed := len(rows) != len(e.Rows) || !sameRows(rows, e.Rows)
		e.Rows = rows
		return changed
	},
}

// lostIllegally is false where a dropped row stood for a whole operation that may be lost: the last one before the cut.
func (e *Evidence) lostIllegally(s *scene) bool {
	there := map[string]bool{}
	for _, r := range e.Rows {
		there[r.Table+"/"+r.Key] = true
	}
	for _, r := range s.rows(func(id uint64) bool { return s.survived[id] }) {
		if !there[r.Table+"/"+r.Key] {
			o := s.op(r.Op)
			return o.Outcome == ledger.Acknowledged && (r.Table != "op" || o.ReturnNS <= markNS || o.InvokeNS > 21*second)
		}
	}
	return false
}

func (s *scene) withoutOne(rng *rand.Rand, e *Evidence, pick func(ledger.Op) bool) bool {
	var some []uint64
	for _, o := range s.ops {
		if s.survived[o.ID] && o.Outcome == ledger.Acknowledged && pick(o) {
			some = append(some, o.ID)
		}
	}
	id := some[rng.IntN(len(some))]
	e.Rows = s.rows(func(x uint64) bool { return s.survived[x] && x != id })
	return true
}

func sameRows(a, b []traffic.Row) bool {
	count := map[traffic.Row]int{}
	for _, r := range a {
		count[r]++
	}
	for _, r := range b {
		count[r]--
	}
	for _, n := range count {
		if n != 0 {
			return false
		}
	}
	return true
}

// TestIllegalHistoriesNeverPass: every alteration of every history is seen.
func TestIllegalHistoriesNeverPass(t *testing.T) {
	tried := map[string]int{}
	for i := range histories() {
		rng := rand.New(rand.NewPCG(uint64(i), 2))
		p := randomPlot(rng)
		s := newScene(t, p)
		s.plot = p
		for name, alter := range alterations {
			e := s.quick()
			if !alter(rng, s, e) {
				continue
			}
			tried[name]++
			if r := (Ledger{}).Judge(context.Background(), e); r.Outcome != reports.Failed {
				t.Fatalf("history %d (%+v), %s: %s", i, p, name, describeResults([]reports.CheckResult{r}))
			}
		}
	}
	for name := range alterations {
		if tried[name] == 0 {
			t.Errorf("%s was never tried", name)
		}
	}
}

// TestEveryChangedCellIsSeen changes random cells of the fixed tables: none may escape.
func TestEveryChangedCellIsSeen(t *testing.T) {
	s := newScene(t, plot{clients: 1, rate: 1})
	s.noRowsFiles = true
	good := s.build()
	for i := range 300 {
		rng := rand.New(rand.NewPCG(uint64(i), 3))
		m := shopModel()
		tables := []string{"customers", "payments", "audit", "notes"}
		table := m.table(tables[rng.IntN(len(tables))])
		row := table.cells[rng.IntN(len(table.cells))]
		cell := &row[rng.IntN(len(row))]
		b := append([]byte(nil), *cell...)
		b[rng.IntN(len(b))] ^= 1 << rng.IntN(8)
		*cell = string(b)
		e := *good
		e.Found = m.manifest(s, t.TempDir(), good.Rows, endNS)
		if r := (Contents{}).Judge(context.Background(), &e); r.Outcome != reports.Failed {
			t.Fatalf("change %d of %s: %s", i, table.Name, describeResults([]reports.CheckResult{r}))
		}
	}
}
