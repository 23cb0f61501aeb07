package verify

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/recoverydrill/gameday/fixtures"
)

// machines are nodes of which each has a server that follows another one, or not, or does not answer.
type machines struct {
	fixtures.System
	members []fixtures.Member
	follow  map[string]bool // absent is a server that does not answer
}

type namedNode struct {
	fixtures.Node
	name string
}

func (n namedNode) Name() string { return n.name }

type routeTo struct {
	fixtures.Route
	target string
}

func (r routeTo) Target() string { return r.target }

func (m machines) Members() []fixtures.Member { return m.members }
func (m machines) Route() fixtures.Route      { return routeTo{target: "serving"} }
func (m machines) Follows(_ context.Context, n fixtures.Node) (bool, error) {
	is, answers := m.follow[n.Name()]
	if !answers {
		return false, errors.New("connection refused")
	}
	return is, nil
}
func (m machines) ReplicatedTo(context.Context, ...fixtures.Node) error { return nil }

// A standby is what follows another server now: a former primary that was attached again is looked at, and one that was lost
// is not missed where another stands in its place.
func TestAStandbyIsWhatFollowsNow(t *testing.T) {
	for name, c := range map[string]struct {
		serving  string
		follow   map[string]bool
		standbys string
		replaced string
	}{
		"as it began":                     {"primary", map[string]bool{"standby-1": true, "standby-2": true}, "standby-1 standby-2", ""},
		"the former primary is stopped":   {"standby-1", map[string]bool{"standby-2": true}, "standby-2", ""},
		"it runs and follows nobody":      {"standby-1", map[string]bool{"primary": false, "standby-2": true}, "standby-2", ""},
		"it is attached again":            {"standby-1", map[string]bool{"primary": true, "standby-2": true}, "primary standby-2", ""},
		"a lost one is replaced":          {"primary", map[string]bool{"standby-2": true, "spare": true}, "standby-2 spare", "standby-1"},
		"a lost one is not":               {"primary", map[string]bool{"standby-2": true, "spare": false}, "standby-2 standby-1", ""},
		"one is no standby any more":      {"primary", map[string]bool{"standby-1": false, "standby-2": true, "spare": true}, "standby-1 standby-2 spare", ""},
		"clients are served by a new one": {"spare", map[string]bool{"standby-1": true, "standby-2": true}, "standby-1 standby-2", ""},
		"two are lost, one is replaced":   {"primary", map[string]bool{"spare": true}, "spare standby-2", "standby-1"},
	} {
		sys, env := machines{follow: c.follow}, map[string]string{}
		for _, m := range []struct {
			role fixtures.Role
			name string
		}{{fixtures.Primary, "primary"}, {fixtures.Standby, "standby-1"}, {fixtures.Standby, "standby-2"}, {fixtures.Spare, "spare"}} {
			sys.members = append(sys.members, fixtures.Member{Role: m.role, Node: namedNode{name: m.name}})
			env["GAMEDAY_ADDRESS_"+strings.ToUpper(strings.ReplaceAll(m.name, "-", "_"))] = m.name
			if m.name == c.serving {
				env["GAMEDAY_ADDRESS_"+strings.ToUpper(strings.ReplaceAll(m.name, "-", "_"))] = "serving"
			}
		}
		var got replicas
		var names []string
		for _, n := range got.find(t.Context(), sys, env) {
			names = append(names, n.Name())
		}
		want := strings.Fields(c.standbys)
		if !slices.Equal(names, want) || strings.Join(got.Replaced, " ") != c.replaced {
			t.Errorf("%s: standbys %q, replaced %q; want %q and %q", name, names, got.Replaced, want, c.replaced)
		}
	}
}
