package suite

import (
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"sync"

	"github.com/onsi/ginkgo/v2"

	"github.com/recoverydrill/gameday/fixtures"
	"github.com/recoverydrill/gameday/fixtures/container"
	"github.com/recoverydrill/gameday/fixtures/images"
	"github.com/recoverydrill/gameday/fixtures/process"
	"github.com/recoverydrill/gameday/scenarios/drill/config"
)

// ground is what all drills of this process share. The environment variables that it is made from are listed in package
// config: "gameday run" sets them; with plain go test they may be set by hand.
type ground struct {
	run      fixtures.Run
	images   *images.Resolver
	progress io.Writer
	seed     int64  // of drills that name none; 0 lets each draw one
	on       string // where nodes live
}

var shared = sync.OnceValues(newGround)

func newGround() (*ground, error) {
	conf := config.Config{}
	if path := os.Getenv(config.Variable); path != "" {
		var err error
		if conf, err = config.Load(path); err != nil {
			return nil, err
		}
	}
	dir := first(os.Getenv(config.ReportDirVariable), conf.ReportDir, "gameday-report")
	run, err := fixtures.NewRun(dir)
	if err != nil {
		return nil, err
	}
	g := &ground{run: run, progress: ginkgo.GinkgoWriter}
	if os.Getenv(config.ProgressVariable) != "" {
		g.progress = os.Stderr
	}
	fmt.Fprintf(g.progress, "gameday: report %s\n", run.Dir)
	if seed := os.Getenv(config.SeedVariable); seed != "" {
		if g.seed, err = strconv.ParseInt(seed, 10, 64); err != nil {
			return nil, fmt.Errorf("%s=%q: want a number", config.SeedVariable, seed)
		}
	}
	switch g.on = first(os.Getenv(config.OnVariable), conf.On, "auto"); g.on {
	case "auto", "container", "process":
	default:
		return nil, fmt.Errorf("%s=%q: nodes can live in: container, process (or auto, which is container)", config.OnVariable, g.on)
	}
	g.images = images.New(images.Options{Overrides: conf.Images, Build: true, Log: g.progress})
	return g, nil
}

// provider makes the place where one system's nodes live, after removing what dead runs have left there.
func (g *ground) provider(ctx context.Context) (fixtures.Provider, error) {
	if g.on == "process" {
		return prepared(ctx, g, process.Available, process.Sweep, func() (fixtures.Provider, error) {
			return process.New(ctx, g.run, process.Options{Log: g.progress})
		})
	}
	return prepared(ctx, g, container.Available, container.Sweep, func() (fixtures.Provider, error) {
		return container.New(ctx, g.run, container.Options{Images: g.images, Log: g.progress})
	})
}

func prepared(ctx context.Context, g *ground, available func(context.Context) error, sweep func(context.Context) ([]string, error), make func() (fixtures.Provider, error)) (fixtures.Provider, error) {
	if err := available(ctx); err != nil {
		return nil, err
	}
	removed, err := sweep(ctx)
	for _, r := range removed {
		fmt.Fprintf(g.progress, "gameday: swept %s\n", r)
	}
	if err != nil {
		return nil, fmt.Errorf("sweep what dead runs have left: %w", err)
	}
	return make()
}

func first(values ...string) string {
	for _, v := range values {
		if v != "" {
			return v
		}
	}
	return ""
}

// moduleRoot is the nearest directory above a file that holds a go.mod; the file's own if there is none.
func moduleRoot(file string) string {
	for dir := filepath.Dir(file); ; dir = filepath.Dir(dir) {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			return dir
		}
		if dir == filepath.Dir(dir) {
			return filepath.Dir(file)
		}
	}
}
