#!/bin/sh
# A team's own way back from mysqldump --all-databases: a new server that is given everything. On the spare host, as the
# server's user.
set -eu
[ -s "$GAMEDAY_BACKUP/all.sql" ] || { echo "gameday: refuse there is no dump"; exit 1; }
tail -n 1 "$GAMEDAY_BACKUP/all.sql" | grep -q '^-- Dump completed' || { echo "gameday: refuse the dump is cut short"; exit 1; }
sql() { mysql --no-defaults --user=root --socket="$GAMEDAY_SOCKET" "$@"; }
start() {
	setsid "$GAMEDAY_SERVER" --defaults-file="$GAMEDAY_CONFIG" "$@" </dev/null >/tmp/restore.log 2>&1 &
	until sql --execute='SELECT 1' >/dev/null 2>&1; do
		kill -0 $! || { cat /tmp/restore.log; exit 1; }
		sleep 0.1
	done
}
echo "gameday: step make an empty server, closed to clients"
mkdir -m 0700 "$GAMEDAY_DATADIR"
"$GAMEDAY_SERVER" --defaults-file="$GAMEDAY_CONFIG" --initialize-insecure
start --skip-networking
echo "gameday: step give it the dump"
sql <"$GAMEDAY_BACKUP/all.sql"
echo "gameday: step open it"
sql --execute='SHUTDOWN'
wait
start
eval "${AFTERWARDS:-}" # the tests' sabotages; nothing in a real one
echo "gameday: cutover $(hostname):$GAMEDAY_PORT"
