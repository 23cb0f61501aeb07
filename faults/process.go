package faults

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/recoverydrill/gameday/fixtures"
)

// The class of what happens to processes.
const process = "process"

// serving is a fault of one node's server: an outage where clients are served by it, else silent.
type serving struct {
	// Node is the server's; "" is the primary.
	Node string
}

// IsOutage is true for the primary.
func (s serving) IsOutage() bool { return isPrimary(s.Node) }

// IsSilent is true for every other node.
func (s serving) IsSilent() bool { return !s.IsOutage() }

// KilledServer is a server whose every process was ended by SIGKILL. Its data directory stays as it was, and nobody
// starts it again.
type KilledServer struct{ serving }

var (
	_ Fault  = (*KilledServer)(nil)
	_ Outage = (*KilledServer)(nil)
	_ Prover = (*KilledServer)(nil)
	_ Silent = (*KilledServer)(nil)
)

// KillServer kills the server on a node; "" is the primary.
func KillServer(node string) *KilledServer { return &KilledServer{serving{node}} }

// Describe names the node.
func (k *KilledServer) Describe() Description {
	return Description{Name: "killed server", Class: process, Detail: "SIGKILL to every process of the server on node " + on(k.Node)}
}

// Inject kills it, and returns when it is gone.
func (k *KilledServer) Inject(ctx context.Context, sys fixtures.System) error {
	n, err := nodeOf(sys, k.Node)
	if err != nil {
		return err
	}
	c, ok := sys.(fixtures.Controlled)
	if !ok {
		return unsupported(sys, "fixtures.Controlled", "kill its server")
	}
	return c.KillServer(ctx, n)
}

// Prove asks the server at its own address.
func (k *KilledServer) Prove(ctx context.Context, sys fixtures.System) (string, error) {
	return deaf(ctx, sys, k.Node)
}

// deaf is the proof that the server on a node does not answer, while the node is there.
func deaf(ctx context.Context, sys fixtures.System, node string) (string, error) {
	n, err := nodeOf(sys, node)
	if err != nil {
		return "", err
	}
	at := "" // of an embedded store
	if sys.Route() != nil {
		if at, err = addressOf(ctx, sys, n); err != nil {
			return "", err
		}
	}
	limit, cancel := context.WithTimeout(ctx, seenLimit)
	defer cancel()
	took, err := exchange(limit, sys, at, 1, 1)
	switch {
	case err == nil:
		return "", fmt.Errorf("%w: the server on node %s answers after %s", ErrNotSeen, n.Name(), took.Round(time.Millisecond))
	case errors.Is(err, fixtures.ErrUnsupported), ctx.Err() != nil:
		return "", err
	}
	return fmt.Sprintf("the server on node %s does not answer: %s", n.Name(), oneLine(err)), nil
}

// FrozenServer is a server whose every process was stopped by SIGSTOP: connections to it stay open and answer nothing. It
// may wake up at any time and go on as if nothing had been, so whoever takes over must keep it from that first.
type FrozenServer struct {
	serving
	frozen bool
}

var (
	_ Fault  = (*FrozenServer)(nil)
	_ Healer = (*FrozenServer)(nil)
	_ Outage = (*FrozenServer)(nil)
	_ Prover = (*FrozenServer)(nil)
	_ Silent = (*FrozenServer)(nil)
)

// FreezeServer stops the server on a node; "" is the primary. Healing lets it go on.
func FreezeServer(node string) *FrozenServer { return &FrozenServer{serving: serving{node}} }

// Describe names the node.
func (f *FrozenServer) Describe() Description {
	return Description{Name: "frozen server", Class: process, Detail: "SIGSTOP to every process of the server on node " + on(f.Node)}
}

// Inject stops it.
func (f *FrozenServer) Inject(ctx context.Context, sys fixtures.System) error {
	n, err := nodeOf(sys, f.Node)
	if err != nil {
		return err
	}
	s, ok := sys.(fixtures.Signaller)
	if !ok {
		return unsupported(sys, "fixtures.Signaller", "stop its server")
	}
	f.frozen = true
	return s.Freeze(ctx, n)
}

