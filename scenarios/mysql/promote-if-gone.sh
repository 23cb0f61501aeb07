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
# What has come, applied or not: a replica that still works off what it has got is no sign of life of the primary.
case "$client" in
*/mysql) received() { sql "SELECT GROUP_CONCAT(received_transaction_set) FROM performance_schema.replication_connection_status WHERE channel_name = ''" | tr -d '\n ' | sed 's/\\n//g'; } ;;
*) received() { sql 'SHOW SLAVE STATUS\G' | sed -n 's/^ *Gtid_IO_Pos: *//p'; } ;;
esac
before=$(received)
sleep 2
after=$(received)
echo "the primary says to $(hostname): $seen"
if [ "$seen" = 0 ]; then
  echo "gameday: refuse the health check is blind: the primary answers $(hostname)"
  exit 3
fi
if [ "$before" != "$after" ]; then
  echo "gameday: refuse the health check is blind: the primary sends its log to $(hostname)"
  exit 3
fi

echo "gameday: step apply what has come"
case "$client" in
*/mysql)
  sql 'STOP REPLICA IO_THREAD; START REPLICA SQL_THREAD'
  all=$(received)
  applied=$(sql "SELECT WAIT_FOR_EXECUTED_GTID_SET('$all', 60)") ;;
*)
  sql 'STOP SLAVE IO_THREAD; START SLAVE SQL_THREAD'
  all=$(received)
  applied=$(sql "SELECT MASTER_GTID_WAIT('$all', 60)") ;;
esac
[ "$applied" = 0 ] || { echo "$(hostname) does not apply what it has received ($all): its relay log is left as it is"; exit 1; }

echo "gameday: step promote $(hostname)"
# In the configuration first: a restart must not bring the limits back.
printf '# promoted\nread_only = "OFF"\n' >>"$GAMEDAY_CONFIG"
case "$client" in
*/mysql)
  echo 'super_read_only = "OFF"' >>"$GAMEDAY_CONFIG"
  sql 'STOP REPLICA; RESET REPLICA ALL; SET GLOBAL super_read_only = OFF; SET GLOBAL read_only = OFF' ;;
*) sql 'STOP SLAVE; RESET SLAVE ALL; SET GLOBAL read_only = OFF' ;;
esac

echo "gameday: step enable the events that replication keeps asleep"
# Whoever enables one becomes its definer, and gives it his session's settings, unless the old ones are said.
sql "SELECT CONCAT('SET NAMES ', character_set_client, ' COLLATE ', collation_connection, '; SET sql_mode = ', QUOTE(sql_mode), ', time_zone = ', QUOTE(time_zone),
  '; ALTER DEFINER = ', REPLACE(CONCAT('\`', definer, '\`'), '@', '\`@\`'), ' EVENT \`', event_schema, '\`.\`', event_name, '\` ENABLE;')
  FROM information_schema.events WHERE status IN ('SLAVESIDE_DISABLED', 'REPLICA_SIDE_DISABLED')" | "$client" --defaults-file="$GAMEDAY_CLIENT_CONFIG"

echo "gameday: step send clients to $(hostname)"
echo "gameday: cutover $(hostname):$GAMEDAY_PORT"
