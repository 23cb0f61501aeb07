package faults_test

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/recoverydrill/gameday/faults"
	"github.com/recoverydrill/gameday/faults/faulttest"
	"github.com/recoverydrill/gameday/fixtures"
	"github.com/recoverydrill/gameday/fixtures/ledger"
	"github.com/recoverydrill/gameday/fixtures/traffic"
)

// in is a table of the shop as an engine names it.
func in(engine, table string) string {
	if engine == onSQLite {
		return strings.TrimPrefix(table, "shop.")
	}
	return table
}

// TestBadWrite is the one of make test: a replicated bad write, there on an engine with a server and one without.
func TestBadWrite(t *testing.T) {
	for _, engine := range engines {
		if !everything && engine != onPostgres && engine != onSQLite {
			continue
		}
		t.Run(engine, func(t *testing.T) {
			sys, guard := start(t, engine, layout{Standbys: 1})
			faulttest.Fault(t, subject(t, sys, guard, func() faults.Fault {
				return faults.WrongUpdate(in(engine, "shop.payments"), "amount = 0", "id % 7 = 0")
			}))
		})
	}
}

// TestStatements runs everything that the store's own language can do to it, one after the other on one system of each
// engine: each fault is judged by what it changes.
func TestStatements(t *testing.T) {
	full(t)
	for _, engine := range engines {
		t.Run(engine, func(t *testing.T) {
			sys, guard := start(t, engine, layout{Standbys: 1})
			table := func(name string) string { return in(engine, "shop."+name) }
			for _, c := range []struct {
				name  string
				fault func() faults.Fault
				not   []string // engines
				look  string   // a query before and after
				want  func(was, is [][]string) error
			}{
				{"bad write", func() faults.Fault { return faults.BadWrite("UPDATE " + table("orders") + " SET total = total + 1") }, nil, "", nil},
				{"wrong update of every row", func() faults.Fault { return faults.WrongUpdate(table("order_lines"), "quantity = quantity + 1", "") }, nil, "", nil},
				{
					"swapped columns", func() faults.Fault { return faults.SwapColumns(table("customers"), "first_name", "last_name") }, nil,
					"SELECT first_name, last_name FROM " + table("customers") + " ORDER BY id", swapped,
				},
				{
					"charset damage", func() faults.Fault { return faults.DamageCharset(table("customers"), "first_name") }, nil,
					"SELECT first_name FROM " + table("customers") + " ORDER BY id", garbled,
				},
				{
					"narrowed column", func() faults.Fault { return faults.NarrowColumn(table("reviews"), "body", 20) }, nil,
					"SELECT body FROM " + table("reviews") + " ORDER BY id", cutOff,
				},
				{"deleted rows", func() faults.Fault { return faults.DeleteWhere(table("reviews"), "id % 3 = 0") }, nil, "", nil},
				{"delete without where", func() faults.Fault { return faults.DeleteRows(table("stock_moves")) }, nil, "", nil},
				{"random", func() faults.Fault {
					return faults.Random(3, faults.WrongUpdate(table("products"), "stock = stock + 1", ""), faults.WrongUpdate(table("products"), "price = price + 1", ""))
				}, nil, "", nil},
				{"truncated table", func() faults.Fault { return faults.Truncate(table("payments")) }, []string{onSQLite}, "", nil},
				{"dropped table", func() faults.Fault { return faults.DropTable(table("payments")) }, nil, "", nil},
				{"dropped schema", func() faults.Fault { return faults.DropSchema("billing") }, []string{onMySQL, onMariaDB, onSQLite}, "", nil},
				{"dropped database", func() faults.Fault { return faults.DropDatabase("archive") }, []string{onSQLite}, "", nil},
			} {
				t.Run(c.name, func(t *testing.T) {
					for _, not := range c.not {
						if engine == not {
							unsupported(t, c.fault(), sys, guard)
							return
						}
					}
					was := look(t, sys, c.look)
					faulttest.Fault(t, subject(t, sys, guard, c.fault))
					if c.want != nil {
						if err := c.want(was, look(t, sys, c.look)); err != nil {
							t.Error(err)
						}
					}
				})
			}
		})
	}
}

func look(t *testing.T, sys fixtures.System, query string) [][]string {
	t.Helper()
	if query == "" {
		return nil
	}
	rows, err := sys.(fixtures.Querier).Query(t.Context(), "", "", query)
	if err != nil || len(rows) == 0 {
		t.Fatalf("%s: %d rows, %v", query, len(rows), err)
	}
	return rows
}

// swapped wants each of two columns to hold what the other did.
func swapped(was, is [][]string) error {
	for i := range was {
		if is[i][0] != was[i][1] || is[i][1] != was[i][0] {
			return fmt.Errorf("row %d was %q and is %q", i, was[i], is[i])
		}
	}
	return nil
}

// garbled wants a character for each byte that was there, and what is ASCII left alone.
func garbled(was, is [][]string) error {
	seen := 0
	for i := range was {
		a, b := was[i][0], is[i][0]
		if utf8.RuneCountInString(b) != len(a) || utf8.RuneCountInString(a) == len(a) && a != b {
			return fmt.Errorf("row %d was %q and is %q", i, a, b)
		}
		if strings.Contains(b, "Ã") {
			seen++
		}
	}
	if seen == 0 {
		return errors.New("there is no Ã anywhere")
	}
	return nil
}

// cutOff wants the first 20 characters of what was there.
func cutOff(was, is [][]string) error {
	for i := range was {
		if r := []rune(was[i][0]); string(r[:min(20, len(r))]) != is[i][0] {
			return fmt.Errorf("row %d was %q and is %q", i, was[i][0], is[i][0])
		}
	}
	return nil
}