// Heal lets it go on. One that is gone stays gone.
func (f *FrozenServer) Heal(ctx context.Context, sys fixtures.System) error {
	if !f.frozen {
		return nil
	}
	n, err := nodeOf(sys, f.Node)
	if err != nil {
		return err
	}
	return sys.(fixtures.Signaller).Thaw(ctx, n) //nolint:forcetypeassert // Inject has seen that it is one
}

// Prove asks the server at its own address.
func (f *FrozenServer) Prove(ctx context.Context, sys fixtures.System) (string, error) {
	return deaf(ctx, sys, f.Node)
}

// EndedSessions is what clients see when a server loses one process that serves a client: PostgreSQL ends all sessions and
// recovers, and with the setting restart_after_crash off ends itself. A server that serves everybody from one process
// (MySQL, MariaDB) has the application's sessions ended by KILL. Clients may be served again at once.
type EndedSessions struct{ done string }

var (
	_ Fault   = (*EndedSessions)(nil)
	_ Outage  = (*EndedSessions)(nil)
	_ Passing = (*EndedSessions)(nil)
)

// KillBackend kills a process of the primary's server that serves a client. There must be clients. The server helps itself:
// MySQL and MariaDB lose one connection, and PostgreSQL starts anew within seconds unless restart_after_crash is off: a drill
// of it alone is void then. It is for [Together] and for what strikes during a recovery.
func KillBackend() *EndedSessions { return &EndedSessions{} }

// Describe tells which process it was, afterwards.
func (e *EndedSessions) Describe() Description {
	d := Description{Name: "killed backend", Class: process, Detail: "a process that serves a client is killed, or the clients' sessions are"}
	if e.done != "" {
		d.Notes = []string{e.done}
	}
	return d
}

// EndsByItself is true: the server may have helped itself before anybody else does.
func (e *EndedSessions) EndsByItself() bool { return true }

// IsOutage is true: open connections are lost.
func (e *EndedSessions) IsOutage() bool { return true }

// Inject ends them.
func (e *EndedSessions) Inject(ctx context.Context, sys fixtures.System) error {
	n, err := nodeOf(sys, "")
	if err != nil {
		return err
	}
	s, ok := sys.(fixtures.Signaller)
	if !ok {
		return unsupported(sys, "fixtures.Signaller", "end sessions of clients")
	}
	e.done, err = s.EndSessions(ctx, n)
	return err
}

// PausedNode is a machine whose every process stands still: no command runs on it, connections stay open and answer
// nothing.
type PausedNode struct {
	serving
	paused bool
}

var (
	_ Fault  = (*PausedNode)(nil)
	_ Healer = (*PausedNode)(nil)
	_ Outage = (*PausedNode)(nil)
	_ Prover = (*PausedNode)(nil)
	_ Silent = (*PausedNode)(nil)
)

// PauseNode pauses a node; "" is the primary.
func PauseNode(name string) *PausedNode { return &PausedNode{serving: serving{name}} }

// Describe names the node.
func (p *PausedNode) Describe() Description {
	return Description{Name: "paused node", Class: process, Detail: fmt.Sprintf("every process of node %s stands still", on(p.Node))}
}

// Inject pauses it.
func (p *PausedNode) Inject(ctx context.Context, sys fixtures.System) error {
	n, err := nodeOf(sys, p.Node)
	if err != nil {
		return err
	}
	pauser, ok := n.(fixtures.Pauser)
	if !ok {
		return lacking(n, "fixtures.Pauser", "pause it")
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	// Half a pause could not be told from none, and would have to be healed with an error.
	if err := pauser.Pause(context.WithoutCancel(ctx)); err != nil {
		return err
	}
	p.paused = true
	return nil
}

// Heal lets it go on.
func (p *PausedNode) Heal(ctx context.Context, sys fixtures.System) error {
	if !p.paused {
		return nil
	}
	n, err := nodeOf(sys, p.Node)
	if err != nil {
		return err
	}
	if err := n.(fixtures.Pauser).Unpause(ctx); err != nil { // Inject has seen that it can
		return err
	}
	p.paused = false
	return nil
}

// Prove asks the server at its own address.
func (p *PausedNode) Prove(ctx context.Context, sys fixtures.System) (string, error) {
	return deaf(ctx, sys, p.Node)
}
