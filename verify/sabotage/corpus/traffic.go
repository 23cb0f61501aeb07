package corpus

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/recoverydrill/gameday/fixtures"
	"github.com/recoverydrill/gameday/fixtures/ledger"
	"github.com/recoverydrill/gameday/fixtures/traffic"
	"github.com/recoverydrill/gameday/verify/sabotage"
)

// history is what acts on traffic's tables know: which operations there were, what each wrote, and which rows are there.
type history struct {
	store store
	ops   []ledger.Op
	wrote map[uint64][]traffic.Mutation
	rows  map[string]map[string]traffic.Row
}

// edit is what an act does to traffic's tables: rows that go, and rows that come.
type edit struct{ remove, add []traffic.Row }

// ErrNoOccasion is wrapped where the traffic of a drill had no operation of the kind that an act needs.
var ErrNoOccasion = fmt.Errorf("traffic has given no occasion: %w", sabotage.ErrNotHere)

// onTraffic are the acts that only the ledger can tell from health: every row certifies itself.
func onTraffic() []sabotage.Act {
	all := []struct {
		id, title string
		plan      func(h *history) (edit, error)
	}{
		{"A7", "a row of an abandoned branch is there", func(*history) (edit, error) {
			id := ledger.ID(2, 1<<30)
			return edit{add: []traffic.Row{certified(traffic.Row{Table: traffic.TableOp, Key: strconv.FormatUint(id, 10), Op: id, Ver: 1, Val: "op"})}}, nil
		}},
		{"A18", "a deleted row is back", (*history).resurrect},
		{"A19", "the last change of a row is lost", (*history).older},
		{"A20", "one row of a transaction is missing", func(h *history) (edit, error) {
			for _, r := range h.rows[traffic.TableEntry] {
				return edit{remove: []traffic.Row{r}}, nil
			}
			return edit{}, ErrNoOccasion
		}},
		{"A21", "a transaction that was rolled back is visible", (*history).aborted},
		{"A23", "one write in the middle is missing", (*history).hole},
		{"C13", "the history is there and a table is empty", func(h *history) (edit, error) {
			var all []traffic.Row
			for _, r := range h.rows[traffic.TableEntry] {
				all = append(all, r)
			}
			return edit{remove: all}, nil
		}},
		{"B4", "a value is cut off", func(h *history) (edit, error) {
			return h.replace(traffic.TableItem, func(r *traffic.Row) { r.Val = string([]rune(r.Val)[:3]) })
		}},
		{"B16", "a balance is wrong and certifies itself", func(h *history) (edit, error) {
			return h.replace(traffic.TableAccount, func(r *traffic.Row) { r.Val = "999999"; *r = certified(*r) })
		}},
		{"G4", "the last write after the recovery went elsewhere", (*history).last},
	}
	var out []sabotage.Act
	for _, a := range all {
		for _, engine := range Engines() {
			out = append(out, sabotage.Act{ID: a.id, Title: a.title, Engines: []string{engine}, Check: "ledger", Do: planned(a.plan)})
		}
	}
	return out
}

// planned makes an act of a plan.
func planned(plan func(*history) (edit, error)) func(context.Context, sabotage.Target) (func(context.Context) error, error) {
	return func(ctx context.Context, t sabotage.Target) (func(context.Context) error, error) {
		h, err := read(ctx, t)
		if err != nil {
			return nil, err
		}
		e, err := plan(h)
		if err == nil && len(e.remove)+len(e.add) == 0 {
			err = errors.New("it changed nothing")
		}
		if err == nil {
			err = h.apply(ctx, e)
		}
		return func(ctx context.Context) error { return h.apply(ctx, edit{remove: e.add, add: e.remove}) }, err
	}
}

func certified(r traffic.Row) traffic.Row { r.MAC = traffic.MAC(r); return r }

// read is the history of a drill. Its rows are in no order: an act takes any that will do.
func read(ctx context.Context, t sabotage.Target) (*history, error) {
	s, err := storeOf(t)
	if err != nil {
		return nil, err
	}
	reader, ok := t.System.(traffic.Store)
	if !ok {
		return nil, &fixtures.UnsupportedError{What: "engine " + t.System.Info().Engine, Need: "traffic.Store", For: "act on traffic's tables"}
	}
	h := &history{store: s, ops: t.Ops, wrote: map[uint64][]traffic.Mutation{}, rows: map[string]map[string]traffic.Row{}}
	for _, op := range t.Ops {
		if h.wrote[op.ID], err = traffic.Decode(op); err != nil {
			return nil, err
		}
	}
	for _, name := range traffic.Tables() {
		h.rows[name] = map[string]traffic.Row{}
	}
	address := ""
	if r := t.System.Route(); r != nil {
		address = r.Address()
	}
	err = reader.Rows(ctx, address, func(r traffic.Row) error { h.rows[r.Table][r.Key] = r; return nil })
	return h, err
}

