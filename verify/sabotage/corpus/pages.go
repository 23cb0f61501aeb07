package corpus

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/recoverydrill/gameday/fixtures"
	"github.com/recoverydrill/gameday/verify/sabotage"
)

// damagedPages are acts on the files of a table, below everything that SQL can do. A server is stopped for it in good
// order, so that nothing in its memory heals the damage, and started again.
func damagedPages() []sabotage.Act {
	zero := func(page []byte) { clear(page) }
	flip := func(page []byte) { page[len(page)-40] ^= 0x10 } // where rows are on every engine
	var all []sabotage.Act
	for _, a := range []struct {
		id, title, check string
		engines          []string
		table            string
		kind             fixtures.FileKind
		change           func(page []byte)
	}{
		{"C1", "a block of a table is zeroes", contents, []string{Postgres}, "payment", fixtures.TableFile, zero},
		{"C1", "a block of a table is zeroes", "physical", []string{Postgres}, "payment", fixtures.TableFile, zero},
		{"C3", "a bit of a page is another one", "physical", []string{Postgres}, "price", fixtures.TableFile, flip},
		{"C10", "a piece of a large value is missing", contents, []string{Postgres}, "document", fixtures.OverflowFile, zero},
		{"C17", "a file has a hole", contents, []string{Postgres}, "person", fixtures.TableFile, zero},
		{"C11", "a leaf page is zeroes", contents, []string{MySQL, MariaDB}, "document", fixtures.TableFile, zero},
		{"C3", "a bit of a page is another one", contents, []string{MySQL, MariaDB}, "document", fixtures.TableFile, flip},
		{"C15", "a page of a table is zeroes", structure, []string{SQLite}, "payment", fixtures.TableFile, zero},
		{"C17", "a file has a hole", contents, []string{SQLite}, "document", fixtures.TableFile, zero},
		{"C4", "a bit of a value is another one, and nothing sums it up", contents, []string{SQLite}, "total", fixtures.TableFile, func(page []byte) {
			if i := bytes.Index(page, []byte("2026-02-14")); i >= 0 {
				page[i+9] ^= 1
			}
		}},
	} {
		for _, engine := range a.engines {
			d := damage{table: a.table, kind: a.kind, change: a.change}
			all = append(all, sabotage.Act{ID: a.id, Title: a.title, Engines: []string{engine}, Check: a.check, Do: d.act})
		}
	}
	for _, engine := range Engines() {
		all = append(all, sabotage.Act{ID: "C5", Title: "a page is as it was before its last write", Engines: []string{engine}, Check: contents, Do: lostWrite})
	}
	for _, engine := range []string{MySQL, MariaDB} {
		all = append(all, sabotage.Act{ID: "C12", Title: "the server runs in its emergency mode", Engines: []string{engine}, Check: durability, Do: emergency})
	}
	return all
}

// damage is what is done to one page of a table.
type damage struct {
	table  string
	kind   fixtures.FileKind
	change func(page []byte)
}

// act implements [sabotage.Act].
func (d damage) act(ctx context.Context, t sabotage.Target) (func(context.Context) error, error) {
	p, err := d.find(ctx, t)
	if err != nil {
		return nil, err
	}
	var was, now []byte
	err = offline(ctx, t, p, func() error {
		if was, err = fixtures.ReadAt(ctx, p.Node, p.Path, p.Offset, p.Size); err != nil {
			return err
		}
		now = slices.Clone(was)
		if d.change(now); bytes.Equal(was, now) {
			return errors.New("it changed nothing")
		}
		return fixtures.Overwrite(ctx, p.Node, p.Path, p.Offset, now)
	})
	back := func(ctx context.Context) error {
		err := offline(ctx, t, p, func() error { return fixtures.Overwrite(ctx, p.Node, p.Path, p.Offset, was) })
		return errors.Join(err, d.reindex(ctx, t))
	}
	if err != nil && was != nil {
		return nil, errors.Join(err, back(context.WithoutCancel(ctx)))
	}
	return back, err
}

// reindex brings back entries of PostgreSQL's indexes: whoever follows one to a row that is not there marks it dead, for good.
func (d damage) reindex(ctx context.Context, t sabotage.Target) error {
	if t.System.Info().Engine != Postgres || d.kind != fixtures.TableFile {
		return nil
	}
	s, err := storeOf(t)
	if err != nil {
		return err
	}
	return s.Statement(ctx, "", "", "REINDEX TABLE public."+d.table)
}

