// Package faults_test runs every shipped fault through its contract, on every engine where it applies, with the checks
// that a drill has.
package faults_test

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/benbjohnson/litestream"
	"github.com/benbjohnson/litestream/file"
	"github.com/jackc/pgx/v5"

	"github.com/recoverydrill/gameday/faults"
	"github.com/recoverydrill/gameday/faults/faulttest"
	"github.com/recoverydrill/gameday/fixtures"
	"github.com/recoverydrill/gameday/fixtures/container"
	"github.com/recoverydrill/gameday/fixtures/dataset"
	"github.com/recoverydrill/gameday/fixtures/embedded"
	"github.com/recoverydrill/gameday/fixtures/images"
	"github.com/recoverydrill/gameday/fixtures/mysql"
	"github.com/recoverydrill/gameday/fixtures/postgres"
	"github.com/recoverydrill/gameday/fixtures/sqlite"
	"github.com/recoverydrill/gameday/reports"
	"github.com/recoverydrill/gameday/verify"
)

// The engines that faults are tested on.
const (
	onPostgres = "postgres"
	onMySQL    = "mysql"
	onMariaDB  = "mariadb"
	onSQLite   = "sqlite"
)

// servers are the engines with nodes and routes, engines are all of them.
var (
	servers = []string{onPostgres, onMySQL, onMariaDB}
	engines = []string{onPostgres, onMySQL, onMariaDB, onSQLite}
)

// layout is what a test needs of a system.
type layout struct {
	Standbys, Spares int               // ignored by SQLite, which has Litestream's replica
	Settings         map[string]string // of every server
	Memory           int64             // of every node, in bytes
	Disk, VaultDisk  int64             // limits of the servers' disks and of the vault, in bytes
	Scale            float64           // of the shop; 0 is 0.02
	Backups          int               // base backups to take
}

// everything runs what takes its time: make test-all.
var everything = os.Getenv("GAMEDAY_TESTS") == "all"

// full skips a test that is not among the few of make test.
func full(t *testing.T) {
	t.Helper()
	if !everything {
		t.Skip("one of the many: make test-all")
	}
}

// start runs a system of an engine until t ends: servers in containers, SQLite in this process.
func start(t *testing.T, engine string, l layout) (fixtures.System, faults.Guard) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
	defer cancel()
	run, err := fixtures.NewRun(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	if engine != onSQLite && testing.Short() {
		t.Skip("needs Docker")
	}
	provider, err := ground(ctx, t, engine, run)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { closing(t, provider.Close) })
	sys, err := blueprint(engine, l).Start(ctx, run, provider)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { closing(t, sys.Close) })
	for i := range l.Backups {
		if _, err := sys.(fixtures.BackupTaker).Backup(ctx, fmt.Sprintf("backup %d", i+1)); err != nil {
			t.Fatal(err)
		}
	}
	id, err := sys.(fixtures.Identified).Identity(ctx, "")
	if err != nil {
		t.Fatal(err)
	}
	return sys, faults.Guard{Run: run, Token: id.Token}
}

func ground(ctx context.Context, t *testing.T, engine string, run fixtures.Run) (fixtures.Provider, error) {
	if engine == onSQLite {
		return embedded.New(ctx, run, embedded.Options{Log: t.Output()})
	}
	return container.New(ctx, run, container.Options{Images: images.New(images.Options{Build: true, Log: t.Output()})})
}

func closing(t *testing.T, end func(context.Context) error) {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	if err := end(ctx); err != nil {
		t.Error(err)
	}
}

func blueprint(engine string, l layout) fixtures.Blueprint {
	if l.Scale == 0 {
		l.Scale = 0.02
	}
	shop := dataset.Shop(dataset.ShopOptions{Scale: l.Scale})
	switch engine {
	case onPostgres:
		return postgres.Cluster{Version: "17", Standbys: l.Standbys, Spares: l.Spares, Dataset: shop, Settings: l.Settings, Memory: l.Memory, Disk: l.Disk, VaultDisk: l.VaultDisk}
	case onMySQL:
		return mysql.Cluster{Flavour: mysql.MySQL, Version: "9.7", Standbys: l.Standbys, Spares: l.Spares, Dataset: shop, Settings: l.Settings, Memory: l.Memory, Disk: l.Disk, VaultDisk: l.VaultDisk}
	case onMariaDB:
		return mysql.Cluster{Flavour: mysql.MariaDB, Version: "11.8", Standbys: l.Standbys, Spares: l.Spares, Dataset: shop, Settings: l.Settings, Memory: l.Memory, Disk: l.Disk, VaultDisk: l.VaultDisk}
	}
	return sqlite.Store{Dataset: shop, Settings: l.Settings}
}

