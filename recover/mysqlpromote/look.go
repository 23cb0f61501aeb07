package mysqlpromote

import (
	"context"
	"errors"
	"strings"
	"time"

	recovery "github.com/recoverydrill/gameday/recover"
	"github.com/recoverydrill/gameday/recover/mysqlhost"
)

// askLimit is how long a machine may take to answer: one that is frozen never does.
const askLimit = 15 * time.Second

// state is what a server says about itself.
type state struct {
	replica  bool   // it is configured as one
	writable bool   // clients may write
	promoted string // in whose place, and in which run, this procedure has made it a primary, or was about to
	received string // all transactions that it has applied or has in its relay log
}

func (s state) serving() bool { return !s.replica && s.writable }

// lastNote prints the last of the lines by which this procedure marks a configuration: a server may be promoted and fenced
// many times.
const lastNote = `
last_note() { sed -n '/^# fenced$/p; /^# promoted /p' "$GAMEDAY_CONFIG" 2>/dev/null | tail -n 1; }
`

// stateScript prints whether it is a replica, whether it takes writes, what it has received, and what was made of it.
const stateScript = lastNote + `
note=$(last_note)
case "$note" in '# promoted instead of '*) echo "promoted=${note#\# promoted instead of }" ;; esac
case "$CLIENT" in
mariadb)
	status=$(vertical 'SHOW SLAVE STATUS')
	got=$(echo "$status" | sed -n 's/^ *Gtid_IO_Pos: //p' | tr -d ' ')
	echo "replica=${status:+yes}"
	echo "writable=$(sql 'SELECT NOT @@read_only')"
	echo "applied=$(sql 'SELECT @@gtid_current_pos')"
	echo "received=$got" ;;
*)
	echo "replica=$(sql "SELECT 'yes' FROM performance_schema.replication_connection_configuration LIMIT 1")"
	echo "writable=$(sql 'SELECT NOT @@read_only AND NOT @@super_read_only')"
	echo "applied=$(sql "SELECT replace(@@gtid_executed, '\n', '')")"
	echo "received=$(sql "SELECT replace(received_transaction_set, '\n', '') FROM performance_schema.replication_connection_status LIMIT 1")" ;;
esac`

// state asks a server on its own machine.
func (f *failover) state(ctx context.Context, h mysqlhost.Host) (state, error) {
	ctx, cancel := context.WithTimeout(ctx, askLimit)
	defer cancel()
	out, err := h.Sh(ctx, stateScript, nil)
	if err != nil {
		return state{}, err
	}
	is := map[string]string{}
	for line := range strings.Lines(out) {
		name, value, _ := strings.Cut(strings.TrimSpace(line), "=")
		is[name] = value
	}
	s := state{replica: is["replica"] == "yes", writable: is["writable"] == "1", promoted: is["promoted"]}
	s.received, err = f.union(ctx, h, is["applied"], is["received"])
	return s, err
}

// union is all that is in either of two sets. Of MariaDB's, which name the last transaction of each domain, one reaches
// further.
func (f *failover) union(ctx context.Context, h mysqlhost.Host, applied, received string) (string, error) {
	if !h.IsMariaDB() {
		return strings.Trim(applied+","+received, ","), nil
	}
	further, err := h.Contains(ctx, applied, received)
	if err != nil || further {
		return applied, err
	}
	return received, nil
}

// look refuses when the primary serves, and where another server takes writes already: only the note of an earlier run says
// that the primary was fenced before that, and that no replica had received more. Without it somebody may have made a replica
// writable by accident, or on another day.
func (f *failover) look(ctx context.Context) error {
	promoted := ""
	for _, h := range f.others {
		s, err := f.state(ctx, h)
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if err != nil {
			if err := h.Say("it cannot be asked: %v", err); err != nil {
				return err
			}
			continue
		}
		if !s.serving() {
			continue
		}
		if f.taken {
			return recovery.Refuse("%s and %s both take writes already: somebody must choose between them", f.best.Name(), h.Name())
		}
		f.best, f.taken, f.goal, promoted = h, true, s.received, s.promoted
	}
	if f.taken && promoted == f.place {
		return f.best.Say("it was promoted before")
	}
	if f.taken || !f.damaged {
		if err := f.lost(ctx); err != nil {
			return err
		}
	}
	if f.taken {
		return recovery.Refuse("%s takes writes already, and no earlier run has promoted it: what it has not received is not known. Send clients there yourself, or take it out", f.best.Name())
	}
	return nil
}

