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
