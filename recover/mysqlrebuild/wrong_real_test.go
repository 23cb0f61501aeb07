package mysqlrebuild

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/recoverydrill/gameday/fixtures"
	"github.com/recoverydrill/gameday/fixtures/mysql"
	recovery "github.com/recoverydrill/gameday/recover"
	"github.com/recoverydrill/gameday/recover/internal/labtest"
)

// The old data is given up for a copy that was looked at, and a copy that follows is given up for nothing.
func TestTheReplicaOutlivesARunThatGoesWrong(t *testing.T) {
	for name, c := range map[string]mysql.Cluster{
		"mysql": {Standbys: 1}, "mariadb": {Flavour: mysql.MariaDB, Version: "10.11", Standbys: 1},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			l := newBench(t, c)
			l.unchecked()
			l.killedAtTheEnd()
			l.killedOnAnotherDay()
		})
	}
}

// What may stand in the place of the program that checks tables, besides a script.
const (
	nothing = "nothing"
	itself  = "itself"
)

// checkedBy puts something in the place of the replica's program that checks tables.
func (l *bench) checkedBy(as string) {
	l.t.Helper()
	name := map[string]string{"mysql": "mysqlcheck", "mariadb": "mariadb-check"}[l.client]
	_, err := l.system.Members()[replica].Node.Exec(l.ctx, fixtures.Command{Args: []string{"sh", "-euc", `
test -e /tmp/check.path || { command -v "$CHECK" >/tmp/check.path; cp "$(cat /tmp/check.path)" /tmp/check; }
p=$(cat /tmp/check.path); rm -f "$p"
case "$AS" in
nothing) ;;
itself) cp /tmp/check "$p" ;;
*) printf '#!/bin/sh\n%s\n' "$AS" >"$p"; chmod 0755 "$p" ;;
esac`}, Env: map[string]string{"CHECK": name, "AS": as}})
	labtest.NoError(l.t, err)
}

// unchecked: who cannot look has found no damage either.
func (l *bench) unchecked() {
	l.t.Helper()
	l.checkedBy(nothing)
	job := recovery.Job{System: l.system, Env: l.env}
	needs, err := Replica(l.system.Members()[replica].Node.Name()).Preflight(l.ctx, job)
	labtest.NoError(l.t, err)
	unmet := 0
	for _, n := range needs {
		if !n.Met && strings.HasPrefix(n.Detail, "not there: ") {
			unmet++
		}
	}
	if unmet != 1 {
		l.t.Errorf("without the program that checks, preflight says %+v", needs)
	}
	var refused *recovery.Refused
	if err := l.rebuild(l.ctx, func(string) {}); !errors.As(err, &refused) {
		l.t.Errorf("without the program that checks: %v", err)
	}
	l.until("first,mine")
	for _, as := range []string{`echo "$0: Got error: 1045: Access denied" >&2; exit 1`, "exit 0"} {
		l.checkedBy(as)
		if err := l.rebuild(l.ctx, func(string) {}); err == nil || !strings.Contains(err.Error(), "could not be checked") {
			l.t.Errorf("a copy that was checked by %q: %v", as, err)
		}
		l.until("first,mine")
		l.nothingLeft()
	}
	l.checkedBy(itself)
}

// killedAtTheEnd: the next run meets half of the old data, and a copy that follows. A new copy would fail.
func (l *bench) killedAtTheEnd() {
	l.t.Helper()
	l.kill()
	l.until("first")
	l.on(replica, `rm -rf "$GAMEDAY_DATADIR.old"/ib* "$GAMEDAY_DATADIR.gone"/ib*`, nil)
	l.checkedBy("exit 1")
	labtest.NoError(l.t, l.rebuild(l.ctx, func(string) {}))
	l.checkedBy(itself)
	l.ask(primary, "INSERT INTO app.moment VALUES ('second')")
	l.until("first,second")
	l.nothingLeft()
}

// kill ends a rebuild when there is nothing left to do but to remove the old data.
func (l *bench) kill() {
	l.t.Helper()
	ctx, kill := context.WithCancel(l.ctx)
	defer kill()
	err := l.rebuild(ctx, func(step string) {
		if step == "remove the old data" {
			kill()
		}
	})
	if !errors.Is(err, context.Canceled) {
		l.t.Errorf("killed: %v", err)
	}
}

// killedOnAnotherDay: what a run left that nobody repeated is no reason to leave a replica that somebody has written to since.
func (l *bench) killedOnAnotherDay() {
	l.t.Helper()
	l.kill()
	l.until("first,second")
	l.ask(replica, "SET GLOBAL read_only = OFF", "SET sql_log_bin = 0", "INSERT INTO app.moment VALUES ('mine')", "SET GLOBAL read_only = ON")
	l.until("first,mine,second")
	l.env["GAMEDAY_RUN"] = "another"
	labtest.NoError(l.t, l.rebuild(l.ctx, func(string) {}))
	l.until("first,second")
	l.nothingLeft()
}
