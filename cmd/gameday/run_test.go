package main

import (
	"bytes"
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/recoverydrill/gameday/cmd/gameday/internal/suites"
)

const fakeAdapter = "github.com/recoverydrill/gameday/cmd/gameday/testdata/adapter"

// compiled holds the fakes' binaries: they are linked once, not for each call.
var compiled = struct {
	sync.Mutex
	dir  string
	path map[string]string
}{path: map[string]string{}}

func TestMain(m *testing.M) {
	var err error
	if compiled.dir, err = os.MkdirTemp("", "gameday-fakes-"); err != nil {
		panic(err)
	}
	code := m.Run()
	_ = os.RemoveAll(compiled.dir)
	os.Exit(code)
}

func compileOnce(ctx context.Context, s suites.Suite, _ string) (string, error) {
	compiled.Lock()
	defer compiled.Unlock()
	if path, ok := compiled.path[s.Package]; ok {
		return path, nil
	}
	path, err := s.Compile(ctx, compiled.dir)
	if err == nil {
		compiled.path[s.Package] = path
	}
	return path, err
}

// output is a stream that can be read while it is written.
type output struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (o *output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.b.Write(p)
}

func (o *output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.b.String()
}

// command is one call of gameday with fake suites.
type command struct {
	out, err output
	dir      string
	signals  chan os.Signal
	code     int
	done     chan struct{}
}

// start calls gameday in the background.
func start(t *testing.T, args ...string) *command {
	t.Helper()
	c := &command{dir: t.TempDir(), signals: make(chan os.Signal, 4), done: make(chan struct{})}
	t.Setenv("GAMEDAY_REPORT_DIR", c.dir)
	ctx, kill := interruptible(t.Context(), c.signals)
	a := &app{out: &c.out, err: &c.err, kill: kill, adapter: fakeAdapter, compile: compileOnce}
	go func() {
		defer close(c.done)
		c.code = a.main(ctx, args)
	}()
	return c
}

func (c *command) wait(t *testing.T) *command {
	t.Helper()
	select {
	case <-c.done:
	case <-time.After(time.Minute):
		t.Fatalf("gameday does not end; stderr:\n%s", c.err.String())
	}
	return c
}

// said waits until a text has been printed to standard error.
func (c *command) said(t *testing.T, text string) {
	t.Helper()
	tick, deadline := time.NewTicker(5*time.Millisecond), time.After(time.Minute)
	defer tick.Stop()
	for !strings.Contains(c.err.String(), text) {
		select {
		case <-tick.C:
		case <-c.done:
			t.Fatalf("gameday ended without saying %q; stderr:\n%s", text, c.err.String())
		case <-deadline:
			t.Fatalf("gameday never said %q; stderr:\n%s", text, c.err.String())
		}
	}
}

func gameday(t *testing.T, args ...string) *command {
	t.Helper()
	return start(t, args...).wait(t)
}

// A suite is only as good as the worst of what it left: several of these would be green if the command looked at the
// exit code alone, others if it looked at the records alone, or at Ginkgo's report alone.
func TestRunWeighsEverythingThatASuiteLeaves(t *testing.T) {
	for fake, want := range map[string]struct {
		code int
		says []string // on standard output
	}{
		"passes":             {0, []string{"PASSED fake/drill (level full): "}},
		"fails":              {1, []string{"FAILED fake/drill (level full): "}},
		"fails and says ok":  {1, []string{"FAILED fake/drill (level full): "}},
		"is inconclusive":    {3, []string{"INCONCLUSIVE fake/drill (level full): "}},
		"passes and exits 1": {3, []string{"PASSED fake/drill", "exited with status 1 although every drill passed"}},
		"passes and fails an assertion": {1, []string{
			"PASSED fake/drill", "every drill passed its checks, and the scenario's own assertion failed: outer does 0: because",
		}},
		"passes and fails to clean up": {3, []string{
			"PASSED fake/drill", "every drill passed its checks, and a clean-up failed afterwards: outer does 0: nothing to close",
		}},
		"passes and crashes":            {3, []string{"was ended by signal 9 (killed) although every drill passed"}},
		"leaves no record":              {3, []string{"INCONCLUSIVE", "no drill left a record"}},
		"leaves an old record":          {3, []string{"the record of fake/drill is older than this run"}},
		"leaves half a record":          {3, []string{"INCONCLUSIVE drill: read record"}},
		"leaves no report of Ginkgo's":  {3, []string{"Ginkgo's report of it is missing"}},
		"passes a spec without a drill": {3, []string{"2 specs passed and only 1 left a record"}},
		"has a focused spec":            {3, []string{"a spec is focused in the code"}},
		"skips":                         {0, []string{"PASSED fake/drill", "SKIPPED outer does 0: because"}},
		"panics":                        {3, []string{"no drill left a record"}},
	} {
		t.Run(fake, func(t *testing.T) {
			t.Setenv("FAKE", fake)
			c := gameday(t, "run", "./testdata/fake")
			if c.code != want.code {
				t.Errorf("exit code %d, want %d", c.code, want.code)
			}
			for _, s := range want.says {
				if !strings.Contains(c.out.String(), s) {
					t.Errorf("standard output does not say %q", s)
				}
			}
			if t.Failed() {
				t.Logf("standard output:\n%s\nstandard error:\n%s", c.out.String(), c.err.String())
			}
		})
	}
}

