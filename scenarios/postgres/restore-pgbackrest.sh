#!/bin/sh
# Restores from the pgBackRest repository on the host that this runs on, as the server's user, up to the target's time, and
# sends clients there. pgBackRest itself takes the newest backup that ends before that time.
set -eu

: "${GAMEDAY_TARGET_TIME:?say to which moment to return}"
export PGBACKREST_CONFIG="$GAMEDAY_PGBACKREST_CONFIG" PGBACKREST_STANZA="$GAMEDAY_PGBACKREST_STANZA"

echo "gameday: step restore"
mkdir -p -m 0700 "$GAMEDAY_PGDATA"
pgbackrest restore --type=time --target="$GAMEDAY_TARGET_TIME" --target-timeline="$GAMEDAY_TARGET_TIMELINE" --target-action=promote

echo "gameday: step replay the log"
"$GAMEDAY_PGBIN/pg_ctl" start --pgdata="$GAMEDAY_PGDATA" --log=/tmp/restore.log --wait --timeout=300 --silent || { cat /tmp/restore.log; exit 1; }
until [ "$("$GAMEDAY_PGBIN/psql" -h /tmp -d postgres -Atc 'SELECT pg_is_in_recovery()')" = f ]; do
	"$GAMEDAY_PGBIN/pg_ctl" status --pgdata="$GAMEDAY_PGDATA" >/dev/null || { tail -20 /tmp/restore.log; exit 1; }
	sleep 0.1
done

echo "gameday: step send clients to $(hostname)"
echo "gameday: cutover $(hostname):$GAMEDAY_PORT"
