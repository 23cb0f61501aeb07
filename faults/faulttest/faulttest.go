// Package faulttest is the contract of faults: whoever writes one tests it with [Fault], on every engine where it applies.
package faulttest

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/recoverydrill/gameday/faults"
	"github.com/recoverydrill/gameday/fixtures"
)

// Subject is a fault, and a system that it damages.
type Subject struct {
	// Fault makes the fault. Each call must give one that has not been injected.
	Fault func() faults.Fault
	// System is a running system of this run, with the guard that lets faults at it. It lives as long as t. It may have
	// been through other faults: the fault is judged by what it changes.
	System func(t *testing.T) (fixtures.System, faults.Guard)

	// Sees says what the checks of a drill see on a damaged store, one line for each finding; none if it is sound. nil
	// compares every digest and every object of the two manifests.
	Sees func(ctx context.Context, before, after View) ([]string, error)
	// SpreadsTo names the nodes and copies, apart from the store behind the route, that must hold the damage when the
	// fault says that it has spread. Stays names those that must be sound then. Every standby and every copy of the
	// system is in one of them; a node that is gone by then is in neither, and needs Gone.
	SpreadsTo, Stays []string
	// Gone names standbys and copies that cannot be asked while the fault is in force.
	Gone []string
	// At tells where the store of a node or copy is read, in the form that [fixtures.Surveyor] takes. nil is what the
	// environment of a recovery says: GAMEDAY_ADDRESS_<NAME>.
	At func(ctx context.Context, sys fixtures.System, place string) (string, error)

	// While runs clients beside the injection of a fault that needs them: it begins before it, and stop ends it. nil runs
	// none.
	While func(ctx context.Context, sys fixtures.System) (stop func(context.Context) error, err error)

	// Serves asks the service one question as a client would, over a connection of its own. nil dials the route as the
	// service clock does.
	Serves func(ctx context.Context, sys fixtures.System) error
	// Late is when an answer counts as none. The default is 2 s.
	Late time.Duration
	// Remains lists what only an engine can tell of: sessions, locks. It is asked before the fault and at its end. nil
	// is nothing.
	Remains func(ctx context.Context, sys fixtures.System) ([]string, error)
	// Unlocated excuses a faults.Locator from naming rows: a fault that is made of others is one, and may have none that is.
	Unlocated bool
	// Dirs are the directories on the nodes whose every byte is watched while a refused fault is tried. nil are those
	// that the environment of a recovery names.
	Dirs []string
}

// View is what was read of a store at one moment. Dir is the directory of the manifest's rows files.
type View struct {
	Manifest *fixtures.Manifest
	Dir      string
}

// partLimit is how long a part of the contract may take.
const partLimit = 10 * time.Minute

// Fault tests a fault on one system: it describes itself; it is refused where the system is not this run's, and not one byte
// changes; that nothing was injected is noticed; it takes effect and is seen; it spreads as declared; it heals, also
// after an injection that was cut short; and it leaves nothing behind.
func Fault(t *testing.T, s Subject) {
	t.Helper()
	if s.Fault == nil || s.System == nil {
		t.Fatal("faulttest.Subject: Fault and System are required")
	}
	b := &bench{Subject: s, fault: s.Fault(), dir: t.TempDir()}
	b.sys, b.guard = s.System(t)
	// Part of the clean-up, because a part that fails ends the test.
	t.Cleanup(func() {
		if err := faults.Heal(context.WithoutCancel(t.Context()), b.fault, b.sys); err != nil {
			t.Errorf("at the end: %v", err)
		}
	})
	for _, part := range []struct {
		name string
		test func(*bench, context.Context, *testing.T)
	}{
		{"describes itself", (*bench).describes},
		{"baseline", (*bench).begin},
		{"is refused on what this run did not create", (*bench).refused},
		{"a no-op is noticed", (*bench).noop},
		{"takes effect and is seen", (*bench).effect},
		{"spreads as declared", (*bench).spreads},
		{"heals", (*bench).heals},
		{"leaves nothing", (*bench).leavesNothing},
	} {
		began := time.Now()
		ok := t.Run(part.name, func(t *testing.T) {
			ctx, cancel := context.WithTimeout(t.Context(), partLimit)
			defer cancel()
			part.test(b, ctx, t)
		})
		if !ok {
			t.Fatalf("%s: %s: the rest means nothing", b.fault.Describe().Name, part.name)
		}
		t.Logf("%-45s %6.1f s", part.name, time.Since(began).Seconds())
	}
}

