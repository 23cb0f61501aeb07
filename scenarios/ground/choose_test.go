package ground_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/recoverydrill/gameday/fixtures"
	"github.com/recoverydrill/gameday/fixtures/process"
	"github.com/recoverydrill/gameday/scenarios/ground"
)

// absent is what is lacking where no Docker API answers.
type absent struct{}

func (absent) Error() string { return "no Docker engine answers at x: refused; start it" }
func (absent) Brief() string { return "no Docker engine answers at x" }

// machine has a Docker API or not, and these servers. "no root" among them is a machine that cannot have processes.
func machine(docker bool, servers ...string) ground.Machine {
	return ground.Machine{
		Containers: func(context.Context) (string, error) {
			if !docker {
				return "", absent{}
			}
			return "Docker Engine API 1.41 at x", nil
		},
		Processes: func(_ context.Context, engine, version string) (string, error) {
			switch name := strings.TrimSpace(engine + " " + version); {
			case slices.Contains(servers, "no root"):
				return "", errors.New("processes need root")
			case name == "":
				return "processes", nil
			case slices.Contains(servers, name):
				return name + " in /usr", nil
			}
			return "", &process.MissingError{Engine: engine, Version: version, Looked: []string{"/usr"}}
		},
		Embedded: func(context.Context) (string, error) { return "this process", nil },
	}
}

var (
	pg17   = needs("postgres", "17", fixtures.InContainers, fixtures.InProcesses)
	pg15   = needs("postgres", "15", fixtures.InContainers, fixtures.InProcesses)
	maria  = needs("mariadb", "10.11", fixtures.InProcesses)
	sqlite = needs("sqlite", "", fixtures.Embedded)
	own    = needs("", "", fixtures.Embedded, fixtures.InContainers, fixtures.InProcesses) // a team's, everywhere
)

func needs(engine, version string, places ...fixtures.Place) fixtures.Needs {
	return fixtures.Needs{Engine: engine, Version: version, Places: places}
}

func of(systems ...fixtures.Needs) []fixtures.Needs { return systems }

func TestPlaceIsTheBestThatThereIs(t *testing.T) {
	all := of(pg17, pg15, maria, sqlite)
	for name, c := range map[string]struct {
		on      string
		machine ground.Machine
		systems []fixtures.Needs
		index   int
		want    string // the choice, or the error
	}{
		"containers before processes": {
			"auto", machine(true, "postgres 17"), of(pg17), 0,
			"on container: Docker Engine API 1.41 at x",
		},
		"processes before this process": {
			"auto", machine(false), of(own), 0,
			"on process: processes; no Docker engine answers at x",
		},
		"this process where nothing else is": {
			"auto", machine(false, "no root"), of(own), 0,
			"on embedded: this process; no Docker engine answers at x; processes need root",
		},
		"the first of several": {
			"auto", machine(true, "postgres 15"), all, 0,
			"on container: Docker Engine API 1.41 at x",
		},
		"the second of several": {
			"auto", machine(false, "postgres 15", "mariadb 10.11"), all, 1,
			"on process: postgres 15 in /usr; no Docker engine answers at x; no server binaries of postgres 17",
		},
		"the last of several": {
			"auto", machine(false, "postgres 16"), all, 3,
			"on embedded: this process (sqlite lives nowhere else); no Docker engine answers at x; no server binaries of postgres 17, postgres 15, mariadb 10.11",
		},
		"an embedded one beside Docker": {
			"auto", machine(true, "postgres 17"), of(sqlite), 0,
			"on embedded: this process (sqlite lives nowhere else)",
		},
		"no place": {
			"auto", machine(false), of(pg17), 0,
			"there is no place for postgres 17: no Docker engine answers at x: refused; start it; postgres 17 is not installed on this host: looked into /usr",
		},
		"no place for several": {
			"auto", machine(false), of(pg17, pg15), 0,
			"there is no place for postgres 17, postgres 15: no Docker engine answers at x: refused; start it; no server binaries of postgres 17, postgres 15",
		},
		"processes although Docker answers": {
			"process", machine(true, "postgres 15"), all, 1,
			"on process: postgres 15 in /usr, as was asked for; no server binaries of postgres 17",
		},
		"this process although Docker answers": {
			"embedded", machine(true, "postgres 17"), all, 3,
			"on embedded: this process, as was asked for",
		},
		"containers that cannot be had, in spite of processes": {
			"container", machine(false, "postgres 17"), all, 0,
			"postgres 17, postgres 15, mariadb 10.11, sqlite cannot live on container, which was asked for: no Docker engine answers at x: refused; start it",
		},
		"processes that cannot be had, in spite of Docker": {
			"process", machine(true), of(pg17), 0,
			"postgres 17 cannot live on process, which was asked for: postgres 17 is not installed on this host: looked into /usr",
		},
		"an embedded one in containers": {
			"container", machine(true), of(sqlite), 0,
			"sqlite cannot live on container, which was asked for: only on embedded",
		},
		"a server in this process": {
			"embedded", machine(true), of(pg17, maria), 0,
			"postgres 17, mariadb 10.11 cannot live on embedded, which was asked for: only on container, process",
		},
		"nothing": {
			"auto", machine(true), nil, 0,
			"choose a place: there is no system to choose it for",
		},
		"no such place": {
			"moon", machine(true), of(pg17), 0,
			`choose a place: "moon" is none of auto, container, process, embedded`,
		},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := ground.Choose(t.Context(), c.machine, c.on, c.systems...)
			text := got.String()
			if err != nil {
				text = err.Error()
			}
			if text != c.want || got.Index != c.index {
				t.Errorf("got  %d %s\nwant %d %s", got.Index, text, c.index, c.want)
			}
			if refused := (*ground.NoPlaceError)(nil); err != nil && c.on != "moon" && c.systems != nil && !errors.As(err, &refused) {
				t.Errorf("the error is a %T", err)
			}
		})
	}
}

// A search that was ended in the middle has not found that something is lacking: nothing worse may be taken for it.
func TestEndedSearchChoosesNothing(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	m := machine(true)
	m.Containers = func(ctx context.Context) (string, error) {
		cancel()
		return "", fmt.Errorf("ask: %w", ctx.Err())
	}
	if got, err := ground.Choose(ctx, m, "auto", own); !errors.Is(err, context.Canceled) || got.Place != "" {
		t.Errorf("got %+v, %v", got, err)
	}
}

type silent struct{ fixtures.Blueprint }

type telling struct{ silent }

func (telling) Needs() fixtures.Needs { return sqlite }

func TestNeedsOfABlueprintThatDoesNotTell(t *testing.T) {
	if got := ground.NeedsOf(silent{}); got.Engine != "" || !slices.Equal(got.Places, []fixtures.Place{fixtures.InContainers, fixtures.InProcesses}) {
		t.Errorf("got %+v", got)
	}
	if got := ground.NeedsOf(telling{}); got.Engine != "sqlite" {
		t.Errorf("got %+v", got)
	}
}
