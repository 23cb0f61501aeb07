package pgpromote

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	recovery "github.com/recoverydrill/gameday/recover"
	"github.com/recoverydrill/gameday/recover/pgserver"
)

// look refuses when the primary serves. Its own node's word is not enough, and neither is a monitor's: a standby that
// reaches it over the network, or still receives its log, says that it lives. That another node serves is no reason to give
// the primary up, or to send clients there, unless an earlier run has promoted it: that one has looked. Somebody's own
// promotion may have been of another day, and the other standbys may have received more since.
func (f *failover) look(ctx context.Context) error {
	ours, err := f.promotedBefore(ctx)
	if err != nil || ours || f.damaged && !f.taken {
		return err
	}
	alive, err := f.lives(ctx)
	switch {
	case err != nil:
		return err
	case f.taken && alive != "":
		return recovery.Refuse("%s and the primary %s both serve (%s), and no earlier run has promoted %s: somebody must choose between them", f.best.Name(), f.old.Name(), alive, f.best.Name())
	case f.taken:
		return recovery.Refuse("%s serves, and no earlier run has promoted it: what it has not received is not known. Send clients there yourself, or take it out", f.best.Name())
	case alive == "":
		return nil
	}
	return recovery.Refuse("the primary %s serves: %s: nothing was promoted. Mend what hides it, or say that it is to be given up", f.old.Name(), alive)
}

// promotedBefore looks for another node that serves, and whether an earlier run is the reason.
func (f *failover) promotedBefore(ctx context.Context) (ours bool, err error) {
	for _, s := range f.others {
		state, err := s.State(ctx)
		if err != nil {
			s.Say("%s cannot be asked: %v", s.Name(), err)
			continue
		}
		if state != pgserver.Serving {
			continue
		}
		if f.taken {
			return false, recovery.Refuse("%s and %s both serve already: somebody must choose between them", f.best.Name(), s.Name())
		}
		f.best, f.taken = s, true
	}
	if !f.taken {
		return false, nil
	}
	told, err := f.sh(ctx, f.best, `[ "$(cat "$stage" 2>/dev/null)" != "$mine" ] || echo ours`)
	if err != nil {
		return false, err
	}
	if told != "ours" {
		return false, nil
	}
	f.best.Say("%s was promoted before", f.best.Name())
	return true, nil
}

// sh runs a script with the stage at hand: a file beside the data directory (what lies inside is copied to standbys and into
// backups) in which a run writes, before it promotes the node, in whose place.
func (f *failover) sh(ctx context.Context, s pgserver.Server, script string) (string, error) {
	return s.Sh(ctx, `stage=$data.pgpromote-stage
mine="promoted in place of $OLD in run ${GAMEDAY_RUN:-no-run}"
`+script, map[string]string{"OLD": f.old.Name()})
}

// lives is how anybody knows that the primary serves, "" if nobody does.
func (f *failover) lives(ctx context.Context) (string, error) {
	for _, s := range f.others {
		alive, err := f.alive(ctx, s)
		if err != nil || alive != "" {
			return alive, err
		}
	}
	if state, err := f.old.State(ctx); err == nil && state == pgserver.Serving {
		return "its own node says so, though no other one reaches it", nil
	}
	return "", nil
}

// alive is how another node knows that the primary serves, "" if it does not know it. A connection alone is not enough: a
// frozen server keeps its own. A node whose server does not answer is no vantage point. Where another node serves, what a
// standby receives may be that one's.
func (f *failover) alive(ctx context.Context, s pgserver.Server) (string, error) {
	state, err := s.State(ctx)
	if err != nil || (state != pgserver.Standby && state != pgserver.Serving) {
		return "", nil //nolint:nilerr // it cannot see the primary, whatever the reason
	}
	return s.Sh(ctx, `
export PGPASSWORD=$GAMEDAY_PASSWORD PGCONNECT_TIMEOUT=3
host=${GAMEDAY_PRIMARY%:*}
if [ "$(timeout 5 "$bin/psql" -XAtq -h "$host" -p "$GAMEDAY_PORT" -U "$GAMEDAY_USER" -d postgres -c 'SELECT pg_is_in_recovery()' 2>/dev/null || :)" = f ]; then
  echo "$NODE reaches it over the network"; exit 0
fi
[ -z "$TAKEN" ] || exit 0
state() { sql -d postgres -F ' ' -c "SELECT status, latest_end_lsn FROM pg_stat_wal_receiver"; }
before=$(state)
case $before in streaming*) ;; *) exit 0 ;; esac
sleep 2
after=$(state)
case $after in
"$before") ;;
streaming*) echo "$NODE receives its log: ${after#* } after ${before#* }" ;;
esac`, map[string]string{"TAKEN": f.best.Name()})
}

