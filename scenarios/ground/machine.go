package ground

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync"

	"github.com/recoverydrill/gameday/fixtures"
	"github.com/recoverydrill/gameday/fixtures/container"
	"github.com/recoverydrill/gameday/fixtures/container/docker"
	"github.com/recoverydrill/gameday/fixtures/embedded"
	"github.com/recoverydrill/gameday/fixtures/images"
	"github.com/recoverydrill/gameday/fixtures/process"
)

// Here is the machine that this process runs on, as it is now: each thing is looked at once.
func Here() Machine {
	var askEngine, tryProcesses, tryEmbedded sync.Once
	var engine string
	var noEngine, noProcesses, notEmbedded error
	return Machine{
		Containers: func(ctx context.Context) (string, error) {
			askEngine.Do(func() { engine, noEngine = docker.Engine(ctx) })
			return engine, noEngine
		},
		Processes: func(ctx context.Context, name, version string) (string, error) {
			tryProcesses.Do(func() { noProcesses = process.Available(ctx) })
			if noProcesses != nil || name == "" {
				return "processes of this host", noProcesses
			}
			b, err := process.Find(ctx, name, version)
			return b.String(), err
		},
		Embedded: func(ctx context.Context) (string, error) {
			tryEmbedded.Do(func() { notEmbedded = embedded.Available(ctx) })
			return "this process itself, without a server", notEmbedded
		},
	}
}

// Options of what is opened. The zero value is useful.
type Options struct {
	// Images finds the images of containers; default is images.New with its own defaults.
	Images *images.Resolver
	// Log receives lines of progress. Default is none.
	Log io.Writer
}

// Open makes a provider at a place that was chosen, after removing what dead runs have left there. The caller closes
// it.
func Open(ctx context.Context, place fixtures.Place, run fixtures.Run, o Options) (fixtures.Provider, error) {
	if o.Log == nil {
		o.Log = io.Discard
	}
	sweeps := []func(context.Context) ([]string, error){container.SweepProcesses, embedded.Sweep}
	if place == fixtures.InContainers {
		sweeps = []func(context.Context) ([]string, error){container.Sweep}
	}
	for _, sweep := range sweeps {
		removed, err := sweep(ctx)
		for _, r := range removed {
			_, _ = fmt.Fprintf(o.Log, "gameday: swept %s\n", r)
		}
		if err != nil {
			return nil, fmt.Errorf("sweep what dead runs have left: %w", err)
		}
	}
	switch place {
	case fixtures.InContainers:
		return container.New(ctx, run, container.Options{Images: o.Images, Log: o.Log})
	case fixtures.InProcesses:
		return process.New(ctx, run, process.Options{Log: o.Log})
	case fixtures.Embedded:
		return embedded.New(ctx, run, embedded.Options{Log: o.Log})
	}
	return nil, errors.New("there is no place " + string(place))
}