// unsupported wants a fault to say that the engine has no such thing.
func unsupported(t *testing.T, f faults.Fault, sys fixtures.System, guard faults.Guard) {
	t.Helper()
	if _, err := faults.Inject(t.Context(), f, sys, guard, fixtures.NewClock()); !isUnsupported(err) {
		t.Errorf("want an error that names what the engine lacks, got %v", err)
	}
}

// TestSlowBurn burns while clients write, also in the tables that they write to.
func TestSlowBurn(t *testing.T) {
	full(t)
	for _, engine := range engines {
		t.Run(engine, func(t *testing.T) {
			sys, guard := start(t, engine, layout{Standbys: 1})
			s := subject(t, sys, guard, func() faults.Fault {
				b := faults.BurnSlowly(in(engine, "shop.payments"), "amount", "0")
				b.Traffic = true
				return b
			})
			s.While = writing(t)
			faulttest.Fault(t, s)
			certified(t, sys)
		})
	}
}

// TestSlowBurnWithoutClients: with no good writes between the poison it is one bad write, and not proven.
func TestSlowBurnWithoutClients(t *testing.T) {
	sys, guard := start(t, onSQLite, layout{})
	b := &faults.SlowBurn{Table: "payments", Column: "amount", Value: "0", Duration: 2 * time.Second}
	if _, err := faults.Inject(t.Context(), b, sys, guard, fixtures.NewClock()); err != nil {
		t.Fatal(err)
	}
	if evidence, err := b.Prove(t.Context(), sys); !errors.Is(err, faults.ErrNotSeen) {
		t.Errorf("want faults.ErrNotSeen, got %q, %v", evidence, err)
	}
	again := &faults.SlowBurn{Table: "payments", Column: "amount", Value: "0", Duration: 2 * time.Second}
	if _, err := faults.Inject(t.Context(), again, sys, guard, fixtures.NewClock()); err == nil || !strings.Contains(err.Error(), "already") {
		t.Errorf("poison that cannot be told from what was there: %v", err)
	}
}

// writing runs traffic, from when it has written something.
func writing(t *testing.T) func(context.Context, fixtures.System) (func(context.Context) error, error) {
	path := filepath.Join(t.TempDir(), "ledger")
	return func(ctx context.Context, sys fixtures.System) (func(context.Context) error, error) {
		l, err := ledger.Create(path, fixtures.NewClock())
		if err != nil {
			return nil, err
		}
		address := ""
		if r := sys.Route(); r != nil {
			address = r.Address()
		}
		d, err := traffic.Start(ctx, sys.(traffic.Store), address, l, traffic.Mix{Clients: 2, Rate: 100})
		if err != nil {
			return nil, errors.Join(err, l.Close())
		}
		stop := func(ctx context.Context) error { return errors.Join(d.Stop(ctx), l.Close()) }
		for end := time.Now().Add(time.Minute); d.Counts().Acknowledged < 300; time.Sleep(50 * time.Millisecond) {
			if err := d.Err(); err != nil || time.Now().After(end) {
				return nil, errors.Join(fmt.Errorf("traffic: %+v: %w", d.Counts(), err), stop(ctx))
			}
		}
		return stop, nil
	}
}

// certified wants poison among traffic's rows, each of which says what it was before, and good rows too.
func certified(t *testing.T, sys fixtures.System) {
	t.Helper()
	poisoned, good := 0, 0
	err := sys.(traffic.Store).Rows(t.Context(), "", func(r traffic.Row) error {
		val, burnt := strings.CutPrefix(r.Val, faults.Poison)
		if !burnt {
			good++
			if !traffic.Valid(r) {
				t.Errorf("a row without the mark of poison is damaged: %+v", r)
			}
			return nil
		}
		poisoned++
		if traffic.Valid(r) {
			t.Errorf("a poisoned row certifies itself: %+v", r)
		}
		r.Val = val
		if !traffic.Valid(r) {
			t.Errorf("without the poison the row is not what it was: %+v", r)
		}
		return nil
	})
	if err != nil || poisoned == 0 || good == 0 {
		t.Errorf("%d rows of traffic's are poisoned, %d good: %v", poisoned, good, err)
	}
	t.Logf("%d rows of traffic's are poisoned, %d good", poisoned, good)
}

// TestDelayedStandby: the late standby is sound when the one beside it has the damage.
func TestDelayedStandby(t *testing.T) {
	full(t)
	for _, engine := range servers {
		t.Run(engine, func(t *testing.T) {
			sys, guard := start(t, engine, layout{Standbys: 2})
			s := subject(t, sys, guard, func() faults.Fault {
				return faults.WithDelayedStandby(faults.WrongUpdate("shop.payments", "amount = 0", "id % 7 = 0"), "standby-2", 10*time.Minute)
			})
			s.SpreadsTo, s.Stays = []string{"standby-1"}, []string{"standby-2"}
			faulttest.Fault(t, s)
		})
	}
}

// TestDroppedMainDatabase: nobody can connect any more, which is an outage.
func TestDroppedMainDatabase(t *testing.T) {
	full(t)
	for _, engine := range servers {
		t.Run(engine, func(t *testing.T) {
			sys, guard := start(t, engine, layout{Standbys: 1})
			s := subject(t, sys, guard, func() faults.Fault { return faults.DropDatabase("shop") })
			s.SpreadsTo, s.Gone = nil, []string{"standby-1"}
			faulttest.Fault(t, s)
		})
	}
}
