#!/bin/sh
# Brings the payments database back to a restore point on the spare host, and sends clients there.
#
# It runs on the responder's own machine. $GAMEDAY_NODE_SPARE runs a command on the spare host as the server's user, as
# "ssh postgres@spare" would; the other variables are in docs/recovery-environment.md.
set -eu

: "${GAMEDAY_BACKUP:?there is no base backup in the vault}"
: "${GAMEDAY_TARGET_NAME:?say which restore point to return to}"
on_spare="$GAMEDAY_NODE_SPARE"

echo "gameday: step fetch the base backup"
$on_spare sh -eu <<REMOTE
"$GAMEDAY_PGBIN/pg_verifybackup" --no-parse-wal --quiet "$GAMEDAY_BACKUP"
mkdir -p -m 0700 "$GAMEDAY_PGDATA"
cp -a "$GAMEDAY_BACKUP/." "$GAMEDAY_PGDATA/"
REMOTE

echo "gameday: step replay the archived log up to $GAMEDAY_TARGET_NAME"
$on_spare sh -eu <<REMOTE
cat >> "$GAMEDAY_PGDATA/postgresql.auto.conf" <<CONF
restore_command = 'cp "$GAMEDAY_VAULT/wal/%f" "%p"'
recovery_target_name = '$GAMEDAY_TARGET_NAME'
recovery_target_timeline = 'current'
recovery_target_action = 'promote'
CONF
touch "$GAMEDAY_PGDATA/recovery.signal"
"$GAMEDAY_PGBIN/pg_ctl" start --pgdata="$GAMEDAY_PGDATA" --log=/tmp/restore.log --wait --timeout=300 --silent ||
	{ cat /tmp/restore.log; exit 1; }
REMOTE

echo "gameday: step wait until the server takes writes"
$on_spare sh -eu <<REMOTE
until [ "\$("$GAMEDAY_PGBIN/psql" -h /tmp -d postgres -Atc 'SELECT pg_is_in_recovery()')" = f ]; do
	"$GAMEDAY_PGBIN/pg_ctl" status --pgdata="$GAMEDAY_PGDATA" >/dev/null || { tail -20 /tmp/restore.log; exit 1; }
	sleep 0.1
done
REMOTE

echo "gameday: step send clients to the restored server"
echo "gameday: cutover $GAMEDAY_HOST_SPARE:$GAMEDAY_PORT"