// find is a page with rows. Of what is kept apart from rows it is the first.
func (d damage) find(ctx context.Context, t sabotage.Target) (fixtures.Page, error) {
	schema := map[string]string{Postgres: "public.", SQLite: "main."}[t.System.Info().Engine]
	if d.kind == fixtures.TableFile {
		m, ok := t.System.(fixtures.PageMapper)
		if !ok {
			return fixtures.Page{}, lacks(t, "fixtures.PageMapper")
		}
		return m.Page(ctx, "", schema+d.table, 0)
	}
	m, ok := t.System.(fixtures.FileMapper)
	if !ok {
		return fixtures.Page{}, lacks(t, "fixtures.FileMapper")
	}
	files, err := m.Files(ctx, nil, d.kind, "", schema+d.table)
	if err == nil && len(files) == 0 {
		err = fmt.Errorf("%s has no file of kind %q", d.table, d.kind)
	}
	if err != nil {
		return fixtures.Page{}, err
	}
	f := files[0]
	return fixtures.Page{Node: f.Node, Path: f.Path, Size: f.Block, Table: schema + d.table}, nil
}

func lacks(t sabotage.Target, need string) error {
	return &fixtures.UnsupportedError{What: "engine " + t.System.Info().Engine, Need: need, For: "damage a page"}
}

// offline does something to files while no server has them open. Damage may have ended the server already.
func offline(ctx context.Context, t sabotage.Target, p fixtures.Page, do func() error) error {
	engine := t.System.Info().Engine
	if engine == SQLite {
		m, ok := t.System.(fixtures.PageMapper)
		if !ok {
			return lacks(t, "fixtures.PageMapper")
		}
		return errors.Join(do(), m.Forget(ctx, p))
	}
	c, ok := t.System.(fixtures.Controlled)
	if !ok {
		return lacks(t, "fixtures.Controlled")
	}
	stopped := c.StopServer(ctx, p.Node)
	if stopped != nil {
		stopped = c.KillServer(ctx, p.Node)
	}
	err := do()
	if started := c.StartServer(ctx, p.Node); started != nil { // as it is where one still runs
		return errors.Join(stopped, err, started)
	}
	if engine == Postgres {
		return err
	}
	s, missing := storeOf(t)
	if missing != nil {
		return errors.Join(err, missing)
	}
	for _, sql := range Reload("cache", engine) { // a table in memory is empty after every start, and is not what this is about
		err = errors.Join(err, s.Statement(ctx, "", "", sql))
	}
	return err
}

// lostWrite puts a page in its place as it was before the last change of one of its rows.
func lostWrite(ctx context.Context, t sabotage.Target) (func(context.Context) error, error) {
	s, err := storeOf(t)
	if err != nil {
		return nil, err
	}
	const change = "UPDATE price SET cents = cents %s 1 WHERE id = 20"
	if err := s.Statement(ctx, "", "", fmt.Sprintf(change, "+")); err != nil {
		return nil, err
	}
	p, err := damage{table: "price", kind: fixtures.TableFile}.find(ctx, t)
	if err != nil {
		return nil, err
	}
	var older []byte
	if err := offline(ctx, t, p, func() (err error) {
		older, err = fixtures.ReadAt(ctx, p.Node, p.Path, p.Offset, p.Size)
		return err
	}); err != nil {
		return nil, err
	}
	if err := s.Statement(ctx, "", "", fmt.Sprintf(change, "-")); err != nil {
		return nil, err
	}
	return damage{table: "price", kind: fixtures.TableFile, change: func(page []byte) { copy(page, older) }}.act(ctx, t)
}

// emergency lets a server of MySQL or MariaDB run as it does when it must be saved.
func emergency(ctx context.Context, t sabotage.Target) (func(context.Context) error, error) {
	r, ok := t.System.(fixtures.Responder)
	if !ok {
		return nil, lacks(t, "fixtures.Responder")
	}
	env, err := r.Environment(ctx)
	if err != nil {
		return nil, err
	}
	node, path := t.System.Members()[0].Node, env["GAMEDAY_CONFIG"]
	was, err := fixtures.ReadFile(ctx, node, path)
	if err != nil {
		return nil, fmt.Errorf("read the server's configuration: %w", err)
	}
	write := func(ctx context.Context, text []byte) error {
		return offline(ctx, t, fixtures.Page{Node: node}, func() error { return inPlace(ctx, node, path, text) })
	}
	back := func(ctx context.Context) error { return write(ctx, was) }
	if err := write(ctx, append(slices.Clone(was), "\n[mysqld]\ninnodb_force_recovery = 1\n"...)); err != nil {
		return nil, errors.Join(err, back(context.WithoutCancel(ctx)))
	}
	return back, nil
}
