package faults

import (
	"context"
	"errors"
	"fmt"
	"strconv"

	"github.com/recoverydrill/gameday/fixtures"
)

// Isolation takes a node off the network that the system's nodes share: nobody reaches it, and it reaches nobody. Its
// server runs on. The isolation of the primary is an outage, that of a standby is silent.
type Isolation struct {
	// Node is its name; "" is the primary.
	Node string

	former string // its address as the harness reached it
	off    bool
}

var (
	_ Fault  = (*Isolation)(nil)
	_ Healer = (*Isolation)(nil)
	_ Outage = (*Isolation)(nil)
	_ Prover = (*Isolation)(nil)
	_ Silent = (*Isolation)(nil)
)

// IsolateNode takes a node off the network; "" is the primary.
func IsolateNode(name string) *Isolation { return &Isolation{Node: name} }

// Describe names the node.
func (i *Isolation) Describe() Description {
	return Description{Name: "isolated node", Class: "network", Detail: fmt.Sprintf("node %s is off the network, and its server runs", on(i.Node))}
}

// IsOutage is true for the primary.
func (i *Isolation) IsOutage() bool { return isPrimary(i.Node) }

// IsSilent is true for every other node.
func (i *Isolation) IsSilent() bool { return !i.IsOutage() }

// Inject takes it off the network.
func (i *Isolation) Inject(ctx context.Context, sys fixtures.System) error {
	n, err := nodeOf(sys, i.Node)
	if err != nil {
		return err
	}
	isolator, ok := n.(fixtures.Isolator)
	if !ok {
		return lacking(n, "fixtures.Isolator", "take it off the network")
	}
	if i.former, err = addressOf(ctx, sys, n); err != nil {
		return err
	}
	i.off = true
	return isolator.Isolate(ctx)
}

// Heal lets it back, and leads the routes that led to it to its present address.
func (i *Isolation) Heal(ctx context.Context, sys fixtures.System) error {
	if !i.off {
		return nil
	}
	n, err := nodeOf(sys, i.Node)
	if err != nil {
		return err
	}
	if err := n.(fixtures.Isolator).Rejoin(ctx); err != nil { // Inject has seen that it can
		return err
	}
	if r, ok := sys.(fixtures.Rerouter); ok {
		return r.Reroute(ctx, n, i.former)
	}
	return nil
}

// Prove asks the node's server, or waits for a write to reach the standby.
func (i *Isolation) Prove(ctx context.Context, sys fixtures.System) (string, error) {
	n, err := nodeOf(sys, i.Node)
	if err != nil {
		return "", err
	}
	if at, err := addressOf(ctx, sys, n); err == nil {
		limit, cancel := context.WithTimeout(ctx, seenLimit)
		defer cancel()
		if _, err := exchange(limit, sys, at, 1, 1); err == nil {
			return "", fmt.Errorf("%w: the server on node %s answers", ErrNotSeen, n.Name())
		}
	}
	if err := ctx.Err(); err != nil {
		return "", err
	}
	if _, err := n.Exec(ctx, fixtures.Command{Args: []string{"true"}}); err != nil {
		return "", fmt.Errorf("node %s is not only off the network: %w", n.Name(), err)
	}
	return fmt.Sprintf("node %s runs commands, and nobody reaches its server", n.Name()), nil
}

// addressOf is where the harness reaches the server of a node.
func addressOf(ctx context.Context, sys fixtures.System, n fixtures.Node) (string, error) {
	env, err := environment(ctx, sys, "find the port of the server")
	if err != nil {
		return "", err
	}
	port, err := strconv.Atoi(env["GAMEDAY_PORT"])
	if err != nil {
		return "", errors.Join(unsupported(sys, "port", "find its server"), err)
	}
	a, err := n.Address(ctx, port)
	return a.Harness, err
}

// lacking says which ability a node does not have.
func lacking(n fixtures.Node, need, purpose string) error {
	return &fixtures.UnsupportedError{What: fmt.Sprintf("node %q", n.Name()), Need: need, For: purpose}
}
