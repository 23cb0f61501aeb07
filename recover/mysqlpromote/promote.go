package mysqlpromote

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/recoverydrill/gameday/recover/mysqlhost"
)

// drainScript applies all that was received, and ends at once when no more will come of it. The receiving thread is left
// as it is: when both threads of MariaDB's replication are stopped, the start of either throws the relay log away.
const drainScript = `
case "$CLIENT" in
mariadb)
	status() { vertical 'SHOW SLAVE STATUS'; }
	applied() { test "$(sql "SELECT master_gtid_wait('$GOAL', 1)")" = 0; }
	begin() {
		! status | grep -q '_IO_Running: No' || ! status | grep -q '_SQL_Running: No' || {
			echo "its replication is stopped altogether, and a start would throw away the part of its relay log that it has not applied" >&2; exit 1; }
		sql 'START SLAVE SQL_THREAD'
	} ;;
*)
	status() { vertical 'SHOW REPLICA STATUS'; }
	applied() { test "$(sql "SELECT wait_for_executed_gtid_set('$GOAL', 1)")" = 0; }
	begin() { sql 'START REPLICA SQL_THREAD'; } ;;
esac
! applied || exit 0
test -n "$(status)" || { echo "it is no replica any more, and has not applied $GOAL" >&2; exit 1; }
begin
idle=0
until applied; do
	said=$(status | sed -n 's/^ *Last_SQL_Error: \(..*\)/\1/p')
	test -z "$said" || { echo "it applies nothing more: $said" >&2; exit 1; }
	if status | grep -q '_SQL_Running_State: .*has read all relay log'; then idle=$((idle + 1)); else idle=0; fi
	test $idle -lt 5 || { echo "it has come to the end of its relay log, and has not applied $GOAL" >&2; exit 1; }
done`

// drain lets the chosen replica apply its relay log to the end: what was acknowledged may be nowhere else.
func (f *failover) drain(ctx context.Context) error {
	if f.taken {
		return nil
	}
	_, err := f.best.Sh(ctx, drainScript, map[string]string{"GOAL": f.goal})
	return err
}

// promoteScript ends replication and takes the limits off, in the configuration first: a restart must not bring them back,
// and a run after this one must know whose work it was. A server that this procedure has fenced before, and somebody has
// rebuilt since, gets back the event scheduler that it had then: what its configuration says without the fence, or the default.
const promoteScript = lastNote + `
note="# promoted instead of $PLACE"
before_fence() {
	awk '/^# fenced$/ { fenced = 1; last = NR + 2 } NR <= last { next } /^[ \t]*event[-_]scheduler[ \t]*=/ { is = $0 }
		END { if (fenced) print is == "" ? default_is : is }' default_is="$(test "$CLIENT" = mariadb && echo OFF || echo ON)" "$GAMEDAY_CONFIG" |
		sed 's/^.*=//; s/#.*//; s/["'"'"' \t]//g'
}
events=$(before_fence)
test "$(last_note)" = "$note" || {
	printf '%s\nread_only = "OFF"\n' "$note" >>"$GAMEDAY_CONFIG"
	test "$CLIENT" = mariadb || echo 'super_read_only = "OFF"' >>"$GAMEDAY_CONFIG"
	test -z "$events" || echo "event_scheduler = \"$events\"" >>"$GAMEDAY_CONFIG"
	sync "$GAMEDAY_CONFIG"
}
case "$events $(sql 'SELECT @@event_scheduler')" in ' '*|*DISABLED*) ;; *) sql "SET GLOBAL event_scheduler = $events" ;; esac
case "$CLIENT" in
mariadb)
	test -z "$(sql 'SHOW SLAVE STATUS')" || sql 'STOP SLAVE; RESET SLAVE ALL'
	sql 'SET GLOBAL read_only = OFF' ;;
*)
	test -z "$(sql 'SHOW REPLICA STATUS')" || sql 'STOP REPLICA; RESET REPLICA ALL'
	sql 'SET GLOBAL super_read_only = OFF; SET GLOBAL read_only = OFF' ;;
esac
test "$(sql 'SELECT @@read_only')" = 0`

