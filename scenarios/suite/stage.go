package suite

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"sync"
	"sync/atomic"

	"github.com/onsi/ginkgo/v2"

	"github.com/recoverydrill/gameday/fixtures"
	"github.com/recoverydrill/gameday/fixtures/images"
	"github.com/recoverydrill/gameday/reports"
	"github.com/recoverydrill/gameday/scenarios/drill/config"
	"github.com/recoverydrill/gameday/scenarios/ground"
)

// stage is what all drills of this process share. The environment variables that it is made from are listed in package
// config: "gameday run" sets them; with plain go test they may be set by hand.
type stage struct {
	run      fixtures.Run
	images   *images.Resolver
	progress io.Writer
	seed     int64         // of drills that name none; 0 lets each draw one
	on       string        // where systems are to live: one of config.Providers
	level    reports.Level // of every drill; "" leaves each its own
	planOnly bool          // end each drill before its recovery is run

	told string // the choice that was printed last
}

var shared = sync.OnceValues(newStage)

// staged is what shared has made; nil before a drill has asked for it.
var staged atomic.Pointer[stage]

func newStage() (*stage, error) {
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
	s := &stage{run: run, progress: ginkgo.GinkgoWriter, planOnly: os.Getenv(config.PlanVariable) != ""}
	if s.planOnly && os.Getenv(config.PlanVariable) != os.Getenv(config.ReportDirVariable) {
		return nil, fmt.Errorf("%s is set, and not by \"gameday plan\": every drill would end before its recovery", config.PlanVariable)
	}
	if os.Getenv(config.ProgressVariable) != "" {
		s.progress = os.Stderr
	}
	fmt.Fprintf(s.progress, "gameday: report %s\n", run.Dir)
	if seed := os.Getenv(config.SeedVariable); seed != "" {
		if s.seed, err = strconv.ParseInt(seed, 10, 64); err != nil {
			return nil, fmt.Errorf("%s=%q: want a number", config.SeedVariable, seed)
		}
	}
	if level := os.Getenv(config.LevelVariable); level != "" {
		if s.level, err = reports.ParseLevel(level); err != nil {
			return nil, fmt.Errorf("%s: %w", config.LevelVariable, err)
		}
	}
	s.on = first(os.Getenv(config.OnVariable), conf.On, config.Auto)
	if err := config.CheckProvider(s.on); err != nil {
		return nil, fmt.Errorf("%s: %w", config.OnVariable, err)
	}
	if n := asked.Load(); n > 0 {
		if err := errors.Join(reports.BeginRun(run.Dir, int(n)), s.report()); err != nil {
			return nil, err
		}
	}
	defer staged.Store(s)
	s.images = images.New(images.Options{Overrides: conf.Images, Build: true, Log: s.progress})
	return s, nil
}

// place chooses where one of several systems is to live, and opens a provider there. The choice is printed when it is
// another than the last one.
func (s *stage) place(ctx context.Context, systems ...fixtures.Needs) (ground.Choice, fixtures.Provider, error) {
	choice, err := ground.Choose(ctx, ground.Here(), s.on, systems...)
	if err != nil {
		return choice, nil, err
	}
	if line := choice.String(); line != s.told {
		fmt.Fprintf(s.progress, "gameday: %s\n", line)
		s.told = line
	}
	provider, err := ground.Open(ctx, choice.Place, s.run, ground.Options{Images: s.images, Log: s.progress})
	return choice, provider, err
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
