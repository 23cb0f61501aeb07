package pgbackrest

import (
	"context"
	"strings"

	recovery "github.com/recoverydrill/gameday/recover"
	"github.com/recoverydrill/gameday/recover/pgserver"
)

// sh runs a script with the stage at hand: a file beside the data directory (inside, a restore would remove it) that says
// how far this procedure came: "restoring", or "restored" with the drill's run, the backup and the target. What another run
// has restored may have become a server since that has served, or been lost, and is no work of this one's.
func (r *run) sh(ctx context.Context, script string) (string, error) {
	return r.server.Sh(ctx, `stage=$data.pgbackrest-stage
told() { cat "$stage" 2>/dev/null || :; }
tell() { echo "$1" >"$stage.new"; sync "$stage.new"; mv "$stage.new" "$stage"; }
mine="restored ${GAMEDAY_RUN:-no-run} $LABEL $(echo $OPTIONS)"
restored() { [ -e "$data/PG_VERSION" ] && [ "$(told)" = "$mine" ]; }
`+script, map[string]string{"OPTIONS": r.want.options, "LABEL": r.chosen.Label})
}

// stop ends every process that has the data directory as its own, also where the directory has lost the file that says
// which they are. A server that this procedure has restored already is left alone.
func (r *run) stop(ctx context.Context) error {
	if err := r.healthy(ctx); err != nil {
		return err
	}
	_, err := r.sh(ctx, `
restored && exit 0
running && "$bin/pg_ctl" stop --pgdata="$data" --mode=fast --wait --timeout=30 --silent || :
end_all QUIT KILL KILL
rm -f "$data/postmaster.pid"`)
	return err
}

// healthy refuses to replace a server that answers by the end of its own log: that could only lose something. One that this
// run has restored already is not replaced. That an earlier run was interrupted while it restored says nothing of a server
// that answers: somebody else has brought it back.
func (r *run) healthy(ctx context.Context) error {
	if r.want.position != "" {
		return nil
	}
	already, err := r.sh(ctx, `restored && echo already || :`)
	if err != nil || already != "" {
		return err
	}
	switch state, err := r.server.State(ctx); {
	case err != nil:
		return err
	case state == pgserver.Serving || state == pgserver.Standby:
		return recovery.Refuse("the server on %s answers (%s): a restore to the end of the archived log would only lose what it has", r.server.Name(), state)
	}
	return nil
}

// restore goes on where an earlier run was interrupted: pgBackRest compares what is there with the backup. Beside, it
// refuses a directory that is not this procedure's.
func (r *run) restore(ctx context.Context) error {
	place := "beside"
	if r.InPlace {
		place = "in place"
	}
	out, err := r.sh(ctx, `
place="`+place+`"
if restored; then echo "it was restored already"; exit 0; fi
if [ "$place" = beside ] && [ -n "$(ls -A "$data" 2>/dev/null)" ]; then
  case $(told) in
  "") refuse "$data on $(hostname) is not empty, and this procedure did not fill it: move it away first" ;;
  restored*) refuse "$data on $(hostname) is a server that was restored to another target, from another backup or by another run: move it away first, and $stage" ;;
  esac
fi
tell restoring
mkdir -p -m 0700 "$data"
# pgBackRest takes no directory for a server's that has neither of these files.
if [ ! -e "$data/PG_VERSION" ] && [ ! -e "$data/backup.manifest" ]; then find "$data" -mindepth 1 -delete; fi
IFS='
'
set -f
`+command+` --pg1-path="$data" --set="$LABEL" $OPTIONS --delta --log-level-console=info restore
unset IFS
tell "$mine"`)
	r.say(out, err)
	return err
}

// say passes on what pgBackRest itself says.
func (r *run) say(out string, err error) {
	for line := range strings.Lines(out) {
		if err != nil || strings.Contains(line, "WARN") || strings.Contains(line, "restore size") || strings.Contains(line, "already") {
			r.server.Say("%s", strings.TrimSpace(line))
		}
	}
}

func (r *run) replay(ctx context.Context) error {
	_, err := r.sh(ctx, `running || (start) || { echo "to restore anew instead of going on with what was restored, remove $stage" >&2; exit 1; }`)
	return err
}

// promoted waits until the server is out of recovery, and stops at once when it has ended instead.
func (r *run) promoted(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, r.Limit)
	defer cancel()
	script := `
until [ "$(sql -d postgres -c 'SELECT pg_is_in_recovery()' 2>/dev/null)" = f ]; do
  running || { why; echo "to restore anew instead of going on with what was restored, remove $stage" >&2; exit 1; }
  sleep 0.1
done`
	if r.InPlace { // the next recovery in this place is another one
		script += "\nrm -f \"$stage\""
	}
	if _, err := r.sh(ctx, script); err != nil {
		return err
	}
	for _, name := range r.behind {
		r.server.Say("%s does not follow this server any more: make it anew", name)
	}
	return nil
}
