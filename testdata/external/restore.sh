#!/bin/sh
# The inventory team's own runbook, as one script. It runs on the spare host, as the server's user.
set -eu

echo "gameday: step restore the backup"
cp -a "$GAMEDAY_BACKUP/." "$GAMEDAY_PGDATA/" 2>/dev/null || { mkdir -m 0700 "$GAMEDAY_PGDATA"; cp -a "$GAMEDAY_BACKUP/." "$GAMEDAY_PGDATA/"; }

echo "gameday: step replay up to $GAMEDAY_TARGET_TIME"
{
	echo "restore_command = 'cp $GAMEDAY_VAULT/wal/%f %p'"
	echo "recovery_target_name = '$GAMEDAY_TARGET_NAME'"
	echo "recovery_target_timeline = 'current'"
	echo "recovery_target_action = 'promote'"
} >> "$GAMEDAY_PGDATA/postgresql.auto.conf"
touch "$GAMEDAY_PGDATA/recovery.signal"
"$GAMEDAY_PGBIN/pg_ctl" start -D "$GAMEDAY_PGDATA" -l /tmp/restore.log -w -s
until "$GAMEDAY_PGBIN/psql" -h /tmp -d postgres -Atc 'SELECT pg_is_in_recovery()' | grep -qx f; do sleep 0.1; done

echo "gameday: cutover $(hostname):$GAMEDAY_PORT"
