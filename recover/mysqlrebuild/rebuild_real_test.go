package mysqlrebuild

import (
	"context"
	"errors"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/recoverydrill/gameday/fixtures"
	"github.com/recoverydrill/gameday/fixtures/mysql"
	recovery "github.com/recoverydrill/gameday/recover"
	"github.com/recoverydrill/gameday/recover/internal/labtest"
)

// bench is a primary and a replica that somebody has written to.
type bench struct {
	t      *testing.T
	ctx    context.Context
	system *mysql.System
	client string
	env    map[string]string
}

func newBench(t *testing.T, c mysql.Cluster) *bench {
	t.Helper()
	ctx, _, s := labtest.Open(t, 8*time.Minute, c.Open)
	l := &bench{t: t, ctx: ctx, system: s, client: "mysql"}
	if c.Flavour == mysql.MariaDB {
		l.client = "mariadb"
	}
	var err error
	l.env, err = s.Environment(ctx)
	labtest.NoError(t, err)
	l.ask(primary, "CREATE TABLE app.t (id int PRIMARY KEY, text varchar(200) NOT NULL) STATS_AUTO_RECALC = 0", // nobody reads its file by the way

		"INSERT INTO app.t WITH RECURSIVE n(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM n WHERE n < 900) SELECT n, repeat('x', 200) FROM n",
		"CREATE TABLE app.moment (at varchar(20) PRIMARY KEY)", "INSERT INTO app.moment VALUES ('first')",
		"FLUSH TABLES app.t FOR EXPORT") // its pages are in its file
	l.flushed()
	l.until("first")
	l.ask(replica, "SET GLOBAL read_only = OFF", "SET sql_log_bin = 0", "INSERT INTO app.moment VALUES ('mine')", "SET GLOBAL read_only = ON")
	return l
}

// flushed waits until MariaDB has flushed all: its backup would make a lost page anew from the log.
func (l *bench) flushed() {
	l.t.Helper()
	if l.client != "mariadb" {
		return
	}
	l.ask(primary, "SET GLOBAL innodb_max_dirty_pages_pct_lwm = 0", "SET GLOBAL innodb_max_dirty_pages_pct = 0")
	for range 300 {
		if age := l.ask(primary, "SELECT variable_value < 1000 FROM information_schema.global_status WHERE variable_name = 'innodb_checkpoint_age'"); age == "1" {
			return
		}
		time.Sleep(100 * time.Millisecond)
	}
	l.t.Fatal("the primary's log is not flushed")
}

// The nodes.
const primary, replica = 0, 1

func (l *bench) on(node int, script string, with map[string]string) string {
	l.t.Helper()
	env := map[string]string{"CLIENT": l.client}
	for _, all := range []map[string]string{l.env, with} {
		for k, v := range all {
			env[k] = v
		}
	}
	res, err := l.system.Members()[node].Node.Exec(l.ctx, fixtures.Command{Args: []string{"sh", "-euc", script}, User: "mysql", Env: env})
	labtest.NoError(l.t, err)
	return strings.TrimSpace(string(res.Stdout))
}

func (l *bench) ask(node int, statements ...string) string {
	l.t.Helper()
	return l.on(node, `"$CLIENT" --defaults-file="$GAMEDAY_CLIENT_CONFIG" -BN -e "$SQL"`, map[string]string{"SQL": strings.Join(statements, "; ")})
}

// until waits for the moments on the replica, which may not have come to their table yet.
func (l *bench) until(want string) {
	l.t.Helper()
	got := ""
	for range 200 {
		got = l.on(replica, `"$CLIENT" --defaults-file="$GAMEDAY_CLIENT_CONFIG" -BN -e "$SQL" 2>&1 || :`,
			map[string]string{"SQL": "SELECT group_concat(at ORDER BY at) FROM app.moment"})
		if got == want {
			return
		}
		time.Sleep(100 * time.Millisecond)
	}
	l.t.Errorf("the replica's rows are %q, want %q", got, want)
}

func (l *bench) rebuild(ctx context.Context, step func(string)) error {
	err := Replica(l.system.Members()[replica].Node.Name()).Recover(ctx, recovery.Job{System: l.system, Env: l.env, Output: io.Discard, Step: step})
	l.t.Log(err)
	return err
}

func (l *bench) nothingLeft() {
	l.t.Helper()
	if left := l.on(replica, `cd "${GAMEDAY_DATADIR%/*}" && ls -d "${GAMEDAY_DATADIR##*/}".* | grep -v 'log$\|pid$' || :`, nil); left != "" {
		l.t.Errorf("beside the data lies %q", left)
	}
}

// A replica is worth more than a copy of a damaged primary: it stays until the copy has shown that all of it can be read.
func TestTheOldDataStaysUntilTheCopyIsSound(t *testing.T) {
	for name, c := range map[string]mysql.Cluster{
		"mysql": {Standbys: 1}, "mariadb": {Flavour: mysql.MariaDB, Version: "10.11", Standbys: 1},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			l := newBench(t, c)
			const page = `dd of="$GAMEDAY_DATADIR/app/t.ibd" bs=1 conv=notrunc 2>/dev/null`
			for what, damage := range map[string]string{
				"a changed byte":  `printf '\001' | ` + page + ` seek=$((6 * 16384 + 300))`,
				"a page of zeros": `head -c 16384 /dev/zero | ` + page + ` seek=$((6 * 16384))`,
			} {
				l.on(primary, `test -e /tmp/sound || cp "$GAMEDAY_DATADIR/app/t.ibd" /tmp/sound; `+damage, nil)
				err := l.rebuild(l.ctx, func(string) {})
				l.on(primary, `cat /tmp/sound | dd of="$GAMEDAY_DATADIR/app/t.ibd" conv=notrunc 2>/dev/null`, nil)
				if err == nil {
					t.Errorf("%s: the copy of it was taken", what)
				}
				l.until("first,mine") // the old data serves
				l.nothingLeft()
			}
			l.ask(primary, "INSERT INTO app.moment VALUES ('second')")
			l.until("first,mine,second")

			ctx, kill := context.WithCancel(l.ctx)
			err := l.rebuild(ctx, func(step string) {
				if step == "check the copy" {
					kill()
				}
			})
			if !errors.Is(err, context.Canceled) {
				t.Errorf("killed: %v", err)
			}
			labtest.NoError(t, l.rebuild(l.ctx, func(string) {}))
			l.until("first,second")
			l.nothingLeft()
			l.ask(primary, "INSERT INTO app.moment VALUES ('third')")
			l.until("first,second,third")
		})
	}
}