// fenceScript stops the server the hard way and leaves a data directory that starts as a standby only. A server whose
// directory was removed runs on, and still answers those who are connected.
const fenceScript = `
there=
if [ -e "$data/PG_VERSION" ]; then
  there=yes
  touch "$data/standby.signal"
  running && "$bin/pg_ctl" stop --pgdata="$data" --mode=immediate --wait --timeout=20 --silent || :
fi
end_all KILL KILL
[ -n "$there" ] || { echo "nothing of it runs, and it has no data directory"; exit 0; }
sync "$data/standby.signal" "$data"
echo "it is stopped, and starts as a standby only"`

// fence makes sure that the old primary takes no more writes, now and after a restart.
func (f *failover) fence(ctx context.Context) error {
	limited, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	said, err := f.old.Sh(limited, fenceScript, nil)
	if err == nil {
		f.old.Say("%s: %s", f.old.Name(), said)
		return nil
	}
	if ctx.Err() != nil {
		return ctx.Err()
	}
	// The machine itself cannot be reached. That is enough only if nobody else reaches its server either.
	asked := 0
	for _, s := range f.others {
		out, errAsk := s.Sh(ctx, `if timeout 5 "$bin/pg_isready" -q -t 3 -h "${GAMEDAY_PRIMARY%:*}" -p "$GAMEDAY_PORT"; then echo answers; else echo silent; fi`, nil)
		if errAsk != nil {
			continue
		}
		if out == "answers" {
			return recovery.Refuse("the old primary %s cannot be stopped (%v) and %s reaches its server: cut it off first", f.old.Name(), err, s.Name())
		}
		asked++
	}
	if asked == 0 {
		return recovery.Refuse("the old primary %s cannot be stopped (%v), and no other node could say whether its server is out of reach", f.old.Name(), err)
	}
	f.old.Say("%s cannot be stopped (%v); none of %d other nodes reaches its server", f.old.Name(), err, asked)
	return nil
}

// position is how far a standby has come.
type position struct {
	bytes uint64
	text  string
}

// position is the later of what a standby has received and what it has replayed: it replays all of it before it is
// promoted, and one that reads from the archive receives nothing.
func (f *failover) position(ctx context.Context, s pgserver.Server) (position, error) {
	state, err := s.State(ctx)
	if err != nil {
		return position{}, err
	}
	if state != pgserver.Standby {
		return position{}, fmt.Errorf("%s is %s", s.Name(), state)
	}
	out, err := s.Ask(ctx, "postgres", `SELECT x - '0/0'::pg_lsn, x FROM (SELECT greatest(pg_last_wal_receive_lsn(), pg_last_wal_replay_lsn()) x) y`)
	if err != nil {
		return position{}, err
	}
	bytes, text, _ := strings.Cut(out, "|")
	n, err := strconv.ParseUint(bytes, 10, 64)
	if err != nil {
		return position{}, fmt.Errorf("%s does not say how far it has come: %q", s.Name(), out)
	}
	return position{n, text}, nil
}

func (f *failover) choose(ctx context.Context) error {
	if f.taken {
		return nil
	}
	var most position
	var errs []error
	for _, s := range f.others {
		at, err := f.position(ctx, s)
		if err != nil {
			errs = append(errs, err)
			continue
		}
		s.Say("%s has received %s", s.Name(), at.text)
		if f.best.Name() == "" || at.bytes > most.bytes {
			f.best, most = s, at
		}
	}
	if f.best.Name() == "" {
		return fmt.Errorf("there is no standby to promote: %w", errors.Join(errs...))
	}
	f.best.Say("%s has the most", f.best.Name())
	return nil
}

