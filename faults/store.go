package faults

import (
	"context"
	"fmt"
	"strings"

	"github.com/recoverydrill/gameday/fixtures"
)

// The classes of faults that the store's own language does.
const (
	badWrite = "bad write"
	deletion = "deletion"
)

// The engines, as [fixtures.Info] names them.
const (
	enginePostgres = "postgres"
	engineMySQL    = "mysql"
	engineMariaDB  = "mariadb"
	engineSQLite   = "sqlite"
)

// store is the store behind the route, asked and told things in its own dialect.
type store struct {
	sys      fixtures.System
	engine   string
	operator fixtures.Operator
	querier  fixtures.Querier
	database string // where statements run; "" is the dataset's
	main     string // the dataset's, by name
}

func openStore(ctx context.Context, sys fixtures.System, database, purpose string) (*store, error) {
	s := &store{sys: sys, engine: sys.Info().Engine, database: database}
	var ok bool
	if s.operator, ok = sys.(fixtures.Operator); !ok {
		return nil, unsupported(sys, "fixtures.Operator", purpose)
	}
	if s.querier, ok = sys.(fixtures.Querier); !ok {
		return nil, unsupported(sys, "fixtures.Querier", purpose)
	}
	switch s.engine {
	case enginePostgres, engineMySQL, engineMariaDB, engineSQLite:
	default:
		return nil, unsupported(sys, "dialect that is known here", purpose)
	}
	env, err := environment(ctx, sys, purpose)
	s.main = env["GAMEDAY_DATABASE"]
	return s, err
}

// environment is what a responder is told about the system: where things lie.
func environment(ctx context.Context, sys fixtures.System, purpose string) (map[string]string, error) {
	r, ok := sys.(fixtures.Responder)
	if !ok {
		return nil, unsupported(sys, "fixtures.Responder", purpose)
	}
	env, err := r.Environment(ctx)
	if err != nil {
		return nil, fmt.Errorf("%s: ask where things lie: %w", purpose, err)
	}
	return env, nil
}

func (s *store) mysql() bool { return s.engine == engineMySQL || s.engine == engineMariaDB }

func (s *store) do(ctx context.Context, sql string) error {
	return s.operator.Statement(ctx, "", s.database, sql)
}

func (s *store) ask(ctx context.Context, sql string) ([][]string, error) {
	return s.querier.Query(ctx, "", s.database, sql)
}

// one is the answer to a query that has one.
func (s *store) one(ctx context.Context, sql string) (string, error) {
	rows, err := s.ask(ctx, sql)
	if err != nil {
		return "", err
	}
	if len(rows) != 1 || len(rows[0]) != 1 {
		return "", fmt.Errorf("want one value, got %d rows: %s", len(rows), sql)
	}
	return rows[0][0], nil
}

// place is a table as a manifest names it.
func (s *store) place(table string) (database, name string) {
	schema, bare, qualified := strings.Cut(table, ".")
	switch {
	case s.engine == engineSQLite:
		return s.main, "main." + strings.TrimPrefix(table, "main.")
	case s.mysql() && !qualified:
		db := s.database
		if db == "" {
			db = s.main
		}
		return db, db + "." + table
	case s.mysql():
		return schema, table
	case !qualified:
		bare, schema = table, "public"
	}
	if s.database != "" {
		return s.database, schema + "." + bare
	}
	return s.main, schema + "." + bare
}

// rowsOf names rows as a manifest and its rows files do.
func (s *store) rowsOf(table string, keys []string) Rows {
	database, name := s.place(table)
	return Rows{Database: database, Table: name, Keys: keys}
}

// keyColumns are the columns of a table's primary key.
func (s *store) keyColumns(ctx context.Context, table string) ([]string, error) {
	database, name := s.place(table)
	schema, bare, _ := strings.Cut(name, ".")
	var query string
	switch {
	case s.engine == enginePostgres:
		query = `SELECT a.attname FROM pg_catalog.pg_index i, unnest(i.indkey::int2[]) WITH ORDINALITY AS k (num, place), pg_catalog.pg_attribute a
			WHERE i.indrelid = ` + literal(name) + `::pg_catalog.regclass AND i.indisprimary AND k.place <= i.indnkeyatts AND a.attrelid = i.indrelid AND a.attnum = k.num ORDER BY k.place`
	case s.mysql():
		query = `SELECT column_name FROM information_schema.key_column_usage WHERE constraint_name = 'PRIMARY'
			AND table_schema = ` + literal(database) + ` AND table_name = ` + literal(bare) + ` ORDER BY ordinal_position`
	default:
		query = `SELECT name FROM pragma_table_info(` + literal(bare) + `, ` + literal(schema) + `) WHERE pk > 0 ORDER BY pk`
	}
	rows, err := s.ask(ctx, query)
	if err != nil {
		return nil, fmt.Errorf("find the primary key of %s: %w", table, err)
	}
	if len(rows) == 0 {
		return nil, fmt.Errorf("find the primary key of %s: it has none, or there is no such table: nobody could say which rows were hit", table)
	}
	var columns []string
	for _, r := range rows {
		columns = append(columns, r[0])
	}
	return columns, nil
}

// keys are those of the rows that a condition takes, "" being all, in the form of a rows file and in an order that does not
// change.
func (s *store) keys(ctx context.Context, table, where string) (columns, keys []string, err error) {
	if columns, err = s.keyColumns(ctx, table); err != nil {
		return nil, nil, err
	}
	list := strings.Join(columns, ", ")
	query := "SELECT " + list + " FROM " + table
	if where != "" {
		query += " WHERE " + where
	}
	rows, err := s.ask(ctx, query+" ORDER BY "+list)
	if err != nil {
		return nil, nil, fmt.Errorf("find the rows of %s: %w", table, err)
	}
	for _, r := range rows {
		keys = append(keys, strings.Join(r, "|"))
	}
	return columns, keys, nil
}

// among is the condition that takes the rows with the given keys.
func among(columns, keys []string) (string, error) {
	if len(columns) == 1 {
		var list []string
		for _, k := range keys {
			list = append(list, literal(k))
		}
		return columns[0] + " IN (" + strings.Join(list, ", ") + ")", nil
	}
	var any []string
	for _, k := range keys {
		values := strings.Split(k, "|")
		if len(values) != len(columns) {
			return "", fmt.Errorf("the key %q has not the %d columns %v", k, len(columns), columns)
		}
		var all []string
		for i, c := range columns {
			all = append(all, c+" = "+literal(values[i]))
		}
		any = append(any, "("+strings.Join(all, " AND ")+")")
	}
	return strings.Join(any, " OR "), nil
}

// literal is text in a statement. MySQL takes a backslash for an escape; the others do not.
func literal(text string) string { return "'" + strings.ReplaceAll(text, "'", "''") + "'" }
