package faults

import (
	"context"
	"testing"

	"github.com/recoverydrill/gameday/fixtures"
)

// copied is a system with copies that are no nodes.
type copied struct {
	fakeSystem
	copies []string
	asked  int
}

func (c *copied) Copies() []string { return c.copies }
func (c *copied) Replicated(context.Context) error {
	c.asked++
	return nil
}

// A replica in object storage takes over a bad write as a standby does: the drill waits for it, and names it.
func TestCopiesThatAreNoNodesAreWaitedFor(t *testing.T) {
	sys := &copied{fakeSystem: fakeSystem{nodes: []fixtures.Node{fakeNode{t, "n", nil}}}, copies: []string{"replica"}}
	if where, err := BadWrite("x").Propagate(t.Context(), sys); err != nil || where != "replica" || sys.asked != 1 {
		t.Errorf("it went to %q (%v), asked %d times", where, err, sys.asked)
	}
	sys.copies = nil
	if where, err := BadWrite("x").Propagate(t.Context(), sys); err != nil || where != "nowhere: the system has no standby" || sys.asked != 1 {
		t.Errorf("without copies it went to %q (%v), asked %d times", where, err, sys.asked)
	}
}
