package faults_test

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"net"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/recoverydrill/gameday/faults"
	"github.com/recoverydrill/gameday/fixtures"
)

// foreign is a PostgreSQL server on this machine that no run has made. It lets everybody in as everybody and has the same
// tables as the run's own store, a token too: nothing but that token stands between it and a fault.
type foreign struct {
	bin, dir string
	port     int
	who      *syscall.SysProcAttr
}

const foreignTables = `CREATE SCHEMA gameday; CREATE TABLE gameday.identity (token text); INSERT INTO gameday.identity VALUES ('of somebody else');
CREATE SCHEMA shop; CREATE TABLE shop.payments AS SELECT id, 100 AS amount FROM generate_series(1, 1000) id; ALTER TABLE shop.payments ADD PRIMARY KEY (id);
CREATE TABLE gameday.item (k text PRIMARY KEY, val text); CREATE TABLE gameday.op (k text PRIMARY KEY)`

func startForeign(t *testing.T) *foreign {
	t.Helper()
	found, _ := filepath.Glob("/usr/lib/postgresql/*/bin") // the pattern is sound
	if len(found) == 0 {
		t.Fatal("no server binaries below /usr/lib/postgresql: make servers")
	}
	dir, err := os.MkdirTemp("", "foreign-") // t.TempDir's parent is closed to the server's user
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := os.RemoveAll(dir); err != nil {
			t.Error(err)
		}
	})
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	f := &foreign{bin: found[len(found)-1], dir: dir, port: l.Addr().(*net.TCPAddr).Port}
	if err := errors.Join(l.Close(), f.become()); err != nil {
		t.Fatal(err)
	}
	f.must(t, "initdb", "-D", f.data(), "-U", "postgres", "-A", "trust", "--no-sync")
	f.must(t, "pg_ctl", "-D", f.data(), "-l", filepath.Join(dir, "log"), "-w", "-o",
		fmt.Sprintf("-h 127.0.0.1 -p %d -k %s -c autovacuum=off -c fsync=off", f.port, dir), "start")
	t.Cleanup(func() { f.must(t, "pg_ctl", "-D", f.data(), "-m", "immediate", "-w", "stop") })
	f.sql(t, "postgres", "CREATE DATABASE shop")
	f.sql(t, "shop", foreignTables)
	for _, database := range []string{"postgres", "shop"} { // so that whoever only looks has nothing to write
		f.sql(t, database, "VACUUM (FREEZE, ANALYZE)")
	}
	f.sql(t, "postgres", "CHECKPOINT")
	return f
}

func (f *foreign) data() string    { return filepath.Join(f.dir, "data") }
func (f *foreign) address() string { return net.JoinHostPort("127.0.0.1", strconv.Itoa(f.port)) }

// become finds the user that the server runs as: it refuses root.
func (f *foreign) become() error {
	if os.Geteuid() != 0 {
		return nil
	}
	u, err := user.Lookup("postgres")
	if err != nil {
		return err
	}
	uid, err1 := strconv.ParseUint(u.Uid, 10, 32)
	gid, err2 := strconv.ParseUint(u.Gid, 10, 32)
	f.who = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}}
	return errors.Join(err1, err2, os.Chown(f.dir, int(uid), int(gid)))
}

func (f *foreign) must(t *testing.T, program string, args ...string) {
	t.Helper()
	cmd := exec.Command(filepath.Join(f.bin, program), args...) //nolint:gosec,noctx // the server's own program; it also ends it
	cmd.Dir, cmd.SysProcAttr = f.dir, f.who
	out, err := os.CreateTemp(f.dir, "out-") // the server would keep a pipe open
	if err != nil {
		t.Fatal(err)
	}
	defer out.Close() //nolint:errcheck // only read
	cmd.Stdout, cmd.Stderr = out, out
	if err := cmd.Run(); err != nil {
		said, _ := os.ReadFile(out.Name())
		t.Fatalf("%s: %v: %s", program, err, said)
	}
}

func (f *foreign) sql(t *testing.T, database, statement string) {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), fmt.Sprintf("postgres://postgres@%s/%s?sslmode=disable", f.address(), database))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(t.Context()) //nolint:errcheck // its work is done or has failed
	if _, err := conn.PgConn().Exec(t.Context(), statement).ReadAll(); err != nil {
		t.Fatalf("%s: %v", statement, err)
	}
}

