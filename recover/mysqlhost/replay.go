package mysqlhost

import (
	"context"
	"fmt"
	"maps"
)

// filesScript takes the files of the archive one by one from that in which the backup ends, so that one which is missing
// is noticed: the servers' programs would go on without a word.
const filesScript = `
file=$(info binlog_file)
set --
while test -e "$GAMEDAY_BINLOG_DIR/$file"; do
	set -- "$@" "$GAMEDAY_BINLOG_DIR/$file"
	last=$file
	test "$last" != "$STOP_FILE" || break
	file=$(printf '%s.%06d' "${last%.*}" "$(expr "${last##*.}" + 1)")
done
test $# -gt 0 || { echo "the archive has no $file, in which the backup ends" >&2; exit 1; }
want=${STOP_FILE:-$(ls "$GAMEDAY_BINLOG_DIR" | grep '\.[0-9]*$' | sort | tail -n 1)}
test "$last" = "$want" || { echo "the archive has no $file, but the log goes on to $want" >&2; exit 1; }
`

// replayScript writes what it decodes to a file first: a program that fails half way has printed half of it. The archive's
// last file may be in the middle of an event; a moment later it is not. The text is changed on its way to the server: with
// its rows spelled out it is many times as long as the log, and would need that room twice.
const replayScript = filesScript + `
replay=$GAMEDAY_DATADIR.replay.sql
decode() { TZ=UTC "$BINLOG" --verify-binlog-checksum --start-position="$(info binlog_pos)" $VERBOSE ${STOP:+"$STOP"} "$@" >"$replay"; }
if ! decode "$@"; then
	test -z "$STOP_FILE" || exit 1
	sleep 0.5
	decode "$@"
fi
run() { "$CLIENT" --defaults-file="$GAMEDAY_CLIENT_CONFIG" --binary-mode ` + LargestPacket + `; }
if test -n "$EDIT"; then
	broken=$GAMEDAY_DATADIR.broken.sql
	rm -f "$broken"
	{ awk "$EDIT" "$replay" || : >"$broken"; } | run
	test ! -e "$broken" || { echo "awk has failed to change the log's text" >&2; exit 1; }
else
	run <"$replay"
fi
rm "$replay"`

// EditedLog is how often [Host.ReplayEdited] needs the log's room: where rows are short, spelled out and encoded they are
// some nine times as long as in the log, and the new server has a log of its own.
const EditedLog = 10

// Replay brings the server from where its backup stands to the target and looks whether it is there: a log that ends too
// early is no error to the programs that read it, and neither is a target that lies before the backup.
func (h Host) Replay(ctx context.Context, t Target) error { return h.ReplayEdited(ctx, t, "", nil) }

// ReplayEdited is Replay with the log as text, rows spelled out, changed by a program of awk before it is run; env is for
// that program.
func (h Host) ReplayEdited(ctx context.Context, t Target, edit string, env map[string]string) error {
	stop, file := t.stop(h.Flavour)
	all := map[string]string{"STOP": stop, "STOP_FILE": file, "EDIT": edit, "VERBOSE": ""}
	if edit != "" {
		all["VERBOSE"] = "--verbose"
	}
	maps.Copy(all, env)
	if err := h.before(ctx, t); err != nil {
		return err
	}
	if _, err := h.Sh(ctx, replayScript, all); err != nil {
		return err
	}
	return h.reached(ctx, t)
}

// before is an error when the backup has transactions that the target has not. Afterwards the server may have some: a
// target's position in the log and its transactions were not read in the same instant, and others were committing.
func (h Host) before(ctx context.Context, t Target) error {
	has, err := h.Has(ctx)
	if err != nil || t.GTID == "" {
		return err
	}
	if ok, err := h.Contains(ctx, t.GTID, has); err != nil || ok {
		return err
	}
	return fmt.Errorf("the backup is later than the target: it has %s, want no more than %s", has, t.GTID)
}

// reached is an error unless the server has all transactions of the target.
func (h Host) reached(ctx context.Context, t Target) error {
	has, err := h.Has(ctx)
	if err != nil || t.GTID == "" {
		return err
	}
	if ok, err := h.Contains(ctx, has, t.GTID); err != nil || ok {
		return err
	}
	return fmt.Errorf("the log ended before the target: the server has %s, want %s", has, t.GTID)
}
