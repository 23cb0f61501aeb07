package mysqldump

import (
	"context"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/recoverydrill/gameday/fixtures"
	"github.com/recoverydrill/gameday/fixtures/mysql"
	recovery "github.com/recoverydrill/gameday/recover"
	"github.com/recoverydrill/gameday/recover/internal/labtest"
)

// bench is a system with a dump and a mark: a row "before" lies between the two, a row "after" behind the mark. Both dump and
// log have a row as large as the server takes, which is larger as text.
type bench struct {
	t      *testing.T
	ctx    context.Context
	system *mysql.System
	spare  fixtures.Node
	mark   fixtures.Mark
	env    map[string]string
	cut    string // where clients were sent
}

func newBench(t *testing.T) *bench {
	t.Helper()
	ctx, _, s := labtest.Open(t, 8*time.Minute, mysql.Cluster{Flavour: mysql.MariaDB, Version: "10.11", Spares: 1, Backups: mysql.Dump, Settings: map[string]string{"max_allowed_packet": "4M"}}.Open)
	l := &bench{t: t, ctx: ctx, system: s, spare: s.Members()[1].Node}
	l.do("create table moment (at varchar(10) primary key)", "insert into moment values ('dumped')",
		"create table large (v longblob)", "insert into large values (repeat('x', 4000000))")
	_, err := s.Backup(ctx, "nightly")
	labtest.NoError(t, err)
	l.do("insert into moment values ('before')", "insert into large values (repeat('y', 4000000))")
	l.mark, err = s.Mark(ctx, "good")
	labtest.NoError(t, err)
	l.do("insert into moment values ('after')")
	labtest.NoError(t, s.Archived(ctx, l.mark))
	l.env, err = s.Environment(ctx)
	labtest.NoError(t, err)
	return l
}

func (l *bench) do(statements ...string) {
	l.t.Helper()
	for _, text := range statements {
		labtest.NoError(l.t, l.system.Statement(l.ctx, "", "", text))
	}
}

func (l *bench) job(step func(string)) recovery.Job {
	return recovery.Job{
		System: l.system, Target: l.mark, Env: l.env, Output: io.Discard, Step: step,
		CutOver: func(_ context.Context, hostport string) error { l.cut = hostport; return nil },
	}
}

func (l *bench) on(script string) string {
	l.t.Helper()
	res, err := l.spare.Exec(l.ctx, fixtures.Command{Args: []string{"sh", "-euc", script}, User: "mysql", Env: l.env})
	labtest.NoError(l.t, err)
	return strings.TrimSpace(string(res.Stdout))
}

// TestAKilledRunIsRunAgain kills the procedure inside the steps that leave something behind, and wants the next run to
// bring the same as one that nobody killed; then it is run on what it has restored itself, which must stay.
func TestAKilledRunIsRunAgain(t *testing.T) {
	if testing.Short() {
		t.Skip("needs Docker")
	}
	l := newBench(t)
	const rows = `mariadb --defaults-file="$GAMEDAY_CLIENT_CONFIG" -BN -e "select group_concat(at order by at) from app.moment"`
	for name, later := range map[string]time.Duration{
		"make an empty server": 300 * time.Millisecond, "load the dump": 100 * time.Millisecond, "start it for clients": 400 * time.Millisecond,
	} {
		ctx, cancel := context.WithCancel(l.ctx)
		err := To("").Recover(ctx, l.job(func(step string) {
			if step == name {
				time.AfterFunc(later, cancel)
			}
		}))
		cancel()
		t.Logf("killed %s after the beginning of %q: %v", later, name, err)
		l.cut = ""
		labtest.NoError(t, To("").Recover(l.ctx, l.job(func(string) {})))
		if got := l.on(rows); l.cut != "spare:3306" || got != "before,dumped" {
			t.Errorf("killed in %q and run again: clients are sent to %q, where there is %q", name, l.cut, got)
		}
		labtest.NoError(t, To("").Recover(l.ctx, l.job(func(string) {})))
		if got := l.on(rows); got != "before,dumped" {
			t.Errorf("run on its own result it left %q", got)
		}
		labtest.NoError(t, l.system.KillServer(l.ctx, l.spare))
		l.on(`rm -rf "$GAMEDAY_DATADIR" "$GAMEDAY_DATADIR".*`)
	}
	l.refuses(t)
}

// refuses: a dump that was cut short, or of which a digit was changed, loads without an error.
func (l *bench) refuses(t *testing.T) {
	for name, damage := range map[string]string{
		"cut short":       `truncate -s -200 "$GAMEDAY_BACKUP/dump.sql"`,
		"a digit changed": `sed -i "s/'dumped'/'dumbed'/" "$GAMEDAY_BACKUP/dump.sql"`,
	} {
		l.on(`cp "$GAMEDAY_BACKUP/dump.sql" /tmp/kept; ` + damage)
		err := To("").Recover(l.ctx, l.job(func(string) {}))
		if err == nil || !strings.Contains(err.Error(), "refused: the dump is not what was written") {
			t.Errorf("%s: got %v", name, err)
		}
		if left := l.on(`ls -d "$GAMEDAY_DATADIR"* 2>/dev/null || :`); left != "" {
			t.Errorf("%s: it refused, and left %s", name, left)
		}
		needs, err := To("").Preflight(l.ctx, l.job(func(string) {}))
		labtest.NoError(t, err)
		for _, n := range needs {
			if n.Resource == recovery.NeedsBackup && (n.Met || !strings.Contains(n.Detail, "the dump is not what was written")) {
				t.Errorf("%s: the recovery refuses, and preflight says %+v", name, n)
			}
		}
		l.on(`cp /tmp/kept "$GAMEDAY_BACKUP/dump.sql"`)
	}
	needs, err := To("").Preflight(l.ctx, l.job(func(string) {}))
	labtest.NoError(t, err)
	for _, n := range needs {
		if !n.Met {
			t.Errorf("preflight before a good run: %+v", n)
		}
	}
	if len(needs) != 4 {
		t.Errorf("%d needs: %+v", len(needs), needs)
	}
	l.on(`mv "$GAMEDAY_BINLOG_DIR" "$GAMEDAY_BINLOG_DIR.away"`)
	needs, err = To("").Preflight(l.ctx, l.job(func(string) {}))
	labtest.NoError(t, err)
	met := 0
	for _, n := range needs {
		if n.Met {
			met++
		} else if n.Resource != recovery.NeedsLog {
			t.Errorf("without the log: %+v", n)
		}
	}
	if met != 3 {
		t.Errorf("without the log: %+v", needs)
	}
}
