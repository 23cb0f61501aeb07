package verify

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/recoverydrill/gameday/fixtures"
	"github.com/recoverydrill/gameday/fixtures/probe"
	"github.com/recoverydrill/gameday/reports"
)

// dialer is the ability of a system to be asked by the service clock.
type dialer interface {
	Dial(ctx context.Context, address string) (probe.Asker, error)
}

// askOnce writes and reads back one token as clients do. The error is why no answer came.
func askOnce(ctx context.Context, sys fixtures.System, token string) error {
	d, ok := sys.(dialer)
	if !ok {
		return &fixtures.UnsupportedError{What: "engine " + sys.Info().Engine, Need: "drill.Dialer", For: "ask the store as clients do"}
	}
	address := ""
	if r := sys.Route(); r != nil {
		address = r.Address()
	}
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	asker, err := d.Dial(ctx, address)
	if err != nil {
		return err
	}
	return errors.Join(asker.Ask(ctx, fmt.Sprintf("%s-%d", token, time.Now().UnixNano()), probe.Canary{}), asker.Close())
}

// servingNode is the node whose server the clients' route leads to; of an embedded store, its own.
func servingNode(ctx context.Context, sys fixtures.System) (fixtures.Node, error) {
	members := sys.Members()
	route := sys.Route()
	if route == nil {
		if len(members) != 1 {
			return nil, fmt.Errorf("the store has no route and %d nodes: which of them serves is not known", len(members))
		}
		return members[0].Node, nil
	}
	responder, ok := sys.(fixtures.Responder)
	if !ok {
		return nil, &fixtures.UnsupportedError{What: "engine " + sys.Info().Engine, Need: "fixtures.Responder", For: "find the node that serves clients"}
	}
	env, err := responder.Environment(ctx)
	if err != nil {
		return nil, fmt.Errorf("find the node that serves clients: %w", err)
	}
	for _, m := range members {
		if at := addressOf(env, m.Node); at != "" && at == route.Target() {
			return m.Node, nil
		}
	}
	return nil, fmt.Errorf("clients are sent to %s, which is none of the system's nodes", route.Target())
}

// addressOf is the address of a node's server in the environment of a recovery; "" where it has none.
func addressOf(env map[string]string, n fixtures.Node) string {
	return env["GAMEDAY_ADDRESS_"+strings.ToUpper(strings.ReplaceAll(n.Name(), "-", "_"))]
}

// same holds one survey of a store to an earlier one while nobody wrote: every row but those of the harness, and all
// structure that keep takes. What r calls disposable may be empty; r may be nil. Each finding begins with when.
func (j *judgement) same(ctx context.Context, when string, r *reports.Record, before, after *fixtures.Manifest, keep func(fixtures.Object) bool) {
	b, a := still(before, keep), still(after, keep)
	e := &Evidence{Baseline: b, Found: a}
	if r != nil && len(r.Disposable) > 0 {
		e.Record = &reports.Record{Disposable: r.Disposable, Tolerate: r.Tolerate}
	}
	for _, r := range []reports.CheckResult{Contents{}.Judge(ctx, e), Structure{}.Judge(ctx, e)} {
		j.res.Covered.Planned += r.Covered.Planned
		j.res.Covered.Looked += r.Covered.Looked
		j.res.Covered.Rows += r.Covered.Rows
		j.res.Covered.Bytes += r.Covered.Bytes
		for _, f := range r.Findings {
			f.Summary = when + ": " + strings.ReplaceAll(f.Summary, " at the mark", " before")
			f.Hint = ""
			j.add(f)
		}
	}
}

// still is a manifest of a time in which traffic stood still: its tables are to stay as they are, like all others.
func still(m *fixtures.Manifest, keep func(fixtures.Object) bool) *fixtures.Manifest {
	own := *m
	own.Objects = kept(m.Objects, keep)
	own.Databases = nil
	for _, db := range m.Databases {
		tables := make([]fixtures.Table, len(db.Tables))
		for i, t := range db.Tables {
			t.RowsFile = "" // lies in another directory than the evidence would say
			if t.Class == fixtures.Traffic {
				t.Class = fixtures.Fixed
			}
			tables[i] = t
		}
		own.Databases = append(own.Databases, fixtures.Database{Name: db.Name, Tables: tables, Objects: kept(db.Objects, keep)})
	}
	return &own
}

func kept(all []fixtures.Object, keep func(fixtures.Object) bool) []fixtures.Object {
	if keep == nil {
		return all
	}
	var some []fixtures.Object
	for _, o := range all {
		if keep(o) {
			some = append(some, o)
		}
	}
	return some
}
