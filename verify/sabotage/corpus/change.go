package corpus

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/recoverydrill/gameday/fixtures"
	"github.com/recoverydrill/gameday/verify/sabotage"
)

// change is an act by statements. Whoever writes one says how its effect is seen in the store itself, without any of the
// checks: an act that changes nothing is an error, or a twin that passes would mean nothing.
type change struct {
	table    string   // whose rows are the effect, and which is filled anew to take it back where undo is nil
	database string   // "" is the main one
	do, undo []string // each is sent on its own; undo may be longer than what was done
	sees     string   // a query whose answer must be another one afterwards; "" is every row of table
}

// none is the undo of an act that needs none: what it changed is allowed to stay so.
var none = []string{}

// statement is one or several statements that are sent together.
func statement(sql ...string) []string { return []string{strings.Join(sql, "; ")} }

// on is what an act does on each engine. MariaDB does what MySQL does unless it says otherwise.
type on map[string]change

// onlyMySQL is MySQL where MariaDB does not do the same.
const onlyMySQL = "only " + MySQL

// everywhere is the same for all engines.
func everywhere(c change) on { return on{Postgres: c, MySQL: c, SQLite: c} }

// acts makes one act for each engine.
func acts(id, title, check string, o on) []sabotage.Act {
	if c, ok := o[MySQL]; ok {
		if _, own := o[MariaDB]; !own {
			o[MariaDB] = c
		}
	}
	if c, ok := o[onlyMySQL]; ok {
		o[MySQL] = c
	}
	var all []sabotage.Act
	for _, engine := range []string{Postgres, MySQL, MariaDB, SQLite} {
		c, ok := o[engine]
		if !ok || c.do == nil {
			continue
		}
		if c.undo == nil && c.table != "" {
			c.undo = Reload(c.table, engine)
		}
		all = append(all, sabotage.Act{ID: id, Title: title, Engines: []string{engine}, Check: check, Do: c.act})
	}
	return all
}

// store is what acts are done to.
type store interface {
	fixtures.System
	fixtures.Operator
	fixtures.Querier
}

func storeOf(t sabotage.Target) (store, error) {
	s, ok := t.System.(store)
	if !ok {
		return nil, &fixtures.UnsupportedError{What: "engine " + t.System.Info().Engine, Need: "fixtures.Operator and fixtures.Querier", For: "act on the store"}
	}
	return s, nil
}

// act implements [sabotage.Act].
func (c change) act(ctx context.Context, t sabotage.Target) (func(context.Context) error, error) {
	s, err := storeOf(t)
	if err != nil {
		return nil, err
	}
	before, err := c.look(ctx, s)
	if err != nil {
		return nil, err
	}
	run := func(ctx context.Context, statements []string) error {
		for _, sql := range statements {
			if err := s.Statement(ctx, "", c.database, sql); err != nil {
				return fmt.Errorf("%s: %w", short(sql), err)
			}
		}
		return nil
	}
	undo := func(ctx context.Context) error {
		if err := run(ctx, c.undo); err != nil {
			return fmt.Errorf("take it back: %w", err)
		}
		after, err := c.look(ctx, s)
		if err == nil && len(c.undo) > 0 && after != before {
			err = errors.New("it could not be taken back: the store does not look as it did")
		}
		return err
	}
	if err := run(ctx, c.do); err != nil {
		return nil, errors.Join(err, run(context.WithoutCancel(ctx), c.undo))
	}
	after, err := c.look(ctx, s)
	if err == nil && after == before {
		err = errors.New("it changed nothing")
	}
	if err != nil {
		return nil, errors.Join(err, undo(context.WithoutCancel(ctx)))
	}
	return undo, nil
}

// look is what the store answers about the act's effect.
func (c change) look(ctx context.Context, s store) (string, error) {
	sql := c.sees
	if sql == "" {
		sql = "SELECT * FROM " + c.table
	}
	rows, err := s.Query(ctx, "", c.database, sql)
	if err != nil {
		return "", fmt.Errorf("look at the effect: %s: %w", short(sql), err)
	}
	lines := make([]string, len(rows))
	for i, r := range rows {
		lines[i] = fmt.Sprintf("%q", r)
	}
	slices.Sort(lines)
	return strings.Join(lines, "\n"), nil
}

func short(sql string) string {
	if sql = strings.Join(strings.Fields(sql), " "); len(sql) > 160 {
		sql = sql[:160] + " …"
	}
	return sql
}
