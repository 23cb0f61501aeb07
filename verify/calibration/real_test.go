package calibration_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/recoverydrill/gameday/fixtures/postgres"
	"github.com/recoverydrill/gameday/fixtures/postgres/postgrestest"
	"github.com/recoverydrill/gameday/fixtures/probe"
)

// realNames are the outages of a real server.
var realNames = []string{
	"PostgreSQL: its route cut for 500ms", "PostgreSQL: its route cut for 2s", "PostgreSQL: its route cut for 5s",
	"PostgreSQL: its processes stopped for 3s", "PostgreSQL: read-only for 1s",
}

// TestOutagesOfPostgres: the same by a real server, through the real route and the engine's own asker.
func TestOutagesOfPostgres(t *testing.T) {
	if os.Getenv("GAMEDAY_TESTS") != "all" {
		t.Skip("needs a PostgreSQL server, and a machine that has nothing else to do: GAMEDAY_TESTS=all")
	}
	s := postgrestest.Local(t, postgres.Cluster{})
	node := s.Members()[0].Node
	at := s.Route().Target()
	w := func() watched { return watched{dial: s.Dial, address: s.Route().Address} }
	// served is a client of its own, which connects and asks until it is answered: the true end of the outage.
	served := func(ctx context.Context) error {
		for n := 0; ; n++ {
			asker, err := s.Dial(ctx, s.Route().Address())
			if err == nil {
				err = asker.Ask(ctx, fmt.Sprintf("calibration-%p-%d-%d", t, time.Now().UnixNano(), n), probe.Canary{})
				_ = asker.Close() // it has only asked
			}
			if err == nil || ctx.Err() != nil {
				return err
			}
		}
	}
	cut := func(length time.Duration) func(context.Context, *moments) error {
		return func(ctx context.Context, m *moments) error {
			m.lose()
			if err := s.Route().Cut(ctx); err != nil {
				return err
			}
			m.pause(length)
			return m.mend(func() error { return errors.Join(s.Route().Restore(ctx), served(ctx)) })
		}
	}
	scripts := []func(context.Context, *moments) error{
		cut(500 * ms), cut(2 * time.Second), cut(5 * time.Second),
		func(ctx context.Context, m *moments) error {
			m.lose()
			m.declare = 1500 * ms // a freeze is seen when a question has not been answered for its limit
			if err := s.Freeze(ctx, node); err != nil {
				return err
			}
			m.pause(3 * time.Second)
			return m.mend(func() error { return errors.Join(s.Thaw(ctx, node), served(ctx)) })
		},
		func(ctx context.Context, m *moments) error {
			set := func(value string) error {
				return errors.Join(s.Statement(ctx, at, "postgres", "ALTER SYSTEM SET default_transaction_read_only = "+value), s.Statement(ctx, at, "postgres", "SELECT pg_reload_conf()"))
			}
			m.lose()
			if err := set("on"); err != nil {
				return err
			}
			m.pause(time.Second / 2) // the statement is answered before the sessions have read the setting
			m.declareNow()
			m.pause(time.Second / 2)
			return m.mend(func() error {
				return errors.Join(set("off"), served(ctx))
			})
		},
	}
	for i, script := range scripts {
		o := outage{name: realNames[i], slow: strings.HasSuffix(realNames[i], "5s"), script: script}
		t.Run(o.name, func(t *testing.T) { calibrateAlone(t, w, o) })
	}
}
