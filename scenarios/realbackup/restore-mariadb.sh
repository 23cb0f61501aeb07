#!/bin/sh
# A team's own way back from mariadb-backup: its files, made whole, in the place of the data directory. On the spare host, as
# the server's user.
set -eu
[ -d "$GAMEDAY_BACKUP/files" ] || { echo "gameday: refuse there is no backup"; exit 1; }
sql() { mariadb --no-defaults --user=root --socket="$GAMEDAY_SOCKET" "$@"; }
echo "gameday: step copy it and make it whole"
cp -a "$GAMEDAY_BACKUP/files" "$GAMEDAY_DATADIR"
chmod 0700 "$GAMEDAY_DATADIR"
mariadb-backup --no-defaults --prepare --target-dir="$GAMEDAY_DATADIR" 2>/tmp/prepare.log || { cat /tmp/prepare.log; exit 1; }
echo "gameday: step start the server"
setsid "$GAMEDAY_SERVER" --defaults-file="$GAMEDAY_CONFIG" </dev/null >/tmp/restore.log 2>&1 &
until sql --execute='SELECT 1' >/dev/null 2>&1; do
	kill -0 $! || { cat /tmp/restore.log; exit 1; }
	sleep 0.1
done
eval "${AFTERWARDS:-}" # the tests' sabotages; nothing in a real one
echo "gameday: cutover $(hostname):$GAMEDAY_PORT"
