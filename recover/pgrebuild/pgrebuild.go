// Package pgrebuild is the reference procedure for a PostgreSQL standby whose disk holds something else than the primary's:
// it is stopped, copied anew from a sound server by pg_basebackup, and follows the primary again. What it held is removed
// once the copy is complete, and not before.
//
// Without the name of a standby it reads all that each standby holds, and takes the one that cannot be read; when all can,
// it refuses. It may be run again after it was killed.
package pgrebuild

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/recoverydrill/gameday/fixtures"
	recovery "github.com/recoverydrill/gameday/recover"
	"github.com/recoverydrill/gameday/recover/pgserver"
)

// Procedure is one rebuild.
type Procedure struct {
	Node  string        // which standby; "" finds the one that cannot be read
	Limit time.Duration // for it to stream and to have caught up; default 2 min
}

var (
	_ recovery.Recovery    = Procedure{}
	_ recovery.Planner     = Procedure{}
	_ recovery.Preflighter = Procedure{}
)

// Standby is a rebuild of that standby; "" finds the one that cannot be read.
func Standby(name string) Procedure { return Procedure{Node: name} }

// Name is what reports call it.
func (Procedure) Name() string { return "pgrebuild" }

// Recover runs the procedure.
func (p Procedure) Recover(ctx context.Context, job recovery.Job) error {
	r, err := p.rebuild(job)
	if err != nil {
		return err
	}
	return job.Run(ctx, r.steps()...)
}

// Plan says what Recover would do.
func (p Procedure) Plan(_ context.Context, job recovery.Job) (recovery.Plan, error) {
	r, err := p.rebuild(job)
	if err != nil {
		return recovery.Plan{}, err
	}
	return recovery.PlanOf(r.steps()...), nil
}

// Preflight looks for room for a second copy on the standby.
func (p Procedure) Preflight(ctx context.Context, job recovery.Job) ([]recovery.Need, error) {
	r, err := p.rebuild(job)
	if err != nil {
		return nil, err
	}
	size, err := r.primary.Ask(ctx, "postgres", `SELECT sum(pg_database_size(oid))::bigint + pg_size_bytes(current_setting('wal_segment_size')) * 2 FROM pg_database`)
	if err != nil {
		return nil, fmt.Errorf("ask the primary for its size: %w", err)
	}
	var needs []recovery.Need
	for _, s := range r.candidates {
		free, err := s.Sh(ctx, `echo $(($(df -Pk "${data%/*}" | tail -n 1 | awk '{print $4}') * 1024))`, nil)
		if err != nil {
			return nil, fmt.Errorf("look for room on node %q: %w", s.Name(), err)
		}
		n := recovery.Need{Resource: recovery.NeedsDisk, Where: s.Name(), Detail: "a copy of the primary beside the old one"}
		_, _ = fmt.Sscan(size, &n.Needed)
		_, _ = fmt.Sscan(free, &n.Available)
		n.Met = n.Needed > 0 && n.Available >= n.Needed
		needs = append(needs, n)
	}
	return needs, nil
}

// rebuild is one rebuild under way.
type rebuild struct {
	primary    pgserver.Server
	candidates []pgserver.Server
	named      bool
	bad        pgserver.Server
	limit      time.Duration
}

func (p Procedure) rebuild(job recovery.Job) (*rebuild, error) {
	name, _, _ := strings.Cut(job.Env["GAMEDAY_PRIMARY"], ":")
	primary, err := pgserver.Named(job, name)
	if err != nil {
		return nil, fmt.Errorf("pgrebuild: %w", err)
	}
	r := &rebuild{primary: primary, limit: p.Limit, named: p.Node != ""}
	if r.limit <= 0 {
		r.limit = 2 * time.Minute
	}
	for _, m := range job.System.Members() {
		if m.Node.Name() == p.Node || (p.Node == "" && m.Role == fixtures.Standby) {
			r.candidates = append(r.candidates, pgserver.On(job, m.Node))
		}
	}
	if len(r.candidates) == 0 || p.Node == name {
		return nil, fmt.Errorf("pgrebuild: there is no standby %q", p.Node)
	}
	return r, nil
}

