package main

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/spf13/cobra"

	"github.com/recoverydrill/gameday/cmd/gameday/internal/suites"
	"github.com/recoverydrill/gameday/reports"
	"github.com/recoverydrill/gameday/scenarios/drill/config"
)

const (
	defaultReportDir = "gameday-report"
	defaultTimeout   = time.Hour
	// pastTimeout is what a suite may take beyond its own timeout, to heal, clean up and report, before it is asked to
	// end from outside; killAfter is what it has then.
	pastTimeout = 10 * time.Minute
	killAfter   = 2 * time.Minute
)

// selection says which specs of which suites.
type selection struct {
	patterns     []string
	label, focus string
}

func (s *selection) flags(cmd *cobra.Command) {
	cmd.Flags().StringVarP(&s.label, "label", "l", "", "run only drills whose labels match the `expression`, such as 'postgres && !slow'")
	cmd.Flags().StringVar(&s.focus, "focus", "", "run only drills whose text matches the `regexp`")
}

// args are the flags of Ginkgo that make the selection.
func (s *selection) args() []string {
	args := []string{"-ginkgo.fail-on-empty"}
	if s.label != "" {
		args = append(args, "-ginkgo.label-filter="+s.label)
	}
	if s.focus != "" {
		args = append(args, "-ginkgo.focus="+s.focus)
	}
	return args
}

func (s *selection) String() string {
	var parts []string
	if s.label != "" {
		parts = append(parts, fmt.Sprintf("--label %q", s.label))
	}
	if s.focus != "" {
		parts = append(parts, fmt.Sprintf("--focus %q", s.focus))
	}
	return strings.Join(parts, " ")
}

type runOptions struct {
	selection
	reportDir, on, config, output string
	level                         string // "" leaves each drill its own
	timeout                       time.Duration
	seed                          int64
	keepGoing, verbose, planOnly  bool
	atOnce                        int
	sabotage                      string // as in [config.SabotageVariable]; "" for a drill
}

func (a *app) runCommand() *cobra.Command {
	var o runOptions
	cmd := &cobra.Command{
		Use:   "run [PACKAGES...]",
		Short: "Run drills and tell whether the recovery works",
		Long: `Run finds the packages whose tests are drills (default ./...), compiles each, and runs it.
It prints one verdict line for each drill and the path of the report to standard output, and
progress to standard error. The exit code is the worst verdict's.

A drill's system lives in containers if a Docker API answers (Docker, rootless Docker, Podman),
else in processes of this machine if its server's binaries are installed, else, if it can, in the
suite's own process. One line of the progress tells which and why. With --on it lives there or
nowhere: a drill that cannot be run there is inconclusive.

The first Ctrl-C or SIGTERM lets the running drill heal its fault and clean up; the second
kills it, and "gameday clean" then removes what it left.

A gameday.yaml in the current directory is read if there is one:

  version: 1
  images: {"postgres:17": my.registry/postgres:17.4}  # where nodes' images come from
  report_dir: gameday-report
  on: auto
  timeout: 1h`,
		Example: `  gameday run
  gameday run ./scenarios/postgres --label flagship
  gameday run ./drills/... --label 'postgres && !slow' --keep-going
  gameday run ./drills/... --on container`,
		RunE: func(cmd *cobra.Command, args []string) error {
			o.patterns = args
			return a.run(cmd.Context(), o)
		},
	}
	f := cmd.Flags()
	f.SortFlags = false
	o.flags(cmd)
	f.StringVar(&o.reportDir, "report-dir", "", "`directory` below which each run's evidence and reports go (default "+defaultReportDir+")")
	f.StringVar(&o.on, "on", "", "`where` drills' systems live: "+strings.Join(config.Providers(), ", ")+" (default "+config.Auto+")")
	f.StringVar(&o.level, "level", "", "`depth` of every verdict: quick, full or deep (default what each drill says, else full)")
	f.DurationVar(&o.timeout, "timeout", 0, "`limit` for each suite (default "+short(defaultTimeout)+")")
	f.Int64Var(&o.seed, "seed", 0, "`number` from which every random choice comes; 0 draws one")
	f.BoolVar(&o.keepGoing, "keep-going", false, "run the next suite after one that did not pass")
	f.IntVar(&o.atOnce, "at-once", 1, "`number` of suites that run at the same time: drills keep a clock, and share the machine then")
	f.StringVar(&o.config, "config", "", "configuration `file` (default "+config.FileName+", if there is one)")
	f.StringVarP(&o.output, "output", "o", "text", "`format` of what is printed: text or json")
	f.BoolVarP(&o.verbose, "verbose", "v", false, "show all that the suites print")
	return cmd
}

