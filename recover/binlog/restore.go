package binlog

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"strconv"
	"strings"
	"time"

	"github.com/recoverydrill/gameday/fixtures"
	recovery "github.com/recoverydrill/gameday/recover"
)

// flavour is how the two servers differ.
type flavour struct {
	client, binlog string
	closed         string // the option that lets no replication begin
	begin          string // what makes a restored copy a server of its own; $gtid is where the backup stands
	byGTID         string // the option that ends a replay with certain transactions
	has            string // asks for the transactions that are in the server
}

// MySQL's copy knows which transactions are in it. MariaDB's is told: it reads them from its binary log, and a backup has
// none, so that it would number new transactions like old ones.
var flavours = map[string]flavour{
	"mysql": {
		client: "mysql", binlog: "mysqlbinlog", closed: "--skip-replica-start",
		begin: "RESET REPLICA ALL", byGTID: "--include-gtids", has: "SELECT replace(@@global.gtid_executed, '\n', '')",
	},
	"mariadb": {
		client: "mariadb", binlog: "mariadb-binlog", closed: "--skip-slave-start",
		begin:  "RESET SLAVE ALL; RESET MASTER; SET GLOBAL gtid_binlog_state = '$gtid'",
		byGTID: "--stop-position", has: "SELECT @@global.gtid_binlog_pos",
	},
}

func flavourOf(engine string) (flavour, error) {
	f, ok := flavours[engine]
	if !ok {
		return flavour{}, fmt.Errorf("binlog: the system is %q: want mysql or mariadb", engine)
	}
	return f, nil
}

type restore struct {
	job     recovery.Job
	node    fixtures.Node
	flavour flavour
	target  target
	limit   time.Duration
}

// prelude is what every script may use: info reads what the backup says about itself, sql asks the server through its
// local socket as the superuser, start starts it and returns when it answers.
const prelude = `
info() { sed -n "s/^$1=//p" "$GAMEDAY_BACKUP/gameday-backup.info"; }
sql() { "$CLIENT" --defaults-file="$GAMEDAY_CLIENT_CONFIG" --batch --skip-column-names --execute="$1"; }
alive() { case "$(sed -n 's/^State:[^A-Z]*\([A-Z]\).*/\1/p' "/proc/$1/status" 2>/dev/null)" in ''|Z|X) return 1 ;; esac; }
start() {
	setsid "$GAMEDAY_SERVER" --defaults-file="$GAMEDAY_CONFIG" "$@" </dev/null >"$GAMEDAY_DATADIR.start.log" 2>&1 &
	pid=$!
	until sql 'SELECT 1' >/dev/null 2>&1; do
		alive "$pid" || { tail -n 20 "$(sed -n 's/^log_error = "\(.*\)"$/\1/p' "$GAMEDAY_CONFIG")" "$GAMEDAY_DATADIR.start.log" >&2; exit 1; }
		sleep 0.1
	done
}
`

// sh runs a script on the node as the server's user, with the recovery's environment.
func (r restore) sh(ctx context.Context, script string, env map[string]string) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, r.limit)
	defer cancel()
	all := map[string]string{"CLIENT": r.flavour.client, "BINLOG": r.flavour.binlog}
	for _, k := range []string{
		"GAMEDAY_BACKUP", "GAMEDAY_BINLOG_DIR", "GAMEDAY_DATADIR", "GAMEDAY_CONFIG", "GAMEDAY_CLIENT_CONFIG", "GAMEDAY_SERVER", "GAMEDAY_PIDFILE",
	} {
		all[k] = r.job.Env[k]
	}
	maps.Copy(all, env)
	res, err := r.node.Exec(ctx, fixtures.Command{
		Args: []string{"sh", "-euc", prelude + script}, User: r.job.Env["GAMEDAY_OSUSER"], Env: all,
	})
	return strings.TrimSpace(string(res.Stdout)), err
}

func (r restore) fetch(ctx context.Context) error {
	if r.job.Env["GAMEDAY_BACKUP"] == "" {
		return errors.New("there is no base backup in the vault")
	}
	_, err := r.sh(ctx, `
if [ -n "$(ls -A "$GAMEDAY_DATADIR" 2>/dev/null)" ]; then echo "$GAMEDAY_DATADIR is not empty" >&2; exit 1; fi
mkdir -p -m 0700 "$GAMEDAY_DATADIR"
cp -a "$GAMEDAY_BACKUP/data/." "$GAMEDAY_DATADIR/"`, nil)
	return err
}

// startClosed starts a server that nobody reaches but these scripts, and that does nothing by itself: no events of its
// schedule, no replication whose configuration came with the backup.
func (r restore) startClosed(ctx context.Context) error {
	_, err := r.sh(ctx, `
start --skip-networking --event-scheduler=OFF "$CLOSED"
gtid=$(info gtid)
sql "`+r.flavour.begin+`"`, map[string]string{"CLOSED": r.flavour.closed})
	return err
}

