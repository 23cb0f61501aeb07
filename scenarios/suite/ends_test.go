package suite_test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"

	"github.com/recoverydrill/gameday/reports"
)

// A record, a JUnit file and a page are read without Ginkgo's report: they say neither passed of a drill whose scenario says
// otherwise, nor nothing of one that was left out.
func TestReportsSayHowTheSpecEnded(t *testing.T) {
	binary := compiled(t)
	run := func(args ...string) (string, map[string]*reports.Record) {
		t.Helper()
		dir := t.TempDir()
		cmd := exec.CommandContext(t.Context(), binary, args...) //nolint:gosec // our own binary
		cmd.Env = append(os.Environ(), "GAMEDAY_REPORT_DIR="+dir)
		out, err := cmd.CombinedOutput()
		runs, _ := filepath.Glob(filepath.Join(dir, "*"))
		if err == nil != (len(args) > 1) || len(runs) != 1 {
			t.Fatalf("%v, runs %v:\n%s", err, runs, out)
		}
		drills, err := reports.ReadRun(runs[0])
		if err != nil {
			t.Fatal(err)
		}
		found := map[string]*reports.Record{}
		for _, d := range drills {
			found[d.Record.Scenario] = d.Record
		}
		return runs[0], found
	}
	// What comes in the file after the one that ends the suite does not run.
	dir, got := run("-ginkgo.skip=left out|not recovered|second time|not written|killed")
	for name, want := range map[string]struct {
		outcome reports.Outcome
		says    string // a pattern
	}{
		"passes":                               {reports.Passed, `PASSED passes \(level full\): RTA`},
		"before":                               {reports.Failed, `the scenario's own assertion failed \(ends_test.go:\d+\): Expected <string>: invoices to equal <string>: decrypted`},
		"after":                                {reports.Failed, `the scenario's own assertion failed \(ends_test.go:\d+\): Expected`},
		"late":                                 {reports.Inconclusive, "the scenario was ended before it had made all its assertions"},
		"uncleaned":                            {reports.Inconclusive, `a clean-up failed after the drill \(ends_test.go:\d+\): nothing to close`},
		"a-drill-breaks-down-before-it-begins": {reports.Inconclusive, `the scenario ended before its drill had begun \(ends_test.go:\d+\): Expected`},
		"a-drill-comes-after-the-end":          {reports.Inconclusive, "the suite was ended before this drill had begun"},
	} {
		rec := got[name]
		if rec == nil {
			t.Errorf("%s left no record", name)
			continue
		}
		if outcome, _ := reports.Verdict(rec); outcome != want.outcome || !regexp.MustCompile(want.says).MatchString(rec.Headline) {
			t.Errorf("%s: %s, %q", name, outcome, rec.Headline)
		}
	}
	if text := read(t, filepath.Join(dir, reports.JUnitFile)); !strings.Contains(text, `tests="7" failures="2" errors="4"`) {
		t.Errorf("JUnit says %.400s", text)
	}
	ginkgos := filepath.Join(t.TempDir(), "ginkgo.json")
	dir, _ = run("-ginkgo.focus=passes|left out|not written", "-ginkgo.v", "-ginkgo.json-report="+ginkgos)
	if text := read(t, ginkgos); !regexp.MustCompile(`"Name": "pending drill",\s+"Value": \{\s+"AsJSON": .*\s+"Representation": "a drill is not written"`).MatchString(text) {
		t.Error("Ginkgo's report does not say which pending drill was asked for")
	}
	for file, want := range map[string]string{
		reports.JUnitFile: "restic is missing", reports.HTMLFile: "a drill is not written", reports.SummaryFile: "2 not run",
	} {
		if text := read(t, filepath.Join(dir, file)); !strings.Contains(text, want) {
			t.Errorf("%s does not say %q", file, want)
		}
	}
}

