package faults

import (
	"context"
	"errors"
	"fmt"
	"net"
	"time"

	"github.com/recoverydrill/gameday/fixtures"
)

// FalseAlarm blinds the health check of the primary and damages nothing: the route named "monitor" is cut, clients and
// standbys keep theirs. What was asked of the recovery is to look from elsewhere, and to refuse.
type FalseAlarm struct{ cut NetworkCut }

var (
	_ Fault  = (*FalseAlarm)(nil)
	_ Healer = (*FalseAlarm)(nil)
	_ Prover = (*FalseAlarm)(nil)
	_ Silent = (*FalseAlarm)(nil)
)

// BlindMonitor cuts the health check off the primary.
func BlindMonitor() *FalseAlarm { return &FalseAlarm{NetworkCut{Only: []string{monitorRoute}}} }

// Describe says that nothing is damaged.
func (f *FalseAlarm) Describe() Description {
	return Description{Name: "false alarm", Class: "no damage", Detail: "the health check is cut off the primary, and nothing else is"}
}

// IsSilent is true: clients are served, the data is sound.
func (f *FalseAlarm) IsSilent() bool { return true }

// Inject cuts the route.
func (f *FalseAlarm) Inject(ctx context.Context, sys fixtures.System) error {
	return f.cut.Inject(ctx, sys)
}

// Heal restores it.
func (f *FalseAlarm) Heal(ctx context.Context, sys fixtures.System) error {
	return f.cut.Heal(ctx, sys)
}

// Prove asks over the health check's route and over the clients'.
func (f *FalseAlarm) Prove(ctx context.Context, sys fixtures.System) (string, error) {
	return blind(ctx, sys)
}

// quiet is how long a connection over which nothing was said stays open at least, where somebody has taken it.
const quiet = 300 * time.Millisecond

// blind sees that a connection over the health check's route ends at once, and that clients are served.
func blind(ctx context.Context, sys fixtures.System) (string, error) {
	routes, err := routesOf(sys, nil, monitorRoute, "see whether the health check is blind")
	if err != nil {
		return "", err
	}
	if _, err := exchange(ctx, sys, "", 1, 1); err != nil {
		return "", fmt.Errorf("clients are not served: that would be no false alarm: %w", err)
	}
	conn, err := (&net.Dialer{}).DialContext(ctx, "tcp", routes[monitorRoute].Address())
	if err != nil {
		if ctx.Err() != nil {
			return "", ctx.Err()
		}
		return fmt.Sprintf("the health check does not get in (%s), clients get their answers", oneLine(err)), nil
	}
	defer conn.Close() //nolint:errcheck // nothing was written to it
	_ = conn.SetReadDeadline(time.Now().Add(quiet))
	n, err := conn.Read(make([]byte, 1))
	var late net.Error
	if n > 0 || (errors.As(err, &late) && late.Timeout()) {
		return "", fmt.Errorf("%w: the health check reaches the primary", ErrNotSeen)
	}
	return fmt.Sprintf("the health check gets nothing (%s), clients get their answers", oneLine(err)), nil
}
