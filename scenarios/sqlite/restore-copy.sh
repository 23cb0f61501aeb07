#!/bin/sh
# Go back to the newest copy of the file. It is put beside the damaged one, which stays for whoever wants to find out what
# has happened. What was committed since the copy was made is lost. With --plan it says what it would do.
set -eu

if [ "${1:-}" = --plan ]; then
	echo "gameday: plan copy: copy the newest copy of the file beside the damaged one, and compare them byte by byte"
	echo "gameday: plan cut over: let clients open the new file"
	exit 0
fi

: "${GAMEDAY_DATA:?}"
[ -s "${GAMEDAY_BACKUP:-}" ] || { echo "gameday: refuse there is no copy of the file, or it is empty"; exit 1; }
new=$GAMEDAY_DATA/restored-$(date +%s).db

echo "gameday: step copy"
umask 077 # the application's file is nobody else's business
cp "$GAMEDAY_BACKUP" "$new.part"
cmp "$GAMEDAY_BACKUP" "$new.part"
mv "$new.part" "$new"
sync

echo "gameday: step cut over"
echo "gameday: cutover $new"