// eventsScript lists what came through replication, which disables it.
const eventsScript = `
sql "SELECT event_schema, event_name, definer, character_set_client, collation_connection, sql_mode, time_zone FROM information_schema.events WHERE status IN ('SLAVESIDE_DISABLED', 'REPLICA_SIDE_DISABLED')"`

func (f *failover) promote(ctx context.Context) error {
	if _, err := f.best.Sh(ctx, promoteScript, map[string]string{"PLACE": f.place}); err != nil {
		return err
	}
	events, err := f.best.Sh(ctx, eventsScript, nil)
	if err != nil {
		return fmt.Errorf("list the events: %w", err)
	}
	for line := range strings.Lines(events) {
		parts := strings.Split(strings.TrimRight(line, "\n"), "\t")
		if len(parts) != 7 {
			return fmt.Errorf("read the event %q: want seven columns", line)
		}
		if err := f.wake(ctx, parts); err != nil {
			return fmt.Errorf("enable the event %s.%s: %w", parts[0], parts[1], err)
		}
	}
	return nil
}

// wake enables an event, or disables it for good. Whoever does that becomes its definer, unless the old one is said, and
// the event takes over the session that it was done in: so that is made to be the one that the event has.
func (f *failover) wake(ctx context.Context, event []string) error {
	database, name, definer := event[0], event[1], event[2]
	to := "ENABLE"
	if slices.Contains(f.asleep, database+"."+name) {
		to = "DISABLE"
	}
	at := strings.LastIndexByte(definer, '@')
	if at < 0 {
		return fmt.Errorf("its definer is %q, want USER@HOST", definer)
	}
	_, err := f.best.SQL(ctx, fmt.Sprintf("SET character_set_client = '%s', collation_connection = '%s', sql_mode = '%s', time_zone = '%s'; ALTER DEFINER = %s@%s EVENT %s.%s %s",
		event[3], event[4], event[5], event[6], quoted(definer[:at]), quoted(definer[at+1:]), quoted(database), quoted(name), to))
	if err != nil {
		return err
	}
	return f.best.Say("event %s.%s: %s", database, name, strings.ToLower(to))
}

func quoted(name string) string { return "`" + strings.ReplaceAll(name, "`", "``") + "`" }

// repointScript leads a replica to another primary, by the account that it has, and waits until it follows.
const repointScript = `
case "$CLIENT" in
mariadb)
	status() { vertical 'SHOW SLAVE STATUS'; }
	sql "STOP SLAVE; CHANGE MASTER TO MASTER_HOST = '$NEW', MASTER_PORT = $GAMEDAY_PORT; START SLAVE"
	follows='Slave_IO_Running: Yes.*Slave_SQL_Running: Yes' ;;
*)
	status() { vertical 'SHOW REPLICA STATUS'; }
	sql "STOP REPLICA; CHANGE REPLICATION SOURCE TO SOURCE_HOST = '$NEW', SOURCE_PORT = $GAMEDAY_PORT; START REPLICA"
	follows='Replica_IO_Running: Yes.*Replica_SQL_Running: Yes' ;;
esac
i=0
until status | tr '\n' ' ' | grep -q "$follows"; do
	i=$((i + 1)); test $i -lt 300 || { echo "it does not follow: $(status | sed -n 's/^ *\(Last_[IS][A-Z]*_Error: ..*\)/\1/p')" >&2; exit 1; }
	sleep 0.1
done`

// repoint leads the other replicas to the new primary. One that cannot be reached is left as it is, and said.
func (f *failover) repoint(ctx context.Context) error {
	for _, h := range f.others {
		if h.Name() == f.best.Name() {
			continue
		}
		if err := f.follow(ctx, h); err != nil {
			return fmt.Errorf("%s: %w", h.Name(), err)
		}
	}
	return nil
}

func (f *failover) follow(ctx context.Context, h mysqlhost.Host) error {
	if _, err := f.state(ctx, h); err != nil {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		return h.Say("it cannot be reached, and does not follow: rebuild it")
	}
	if _, err := h.Sh(ctx, repointScript, map[string]string{"NEW": f.best.Name()}); err != nil {
		return err
	}
	return h.Say("it follows %s", f.best.Name())
}
