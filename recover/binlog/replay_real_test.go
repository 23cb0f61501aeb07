package binlog

import (
	"context"
	"os"
	"testing"
	"time"

	"github.com/recoverydrill/gameday/fixtures"
	"github.com/recoverydrill/gameday/fixtures/mysql"
	"github.com/recoverydrill/gameday/recover/internal/labtest"
)

// restore is the procedure's part for a target, for its steps one by one.
func (l *bench) restore(kind Kind, m fixtures.Mark) *restore {
	l.t.Helper()
	r, err := To(kind).restore(l.job(m))
	labtest.NoError(l.t, err)
	return r
}

// refusals: with a part of the log missing or damaged the servers' own programs go on, or stop half way.
func (l *bench) refusals(t *testing.T) {
	labtest.NoError(t, l.restore(Position, l.mark).fetch(l.ctx))
	labtest.NoError(t, l.restore(Position, l.mark).startClosed(l.ctx))
	for _, c := range []struct{ name, damage, want string }{
		{"a file that is missing in the middle", `rm "$D/$(ls "$D" | sed -n '/'"$F"'/{n;p;}')"`, "the log goes on to"},
		{"the first file missing", `rm "$D/$F"`, "in which the backup ends"},
		{"sixteen bytes damaged", `printf xxxxxxxxxxxxxxxx | dd of="$D/$M" bs=1 seek=$(($(stat -c %s "$D/$M") / 2)) conv=notrunc 2>/dev/null`, "ERROR"},
		{"one letter of a value changed", `LC_ALL=C sed -i s/before/befqre/ "$D/$M"`, "rror"},
	} {
		l.on(`D=/data/broken; M=` + l.restore(Position, l.mark).target.File + `; F=$(sed -n s/^binlog_file=//p "$GAMEDAY_BACKUP/gameday-backup.info"); rm -rf $D; cp -a "$GAMEDAY_BINLOG_DIR" $D; ` + c.damage)
		r := l.restore(Position, l.mark)
		r.host.Job.Env = with(l.env, "GAMEDAY_BINLOG_DIR", "/data/broken")
		err := r.replay(l.ctx)
		if err == nil {
			t.Errorf("%s: no error", c.name)
			continue
		}
		wantError(t, err, c.want)
		t.Logf("%s: %v", c.name, err)
		if got := l.ask(rows); got != "" {
			t.Errorf("%s: half of it was replayed: %q", c.name, got)
		}
	}

	// A log that ends before the target is none of the programs' business: they end it with success.
	l.on(`rm -rf /data/broken; cp -a "$GAMEDAY_BINLOG_DIR" /data/broken`)
	r := l.restore(Position, l.mark)
	l.on("truncate -s " + l.boundary("/data/broken/"+r.target.File) + " /data/broken/" + r.target.File)
	r.host.Job.Env = with(l.env, "GAMEDAY_BINLOG_DIR", "/data/broken")
	wantError(t, r.replay(l.ctx), "the log ended before the target")
	for _, kind := range []Kind{Position, GTID, Time} {
		wantError(t, l.restore(kind, l.early).replay(l.ctx), "the backup is later than the target")
	}
	l.clear()
}

// boundary is where the second last event before the mark ends, in bytes.
func (l *bench) boundary(file string) string {
	l.t.Helper()
	program := map[string]string{"mysql": "mysqlbinlog", "mariadb": "mariadb-binlog"}[l.env["GAMEDAY_ENGINE"]]
	return l.on(program + " --stop-position=" + l.restore(Position, l.mark).target.Bytes + " " + file + " | grep -a '^# at' | awk '{print $3}' | uniq | tail -n 4 | head -n 1")
}

// killed ends the procedure at each step's beginning and a moment later, and runs it again: it must converge.
func (l *bench) killed(t *testing.T) {
	names := []string{}
	for _, s := range l.restore(Position, l.mark).steps() {
		names = append(names, s.Name)
	}
	moments := []time.Duration{100 * time.Millisecond}
	if os.Getenv("GAMEDAY_TESTS") == "all" {
		moments = []time.Duration{0, 100 * time.Millisecond, 400 * time.Millisecond}
	}
	for i, name := range names {
		for _, later := range moments {
			ctx, cancel := context.WithCancel(l.ctx)
			job := l.job(l.mark)
			job.Step = func(step string) {
				if step == name {
					time.AfterFunc(later, cancel)
					if later == 0 {
						cancel()
					}
				}
			}
			err := To("").Recover(ctx, job)
			cancel()
			t.Logf("killed %s after the beginning of %q: %v", later, name, err)
			l.cut = ""
			labtest.NoError(t, To("").Recover(l.ctx, l.job(l.mark)))
			if got := l.ask(rows); l.cut != "spare:3306" || got != "before" {
				t.Errorf("killed %s after the beginning of %q and run again: clients are sent to %q, where there is %q", later, name, l.cut, got)
			}
			if i < len(names)-1 { // what clients were not sent to; the rest is whole's
				l.clear()
			}
		}
	}
	l.clear()
}

func with(env map[string]string, name, value string) map[string]string {
	all := map[string]string{name: value}
	for k, v := range env {
		if k != name {
			all[k] = v
		}
	}
	return all
}

func (l *bench) otherKinds(t *testing.T) {
	for _, c := range []struct {
		kind   Kind
		target fixtures.Mark
		want   string
	}{
		{GTID, l.mark, "before"}, {Time, l.mark, "before"}, {Latest, fixtures.Mark{}, "after,before,later"}, {Position, l.same, ""},
	} {
		r := l.restore(c.kind, c.target)
		labtest.NoError(t, r.fetch(l.ctx))
		labtest.NoError(t, r.startClosed(l.ctx))
		labtest.NoError(t, r.replay(l.ctx))
		if got := l.ask(ownEvents); got != "0" {
			t.Errorf("recovery to %s: an event of the schedule came during the replay", c.kind)
		}
		if got := l.ask(rows); got != c.want {
			t.Errorf("recovery to %s brought back %q, want %q", c.kind, got, c.want)
		}
		a, err := l.spare.Address(l.ctx, mysql.Port)
		labtest.NoError(t, err)
		if err := l.system.Statement(l.ctx, a.Harness, "", "insert into moment values ('too early')"); err == nil {
			t.Errorf("recovery to %s: a client reached the server before it was ready", c.kind)
		}
		l.clear()
	}
}
