// Package corpus is the bench on which every way of being wrong is tried: a dataset that has one of everything that can
// be lost, and the acts that lose it.
package corpus

import (
	"context"
	"embed"
	"fmt"
	"path"
	"strings"

	"github.com/recoverydrill/gameday/fixtures"
)

// The engines, as [fixtures.Info] names them.
const (
	Postgres = "postgres"
	MySQL    = "mysql"
	MariaDB  = "mariadb"
	SQLite   = "sqlite"
)

// Main is the dataset's main database, Neighbour another one on the same server (SQLite has none).
const (
	Main      = "bench"
	Neighbour = "neighbour"
)

//go:embed tables/*.sql
var tables embed.FS

// Dataset is small: what matters is that it has a column of every type, and one of every object, that a recovery can get
// wrong. Its rows are the same on every engine and in every run.
func Dataset() fixtures.Dataset { return bench{} }

// Lasting is the same without a table that is empty after every crash: the store is to survive one.
func Lasting() fixtures.Dataset { return bench{lasting: true} }

type bench struct{ lasting bool }

func (bench) Name() string     { return "corpus of sabotages" }
func (bench) Database() string { return Main }

// Load implements [fixtures.Dataset].
func (b bench) Load(ctx context.Context, into fixtures.Loader) error {
	file := into.Engine()
	if file == MariaDB {
		file = MySQL
	}
	schema, err := tables.ReadFile(path.Join("tables", file+".sql"))
	if err != nil {
		return fmt.Errorf("the corpus is not written for %s: %w", into.Engine(), err)
	}
	if b.lasting {
		schema = []byte(strings.NewReplacer("CREATE UNLOGGED TABLE", "CREATE TABLE", ") ENGINE = MEMORY;", ");").Replace(string(schema)))
	}
	if into.Engine() != SQLite {
		if err := into.Script(ctx, "", strings.NewReader(databases(into.Engine()))); err != nil {
			return fmt.Errorf("make the databases: %w", err)
		}
		if err := into.Script(ctx, Neighbour, strings.NewReader(note+values("note", into.Engine())+";\n")); err != nil {
			return fmt.Errorf("fill the neighbour: %w", err)
		}
	}
	if err := into.Script(ctx, Main, strings.NewReader(string(schema))); err != nil {
		return fmt.Errorf("make the tables: %w", err)
	}
	var all strings.Builder
	for _, t := range filled(into.Engine()) {
		all.WriteString(values(t, into.Engine()) + ";\n")
	}
	switch into.Engine() {
	case Postgres:
		all.WriteString("SELECT setval('person_id_seq', 2000), setval('payment_id_seq', 3000);\nCREATE MATERIALIZED VIEW person_count AS SELECT active, count(*) AS n FROM person GROUP BY active;\nVACUUM ANALYZE;\n")
	case MySQL, MariaDB:
		all.WriteString("ALTER TABLE person AUTO_INCREMENT = 2001;\nALTER TABLE payment AUTO_INCREMENT = 3001;\n")
	case SQLite:
		all.WriteString("UPDATE sqlite_sequence SET seq = 3000;\n")
	}
	if err := into.Script(ctx, Main, strings.NewReader(all.String())); err != nil {
		return fmt.Errorf("fill the tables: %w", err)
	}
	return nil
}

const note = "CREATE TABLE note (id INT NOT NULL PRIMARY KEY, text VARCHAR(100) NOT NULL);\n"

func databases(engine string) string {
	if engine == Postgres {
		return "CREATE DATABASE bench;\nCREATE DATABASE neighbour;\n"
	}
	return "CREATE DATABASE bench CHARACTER SET utf8mb4;\nCREATE DATABASE neighbour CHARACTER SET utf8mb4;\n"
}
