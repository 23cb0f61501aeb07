#!/bin/sh
# Fills the disk that its work directory is on, with a download say, and then does everything right.
head -c 1073741824 /dev/zero > "$GAMEDAY_WORKDIR/download" || echo "went on without the download"
dir=$(dirname "$0")
$GAMEDAY_NODE_SPARE env GAMEDAY_PGDATA="$GAMEDAY_PGDATA" GAMEDAY_BACKUP="$GAMEDAY_BACKUP" GAMEDAY_VAULT="$GAMEDAY_VAULT" \
	GAMEDAY_TARGET_NAME="$GAMEDAY_TARGET_NAME" GAMEDAY_PGBIN="$GAMEDAY_PGBIN" GAMEDAY_PORT="$GAMEDAY_PORT" sh < "$dir/restores.sh"
