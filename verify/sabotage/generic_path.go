package sabotage

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/recoverydrill/gameday/fixtures"
)

// genPathActs leave the data as it is and make the way to it wrong.
func genPathActs() []Act {
	servers := []string{genPostgres, genMySQL, genMariaDB}
	return []Act{
		{ID: "G3", Title: "clients are led to another server of the system", Engines: servers, Check: "contents", Do: genElsewhere},
		{ID: "G3", Title: "clients have an older copy of the file", Engines: []string{genSQLite}, Check: "ledger", Do: genOldCopy},
		{ID: "H2", Title: "the recovery says that it is done, and nobody answers", Engines: servers, Check: "service", Do: genCutRoute},
		{ID: "H2", Title: "the recovery says that it is done, and nobody can open the file", Engines: []string{genSQLite}, Check: "service", Do: genStopped},
	}
}

// genLastActs are those that nothing takes back, and the one that takes the recovery's own place.
func genLastActs() []Act {
	return []Act{
		genDDL{id: "A12", title: "a table is gone", check: "contents", engines: []string{genPostgres}, query: genPostgresDrop}.act(),
		genDDL{id: "A12", title: "a table is gone", check: "contents", engines: genMySQLs, query: genMySQLDrop}.act(),
		{ID: "H1", Title: "the recovery does nothing and says that all went well", Engines: genAll, Check: "service"},
	}
}

// genElsewhere sends clients to an address that the route led to before, or to another node of the system.
func genElsewhere(ctx context.Context, t Target) (undoFunc, error) {
	route, identified := t.System.Route(), fixtures.Identified(nil)
	if i, ok := t.System.(fixtures.Identified); ok {
		identified = i
	}
	if route == nil || identified == nil {
		return nil, fmt.Errorf("%w: there is no route", ErrNotHere)
	}
	now := route.Target()
	var tried int
	for _, to := range genAddresses(ctx, t, now) {
		tried++
		if _, err := identified.Identity(ctx, to); err != nil {
			continue // nothing answers there
		}
		if err := route.CutOver(ctx, to); err != nil {
			return nil, err
		}
		t.Did("clients are led to %s instead of %s", to, now)
		return func(ctx context.Context) error { return route.CutOver(ctx, now) }, nil
	}
	return nil, fmt.Errorf("%w: none of %d other addresses answers", ErrNotHere, tried)
}

func genAddresses(ctx context.Context, t Target, now string) []string {
	var all []string
	add := func(to string) {
		for _, known := range append(all, now, "") {
			if known == to {
				return
			}
		}
		all = append(all, to)
	}
	for _, c := range t.System.Route().History() {
		add(c.Target)
	}
	if r, ok := t.System.(fixtures.Responder); ok {
		if env, err := r.Environment(ctx); err == nil {
			for _, m := range t.System.Members() {
				add(env["GAMEDAY_ADDRESS_"+genVariable(m.Node.Name())])
			}
		}
	}
	return all
}

func genVariable(node string) string {
	b := []byte(node)
	for i, c := range b {
		switch {
		case c == '-':
			b[i] = '_'
		case c >= 'a' && c <= 'z':
			b[i] = c - 'a' + 'A'
		}
	}
	return string(b)
}

func genCutRoute(ctx context.Context, t Target) (undoFunc, error) {
	route := t.System.Route()
	if route == nil {
		return nil, fmt.Errorf("%w: there is no route", ErrNotHere)
	}
	if err := route.Cut(ctx); err != nil {
		return nil, err
	}
	t.Did("the way to %s is cut", route.Target())
	return route.Restore, nil
}

func genStopped(ctx context.Context, t Target) (undoFunc, error) {
	c, ok := t.System.(fixtures.Controlled)
	members := t.System.Members()
	if !ok || len(members) == 0 {
		return nil, fmt.Errorf("%w: the application cannot be stopped", ErrNotHere)
	}
	node := members[0].Node
	if err := c.StopServer(ctx, node); err != nil {
		return nil, err
	}
	t.Did("the application on %s is down", node.Name())
	return func(ctx context.Context) error { return c.StartServer(ctx, node) }, nil
}

// genOldCopy makes a copy of the file as it was some writes ago, and lets clients open that.
func genOldCopy(ctx context.Context, t Target) (undoFunc, error) {
	s, err := genOpen(ctx, t, "G3")
	if err != nil {
		return nil, err
	}
	reopener, ok := t.System.(fixtures.Reopener)
	if !ok {
		return nil, fmt.Errorf("%w: clients cannot be made to open another file", ErrNotHere)
	}
	op, ok := s.traffic()["op"]
	if !ok {
		return nil, fmt.Errorf("%w: nothing is known of clients' writes", ErrNotHere)
	}
	env, err := t.System.(fixtures.Responder).Environment(ctx) //nolint:forcetypeassert // genOpen has seen it
	if err != nil {
		return nil, err
	}
	file, old := env["GAMEDAY_FILE"], filepath.Join(env["GAMEDAY_DATA"], "an-older-copy.db")
	if err := s.exec(ctx, "", "VACUUM INTO "+s.text(old)); err != nil {
		return nil, err
	}
	remove := func() error { return errors.Join(os.Remove(old), os.RemoveAll(old+"-wal"), os.RemoveAll(old+"-shm")) }
	mode, err := os.Stat(file)
	if err == nil {
		err = os.Chmod(old, mode.Mode())
	}
	if err == nil {
		err = s.operator.Statement(ctx, old, "", fmt.Sprintf("DELETE FROM %s WHERE op IN (SELECT op FROM %s ORDER BY op LIMIT 20)", s.tell(op), s.tell(op)))
	}
	if err == nil {
		err = reopener.Reopen(ctx, old)
	}
	undo := func(ctx context.Context) error { return errors.Join(reopener.Reopen(ctx, file), remove()) }
	if err != nil {
		return undo, err
	}
	t.Did("clients have %s, which lacks 20 writes", filepath.Base(old))
	return undo, nil
}
