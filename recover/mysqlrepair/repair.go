package mysqlrepair

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"

	recovery "github.com/recoverydrill/gameday/recover"
	"github.com/recoverydrill/gameday/recover/mysqlhost"
)

// find reads which rows fulfil the signature of the damage. Some of them may always have: the copy tells.
func (r *repair) find(ctx context.Context) error {
	found := 0
	for _, t := range r.tables {
		if err := t.describe(ctx, r.primary); err != nil {
			return err
		}
		n, err := t.count(ctx, r.primary)
		if err != nil {
			return err
		}
		t.suspects = n
		found += n
		if err := r.primary.Say("%s: %d rows look damaged", t.Table, n); err != nil {
			return err
		}
	}
	if found > 0 {
		return nil
	}
	left, err := r.copy.Sh(ctx, `test ! -e "$GAMEDAY_DATADIR.recovery" || sed -n 's/^what=//p' "$GAMEDAY_DATADIR.recovery"`, nil)
	if err != nil {
		return err
	}
	if r.before = strings.HasPrefix(left, "mysqlrepair ") && strings.HasSuffix(left, r.copy.InRun()); r.before {
		return r.primary.Say("an earlier run has put the rows back, and left its copy")
	}
	return recovery.Refuse("no row of any table looks damaged: nothing was changed")
}

// archive waits for the log up to now: the bad transactions are in it.
func (r *repair) archive(ctx context.Context) error {
	said, err := r.primary.Sh(ctx, `
sql 'FLUSH LOCAL BINARY LOGS'
last=$(sql 'SHOW BINARY LOGS' | tail -n 2 | head -n 1 | cut -f 1,2 | tr '\t' ' ')
file=${last% *} size=${last#* }
i=0
until test "$(stat -c %s "$GAMEDAY_BINLOG_DIR/$file" 2>/dev/null || echo 0)" -ge "$size"; do
	i=$((i + 1)); test $i -lt 1200 || { echo "$file is not archived after 2 min" >&2; exit 1; }
	sleep 0.1
done
echo "$last"`, nil)
	if err != nil {
		return err
	}
	file, size, _ := strings.Cut(said, " ")
	r.end = mysqlhost.Target{Kind: mysqlhost.Position, File: file, Bytes: size}
	return nil
}

// restore makes the copy and, in a database of its own, a table for the good rows of each damaged table.
func (r *repair) restore(ctx context.Context) error {
	if r.copy.Job.Env["GAMEDAY_BACKUP"] == "" {
		return recovery.Refuse("there is no base backup in the vault")
	}
	_, err := r.copy.Sh(ctx, `test -d "$GAMEDAY_BACKUP/data" || { echo "gameday: refuse the backup is of the kind $(info kind): it has no data directory" >&2; exit 1; }`, nil)
	if err != nil {
		return err
	}
	if err := r.claim.Take(ctx); err != nil {
		return err
	}
	if _, err := r.copy.Sh(ctx, `mkdir -p -m 0700 "$GAMEDAY_DATADIR"; cp -a "$GAMEDAY_BACKUP/data/." "$GAMEDAY_DATADIR/"`, nil); err != nil {
		return err
	}
	// Nobody needs the copy when it is over: its commits need not wait for the disk.
	if err := r.copy.StartClosed(ctx, "--innodb-flush-log-at-trx-commit=0", "--sync-binlog=0"); err != nil {
		return err
	}
	if err := r.copy.Detach(ctx); err != nil {
		return err
	}
	sql := "SET SESSION sql_log_bin = 0; CREATE DATABASE gameday_repair"
	for i, t := range r.tables {
		sql += "; " + t.create("TABLE gameday_repair", i)
	}
	_, err = r.copy.SQL(ctx, sql)
	return err
}

// keepScript is a program of awk for the text of a log with its rows spelled out. Before each transaction that changes or
// deletes rows of a damaged table it puts a statement that keeps those which are good by then. A key that it cannot write
// as SQL ends the replay. A number below zero stands there in both ways that it can be read: "-5 (4294967291)".
const keepScript = `
BEGIN {
	for (i = 0; i < ENVIRON["COUNT"]; i++) {
		name = ENVIRON["NAME_" i]; head[name] = ENVIRON["HEAD_" i]; places[name] = split(ENVIRON["PLACES_" i], p, " ")
		for (j in p) place[name, p[j]] = j
		split(ENVIRON["UNSIGNED_" i], p, " ")
		for (j in p) unsigned[name, p[j]] = 1
	}
	off = "SET @@session.sql_log_bin = 0/*!*/;"; on = "SET @@session.sql_log_bin = 1/*!*/;"
	if (ENVIRON["CLIENT"] == "mysql") off = "SET @@session.gtid_next = 'AUTOMATIC'/*!*/;\n" off
}
function row(  k, j) {
	if (table == "" || got == 0) return
	k = key[1]
	for (j = 2; j <= places[table]; j++) k = k ", " key[j]
	keys[table, ++rows[table]] = "(" k ")"
	got = 0
}
function flush(  t, i) {
	row(); table = ""
	for (t in rows) {
		printf "%s\n%s", off, head[t]
		for (i = 1; i <= rows[t]; i++) printf "%s%s", (i > 1 ? ", " : ""), keys[t, i]
		printf ")/*!*/;\n%s\n", on
	}
	for (i = 0; i < n; i++) print held[i]
	n = 0; split("", keys); split("", rows)
}
/^#[0-9][0-9][0-9][0-9][0-9][0-9] .*[ \t]GTID[ \t]/ { flush() }
{ held[n++] = $0 }
/^### (UPDATE|DELETE FROM|INSERT INTO) / {
	row(); table = ($2 == "UPDATE") ? $3 : (($2 == "DELETE") ? $4 : "")
	if (!(table in head)) table = ""
	next
}
/^### SET$/ { row(); table = ""; next }
/^###   @/ {
	if (table == "") next
	at = substr($2, 2, index($2, "=") - 2)
	if (!((table, at) in place)) next
	value = substr($0, index($0, "=") + 1)
	if (value ~ /^-[0-9]+ \([0-9]+\)$/) {
		if ((table, at) in unsigned) { sub(/^.*\(/, "", value); sub(/\)$/, "", value) }
		else sub(/ .*/, "", value)
	}
	if (value !~ /^-?[0-9]+$/ && value !~ /^'[^'\\]*'$/) value = "(SELECT 'a key that cannot be written as SQL' FROM gameday_repair.unreadable)"
	key[place[table, at]] = value; got = 1
	next
}
/^###/ { next }
{ if (table != "") { row(); table = "" } }
END { flush() }
`

