package faults

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sort"
	"strings"

	"github.com/recoverydrill/gameday/fixtures"
)

// NetworkCut takes the primary off the network: every route to it, the clients' and the standbys', drops its
// connections and refuses new ones. The server itself runs on, as it does behind a dead switch.
type NetworkCut struct {
	// Only limits the cut to the routes with these names ("clients", "replication standby-1"); empty cuts all, that of the
	// health check among them.
	Only []string

	cut []fixtures.Route
}

var (
	_ Fault  = (*NetworkCut)(nil)
	_ Healer = (*NetworkCut)(nil)
	_ Outage = (*NetworkCut)(nil)
	_ Prover = (*NetworkCut)(nil)
	_ Silent = (*NetworkCut)(nil)
)

// CutNetwork cuts every route to the primary, or those with the names.
func CutNetwork(only ...string) *NetworkCut { return &NetworkCut{Only: only} }

// Describe names the routes.
func (c *NetworkCut) Describe() Description {
	what := "every route to the primary"
	if len(c.Only) > 0 {
		what = "the routes " + strings.Join(c.Only, ", ")
	}
	return Description{Name: "network cut", Class: "network", Detail: what + " is cut"}
}

// IsOutage is true where clients are cut off: the service clock sees it, the data is sound.
func (c *NetworkCut) IsOutage() bool { return hitsClients(c.Only) }

// IsSilent is true where only others are.
func (c *NetworkCut) IsSilent() bool { return !c.IsOutage() }

// Prove sees that clients, or the standbys, are cut off.
func (c *NetworkCut) Prove(ctx context.Context, sys fixtures.System) (string, error) {
	switch {
	case hitsClients(c.Only):
		return unreachable(ctx, sys, 1, 1)
	case slices.Equal(c.Only, []string{monitorRoute}):
		return blind(ctx, sys)
	}
	return cutFromStandbys(ctx, sys)
}

// Inject cuts the routes.
func (c *NetworkCut) Inject(ctx context.Context, sys fixtures.System) error {
	r, ok := sys.(fixtures.Routed)
	if !ok {
		return unsupported(sys, "fixtures.Routed", "cut the network")
	}
	routes := r.Routes()
	names := c.Only
	if len(names) == 0 {
		for n := range routes {
			names = append(names, n)
		}
		sort.Strings(names) // "clients" first: its cut is the fault's first effect
	}
	for _, n := range names {
		route, ok := routes[n]
		if !ok {
			return fmt.Errorf("cut route %q: the system has no such route", n)
		}
		if err := ctx.Err(); err != nil {
			return err
		}
		if is, ok := route.(interface{ IsCut() bool }); ok && is.IsCut() {
			return fmt.Errorf("cut route %q: it is cut already, and healing this fault would end the other", n)
		}
		if err := route.Cut(ctx); err != nil {
			return fmt.Errorf("cut route %q: %w", n, err)
		}
		c.cut = append(c.cut, route)
	}
	return nil
}

// Heal restores what is still cut. A route that a recovery has cut over stays where it is.
func (c *NetworkCut) Heal(ctx context.Context, _ fixtures.System) error {
	var errs []error
	for _, r := range c.cut {
		errs = append(errs, r.Restore(ctx))
	}
	return errors.Join(errs...)
}
