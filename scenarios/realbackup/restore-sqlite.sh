#!/bin/sh
# A team's own way back: copy the newest backup to where the application opens its file.
set -eu
[ -s "$GAMEDAY_BACKUP/app.db" ] || { echo "gameday: refuse there is no backup"; exit 1; }
[ -z "$(ls -A "$GAMEDAY_DATA")" ] || { echo "gameday: refuse there is something in $GAMEDAY_DATA already"; exit 1; }
echo "gameday: step copy"
cp "$GAMEDAY_BACKUP/app.db" "$GAMEDAY_DATA/app.db"
eval "${AFTERWARDS:-}" # the tests' sabotages; nothing in a real one
echo "gameday: cutover $GAMEDAY_DATA/app.db"
