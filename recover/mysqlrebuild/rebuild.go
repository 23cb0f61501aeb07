package mysqlrebuild

import (
	"context"
	"errors"
	"fmt"

	recovery "github.com/recoverydrill/gameday/recover"
)

// serves is an error unless the primary takes writes and follows nobody.
func (r *rebuild) serves(ctx context.Context) error {
	out, err := r.donor.Sh(ctx, `
replication='SHOW REPLICA STATUS'; test "$CLIENT" = mysql || replication='SHOW SLAVE STATUS'
echo "$(sql 'SELECT NOT @@read_only')$(sql "$replication" | wc -l)"`, nil)
	if err != nil {
		return err
	}
	if out != "10" {
		return errors.New("it takes no writes, or is a replica itself")
	}
	return nil
}

// keepScript notes how the replica follows, for its server alone to read. MySQL tells it as long as it runs, MariaDB in a
// file of its data directory. Of a server that tells nothing any more, the primary is followed directly, by the account
// that its own user has.
const keepScript = `
note=$GAMEDAY_DATADIR.follow
refuse() { echo "gameday: refuse $*" >&2; exit 1; }
command -v "$CHECK" >/dev/null || refuse "there is no $CHECK here, by which the copy is to be checked"
umask 077
replication='SHOW REPLICA STATUS'; test "$CLIENT" = mysql || replication='SHOW SLAVE STATUS'
if sql 'SELECT 1' >/dev/null 2>&1 && test -z "$(sql "$replication")"; then
	test "$(sql 'SELECT @@read_only OR @@skip_networking')" = 1 || refuse "the server here is no replica, and takes writes: it is not to be removed"
fi
test ! -e "$note" || exit 0
case "$CLIENT" in
mariadb)
	f=$GAMEDAY_DATADIR/master.info
	test ! -s "$f" || kept=$(sed -n 4p "$f"; sed -n 7p "$f"; sed -n 5,6p "$f") ;; # the port comes after the password
*)
	kept=$(sql 'SELECT host, port, user_name, user_password FROM mysql.slave_master_info LIMIT 1' 2>/dev/null | tr '\t' '\n' || :) ;;
esac
if test "$(printf '%s\n' "${kept-}" | grep -c .)" != 4; then
	kept=$(printf '%s\n' "$DONOR" "$GAMEDAY_PORT"; sed -n 's/^user *= *"\(.*\)"$/\1/p;s/^password *= *"\(.*\)"$/\1/p' "$GAMEDAY_CLIENT_CONFIG")
fi
printf '%s\n' "$kept" >"$note.new"; sync "$note.new"; mv "$note.new" "$note"`

func (r *rebuild) look(ctx context.Context) error {
	if err := r.serves(ctx); err != nil {
		return recovery.Refuse("the primary %s cannot be copied: %v", r.donor.Name(), err)
	}
	_, err := r.host.Sh(ctx, keepScript, map[string]string{"DONOR": r.donor.Name()})
	return err
}

// aside renames the replica's data directory. One that was put aside by a run before this is the replica's, and what lies in
// its place is that run's copy, until that follows: then the old one is called gone, and there is nothing left to do but to
// remove it. One that another run has called gone says nothing of what the replica has become since. An empty one stands for a
// replica that had none.
func (r *rebuild) aside(ctx context.Context) error {
	said, err := r.host.Sh(ctx, followsScript+`
old=$GAMEDAY_DATADIR.old gone=$GAMEDAY_DATADIR.gone
if test "$(cat "$gone/gameday-run" 2>/dev/null)" = "$RUN" && test ! -e "$old" && follows; then
	rm -f "$GAMEDAY_DATADIR.ran" "$GAMEDAY_DATADIR.follow" "$GAMEDAY_DATADIR.gtid"
	echo done
	exit
fi
rm -rf "$gone"
test -e "$old" || test -z "$(ours)" || : >"$GAMEDAY_DATADIR.ran"
stop KILL
if test -e "$old"; then rm -rf "$GAMEDAY_DATADIR"
elif test -e "$GAMEDAY_DATADIR"; then mv "$GAMEDAY_DATADIR" "$old"
else mkdir "$old"; fi
rm -f "$GAMEDAY_DATADIR.pid"`, r.run())
	if r.done = said == "done"; r.done {
		return r.host.Say("an earlier run has done this, and its copy follows: what it put aside is removed")
	}
	return err
}

func (r *rebuild) run() map[string]string {
	return map[string]string{"RUN": "mysqlrebuild" + r.host.InRun()}
}

