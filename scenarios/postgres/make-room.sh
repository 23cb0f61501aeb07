#!/bin/sh
# Brings a server back whose disk its own log has filled because the archive took none of it. No log is thrown away: what
# waits for the archive is put there first, by hand and in order, and only what is archived and older than the last
# checkpoint goes from the server's disk. What the archive is stuck on is moved aside, and the archive must be seen to work.
set -eu
wal=$GAMEDAY_PGDATA/pg_wal
vault=$GAMEDAY_VAULT/wal
psql() { "$GAMEDAY_PGBIN/psql" -X -h /tmp -d postgres -At "$@"; }

echo "gameday: step look at the disk and the log"
df -k "$GAMEDAY_PGDATA"
redo=$("$GAMEDAY_PGBIN/pg_controldata" "$GAMEDAY_PGDATA" | sed -n "s/^Latest checkpoint's REDO WAL file: *//p")
[ -n "$redo" ] || { echo "gameday: refuse nobody knows which log the server needs"; exit 3; }
waiting() { ls "$wal/archive_status" | sed -n 's/\.ready$//p' | sort; }
echo "crash recovery needs the log from $redo on; $(waiting | wc -l) files wait for the archive"
for f in $(waiting); do
  # What is in the way may be somebody's: a whole segment is for a person to judge, anything else is no log.
  [ ! -e "$vault/$f" ] || cmp -s "$wal/$f" "$vault/$f" || [ "$(stat -c %s "$vault/$f")" != "$(stat -c %s "$wal/$f")" ] ||
    { echo "gameday: refuse the archive holds another $f"; exit 3; }
done

echo "gameday: step archive by hand what waits"
"$GAMEDAY_PGBIN/pg_ctl" stop --pgdata="$GAMEDAY_PGDATA" --mode=immediate --silent 2>/dev/null || :
for f in $(waiting); do
  if [ -e "$vault/$f" ] && ! cmp -s "$wal/$f" "$vault/$f"; then
    echo "the archive is stuck on $f, which is no log of this server: $(head -c 80 "$vault/$f")"
    mv "$vault/$f" "$vault/$f.in-the-way"
  fi
  if [ ! -e "$vault/$f" ]; then
    cp "$wal/$f" "$vault/.$f.by-hand" # a command of its own: one that fails before && ends no script
    sync "$vault/.$f.by-hand"
    ln "$vault/.$f.by-hand" "$vault/$f"
    rm "$vault/.$f.by-hand"
  fi
  cmp -s "$wal/$f" "$vault/$f" || { echo "the archive did not take $f"; exit 1; }
  mv "$wal/archive_status/$f.ready" "$wal/archive_status/$f.done"
done

echo "gameday: step make room"
for f in $(ls "$wal" | grep -E '^[0-9A-F]{24}$' | sort); do
  [ "$(printf '%s\n%s\n' "$f" "$redo" | sort | head -n 1)" = "$f" ] && [ "$f" != "$redo" ] || break
  [ -e "$wal/archive_status/$f.done" ] && [ -e "$vault/$f" ] || continue
  rm "$wal/$f" "$wal/archive_status/$f.done"
done
rm -f "$wal"/xlogtemp.*
df -k "$GAMEDAY_PGDATA"

echo "gameday: step start the server"
"$GAMEDAY_PGBIN/pg_ctl" start --pgdata="$GAMEDAY_PGDATA" --log=/data/log/start.log --wait --timeout=120 --silent
until [ "$(psql -c 'SELECT pg_is_in_recovery()')" = f ]; do sleep 0.1; done

echo "gameday: step see that the log reaches the archive"
psql -qc "SELECT pg_logical_emit_message(false, 'make-room', 'x')" >/dev/null
f=$(psql -c 'SELECT pg_walfile_name(pg_switch_wal())')
i=0
until [ -e "$vault/$f" ]; do i=$((i + 1)); [ $i -lt 300 ] || { echo "the archive does not get $f"; exit 1; }; sleep 0.1; done
