package sabotage_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/recoverydrill/gameday/faults"
	"github.com/recoverydrill/gameday/fixtures"
	"github.com/recoverydrill/gameday/fixtures/dataset"
	"github.com/recoverydrill/gameday/fixtures/mysql"
	"github.com/recoverydrill/gameday/fixtures/traffic"
	recovery "github.com/recoverydrill/gameday/recover"
	"github.com/recoverydrill/gameday/recover/binlog"
	"github.com/recoverydrill/gameday/recover/mariabackup"
	"github.com/recoverydrill/gameday/recover/mysqldump"
	"github.com/recoverydrill/gameday/recover/mysqlhost"
)

// onSpare runs a script on the spare, as the server's user, with the recovery's environment.
func onSpare(ctx context.Context, job recovery.Job, script string) (string, error) {
	h, err := mysqlhost.Spare(job, "", 0)
	if err != nil {
		return "", err
	}
	return h.Sh(ctx, script, nil)
}

// without leaves a part out of every database's dump, as mysqldump without the option would have, and signs the result.
func without(part string) recovery.Recovery {
	return recovery.Func("mysqldump without "+part, func(ctx context.Context, job recovery.Job) error {
		said, err := onSpare(ctx, job, `
cd "$GAMEDAY_BACKUP"
awk '/^-- (Dumping|Current|Final|Temporary|Table|GTID|Dump completed|The deferred|Preferably)/ { out = ($0 ~ /^-- Dumping `+part+` /) } out { n++; next } { print } END { print n + 0 >"/dev/stderr" }' dump.sql 2>left >dump.new
mv dump.new dump.sql; sha256sum dump.sql accounts.sql >sums.txt; cat left`)
		if err != nil {
			return err
		}
		if said == "0" {
			return errors.New("the dump had no " + part + ": nothing was left out")
		}
		return mysqldump.To(mysqlhost.Position).Recover(ctx, job)
	})
}

// oneFileShort replays up to the end of the file of the log before the target's.
func oneFileShort(ctx context.Context, job recovery.Job) error {
	place, _, _ := strings.Cut(job.Target.Position, ":")
	base, number, _ := strings.Cut(place, ".")
	var n int
	if _, err := fmt.Sscan(strings.TrimLeft(number, "0"), &n); err != nil {
		return err
	}
	before := fmt.Sprintf("%s.%06d", base, n-1)
	size, err := onSpare(ctx, job, `stat -c %s "$GAMEDAY_BINLOG_DIR/`+before+`"`)
	if err != nil {
		return err
	}
	job.Target = fixtures.Mark{Position: before + ":" + size}
	return binlog.To(binlog.Position).Recover(ctx, job)
}

// oldest restores the full backup and none of the increments, and goes on in the log where the last of them stands.
func oldest(ctx context.Context, job recovery.Job) error {
	_, err := onSpare(ctx, job, `
full=$(grep -lx 'kind=full' "$GAMEDAY_VAULT"/base/*/gameday-backup.info | head -n 1); full=${full%/*}
rm -rf "$GAMEDAY_BACKUP/files"; cp -a "$full/files" "$GAMEDAY_BACKUP/files"
sed -i 's/^base=.*/base=/' "$GAMEDAY_BACKUP/gameday-backup.info"`)
	if err != nil {
		return err
	}
	job.Target.Position, _, _ = strings.Cut(job.Target.Position, " ") // nobody looks whether it has arrived
	return mariabackup.To(mysqlhost.Position).Recover(ctx, job)
}

var _ = Describe("the restore of MariaDB", Label("mariadb", "sabotage", full), func() {
	base := mysql.Cluster{Flavour: mysql.MariaDB, Version: "10.11", Spares: 1}
	dumps := base
	dumps.Backups, dumps.Dataset = mysql.Dump, dataset.Shop(dataset.ShopOptions{Scale: 0.1, Dumpable: true})
	floats := dumps
	floats.Dataset = dataset.Shop(dataset.ShopOptions{Scale: 0.1})
	copies, increments := base, base
	copies.Dataset = floats.Dataset
	increments.Dataset, increments.Backups = floats.Dataset, mysql.Incremental

	for _, s := range []struct {
		does           string
		on             mysql.Cluster
		by             recovery.Recovery
		check, finding string
	}{
		{"has a dump without routines", dumps, without("routines"), "structure", `(procedure|function) shop\.\w+.* missing`},
		{"has a dump without events", dumps, without("events"), "structure", `event shop\.\w+.* missing`},
		{"has a dump of floats", floats, mysqldump.To(""), "contents", `shop\.(specimens|native_values): \d+ of \d+ rows changed`},
		{"replays one file of the log too few", copies, recovery.Func("one file short", oneFileShort), "ledger", `acknowledged before the mark`},
		// The log changes rows that came with the increments: where they are not, its replay ends.
		{"leaves the increments out", increments, recovery.Func("no increments", oldest), "fault", `recovery failed: replay the binary log`},
	} {
		It("is caught when it "+s.does, SpecTimeout(5*time.Minute), func(ctx SpecContext) {
			sys, d := beginFlagship(ctx, s.on, "sabotage/mariadb-"+strings.ReplaceAll(s.does, " ", "-"))
			Expect(d.Backup(ctx)).To(Succeed())
			Expect(d.Traffic(ctx, traffic.Mix{})).To(Succeed())
			wait(ctx, 2*time.Second)
			if s.on.Backups == mysql.Incremental {
				Expect(d.Backup(ctx)).To(Succeed())
			}
			Expect(sys.(fixtures.Operator).Statement(ctx, "", "", "FLUSH LOCAL BINARY LOGS")).To(Succeed())
			wait(ctx, time.Second)
			mark := d.Mark(ctx, "before the bad deploy")
			Expect(d.Break(ctx, faults.BadWrite(`UPDATE shop.payments SET amount = 0`))).To(Succeed())
			caught(ctx, d, s.by, mark, s.check, s.finding)
		})
	}
})
