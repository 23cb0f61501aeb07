package faults

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/recoverydrill/gameday/fixtures"
)

// part is a fault that notes what is done to it. Which abilities it has depends on what it is wrapped in.
type part struct {
	name string
	said *[]string
	err  error
	bad  error // of its proof
}

func (p *part) Describe() Description {
	return Description{Name: p.name, Class: "c", Detail: "does " + p.name, Notes: []string{"note of " + p.name}}
}

func (p *part) Inject(context.Context, fixtures.System) error {
	*p.said = append(*p.said, "inject "+p.name)
	return p.err
}

type healer struct{ *part }

func (p healer) Heal(context.Context, fixtures.System) error {
	*p.said = append(*p.said, "heal "+p.name)
	return nil
}

type prover struct{ *part }

func (p prover) Prove(context.Context, fixtures.System) (string, error) {
	return "proof of " + p.name, p.bad
}

type silent struct{ prover }

func (silent) IsSilent() bool { return true }

type spreader struct{ *part }

func (p spreader) Propagate(context.Context, fixtures.System) (string, error) {
	return "where " + p.name, nil
}

type outage struct{ *part }

func (outage) IsOutage() bool { return true }

func abilities(f Fault) string {
	var all []string
	if _, ok := f.(Healer); ok {
		all = append(all, "heals")
	}
	if _, ok := f.(Spreader); ok {
		all = append(all, "spreads")
	}
	if _, ok := f.(Prover); ok {
		all = append(all, "proves")
	}
	if SeenByClock(f) {
		all = append(all, "outage")
	}
	if IsSilent(f) {
		all = append(all, "silent")
	}
	return strings.Join(all, " ")
}

// What is made of other faults must have the abilities that these have, and no others: a drill goes by them.
func TestAbilitiesAreThoseOfTheParts(t *testing.T) {
	var said []string
	p := func() *part { return &part{name: "p", said: &said} }
	for _, c := range []struct {
		got  Fault
		want string
	}{
		{Random(1, p()), ""},
		{Random(1, healer{p()}), "heals"},
		{Random(1, spreader{p()}), "spreads"},
		{Random(1, prover{p()}), "proves"},
		{Random(1, silent{prover{p()}}), "proves silent"},
		{Random(1, outage{p()}), "outage"},
		{Random(1, Together(healer{p()}, spreader{p()})), "heals spreads proves"},
		{Together(spreader{p()}, silent{prover{p()}}), "spreads proves"},
		{Together(silent{prover{p()}}, silent{prover{p()}}), "proves silent"},
		{Together(outage{p()}, prover{p()}), "proves outage"},
	} {
		if got := abilities(c.got); got != c.want {
			t.Errorf("%s: it %q, want %q", c.got.Describe().Name, got, c.want)
		}
	}
}

func TestTogetherGoesThroughItsParts(t *testing.T) {
	var said []string
	p := func(name string) *part { return &part{name: name, said: &said} }
	f := Together(healer{p("a")}, prover{p("b")}, silent{prover{p("c")}})
	if d := f.Describe(); d.Name != "a and b and c" || d.Class != "c" || d.Detail != "does a; and does b; and does c" || len(d.Notes) != 3 {
		t.Errorf("%+v", d)
	}
	if err := f.Inject(t.Context(), fakeSystem{}); err != nil {
		t.Fatal(err)
	}
	if evidence, err := f.(Prover).Prove(t.Context(), fakeSystem{}); err != nil || evidence != "proof of b; proof of c" {
		t.Errorf("%q, %v", evidence, err)
	}
	if err := Heal(t.Context(), f, fakeSystem{}); err != nil || strings.Join(said, ", ") != "inject a, inject b, inject c, heal a" {
		t.Errorf("%q, %v", said, err)
	}
}