// table is the name of one of traffic's tables, and key is that of a row for SQL.
func (h *history) table(name string) string {
	if h.store.Info().Engine == SQLite {
		return traffic.TablePrefix + name
	}
	return "gameday." + name
}

// apply removes and adds rows, all of them at once.
func (h *history) apply(ctx context.Context, e edit) error {
	engine := h.store.Info().Engine
	sql := []string{"BEGIN"}
	for _, r := range e.remove {
		sql = append(sql, fmt.Sprintf("DELETE FROM %s WHERE k = %s", h.table(r.Table), text(r.Key, engine)))
	}
	for _, r := range e.add {
		sql = append(sql, fmt.Sprintf("INSERT INTO %s (k, op, ver, val, mac) VALUES (%s, %d, %d, %s, %s)",
			h.table(r.Table), text(r.Key, engine), r.Op, r.Ver, text(r.Val, engine), text(r.MAC, engine)))
	}
	return h.store.Statement(ctx, "", "", strings.Join(append(sql, "COMMIT"), ";\n"))
}

// text is a string that no setting of a session reads in another way.
func text(s, engine string) string {
	switch engine {
	case Postgres:
		return fmt.Sprintf(`convert_from('\x%x', 'UTF8')`, s)
	case SQLite:
		return fmt.Sprintf("CAST(X'%x' AS TEXT)", s)
	}
	return fmt.Sprintf("CONVERT(X'%x' USING utf8mb4)", s)
}

// replace changes one row of a table.
func (h *history) replace(table string, change func(*traffic.Row)) (edit, error) {
	for _, r := range h.rows[table] {
		now := r
		change(&now)
		return edit{remove: []traffic.Row{r}, add: []traffic.Row{now}}, nil
	}
	return edit{}, ErrNoOccasion
}

// version is a row as an operation wrote it.
func (h *history) version(table, key string, ver int64) (traffic.Row, bool) {
	for _, m := range h.wrote {
		for _, x := range m {
			if x.Kind != traffic.Delete && x.Row.Table == table && x.Row.Key == key && x.Row.Ver == ver {
				return x.Row, true
			}
		}
	}
	return traffic.Row{}, false
}

func (h *history) older() (edit, error) {
	for _, r := range h.rows[traffic.TableItem] {
		if was, ok := h.version(r.Table, r.Key, r.Ver-1); ok {
			return edit{remove: []traffic.Row{r}, add: []traffic.Row{was}}, nil
		}
	}
	return edit{}, ErrNoOccasion
}

func (h *history) resurrect() (edit, error) {
	for _, op := range h.ops {
		if op.Kind != traffic.KindDelete || op.Outcome != ledger.Acknowledged {
			continue
		}
		for _, m := range h.wrote[op.ID] {
			if was, ok := h.version(traffic.TableItem, m.Row.Key, m.Was); ok && m.Kind == traffic.Delete {
				return edit{add: []traffic.Row{was}}, nil
			}
		}
	}
	return edit{}, ErrNoOccasion
}

func (h *history) aborted() (edit, error) {
	for _, op := range h.ops {
		if op.Outcome != ledger.Refused || op.Kind != traffic.KindInsert {
			continue
		}
		var e edit
		for _, m := range h.wrote[op.ID] {
			e.add = append(e.add, m.Row)
		}
		return e, nil
	}
	return edit{}, ErrNoOccasion
}

// untouched are the rows of an operation, if all are there as it wrote them.
func (h *history) untouched(op ledger.Op) (edit, bool) {
	var e edit
	for _, m := range h.wrote[op.ID] {
		now, ok := h.rows[m.Row.Table][m.Row.Key]
		if m.Kind != traffic.Insert || !ok || now != m.Row {
			return edit{}, false
		}
		e.remove = append(e.remove, now)
	}
	return e, true
}

func (h *history) hole() (edit, error) {
	for i, op := range h.ops {
		if op.Outcome != ledger.Acknowledged || i < len(h.ops)/4 || op.Kind != traffic.KindInsert && op.Kind != traffic.KindDocument {
			continue
		}
		if e, ok := h.untouched(op); ok {
			return e, nil
		}
	}
	return edit{}, ErrNoOccasion
}

func (h *history) last() (edit, error) {
	for _, op := range slices.Backward(h.ops) {
		if op.Outcome != ledger.Acknowledged || op.Kind != traffic.KindInsert && op.Kind != traffic.KindDocument {
			continue
		}
		if e, ok := h.untouched(op); ok {
			return e, nil
		}
	}
	return edit{}, ErrNoOccasion
}
