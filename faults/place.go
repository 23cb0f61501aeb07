package faults

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/recoverydrill/gameday/fixtures"
	"github.com/recoverydrill/gameday/fixtures/probe"
)

// The route that clients use and the one of the health check, by their names.
const (
	clientsRoute = "clients"
	monitorRoute = "monitor"
)

// seenLimit is how long a proof waits for something that must not come: an answer, a copied write.
const seenLimit = 3 * time.Second

// routesOf finds the routes with these names; none stands for otherwise.
func routesOf(sys fixtures.System, names []string, otherwise, purpose string) (map[string]fixtures.Route, error) {
	r, ok := sys.(fixtures.Routed)
	if !ok || len(r.Routes()) == 0 {
		return nil, unsupported(sys, "fixtures.Routed", purpose)
	}
	if len(names) == 0 {
		names = []string{otherwise}
	}
	all, some := r.Routes(), map[string]fixtures.Route{}
	for _, n := range names {
		route, ok := all[n]
		if !ok {
			return nil, fmt.Errorf("%s: the system has no route %q; it has %q", purpose, n, slices.Sorted(maps.Keys(all)))
		}
		some[n] = route
	}
	return some, nil
}

// hitsClients tells whether routes with these names are what clients use; none are.
func hitsClients(names []string) bool { return len(names) == 0 || slices.Contains(names, clientsRoute) }

// nodeOf finds the node with this name; "" is the primary's, as the system began.
func nodeOf(sys fixtures.System, name string) (fixtures.Node, error) {
	var have []string
	for _, m := range sys.Members() {
		if m.Node.Name() == name || (name == "" && m.Role == fixtures.Primary) {
			return m.Node, nil
		}
		have = append(have, m.Node.Name())
	}
	return nil, fmt.Errorf("the system has no node %q; it has %q", name, have)
}

// isPrimary tells whether a node of this name serves clients when the system begins.
func isPrimary(name string) bool { return name == "" || name == string(fixtures.Primary) }

// on is a node's name for people.
func on(name string) string {
	if name == "" {
		return string(fixtures.Primary)
	}
	return name
}

// runAs runs a script of sh on a node as one of its users, with arguments $1, $2, ...
func runAs(ctx context.Context, n fixtures.Node, user, script string, args ...string) error {
	_, err := n.Exec(ctx, fixtures.Command{Args: append([]string{"/bin/sh", "-c", script, "sh"}, args...), User: user})
	return err
}

// copies makes a write, as the service clock does, and tells whether it reaches every standby in time. An error is of the
// question itself. Where nothing can be written in that way, what clients write must do.
func copies(ctx context.Context, sys fixtures.System) (took time.Duration, arrived bool, err error) {
	r, ok := sys.(fixtures.Replicator)
	if !ok {
		return 0, false, unsupported(sys, "fixtures.Replicator", "see whether standbys get what is written")
	}
	limit, cancel := context.WithTimeout(ctx, seenLimit)
	defer cancel()
	began := time.Now()
	if err := write(limit, sys); err != nil {
		return 0, false, fmt.Errorf("write what standbys are to get: %w", err)
	}
	err = r.Replicated(limit)
	switch {
	case err == nil:
		return time.Since(began), true, nil
	case ctx.Err() != nil:
		return 0, false, ctx.Err()
	}
	return time.Since(began), false, nil
}

// write writes to the table that the service clock writes to, over the clients' route.
func write(ctx context.Context, sys fixtures.System) error {
	dialer, ok := sys.(interface {
		Dial(ctx context.Context, address string) (probe.Asker, error)
	})
	if !ok || sys.Route() == nil {
		return nil
	}
	asker, err := dialer.Dial(ctx, sys.Route().Address())
	if err != nil {
		return err
	}
	defer asker.Close() //nolint:errcheck // nothing more is asked of it
	return asker.Ask(ctx, fmt.Sprintf("copied-%d", time.Now().UnixNano()), probe.Canary{})
}

// cutFromStandbys is the proof that standbys do not get what is written, while the service answers.
func cutFromStandbys(ctx context.Context, sys fixtures.System) (string, error) {
	if _, err := exchange(ctx, sys, "", 1, 1); err != nil {
		return "", fmt.Errorf("the service itself does not answer: %w", err)
	}
	took, arrived, err := copies(ctx, sys)
	if err != nil {
		return "", err
	}
	if arrived {
		return "", fmt.Errorf("%w: a write was on every standby after %s", ErrNotSeen, took.Round(time.Millisecond))
	}
	return fmt.Sprintf("the service answers, and a write is not on every standby after %s", seenLimit), nil
}

// exchange sends so many bytes to the server and gets so many from it, over a connection of its own to at ("" is the
// clients' route), and tells how long that took.
func exchange(ctx context.Context, sys fixtures.System, at string, up, down int64) (time.Duration, error) {
	op, ok := sys.(fixtures.Operator)
	if !ok {
		return 0, unsupported(sys, "fixtures.Operator", "measure the way to the server")
	}
	sql := fmt.Sprintf("SELECT length('%s'), repeat('x', %d)", padding(up), down)
	if sys.Route() == nil { // a file: nothing is sent
		sql = "SELECT 1"
	}
	began := time.Now()
	err := op.Statement(ctx, at, "", sql)
	return time.Since(began), err
}

func padding(n int64) string {
	b := make([]byte, n)
	for i := range b {
		b[i] = 'x'
	}
	return string(b)
}

// unreachable is the proof that clients get no answer over their route while the server behind it answers.
func unreachable(ctx context.Context, sys fixtures.System, up, down int64) (string, error) {
	limit, cancel := context.WithTimeout(ctx, seenLimit)
	defer cancel()
	took, err := exchange(limit, sys, "", up, down)
	if err == nil {
		return "", fmt.Errorf("%w: a client got its answer after %s", ErrNotSeen, took.Round(time.Millisecond))
	}
	if errors.Is(err, fixtures.ErrUnsupported) || ctx.Err() != nil {
		return "", err
	}
	limit, cancel = context.WithTimeout(ctx, seenLimit)
	defer cancel()
	direct, direrr := exchange(limit, sys, sys.Route().Target(), up, down)
	if direrr != nil {
		return "", fmt.Errorf("the server does not answer whom the network does not keep away, either: %w", direrr)
	}
	return fmt.Sprintf("over the clients' route no answer (%s), from the server itself one after %s", oneLine(err), direct.Round(time.Millisecond)), nil
}

// exitCode is the exit status that an error of a command tells, -1 where it tells none.
func exitCode(err error) int {
	var exit *fixtures.ExitError
	if errors.As(err, &exit) {
		return exit.Result.ExitCode
	}
	return -1
}