// bench is the fault with what is known of it so far.
type bench struct {
	Subject
	sys   fixtures.System
	guard faults.Guard
	fault faults.Fault
	first faults.Description

	dir    string // of all rows files
	nonce  string
	before map[string]View // by place; "" is the store behind the route
	there  traces
	took   time.Duration // of the injection
}

// describes holds the description against itself, before anything was done.
func (b *bench) describes(_ context.Context, t *testing.T) {
	b.first = b.fault.Describe()
	if b.first.Name == "" || b.first.Class == "" || b.first.Detail == "" {
		t.Errorf("name, class and detail are needed for a report: %+v", b.first)
	}
	for _, s := range []string{b.first.Name, b.first.Class, b.first.Detail} {
		if strings.Contains(s, "\n") {
			t.Errorf("want one line, got %q", s)
		}
	}
	if again := b.Fault().Describe(); again.Name != b.first.Name || again.Class != b.first.Class || again.Detail != b.first.Detail {
		t.Errorf("the same fault made again is another one: %+v, %+v", b.first, again)
	}
	if l, ok := b.fault.(faults.Locator); ok && len(l.Hit()) > 0 {
		t.Errorf("it has hit rows before it was injected: %v", l.Hit())
	}
	_, proves := b.fault.(faults.Prover)
	switch silent := faults.IsSilent(b.fault); {
	case silent && !proves:
		t.Error("a silent fault must be a faults.Prover: nobody else can see it")
	case silent && faults.SeenByClock(b.fault):
		t.Error("it is silent and an outage at once: the service clock sees it or does not")
	}
}

// begin reads everything before the fault.
func (b *bench) begin(ctx context.Context, t *testing.T) {
	for _, place := range b.copies() {
		n := 0
		for _, list := range [][]string{b.SpreadsTo, b.Stays, b.Gone} {
			for _, named := range list {
				if named == place {
					n++
				}
			}
		}
		if n != 1 {
			t.Fatalf("%q must be named once: in SpreadsTo, in Stays or in Gone", place)
		}
	}
	if err := b.guard.Check(ctx, b.sys); err != nil {
		t.Fatalf("the guard does not let faults at the system: %v", err)
	}
	if err := b.healthy(ctx); err != nil {
		t.Fatalf("the service is not healthy before the fault: %v", err)
	}
	b.nonce, b.before = newNonce(), map[string]View{}
	for _, place := range append([]string{""}, b.places()...) {
		v, err := b.view(ctx, place, nil)
		if err != nil {
			t.Fatalf("read %s before the fault: %v", called(place), err)
		}
		b.before[place] = v
	}
	var err error
	if b.there, err = b.trace(ctx); err != nil {
		t.Fatalf("look for traces before the fault: %v", err)
	}
}

// noop takes the injection away: nobody may call the fault proven then.
func (b *bench) noop(ctx context.Context, t *testing.T) {
	f := b.Fault()
	if p, ok := f.(faults.Prover); ok {
		if evidence, err := p.Prove(ctx, b.sys); err == nil {
			t.Errorf("nothing was injected, and it proves: %s", evidence)
		} else if !errors.Is(err, faults.ErrNotSeen) {
			t.Errorf("nothing was injected: want faults.ErrNotSeen, got %v", err)
		}
	}
	if err := b.healthy(ctx); err != nil {
		t.Errorf("nothing was injected, and the service does not answer: %v", err)
	}
	b.sound(ctx, t, "nothing was injected", append([]string{""}, b.Stays...))
	if err := faults.Heal(ctx, f, b.sys); err != nil {
		t.Errorf("heal what was not injected: %v", err)
	}
}

