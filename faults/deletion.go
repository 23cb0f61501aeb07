package faults

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/recoverydrill/gameday/fixtures"
)

// DropTable drops a table with everything that depends on it, where the engine can: in MySQL, MariaDB and SQLite a table
// that others refer to cannot be dropped.
func DropTable(table string) *Statement {
	return &Statement{SQL: "DROP TABLE " + table + " CASCADE", name: "dropped table", class: deletion, dialect: func(engine string) (string, error) {
		if engine == engineSQLite { // which does not know the word
			return "DROP TABLE " + table, nil
		}
		return "DROP TABLE " + table + " CASCADE", nil
	}}
}

// DeleteRows deletes every row of a table: the DELETE whose WHERE was forgotten.
func DeleteRows(table string) *Statement {
	return &Statement{SQL: "DELETE FROM " + table, name: "delete without where", class: deletion}
}

// Truncate empties a table by TRUNCATE. SQLite has none: its DELETE without WHERE does the same, see [DeleteRows].
func Truncate(table string) *Statement {
	return &Statement{SQL: "TRUNCATE TABLE " + table, name: "truncated table", class: deletion, dialect: func(engine string) (string, error) {
		if engine == engineSQLite {
			return "", &fixtures.UnsupportedError{What: "engine sqlite", Need: "TRUNCATE", For: "truncate " + table}
		}
		return "TRUNCATE TABLE " + table, nil
	}}
}

// DropSchema drops a schema with everything in it. In MySQL and MariaDB, where a schema is a database, it is
// [DropDatabase]; SQLite has no schemas.
func DropSchema(schema string) *Statement {
	return &Statement{SQL: "DROP SCHEMA " + schema + " CASCADE", name: "dropped schema", class: deletion, dialect: func(engine string) (string, error) {
		if engine != enginePostgres {
			return "", &fixtures.UnsupportedError{What: "engine " + engine, Need: "schema", For: "drop schema " + schema + " (a database is dropped by DropDatabase)"}
		}
		return "DROP SCHEMA " + schema + " CASCADE", nil
	}}
}

// DroppedDatabase is a database that was dropped, with its clients thrown out.
type DroppedDatabase struct {
	database string
	main     bool // it was the one that clients use
}

var (
	_ Fault    = (*DroppedDatabase)(nil)
	_ Spreader = (*DroppedDatabase)(nil)
	_ Outage   = (*DroppedDatabase)(nil)
)

// DropDatabase drops a database of the server. SQLite, where a file is one database, knows no such thing: see
// [DeleteDataDirectory]. If it is the one that clients use the fault is an outage, else the checks see it.
func DropDatabase(database string) *DroppedDatabase { return &DroppedDatabase{database: database} }

// Describe names the database.
func (d *DroppedDatabase) Describe() Description {
	return Description{Name: "dropped database", Class: deletion, Detail: "DROP DATABASE " + d.database}
}

// IsOutage is true once the main database is gone: nobody can connect to it any more.
func (d *DroppedDatabase) IsOutage() bool { return d.main }

// Inject drops it.
func (d *DroppedDatabase) Inject(ctx context.Context, sys fixtures.System) error {
	s, err := openStore(ctx, sys, "", "drop database "+d.database)
	if err != nil {
		return err
	}
	sql := "DROP DATABASE " + d.database
	switch s.engine {
	case engineSQLite:
		return unsupported(sys, "databases to drop", "drop database "+d.database)
	case enginePostgres:
		s.database = "postgres" // nobody can drop what they are connected to
		sql += " WITH (FORCE)"
	}
	if err := s.do(ctx, sql); err != nil {
		return err
	}
	d.main = strings.Trim(d.database, "\"`") == s.main
	return nil
}

// Propagate waits until every standby has dropped it.
func (d *DroppedDatabase) Propagate(ctx context.Context, sys fixtures.System) (string, error) {
	return replicated(ctx, sys)
}

// LostNode is a machine that is gone with its disks.
type LostNode struct {
	name string
}

var (
	_ Fault  = (*LostNode)(nil)
	_ Outage = (*LostNode)(nil)
	_ Prover = (*LostNode)(nil)
	_ Silent = (*LostNode)(nil)
)

// LoseNode removes a node with everything on its own disks; "" is the primary. What it shares with others, such as the
// vault, stays. The loss of a standby or a spare is silent: clients do not see it, unless commits wait for that standby.
func LoseNode(name string) *LostNode {
	if name == "" {
		name = string(fixtures.Primary)
	}
	return &LostNode{name: name}
}

// Describe names the node.
func (l *LostNode) Describe() Description {
	return Description{Name: "lost node", Class: deletion, Detail: fmt.Sprintf("node %s is gone, with its disks", l.name)}
}

// IsOutage is true for the primary.
func (l *LostNode) IsOutage() bool { return l.name == string(fixtures.Primary) }

// IsSilent is true for every other node.
func (l *LostNode) IsSilent() bool { return !l.IsOutage() }

// Inject removes it.
func (l *LostNode) Inject(ctx context.Context, sys fixtures.System) error {
	n, err := member(sys, l.name)
	if err != nil {
		return err
	}
	return n.Close(ctx)
}

// Prove tries to run a command on it.
func (l *LostNode) Prove(ctx context.Context, sys fixtures.System) (string, error) {
	n, err := member(sys, l.name)
	if err != nil {
		return "", err
	}
	if _, err = n.Exec(ctx, fixtures.Command{Args: []string{"true"}}); err == nil {
		return "", fmt.Errorf("%w: node %s runs commands", ErrNotSeen, l.name)
	}
	if ctx.Err() != nil {
		return "", ctx.Err()
	}
	return fmt.Sprintf("node %s runs no command any more: %s", l.name, oneLine(err)), nil
}

func oneLine(err error) string {
	line, _, _ := strings.Cut(err.Error(), "\n")
	return line
}

// member is a node of the system by its name.
func member(sys fixtures.System, name string) (fixtures.Node, error) {
	for _, m := range sys.Members() {
		if m.Node.Name() == name {
			return m.Node, nil
		}
	}
	return nil, fmt.Errorf("the system has no node %q", name)
}

// primary is the node that clients' data lies on.
func primary(sys fixtures.System) (fixtures.Node, error) {
	for _, m := range sys.Members() {
		if m.Role == fixtures.Primary {
			return m.Node, nil
		}
	}
	return nil, errors.New("the system has no primary")
}

// shell runs a script on a node as its administrator and returns its output.
func shell(ctx context.Context, n fixtures.Node, script string, args ...string) (string, error) {
	r, err := n.Exec(ctx, fixtures.Command{Args: append([]string{"/bin/sh", "-c", script, "sh"}, args...)})
	return strings.TrimSpace(string(r.Stdout)), err
}
