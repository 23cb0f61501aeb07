package pgpitr

import (
	"context"
	"strings"
	"time"

	"github.com/recoverydrill/gameday/recover/pgserver"
)

// Action is what a restored server does at its target.
type Action string

// The actions.
const (
	Promote Action = "promote" // become a server of its own
	Pause   Action = "pause"   // stay in recovery, to be read and led further
)

// Restore is a copy that is being brought to a target on a node. Its methods are the parts of procedures, in this order:
// Fetch, Replay, Reached.
type Restore struct {
	Server pgserver.Server
	Target string        // recovery_target_* settings, one a line; "" is the end of the archived log
	Action Action        // default Promote
	Limit  time.Duration // for Reached; default 5 min
}

func (r Restore) sh(ctx context.Context, script string) error {
	action := r.Action
	if action == "" {
		action = Promote
	}
	// pgpitr.stage in the data directory says whose work it is and how far it came: "fetch", or "replay" and the target.
	_, err := r.Server.Sh(ctx, `stage=$data/pgpitr.stage
told() { cat "$stage" 2>/dev/null || :; }
tell() { echo "$1" >"$stage.new"; mv "$stage.new" "$stage"; }
promoted() { case $(told) in replay*) [ ! -e "$data/recovery.signal" ] ;; *) false ;; esac; }
`+script, map[string]string{"TARGET": r.Target, "ACTION": string(action)})
	return err
}

// Fetch verifies the newest base backup and copies it into the node's data directory. What an earlier run left
// unfinished there is removed first; anything else that lies there is refused.
func (r Restore) Fetch(ctx context.Context) error {
	return r.sh(ctx, `
[ -n "$GAMEDAY_BACKUP" ] || refuse "there is no base backup in the vault"
rm -f "$stage.new" # all that a full disk let the first run write
if [ -n "$(ls -A "$data" 2>/dev/null)" ]; then
  [ -e "$stage" ] || refuse "$data on $NODE is not empty, and pgpitr did not fill it: move it away first"
  if promoted; then
    [ "$(told)" = "replay $(echo $TARGET)" ] || refuse "$data on $NODE is a server that was restored to another target: move it away first"
    exit 0
  fi
  running && "$bin/pg_ctl" stop --pgdata="$data" --mode=immediate --wait --silent || :
  tell fetch # before anything goes: half a directory without recovery.signal would look like a server that was promoted
  find "$data" -mindepth 1 ! -path "$stage" -delete
fi
"$bin/pg_verifybackup" --no-parse-wal --quiet "$GAMEDAY_BACKUP"
mkdir -p -m 0700 "$data"
tell fetch
for f in "$GAMEDAY_BACKUP"/* "$GAMEDAY_BACKUP"/.[!.]*; do
  [ ! -e "$f" ] || [ "${f##*/}" = pgpitr.stage ] || cp -a "$f" "$data/"
done`)
}

// replayScript starts the server in recovery. recovery_target_timeline is current: an earlier recovery may have archived a
// timeline of its own, and the latest would follow it.
const replayScript = `
if promoted; then running || start; exit 0; fi
running && "$bin/pg_ctl" stop --pgdata="$data" --mode=fast --wait --silent || :
sed -i '/^# pgpitr {$/,/^# pgpitr }$/d' "$data/postgresql.auto.conf"
cat >>"$data/postgresql.auto.conf" <<CONF
# pgpitr {
restore_command = 'cp "$GAMEDAY_VAULT/wal/%f" "%p"'
$TARGET
recovery_target_timeline = 'current'
recovery_target_action = '$ACTION'
# pgpitr }
CONF
touch "$data/recovery.signal"
tell "replay $(echo $TARGET)"
start
`

// reachedScript waits until the server is at its target, and stops at once when it has ended instead.
const reachedScript = `
case $ACTION in
promote) query='SELECT NOT pg_is_in_recovery()' ;;
*) query="SELECT pg_get_wal_replay_pause_state() = 'paused'" ;;
esac
until [ "$(sql -d postgres -c "$query" 2>/dev/null)" = t ]; do
  running || { why; exit 1; }
  sleep 0.1
done
`

// Replay starts the server in recovery, to the target.
func (r Restore) Replay(ctx context.Context) error { return r.sh(ctx, replayScript) }

// Reached waits until the server is at its target.
func (r Restore) Reached(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, r.limit())
	defer cancel()
	return r.sh(ctx, reachedScript)
}

func (r Restore) limit() time.Duration {
	if r.Limit <= 0 {
		return 5 * time.Minute
	}
	return r.Limit
}

// Advance leads a paused copy on to a later target and returns when it is there.
func (r Restore) Advance(ctx context.Context, target string) error {
	r.Target, r.Action = target, Pause
	ctx, cancel := context.WithTimeout(ctx, r.limit())
	defer cancel()
	return r.sh(ctx, replayScript+reachedScript)
}

// Discard stops a paused copy and removes it. A copy that has become a server of its own is refused.
func (r Restore) Discard(ctx context.Context) error {
	return r.sh(ctx, `
[ -n "$(ls -A "$data" 2>/dev/null)" ] || exit 0
[ -e "$stage" ] && ! promoted || refuse "$data on $NODE is no copy of pgpitr's that could be removed"
running && "$bin/pg_ctl" stop --pgdata="$data" --mode=immediate --wait --silent || :
tell fetch
find "$data" -mindepth 1 ! -path "$stage" -delete
rm -f "$stage"`)
}

// Left says whether the data directory holds a copy that an earlier run has begun, and neither discarded nor promoted.
func (r Restore) Left(ctx context.Context) (bool, error) {
	out, err := r.Server.Sh(ctx, `[ ! -e "$data/pgpitr.stage" ] || echo left`, nil)
	return strings.TrimSpace(out) == "left", err
}
