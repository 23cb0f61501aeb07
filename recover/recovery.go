// Package recovery (the folder is recover, a Go builtin's name) runs the way back: the team's own automation as a
// command on the harness's host or on a node, a container image beside the nodes, or a Go function.
package recovery

import (
	"context"
	"io"

	"github.com/recoverydrill/gameday/fixtures"
)

// Recovery is one way back. Recover returns when the automation says that it is done; whether it is, the service clock
// and the checks decide.
type Recovery interface {
	// Name is what reports call it: "restore-payments.sh".
	Name() string
	Recover(ctx context.Context, job Job) error
}

// Cleaner is an optional ability: it removes what Recover started (processes on the host, servers on nodes). It is
// called once, at the end of the drill, whatever happened.
type Cleaner interface {
	Cleanup(ctx context.Context, job Job) error
}

// Job is what a recovery is given.
type Job struct {
	System  fixtures.System
	Target  fixtures.Mark     // the moment to return to; its zero value means "as late as possible"
	Env     map[string]string // the documented environment: see [Environment]
	WorkDir string            // an empty directory on the harness's host
	Output  io.Writer         // what the automation prints; lines "gameday: ..." in it are understood

	// Step tells that a step begins, as the line "gameday: step NAME" does.
	Step func(name string)
	// CutOver sends clients to host:port, as the line "gameday: cutover HOST:PORT" does; HOST may be a node's name. For
	// an embedded store (see [fixtures.Reopener]) it is a path, and clients open the store there from then on.
	CutOver func(ctx context.Context, to string) error
}
