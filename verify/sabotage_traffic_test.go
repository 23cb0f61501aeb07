package verify

import (
	"slices"
	"strconv"

	"github.com/recoverydrill/gameday/fixtures/ledger"
	"github.com/recoverydrill/gameday/fixtures/traffic"
	"github.com/recoverydrill/gameday/reports"
)

// editRow changes the first row of a table for which pick is true.
func editRow(table string, pick func(traffic.Row) bool, edit func(*traffic.Row)) func(*scene) {
	return func(s *scene) {
		s.editRows = append(s.editRows, func(rows []traffic.Row) []traffic.Row {
			for i := range rows {
				if rows[i].Table == table && pick(rows[i]) {
					edit(&rows[i])
					return rows
				}
			}
			panic("no such row")
		})
	}
}

func dropRow(pick func(s *scene, r traffic.Row) bool) func(*scene) {
	return func(s *scene) {
		s.editRows = append(s.editRows, func(rows []traffic.Row) []traffic.Row {
			i := slices.IndexFunc(rows, func(r traffic.Row) bool { return pick(s, r) })
			return slices.Delete(rows, i, i+1)
		})
	}
}

func addRows(make func(s *scene, rows []traffic.Row) []traffic.Row) func(*scene) {
	return func(s *scene) {
		s.editRows = append(s.editRows, func(rows []traffic.Row) []traffic.Row { return append(rows, make(s, rows)...) })
	}
}

func anyRow(traffic.Row) bool { return true }

func reMAC(r traffic.Row) traffic.Row { r.MAC = traffic.MAC(r); return r }

// forget takes operations away from what survived.
func forget(pick func(o ledger.Op) bool) func(*scene) {
	return func(s *scene) {
		for _, o := range s.ops {
			if pick(o) {
				delete(s.survived, o.ID)
			}
		}
	}
}

func sent(from, to int64) func(ledger.Op) bool {
	return func(o ledger.Op) bool { return o.InvokeNS >= from && o.InvokeNS <= to }
}

// written is every row that an operation of the given kind and outcome wrote, of the first such operation.
func written(s *scene, pick func(o ledger.Op) bool) []traffic.Row {
	i := slices.IndexFunc(s.ops, pick)
	m, err := traffic.Decode(s.ops[i])
	must(s.t, err)
	var rows []traffic.Row
	for _, x := range m {
		if x.Kind != traffic.Delete {
			rows = append(rows, x.Row)
		}
	}
	return rows
}

// older is the version before the given row, from the ledger.
func older(s *scene, r traffic.Row) traffic.Row {
	for _, o := range s.ops {
		m, err := traffic.Decode(o)
		must(s.t, err)
		for _, x := range m {
			if x.Kind != traffic.Delete && x.Row.Table == r.Table && x.Row.Key == r.Key && x.Row.Ver == r.Ver-1 {
				return x.Row
			}
		}
	}
	panic("no older version")
}

// restsOn counts the later operations that touch what an operation wrote.
func (s *scene) restsOn(id uint64) int {
	wrote := map[string]bool{}
	for _, m := range s.mutations[id] {
		wrote[m.Row.Table+m.Row.Key] = true
	}
	n := 0
	for other, mutations := range s.mutations {
		for _, m := range mutations {
			if other > id && wrote[m.Row.Table+m.Row.Key] {
				n++
			}
		}
	}
	return n
}