func (f *failover) promote(ctx context.Context) error {
	_, err := f.sh(ctx, f.best, `
state=$(sql -d postgres -c 'SELECT pg_is_in_recovery()')
[ "$state" = t ] || exit 0
echo "$mine" >"$stage.new"; sync "$stage.new"; mv "$stage.new" "$stage"; sync "${stage%/*}"
"$bin/pg_ctl" promote --pgdata="$data" --wait --timeout=60 --silent || { why; exit 1; }`)
	return err
}

// repoint leads every other standby to the new primary, by the connection that it has, with another host and port. What
// the new primary no longer holds of the log they take from the archive.
func (f *failover) repoint(ctx context.Context) error {
	var errs []error
	for _, s := range f.others {
		if s.Name() == f.best.Name() {
			continue
		}
		if state, err := s.State(ctx); err != nil || state != pgserver.Standby {
			s.Say("%s is no standby (%s): left alone", s.Name(), state)
			continue
		}
		if err := f.lead(ctx, s); err != nil {
			errs = append(errs, fmt.Errorf("let %s follow %s: %w", s.Name(), f.best.Name(), err))
		}
	}
	return errors.Join(append(errs, f.leadOld(ctx))...)
}

func (f *failover) lead(ctx context.Context, s pgserver.Server) error {
	slot, err := s.Ask(ctx, "postgres", `SHOW primary_slot_name`)
	if err != nil {
		return err
	}
	if err := f.slot(ctx, slot); err != nil {
		return err
	}
	limit, cancel := context.WithTimeout(ctx, f.follow)
	defer cancel()
	_, err = s.Sh(limit, `
info=$(sql -d postgres -c 'SHOW primary_conninfo' | sed "s/host=[^ ]*/host=$NEW/; s/port=[^ ]*/port=$GAMEDAY_PORT/")
sql -d postgres -v info="$info" -v restore="cp \"$GAMEDAY_VAULT/wal/%f\" \"%p\"" -f - <<'SQL'
ALTER SYSTEM SET primary_conninfo = :'info';
ALTER SYSTEM SET restore_command = :'restore';
ALTER SYSTEM SET recovery_target_timeline = 'latest';
SELECT pg_reload_conf();
SQL
until [ "$(sql -d postgres -c "SELECT status FROM pg_stat_wal_receiver WHERE sender_host = '$NEW'")" = streaming ]; do sleep 0.2; done`,
		map[string]string{"NEW": f.best.Name()})
	return err
}

// slot makes a replication slot on the new primary, if there is none of that name.
func (f *failover) slot(ctx context.Context, name string) error {
	if name == "" {
		return nil
	}
	_, err := f.best.Sh(ctx, `sql -d postgres -v slot="$SLOT" -f - <<'SQL'
SELECT pg_create_physical_replication_slot(:'slot', true) WHERE NOT EXISTS (SELECT FROM pg_replication_slots WHERE slot_name = :'slot');
SQL`, map[string]string{"SLOT": name})
	return err
}

// leadOld writes into the old primary's data directory where its log is to come from. It is not started: what it holds
// beyond the new primary's history must be rewound or copied anew first.
func (f *failover) leadOld(ctx context.Context) error {
	info, err := f.conninfo(ctx)
	if err != nil {
		return err
	}
	if info == "" {
		f.old.Say("no standby says how to connect to a primary: %s is fenced, and follows nobody", f.old.Name())
		return nil
	}
	_, err = f.old.Sh(ctx, `
[ -e "$data/standby.signal" ] || exit 0
sed -i '/^# pgpromote {$/,/^# pgpromote }$/d' "$data/postgresql.auto.conf"
cat >>"$data/postgresql.auto.conf" <<CONF
# pgpromote {
primary_conninfo = '$(echo "$INFO" | sed "s/host=[^ ]*/host=$NEW/; s/port=[^ ]*/port=$GAMEDAY_PORT/; s/application_name=[^ ]*/application_name=$NODE/; s/'/''/g")'
# pgpromote }
CONF
sync "$data/postgresql.auto.conf"`, map[string]string{"NEW": f.best.Name(), "INFO": info})
	if err != nil {
		f.old.Say("%s could not be told its new primary (%v): see to it before it is started", f.old.Name(), err)
	}
	return nil
}

// conninfo is how standbys connect to their primary.
func (f *failover) conninfo(ctx context.Context) (string, error) {
	return f.best.Ask(ctx, "postgres", `SHOW primary_conninfo`)
}
