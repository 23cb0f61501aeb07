// Package sqliterepair is the reference procedure for a selective repair of a SQLite file that Litestream replicates: a bad
// write has damaged some rows, and what clients wrote since must not be lost. It finds the last good version of each
// damaged row among the states that the replica holds, and puts these rows back into the serving file in one transaction.
// Nothing else is touched, and no client is sent elsewhere.
//
// The last good version is the one just before the bad transaction, and not that of the mark: a row may have been changed
// rightly between the two. Which transaction that was is found by halving: a copy of the state in the middle tells which
// rows were damaged by then. So a slow burn takes some ten copies for each of its bursts. A row is taken to have been
// damaged once: of one that was damaged, put right by a client and damaged again, either version may come back.
package sqliterepair

import (
	"context"
	"database/sql/driver"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/superfly/ltx"

	"github.com/recoverydrill/gameday/fixtures/sqlite/handle"
	recovery "github.com/recoverydrill/gameday/recover"
	"github.com/recoverydrill/gameday/recover/litestream"
)

// Damage is what was done to the rows of one table, and how it is told from health.
type Damage struct {
	// Table needs a primary key.
	Table string
	// Poison is an SQL condition on the table's columns that every damaged row fulfils, and no good one: "amount = 0".
	Poison string
	// Columns are what the damage changed. Of a row that somebody has changed in part since, only these are put back.
	Columns []string
}

// Procedure is one repair. The target is a mark before the damage. It refuses, with everything as it was, where there is no
// damage, where rows were damaged at the mark already, and where the replica has a hole or does not get all of the damage.
type Procedure struct {
	Damages []Damage
	// Lag is how long the damage may take until it is in the replica; default 30 s.
	Lag time.Duration
}

var (
	_ recovery.Recovery    = Procedure{}
	_ recovery.Planner     = Procedure{}
	_ recovery.Preflighter = Procedure{}
)

// Rows is a repair of these damages.
func Rows(damages ...Damage) Procedure { return Procedure{Damages: damages} }

// Name is what reports call it.
func (Procedure) Name() string { return "sqliterepair" }

// Recover runs the procedure. It may be run again after it was killed: rows that were put back are not damaged any more.
func (p Procedure) Recover(ctx context.Context, job recovery.Job) error {
	r, err := p.prepare(job)
	if err != nil {
		return fmt.Errorf("sqliterepair: %w", err)
	}
	return job.Run(ctx, r.steps()...)
}

// Plan says what Recover would do.
func (p Procedure) Plan(_ context.Context, job recovery.Job) (recovery.Plan, error) {
	return recovery.PlanOf((&repair{Procedure: p, job: job}).steps()...), nil
}

// Preflight looks whether the replica holds every state from the mark on.
func (p Procedure) Preflight(ctx context.Context, job recovery.Job) ([]recovery.Need, error) {
	need := recovery.Need{Resource: recovery.NeedsLog, Where: job.Env["GAMEDAY_REPLICA"]}
	r, err := p.prepare(job)
	if err == nil {
		need.Met, need.Detail = true, "whole from the mark to its end"
		_, err = r.states.Last(ctx)
	}
	var no *recovery.Refused
	if errors.As(err, &no) {
		need.Met, need.Detail, err = false, no.Reason, nil
	}
	if err != nil {
		return nil, fmt.Errorf("sqliterepair: look at the replica: %w", err)
	}
	return []recovery.Need{need}, nil
}

type repair struct {
	Procedure

	job    recovery.Job
	file   string
	mark   uint64
	states *litestream.States
	tables []*table
	copies int
}

// table is a damaged table.
type table struct {
	Damage

	key     []string
	rows    map[string]*damaged // by key
	unfound int
}

// damaged is one damaged row.
type damaged struct {
	key, good []driver.Value
}

func (p Procedure) prepare(job recovery.Job) (*repair, error) {
	r := &repair{Procedure: p, job: job, file: job.Env["GAMEDAY_FILE"]}
	replica := job.Env["GAMEDAY_REPLICA"]
	if r.file == "" || replica == "" {
		return nil, recovery.Refuse("the store has no replica: GAMEDAY_REPLICA or GAMEDAY_FILE is empty")
	}
	at, err := ltx.ParseTXID(job.Target.Position)
	if err != nil {
		return nil, fmt.Errorf("the target %q: ask for a mark before the damage with drill.To(mark): %w", job.Target.Position, err)
	}
	if len(p.Damages) == 0 {
		return nil, errors.New("no damage is named")
	}
	for _, d := range p.Damages {
		if d.Table == "" || d.Poison == "" || len(d.Columns) == 0 {
			return nil, fmt.Errorf("damage to %q: want Table, Poison and Columns", d.Table)
		}
		r.tables = append(r.tables, &table{Damage: d, rows: map[string]*damaged{}})
	}
	r.mark, r.states = uint64(at), litestream.Replica(replica, job.Output)
	return r, nil
}

