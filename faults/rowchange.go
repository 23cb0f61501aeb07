package faults

import (
	"context"
	"fmt"
	"strings"

	"github.com/recoverydrill/gameday/fixtures"
)

// RowChange is damage to rows of one table that knows which rows those are. It is committed on the primary, so every
// standby gets it. The table needs a primary key of numbers or text. In PostgreSQL a table is schema.table, in MySQL and
// MariaDB database.table, in SQLite the bare name; names that need quotes come with them.
type RowChange struct {
	// Database is where the table is; "" is the dataset's main database.
	Database string
	Table    string

	name, class, detail string
	plan                func(ctx context.Context, s *store) (where, sql string, err error)

	rows Rows
	done bool
}

var (
	_ Fault    = (*RowChange)(nil)
	_ Spreader = (*RowChange)(nil)
	_ Locator  = (*RowChange)(nil)
)

// WrongUpdate sets columns of the rows that where takes, "" being all: WrongUpdate("shop.payments", "amount = 0", "id %
// 7 = 0"). It is [BadWrite] for those who want the rows named.
func WrongUpdate(table, set, where string) *RowChange {
	sql := "UPDATE " + table + " SET " + set + condition(where)
	return &RowChange{Table: table, name: "wrong update", class: badWrite, detail: sql, plan: func(context.Context, *store) (string, string, error) {
		return where, sql, nil
	}}
}

// DeleteWhere deletes the rows that where takes. What refers to them goes along, or forbids it, as the schema says.
func DeleteWhere(table, where string) *RowChange {
	sql := "DELETE FROM " + table + condition(where)
	return &RowChange{Table: table, name: "deleted rows", class: deletion, detail: sql, plan: func(context.Context, *store) (string, string, error) {
		if where == "" {
			return "", "", fmt.Errorf("delete rows of %s: the condition is empty: DeleteRows is for all of them", table)
		}
		return where, sql, nil
	}}
}

func condition(where string) string {
	if where == "" {
		return ""
	}
	return " WHERE " + where
}

// In says in which database the table is.
func (c *RowChange) In(database string) *RowChange {
	c.Database = database
	return c
}

// Describe says what is done, and afterwards to how many rows.
func (c *RowChange) Describe() Description {
	d := Description{Name: c.name, Class: c.class, Detail: strings.Join(strings.Fields(c.detail), " ")}
	if c.done {
		d.Notes = []string{fmt.Sprintf("%d rows of %s were hit, with the keys %s", len(c.rows.Keys), c.Table, few(c.rows.Keys, 5))}
	}
	return d
}

// Hit is the rows.
func (c *RowChange) Hit() []Rows {
	if !c.done {
		return nil
	}
	return []Rows{c.rows}
}

// Inject notes the rows and damages them. That there is none is an error.
func (c *RowChange) Inject(ctx context.Context, sys fixtures.System) error {
	s, err := openStore(ctx, sys, c.Database, c.name)
	if err != nil {
		return err
	}
	where, sql, err := c.plan(ctx, s)
	if err != nil {
		return err
	}
	_, keys, err := s.keys(ctx, c.Table, where)
	if err != nil {
		return err
	}
	if len(keys) == 0 {
		return fmt.Errorf("%s of %s: %w", c.name, c.Table, errNoRow)
	}
	if err := s.do(ctx, sql); err != nil {
		return err
	}
	c.rows, c.done = s.rowsOf(c.Table, keys), true
	return nil
}

// Propagate waits until every standby, and every other copy, has the damage.
func (c *RowChange) Propagate(ctx context.Context, sys fixtures.System) (string, error) {
	return replicated(ctx, sys)
}
