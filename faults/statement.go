package faults

import (
	"context"
	"fmt"
	"strings"

	"github.com/recoverydrill/gameday/fixtures"
)

// Statement is damage done by the store's own language: a bad deploy, a person at a console. It is committed on the
// primary, so replication copies it faithfully to every standby; Propagate waits until it has.
type Statement struct {
	// Database is where it runs; "" is the dataset's main database.
	Database string
	// SQL is one or more statements, run as the store's owner.
	SQL string

	name, class string
	dialect     func(engine string) (sql string, err error) // where engines say it differently
	said        string                                      // what was run
}

var (
	_ Fault    = (*Statement)(nil)
	_ Spreader = (*Statement)(nil)
)

// BadWrite is a write that should never have happened: BadWrite("UPDATE payments SET amount = 0").
func BadWrite(sql string) *Statement {
	return &Statement{SQL: sql, name: "bad write", class: badWrite}
}

// In says in which database the statement runs.
func (s *Statement) In(database string) *Statement {
	s.Database = database
	return s
}

// Describe names the statement.
func (s *Statement) Describe() Description {
	sql := s.said
	if sql == "" {
		sql = s.SQL
	}
	return Description{Name: s.name, Class: s.class, Detail: strings.Join(strings.Fields(sql), " ")}
}

// Inject runs the statement on the store that clients use.
func (s *Statement) Inject(ctx context.Context, sys fixtures.System) error {
	op, ok := sys.(fixtures.Operator)
	if !ok {
		return unsupported(sys, "fixtures.Operator", "run the damaging statement")
	}
	sql := s.SQL
	if s.dialect != nil {
		var err error
		if sql, err = s.dialect(sys.Info().Engine); err != nil {
			return err
		}
	}
	if strings.TrimSpace(sql) == "" {
		return fmt.Errorf("%s: the statement is empty", s.name)
	}
	s.said = sql
	return op.Statement(ctx, "", s.Database, sql)
}

// Propagate waits until every standby, and every other copy, has applied the statement. A system without any has nowhere
// to copy it to.
func (s *Statement) Propagate(ctx context.Context, sys fixtures.System) (string, error) {
	return replicated(ctx, sys)
}

// replicated waits until every standby and every other copy holds what the primary does, and names them.
func replicated(ctx context.Context, sys fixtures.System) (string, error) {
	var copies []string
	for _, m := range sys.Members() {
		if m.Role == fixtures.Standby {
			copies = append(copies, m.Node.Name())
		}
	}
	if c, ok := sys.(fixtures.Copier); ok {
		copies = append(copies, c.Copies()...)
	}
	if len(copies) == 0 {
		return "nowhere: the system has no standby", nil
	}
	r, ok := sys.(fixtures.Replicator)
	if !ok {
		return "", unsupported(sys, "fixtures.Replicator", "wait until the standbys have copied the damage")
	}
	if err := r.Replicated(ctx); err != nil {
		return "", fmt.Errorf("wait until the damage is on every standby: %w", err)
	}
	return strings.Join(copies, ", "), nil
}

func unsupported(sys fixtures.System, need, purpose string) error {
	return &fixtures.UnsupportedError{What: "engine " + sys.Info().Engine, Need: need, For: purpose}
}
