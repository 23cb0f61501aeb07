#!/bin/sh
# Brings the payments database back to a moment on the spare host, and sends clients there: MySQL or MariaDB, from a base
# backup and the archived binary logs.
#
# It runs on the responder's own machine. $GAMEDAY_NODE_SPARE runs a command on the spare host as the server's user, as
# "ssh mysql@spare" would; the other variables are in docs/recovery-environment.md.
set -eu

: "${GAMEDAY_BACKUP:?there is no base backup in the vault}"
: "${GAMEDAY_TARGET_POSITION:?say which moment to return to: FILE:BYTES GTIDS}"
place=${GAMEDAY_TARGET_POSITION%% *}

$GAMEDAY_NODE_SPARE env engine="$GAMEDAY_ENGINE" backup="$GAMEDAY_BACKUP" archive="$GAMEDAY_BINLOG_DIR" data="$GAMEDAY_DATADIR" \
	server="$GAMEDAY_SERVER" config="$GAMEDAY_CONFIG" login="$GAMEDAY_CLIENT_CONFIG" pidfile="$GAMEDAY_PIDFILE" \
	to_file="${place%:*}" to_bytes="${place#*:}" to_gtids="${GAMEDAY_TARGET_POSITION#* }" sh -eu <<'REMOTE'
from() { sed -n "s/^$1=//p" "$backup/gameday-backup.info"; } # where the backup stands in the log
runs() { case "$(ps -o stat= -p "$1")" in '' | Z*) false ;; esac; }
case $engine in
mysql)
	client=mysql binlog=mysqlbinlog begin='RESET REPLICA ALL' alone=--skip-replica-start
	arrived="gtid_subset('$to_gtids', @@global.gtid_executed)" ;;
mariadb) # knows from its log which transactions it has, and a backup has no log
	client=mariadb binlog=mariadb-binlog alone=--skip-slave-start
	begin="RESET SLAVE ALL; RESET MASTER; SET GLOBAL gtid_binlog_state = '$(from gtid)'"
	arrived="@@gtid_binlog_pos = '$to_gtids'" ;;
esac
any_size=--max-allowed-packet=1G # a row that a client could just write is larger in the log as text
sql() { "$client" --defaults-file="$login" --batch --skip-column-names --execute="$1"; }
start() {
	setsid "$server" --defaults-file="$config" "$@" </dev/null >"$data.restore.log" 2>&1 &
	until sql 'SELECT 1' >/dev/null 2>&1; do
		runs $! || { cat "$data.restore.log"; exit 1; }
		sleep 0.1
	done
}

echo "gameday: step fetch the base backup"
mkdir -m 0700 "$data"
cp -a "$backup/data/." "$data/"

echo "gameday: step start a server that clients cannot reach"
start --skip-networking --event-scheduler=OFF "$any_size" "$alone" --log-error="$data.restore.log"
sql "$begin"

echo "gameday: step replay the archived log up to $to_file:$to_bytes"
file=$(from binlog_file)
[ "$file" != "$to_file" ] || [ "$to_bytes" -ge "$(from binlog_pos)" ] || { echo "the backup is later than that"; exit 1; }
set -- "$archive/$file"
until [ "$file" = "$to_file" ]; do # one after the other: nobody else would notice that one is missing
	file=$(printf '%s.%06d' "${file%.*}" "$(expr "${file##*.}" + 1)")
	set -- "$@" "$archive/$file"
	[ -e "$archive/$file" ] || { echo "the archive has no $file"; exit 1; }
done
"$binlog" --verify-binlog-checksum --start-position="$(from binlog_pos)" --stop-position="$to_bytes" "$@" >"$data.replay.sql"
"$client" --defaults-file="$login" --binary-mode "$any_size" <"$data.replay.sql"
rm "$data.replay.sql"
[ "$(sql "SELECT $arrived")" = 1 ] || { echo "the log does not lead to $to_gtids"; exit 1; }

echo "gameday: step start it for clients"
pid=$(cat "$pidfile")
kill "$pid"
while runs "$pid"; do sleep 0.1; done
start
REMOTE

echo "gameday: step send clients to the restored server"
echo "gameday: cutover $GAMEDAY_HOST_SPARE:$GAMEDAY_PORT"