// A drill that is pending is one that was asked for and not run, where the filters ask for it.
func TestRunSaysWhichDrillsArePending(t *testing.T) {
	for fake, want := range map[string]struct {
		code int
		says string
	}{
		"has pending drills":      {exitPassed, "SKIPPED outer does 1: pending"},
		"has only pending drills": {exitInconclusive, "every drill that was asked for is pending: nothing was drilled"},
	} {
		t.Setenv("FAKE", fake)
		c := gameday(t, "run", "./testdata/fake", "--label", "flagship")
		if c.code != want.code || !strings.Contains(c.out.String(), want.says) || strings.Count(c.out.String(), "SKIPPED") != 1 {
			t.Errorf("%s: exit code %d, want %d and %q; got\n%s\n%s", fake, c.code, want.code, want.says, c.out.String(), c.err.String())
		}
	}
}

func TestRunPrintsVerdictReportAndProgress(t *testing.T) {
	t.Setenv("FAKE", "passes")
	c := gameday(t, "run", "./testdata/fake", "--label", "flagship")
	if c.code != 0 {
		t.Fatalf("exit code %d, stderr:\n%s", c.code, c.err.String())
	}
	lines := strings.Split(strings.TrimSpace(c.out.String()), "\n")
	if len(lines) != 2 || !strings.HasPrefix(lines[0], "PASSED fake/drill (level full): ") || !strings.HasPrefix(lines[1], "report: "+c.dir) {
		t.Fatalf("standard output is not a verdict and a report:\n%s", c.out.String())
	}
	if _, err := os.Stat(strings.TrimPrefix(lines[1], "report: ")); err != nil {
		t.Errorf("the report that was named: %v", err)
	}
	if !regexp.MustCompile(`(?m)^gameday: +\d+\.\ds  phase recover fake/drill$`).MatchString(c.err.String()) {
		t.Errorf("standard error has no phase with its time:\n%s", c.err.String())
	}
	if strings.Contains(c.err.String(), "what a suite prints") {
		t.Errorf("a suite that ended well is to be quiet:\n%s", c.err.String())
	}
}

// What a suite has written last knows nothing of the drill in which it died.
func TestRunWritesTheReportsOfASuiteThatDied(t *testing.T) {
	t.Setenv("FAKE", "passes and dies in the next")
	c := gameday(t, "run", "./testdata/fake")
	if c.code != exitInconclusive {
		t.Errorf("exit code %d, standard output:\n%s", c.code, c.out.String())
	}
	files, err := filepath.Glob(filepath.Join(c.dir, "*", "junit.xml"))
	if err != nil || len(files) != 1 {
		t.Fatalf("reports %v, %v", files, err)
	}
	if text, err := os.ReadFile(files[0]); err != nil || !strings.Contains(string(text), `tests="2"`) || !strings.Contains(string(text), `errors="1"`) {
		t.Errorf("JUnit says (%v)\n%s", err, text)
	}
}

// A package that is named is meant: that it has lost its drills must not be green because another has some.
func TestRunMissesTheDrillsOfANamedPackage(t *testing.T) {
	t.Setenv("FAKE", "passes")
	for _, command := range []string{"run", "list", "plan", "sabotage"} {
		c := gameday(t, command, "./testdata/fake", "./testdata/plain")
		if c.code != exitUsage || !strings.Contains(c.err.String(), "no drills in github.com/recoverydrill/gameday/cmd/gameday/testdata/plain") {
			t.Errorf("%s: exit code %d, standard error:\n%s", command, c.code, c.err.String())
		}
	}
}

