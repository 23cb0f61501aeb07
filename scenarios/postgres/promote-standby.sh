#!/bin/sh
# Promotes the standby that this runs on, and sends clients there. The old primary must not come back as a primary: the
# route no longer leads to it.
set -eu

echo "gameday: step promote $(hostname)"
"$GAMEDAY_PGBIN/pg_ctl" promote --pgdata="$GAMEDAY_PGDATA" --wait --timeout=60 --silent

echo "gameday: step send clients to $(hostname)"
echo "gameday: cutover $(hostname):$GAMEDAY_PORT"