// lost refuses when the primary serves. Its own node's word is not enough, and neither is a monitor's: a replica that
// reaches it over the network says that it lives.
func (f *failover) lost(ctx context.Context) error {
	two := ""
	if f.taken {
		two = "; " + f.best.Name() + " takes writes too, and no earlier run has promoted it: somebody must choose between them"
	}
	for _, h := range f.others {
		if f.reaches(ctx, h) {
			return recovery.Refuse("the primary %s serves: %s reaches it over the network, and it takes writes: nothing was promoted%s", f.old.Name(), h.Name(), two)
		}
	}
	if s, err := f.state(ctx, f.old); err == nil && s.serving() {
		return recovery.Refuse("the primary %s serves on its own node, though no replica reaches it: mend the network, or say that it is to be given up%s", f.old.Name(), two)
	}
	return ctx.Err()
}

// reaches tells whether the primary takes writes, as seen from another machine.
func (f *failover) reaches(ctx context.Context, from mysqlhost.Host) bool {
	ctx, cancel := context.WithTimeout(ctx, askLimit)
	defer cancel()
	out, err := from.Sh(ctx, `
MYSQL_PWD=$GAMEDAY_PASSWORD timeout 8 "$CLIENT" --no-defaults --host="$OLD" --port="$GAMEDAY_PORT" --user="$GAMEDAY_USER" --connect-timeout=3 \
	--batch --skip-column-names --execute='SELECT @@read_only' 2>/dev/null || :`, map[string]string{"OLD": f.old.Name()})
	return err == nil && out == "0"
}

// fenceScript ends the server the hard way, whatever is left of its files, and once more when whoever starts it again finds
// it read-only: the last of two equal settings wins.
const fenceScript = lastNote + `
end() { until test -z "$(ours)"; do stop KILL; done; }
end
test -e "$GAMEDAY_CONFIG" || { echo "it is stopped, and has no configuration to be started with"; exit 0; }
test "$(last_note)" = '# fenced' || {
	printf '# fenced\nread_only = "ON"\nevent_scheduler = "OFF"\n' >>"$GAMEDAY_CONFIG"
	test "$CLIENT" = mariadb || echo 'super_read_only = "ON"' >>"$GAMEDAY_CONFIG"
	sync "$GAMEDAY_CONFIG"
}
end
echo "it is stopped, and takes no writes when it is started"`

// fence makes sure that the old primary takes no more writes, now and after a restart.
func (f *failover) fence(ctx context.Context) error {
	limited, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	said, err := f.old.Sh(limited, fenceScript, nil)
	if err == nil {
		return f.old.Say("%s", said)
	}
	if ctx.Err() != nil {
		return ctx.Err()
	}
	// The machine itself cannot be reached. That is enough only if nobody else reaches its server either.
	asked := 0
	for _, h := range f.others {
		if _, errAsk := f.state(ctx, h); errAsk != nil {
			continue
		}
		if f.reaches(ctx, h) {
			return recovery.Refuse("the old primary %s cannot be stopped (%v) and %s reaches its server: cut it off first", f.old.Name(), err, h.Name())
		}
		asked++
	}
	if asked == 0 {
		return recovery.Refuse("the old primary %s cannot be stopped (%v), and no other node could say whether its server is out of reach", f.old.Name(), err)
	}
	return f.old.Say("it cannot be stopped (%v); none of %d other nodes reaches its server", err, asked)
}

// choose compares what the replicas have received. Of two that have the same, one that an earlier run has begun to promote
// is taken, else the first.
func (f *failover) choose(ctx context.Context) error {
	if f.taken {
		return nil
	}
	best := state{}
	for _, h := range f.others {
		s, err := f.state(ctx, h)
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if err != nil {
			continue
		}
		if err := h.Say("it has received %s", s.received); err != nil {
			return err
		}
		if f.best.Node == nil {
			f.best, best = h, s
			continue
		}
		ahead, err := h.Contains(ctx, s.received, best.received)
		if err != nil {
			return err
		}
		behind, err := h.Contains(ctx, best.received, s.received)
		if err != nil {
			return err
		}
		switch {
		case !ahead && !behind:
			return recovery.Refuse("%s and %s each have transactions that the other has not: somebody must choose between them", f.best.Name(), h.Name())
		case !behind, ahead && best.replica && !s.replica:
			f.best, best = h, s
		}
	}
	if f.best.Node == nil {
		return errors.New("no replica can be asked")
	}
	f.goal = best.received
	return f.best.Say("it has most")
}