// A suite that ended badly is not: what it printed is what a person needs next.
func TestRunShowsWhatAFailedSuitePrinted(t *testing.T) {
	t.Setenv("FAKE", "fails")
	if c := gameday(t, "run", "./testdata/fake"); !strings.Contains(c.err.String(), "\nwhat a suite prints\n") {
		t.Errorf("standard error:\n%s", c.err.String())
	}
}

func TestRunPrintsJSON(t *testing.T) {
	t.Setenv("FAKE", "fails")
	c := gameday(t, "run", "./testdata/fake", "--output", "json")
	var got struct {
		SchemaVersion int `json:"schema_version"`
		Outcome       string
		Suites        []struct {
			Package, Outcome string
			ExitCode         int `json:"exit_code"`
			Drills           []struct{ Run, Scenario, Outcome, Headline, Dir string }
			Reports          []string
		}
	}
	if err := json.Unmarshal([]byte(c.out.String()), &got); err != nil {
		t.Fatalf("%v in\n%s", err, c.out.String())
	}
	if c.code != 1 || got.SchemaVersion != 1 || got.Outcome != "failed" || len(got.Suites) != 1 {
		t.Fatalf("exit code %d, got %+v", c.code, got)
	}
	s := got.Suites[0]
	if s.Outcome != "failed" || s.ExitCode != 1 || len(s.Drills) != 1 || s.Drills[0].Scenario != "fake/drill" || len(s.Reports) != 1 {
		t.Errorf("got %+v", s)
	}
}

// A suite without a drill that matches does not count, and does not keep the next one from running.
func TestRunOfSeveralSuites(t *testing.T) {
	for name, c := range map[string]struct {
		fake, other string
		args        []string
		code        int
		says        string
		saysNot     string
	}{
		"both pass":              {"passes", "passes", nil, 0, "PASSED fake/drill", "INCONCLUSIVE"},
		"only the second has it": {"passes", "fails", []string{"--label", "slow"}, 1, "FAILED fake/drill", "testdata/fake"},
		"only the first has it":  {"passes", "fails", []string{"--label", "flagship"}, 0, "PASSED fake/drill", "testdata/other"},
		"the first fails":        {"fails", "passes", nil, 1, "testdata/other: not run", "PASSED"},
		"and the run goes on":    {"fails", "passes", []string{"--keep-going"}, 1, "PASSED", "not run"},
		"the second fails":       {"passes", "is inconclusive", nil, 3, "INCONCLUSIVE fake/drill", "not run"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Setenv("FAKE", c.fake)
			t.Setenv("FAKE_OTHER", c.other)
			got := gameday(t, append([]string{"run", "./testdata/fake", "./testdata/other"}, c.args...)...)
			out := strings.ReplaceAll(got.out.String(), got.dir, "")
			if got.code != c.code || !strings.Contains(out, c.says) || strings.Contains(out, c.saysNot) {
				t.Errorf("exit code %d, want %d; standard output is to say %q and not %q:\n%s\nstandard error:\n%s",
					got.code, c.code, c.says, c.saysNot, out, got.err.String())
			}
		})
	}
}

// Suites run one after another unless more are asked for, and what they came to is told in their order either way.
func TestRunOfSuitesAtOnce(t *testing.T) {
	for atOnce, says := range map[string]string{"1": "FAILED", "2": "PASSED"} {
		t.Setenv("FAKE_MEETING", t.TempDir())
		t.Setenv("FAKE", "passes if it meets another")
		t.Setenv("FAKE_OTHER", "passes if it meets another")
		c := gameday(t, "run", "./testdata/fake", "./testdata/other", "--at-once", atOnce)
		first, second := strings.Index(c.out.String(), says+" fake/drill"), strings.LastIndex(c.out.String(), says+" fake/drill")
		if (c.code == 0) != (says == "PASSED") || first < 0 || (first == second) != (atOnce == "1") {
			t.Errorf("%s at once: exit code %d, got\n%s\nstderr:\n%s", atOnce, c.code, c.out.String(), c.err.String())
		}
		if named := strings.Contains(c.err.String(), "s  other: phase recover"); named != (atOnce == "2") {
			t.Errorf("%s at once: progress names the suite: %t\n%s", atOnce, named, c.err.String())
		}
	}
}

func TestRunSaysThatTheSelectionIsEmpty(t *testing.T) {
	for _, args := range [][]string{{"--label", "flagshp"}, {"--focus", "nothing"}} {
		for _, cmd := range []string{"run", "list"} {
			c := gameday(t, append([]string{cmd, "./testdata/fake"}, args...)...)
			want := "no drill matches " + args[0] + " " + strconv.Quote(args[1]) + "\nlabels there are flagship, owner=fake, postgres"
			if c.code != 2 || !strings.Contains(c.err.String(), want) {
				t.Errorf("%s %v: exit code %d, want 2; stderr does not say %q:\n%s", cmd, args, c.code, want, c.err.String())
			}
		}
	}
}