// subject is a fault on a system that start has given, judged by the checks of a drill. The caller adds where the damage
// goes and where it must not: by default it spreads to every standby and copy.
func subject(t *testing.T, sys fixtures.System, guard faults.Guard, fault func() faults.Fault) faulttest.Subject {
	t.Helper()
	s := faulttest.Subject{
		Fault:   fault,
		System:  func(*testing.T) (fixtures.System, faults.Guard) { return sys, guard },
		Sees:    sees,
		Remains: sessions,
	}
	for _, m := range sys.Members() {
		if m.Role == fixtures.Standby {
			s.SpreadsTo = append(s.SpreadsTo, m.Node.Name())
		}
	}
	if _, ok := sys.(*sqlite.System); ok {
		s.SpreadsTo = sys.(fixtures.Copier).Copies()
		dir, n := t.TempDir(), 0
		s.At = func(ctx context.Context, sys fixtures.System, _ string) (string, error) {
			n++
			return replica(ctx, sys, filepath.Join(dir, fmt.Sprintf("replica-%d.db", n)))
		}
	}
	return s
}

// confined is a subject whose damage stays where it was done.
func confined(s faulttest.Subject) faulttest.Subject {
	s.SpreadsTo, s.Stays = nil, append(s.Stays, s.SpreadsTo...)
	return s
}

// sees is what the checks of a drill that see damage say.
func sees(ctx context.Context, before, after faulttest.View) ([]string, error) {
	e := &verify.Evidence{
		Dir: filepath.Dir(before.Dir), Record: &reports.Record{},
		Baseline: before.Manifest, BaseDir: filepath.Base(before.Dir), Found: after.Manifest,
	}
	var err error
	if e.FoundDir, err = filepath.Rel(e.Dir, after.Dir); err != nil {
		return nil, err
	}
	findings, err := verify.DamageProof(ctx, e, verify.Default())
	var out []string
	for _, f := range findings {
		out = append(out, fmt.Sprintf("%s %s: %s (wanted %s, found %s)", f.Where.Database, f.Where.Table, f.Summary, f.Wanted, f.Found))
	}
	return out, err
}

// sessions lists the clients of a server that are neither the one that asks nor the server's own.
func sessions(ctx context.Context, sys fixtures.System) ([]string, error) {
	switch s := sys.(type) {
	case *postgres.System:
		return postgresSessions(ctx, s)
	case *mysql.System:
		return mysqlSessions(ctx, s)
	}
	return nil, nil
}

func postgresSessions(ctx context.Context, s *postgres.System) ([]string, error) {
	conn, err := pgx.Connect(ctx, s.DSN("", "postgres", postgres.RoleOwner))
	if err != nil {
		return nil, err
	}
	defer conn.Close(context.WithoutCancel(ctx)) //nolint:errcheck // read only
	rows, err := conn.Query(ctx, `SELECT 'session of ' || usename || ' in ' || coalesce(datname, '-') || ', ' || coalesce(state, '-')
		FROM pg_stat_activity WHERE backend_type = 'client backend' AND pid <> pg_backend_pid()`)
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, pgx.RowTo[string])
}

func mysqlSessions(ctx context.Context, s *mysql.System) (out []string, err error) {
	db, err := sql.Open("mysql", s.DSN("", "", mysql.RoleOwner))
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	rows, err := db.QueryContext(ctx, `SELECT concat('session of ', user, ' in ', coalesce(db, '-'), ', ', command) FROM information_schema.processlist
		WHERE id <> connection_id() AND command NOT LIKE 'Binlog Dump%' AND command <> 'Daemon' AND user NOT IN ('system user', 'event_scheduler')`)
	if err != nil {
		return nil, err
	}
	defer rows.Close() //nolint:errcheck // read only
	for rows.Next() {
		var line string
		if err := rows.Scan(&line); err != nil {
			return nil, err
		}
		out = append(out, line)
	}
	return out, rows.Err()
}

// replica restores Litestream's replica into a file, as it is now.
func replica(ctx context.Context, sys fixtures.System, path string) (string, error) {
	env, err := sys.(fixtures.Responder).Environment(ctx)
	if err != nil {
		return "", err
	}
	db := litestream.NewDB(path) // for its logger
	db.SetLogger(slog.New(slog.DiscardHandler))
	err = litestream.NewReplicaWithClient(db, file.NewReplicaClient(env["GAMEDAY_REPLICA"])).Restore(ctx, litestream.RestoreOptions{OutputPath: path})
	return path, errors.Join(err, db.Close(ctx))
}

func isUnsupported(err error) bool { return errors.Is(err, fixtures.ErrUnsupported) }