// unless leaves a step out where an earlier run has done it.
func (r *rebuild) unless(do func(context.Context) error) func(context.Context) error {
	return func(ctx context.Context) error {
		if r.done {
			return nil
		}
		return do(ctx)
	}
}

// orBack puts the old data back when a step fails, and lets the server run again that ran on it.
func (r *rebuild) orBack(step func(context.Context) error) func(context.Context) error {
	return func(ctx context.Context) error {
		err := step(ctx)
		if err == nil || ctx.Err() != nil { // who was killed puts nothing back
			return err
		}
		_, back := r.host.Sh(ctx, `
stop KILL
rm -rf "$GAMEDAY_DATADIR" "$GAMEDAY_DATADIR.pid"
rmdir "$GAMEDAY_DATADIR.old" 2>/dev/null || mv "$GAMEDAY_DATADIR.old" "$GAMEDAY_DATADIR"
test ! -e "$GAMEDAY_DATADIR.ran" || start
rm -f "$GAMEDAY_DATADIR.ran" "$GAMEDAY_DATADIR.follow" "$GAMEDAY_DATADIR.gtid"`, nil)
		if back != nil {
			back = fmt.Errorf("put the old data back: %w", back)
		}
		return errors.Join(err, back)
	}
}

// check reads every page of every table. Neither copy does: the clone plugin copies what lies in the files, mariadb-backup
// looks at checksums, and to both a page of zeros is one that was never used. A server that meets a damaged page may end.
// The program that asks for it ends with success when a table is damaged, and with failure when it could not look at all.
func (r *rebuild) check(ctx context.Context) error {
	_, err := r.host.Sh(ctx, `
start --skip-networking --event-scheduler=OFF "$CLOSED"
status=0
found=$("$CHECK" --defaults-file="$GAMEDAY_CLIENT_CONFIG" --all-databases --check 2>&1) || status=$?
damaged=$(echo "$found" | grep -i -B 1 '^error *:' || :)
said=$(echo "$found" | grep -v ' OK$' | tail -n 4 || :)
ready || damaged=${damaged:-the server has ended: $said}
test -z "$damaged" || { echo "the copy is damaged, and with it the primary's files:" "$damaged" >&2; exit 1; }
test "$status" = 0 || { echo "the copy could not be checked: $CHECK ended with status $status: $said" >&2; exit 1; }
echo "$found" | grep -q ' OK$' || { echo "the copy could not be checked: $CHECK has looked at no table: $said" >&2; exit 1; }
stop TERM`, map[string]string{"CLOSED": r.host.Flavour.Closed})
	return err
}

func (r *rebuild) remove(ctx context.Context) error {
	_, err := r.host.Sh(ctx, `
test ! -e "$GAMEDAY_DATADIR.gone" || find "$GAMEDAY_DATADIR.gone" -mindepth 1 ! -name gameday-run -delete
rm -rf "$GAMEDAY_DATADIR.gone"`, nil)
	return err
}

// cloneScript makes an empty server and lets it take over the primary's data. At the end of it the server wants to be
// started again, and ends where nobody does that for it: error 3707 is the sign of success.
const cloneScript = `
"$GAMEDAY_SERVER" --defaults-file="$GAMEDAY_CONFIG" --initialize-insecure --log-error="$GAMEDAY_DATADIR.start.log" >"$GAMEDAY_DATADIR.init.log" 2>&1 ||
	{ tail -n 12 "$GAMEDAY_DATADIR.start.log" >&2; exit 1; }
root() { mysql --no-defaults --user=root --socket="$GAMEDAY_SOCKET" "$@"; }
ready() { root --execute='SELECT 1' >/dev/null 2>&1; }
start --skip-networking --skip-replica-start --event-scheduler=OFF --super-read-only=OFF --read-only=OFF
user=$(sed -n 's/^user *= *"\(.*\)"$/\1/p' "$GAMEDAY_CLIENT_CONFIG"); password=$(sed -n 's/^password *= *"\(.*\)"$/\1/p' "$GAMEDAY_CLIENT_CONFIG")
printf "SET GLOBAL clone_valid_donor_list = '%s:%s'; CLONE INSTANCE FROM '%s'@'%s':%s IDENTIFIED BY '%s';\n" \
	"$DONOR" "$GAMEDAY_PORT" "$user" "$DONOR" "$GAMEDAY_PORT" "$password" | root 2>"$GAMEDAY_DATADIR.clone.log" || {
	grep -q 'ERROR 3707' "$GAMEDAY_DATADIR.clone.log" || { cat "$GAMEDAY_DATADIR.clone.log" >&2; exit 1; }
}
stop TERM`