func TestRunSaysThatAFilterIsNotUnderstood(t *testing.T) {
	for _, cmd := range []string{"run", "list"} {
		c := gameday(t, cmd, "./testdata/fake", "--label", "&&")
		if want := "does not take --label \"&&\":\nSyntax Error Parsing Label Filter\n"; c.code != 2 || !strings.Contains(c.err.String(), want) {
			t.Errorf("%s: exit code %d, want 2; stderr does not say %q:\n%s", cmd, c.code, want, c.err.String())
		}
	}
}

func TestListShowsWhatCouldRun(t *testing.T) {
	c := gameday(t, "list", "./testdata/fake")
	want := "ENGINE    DISASTER  RECOVERY  ANSWERS  TAKES  LEVEL  OWNER  LABELS    DRILL         WHERE\n" +
		"postgres  -         -         -        -      full   fake   flagship  outer does 0  /elsewhere/fake_test.go:12\n"
	if c.code != 0 || c.out.String() != want {
		t.Errorf("exit code %d, got\n%s\nwant\n%s\nstderr:\n%s", c.code, c.out.String(), want, c.err.String())
	}
}

// The first signal reaches the suite once, as it came, and the suite has the time that its clean-up takes.
func TestInterruptLetsTheSuiteCleanUp(t *testing.T) {
	for s, code := range map[syscall.Signal]int{syscall.SIGINT: 130, syscall.SIGTERM: 143} {
		t.Run(s.String(), func(t *testing.T) {
			notes := filepath.Join(t.TempDir(), "notes")
			t.Setenv("FAKE_NOTES", notes)
			t.Setenv("FAKE", "waits")
			c := start(t, "run", "./testdata/fake")
			c.said(t, "waiting")
			c.signals <- s
			c.wait(t)
			if c.code != code {
				t.Errorf("exit code %d, want %d", c.code, code)
			}
			got, err := os.ReadFile(notes)
			if err != nil {
				t.Fatalf("the suite did not clean up: %v", err)
			}
			if string(got) != s.String() {
				t.Errorf("the suite got the signals %q, want %q once", got, s)
			}
			if !strings.Contains(c.out.String(), "INCONCLUSIVE fake/drill") {
				t.Errorf("the verdict so far is missing:\n%s", c.out.String())
			}
		})
	}
}

// The second signal ends a suite that does not end by itself, with everything that it started.
func TestSecondInterruptKillsTheSuite(t *testing.T) {
	notes := filepath.Join(t.TempDir(), "notes")
	t.Setenv("FAKE_NOTES", notes)
	t.Setenv("FAKE", "ignores signals")
	c := start(t, "run", "./testdata/fake")
	c.said(t, "waiting")
	b, err := os.ReadFile(notes)
	if err != nil {
		t.Fatal(err)
	}
	child, err := strconv.Atoi(string(b))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = syscall.Kill(child, syscall.SIGKILL) })
	c.signals <- syscall.SIGTERM
	select {
	case <-c.done:
		t.Fatalf("the suite was ended by the first signal already")
	case <-time.After(300 * time.Millisecond):
	}
	c.signals <- syscall.SIGTERM
	c.wait(t)
	if c.code != 143 {
		t.Errorf("exit code %d, want 143", c.code)
	}
	if remains(child) {
		t.Errorf("process %d that the suite had started is still there", child)
	}
}

// remains gives a process two seconds to be gone. A zombie is gone: its new parent has not looked yet.
func remains(pid int) bool {
	tick, deadline := time.NewTicker(20*time.Millisecond), time.After(2*time.Second)
	defer tick.Stop()
	for {
		b, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/stat")
		if err != nil || strings.Contains(string(b), ") Z ") {
			return false
		}
		select {
		case <-tick.C:
		case <-deadline:
			return true
		}
	}
}

func TestRunInterruptedBeforeItBeganStartsNothing(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	var out, errs output
	a := &app{out: &out, err: &errs, adapter: fakeAdapter, compile: compileOnce}
	if code := a.main(ctx, []string{"run", "./testdata/fake"}); code == 0 || strings.Contains(errs.String(), "running") {
		t.Errorf("exit code %d, stderr:\n%s", code, errs.String())
	}
}
