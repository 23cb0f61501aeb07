package faults_test

import (
	"context"
	"crypto/rand"
	"sync"
	"testing"

	"github.com/recoverydrill/gameday/faults"
	"github.com/recoverydrill/gameday/faults/faulttest"
	"github.com/recoverydrill/gameday/fixtures"
	"github.com/recoverydrill/gameday/fixtures/probe"
)

// again starts the server of a node that was killed.
func again(node string) func(context.Context, fixtures.System) error {
	return func(ctx context.Context, sys fixtures.System) error {
		for _, m := range sys.Members() {
			if m.Node.Name() == node {
				return sys.(fixtures.Controlled).StartServer(ctx, m.Node)
			}
		}
		return nil
	}
}

// kept lets the clients of the contract keep a connection, as those of a pool do: what ends connections and lets new ones
// in is seen by them alone.
func kept(t *testing.T, s *faulttest.Subject) {
	var mu sync.Mutex
	var asker probe.Asker
	s.Serves = func(ctx context.Context, sys fixtures.System) error {
		mu.Lock()
		defer mu.Unlock()
		if asker == nil {
			var err error
			dialer := sys.(interface {
				Dial(ctx context.Context, address string) (probe.Asker, error)
			})
			if asker, err = dialer.Dial(ctx, sys.Route().Address()); err != nil {
				return err
			}
		}
		err := asker.Ask(ctx, rand.Text(), probe.Canary{})
		if err != nil {
			_ = asker.Close()
			asker = nil
		}
		return err
	}
	s.Remains = nil // the connection itself would be one
	t.Cleanup(func() {
		if asker != nil {
			_ = asker.Close()
		}
	})
}

var processFaults = []one{
	{fault: func() faults.Fault { return faults.FreezeServer("standby-1") }, changes: gone},
	{fault: func() faults.Fault { return faults.KillServer("standby-1") }, changes: gone, after: again("standby-1")},
	{fault: func() faults.Fault { return faults.PauseNode("") }},
	{fault: func() faults.Fault { return faults.PauseNode("standby-1") }, changes: gone},
	{fault: func() faults.Fault { return faults.KillBackend() }, changes: kept},
	{fault: func() faults.Fault { return faults.KillServer("") }, after: again("primary")},
}

// TestFrozenServer freezes the server: it stands still with its connections open.
func TestFrozenServer(t *testing.T) {
	full(t)
	through(t, onPostgres, layout{}, []one{{fault: func() faults.Fault { return faults.FreezeServer("") }}})
}

func TestProcesses(t *testing.T) {
	full(t)
	for _, engine := range servers {
		t.Run(engine, func(t *testing.T) {
			all := processFaults
			if engine != onPostgres {
				all = append([]one{{fault: func() faults.Fault { return faults.FreezeServer("") }}}, all...)
			}
			through(t, engine, layout{Standbys: 1}, all)
		})
	}
}

// The application that holds a file open is the nearest that there is to its server.
func TestKilledApplication(t *testing.T) {
	full(t)
	through(t, onSQLite, layout{}, []one{{fault: func() faults.Fault { return faults.KillServer("") }, changes: gone, after: again("primary")}})
}
