package recovery

import (
	"context"
	"errors"
	"fmt"
	"testing"

	"github.com/recoverydrill/gameday/fixtures"
)

func TestStepsEndAtTheFirstThatFails(t *testing.T) {
	var told, done []string
	step := func(name string, err error) Step {
		return Step{Name: name, Do: func(context.Context) error { done = append(done, name); return err }}
	}
	job := Job{Step: func(name string) { told = append(told, name) }}
	bad := errors.New("disk full")
	err := job.Run(t.Context(), step("fetch", nil), step("replay", bad), step("cut over", nil))
	if !errors.Is(err, bad) || err.Error() != "replay: disk full" {
		t.Errorf("got %v", err)
	}
	if fmt.Sprint(told, done) != "[fetch replay] [fetch replay]" {
		t.Errorf("told of %q and did %q", told, done)
	}
}

// members is a system of which nothing else is asked.
type members struct {
	fixtures.System
	all []fixtures.Member
}

func (m members) Members() []fixtures.Member { return m.all }

type named struct {
	fixtures.Node
	name string
}

func (n named) Name() string { return n.name }

func TestSpareNode(t *testing.T) {
	sys := members{all: []fixtures.Member{
		{Role: fixtures.Primary, Node: named{name: "primary"}}, {Role: fixtures.Spare, Node: named{name: "spare"}}, {Role: fixtures.Spare, Node: named{name: "spare-2"}},
	}}
	for name, want := range map[string]string{"": "spare", "spare-2": "spare-2"} {
		if n, err := SpareNode(sys, name); err != nil || n.Name() != want {
			t.Errorf("%q: %v, %v", name, n, err)
		}
	}
	for name, sys := range map[string]members{"nowhere": sys, "": {all: sys.all[:1]}} {
		if n, err := SpareNode(sys, name); err == nil {
			t.Errorf("%q: got %q", name, n.Name())
		}
	}
}
