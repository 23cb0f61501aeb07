package faults

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/recoverydrill/gameday/fixtures"
)

// Flapping cuts routes and restores them again and again in the background, until it is healed or its time is over. It is
// of the path to where a route leads when it begins: clients that a recovery sends elsewhere have left it behind, and
// those that it sends back are cut off again. A service clock that wants more correct answers in a row than come between
// two cuts takes it for one outage.
type Flapping struct {
	// Only names the routes; empty is the clients' route.
	Only []string
	// Period is from one cut to the next; default 1 s.
	Period time.Duration
	// Duty is the part of a period during which the route is cut, more than 0 and less than 1; default 0.5.
	Duty float64
	// For is how long it goes on; 0 is until it is healed.
	For time.Duration

	mu     sync.Mutex
	cancel context.CancelFunc
	ended  sync.WaitGroup
	cuts   int
	on     bool
}

var (
	_ Fault   = (*Flapping)(nil)
	_ Healer  = (*Flapping)(nil)
	_ Outage  = (*Flapping)(nil)
	_ Prover  = (*Flapping)(nil)
	_ Silent  = (*Flapping)(nil)
	_ Passing = (*Flapping)(nil)
)

// FlapNetwork cuts the clients' route once in each period, for half of it.
func FlapNetwork(period time.Duration) *Flapping { return &Flapping{Period: period} }

func (f *Flapping) period() time.Duration {
	if f.Period == 0 {
		return time.Second
	}
	return f.Period
}

func (f *Flapping) cutFor() time.Duration {
	if f.Duty == 0 {
		return f.period() / 2
	}
	return time.Duration(f.Duty * float64(f.period()))
}

// Describe names the routes and the times, and afterwards how often they were cut.
func (f *Flapping) Describe() Description {
	routes := f.Only
	if len(routes) == 0 {
		routes = []string{clientsRoute}
	}
	d := Description{
		Name: "flapping network", Class: "network",
		Detail: fmt.Sprintf("the routes %s are cut for %s every %s", strings.Join(routes, ", "), f.cutFor(), f.period()),
	}
	if f.For > 0 {
		d.Detail += fmt.Sprintf(", for %s", f.For)
	}
	return d
}

// IsOutage is true where clients are hit.
func (f *Flapping) IsOutage() bool { return hitsClients(f.Only) }

// EndsByItself is true where its time is limited.
func (f *Flapping) EndsByItself() bool { return f.For > 0 && f.IsOutage() }

// IsSilent is true where they are not.
func (f *Flapping) IsSilent() bool { return !f.IsOutage() }

// Inject returns when the routes are cut for the first time.
func (f *Flapping) Inject(ctx context.Context, sys fixtures.System) error {
	if f.Period < 0 || f.For < 0 || f.Duty < 0 || f.Duty >= 1 {
		return fmt.Errorf("Flapping: Period %s, For %s, Duty %g: want times of 0 or more and a part of 0 or more below 1", f.Period, f.For, f.Duty)
	}
	routes, err := routesOf(sys, f.Only, clientsRoute, "let the network flap")
	if err != nil {
		return err
	}
	paths := map[fixtures.PathCutter]string{}
	for _, name := range slices.Sorted(maps.Keys(routes)) {
		cutter, ok := routes[name].(fixtures.PathCutter)
		if !ok {
			return unsupported(sys, "fixtures.PathCutter on route "+name, "let the network flap")
		}
		paths[cutter] = routes[name].Target()
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	life, cancel := context.WithCancel(context.WithoutCancel(ctx))
	if f.For > 0 {
		life, cancel = context.WithTimeout(context.WithoutCancel(ctx), f.For)
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.on {
		cancel()
		return errors.New("Flapping: it was injected already")
	}
	f.cancel, f.on = cancel, true
	restore := f.cut(paths)
	f.ended.Go(func() { f.flap(life, paths, restore) })
	return nil
}

// cut cuts all paths that still lead where they led. The caller holds the lock.
func (f *Flapping) cut(paths map[fixtures.PathCutter]string) (restore func()) {
	var all []func()
	for cutter, target := range paths {
		if one, ok := cutter.CutFrom(target); ok {
			all = append(all, one)
			f.cuts++
		}
	}
	return func() {
		for _, one := range all {
			one()
		}
	}
}

func (f *Flapping) flap(life context.Context, paths map[fixtures.PathCutter]string, restore func()) {
	wait := func(d time.Duration) bool {
		t := time.NewTimer(d)
		defer t.Stop()
		select {
		case <-t.C:
			return true
		case <-life.Done():
			return false
		}
	}
	for {
		on := wait(f.cutFor())
		restore()
		if !on || !wait(f.period()-f.cutFor()) {
			f.mu.Lock()
			f.on = false
			f.mu.Unlock()
			return
		}
		f.mu.Lock()
		restore = f.cut(paths)
		f.mu.Unlock()
	}
}

// Heal ends it and returns when nothing is cut any more.
func (f *Flapping) Heal(context.Context, fixtures.System) error {
	f.mu.Lock()
	cancel := f.cancel
	f.mu.Unlock()
	if cancel != nil {
		cancel()
	}
	f.ended.Wait()
	return nil
}

// Prove waits until the routes were cut a second time.
func (f *Flapping) Prove(ctx context.Context, _ fixtures.System) (string, error) {
	limit, cancel := context.WithTimeout(ctx, 3*f.period()+seenLimit)
	defer cancel()
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for {
		f.mu.Lock()
		cuts, on := f.cuts, f.on
		f.mu.Unlock()
		switch {
		case !on:
			return "", fmt.Errorf("%w: nothing flaps", ErrNotSeen)
		case cuts > max(1, len(f.Only)):
			return fmt.Sprintf("routes were cut %d times", cuts), nil
		}
		select {
		case <-tick.C:
		case <-limit.Done():
			return "", fmt.Errorf("%w: the routes were cut %d times only", ErrNotSeen, cuts)
		}
	}
}
