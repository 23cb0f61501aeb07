#!/bin/sh
# Starts the server of this machine again where it has died. Nothing is restored: the server's own crash recovery brings
# back from its logs everything that was acknowledged.
set -eu
client=$(command -v mariadb || command -v mysql)
sql() { "$client" --defaults-file="$GAMEDAY_CLIENT_CONFIG" --skip-column-names --batch --execute="$1"; }

echo "gameday: step look whether the server has died"
if sql 'SELECT 1' >/dev/null 2>&1; then
  echo "gameday: refuse the server on $(hostname) runs"
  exit 3
fi

echo "gameday: step start the server on $(hostname)"
rm -f "$GAMEDAY_SOCKET" "$GAMEDAY_SOCKET.lock" "$GAMEDAY_PIDFILE"
setsid "$GAMEDAY_SERVER" --defaults-file="$GAMEDAY_CONFIG" </dev/null >>/data/log/start.log 2>&1 &

echo "gameday: step wait until it takes writes"
i=0
until [ "$(sql 'SELECT @@global.read_only' 2>/dev/null)" = 0 ]; do
  i=$((i + 1)); [ $i -lt 1200 ] || { echo "it does not answer after two minutes"; tail -n 20 /data/log/mysql.log; exit 1; }
  sleep 0.1
done