func (a *app) run(ctx context.Context, o runOptions) error {
	if o.atOnce < 1 {
		return usagef("option --at-once does not take %d: it is how many suites run at the same time", o.atOnce)
	}
	if o.atOnce > 1 {
		a.err = &inTurn{to: a.err}
	}
	o, err := o.complete()
	if err != nil {
		return err
	}
	found, err := a.find(ctx, o.patterns)
	if err != nil {
		return err
	}
	dir, err := os.MkdirTemp("", "gameday-suites-")
	if err != nil {
		return fmt.Errorf("make a directory for the suites' binaries: %w", err)
	}
	defer func() { _ = os.RemoveAll(dir) }()
	binaries := make([]string, len(found))
	for i, s := range found { // all of them first: a suite that does not compile is told before anything has run
		a.note("compiling %s", s.Package)
		if binaries[i], err = a.compile(ctx, s, dir); err != nil {
			return err
		}
	}
	sum, err := a.runSuites(ctx, found, binaries, dir, o)
	if err != nil {
		return err
	}
	if sum.selectedNothing() {
		return usagef("no drill matches %s\n%s", o.selection.String(), sum.labelsText())
	}
	if err := a.print(sum, o.output); err != nil {
		return err
	}
	return &verdict{sum.Outcome}
}

// runSuites runs the suites, o.atOnce at the same time. After one that did not pass, or that could not be run at all, no other
// is begun unless o.keepGoing says so; those that run already end as they would.
func (a *app) runSuites(ctx context.Context, found []suites.Suite, binaries []string, dir string, o runOptions) (summary, error) {
	var (
		mu      sync.Mutex
		running sync.WaitGroup
		done    summary // in the order in which they ended
		failed  error
	)
	results := make([]*suiteResult, len(found))
	stopped := func() bool {
		mu.Lock()
		defer mu.Unlock()
		return failed != nil || ctx.Err() != nil || (!o.keepGoing && done.anyNotPassed())
	}
	free := make(chan struct{}, o.atOnce)
	for i, s := range found {
		free <- struct{}{}
		if stopped() {
			break
		}
		running.Go(func() {
			defer func() { <-free }()
			r, err := a.runSuite(ctx, s, binaries[i], filepath.Join(dir, fmt.Sprintf("%d.json", i)), o)
			mu.Lock()
			defer mu.Unlock()
			if err != nil {
				failed = cmp.Or(failed, err)
				return
			}
			results[i] = &r
			done.add(r)
		})
	}
	running.Wait()
	var sum summary
	for i, r := range results {
		if r == nil {
			sum.notRun(found[i:]) // they are begun in their order: none after it was
			break
		}
		sum.add(*r)
	}
	return sum, failed
}

// complete checks the options and fills those that were not given from the configuration, then with the defaults.
func (o runOptions) complete() (runOptions, error) {
	if o.output != "text" && o.output != "json" {
		return o, usagef("option --output does not take %q: it is text or json", o.output)
	}
	if o.timeout < 0 {
		return o, usagef("option --timeout does not take %q: it is a duration such as 30m or 1h30m", o.timeout)
	}
	conf, err := o.load()
	if err != nil {
		return o, err
	}
	if o.on != "" {
		if err := config.CheckProvider(o.on); err != nil {
			return o, usagef("option --on: %v", err)
		}
	}
	o.level = cmp.Or(o.level, os.Getenv(config.LevelVariable))
	if _, err := reports.ParseLevel(o.level); err != nil {
		return o, usagef("option --level: %v", err)
	}
	o.on = cmp.Or(o.on, os.Getenv(config.OnVariable), conf.On)
	o.timeout = cmp.Or(o.timeout, conf.Timeout, defaultTimeout)
	o.config = conf.Path
	o.reportDir = cmp.Or(o.reportDir, os.Getenv(config.ReportDirVariable), conf.ReportDir, defaultReportDir)
	if o.reportDir, err = filepath.Abs(o.reportDir); err != nil {
		return o, fmt.Errorf("resolve the report directory: %w", err)
	}
	if err := os.MkdirAll(o.reportDir, 0o755); err != nil { //nolint:gosec // reports are for others to read
		return o, fmt.Errorf("create the report directory: %w", err)
	}
	return o, nil
}

// load reads the configuration that was named, or the one in the current directory if there is one.
func (o runOptions) load() (config.Config, error) {
	if o.config != "" {
		c, err := config.Load(o.config)
		if errors.Is(err, fs.ErrNotExist) {
			return c, usagef("option --config: there is no file %q", o.config)
		}
		return c, err
	}
	c, err := config.Load(config.FileName)
	if errors.Is(err, fs.ErrNotExist) {
		return config.Config{}, nil
	}
	return c, err
}

