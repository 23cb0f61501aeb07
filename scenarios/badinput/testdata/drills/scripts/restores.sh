#!/bin/sh
# A recovery that works, on a node whose disk holds it.
set -eu
echo "gameday: step fetch"
mkdir -m 0700 "$GAMEDAY_PGDATA"
cp -a "$GAMEDAY_BACKUP/." "$GAMEDAY_PGDATA/"
echo "gameday: step replay"
{
	echo "restore_command = 'cp $GAMEDAY_VAULT/wal/%f %p'"
	echo "recovery_target_name = '$GAMEDAY_TARGET_NAME'"
	echo "recovery_target_timeline = 'current'"
	echo "recovery_target_action = 'promote'"
} >> "$GAMEDAY_PGDATA/postgresql.auto.conf"
touch "$GAMEDAY_PGDATA/recovery.signal"
"$GAMEDAY_PGBIN/pg_ctl" start -D "$GAMEDAY_PGDATA" -l /tmp/restore.log -w -s
until "$GAMEDAY_PGBIN/psql" -h /tmp -d postgres -Atc 'SELECT pg_is_in_recovery()' | grep -qx f; do sleep 0.1; done
echo "gameday: cutover spare:$GAMEDAY_PORT"
