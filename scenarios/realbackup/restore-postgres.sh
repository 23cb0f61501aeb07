#!/bin/sh
# A team's own way back from pg_dump: a new server, its roles, its one database. On the spare host, as the server's user.
set -eu
[ -s "$GAMEDAY_BACKUP/library.dump" ] || { echo "gameday: refuse there is no dump"; exit 1; }
bin=$GAMEDAY_PGBIN
echo "gameday: step make an empty server, closed to clients"
"$bin/initdb" -D "$GAMEDAY_PGDATA" -U postgres --auth=trust --data-checksums >/tmp/initdb.log
cp "$GAMEDAY_BACKUP/postgresql.conf" "$GAMEDAY_BACKUP/pg_hba.conf" "$GAMEDAY_PGDATA/"
"$bin/pg_ctl" start -D "$GAMEDAY_PGDATA" -l /tmp/restore.log -o "-c listen_addresses=" -w -s
echo "gameday: step restore the roles"
grep -vx 'CREATE ROLE postgres;' "$GAMEDAY_BACKUP/globals.sql" | "$bin/psql" -h /tmp -U postgres -d postgres -Xq -v ON_ERROR_STOP=1 -f - >/dev/null
echo "gameday: step restore the database"
"$bin/pg_restore" -h /tmp -U postgres --exit-on-error --create --dbname=postgres "$GAMEDAY_BACKUP/library.dump"
echo "gameday: step open it"
"$bin/pg_ctl" restart -D "$GAMEDAY_PGDATA" -l /tmp/restore.log -o "" -w -s
eval "${AFTERWARDS:-}" # the tests' sabotages; nothing in a real one
echo "gameday: cutover $(hostname):$GAMEDAY_PORT"