// A drill that did not pass fails its spec, whatever the spec looks at: go test alone must not be green.
func TestAVerdictThatNobodyAskedForFailsTheSpec(t *testing.T) {
	cmd := exec.CommandContext(t.Context(), compiled(t), "-ginkgo.focus=not recovered", "-ginkgo.no-color") //nolint:gosec // our own binary
	cmd.Env = append(os.Environ(), "GAMEDAY_REPORT_DIR="+t.TempDir())
	out, err := cmd.CombinedOutput()
	for _, want := range []string{"1 Passed | 2 Failed", "did not ask for that verdict: INCONCLUSIVE unasked", "did not ask for that verdict: FAILED early"} {
		if err == nil || !strings.Contains(string(out), want) {
			t.Errorf("%q is missing, %v:\n%s", want, err, out)
		}
	}
}

// A process that is killed writes no more reports: those that it has left say that there is more.
func TestTheReportsOfAKilledSuiteAreNotGreen(t *testing.T) {
	dir := t.TempDir()
	cmd := exec.CommandContext(t.Context(), compiled(t), "-ginkgo.focus=is killed") //nolint:gosec // our own binary
	cmd.Env = append(os.Environ(), "GAMEDAY_REPORT_DIR="+dir)
	out, err := cmd.CombinedOutput()
	runs, _ := filepath.Glob(filepath.Join(dir, "*"))
	if err == nil || len(runs) != 1 {
		t.Fatalf("%v, runs %v:\n%s", err, runs, out)
	}
	drills, err := reports.ReadRun(runs[0])
	if err != nil || len(drills) != 2 || !strings.Contains(drills[1].Record.Error, "the run has not come to its end: it was asked for 1 drill and has 1 record") {
		t.Errorf("%v, %+v", err, drills)
	}
	if text := read(t, filepath.Join(runs[0], reports.JUnitFile)); !strings.Contains(text, "the run has not come to its end: it was asked for 1 drill and has 0 records") {
		t.Errorf("JUnit says %s", text)
	}
}

func TestARecoveryThatWorksTheSecondTimeIsRed(t *testing.T) {
	cmd := exec.CommandContext(t.Context(), compiled(t), "-ginkgo.focus=second time", "-ginkgo.no-color") //nolint:gosec // our own binary
	cmd.Env = append(os.Environ(), "GAMEDAY_REPORT_DIR="+t.TempDir())
	out, err := cmd.CombinedOutput()
	if err == nil || !strings.Contains(string(out), "0 Passed | 1 Failed") {
		t.Errorf("%v:\n%s", err, out)
	}
}

// A drill is about what the test cannot see of itself: a result of yesterday's is none.
func TestGoTestDoesNotAnswerFromItsCache(t *testing.T) {
	if testing.Short() {
		t.Skip("compiles a suite")
	}
	for range 2 {
		cmd := exec.CommandContext(t.Context(), "go", "test", "./testdata/idle")
		cmd.Env = append(os.Environ(), "GOFLAGS=") // without a -count
		if out, err := cmd.CombinedOutput(); err != nil || strings.Contains(string(out), "(cached)") {
			t.Errorf("%v: %s", err, out)
		}
	}
}

// compiled is the binary of the suite in testdata/ends, which is linked once.
func compiled(t *testing.T) string {
	t.Helper()
	if testing.Short() {
		t.Skip("runs drills")
	}
	binary, err := ends()
	if err != nil {
		t.Fatal(err)
	}
	return binary
}

var ends = sync.OnceValues(func() (string, error) {
	binary := filepath.Join(binaries, "ends.test")
	if out, err := exec.Command("go", "test", "-c", "-o", binary, "./testdata/ends").CombinedOutput(); err != nil { //nolint:noctx // for all tests
		return "", fmt.Errorf("compile: %w\n%s", err, out)
	}
	return binary, nil
})

var binaries string // a directory

func TestMain(m *testing.M) {
	var err error
	if binaries, err = os.MkdirTemp("", "gameday-ends-"); err != nil {
		panic(err)
	}
	code := m.Run()
	_ = os.RemoveAll(binaries)
	os.Exit(code)
}

func read(t *testing.T, path string) string {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}
