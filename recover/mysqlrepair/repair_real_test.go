package mysqlrepair

import (
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/recoverydrill/gameday/fixtures"
	"github.com/recoverydrill/gameday/fixtures/mysql"
	recovery "github.com/recoverydrill/gameday/recover"
	"github.com/recoverydrill/gameday/recover/internal/labtest"
)

// textScript prints the bytes of the backup, and those of the log behind it as text with its rows spelled out.
const textScript = `
info() { sed -n "s/^$1=//p" "$GAMEDAY_BACKUP/gameday-backup.info"; }
first=$(info binlog_file)
cd "$GAMEDAY_BINLOG_DIR"
set -- $(ls | grep '\.[0-9]*$' | sort | sed -n "/^$first$/,\$p")
echo $(($(du -sk "$GAMEDAY_BACKUP" | cut -f 1) * 1024)) $(mariadb-binlog --verbose --start-position="$(info binlog_pos)" "$@" | wc -c)`

// The good rows are more than a node keeps of a command's output, and spelled out the log is many times as long as it was.
func TestAWholeTableIsRepaired(t *testing.T) {
	const rows = "100000"
	ctx, _, s := labtest.Open(t, 5*time.Minute, mysql.Cluster{Flavour: mysql.MariaDB, Version: "10.11", Spares: 1}.Open)
	do := func(statement string) {
		t.Helper()
		labtest.NoError(t, s.Statement(ctx, "", "", statement))
	}
	do("CREATE TABLE payments (id int PRIMARY KEY, amount decimal(12, 2) NOT NULL)")
	do("INSERT INTO payments SELECT seq, 100.25 + seq % 900 FROM seq_1_to_" + rows)
	_, err := s.Backup(ctx, "nightly")
	labtest.NoError(t, err)
	do("UPDATE payments SET amount = 0")
	mark, err := s.Mark(ctx, "damaged")
	labtest.NoError(t, err)
	labtest.NoError(t, s.Archived(ctx, mark))
	env, err := s.Environment(ctx)
	labtest.NoError(t, err)
	p := Rows(Damage{Table: "app.payments", Poison: "amount = 0", Columns: []string{"amount"}})
	work := t.TempDir()
	job := recovery.Job{System: s, Env: env, WorkDir: work, Output: t.Output(), Step: func(name string) { t.Log(time.Now().Format("05.000"), name) }}

	needs, err := p.Preflight(ctx, job)
	labtest.NoError(t, err)
	res, err := s.Members()[1].Node.Exec(ctx, fixtures.Command{Args: []string{"sh", "-euc", textScript}, User: "mysql", Env: env})
	labtest.NoError(t, err)
	sum := int64(0)
	for word := range strings.FieldsSeq(string(res.Stdout)) {
		n, err := strconv.ParseInt(word, 10, 64)
		labtest.NoError(t, err)
		sum += n
	}
	for _, n := range needs {
		if !n.Met || n.Resource == recovery.NeedsDisk && n.Needed < sum {
			t.Errorf("the backup and the log as text are %d bytes; preflight says %+v", sum, n)
		}
	}

	labtest.NoError(t, p.Recover(ctx, job))
	good, err := s.Query(ctx, "", "", "SELECT count(*) FROM payments WHERE amount = 100.25 + id % 900")
	labtest.NoError(t, err)
	if good[0][0] != rows {
		t.Errorf("%s of %s rows are what they were", good[0][0], rows)
	}
	if left, err := os.ReadDir(work); err != nil || len(left) > 0 {
		t.Errorf("left in the work directory: %v %v", left, err)
	}
}