// replayScript takes the files of the archive one by one from that in which the backup ends, so that one which is missing
// is noticed: the servers' programs would go on without a word. It writes what it decodes to a file first: a program that
// fails half way has printed half of it. The archive's last file may be in the middle of an event; a moment later it is not.
const replayScript = `
file=$(info binlog_file)
set --
while test -e "$GAMEDAY_BINLOG_DIR/$file"; do
	set -- "$@" "$GAMEDAY_BINLOG_DIR/$file"
	last=$file
	test "$last" != "$STOP_FILE" || break
	file=$(printf '%s.%06d' "${last%.*}" "$(expr "${last##*.}" + 1)")
done
test $# -gt 0 || { echo "the archive has no $file, in which the backup ends" >&2; exit 1; }
want=${STOP_FILE:-$(ls "$GAMEDAY_BINLOG_DIR" | grep '\.[0-9]*$' | sort | tail -n 1)}
test "$last" = "$want" || { echo "the archive has no $file, but the log goes on to $want" >&2; exit 1; }

replay=$GAMEDAY_DATADIR.replay.sql
decode() { TZ=UTC "$BINLOG" --verify-binlog-checksum --start-position="$(info binlog_pos)" ${STOP:+"$STOP"} "$@" >"$replay"; }
if ! decode "$@"; then
	test -z "$STOP_FILE" || exit 1
	sleep 0.5
	decode "$@"
fi
"$CLIENT" --defaults-file="$GAMEDAY_CLIENT_CONFIG" --binary-mode --max-allowed-packet=1G <"$replay"
rm "$replay"`

// replay brings the server to the target and looks whether it is there: a log that ends too early is no error to the
// programs that read it, and neither is a target that lies before the backup.
func (r restore) replay(ctx context.Context) error {
	env := map[string]string{"STOP": "", "STOP_FILE": ""}
	switch r.target.kind {
	case Position:
		env["STOP"], env["STOP_FILE"] = "--stop-position="+r.target.bytes, r.target.file
	case GTID:
		env["STOP"] = r.flavour.byGTID + "=" + r.target.gtid
	case Time:
		env["STOP"] = "--stop-datetime=" + r.target.time
	}
	if err := r.before(ctx); err != nil {
		return err
	}
	if _, err := r.sh(ctx, replayScript, env); err != nil {
		return err
	}
	return r.reached(ctx)
}

// before is an error when the backup has transactions that the target has not. Afterwards the server may have some: a
// target's position in the log and its transactions were not read in the same instant, and others were committing.
func (r restore) before(ctx context.Context) error {
	has, err := r.has(ctx)
	if err != nil || r.target.gtid == "" {
		return err
	}
	if ok, err := r.contains(ctx, r.target.gtid, has); err != nil || ok {
		return err
	}
	return fmt.Errorf("the backup is later than the target: it has %s, want no more than %s", has, r.target.gtid)
}

// reached is an error unless the server has all transactions of the target.
func (r restore) reached(ctx context.Context) error {
	has, err := r.has(ctx)
	if err != nil || r.target.gtid == "" {
		return err
	}
	if ok, err := r.contains(ctx, has, r.target.gtid); err != nil || ok {
		return err
	}
	return fmt.Errorf("the log ended before the target: the server has %s, want %s", has, r.target.gtid)
}

// has asks the server for its transactions.
func (r restore) has(ctx context.Context) (string, error) {
	return r.sh(ctx, `sql "$HAS"`, map[string]string{"HAS": r.flavour.has})
}

// contains tells whether all transactions of one set are in another.
func (r restore) contains(ctx context.Context, set, of string) (bool, error) {
	if r.flavour.client == "mysql" {
		answer, err := r.sh(ctx, `sql "SELECT gtid_subset('$OF', '$SET')"`, map[string]string{"OF": of, "SET": set})
		return answer == "1", err
	}
	has, err := domains(set)
	if err != nil {
		return false, err
	}
	want, err := domains(of)
	if err != nil {
		return false, err
	}
	for domain, n := range want {
		if has[domain] < n {
			return false, nil
		}
	}
	return true, nil
}

// domains reads MariaDB's "0-1-42,7-3-9": DOMAIN-SERVER-SEQUENCE, one for each domain.
func domains(position string) (map[string]uint64, error) {
	all := map[string]uint64{}
	for _, gtid := range strings.FieldsFunc(position, func(c rune) bool { return c == ',' }) {
		parts := strings.Split(gtid, "-")
		if len(parts) != 3 {
			return nil, fmt.Errorf("GTID %q: want DOMAIN-SERVER-SEQUENCE", gtid)
		}
		n, err := strconv.ParseUint(parts[2], 10, 64)
		if err != nil {
			return nil, fmt.Errorf("GTID %q: %w", gtid, err)
		}
		all[parts[0]] = n
	}
	return all, nil
}

// startOpen starts the server anew, as it is configured and nothing else: what was set for the replay is gone, and it has
// shown that it starts.
func (r restore) startOpen(ctx context.Context) error {
	_, err := r.sh(ctx, `
pid=$(cat "$GAMEDAY_PIDFILE")
kill -TERM "$pid"
while alive "$pid"; do sleep 0.05; done
start`, nil)
	return err
}

func (r restore) cutOver(ctx context.Context) error {
	return r.job.CutOver(ctx, r.node.Name()+":"+r.job.Env["GAMEDAY_PORT"])
}
