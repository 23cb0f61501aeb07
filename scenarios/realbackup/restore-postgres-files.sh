#!/bin/sh
# A team's own way back from pg_basebackup, on the spare host, as the server's user.
set -eu
[ -s "$GAMEDAY_BACKUP/backup_manifest" ] || { echo "gameday: refuse there is no base backup"; exit 1; }
echo "gameday: step look whether the backup is whole"
"$GAMEDAY_PGBIN/pg_verifybackup" --quiet "$GAMEDAY_BACKUP"
echo "gameday: step copy it"
cp -a "$GAMEDAY_BACKUP" "$GAMEDAY_PGDATA"
echo "gameday: step start the server"
"$GAMEDAY_PGBIN/pg_ctl" start -D "$GAMEDAY_PGDATA" -l /tmp/restore.log -w -s
eval "${AFTERWARDS:-}" # the tests' sabotages; nothing in a real one
echo "gameday: cutover $(hostname):$GAMEDAY_PORT"
