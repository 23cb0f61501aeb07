package faults

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/recoverydrill/gameday/fixtures"
)

// outages are the faults of networks, processes and resources, with whether clients lose answers by them.
func outages() map[Fault]bool {
	const standby, log = "standby-1", "replication standby-1"
	return map[Fault]bool{
		CutNetwork(): true, CutNetwork(clientsRoute): true, CutNetwork(log): false,
		CutOneWay(fixtures.ToServer): true, CutOneWay(fixtures.ToClient).On(log): false,
		SlowNetwork(50*time.Millisecond, 10*time.Millisecond): false, SlowNetwork(time.Second, 0): true, SlowNetwork(time.Second, 0).On(log): false,
		NarrowNetwork(1000): true, NarrowNetwork(100_000): false, SlowClose(time.Second): false,
		ResetConnections(): true, ResetConnections().On(log): false, CutAfter(100): true, CutAfter(1 << 20): false,
		FlapNetwork(time.Second): true, &Flapping{Only: []string{log}}: false,
		IsolateNode(""): true, IsolateNode("primary"): true, IsolateNode(standby): false,
		CutVault(): false, BlindMonitor(): false,
		KillServer(""): true, KillServer(standby): false, FreezeServer(""): true, FreezeServer(standby): false,
		PauseNode(""): true, PauseNode(standby): false, KillBackend(): true,
		FillDisk(""): true, FillDisk(standby): false, FillVault(): false, ExhaustMemory(): true, StepClock("", time.Hour): false,
		AbandonSlot(): false, StickArchive(): false, FillLog(): true,
	}
}

func TestOutagesAreSeenByClientsAndEverythingElseProvesItself(t *testing.T) {
	names := map[string]bool{}
	for f, outage := range outages() {
		d := f.Describe()
		if SeenByClock(f) != outage || IsSilent(f) == outage {
			t.Errorf("%s: %s: seen by clients %t, silent %t", d.Name, d.Detail, SeenByClock(f), IsSilent(f))
		}
		if _, proves := f.(Prover); !outage && !proves {
			t.Errorf("%s: %s: nobody could see it", d.Name, d.Detail)
		}
		if d.Name == "" || d.Class == "" || d.Detail == "" || strings.Contains(d.Detail, "\n") {
			t.Errorf("%+v", d)
		}
		names[d.Name] = true
	}
	if len(names) < 20 {
		t.Errorf("%d names: two kinds share one", len(names))
	}
}

func TestEnginesWithoutAnAbilityAreNamedByFaultsOfOutages(t *testing.T) {
	sys := fakeSystem{nodes: []fixtures.Node{fakeNode{t, "primary", nil}, fakeNode{t, "standby-1", nil}}}
	for f := range outages() {
		err := f.Inject(t.Context(), sys)
		if !errors.Is(err, fixtures.ErrUnsupported) {
			t.Errorf("%s: got %v", f.Describe().Name, err)
		}
		if h, ok := f.(Healer); ok {
			if err := h.Heal(t.Context(), sys); err != nil {
				t.Errorf("%s: healed although nothing was done: %v", f.Describe().Name, err)
			}
		}
	}
}

// routed is a system of which only the routes are real.
type routed struct {
	fakeSystem
	routes map[string]fixtures.Route
}

func (r routed) Routes() map[string]fixtures.Route { return r.routes }

// path is a route that remembers how often it was cut from where.
type path struct {
	fixtures.Route
	mu     sync.Mutex
	target string
	cut    bool
	cuts   int
}

func (p *path) Target() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.target
}

func (p *path) CutFrom(target string) (func(), bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.target != target || p.cut {
		return nil, false
	}
	p.cut = true
	p.cuts++
	return func() {
		p.mu.Lock()
		defer p.mu.Unlock()
		p.cut = false
	}, true
}

func (p *path) state() (cut bool, cuts int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.cut, p.cuts
}

func TestFlappingEndsWithHealingWithItsTimeAndWithItsPath(t *testing.T) {
	until := func(what string, ok func() bool) {
		t.Helper()
		for end := time.Now().Add(5 * time.Second); !ok(); time.Sleep(time.Millisecond) {
			if time.Now().After(end) {
				t.Fatal("not within 5 s: " + what)
			}
		}
	}
	for name, c := range map[string]struct {
		limit time.Duration
		end   func(*path, *Flapping)
	}{
		"healed":    {0, func(_ *path, f *Flapping) { _ = f.Heal(context.Background(), nil) }},
		"over":      {60 * time.Millisecond, func(*path, *Flapping) {}},
		"elsewhere": {0, func(p *path, _ *Flapping) { p.mu.Lock(); p.target = "b"; p.mu.Unlock() }},
	} {
		p := &path{target: "a"}
		f := &Flapping{Period: 10 * time.Millisecond, For: c.limit}
		ctx, cancel := context.WithCancel(t.Context())
		if err := f.Inject(ctx, routed{routes: map[string]fixtures.Route{clientsRoute: p}}); err != nil {
			t.Fatal(err)
		}
		if cut, _ := p.state(); !cut {
			t.Errorf("%s: not cut when Inject returns", name)
		}
		cancel() // it goes on in the background
		until(name+": three cuts", func() bool { _, cuts := p.state(); return cuts > 2 })
		c.end(p, f)
		until(name+": no more cuts", func() bool {
			_, before := p.state()
			time.Sleep(50 * time.Millisecond)
			cut, after := p.state()
			return !cut && before == after
		})
		if err := f.Heal(t.Context(), nil); err != nil {
			t.Error(err)
		}
		if _, err := f.Prove(t.Context(), nil); !errors.Is(err, ErrNotSeen) {
			t.Errorf("%s: it proves what is over: %v", name, err)
		}
	}
}

func TestImpairmentsThatNobodyCouldSeeAreRefused(t *testing.T) {
	sys := routed{routes: map[string]fixtures.Route{clientsRoute: &path{}, "replication standby-1": &path{}, monitorRoute: &path{}}}
	for _, f := range []Fault{
		SlowNetwork(5*time.Millisecond, 0), SlowNetwork(100*time.Millisecond, 95*time.Millisecond), NarrowNetwork(10_000).On("replication standby-1"),
		SlowClose(time.Second).On("replication standby-1"), ResetConnections().On(monitorRoute), ResetConnections().On("no such route"),
		&Flapping{Duty: 1}, &Flapping{Period: -1}, StepClock("", time.Second),
	} {
		err := f.Inject(t.Context(), sys)
		if err == nil || errors.Is(err, fixtures.ErrUnsupported) {
			t.Errorf("%s: got %v", f.Describe().Name, err)
		}
	}
}

func Example_choosing() {
	for _, f := range []Fault{SlowNetwork(200*time.Millisecond, 50*time.Millisecond), FlapNetwork(2 * time.Second), IsolateNode("standby-1")} {
		fmt.Println(f.Describe().Detail)
	}
	// Output:
	// on the routes clients, each way: 200ms ± 50ms of latency
	// the routes clients are cut for 1s every 2s
	// node standby-1 is off the network, and its server runs
}