// effect injects, and wants the effect where the fault says that it is seen.
func (b *bench) effect(ctx context.Context, t *testing.T) {
	in, err := b.inject(ctx)
	if err != nil {
		t.Fatal(err)
	}
	b.took = time.Duration(in.EndNS - in.StartNS)
	t.Logf("injected in %v", b.took.Round(time.Millisecond))
	b.proven(ctx, t)
	switch {
	case faults.SeenByClock(b.fault):
		if err := b.outage(ctx); err != nil {
			t.Error(err)
		}
	case faults.IsSilent(b.fault):
		if err := b.healthy(ctx); err != nil {
			t.Errorf("it says that it is silent, and a client sees it: %v", err)
		}
		b.sound(ctx, t, "it says that it is silent", []string{""})
	default:
		b.damaged(ctx, t, "")
	}
	after := b.fault.Describe()
	if after.Name != b.first.Name || after.Class != b.first.Class || after.Detail == "" || strings.Contains(after.Detail, "\n") {
		t.Errorf("it was %+v and is now %+v: name and class must stay", b.first, after)
	}
	for _, n := range after.Notes {
		t.Log(n)
	}
}

// inject injects it, with clients beside it where it needs some.
func (b *bench) inject(ctx context.Context) (in faults.Injection, err error) {
	if b.While != nil {
		stop, err := b.While(ctx, b.sys)
		if err != nil {
			return in, fmt.Errorf("run clients: %w", err)
		}
		defer func() { err = errors.Join(err, stop(ctx)) }()
	}
	return faults.Inject(ctx, b.fault, b.sys, b.guard, fixtures.NewClock())
}

// proven asks the fault itself, where it can tell.
func (b *bench) proven(ctx context.Context, t *testing.T) {
	p, ok := b.fault.(faults.Prover)
	if !ok {
		return
	}
	evidence, err := p.Prove(ctx, b.sys)
	if err != nil || evidence == "" || strings.Contains(evidence, "\n") {
		t.Errorf("prove it: want one line, got %q (%v)", evidence, err)
	}
	t.Logf("proof: %s", evidence)
}

// spreads looks at every other node and copy.
func (b *bench) spreads(ctx context.Context, t *testing.T) {
	s, ok := b.fault.(faults.Spreader)
	if !ok && len(b.SpreadsTo) > 0 {
		t.Fatalf("it is to spread to %v, and is no faults.Spreader: a drill would not wait", b.SpreadsTo)
	}
	if ok {
		where, err := s.Propagate(ctx, b.sys)
		if err != nil {
			t.Fatal(err)
		}
		if where == "" {
			t.Error("it does not say where it has spread to")
		}
		t.Logf("spread to: %s", where)
		for _, place := range b.SpreadsTo {
			if !strings.Contains(where, place) {
				t.Errorf("it has spread to %q and says %q", place, where)
			}
		}
	}
	for _, place := range b.SpreadsTo {
		b.damaged(ctx, t, place)
	}
	b.sound(ctx, t, "the damage is to stay where it is", b.Stays)
}

// heals wants everything back as it was, twice, and after injections that were cut short.
func (b *bench) heals(ctx context.Context, t *testing.T) {
	if _, ok := b.fault.(faults.Healer); !ok {
		t.Log("it cannot be healed, and does not say that it can")
		return
	}
	for _, again := range []string{"healed", "healed a second time"} {
		if err := faults.Heal(ctx, b.fault, b.sys); err != nil {
			t.Fatal(err)
		}
		b.whole(ctx, t, b.fault, again)
	}
	for _, part := range []float64{0, 0.3, 0.8} {
		f := b.Fault()
		if err := b.guard.Check(ctx, b.sys); err != nil {
			t.Fatal(err)
		}
		cut, cancel := context.WithTimeout(ctx, time.Duration(part*float64(b.took)))
		err := f.Inject(cut, b.sys)
		cancel()
		if err := faults.Heal(ctx, f, b.sys); err != nil {
			t.Errorf("after an injection that was cut short: %v", err)
		}
		b.whole(ctx, t, f, fmt.Sprintf("cut short after %.0f %% of its time (%v) and healed", 100*part, err))
	}
}

// whole wants service and data as they were before.
func (b *bench) whole(ctx context.Context, t *testing.T, f faults.Fault, when string) {
	t.Helper()
	if err := b.healthy(ctx); err != nil {
		t.Fatalf("%s: the service does not answer: %v", when, err)
	}
	b.sound(ctx, t, when, append([]string{""}, b.places()...))
	if p, ok := f.(faults.Prover); ok {
		if evidence, err := p.Prove(ctx, b.sys); !errors.Is(err, faults.ErrNotSeen) {
			t.Errorf("%s: want faults.ErrNotSeen, got %q (%v)", when, evidence, err)
		}
	}
}