func (r *repair) replay(ctx context.Context) error {
	env := map[string]string{"COUNT": strconv.Itoa(len(r.tables))}
	for i, t := range r.tables {
		n := "_" + strconv.Itoa(i)
		env["NAME"+n] = quoted(t.database) + "." + quoted(t.name)
		env["PLACES"+n] = strings.Join(t.ordinals, " ")
		env["UNSIGNED"+n] = strings.Join(t.unsigned, " ")
		env["HEAD"+n] = fmt.Sprintf("REPLACE INTO gameday_repair.%s SELECT %s FROM %s.%s WHERE NOT coalesce((%s), FALSE) AND (%s) IN (",
			good(i), list(append(t.keys[:len(t.keys):len(t.keys)], t.Columns...)), quoted(t.database), quoted(t.name), t.Poison, list(t.keys))
	}
	return r.copy.ReplayEdited(ctx, r.end, keepScript, env)
}

// apply brings the good rows to the primary as temporary tables, which no log has, and joins the damaged rows to them. They
// may be many: they go by way of a file, which is whole before the primary gets any of it.
func (r *repair) apply(ctx context.Context) (err error) {
	file, err := os.CreateTemp(r.copy.Job.WorkDir, "good-rows-*.sql")
	if err != nil {
		return fmt.Errorf("make a file for the good rows: %w", err)
	}
	defer func() { err = errors.Join(err, file.Close(), os.Remove(file.Name())) }()
	if err := r.write(ctx, file); err != nil {
		return fmt.Errorf("read the good rows: %w", err)
	}
	if _, err := file.Seek(0, io.SeekStart); err != nil {
		return fmt.Errorf("read the good rows: %w", err)
	}
	said, err := r.primary.Feed(ctx, `"$CLIENT" --defaults-file="$GAMEDAY_CLIENT_CONFIG" --default-character-set=utf8mb4 --binary-mode --batch --skip-column-names`, nil, file)
	if err != nil {
		return fmt.Errorf("nothing was changed: %w", err)
	}
	for line := range strings.Lines(said) {
		table, n, _ := strings.Cut(strings.TrimSpace(line), "\t")
		if err := r.primary.Say("%s: %s rows put back", table, n); err != nil {
			return err
		}
	}
	return nil
}

// write writes the statements for the primary. What is changed is changed in one transaction, when all rows are there.
func (r *repair) write(ctx context.Context, to io.Writer) error {
	within := "START TRANSACTION;\n"
	if _, err := io.WriteString(to, "SET SESSION sql_mode = 'STRICT_ALL_TABLES';\n"); err != nil {
		return err
	}
	for i, t := range r.tables {
		before, after := t.bring(i)
		if _, err := io.WriteString(to, before); err != nil {
			return err
		}
		err := r.copy.Stream(ctx, `
gtids=; test "$CLIENT" = mariadb || gtids=--set-gtid-purged=OFF
"$DUMP" --defaults-file="$GAMEDAY_CLIENT_CONFIG" --default-character-set=utf8mb4 $gtids --compact --no-create-info --skip-triggers --hex-blob gameday_repair `+good(i), nil, to)
		if err != nil {
			return err
		}
		if _, err := io.WriteString(to, after); err != nil {
			return err
		}
		within += t.putBack(i)
	}
	_, err := io.WriteString(to, within+"COMMIT;\n")
	return err
}

// again counts what looks damaged still: it must be no more than what was never seen good.
func (r *repair) again(ctx context.Context) error {
	for i, t := range r.tables {
		left, err := t.count(ctx, r.primary)
		if err != nil {
			return err
		}
		known, err := r.copy.SQL(ctx, fmt.Sprintf("SELECT count(*) FROM gameday_repair.%s g JOIN %s.%s t ON %s WHERE coalesce((%s), FALSE)",
			good(i), quoted(t.database), quoted(t.name), t.join(), t.Poison))
		if err != nil {
			return err
		}
		n, err := strconv.Atoi(known)
		if err != nil {
			return fmt.Errorf("count the rows that were good before: %w", err)
		}
		if never := t.suspects - n; left > max(never, 0) {
			return fmt.Errorf("%s: %d rows still look damaged, and %d of those %d were never seen good: is it still going on?", t.Table, left, never, t.suspects)
		}
		if left > 0 {
			if err := r.primary.Say("%s: %d rows look damaged and were never seen otherwise: they are left as they are", t.Table, left); err != nil {
				return err
			}
		}
	}
	return nil
}