// files are the digests of all files of its data directory.
func (f *foreign) files(t *testing.T) map[string]string {
	t.Helper()
	all := map[string]string{}
	err := filepath.WalkDir(f.data(), func(path string, d fs.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() {
			return err
		}
		data, err := os.ReadFile(path) //nolint:gosec // below our own directory
		all[path] = fmt.Sprintf("%x", sha256.Sum256(data))
		return err
	})
	if err != nil || len(all) < 100 {
		t.Fatalf("%d files of the foreign server: %v", len(all), err)
	}
	return all
}

// TestForeignServerIsNotTouched: the address that clients use leads to a server that no run has made, as a wrong line in a
// configuration would have it, or a recovery that cut over to the wrong host. Every fault is refused, and not one byte of
// that server changes, whether it runs or not.
func TestForeignServerIsNotTouched(t *testing.T) {
	sys, guard := start(t, onPostgres, layout{})
	other := startForeign(t)
	own := sys.Route().Target()
	if err := guard.Check(t.Context(), sys); err != nil {
		t.Fatalf("the guard refuses the run's own system: %v", err)
	}
	if err := sys.Route().CutOver(t.Context(), other.address()); err != nil {
		t.Fatal(err)
	}
	if id, err := sys.(fixtures.Identified).Identity(t.Context(), ""); err != nil || id.Token != "of somebody else" {
		t.Fatalf("the route does not lead to the foreign server: %+v, %v", id, err)
	}
	refusesAll(t, sys, guard, other, faults.ErrForeign)
	if len(sys.Route().History()) != 2 { // opened, and led away: no fault has cut it
		t.Errorf("the route was changed: %+v", sys.Route().History())
	}
	other.must(t, "pg_ctl", "-D", other.data(), "-m", "fast", "-w", "stop")
	refusesAll(t, sys, guard, other, nil)
	other.must(t, "pg_ctl", "-D", other.data(), "-l", filepath.Join(other.dir, "log"), "-w", "start") // for its end

	if err := sys.Route().CutOver(t.Context(), own); err != nil {
		t.Fatal(err)
	}
	if _, err := faults.Inject(t.Context(), faults.DropTable("shop.payments"), sys, guard, fixtures.NewClock()); err != nil {
		t.Errorf("the run's own system, behind its route again: %v", err)
	}
}

// refusesAll tries faults of every kind.
func refusesAll(t *testing.T, sys fixtures.System, guard faults.Guard, other *foreign, want error) {
	t.Helper()
	before := other.files(t)
	for _, f := range []faults.Fault{
		faults.BadWrite("UPDATE shop.payments SET amount = 0"), faults.WrongUpdate("shop.payments", "amount = 0", ""),
		faults.DropTable("shop.payments"), faults.DeleteRows("shop.payments"), faults.Truncate("shop.payments"), faults.DropSchema("shop"),
		faults.DropDatabase("shop"), faults.DamageCharset("shop.payments", "amount"), faults.SwapColumns("shop.payments", "id", "amount"),
		&faults.SlowBurn{Table: "shop.payments", Column: "amount", Value: "0", Duration: 2 * time.Second, Traffic: true},
		faults.DeleteDataDirectory(), faults.DeleteFile(fixtures.TableFile, "shop.payments"), faults.DeleteBackup(), faults.DeleteVault(),
		faults.LoseNode(""), faults.CorruptBlock("shop.payments", 1), faults.CutNetwork(),
		faults.Together(faults.DropTable("shop.payments"), faults.DeleteVault()), faults.Random(1, faults.DropTable("shop.payments")),
	} {
		ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
		_, err := faults.Inject(ctx, f, sys, guard, fixtures.NewClock())
		cancel()
		if err == nil || !strings.Contains(err.Error(), "refused") || want != nil && !errors.Is(err, want) {
			t.Errorf("%s: want a refusal, got %v", f.Describe().Name, err)
		}
	}
	after := other.files(t)
	if maps.Equal(before, after) {
		return
	}
	var changed []string
	for _, path := range slices.Sorted(maps.Keys(before)) {
		if after[path] != before[path] {
			changed = append(changed, path)
		}
	}
	t.Errorf("%d files of the foreign server have changed: %v", len(changed), changed[:min(5, len(changed))])
	t.Errorf("the foreign server had %d files and has %d", len(before), len(after))
}
