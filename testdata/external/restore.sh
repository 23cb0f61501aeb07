#!/bin/sh
# The inventory team's own runbook, as one script. It runs on the spare host, as the server's user.
set -eu

echo "gameday: step restore the backup"
mkdir -m 0700 "$GAMEDAY_PGDATA"
cp -a "$GAMEDAY_BACKUP/." "$GAMEDAY_PGDATA/"

echo "gameday: step replay up to $GAMEDAY_TARGET_TIME"
cat >> "$GAMEDAY_PGDATA/postgresql.auto.conf" <<CONF
restore_command = 'cp $GAMEDAY_VAULT/wal/%f %p'
recovery_target_name = '$GAMEDAY_TARGET_NAME'
recovery_target_timeline = 'current'
recovery_target_action = 'promote'
CONF
touch "$GAMEDAY_PGDATA/recovery.signal"
"$GAMEDAY_PGBIN/pg_ctl" start -D "$GAMEDAY_PGDATA" -l /tmp/restore.log -w -s
until [ "$("$GAMEDAY_PGBIN/psql" -h /tmp -d postgres -Atc 'SELECT pg_is_in_recovery()')" = f ]; do sleep 0.1; done

echo "gameday: cutover $(hostname):$GAMEDAY_PORT"
