package faults

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"net"
	"slices"
	"strings"
	"time"

	"github.com/recoverydrill/gameday/fixtures"
)

// NetworkImpairment makes routes slow or lossy without cutting them. It is of the path to where a route leads now: a
// recovery that sends clients elsewhere has left it behind. What leaves service correct is silent, and proven by
// measuring the way through the route; what takes the answers away is an outage.
type NetworkImpairment struct {
	// Only names the routes ("clients", "replication standby-1"); empty is the clients' route.
	Only []string
	// Impairment is what happens on them.
	Impairment fixtures.Impairment

	name string
	hit  []fixtures.Impairer
}

var (
	_ Fault  = (*NetworkImpairment)(nil)
	_ Healer = (*NetworkImpairment)(nil)
	_ Outage = (*NetworkImpairment)(nil)
	_ Prover = (*NetworkImpairment)(nil)
	_ Silent = (*NetworkImpairment)(nil)
)

// CutOneWay swallows all bytes in one direction: connections stay open and hear nothing.
func CutOneWay(toward fixtures.Direction) *NetworkImpairment {
	return impairment("one-way cut", fixtures.Impairment{Toward: toward, Blackhole: true})
}

// SlowNetwork adds latency to each way, up to jitter more or less of it.
func SlowNetwork(latency, jitter time.Duration) *NetworkImpairment {
	return impairment("slow network", fixtures.Impairment{Latency: latency, Jitter: jitter})
}

// NarrowNetwork lets so many bytes a second through each way of each connection, at least 1000.
func NarrowNetwork(rate int64) *NetworkImpairment {
	return impairment("narrow network", fixtures.Impairment{Rate: rate})
}

// SlowClose keeps connections open for so much longer than their ends do.
func SlowClose(by time.Duration) *NetworkImpairment {
	return impairment("slow close", fixtures.Impairment{SlowClose: by})
}

// ResetConnections resets every connection as soon as something is sent over it.
func ResetConnections() *NetworkImpairment {
	return impairment("reset connections", fixtures.Impairment{Reset: true})
}

// CutAfter closes every connection after so many bytes to the client.
func CutAfter(bytes int64) *NetworkImpairment {
	return impairment("connections cut short", fixtures.Impairment{Toward: fixtures.ToClient, CutAfter: bytes})
}

func impairment(name string, i fixtures.Impairment) *NetworkImpairment {
	return &NetworkImpairment{name: name, Impairment: i}
}

// On says which routes are impaired.
func (n *NetworkImpairment) On(routes ...string) *NetworkImpairment {
	n.Only = routes
	return n
}

// Describe names the routes and what happens on them.
func (n *NetworkImpairment) Describe() Description {
	i, routes := n.Impairment, n.Only
	if len(routes) == 0 {
		routes = []string{clientsRoute}
	}
	var what []string
	add := func(when bool, format string, args ...any) {
		if when {
			what = append(what, fmt.Sprintf(format, args...))
		}
	}
	add(i.Latency > 0 || i.Jitter > 0, "%s ± %s of latency", i.Latency, i.Jitter)
	add(i.Rate > 0, "%d bytes a second", i.Rate)
	add(i.CutAfter > 0, "connections closed after %d bytes", i.CutAfter)
	add(i.SlowClose > 0, "connections closed %s late", i.SlowClose)
	add(i.Reset, "connections reset")
	add(i.Blackhole, "bytes swallowed")
	way := string(i.Toward)
	if i.Toward == fixtures.Both {
		way = "each way"
	}
	name := n.name
	if name == "" {
		name = "impaired network"
	}
	return Description{Name: name, Class: "network", Detail: fmt.Sprintf("on the routes %s, %s: %s", strings.Join(routes, ", "), way, strings.Join(what, ", "))}
}

// What a question of the service clock needs of a new connection, at least: its limit, the ways there and back until it is
// answered, the bytes that the server sends.
const (
	clockLimit  = time.Second
	clockTrips  = 3
	clockBytes  = 1000
	slowestRate = 2000 // bytes a second
)

// IsOutage tells whether a client's new connection cannot be answered before the service clock takes it for late.
func (n *NetworkImpairment) IsOutage() bool {
	i := n.Impairment
	return hitsClients(n.Only) && (i.Blackhole || i.Reset || (i.CutAfter > 0 && i.CutAfter < clockBytes) ||
		(i.Rate > 0 && i.Rate < slowestRate) || clockTrips*n.roundTrip() >= clockLimit)
}

// IsSilent is true for everything that is no outage: answers are right, and late at the most.
func (n *NetworkImpairment) IsSilent() bool { return !n.IsOutage() }

// roundTrip is the least that is added to the way there and back.
func (n *NetworkImpairment) roundTrip() time.Duration {
	trip := max(0, n.Impairment.Latency-n.Impairment.Jitter)
	if n.Impairment.Toward == fixtures.Both {
		trip *= 2
	}
	return trip
}

// seeable refuses what nobody could tell from a busy machine.
func (n *NetworkImpairment) seeable() error {
	i := n.Impairment
	var errs []error
	if (i.Latency > 0 || i.Jitter > 0) && n.roundTrip() < 20*time.Millisecond {
		errs = append(errs, errors.New("Impairment.Latency less Jitter adds less than 20 ms to the way there and back: no measurement would tell it from a busy machine"))
	}
	if hitsClients(n.Only) {
		return errors.Join(errs...)
	}
	if slices.Contains(n.Only, monitorRoute) || i.Rate > 0 || i.CutAfter > 0 || i.SlowClose > 0 || (i.Latency > 0 && i.Toward == fixtures.ToServer) {
		errs = append(errs, fmt.Errorf("on the routes %s only latency to the standby, resets and swallowed bytes can be seen to take effect", strings.Join(n.Only, ", ")))
	}
	return errors.Join(errs...)
}