// wrongTraffic is what only the ledger can see.
func wrongTraffic() []sabotage {
	updated := func(r traffic.Row) bool { return r.Ver > 2 }
	stale := func(table string) func(*scene) {
		return func(s *scene) { editRow(table, updated, func(r *traffic.Row) { *r = older(s, *r) })(s) }
	}
	all := []sabotage{
		{id: "A7", what: "rows of an abandoned branch", do: addRows(func(s *scene, _ []traffic.Row) []traffic.Row {
			id := ledger.ID(2, 1<<30)
			return []traffic.Row{reMAC(traffic.Row{Table: "op", Key: strconv.FormatUint(id, 10), Op: id, Ver: 1, Val: "op"})}
		})},
		{id: "A11", what: "two backups were merged", do: func(s *scene) {
			for _, o := range s.ops {
				if sent(12*second, 13*second)(o) && s.applied(o.ID) {
					s.survived[o.ID] = true
				}
			}
		}},
		{id: "A15", what: "one of traffic's rows is there twice", do: addRows(func(_ *scene, rows []traffic.Row) []traffic.Row { return rows[:1] })},
		{id: "A18", what: "a deleted row is back", do: addRows(func(s *scene, rows []traffic.Row) []traffic.Row {
			for _, o := range s.ops {
				if o.Kind == "delete" && s.survived[o.ID] {
					m, _ := traffic.Decode(o)
					return []traffic.Row{older(s, traffic.Row{Table: "item", Key: m[1].Row.Key, Ver: m[1].Was + 1})}
				}
			}
			panic("nothing was deleted")
		})},
		{id: "A19", what: "the last update of a row is lost", do: stale("item")},
		{id: "A19", what: "the last transfer of an account is lost", do: stale("account")},
		{id: "A20", what: "one line of a transfer is lost", do: dropRow(func(_ *scene, r traffic.Row) bool { return r.Table == "entry" })},
		{id: "A20", what: "the history is newer than the items", do: func(s *scene) {
			s.editRows = append(s.editRows, func(rows []traffic.Row) []traffic.Row {
				old := s.rows(func(id uint64) bool { return s.survived[id] && s.op(id).InvokeNS < 9*second })
				rows = slices.DeleteFunc(rows, func(r traffic.Row) bool { return r.Table == "item" })
				for _, r := range old {
					if r.Table == "item" {
						rows = append(rows, r)
					}
				}
				return rows
			})
		}},
		{id: "A20", what: "a row of a lost transaction is there", do: addRows(func(s *scene, _ []traffic.Row) []traffic.Row {
			return written(s, func(o ledger.Op) bool { return o.Kind == "insert" && !s.survived[o.ID] && s.applied(o.ID) })[1:]
		})},
		{id: "A21", what: "a refused transaction is visible", do: addRows(func(s *scene, _ []traffic.Row) []traffic.Row {
			return written(s, func(o ledger.Op) bool { return o.Outcome == ledger.Refused && o.Kind == "insert" })
		})},
		{id: "A21", what: "one row of a refused transaction is visible", do: addRows(func(s *scene, _ []traffic.Row) []traffic.Row {
			return written(s, func(o ledger.Op) bool { return o.Outcome == ledger.Refused && o.Kind == "insert" })[1:]
		})},
		{id: "A23", what: "a segment in the middle was skipped", plot: plot{recoverTo: stopNS, noTarget: true}, do: forget(sent(12*second, 12*second+second/2))},
		{id: "A23", what: "one write in the middle was skipped", plot: plot{recoverTo: stopNS}, do: func(s *scene) {
			i := slices.IndexFunc(s.ops, func(o ledger.Op) bool {
				return o.InvokeNS > 12*second && o.Kind == "insert" && o.Outcome == ledger.Acknowledged
			})
			forget(func(o ledger.Op) bool { return o.ID == s.ops[i].ID })(s)
		}},
		{id: "A23", what: "one shard lags: a client's writes end earlier", plot: plot{recoverTo: stopNS, noTarget: true}, do: forget(func(o ledger.Op) bool {
			return o.Client() == 2 && o.InvokeNS > 12*second && o.InvokeNS < startNS
		})},
		{id: "B4", what: "a value was cut off", do: editRow("item", anyRow, func(r *traffic.Row) { r.Val = r.Val[:3] })},
		{id: "B1", what: "two rows have each other's values", do: func(s *scene) {
			s.editRows = append(s.editRows, func(rows []traffic.Row) []traffic.Row {
				i := slices.IndexFunc(rows, func(r traffic.Row) bool { return r.Table == "item" })
				a, b := &rows[i], &rows[i+1]
				a.Val, b.Val, a.MAC, b.MAC, a.Op, b.Op, a.Ver, b.Ver = b.Val, a.Val, b.MAC, a.MAC, b.Op, a.Op, b.Ver, a.Ver
				return rows
			})
		}},
		{id: "B16", what: "a balance is wrong and certifies itself", do: editRow("account", anyRow, func(r *traffic.Row) { r.Val = "999999"; *r = reMAC(*r) })},
		{id: "A7", what: "a version that nobody wrote", do: editRow("item", anyRow, func(r *traffic.Row) { r.Ver += 100; *r = reMAC(*r) })},
		{id: "C13", what: "the history is there and everything else is empty", do: func(s *scene) {
			s.editRows = append(s.editRows, func(rows []traffic.Row) []traffic.Row {
				return slices.DeleteFunc(rows, func(r traffic.Row) bool { return r.Table != "op" })
			})
		}},
		{id: "G4", what: "split brain: a write after the recovery went to the old store", do: forget(sent(23*second, 23*second+second/5))},
		{id: "G4", what: "the last write after the recovery is gone", do: func(s *scene) {
			for _, o := range slices.Backward(s.ops) {
				if o.Outcome == ledger.Acknowledged {
					delete(s.survived, o.ID)
					return
				}
			}
		}},
		{id: "G4", what: "the recovered store forgot what it took before the recovery ended", do: func(s *scene) {
			forget(sent(startNS+second/2, endedNS-1))(s)
		}},
		{id: "G4", what: "the recovered store forgot one write that it took before the recovery ended", do: func(s *scene) {
			for _, o := range s.ops {
				if o.InvokeNS > startNS+second/2 && o.InvokeNS < endedNS && o.Kind == "insert" && o.Outcome == ledger.Acknowledged && s.restsOn(o.ID) == 0 {
					delete(s.survived, o.ID)
					return
				}
			}
			panic("every write was built upon")
		}},
		{id: "G4", what: "beside: the recovered store forgot all that it took at first, before the recovery ended", plot: plot{beside: true}, do: func(s *scene) {
			s.rec.Recovery.EndedNS = 24 * second
			forget(sent(startNS, 22*second))(s)
		}},
		{id: "G4", what: "beside: a write to the old store was carried over out of order", plot: plot{beside: true}, do: func(s *scene) {
			s.survived[s.ops[slices.IndexFunc(s.ops, func(o ledger.Op) bool {
				return o.InvokeNS > declaredNS+second && o.Kind == "insert" && o.Outcome == ledger.Acknowledged
			})].ID] = true
		}},
		{id: "A3", what: "one write from before the mark is gone", do: func(s *scene) {
			i := slices.IndexFunc(s.ops, func(o ledger.Op) bool {
				return o.InvokeNS > 5*second && o.Kind == "insert" && o.Outcome == ledger.Acknowledged
			})
			forget(func(o ledger.Op) bool { return o.ID == s.ops[i].ID })(s)
		}},
	}
	for i := range all {
		all[i].check, all[i].only = "ledger", reports.Failed
	}
	return all
}