func (r *repair) steps() []recovery.Step {
	var names []string
	for _, d := range r.Damages {
		names = append(names, d.Table)
	}
	all := strings.Join(names, ", ")
	return []recovery.Step{
		{Name: "find the damage", Does: "look for damaged rows in " + all + ", and refuse if there are none", Do: r.find},
		{Name: "find the last good versions", Does: "restore states from the mark on out of the replica, beside, until it is known for each row of " + all + " in which it was good last", Do: r.search},
		{Name: "put the rows back", Does: "put those versions into " + all + " in one transaction, where a row is still damaged", Do: r.put},
	}
}

// find lists the damaged rows of the serving file.
func (r *repair) find(ctx context.Context) (err error) {
	h, err := handle.Open(ctx, r.file, handle.Write, "PRAGMA query_only = on")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, h.Close()) }()
	total := 0
	for _, t := range r.tables {
		if err := t.find(ctx, h); err != nil {
			return fmt.Errorf("table %s: %w", t.Table, err)
		}
		total += len(t.rows)
		_, _ = fmt.Fprintf(r.job.Output, "%d rows of %s are damaged\n", len(t.rows), t.Table)
	}
	if total == 0 {
		return recovery.Refuse("no row is damaged: there is nothing to repair")
	}
	return nil
}

func (t *table) find(ctx context.Context, h *handle.Handle) error {
	t.key, t.rows = nil, map[string]*damaged{}
	err := h.Query(ctx, "SELECT name FROM pragma_table_info(?) WHERE pk > 0 ORDER BY pk", []any{t.Table}, func(v []driver.Value) error {
		t.key = append(t.key, handle.Quote(handle.Text(v[0])))
		return nil
	})
	if err != nil {
		return err
	}
	if len(t.key) == 0 {
		return recovery.Refuse("%s has no primary key: its rows cannot be told from each other", t.Table)
	}
	return t.poisoned(ctx, h, func(id string, key []driver.Value) { t.rows[id] = &damaged{key: key} })
}

// poisoned tells of each damaged row of a state.
func (t *table) poisoned(ctx context.Context, h *handle.Handle, each func(id string, key []driver.Value)) error {
	return h.Query(ctx, "SELECT "+plain(t.key)+" FROM "+handle.Quote(t.Table)+" NOT INDEXED WHERE "+t.Poison, nil, func(v []driver.Value) error {
		id, key, err := identify(v)
		each(id, key)
		return err
	})
}

// plain takes the declared types from columns, so that no driver makes a time of a text.
func plain(columns []string) string { return "+" + strings.Join(columns, ", +") }

// identify is a key that can be looked up, and a copy of its values.
func identify(v []driver.Value) (string, []driver.Value, error) {
	var image []byte
	var err error
	for _, x := range v {
		if image, err = handle.Append(image, x); err != nil {
			return "", nil, err
		}
	}
	return string(image), clone(v), nil
}

// clone copies values that are only valid while they are read.
func clone(v []driver.Value) []driver.Value {
	out := make([]driver.Value, len(v))
	for i, x := range v {
		if b, ok := x.([]byte); ok {
			x = append([]byte{}, b...)
		}
		out[i] = x
	}
	return out
}

// suspects are damaged rows, by table and key.
type suspects map[*table]map[string]bool

func (s suspects) empty() bool {
	for _, rows := range s {
		if len(rows) > 0 {
			return false
		}
	}
	return true
}

// search finds for each row the state in which it was good last.
func (r *repair) search(ctx context.Context) error {
	last, all, err := r.last(ctx)
	if err != nil {
		return err
	}
	bad, good, err := r.split(ctx, r.mark, all)
	if err == nil && !bad.empty() {
		return recovery.Refuse("rows were damaged at the mark already: ask for an earlier one")
	}
	if err != nil {
		return err
	}
	if err := r.halve(ctx, r.mark, last, good); err != nil {
		return err
	}
	_, _ = fmt.Fprintf(r.job.Output, "%d states were looked at\n", r.copies)
	return nil
}

// halve looks for the transactions after from, in which all rows were good, and up to to, in which all are damaged.
func (r *repair) halve(ctx context.Context, from, to uint64, rows suspects) error {
	if rows.empty() {
		return nil
	}
	if to-from <= 1 {
		return r.state(ctx, from, func(h *handle.Handle) error {
			for t, ids := range rows {
				for id := range ids {
					if err := t.keep(ctx, h, t.rows[id]); err != nil {
						return fmt.Errorf("read the good version of a row of %s: %w", t.Table, err)
					}
				}
			}
			return nil
		})
	}
	middle := from + (to-from)/2
	before, after, err := r.split(ctx, middle, rows)
	if err != nil {
		return err
	}
	return errors.Join(r.halve(ctx, from, middle, before), r.halve(ctx, middle, to, after))
}

