package faults

import (
	"context"
	"errors"
	"testing"

	"github.com/recoverydrill/gameday/fixtures"
)

// deadStore does not tell its token.
type deadStore struct{ fakeSystem }

func (deadStore) Identity(context.Context, string) (fixtures.Identity, error) {
	return fixtures.Identity{}, errors.New("connection refused")
}

// led is a dead store behind a route that somebody may have sent anywhere.
type led struct {
	deadStore
	route fakeRoute
}

func (l led) Route() fixtures.Route { return l.route }
func (led) Secrets() []string       { return nil }
func (led) Environment(context.Context) (map[string]string, error) {
	return map[string]string{"GAMEDAY_PORT": "5432"}, nil
}

// fakeRoute has a history and leads where that ends.
type fakeRoute struct {
	fixtures.Route
	history []fixtures.RouteChange
}

func (r fakeRoute) History() []fixtures.RouteChange { return r.history }
func (r fakeRoute) Target() string                  { return r.history[len(r.history)-1].Target }

// at is a node with an address.
type at struct {
	fakeNode
	address string
}

func (n at) Address(context.Context, int) (fixtures.Address, error) {
	return fixtures.Address{Harness: n.address}, nil
}

// A recovery may send the route anywhere through its API. A store there that does not tell its token is not the run's.
func TestGuardFollowsTheRoute(t *testing.T) {
	node := at{fakeNode{t, "n", map[string]string{fixtures.LabelRun: "r1"}}, "127.0.0.1:7001"}
	guard := Guard{Run: fixtures.Run{ID: "r1"}, Token: "t", Recovering: true}
	open := fixtures.RouteChange{Kind: "open", Target: "127.0.0.1:7000"}
	for name, c := range map[string]struct {
		history []fixtures.RouteChange
		fine    bool
	}{
		"nobody has sent it anywhere":    {[]fixtures.RouteChange{open}, true},
		"the drill has sent it":          {[]fixtures.RouteChange{open, {Kind: "cut over", Target: "127.0.0.1:7002"}}, true},
		"the API has sent it to a node":  {[]fixtures.RouteChange{open, {Kind: "cut over", Target: "127.0.0.1:7001", API: true}}, true},
		"the API has sent it elsewhere":  {[]fixtures.RouteChange{open, {Kind: "cut over", Target: "192.0.2.1:5432", API: true}}, false},
		"and it was cut and restored":    {[]fixtures.RouteChange{open, {Kind: "cut over", Target: "192.0.2.1:5432", API: true}, {Kind: "cut", Target: "192.0.2.1:5432"}}, false},
		"and the drill has sent it back": {[]fixtures.RouteChange{open, {Kind: "cut over", Target: "192.0.2.1:5432", API: true}, {Kind: "cut over", Target: "127.0.0.1:7001"}}, true},
	} {
		err := guard.Check(t.Context(), led{deadStore{fakeSystem{nodes: []fixtures.Node{node}}}, fakeRoute{history: c.history}})
		if (err == nil) != c.fine || (err != nil && !errors.Is(err, ErrForeign)) {
			t.Errorf("%s: got %v", name, err)
		}
	}
}

// While a store is being recovered it may not answer. Everything else is checked as ever.
func TestGuardWhileTheStoreIsRecovered(t *testing.T) {
	own := fakeNode{t, "n", map[string]string{fixtures.LabelRun: "r1"}}
	foreign := fakeNode{t, "n", map[string]string{fixtures.LabelRun: "r2"}}
	guard := Guard{Run: fixtures.Run{ID: "r1"}, Token: "t"}
	recovering := guard
	recovering.Recovering = true
	for name, c := range map[string]struct {
		guard Guard
		sys   fixtures.System
		fine  bool
	}{
		"it does not answer":                   {recovering, deadStore{fakeSystem{nodes: []fixtures.Node{own}}}, true},
		"it does not answer and is not down":   {guard, deadStore{fakeSystem{nodes: []fixtures.Node{own}}}, false},
		"it does not answer on foreign nodes":  {recovering, deadStore{fakeSystem{nodes: []fixtures.Node{own, foreign}}}, false},
		"it answers":                           {recovering, fakeSystem{[]fixtures.Node{own}, "t"}, true},
		"it answers and is another one":        {recovering, fakeSystem{[]fixtures.Node{own}, "other"}, false},
		"it answers with no token":             {recovering, fakeSystem{[]fixtures.Node{own}, ""}, false},
		"it does not answer and has no nodes":  {recovering, deadStore{fakeSystem{}}, false},
		"nobody knows which run it belongs to": {Guard{Recovering: true}, deadStore{fakeSystem{nodes: []fixtures.Node{own}}}, false},
	} {
		if err := c.guard.Check(t.Context(), c.sys); (err == nil) != c.fine {
			t.Errorf("%s: got %v", name, err)
		}
	}
}
