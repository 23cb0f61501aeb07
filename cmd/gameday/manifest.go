package main

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/recoverydrill/gameday/fixtures"
	"github.com/recoverydrill/gameday/fixtures/foreign"
	"github.com/recoverydrill/gameday/fixtures/manifest"
)

// The variables that connection strings are read from, so that a password is on no command line.
const (
	postgresVariable = "GAMEDAY_POSTGRES_DSN"
	mysqlVariable    = "GAMEDAY_MYSQL_DSN"
)

func (a *app) manifestCommand() *cobra.Command {
	var (
		store foreign.Store
		o     foreign.TakeOptions
		out   string
		rows  int64
	)
	cmd := &cobra.Command{
		Use:   "manifest",
		Short: "Write down what a store holds, beside a backup of it, so that a restore can be judged",
		Long: `manifest reads a store in one snapshot, every table and all structure, and writes digests of it:
what a restore of the backup that is taken at the same time must give back, to the last bit.
It changes nothing in the store. Whatever it cannot read is an error that names it, and nothing
is written then: a manifest is whole or not there.

The store is a PostgreSQL, a MySQL or MariaDB, or a SQLite file that anybody made. An account
needs to read everything and nothing else; README.md, "Your real backups", lists the grants.
A connection string with a password belongs into ` + postgresVariable + ` or ` + mysqlVariable + `,
where ps does not show it. PGPASSWORD, PGPASSFILE and PGSERVICE are read as psql reads them.`,
		Example: `  gameday manifest --postgres "postgres://reader@db.example.com/shop" --out backups/monday.manifest
  GAMEDAY_MYSQL_DSN="reader:secret@tcp(db.example.com:3306)/" gameday manifest --out monday.manifest
  gameday manifest --sqlite /srv/app/app.db --out monday.manifest`,
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) == 0 {
				return nil
			}
			// The word itself is not repeated: it may be a connection string with its password.
			return usagef("manifest takes no argument: a connection string belongs behind --postgres or --mysql, in quotes where it holds blanks\nusage: %s", cmd.UseLine())
		},
		RunE: func(cmd *cobra.Command, _ []string) error {
			fromEnvironment(&store)
			if err := store.Check(); err != nil {
				return usagef("%v\noptions are --postgres, --mysql and --sqlite, or %s and %s", err, postgresVariable, mysqlVariable)
			}
			if out == "" {
				return usagef("option --out needs a value: the directory for the manifest")
			}
			if err := o.Check(store); err != nil {
				return usagef("%v", err)
			}
			if onCommandLine(store) {
				a.note("the password is on the command line, where ps shows it: put the connection string into %s or %s", postgresVariable, mysqlVariable)
			}
			if o.RowLimit = rows; rows == 0 {
				o.RowLimit = -1
			}
			o.Program = "gameday " + version()
			o.Progress = func(step string) { a.note("%s", step) }
			m, digest, err := foreign.Take(cmd.Context(), store, out, o)
			if err != nil {
				if lines := strings.Split(err.Error(), "\n"); len(lines) > 1 {
					fmt.Fprintf(a.err, "gameday: no manifest was written:\n  %s\n", strings.Join(lines, "\n  "))
					return errSaid
				}
				return fmt.Errorf("no manifest was written: %w", err)
			}
			a.tellManifest(m, out, digest)
			return nil
		},
	}
	f := cmd.Flags()
	f.StringVar(&store.Postgres, "postgres", "", "`connection string` of a PostgreSQL server: all its databases are read")
	f.StringVar(&store.MySQL, "mysql", "", "`connection string` of a MySQL or MariaDB server: USER:PASSWORD@tcp(HOST:PORT)/")
	f.StringVar(&store.SQLite, "sqlite", "", "`path` of a SQLite file")
	f.StringVar(&out, "out", "", "`directory` for the manifest; it must not exist or be empty")
	f.StringArrayVar(&o.Only, "database", nil, "read this `database` alone (may be repeated); the verdict on a restore then says so")
	f.StringVar(&o.AtSnapshot, "at-snapshot", "", "PostgreSQL: read as of a snapshot with this `name`, exported by a session that is still open; with one --database")
	f.Int64Var(&rows, "rows-limit", 5_000_000, "keep a digest of each row, by its primary key, of tables with at most `N` rows; 0 keeps none")
	f.StringVar(&o.Nonce, "nonce", "", "32 `hex` digits that the digests depend on; two manifests with the same can be compared (default random)")
	return cmd
}

// onCommandLine says whether a connection string that was given as an option holds one of its secrets: others come from
// PGPASSWORD and the like.
func onCommandLine(s foreign.Store) bool {
	return slices.ContainsFunc(s.Secrets(), func(secret string) bool {
		given := func(name, text string) bool { return text != os.Getenv(name) && strings.Contains(text, secret) }
		return given(postgresVariable, s.Postgres) || given(mysqlVariable, s.MySQL)
	})
}

func fromEnvironment(s *foreign.Store) {
	if s.Postgres != "" || s.MySQL != "" || s.SQLite != "" {
		return
	}
	s.Postgres, s.MySQL = os.Getenv(postgresVariable), os.Getenv(mysqlVariable)
}

func (a *app) tellManifest(m *fixtures.Manifest, dir, digest string) {
	t := m.Taking
	at := m.Position
	if at == "" {
		at = "no position"
	}
	fmt.Fprintf(a.out, "%s %s at %s, %s by its clock\n", m.Engine, m.ServerVersion, at, m.Taken.UTC().Format("2006-01-02 15:04:05 UTC"))
	fmt.Fprintf(a.out, "databases %d, tables %d, rows %d, bytes %d, objects of structure %d, read in %s\n",
		t.Databases, t.Tables, t.Rows, t.Bytes, t.Objects, (time.Duration(t.DurationMS) * time.Millisecond).Round(time.Millisecond))
	if len(m.Only) > 0 {
		fmt.Fprintf(a.out, "only: %s\n", strings.Join(m.Only, ", "))
	}
	for _, n := range t.Notes {
		fmt.Fprintf(a.out, "note: %s\n", n)
	}
	fmt.Fprintf(a.out, "sha256 %s  %s\n", digest, filepath.Join(dir, manifest.SumsFile))
}
