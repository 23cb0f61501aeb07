#!/bin/sh
# Makes a new server of the newest dump on the host that this runs on, as the server's user, and sends clients there.
set -eu

dump=${GAMEDAY_BACKUP:?there is no dump in the vault}
bin=$GAMEDAY_PGBIN data=$GAMEDAY_PGDATA

echo "gameday: step look whether the dump is whole"
(cd "$dump" && sha256sum --quiet --strict -c SHA256SUMS)

echo "gameday: step make an empty server, closed to clients"
"$bin/initdb" --pgdata="$data" --auth=peer $(cat "$dump/initdb.options") >/tmp/initdb.log 2>&1
cp "$dump"/config/*.conf "$data/"
"$bin/pg_ctl" start --pgdata="$data" --log=/tmp/restore.log --options="-c listen_addresses=" --wait --silent

echo "gameday: step restore the roles"
grep -vx 'CREATE ROLE postgres;' "$dump/globals.sql" | "$bin/psql" -h /tmp -d postgres -Xq -v ON_ERROR_STOP=1 -f - >/dev/null

echo "gameday: step restore the databases"
while IFS= read -r db; do
	from=postgres again=
	case $db in postgres) from=template1 again=--clean ;; template1) again=--clean ;; esac
	"$bin/pg_restore" -h /tmp --exit-on-error --create $again --dbname="$from" "$dump/$db.dump" </dev/null
done <"$dump/databases"
"$bin/vacuumdb" -h /tmp --all --analyze-only --quiet

echo "gameday: step open it and send clients to $(hostname)"
"$bin/pg_ctl" restart --pgdata="$data" --log=/tmp/restore.log --options="" --wait --silent
echo "gameday: cutover $(hostname):$GAMEDAY_PORT"
