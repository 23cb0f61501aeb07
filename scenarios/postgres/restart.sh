#!/bin/sh
# Starts the server of this machine again where it has died. Nothing is restored: the server's own crash recovery replays
# its log from the last checkpoint on, and everything that was acknowledged is in that log.
set -eu

echo "gameday: step look whether the server has died"
if "$GAMEDAY_PGBIN/pg_ctl" status --pgdata="$GAMEDAY_PGDATA" >/dev/null; then
  echo "gameday: refuse the server on $(hostname) runs"
  exit 3
fi

echo "gameday: step start the server on $(hostname)"
# A child of the dead server that has not noticed its death yet keeps a new one out.
i=0
until "$GAMEDAY_PGBIN/pg_ctl" start --pgdata="$GAMEDAY_PGDATA" --log=/data/log/start.log --wait --timeout=120 --silent; do
  i=$((i + 1)); [ $i -lt 10 ] || { tail -n 20 /data/log/start.log /data/log/postgresql.log; exit 1; }
  sleep 1
done

echo "gameday: step wait until it takes writes"
until [ "$("$GAMEDAY_PGBIN/psql" -X -h /tmp -d postgres -Atc 'SELECT pg_is_in_recovery()')" = f ]; do sleep 0.1; done
