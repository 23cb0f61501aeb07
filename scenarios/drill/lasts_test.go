package drill

import (
	"context"
	"errors"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/recoverydrill/gameday/fixtures"
	"github.com/recoverydrill/gameday/fixtures/probe"
	"github.com/recoverydrill/gameday/reports"
)

// flaky is a client that answers until it is told not to.
type flaky struct{ fails *atomic.Int32 }

func (f flaky) Ask(context.Context, string, probe.Canary) error {
	if f.fails.Add(-1) >= 0 {
		return errors.New("reset")
	}
	return nil
}
func (flaky) Close() error { return nil }

// A connection that breaks once is no outage that a recovery could end; one after the other is.
func TestOneBrokenConnectionIsNoOutage(t *testing.T) {
	for fails, says := range map[int32]string{1: "well again by itself", 1 << 30: ""} {
		var left atomic.Int32
		clock := fixtures.NewClock()
		p, err := probe.Start(t.Context(), probe.Options{
			Dial: func(context.Context, string) (probe.Asker, error) {
				if left.Load() > 100 { // an outage is one for new clients too
					return nil, errors.New("refused")
				}
				return flaky{&left}, nil
			},
			Address: func() string { return "x" }, Clock: clock, Interval: 5 * time.Millisecond,
		})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = p.Stop(context.Background()) })
		d := &Drill{prober: p, clock: clock, rec: &reports.Record{}}
		d.scenario.Consecutive = 50
		if _, err := p.WaitCorrect(t.Context(), 0, 60); err != nil {
			t.Fatal(err)
		}
		since := clock.NowNS()
		if _, err := p.WaitCorrect(t.Context(), since, 60); err != nil { // it takes effect late
			t.Fatal(err)
		}
		left.Store(fails)
		if _, err := p.WaitBad(t.Context(), since); err != nil {
			t.Fatal(err)
		}
		if err := d.lasts(t.Context(), since); (err == nil) != (says == "") || (err != nil && !strings.Contains(err.Error(), says)) {
			t.Errorf("%d failures: got %v, want %q", fails, err, says)
		}
	}
}

// An outage that is over without any recovery is nothing that one could be credited with, however long it took.
func TestAnOutageThatEndsByItselfIsVoid(t *testing.T) {
	for fails, says := range map[int32]string{200: "without any recovery", 1 << 30: ""} {
		if says == "" && testing.Short() {
			continue // it is watched to the limit
		}
		var left atomic.Int32
		clock := fixtures.NewClock()
		p, err := probe.Start(t.Context(), probe.Options{
			Dial:    func(context.Context, string) (probe.Asker, error) { return flaky{&left}, nil },
			Address: func() string { return "x" }, Clock: clock, Interval: 5 * time.Millisecond,
		})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = p.Stop(context.Background()) })
		d := &Drill{prober: p, clock: clock, rec: &reports.Record{}}
		d.scenario.Consecutive = 50
		since := clock.NowNS()
		left.Store(fails)
		if _, err := p.WaitBad(t.Context(), since); err != nil {
			t.Fatal(err)
		}
		if err := d.outlasts(t.Context(), clock.NowNS()); (err == nil) != (says == "") || (err != nil && !strings.Contains(err.Error(), says)) {
			t.Errorf("%d failures: got %v, want %q", fails, err, says)
		}
	}
}