func (r *rebuild) steps() []recovery.Step {
	which := "the standby that cannot be read"
	if r.named {
		which = r.candidates[0].Name()
	}
	return []recovery.Step{
		{Name: "look at the standbys", Does: "find " + which + ", and refuse if all is well or the primary cannot be read itself", Do: r.look},
		{Name: "copy the primary", Does: "pg_basebackup from " + r.primary.Name() + " beside the old data directory, every page verified", Do: r.copy},
		{Name: "exchange the copies", Does: "stop the standby, and put the new data directory in the place of the old one", Do: r.exchange},
		{Name: "follow the primary", Does: "start it, and wait until it streams and has applied what the primary has", Do: r.follow},
		{Name: "remove the old copy", Does: "remove the old data directory", Do: r.remove},
	}
}

// readAll reads every row that a server holds, and throws it away.
const readAll = `
dbs=$(sql -d postgres -c "SELECT datname FROM pg_database WHERE datallowconn ORDER BY 1") # in the loop its status would be lost
[ -n "$dbs" ]
for db in $dbs; do
  "$bin/pg_dump" -h /tmp --no-sync -d "$db" --format=custom --compress=0 --file=/dev/null || exit 3
done`

// look finds the standby to rebuild. A standby that an earlier run has taken apart is the one.
func (r *rebuild) look(ctx context.Context) error {
	if _, err := r.primary.Sh(ctx, readAll, nil); err != nil {
		return recovery.Refuse("the primary %s cannot be read itself (%v): a copy of it would be no better", r.primary.Name(), err)
	}
	var bad []pgserver.Server
	for _, s := range r.candidates {
		half, err := s.Sh(ctx, `if [ -e "$data.new" ] || [ -e "$data.old" ]; then echo half; fi`, nil)
		if err != nil {
			return err
		}
		if _, err := s.Sh(ctx, readAll, nil); err != nil || half != "" || r.named {
			s.Say("%s is to be built anew", s.Name())
			bad = append(bad, s)
		}
	}
	switch len(bad) {
	case 0:
		return recovery.Refuse("every standby can be read: there is nothing to build anew")
	case 1:
		r.bad = bad[0]
		return nil
	}
	return recovery.Refuse("%d standbys cannot be read: name the one to begin with", len(bad))
}

// copy makes the new data directory beside the old one. How to connect, and the replication slot, are the old one's.
func (r *rebuild) copy(ctx context.Context) error {
	_, err := r.bad.Sh(ctx, `
if [ -e "$data.ready" ]; then exit 0; fi
rm -rf "$data.new"
conf=$data; [ -e "$conf/PG_VERSION" ] || conf=$data.old
info=$("$bin/postgres" -D "$conf" -C primary_conninfo); slot=$("$bin/postgres" -D "$conf" -C primary_slot_name)
[ -n "$info" ] || { echo "$conf does not say how to reach the primary (primary_conninfo)" >&2; exit 1; }
"$bin/pg_basebackup" -d "$info" -w -D "$data.new" -X stream -c fast -R
[ -z "$slot" ] || echo "primary_slot_name = '$slot'" >>"$data.new/postgresql.auto.conf"
touch "$data.ready"`, nil)
	return err
}

func (r *rebuild) exchange(ctx context.Context) error {
	_, err := r.bad.Sh(ctx, `
[ -e "$data.ready" ] || exit 0
if [ -e "$data.new" ]; then
  if [ -e "$data/PG_VERSION" ]; then
    running && { "$bin/pg_ctl" stop --pgdata="$data" --mode=fast --wait --silent || "$bin/pg_ctl" stop --pgdata="$data" --mode=immediate --wait --silent; } || :
    rm -rf "$data.old"; mv "$data" "$data.old"
  fi
  mv "$data.new" "$data"
fi
rm "$data.ready"`, nil)
	return err
}

func (r *rebuild) follow(ctx context.Context) error {
	to, err := r.primary.Ask(ctx, "postgres", `SELECT pg_current_wal_lsn()`)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, r.limit)
	defer cancel()
	_, err = r.bad.Sh(ctx, `
running || start
until [ "$(sql -d postgres -c "SELECT status = 'streaming' AND pg_last_wal_replay_lsn() >= '$TO' FROM pg_stat_wal_receiver" 2>/dev/null)" = t ]; do
  running || { why; exit 1; }
  sleep 0.2
done`, map[string]string{"TO": to})
	return err
}

func (r *rebuild) remove(ctx context.Context) error {
	_, err := r.bad.Sh(ctx, `rm -rf "$data.old"`, nil)
	return err
}
