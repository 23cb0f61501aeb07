package faults_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/recoverydrill/gameday/faults"
	"github.com/recoverydrill/gameday/faults/faulttest"
	"github.com/recoverydrill/gameday/fixtures"
)

// one is a fault on a system that goes through several.
type one struct {
	fault   func() faults.Fault
	engines []string                                     // nil is all of them
	changes func(*testing.T, *faulttest.Subject)         // of the subject; nil is none
	after   func(context.Context, fixtures.System) error // brings the system back where the fault cannot be healed
}

// through leads one system of each engine through faults that leave the data alone.
func through(t *testing.T, engine string, l layout, all []one) {
	t.Helper()
	sys, guard := start(t, engine, l)
	for _, o := range all {
		if !o.on(engine) {
			continue
		}
		name := o.fault().Describe()
		t.Run(name.Name+": "+name.Detail, func(t *testing.T) {
			s := confined(subject(t, sys, guard, o.fault))
			if o.changes != nil {
				o.changes(t, &s)
			}
			faulttest.Fault(t, s)
			if o.after == nil {
				return
			}
			if err := o.after(t.Context(), sys); err != nil {
				t.Fatal(err)
			}
		})
	}
}

func (o one) on(engine string) bool {
	for _, e := range o.engines {
		if e == engine {
			return true
		}
	}
	return o.engines == nil
}

// gone is for a fault while whose standby cannot be asked.
func gone(_ *testing.T, s *faulttest.Subject) { s.Stays, s.Gone = nil, s.Stays }

const replication = "replication standby-1"

var networkFaults = []one{
	{fault: func() faults.Fault { return faults.CutNetwork() }},
	{fault: func() faults.Fault { return faults.CutNetwork(replication) }},
	{fault: func() faults.Fault { return faults.CutOneWay(fixtures.ToServer) }},
	{fault: func() faults.Fault { return faults.CutOneWay(fixtures.ToClient) }},
	{fault: func() faults.Fault { return faults.CutOneWay(fixtures.ToClient).On(replication) }},
	{fault: func() faults.Fault { return faults.SlowNetwork(40*time.Millisecond, 5*time.Millisecond) }},
	{fault: func() faults.Fault { return faults.SlowNetwork(800*time.Millisecond, 100*time.Millisecond) }},
	{fault: func() faults.Fault { return faults.SlowNetwork(300*time.Millisecond, 0).On(replication) }},
	{fault: func() faults.Fault { return faults.NarrowNetwork(500_000) }},
	{fault: func() faults.Fault { return faults.SlowClose(700 * time.Millisecond) }},
	{fault: func() faults.Fault { return faults.ResetConnections() }},
	{fault: func() faults.Fault { return faults.CutAfter(200) }},
	{fault: func() faults.Fault { return faults.CutAfter(4_000_000) }},
	{fault: func() faults.Fault { return faults.FlapNetwork(400 * time.Millisecond) }},
	{fault: func() faults.Fault {
		return &faults.Flapping{Only: []string{replication}, Period: 300 * time.Millisecond, Duty: 0.8}
	}},
	{fault: func() faults.Fault { return faults.CutVault() }},
	{fault: func() faults.Fault { return faults.IsolateNode("standby-1") }, changes: gone},
	{fault: func() faults.Fault { return faults.IsolateNode("") }},
}

// TestFalseAlarm blinds the health check, and nothing else.
func TestFalseAlarm(t *testing.T) {
	full(t)
	through(t, onPostgres, layout{Standbys: 1}, []one{{fault: func() faults.Fault { return faults.BlindMonitor() }}})
}

func TestNetwork(t *testing.T) {
	full(t)
	for _, engine := range servers {
		t.Run(engine, func(t *testing.T) {
			all := networkFaults
			if engine != onPostgres {
				all = append([]one{{fault: func() faults.Fault { return faults.BlindMonitor() }}}, all...)
			}
			through(t, engine, layout{Standbys: 1}, all)
		})
	}
}

// A store in a file has no network: each of these faults says what it lacks, and does nothing.
func TestNetworkOfAFile(t *testing.T) {
	sys, guard := start(t, onSQLite, layout{})
	for _, o := range append([]one{{fault: func() faults.Fault { return faults.BlindMonitor() }}}, networkFaults...) {
		f := o.fault()
		if _, isolates := f.(*faults.Isolation); isolates {
			f = faults.IsolateNode("")
		}
		if _, err := faults.Inject(t.Context(), f, sys, guard, fixtures.NewClock()); !errors.Is(err, fixtures.ErrUnsupported) {
			t.Errorf("%s: got %v", f.Describe().Name, err)
		}
	}
}