// A combination is proven only if each part is.
func TestTogetherIsNotProvenByHalf(t *testing.T) {
	var said []string
	p := func(name string, bad error) *part { return &part{name: name, said: &said, bad: bad} }
	half := Together(prover{p("a", nil)}, prover{p("b", ErrNotSeen)})
	if _, err := half.(Prover).Prove(t.Context(), fakeSystem{}); !errors.Is(err, ErrNotSeen) {
		t.Errorf("one part was not seen: %v", err)
	}
	two := Together(spreader{p("a", nil)}, healer{p("b", nil)})
	if err := two.Inject(t.Context(), fakeSystem{}); err == nil || len(said) > 0 {
		t.Errorf("two parts that only others see were injected: %v, %v", err, said)
	}
	behind := Together(spreader{p("a", nil)}, bothways{prover{p("b", nil)}})
	if _, err := behind.(Prover).Prove(t.Context(), fakeSystem{}); err == nil || !strings.Contains(err.Error(), "no check can see") {
		t.Errorf("damage behind an outage: %v", err)
	}
}

// bothways is an outage that proves itself.
type bothways struct{ prover }

func (bothways) IsOutage() bool { return true }

func TestTogetherHealsWhatWasBegun(t *testing.T) {
	var said []string
	broken := prover{&part{name: "b", said: &said, err: errors.New("half way")}}
	f := Together(healer{&part{name: "a", said: &said}}, broken, prover{&part{name: "c", said: &said}})
	if err := f.Inject(t.Context(), fakeSystem{}); err == nil || !strings.Contains(err.Error(), "b: half way") {
		t.Errorf("%v", err)
	}
	if err := Heal(t.Context(), f, fakeSystem{}); err != nil || strings.Join(said, ", ") != "inject a, inject b, heal a" {
		t.Errorf("%q, %v", said, err)
	}
}

func TestRandomIsRepeatable(t *testing.T) {
	chosen := map[string]bool{}
	for seed := range int64(50) {
		make := func() Fault {
			return Random(seed, DropTable("a"), DeleteRows("a"), Truncate("a"), BadWrite("UPDATE a SET b = 1"))
		}
		d, again := make().Describe(), make().Describe()
		if d.Detail != again.Detail || !strings.Contains(d.Detail, "chosen by seed") {
			t.Errorf("%+v, %+v", d, again)
		}
		chosen[d.Name] = true
	}
	if len(chosen) != 4 {
		t.Errorf("of four faults only %v were ever chosen", chosen)
	}
}

func TestBurnIsHeldToItsTerms(t *testing.T) {
	for name, b := range map[string]*SlowBurn{
		"too short":         {Table: "t", Column: "c", Value: "0", Duration: time.Second},
		"half a second":     {Table: "t", Column: "c", Value: "0", Duration: 2500 * time.Millisecond},
		"too much":          {Table: "t", Column: "c", Value: "0", Share: 1.5},
		"less than nothing": {Table: "t", Column: "c", Value: "0", Share: -1},
	} {
		if err := b.Inject(t.Context(), fakeSystem{}); err == nil || !strings.Contains(err.Error(), "slow burn: ") {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := BurnSlowly("t", "c", "0").Prove(t.Context(), fakeSystem{}); !errors.Is(err, ErrNotSeen) {
		t.Errorf("nothing burned: %v", err)
	}
	alone := &SlowBurn{bursts: []burst{{rows: 1, writes: 7}, {rows: 1, writes: 9}, {rows: 1, writes: 9}}}
	if total, least := alone.between(); total != 2 || least != 0 {
		t.Errorf("%d writes between the first and the last, %d between two at least", total, least)
	}
}

func TestKeysOfSeveralColumns(t *testing.T) {
	if got, err := among([]string{"a", "b"}, []string{"1|x", "2|it's"}); err != nil || got != "(a = '1' AND b = 'x') OR (a = '2' AND b = 'it''s')" {
		t.Errorf("%s, %v", got, err)
	}
	if _, err := among([]string{"a", "b"}, []string{"1|x|y"}); err == nil {
		t.Error("a key that cannot be taken apart was taken")
	}
}
