// Package ground chooses the place where a system is to live, from what the system needs and what this machine has, and
// makes the provider of its nodes there.
package ground

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/recoverydrill/gameday/fixtures"
	"github.com/recoverydrill/gameday/fixtures/process"
	"github.com/recoverydrill/gameday/scenarios/drill/config"
)

// preference is the order in which places are tried, the best first: a container is nearest to a machine of its own,
// and an embedded store has no server that could be lost.
var preference = []fixtures.Place{fixtures.InContainers, fixtures.InProcesses, fixtures.Embedded}

// Machine tells what there is to live on. Its functions say in a few words what they have found, or by their error what
// is lacking.
type Machine struct {
	Containers func(ctx context.Context) (found string, err error)
	// Processes is asked about an engine's version; both are "" for a system that names no engine.
	Processes func(ctx context.Context, engine, version string) (found string, err error)
	Embedded  func(ctx context.Context) (found string, err error)
}

// Choice is where a system is to live.
type Choice struct {
	Place fixtures.Place
	Index int    // of the needs that the place was chosen for
	Why   string // one line: what was found there, and what was lacking for anything better
}

// String is "on container: Docker Engine API 1.41 at unix:///var/run/docker.sock".
func (c Choice) String() string { return fmt.Sprintf("on %s: %s", c.Place, c.Why) }

// NeedsOf are a blueprint's. One that does not tell lives in containers or in processes, whichever there is.
func NeedsOf(b fixtures.Blueprint) fixtures.Needs {
	if n, ok := b.(fixtures.Needing); ok {
		return n.Needs()
	}
	return fixtures.Needs{Places: []fixtures.Place{fixtures.InContainers, fixtures.InProcesses}}
}

// Choose returns the place for the first of several systems that this machine can run. on is one of
// [config.Providers]: with "auto" a system lives in containers if a Docker API answers, else in processes if its
// server's binaries are here, else in this process if it can; with any other word it lives there or nowhere. Where
// nothing fits the error is a *[NoPlaceError].
func Choose(ctx context.Context, m Machine, on string, systems ...fixtures.Needs) (Choice, error) {
	if err := config.CheckProvider(on); err != nil {
		return Choice{}, fmt.Errorf("choose a place: %w", err)
	}
	if len(systems) == 0 {
		return Choice{}, errors.New("choose a place: there is no system to choose it for")
	}
	none := &NoPlaceError{Systems: systems}
	if on != config.Auto {
		none.On = fixtures.Place(on)
	}
	for i, n := range systems {
		for _, place := range preference {
			if !slices.Contains(n.Places, place) || none.On != "" && none.On != place {
				continue
			}
			found, err := m.look(ctx, place, n)
			if err == nil {
				return Choice{Place: place, Index: i, Why: none.why(found, n)}, nil
			}
			if ctx.Err() != nil { // that something is lacking is not known then
				return Choice{}, fmt.Errorf("choose a place: %w", context.Cause(ctx))
			}
			none.Lacks = append(none.Lacks, err)
		}
	}
	return Choice{}, none
}

func (m Machine) look(ctx context.Context, place fixtures.Place, n fixtures.Needs) (string, error) {
	switch place {
	case fixtures.InContainers:
		return m.Containers(ctx)
	case fixtures.InProcesses:
		return m.Processes(ctx, n.Engine, n.Version)
	}
	return m.Embedded(ctx)
}

// NoPlaceError says that none of the systems can live anywhere, or where it was asked for.
type NoPlaceError struct {
	Systems []fixtures.Needs
	On      fixtures.Place // the place that was asked for; "" is any
	Lacks   []error        // what is lacking, in the order in which places were tried; empty if none can live On
}

func (e *NoPlaceError) Error() string {
	var names, places []string
	for _, n := range e.Systems {
		names = append(names, name(n))
		for _, p := range n.Places {
			if !slices.Contains(places, string(p)) {
				places = append(places, string(p))
			}
		}
	}
	who := strings.Join(names, ", ")
	switch {
	case e.On != "" && len(e.Lacks) == 0:
		return fmt.Sprintf("%s cannot live on %s, which was asked for: only on %s", who, e.On, strings.Join(places, ", "))
	case e.On != "":
		return fmt.Sprintf("%s cannot live on %s, which was asked for: %s", who, e.On, strings.Join(reasons(e.Lacks, error.Error), "; "))
	}
	return fmt.Sprintf("there is no place for %s: %s", who, strings.Join(reasons(e.Lacks, error.Error), "; "))
}

// Unwrap returns what is lacking.
func (e *NoPlaceError) Unwrap() []error { return e.Lacks }

// why joins what was found for a system with what was lacking for anything better.
func (e *NoPlaceError) why(found string, n fixtures.Needs) string {
	switch {
	case e.On != "":
		found += ", as was asked for"
	case len(n.Places) == 1:
		found += fmt.Sprintf(" (%s lives nowhere else)", name(n))
	}
	return strings.Join(append([]string{found}, reasons(e.Lacks, brief)...), "; ")
}

// reasons lists what is lacking, each thing once. Several engines whose binaries are missing make one sentence.
func reasons(lacks []error, text func(error) string) []string {
	var out, missing []string
	var last *process.MissingError
	for _, err := range lacks {
		if m := (*process.MissingError)(nil); errors.As(err, &m) {
			missing, last = append(missing, m.Engine+" "+m.Version), m
		} else if s := text(err); !slices.Contains(out, s) {
			out = append(out, s)
		}
	}
	switch len(missing) {
	case 0:
		return out
	case 1:
		return append(out, text(last))
	}
	return append(out, "no server binaries of "+strings.Join(missing, ", "))
}

// brief is what is lacking without the cause and without advice.
func brief(err error) string {
	if b := (interface{ Brief() string })(nil); errors.As(err, &b) {
		return b.Brief()
	}
	return err.Error()
}

// name is a system as people know it.
func name(n fixtures.Needs) string {
	if n.Engine == "" {
		return "the system"
	}
	return strings.TrimSpace(n.Engine + " " + n.Version)
}