// split tells the rows that are damaged in a state from those that are not: these are damaged after it.
func (r *repair) split(ctx context.Context, transaction uint64, rows suspects) (damagedThen, goodThen suspects, err error) {
	damagedThen, goodThen = suspects{}, suspects{}
	err = r.state(ctx, transaction, func(h *handle.Handle) error {
		for t, ids := range rows {
			damagedThen[t], goodThen[t] = map[string]bool{}, map[string]bool{}
			err := t.poisoned(ctx, h, func(id string, _ []driver.Value) {
				if ids[id] {
					damagedThen[t][id] = true
				}
			})
			if err != nil {
				return err
			}
			for id := range ids {
				if !damagedThen[t][id] {
					goodThen[t][id] = true
				}
			}
		}
		return nil
	})
	return damagedThen, goodThen, err
}

// state lets somebody look at the state after a transaction.
func (r *repair) state(ctx context.Context, transaction uint64, look func(*handle.Handle) error) (err error) {
	dir, err := os.MkdirTemp(r.job.WorkDir, "state-")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	path := filepath.Join(dir, "state.db")
	if err := r.states.Restore(ctx, transaction, path); err != nil {
		return err
	}
	r.copies++
	h, err := handle.Open(ctx, path, handle.Immutable)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, h.Close()) }()
	return look(h)
}

// keep reads a row's good version. A row that a bad transaction has made has none.
func (t *table) keep(ctx context.Context, h *handle.Handle, row *damaged) error {
	return h.Query(ctx, "SELECT "+plain(t.columns())+" FROM "+handle.Quote(t.Table)+" WHERE "+t.where(), args(row.key), func(v []driver.Value) error {
		row.good = clone(v)
		return nil
	})
}

func (t *table) columns() []string {
	var all []string
	for _, c := range t.Columns {
		all = append(all, handle.Quote(c))
	}
	return all
}

func (t *table) where() string { return strings.Join(t.key, " IS ? AND ") + " IS ?" }

func args(v []driver.Value) []any {
	all := make([]any, len(v))
	for i, x := range v {
		all[i] = x
	}
	return all
}

// put repairs the serving file. What a client has put right meanwhile is left alone. Triggers would take the repair for an
// application's change: they are taken away and made again within the transaction.
func (r *repair) put(ctx context.Context) (err error) {
	h, err := handle.Open(ctx, r.file, handle.Write, "PRAGMA synchronous = full", "PRAGMA wal_autocheckpoint = 0", "PRAGMA foreign_keys = on")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, h.Close()) }()
	for tries := 0; ; tries++ { // behind the clients, who have the file's lock in turns
		if _, err = h.Exec(ctx, "BEGIN IMMEDIATE"); !handle.Is(err, handle.Busy) || tries == 20 {
			break
		}
	}
	if err != nil {
		return err
	}
	for _, t := range r.tables {
		if err := t.put(ctx, h); err != nil {
			return fmt.Errorf("table %s: %w", t.Table, err) // nothing is committed
		}
	}
	if _, err := h.Exec(ctx, "COMMIT"); err != nil {
		return err
	}
	for _, t := range r.tables {
		if t.unfound > 0 {
			_, _ = fmt.Fprintf(r.job.Output, "%d damaged rows of %s have no good version: they are left as they are\n", t.unfound, t.Table)
		}
	}
	return nil
}

func (t *table) put(ctx context.Context, h *handle.Handle) error {
	var triggers []string
	err := h.Query(ctx, "SELECT sql, name FROM sqlite_schema WHERE type = 'trigger' AND tbl_name = ?", []any{t.Table}, func(v []driver.Value) error {
		triggers = append(triggers, "DROP TRIGGER "+handle.Quote(handle.Text(v[1])), handle.Text(v[0]))
		return nil
	})
	if err != nil {
		return err
	}
	for i := 0; i < len(triggers); i += 2 {
		if _, err := h.Exec(ctx, triggers[i]); err != nil {
			return err
		}
	}
	var sets []string
	for _, c := range t.columns() {
		sets = append(sets, c+" = ?")
	}
	sql := "UPDATE " + handle.Quote(t.Table) + " SET " + strings.Join(sets, ", ") + " WHERE " + t.where() + " AND (" + t.Poison + ")"
	t.unfound = 0
	for _, row := range t.rows {
		if row.good == nil {
			t.unfound++
			continue
		}
		if _, err := h.Exec(ctx, sql, append(args(row.good), args(row.key)...)...); err != nil {
			return err
		}
	}
	for i := 1; i < len(triggers); i += 2 {
		if _, err := h.Exec(ctx, triggers[i]); err != nil {
			return err
		}
	}
	return nil
}
