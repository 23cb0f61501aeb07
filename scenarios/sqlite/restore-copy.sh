#!/bin/sh
# Go back to the newest copy of the file. It is put beside the damaged one, which stays for whoever wants to find out what
# has happened. What was committed since the copy was made is lost.
set -eu

: "${GAMEDAY_BACKUP:?there is no copy}" "${GAMEDAY_DATA:?}"
new=$GAMEDAY_DATA/restored-$(date +%s).db

echo "gameday: step copy"
umask 077 # the application's file is nobody else's business
[ -s "$GAMEDAY_BACKUP" ] || { echo "$GAMEDAY_BACKUP is empty" >&2; exit 1; }
cp "$GAMEDAY_BACKUP" "$new.part"
cmp "$GAMEDAY_BACKUP" "$new.part"
mv "$new.part" "$new"
sync

echo "gameday: step cut over"
echo "gameday: cutover $new"
