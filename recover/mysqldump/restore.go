package mysqldump

import (
	"context"

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
		{Name: "check the dump", Does: "hold the newest dump to its digests, and the spare to be free", Do: r.check},
		{
			Name: "make an empty server", Does: "initialise the data directory of the spare and start a server without network, events and replication",
			Do: r.claim.Unless(r.initialise, r.startClosed),
		},
		{Name: "load the dump", Does: "load the accounts and every database, without a log of it, and remove the new server's own account", Do: r.claim.Unless(r.load, r.host.Detach)},
		{Name: "replay the binary log", Does: "replay the archived binary log from where the dump stands to the target", Do: r.claim.Unless(r.replay)},
		{Name: "start it for clients", Does: "stop the server and start it as it is configured", Do: r.claim.Unless(r.host.StartOpen, r.claim.Done)},
		{Name: "cut over", Does: "send clients to the spare", Do: r.host.CutOver},
	}
}

// trouble is why the dump cannot be loaded, "" if it can: a file that was cut short loads without an error up to its end.
func (r *restore) trouble(ctx context.Context) (string, error) {
	return r.host.Sh(ctx, `
cd "$GAMEDAY_BACKUP"
if test ! -e dump.sql; then
	echo "the backup is of the kind $(info kind): it has no dump.sql"
elif ! sha256sum --check --status sums.txt; then
	echo "the dump is not what was written: $(sha256sum --check --quiet sums.txt 2>&1 | head -n 1)"
fi`, nil)
}

// check refuses a dump that is not what was written.
func (r *restore) check(ctx context.Context) error {
	if r.host.Job.Env["GAMEDAY_BACKUP"] == "" {
		return recovery.Refuse("there is no backup in the vault")
	}
	trouble, err := r.trouble(ctx)
	if err != nil {
		return err
	}
	if trouble != "" {
		return recovery.Refuse("%s", trouble)
	}
	return r.claim.Take(ctx)
}

// initialise makes a server that only its own user gets into, through the local socket.
func (r *restore) initialise(ctx context.Context) error {
	_, err := r.host.Sh(ctx, `
case "$CLIENT" in
mariadb) mariadb-install-db --defaults-file="$GAMEDAY_CONFIG" --auth-root-authentication-method=socket --auth-root-socket-user="$GAMEDAY_OSUSER" \
	--skip-test-db --skip-log-bin ;;
*) "$GAMEDAY_SERVER" --defaults-file="$GAMEDAY_CONFIG" --initialize-insecure --log-error="$GAMEDAY_DATADIR.start.log" ;;
esac >"$GAMEDAY_DATADIR.init.log" 2>&1 || { tail -n 12 "$GAMEDAY_DATADIR.init.log" "$GAMEDAY_DATADIR.start.log" >&2; exit 1; }`, nil)
	return err
}

// asRoot asks the server that has no accounts but its first: MySQL's root, MariaDB's second root, named as the system's user.
const asRoot = `
first=root; test "$CLIENT" = mysql || first=$GAMEDAY_OSUSER
root() { "$CLIENT" --no-defaults --user="$first" --socket="$GAMEDAY_SOCKET" --default-character-set=utf8mb4 ` + mysqlhost.LargestPacket + ` "$@"; }
`

// startClosed leaves out what makes a commit wait for the disk: if the machine fails now, the load begins anew.
func (r *restore) startClosed(ctx context.Context) error {
	_, err := r.host.Sh(ctx, asRoot+`
ready() { root --execute='SELECT 1' >/dev/null 2>&1; }
start --skip-networking --event-scheduler=OFF `+mysqlhost.LargestPacket+` "$CLOSED" --innodb-flush-log-at-trx-commit=0 --sync-binlog=0`, map[string]string{"CLOSED": r.host.Flavour.Closed})
	return err
}

// load ends at the first statement that fails. The accounts come as rows of the tables that hold them, and last: with them
// the one goes by which this is done.
func (r *restore) load(ctx context.Context) error {
	_, err := r.host.Sh(ctx, asRoot+`
cd "$GAMEDAY_BACKUP"
test -s dump.sql && test -s accounts.sql
{ echo 'SET SESSION sql_log_bin = 0;'; cat dump.sql; } | root --binary-mode
{ echo 'SET SESSION sql_log_bin = 0;'; cat accounts.sql; echo 'FLUSH PRIVILEGES;'; } | root --binary-mode --database=mysql`, nil)
	return err
}

func (r *restore) replay(ctx context.Context) error { return r.host.Replay(ctx, r.target) }
