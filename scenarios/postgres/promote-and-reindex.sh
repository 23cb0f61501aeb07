#!/bin/sh
# Promotes the standby that this runs on, builds its indexes anew, and sends clients there.
#
# A block that lost rows on the primary is not in the log. But a client that looked for one of those rows through an index
# made the primary mark the index entry as dead, and with checksums that page of the index is in the log as a whole. A
# standby does not look at such marks; once it is promoted it does, and no index leads to the row any more.
set -eu

echo "gameday: step promote $(hostname)"
"$GAMEDAY_PGBIN/pg_ctl" promote --pgdata="$GAMEDAY_PGDATA" --wait --timeout=60 --silent

echo "gameday: step build the indexes anew"
"$GAMEDAY_PGBIN/reindexdb" --host=/tmp --all --quiet

echo "gameday: step send clients to $(hostname)"
echo "gameday: cutover $(hostname):$GAMEDAY_PORT"