// find returns the suites among the patterns. None at all is a mistake of the caller, and so is a package that is named and
// is none.
func (a *app) find(ctx context.Context, patterns []string) ([]suites.Suite, error) {
	if len(patterns) == 0 {
		patterns = []string{"./..."}
	}
	found, err := suites.Find(ctx, a.adapter, patterns)
	if err != nil {
		return nil, err
	}
	if len(found) == 0 {
		return nil, usagef("no drills in %s: no package there has tests that import\n%s", strings.Join(patterns, " "), a.adapter)
	}
	named, err := suites.Packages(ctx, patterns)
	if err != nil {
		return nil, err
	}
	for _, p := range named {
		if !slices.ContainsFunc(found, func(s suites.Suite) bool { return s.Package == p }) {
			return nil, usagef("no drills in %s: its tests, as they are built here, do not import\n%s", p, a.adapter)
		}
	}
	return found, nil
}

// runSuite runs one suite's binary and weighs what it left. ginkgoReport is a file that does not exist yet.
func (a *app) runSuite(ctx context.Context, s suites.Suite, binary, ginkgoReport string, o runOptions) (suiteResult, error) {
	left, said, err := a.execute(ctx, s, binary, ginkgoReport, o)
	if err != nil {
		return suiteResult{}, err
	}
	r := left.weigh(s.Package)
	if left.ended.ExitCode != 0 && !r.empty && said != "" && !o.verbose {
		fmt.Fprintf(a.err, "gameday: what %s printed:\n%s\n", s.Package, said)
	}
	return r, nil
}

// execute runs one suite's binary and collects what it left, and what it printed.
func (a *app) execute(ctx context.Context, s suites.Suite, binary, ginkgoReport string, o runOptions) (*leftBehind, string, error) {
	started := time.Now()
	args := append(o.args(), "-ginkgo.json-report="+ginkgoReport, "-ginkgo.no-color", "-ginkgo.timeout="+o.timeout.String())
	if o.seed != 0 {
		args = append(args, "-ginkgo.seed="+strconv.FormatInt(o.seed, 10))
	}
	var said bytes.Buffer
	complaint := &beginning{limit: 64 << 10} // Ginkgo refuses its options on standard error, before anything else
	var stdout io.Writer = &said
	if o.verbose {
		args, stdout = append(args, "-ginkgo.v"), io.MultiWriter(a.err, &said)
	}
	a.note("running %s", s.Package)
	p := newProgress(a.err, started)
	if o.atOnce > 1 {
		p.suite = path.Base(s.Package) + ": "
	}
	ended, err := suites.Execution{
		Binary: binary, Args: args, Dir: s.Dir, Env: o.environment(),
		Stdout: stdout, Stderr: io.MultiWriter(p, complaint),
		Kill: a.kill, Limit: o.timeout + pastTimeout, Grace: killAfter,
	}.Run(ctx)
	p.flush()
	if err != nil {
		return nil, "", err
	}
	rep, repErr := suites.ReadReport(ginkgoReport)
	if why, ok := suites.Refused(said.String() + complaint.String()); ok && repErr != nil {
		return nil, "", usagef("the suite does not take %s:\n%s", o.selection.String(), head(why, 2))
	}
	left := &leftBehind{ended: ended, report: rep, reportErr: repErr, started: started, filtered: o.String() != ""}
	left.readRuns(p.reports)
	return left, strings.TrimSpace(said.String()), nil
}

// inTurn lets one write at a time.
type inTurn struct {
	mu sync.Mutex
	to io.Writer
}

func (w *inTurn) Write(p []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.to.Write(p)
}

// beginning keeps the first bytes of what is written to it.
type beginning struct {
	strings.Builder
	limit int
}

func (b *beginning) Write(p []byte) (int, error) {
	_, _ = b.WriteString(string(p[:min(len(p), b.limit-b.Len())])) // never fails
	return len(p), nil
}

// environment is the suites': that of this process, with what the options say.
func (o runOptions) environment() []string {
	set := map[string]string{
		config.ReportDirVariable: o.reportDir, config.ProgressVariable: "1",
		config.OnVariable: o.on, config.LevelVariable: o.level, config.Variable: o.config, config.SeedVariable: "",
		config.PlanVariable: map[bool]string{true: o.reportDir}[o.planOnly], config.SabotageVariable: o.sabotage,
	}
	if o.seed != 0 {
		set[config.SeedVariable] = strconv.FormatInt(o.seed, 10)
	}
	var env []string
	for _, kv := range os.Environ() {
		name, _, _ := strings.Cut(kv, "=")
		if _, ours := set[name]; !ours {
			env = append(env, kv)
		}
	}
	for name, value := range set {
		if value != "" {
			env = append(env, name+"="+value)
		}
	}
	return env
}

func (a *app) note(format string, args ...any) {
	fmt.Fprintf(a.err, "gameday: "+format+"\n", args...)
}

// short is a duration without its trailing zeros: 1h, not 1h0m0s.
func short(d time.Duration) string {
	s := strings.TrimSuffix(d.String(), "0s")
	if s = strings.TrimSuffix(s, "0m"); s == "" {
		return "0s"
	}
	return s
}
