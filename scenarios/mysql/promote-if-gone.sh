#!/bin/sh
# What to do when the health check of the primary fails. It runs on the replica, and asks from there before it acts: a
# health check that sees nothing may be blind. Only a primary that nobody sees is given up.
set -eu
client=$(command -v mariadb || command -v mysql)
key=; case "$client" in */mysql) key=--get-server-public-key ;; esac
# ask HOST:PORT asks a server as the responder, over the network.
ask() {
  MYSQL_PWD=$GAMEDAY_PASSWORD timeout 5 "$client" --no-defaults $key --host="${1%:*}" --port="${1##*:}" --user="$GAMEDAY_USER" \
    --connect-timeout=3 --batch --skip-column-names --execute='SELECT @@global.read_only' 2>&1 | tail -n 1 # a client may warn first
}
sql() { "$client" --defaults-file="$GAMEDAY_CLIENT_CONFIG" --batch --skip-column-names --execute="$1"; }

echo "gameday: step ask the health check"
seen=$(ask "$GAMEDAY_MONITOR")
if [ "$seen" = 0 ]; then
  echo "gameday: refuse the health check is well: the primary takes writes"
  exit 3
fi
echo "the health check says: $seen"

echo "gameday: step ask from here"
seen=$(ask "$GAMEDAY_PRIMARY")
case "$client" in */mysql) applied() { sql 'SELECT @@global.gtid_executed'; } ;; *) applied() { sql 'SELECT @@global.gtid_slave_pos'; } ;; esac
before=$(applied)
sleep 2
after=$(applied)
echo "the primary says to $(hostname): $seen"
if [ "$seen" = 0 ]; then
  echo "gameday: refuse the health check is blind: the primary answers $(hostname)"
  exit 3
fi
if [ "$before" != "$after" ]; then
  echo "gameday: refuse the health check is blind: the primary sends its log to $(hostname)"
  exit 3
fi

echo "gameday: step promote $(hostname)"
case "$client" in
*/mysql) sql 'STOP REPLICA; RESET REPLICA ALL; SET GLOBAL super_read_only = OFF; SET GLOBAL read_only = OFF' ;;
*) sql 'STOP SLAVE; RESET SLAVE ALL; SET GLOBAL read_only = OFF' ;;
esac

echo "gameday: step send clients to $(hostname)"
echo "gameday: cutover $(hostname):$GAMEDAY_PORT"
