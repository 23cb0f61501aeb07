#!/bin/sh
# What to do when the health check of the primary fails. It runs on the standby, and asks from there before it acts: a
# health check that sees nothing may be blind. Only a primary that nobody sees is given up.
set -eu
# ask HOST:PORT asks a server as the responder, over the network.
ask() {
  PGPASSWORD=$GAMEDAY_PASSWORD PGCONNECT_TIMEOUT=3 timeout 5 "$GAMEDAY_PGBIN/psql" -X -h "${1%:*}" -p "${1##*:}" \
    -U "$GAMEDAY_USER" -d postgres -Atc 'SELECT pg_is_in_recovery()' 2>&1 || :
}
received() { "$GAMEDAY_PGBIN/psql" -X -h /tmp -d postgres -Atc "SELECT latest_end_lsn FROM pg_stat_wal_receiver WHERE status = 'streaming'"; }

echo "gameday: step ask the health check"
seen=$(ask "$GAMEDAY_MONITOR")
if [ "$seen" = f ]; then
  echo "gameday: refuse the health check is well: the primary takes writes"
  exit 3
fi
echo "the health check says: $seen"

echo "gameday: step ask from here"
seen=$(ask "$GAMEDAY_PRIMARY")
before=$(received)
sleep 2
after=$(received)
echo "the primary says to $(hostname): $seen; its log went from $before to $after"
if [ "$seen" = f ]; then
  echo "gameday: refuse the health check is blind: the primary answers $(hostname)"
  exit 3
fi
if [ -n "$after" ] && [ "$before" != "$after" ]; then
  echo "gameday: refuse the health check is blind: the primary sends its log to $(hostname)"
  exit 3
fi

echo "gameday: step promote $(hostname)"
"$GAMEDAY_PGBIN/pg_ctl" promote --pgdata="$GAMEDAY_PGDATA" --wait --timeout=60 --silent

echo "gameday: step send clients to $(hostname)"
echo "gameday: cutover $(hostname):$GAMEDAY_PORT"