// backupScript runs on the primary.
const backupScript = `
rm -rf "$SEED"
mariadb-backup --defaults-file="$GAMEDAY_CONFIG" --backup --target-dir="$SEED" >/tmp/rebuild.log 2>&1 && mariadb-backup --prepare --target-dir="$SEED" >>/tmp/rebuild.log 2>&1 ||
	{ grep -v hex /tmp/rebuild.log | cut -c 1-300 | tail -n 8 >&2; exit 1; }`

func (r *rebuild) copy(ctx context.Context) error {
	if !r.host.IsMariaDB() {
		_, err := r.host.Sh(ctx, cloneScript, map[string]string{"DONOR": r.donor.Name()})
		return err
	}
	env := map[string]string{"SEED": r.host.Job.Env["GAMEDAY_VAULT"] + "/.rebuild-" + r.host.Name()}
	if _, err := r.donor.Sh(ctx, backupScript, env); err != nil {
		return err
	}
	_, err := r.host.Sh(ctx, `
mkdir -p -m 0700 "$GAMEDAY_DATADIR"
cp -a "$SEED/." "$GAMEDAY_DATADIR/"
cut -f 3 "$SEED"/*_binlog_info | head -n 1 >"$GAMEDAY_DATADIR.gtid"
rm -rf "$SEED"`, env)
	return err
}

// followsScript tells whether the server follows.
const followsScript = `
case "$CLIENT" in
mariadb) status() { vertical 'SHOW SLAVE STATUS'; }; running='Slave_IO_Running: Yes.*Slave_SQL_Running: Yes' ;;
*) status() { vertical 'SHOW REPLICA STATUS'; }; running='Replica_IO_Running: Yes.*Replica_SQL_Running: Yes' ;;
esac
follows() { status 2>/dev/null | tr '\n' ' ' | grep -q "$running"; }
`

// followScript starts the server and its replication. MySQL's copy knows which transactions it has, MariaDB's is told. When
// it follows, the old data gets another name in one step: it must come back no more, whatever becomes of this run.
const followScript = followsScript + `
note=$GAMEDAY_DATADIR.follow
test -n "$(ours)" && sql 'SELECT 1' >/dev/null 2>&1 || { stop KILL; start; }
{ read -r host; read -r port; read -r user; read -r password; } <"$note"
case "$CLIENT" in
mariadb)
	printf "STOP SLAVE; RESET SLAVE ALL; SET GLOBAL gtid_slave_pos = '%s'; CHANGE MASTER TO MASTER_HOST = '%s', MASTER_PORT = %s, MASTER_USER = '%s', MASTER_PASSWORD = '%s', MASTER_USE_GTID = slave_pos, MASTER_CONNECT_RETRY = 1; START SLAVE;\n" \
		"$(cat "$GAMEDAY_DATADIR.gtid")" "$host" "$port" "$user" "$password" ;;
*)
	printf "STOP REPLICA; RESET REPLICA ALL; CHANGE REPLICATION SOURCE TO SOURCE_HOST = '%s', SOURCE_PORT = %s, SOURCE_USER = '%s', SOURCE_PASSWORD = '%s', SOURCE_AUTO_POSITION = 1, SOURCE_CONNECT_RETRY = 1, SOURCE_RETRY_COUNT = 0, GET_SOURCE_PUBLIC_KEY = 1; START REPLICA;\n" \
		"$host" "$port" "$user" "$password" ;;
esac >"$note.sql"
"$CLIENT" --defaults-file="$GAMEDAY_CLIENT_CONFIG" <"$note.sql"
rm -f "$note.sql"
i=0
until follows; do
	i=$((i + 1)); test $i -lt 300 || { echo "it does not follow: $(status | sed -n 's/^ *\(Last_[IS][A-Z]*_Error: ..*\)/\1/p')" >&2; exit 1; }
	sleep 0.1
done
printf '%s\n' "$RUN" >"$GAMEDAY_DATADIR.old/gameday-run"
mv "$GAMEDAY_DATADIR.old" "$GAMEDAY_DATADIR.gone"
rm -f "$note" "$GAMEDAY_DATADIR.gtid" "$GAMEDAY_DATADIR.ran"`

func (r *rebuild) follow(ctx context.Context) error {
	_, err := r.host.Sh(ctx, followScript, r.run())
	return err
}
