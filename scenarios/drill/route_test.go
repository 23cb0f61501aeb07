package drill

import (
	"context"
	"errors"
	"net"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/recoverydrill/gameday/fixtures"
	"github.com/recoverydrill/gameday/fixtures/route"
	"github.com/recoverydrill/gameday/reports"
)

// routed is a system of which only the route is asked for.
type routed struct {
	fixtures.System
	route fixtures.Route
}

func (r routed) Route() fixtures.Route { return r.route }

// A script that moves clients through the route's API need not say so: it is in the record all the same, once.
func TestCutOversThroughTheAPIAreSeen(t *testing.T) {
	var targets []string
	for range 3 {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = l.Close() })
		targets = append(targets, l.Addr().String())
	}
	r, err := route.Open(t.Context(), route.Options{Target: targets[0]})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = r.Close() })
	r.Server().Within(func(_ context.Context, target string) error {
		if !slices.Contains(targets, target) {
			return errors.New("none of the system's nodes")
		}
		return nil
	})
	status := http.StatusOK
	send := func(target string) {
		t.Helper()
		resp, err := http.Post("http://"+r.Server().APIAddress()+"/proxies/"+r.Name(), "application/json", strings.NewReader(`{"upstream":"`+target+`"}`)) //nolint:noctx // short
		if err != nil {
			t.Fatal(err)
		}
		if err := resp.Body.Close(); err != nil || resp.StatusCode != status {
			t.Fatalf("status %d, %v", resp.StatusCode, err)
		}
	}
	clock := fixtures.NewClock()
	d := &Drill{sys: routed{route: r}, clock: clock, rec: &reports.Record{}}
	send(targets[1]) // before the recovery
	rr := &reports.Recovery{DeclaredNS: clock.NowNS()}
	send(targets[2])
	if err := r.CutOver(t.Context(), targets[0]); err != nil { // the drill's own are noted where they are made
		t.Fatal(err)
	}
	status = http.StatusBadRequest
	send("127.0.0.2:5432")
	d.followRoute(rr)
	d.followRoute(rr)
	if len(rr.Tried) != 1 || rr.Tried[0] != "127.0.0.2:5432" {
		t.Errorf("tried %q, want the one that was refused", rr.Tried)
	}
	if len(rr.CutOvers) != 1 || rr.CutOvers[0].Target != targets[2] || !rr.CutOvers[0].API {
		t.Errorf("got %+v, want the one to %s", rr.CutOvers, targets[2])
	}
}