// Inject impairs the routes.
func (n *NetworkImpairment) Inject(ctx context.Context, sys fixtures.System) error {
	routes, err := routesOf(sys, n.Only, clientsRoute, "impair the network")
	if err != nil {
		return err
	}
	if err := n.seeable(); err != nil {
		return err
	}
	for _, name := range slices.Sorted(maps.Keys(routes)) {
		route, ok := routes[name].(fixtures.Impairer)
		if !ok {
			return unsupported(sys, "fixtures.Impairer on route "+name, "impair the network")
		}
		if err := ctx.Err(); err != nil {
			return err
		}
		n.hit = append(n.hit, route)
		if err := route.Impair(ctx, n.Impairment); err != nil {
			return err
		}
	}
	return nil
}

// Heal takes away what was impaired. A route that has been cut over meanwhile is sound already.
func (n *NetworkImpairment) Heal(ctx context.Context, _ fixtures.System) error {
	var errs []error
	for _, r := range n.hit {
		errs = append(errs, r.Clear(ctx))
	}
	return errors.Join(errs...)
}

// Prove measures the way through the routes.
func (n *NetworkImpairment) Prove(ctx context.Context, sys fixtures.System) (string, error) {
	if _, err := routesOf(sys, n.Only, clientsRoute, "prove an impaired network"); err != nil {
		return "", err
	}
	i := n.Impairment
	switch {
	case !hitsClients(n.Only) && (i.Blackhole || i.Reset):
		return cutFromStandbys(ctx, sys)
	case !hitsClients(n.Only):
		return n.slowCopies(ctx, sys)
	case i.Blackhole || i.Reset:
		return unreachable(ctx, sys, 1, 1)
	case i.CutAfter > 0:
		up, down := n.bytes(i.CutAfter + clockBytes)
		return unreachable(ctx, sys, up, down)
	case i.SlowClose > 0:
		return n.slowEnd(ctx, sys)
	}
	return n.slowAnswers(ctx, sys)
}

// bytes are those that must be sent and received for so many to go where the impairment is.
func (n *NetworkImpairment) bytes(size int64) (up, down int64) {
	up, down = 1, 1
	if n.Impairment.Toward != fixtures.ToClient {
		up = size
	}
	if n.Impairment.Toward != fixtures.ToServer {
		down = size
	}
	return up, down
}

// measurements is how often something is timed. The shortest counts: a busy machine makes some longer, none shorter.
const measurements = 3

// slowAnswers times answers to a client.
func (n *NetworkImpairment) slowAnswers(ctx context.Context, sys fixtures.System) (string, error) {
	size, least := int64(1), clockTrips*n.roundTrip()
	if rate := n.Impairment.Rate; rate > 0 {
		size = min(rate/2, 4<<20)
		least += time.Duration(float64(size) / float64(rate) * 0.8 * float64(time.Second))
	}
	up, down := n.bytes(size)
	var shortest time.Duration
	for range measurements {
		took, err := exchange(ctx, sys, "", up, down)
		if err != nil {
			return "", fmt.Errorf("time an answer: %w", err)
		}
		if shortest == 0 || took < shortest {
			shortest = took
		}
	}
	return timed("an answer over a new connection", shortest, least)
}

// slowCopies times the way of a write to the standbys.
func (n *NetworkImpairment) slowCopies(ctx context.Context, sys fixtures.System) (string, error) {
	var shortest time.Duration
	for range measurements {
		took, arrived, err := copies(ctx, sys)
		switch {
		case err != nil:
			return "", err
		case !arrived:
			took = seenLimit
		}
		if shortest == 0 || took < shortest {
			shortest = took
		}
	}
	return timed("a write on its way to every standby", shortest, max(0, n.Impairment.Latency-n.Impairment.Jitter))
}

// slowEnd times the end of a connection over which nothing was said.
func (n *NetworkImpairment) slowEnd(ctx context.Context, sys fixtures.System) (string, error) {
	conn, err := (&net.Dialer{}).DialContext(ctx, "tcp", sys.Route().Address())
	if err != nil {
		return "", fmt.Errorf("time the end of a connection: %w", err)
	}
	defer conn.Close() //nolint:errcheck // nothing was written to it
	if tcp, ok := conn.(*net.TCPConn); ok {
		if err := tcp.CloseWrite(); err != nil {
			return "", fmt.Errorf("time the end of a connection: %w", err)
		}
	}
	began := time.Now()
	_ = conn.SetReadDeadline(began.Add(2*n.Impairment.SlowClose + seenLimit)) // a connection of ours has one
	_, err = io.Copy(io.Discard, conn)
	var late net.Error
	if errors.As(err, &late) && late.Timeout() {
		return "", fmt.Errorf("time the end of a connection: it does not come: %w", err)
	}
	return timed("the end of a connection", time.Since(began), n.Impairment.SlowClose)
}

func timed(what string, took, least time.Duration) (string, error) {
	if took < least {
		return "", fmt.Errorf("%w: %s took %s, and would take at least %s", ErrNotSeen, what, took.Round(time.Millisecond), least)
	}
	return fmt.Sprintf("%s takes %s, at least %s of which the fault adds", what, took.Round(time.Millisecond), least), nil
}
