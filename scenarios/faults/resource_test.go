package faults_test

import (
	"errors"
	"testing"
	"time"

	"github.com/recoverydrill/gameday/faults"
	"github.com/recoverydrill/gameday/fixtures"
)

const mib = 1 << 20

// resourceFaults are in the order in which a system can go through them: after the last it is for a recovery.
var resourceFaults = []one{
	{fault: func() faults.Fault { return faults.StepClock("", 2*time.Hour) }},
	{fault: func() faults.Fault { return faults.FillVault() }},
	{fault: func() faults.Fault { return faults.AbandonSlot() }, engines: []string{onPostgres}},
	{fault: func() faults.Fault { return faults.StickArchive() }, engines: []string{onPostgres}},
	{fault: func() faults.Fault { return faults.FillDisk("standby-1") }, changes: gone},
	{fault: func() faults.Fault { return faults.ExhaustMemory() }, after: again("primary")},
	{fault: func() faults.Fault { return faults.FillLog() }, engines: []string{onPostgres}},
}

func TestResources(t *testing.T) {
	full(t)
	for _, engine := range servers {
		t.Run(engine, func(t *testing.T) {
			through(t, engine, layout{Standbys: 1, Memory: 1500 * mib, Disk: 700 * mib, VaultDisk: 400 * mib}, resourceFaults)
		})
	}
}

// A full disk is a test of its own: a server may need a restart, or a minute, until it writes again.
func TestFullDisk(t *testing.T) {
	full(t)
	for _, engine := range servers {
		t.Run(engine, func(t *testing.T) {
			through(t, engine, layout{Disk: 700 * mib}, []one{{fault: func() faults.Fault { return faults.FillDisk("") }}})
		})
	}
}

// What has no limit is this machine's: it is never used up.
func TestWhatHasNoLimitIsLeftAlone(t *testing.T) {
	full(t)
	sys, guard := start(t, onPostgres, layout{})
	for _, f := range []faults.Fault{faults.FillDisk(""), faults.FillVault(), faults.FillLog(), faults.ExhaustMemory()} {
		_, err := faults.Inject(t.Context(), f, sys, guard, fixtures.NewClock())
		if !errors.Is(err, fixtures.ErrUnsupported) {
			t.Errorf("%s: got %v", f.Describe().Name, err)
		}
		t.Logf("%s: %v", f.Describe().Name, err)
	}
}
