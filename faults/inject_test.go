package faults

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/recoverydrill/gameday/fixtures"
)

// fakeNode carries labels, and fails the test if anything is run on it.
type fakeNode struct {
	t      *testing.T
	name   string
	labels map[string]string
}

func (n fakeNode) Name() string { return n.name }
func (n fakeNode) Exec(context.Context, fixtures.Command) (fixtures.Result, error) {
	n.t.Error("a command was run on a node that must not be touched")
	return fixtures.Result{}, nil
}

func (n fakeNode) Address(context.Context, int) (fixtures.Address, error) {
	return fixtures.Address{}, nil
}
func (n fakeNode) Close(context.Context) error                       { return nil }
func (n fakeNode) Labels(context.Context) (map[string]string, error) { return n.labels, nil }

type fakeSystem struct {
	nodes []fixtures.Node
	token string
}

func (s fakeSystem) Info() fixtures.Info { return fixtures.Info{Engine: "fake"} }
func (s fakeSystem) Members() []fixtures.Member {
	var m []fixtures.Member
	for _, n := range s.nodes {
		m = append(m, fixtures.Member{Role: fixtures.Primary, Node: n})
	}
	return m
}
func (s fakeSystem) Route() fixtures.Route       { return nil }
func (s fakeSystem) Close(context.Context) error { return nil }
func (s fakeSystem) Identity(context.Context, string) (fixtures.Identity, error) {
	return fixtures.Identity{Token: s.token}, nil
}

type fakeFault struct {
	injected, healed int
	err              error
}

func (f *fakeFault) Describe() Description { return Description{Name: "fake"} }
func (f *fakeFault) Inject(context.Context, fixtures.System) error {
	f.injected++
	return f.err
}

func (f *fakeFault) Heal(context.Context, fixtures.System) error {
	f.healed++
	return nil
}

// A fault must be refused, before anything is touched, on a system of which any part is not the run's own.
func TestForeignSystemsAreRefused(t *testing.T) {
	own := map[string]string{fixtures.LabelRun: "r1"}
	node := func(labels map[string]string) fixtures.Node { return fakeNode{t, "n", labels} }
	type plain struct{ fixtures.Node } // hides Labels
	for name, sys := range map[string]fakeSystem{
		"no nodes":              {token: "t"},
		"node of another run":   {[]fixtures.Node{node(own), node(map[string]string{fixtures.LabelRun: "r2"})}, "t"},
		"node without a label":  {[]fixtures.Node{node(nil)}, "t"},
		"node that cannot tell": {[]fixtures.Node{plain{node(own)}}, "t"},
		"store of another run":  {[]fixtures.Node{node(own)}, "other"},
		"store without a token": {[]fixtures.Node{node(own)}, ""},
	} {
		f := &fakeFault{}
		_, err := Inject(t.Context(), f, sys, Guard{Run: fixtures.Run{ID: "r1"}, Token: "t"}, fixtures.NewClock())
		if f.injected != 0 {
			t.Errorf("%s: the fault was injected", name)
		}
		if !errors.Is(err, ErrForeign) && !errors.Is(err, fixtures.ErrUnsupported) {
			t.Errorf("%s: got %v", name, err)
		}
	}
}

func TestGuardWithoutAnythingToCompareRefuses(t *testing.T) {
	sys := fakeSystem{[]fixtures.Node{fakeNode{t, "n", map[string]string{}}}, ""}
	if err := (Guard{}).Check(t.Context(), sys); err == nil {
		t.Error("an empty guard let an unlabelled system with an empty token pass")
	}
}

func TestInjectionIsTimedAndHealedWhenItFails(t *testing.T) {
	sys := fakeSystem{[]fixtures.Node{fakeNode{t, "n", map[string]string{fixtures.LabelRun: "r1"}}}, "t"}
	guard := Guard{Run: fixtures.Run{ID: "r1"}, Token: "t"}
	f := &fakeFault{}
	in, err := Inject(t.Context(), f, sys, guard, fixtures.NewClock())
	if err != nil || f.injected != 1 || f.healed != 0 || in.StartNS == 0 || in.EndNS < in.StartNS {
		t.Errorf("got %+v, %v, %+v", in, err, f)
	}
	f = &fakeFault{err: errors.New("half way")}
	if _, err = Inject(t.Context(), f, sys, guard, fixtures.NewClock()); err == nil || !strings.Contains(err.Error(), "inject fake: half way") || f.healed != 1 {
		t.Errorf("got %v, %+v", err, f)
	}
}

func TestEngineWithoutAnAbilityIsNamed(t *testing.T) {
	for _, f := range []Fault{BadWrite("x"), DropTable("t"), DeleteRows("t"), CorruptBlock("t", 0), CutNetwork()} {
		err := f.Inject(t.Context(), fakeSystem{})
		var u *fixtures.UnsupportedError
		if !errors.As(err, &u) || !strings.Contains(err.Error(), "engine fake has no fixtures.") {
			t.Errorf("%s: got %v", f.Describe().Name, err)
		}
	}
}
