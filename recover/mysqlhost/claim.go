package mysqlhost

import (
	"context"
	"strings"
)

// Claim is what a procedure has come to on a machine, in a file beside the data directory: a procedure that was killed is
// run again, and must know what of what it finds is its own. Until it says that it is done no client has been sent to the
// machine, and all that lies there is thrown away; afterwards nothing is.
type Claim struct {
	Host Host
	What string // the procedure, its backup and its target, in one line

	done bool
}

// claimScript refuses a data directory that is somebody's, and one that was restored to something else or by another run:
// clients may have written to that since. It prints "done" when this very recovery has been through already, and leaves an
// empty machine otherwise. What was restored and is not there any more is nothing.
const claimScript = `
claim=$GAMEDAY_DATADIR.recovery
if test -e "$claim"; then
	was=$(sed -n 's/^what=//p' "$claim")
	if grep -qx 'state=done' "$claim" && test -n "$(ls -A "$GAMEDAY_DATADIR" 2>/dev/null)"; then
		test "$was" = "$WHAT" || { echo "gameday: refuse a server was restored here already, by $was: stop it and remove $GAMEDAY_DATADIR and $claim" >&2; exit 1; }
		test -n "$(ours)" || start
		echo done
		exit
	fi
elif test -n "$(ls -A "$GAMEDAY_DATADIR" 2>/dev/null)"; then
	echo "gameday: refuse $GAMEDAY_DATADIR is not empty: it is not this procedure's to remove" >&2; exit 1
fi
printf 'what=%s\nstate=working\n' "$WHAT" >"$claim.new"; sync "$claim.new"; mv "$claim.new" "$claim"
stop KILL
rm -rf "$GAMEDAY_DATADIR" "$GAMEDAY_DATADIR".work "$GAMEDAY_DATADIR".*.sql "$GAMEDAY_DATADIR.pid"
`

// Take makes the machine this recovery's own, or refuses it. What an earlier run of a recovery has left unfinished goes;
// where an earlier run has finished the same, the other steps have nothing to do.
func (c *Claim) Take(ctx context.Context) error {
	what := c.What + c.Host.InRun()
	said, err := c.Host.Sh(ctx, claimScript, map[string]string{"WHAT": strings.Join(strings.Fields(what), " ")})
	c.done = said == "done"
	return err
}

// Unless is a step's work, which is left out where an earlier run has done it.
func (c *Claim) Unless(do ...func(context.Context) error) func(context.Context) error {
	return func(ctx context.Context) error {
		if c.done {
			return c.Host.Say("an earlier run has done this")
		}
		for _, f := range do {
			if err := f(ctx); err != nil {
				return err
			}
		}
		return nil
	}
}

// Done says that the server is ready for clients: from now on its data is theirs.
func (c *Claim) Done(ctx context.Context) error {
	_, err := c.Host.Sh(ctx, `
claim=$GAMEDAY_DATADIR.recovery
sed 's/^state=.*/state=done/' "$claim" >"$claim.new"; sync "$claim.new"; mv "$claim.new" "$claim"`, nil)
	return err
}

// Free takes the machine's server and data away again: it was only there to be read.
func (c *Claim) Free(ctx context.Context) error {
	_, err := c.Host.Sh(ctx, `
stop KILL
rm -rf "$GAMEDAY_DATADIR" "$GAMEDAY_DATADIR".work "$GAMEDAY_DATADIR".*.sql "$GAMEDAY_DATADIR.pid"
rm -f "$GAMEDAY_DATADIR.recovery"`, nil)
	return err
}
