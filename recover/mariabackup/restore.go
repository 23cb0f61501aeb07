package mariabackup

import (
	"context"
	"fmt"
	"strconv"
	"strings"

	recovery "github.com/recoverydrill/gameday/recover"
	"github.com/recoverydrill/gameday/recover/mysqlhost"
)

type restore struct {
	host   mysqlhost.Host
	target mysqlhost.Target
	claim  *mysqlhost.Claim
}

func (r *restore) steps() []recovery.Step {
	return []recovery.Step{
		{Name: "check the chain", Does: "follow the newest backup down to its full one, each beginning where the one below ends", Do: r.check},
		{Name: "prepare the full backup", Does: "copy it to the spare and replay its own log", Do: r.claim.Unless(r.full)},
		{Name: "prepare the increments", Does: "put each increment on top, the oldest first", Do: r.claim.Unless(r.increments)},
		{Name: "move it into place", Does: "move the prepared files into the data directory", Do: r.claim.Unless(r.place)},
		{
			Name: "start a server that clients cannot reach", Does: "start the server without network, events and replication, and make it one of its own",
			Do: r.claim.Unless(r.startClosed),
		},
		{Name: "replay the binary log", Does: "replay the archived binary log from where the last increment stands to the target", Do: r.claim.Unless(r.replay)},
		{Name: "start it for clients", Does: "stop the server and start it as it is configured", Do: r.claim.Unless(r.host.StartOpen, r.claim.Done)},
		{Name: "cut over", Does: "send clients to the spare", Do: r.host.CutOver},
	}
}

// chain is the newest backup and those below it.
type chain struct {
	dirs    []string // the full one first
	bytes   int64    // of those below the newest
	trouble string   // why they cannot be put together
}

func (c chain) String() string {
	if c.trouble != "" {
		return c.trouble
	}
	return fmt.Sprintf("a full backup and %d increments", len(c.dirs)-1)
}

// chainScript goes from the newest backup down. Each must begin where the one below it ends, in the log of the tables: a
// backup of the chain that was replaced has the right name and other contents.
const chainScript = `
is() { sed -n "s/^$2=//p" "$1/gameday-backup.info"; }
lsn() { sed -n "s/^$2 = //p" "$1/files/"*_checkpoints | head -n 1; }
dir=$GAMEDAY_BACKUP above= begins=
while :; do
	test -r "$dir/gameday-backup.info" || { echo "trouble the chain is broken: there is no $dir"; exit; }
	ls "$dir/files/"*_checkpoints >/dev/null 2>&1 || { echo "trouble $dir is of the kind $(is "$dir" kind): want files that mariadb-backup has written"; exit; }
	test -z "$begins" || test "$begins" = "$(lsn "$dir" to_lsn)" || { echo "trouble the chain is broken: $above begins at $begins, and $dir ends at $(lsn "$dir" to_lsn)"; exit; }
	echo "$(du -sk "$dir" | cut -f 1) $dir"
	above=$dir begins=$(lsn "$dir" from_lsn)
	dir=$(is "$dir" base)
	test -n "$dir" || break
done
test "$begins" = 0 || echo "trouble the chain has no full backup: $above begins at $begins"`

func (r *restore) chain(ctx context.Context) (chain, error) {
	out, err := r.host.Sh(ctx, chainScript, nil)
	if err != nil {
		return chain{}, err
	}
	var c chain
	for line := range strings.Lines(out) {
		size, rest, _ := strings.Cut(strings.TrimSpace(line), " ")
		if size == "trouble" {
			c.trouble = rest
			break
		}
		kb, err := strconv.ParseInt(size, 10, 64)
		if err != nil {
			return chain{}, fmt.Errorf("read the size of a backup: %w", err)
		}
		if len(c.dirs) > 0 {
			c.bytes += kb << 10
		}
		c.dirs = append([]string{rest}, c.dirs...)
	}
	return c, nil
}

func (r *restore) check(ctx context.Context) error {
	if r.host.Job.Env["GAMEDAY_BACKUP"] == "" {
		return recovery.Refuse("there is no backup in the vault")
	}
	c, err := r.chain(ctx)
	if err != nil {
		return err
	}
	if c.trouble != "" {
		return recovery.Refuse("%s", c.trouble)
	}
	if err := r.host.Say("%s: %s", c, strings.Join(c.dirs, ", ")); err != nil {
		return err
	}
	return r.claim.Take(ctx)
}

// prepareScript puts one backup of the chain on top of what is prepared. An increment is read from a copy: the program
// writes into it.
const prepareScript = `
work=$GAMEDAY_DATADIR.work
mkdir -p "$work"
prepare() { mariadb-backup --prepare --target-dir="$work/full" "$@" >"$work/prepare.log" 2>&1 || { tail -n 8 "$work/prepare.log" >&2; exit 1; }; }
`

func (r *restore) full(ctx context.Context) error {
	c, err := r.chain(ctx)
	if err != nil {
		return err
	}
	_, err = r.host.Sh(ctx, prepareScript+`cp -a "$FROM/files" "$work/full"; prepare`, map[string]string{"FROM": c.dirs[0]})
	return err
}

func (r *restore) increments(ctx context.Context) error {
	c, err := r.chain(ctx)
	if err != nil {
		return err
	}
	for _, dir := range c.dirs[1:] {
		_, err := r.host.Sh(ctx, prepareScript+`cp -a "$FROM/files" "$work/part"; prepare --incremental-dir="$work/part"; rm -rf "$work/part"`, map[string]string{"FROM": dir})
		if err != nil {
			return fmt.Errorf("put %s on top: %w", dir, err)
		}
	}
	return nil
}

func (r *restore) place(ctx context.Context) error {
	_, err := r.host.Sh(ctx, `
work=$GAMEDAY_DATADIR.work
mkdir -p -m 0700 "$GAMEDAY_DATADIR"
mariadb-backup --defaults-file="$GAMEDAY_CONFIG" --move-back --target-dir="$work/full" >"$work/move.log" 2>&1 || { tail -n 8 "$work/move.log" >&2; exit 1; }
rm -rf "$work"`, nil)
	return err
}

func (r *restore) startClosed(ctx context.Context) error {
	if err := r.host.StartClosed(ctx); err != nil {
		return err
	}
	return r.host.Detach(ctx)
}

func (r *restore) replay(ctx context.Context) error { return r.host.Replay(ctx, r.target) }
