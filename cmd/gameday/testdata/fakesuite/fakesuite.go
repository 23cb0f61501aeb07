// Package fakesuite behaves as a compiled Ginkgo suite does towards the command: it takes the same flags, prints the
// same lines, leaves the same files.
package fakesuite

import (
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/recoverydrill/gameday/reports"
)

var (
	jsonReport = flag.String("ginkgo.json-report", "", "")
	label      = flag.String("ginkgo.label-filter", "", "")
	focus      = flag.String("ginkgo.focus", "", "")
	dryRun     = flag.Bool("ginkgo.dry-run", false, "")
	noColor    = flag.Bool("ginkgo.no-color", false, "")
	failEmpty  = flag.Bool("ginkgo.fail-on-empty", false, "")
	timeout    = flag.Duration("ginkgo.timeout", 0, "")
	seed       = flag.Int64("ginkgo.seed", 0, "")
)

var own string // the label of the suite's drills

// Main is the TestMain of a fake suite whose drills have the given label. What it does is told by the variable.
func Main(variable, itsLabel string) {
	flag.Parse()
	own = itsLabel
	os.Exit(run(os.Getenv(variable)))
}

// meets says whether another suite comes to the same place within two seconds.
func meets(place string) bool {
	if err := os.WriteFile(filepath.Join(place, fmt.Sprint(os.Getpid())), nil, 0o600); err != nil {
		panic(err)
	}
	for range 200 {
		if there, _ := os.ReadDir(place); len(there) > 1 {
			return true
		}
		time.Sleep(10 * time.Millisecond)
	}
	return false
}

func run(mode string) int {
	if *label == "&&" {
		fmt.Println("\x1b[38;5;9mGinkgo detected configuration issues:\x1b[0m\n\x1b[1mSyntax Error Parsing Label Filter\x1b[0m\n  &&")
		return 1
	}
	if *label != "" && *label != own || *focus != "" {
		report("skipped", 0)
		fmt.Println("Detected no specs ran")
		return 1
	}
	if *dryRun {
		report("passed", 1)
		return 0
	}
	fmt.Println("what a suite prints")
	if !*failEmpty || *timeout == 0 || !*noColor {
		fmt.Println("called without the flags that every run needs")
		return 1
	}
	dir := filepath.Join(os.Getenv("GAMEDAY_REPORT_DIR"), fmt.Sprintf("%d-%d", os.Getpid(), time.Now().UnixNano()))
	fmt.Fprintf(os.Stderr, "gameday: report %s\n", dir)
	fmt.Fprintln(os.Stderr, "gameday: phase recover fake/drill")
	switch mode {
	case "passes":
		record(dir, reports.Passed, time.Now())
		report("passed", 1)
		return 0
	case "passes if it meets another":
		if !meets(os.Getenv("FAKE_MEETING")) {
			record(dir, reports.Failed, time.Now())
			report("failed", 1)
			return 1
		}
		record(dir, reports.Passed, time.Now())
		report("passed", 1)
		return 0
	case "fails":
		record(dir, reports.Failed, time.Now())
		report("failed", 1)
		return 1
	case "fails and says ok":
		record(dir, reports.Failed, time.Now())
		report("passed", 1)
		return 0
	case "is inconclusive":
		record(dir, reports.Inconclusive, time.Now())
		report("failed", 1)
		return 1
	case "passes and exits 1":
		record(dir, reports.Passed, time.Now())
		report("passed", 1)
		return 1
	case "passes and fails an assertion":
		record(dir, reports.Passed, time.Now())
		report("failed", 1)
		return 1
	case "passes and fails to clean up":
		record(dir, reports.Passed, time.Now())
		report("failed, cleaning up", 1)
		return 1
	case "passes and crashes":
		record(dir, reports.Passed, time.Now())
		report("passed", 1)
		_ = syscall.Kill(os.Getpid(), syscall.SIGKILL)
		select {}
	case "passes and dies in the next":
		record(dir, reports.Passed, time.Now())
		drills, err := reports.ReadRun(dir)
		if err != nil || reports.WriteAll(dir, drills) != nil {
			panic("write the reports")
		}
		if err := os.Rename(filepath.Join(dir, "drill"), filepath.Join(dir, "first")); err != nil {
			panic(err)
		}
		record(dir, reports.Passed, time.Now())
		if err := os.Remove(filepath.Join(dir, "drill", reports.RecordFile)); err != nil {
			panic(err)
		}
		if err := os.WriteFile(filepath.Join(dir, "drill", "notes.txt"), nil, 0o600); err != nil {
			panic(err)
		}
		_ = syscall.Kill(os.Getpid(), syscall.SIGKILL)
		select {}
	case "leaves no record":
		report("passed", 1)
		return 0
	case "leaves an old record":
		record(dir, reports.Passed, time.Now().Add(-24*time.Hour))
		report("passed", 1)
		return 0
	case "leaves half a record":
		record(dir, reports.Passed, time.Now())
		if err := os.WriteFile(filepath.Join(dir, "drill", reports.RecordFile), []byte("{"), 0o600); err != nil {
			panic(err)
		}
		report("passed", 1)
		return 0
	case "leaves no report of Ginkgo's":
		record(dir, reports.Passed, time.Now())
		return 0
	case "passes a spec without a drill":
		record(dir, reports.Passed, time.Now())
		report("passed", 2)
		return 0
	case "has a focused spec":
		record(dir, reports.Passed, time.Now())
		report("focused", 1)
		return 197
	case "plans", "tells no plan", "breaks down before it is asked", "plans and skips", "plans and has a focused spec":
		if os.Getenv("GAMEDAY_PLAN") == "" || os.Getenv("GAMEDAY_PLAN") != os.Getenv("GAMEDAY_REPORT_DIR") {
			panic("the suite was not told to plan only")
		}
		plan(dir, mode)
		switch mode {
		case "plans and skips":
			report("skipped, drilled", 1, "skipped")
		case "plans and has a focused spec":
			report("focused", 1)
			return 197
		default:
			report("skipped, drilled", 1)
		}
		return 0
	case "is not sabotaged", "sabotages", "sabotages and D7 escapes", "sabotages and D7 is only noticed", "sabotages and never gets to D7", "sabotages a drill that fails", "sabotages a drill that never begins",
		"sabotages and loses a drill", "sabotages two of one name", "sabotages and skips", "sabotages and has a focused spec":
		sabotage(dir, mode)
		if mode == "sabotages and has a focused spec" {
			report("focused", 1)
			return 197
		}
		if mode == "sabotages and skips" {
			report("failed", 1, "skipped")
			return 1
		}
		report("failed", map[bool]int{false: 1, true: 2}[mode == "sabotages and loses a drill" || mode == "sabotages two of one name"])
		return 1
	case "has pending drills":
		record(dir, reports.Passed, time.Now())
		report("passed", 1, "pending", "pending, asked for")
		return 0
	case "has only pending drills":
		report("pending, asked for", 0, "pending")
		fmt.Println("Detected no specs ran")
		return 1
	case "skips":
		record(dir, reports.Passed, time.Now())
		report("passed", 1, "skipped")
		return 0
	case "waits":
		return wait(dir)
	case "ignores signals":
		return hang(dir)
	}
	panic("FAKE=" + mode)
}

// wait cleans up at the first signal, taking a moment for it, and notes every signal that it gets.
func wait(dir string) int {
	signals := make(chan os.Signal, 4)
	signal.Notify(signals, syscall.SIGINT, syscall.SIGTERM)
	fmt.Fprintln(os.Stderr, "gameday: waiting")
	got := []string{(<-signals).String()}
	for cleanup := time.After(300 * time.Millisecond); ; {
		select {
		case s := <-signals:
			got = append(got, s.String())
		case <-cleanup:
			if err := os.WriteFile(os.Getenv("FAKE_NOTES"), []byte(strings.Join(got, ",")), 0o600); err != nil {
				panic(err)
			}
			record(dir, reports.Inconclusive, time.Now())
			report("interrupted", 1)
			return 1
		}
	}
}

// hang takes no notice of signals, and neither does what it started.
func hang(string) int {
	signal.Ignore(syscall.SIGINT, syscall.SIGTERM)
	child := exec.Command("sleep", "600")
	if err := child.Start(); err != nil {
		panic(err)
	}
	if err := os.WriteFile(os.Getenv("FAKE_NOTES"), fmt.Append(nil, child.Process.Pid), 0o600); err != nil {
		panic(err)
	}
	fmt.Fprintln(os.Stderr, "gameday: waiting")
	select {}
}

func record(dir string, outcome reports.Outcome, started time.Time) {
	drill := filepath.Join(dir, "drill")
	if err := os.MkdirAll(drill, 0o755); err != nil {
		panic(err)
	}
	r := &reports.Record{
		Run: filepath.Base(dir), Scenario: "fake/drill", Title: "a fake drill", Seed: *seed,
		Started: started.UTC(), Finished: started.UTC().Add(time.Second), Outcome: outcome,
		Checks: []reports.CheckResult{{
			Name: "fake", Promise: "the fake does as it is told", Outcome: outcome,
			Covered: reports.Coverage{What: "fakes", Planned: 1, Looked: 1},
		}},
	}
	if err := reports.WriteRecord(drill, r); err != nil {
		panic(err)
	}
}

// plan leaves the record of a drill that ended before its recovery.
func plan(dir, mode string) {
	record(dir, reports.Inconclusive, time.Now())
	drill := filepath.Join(dir, "drill")
	r, err := reports.ReadRecord(drill)
	if err != nil {
		panic(err)
	}
	r.Checks, r.Error = nil, "it ended before its recovery"
	if mode != "breaks down before it is asked" {
		r.Recovery = &reports.Recovery{Name: "restore.sh", Command: []string{"./restore.sh"}}
	}
	if strings.HasPrefix(mode, "plans") {
		r.Recovery.Plan = &reports.RecoveryPlan{Digest: "0123456789abcdef", Steps: []reports.PlannedStep{{Name: "fetch", Does: "copy the backup"}, {Name: "open"}}}
		r.Recovery.Preflight = &reports.Preflight{Needs: []reports.Need{
			{Resource: "disk", Where: "spare", NeededBytes: 3 << 30, AvailableBytes: 2 << 30, Detail: "df"}, {Resource: "backup", Where: "/vault", Met: true},
		}}
	}
	if err := reports.WriteRecord(drill, r); err != nil {
		panic(err)
	}
}

// report writes what Ginkgo's -ginkgo.json-report would hold: specs in these states, the first one n times.
func report(state string, n int, more ...string) {
	var specs []map[string]any
	states, willRun := more, n
	for range max(n, 1) {
		states = append(states, state)
	}
	for i, s := range states {
		spec := map[string]any{
			"ContainerHierarchyTexts": []string{"outer"}, "ContainerHierarchyLabels": [][]string{{"postgres", "owner=fake"}},
			"LeafNodeType": "It", "LeafNodeText": fmt.Sprintf("does %d", i), "LeafNodeLabels": []string{own}, "State": strings.NewReplacer("focused", "passed", ", asked for", "", ", cleaning up", "", ", drilled", "").Replace(s),
			"LeafNodeLocation": map[string]any{"FileName": "/elsewhere/fake_test.go", "LineNumber": 12},
		}
		if s == "failed" || s == "skipped" && n > 0 {
			spec["Failure"] = map[string]string{"Message": "because\nof this"}
		}
		if s == "skipped, drilled" {
			spec["Failure"], spec["ReportEntries"] = map[string]string{"Message": "only planned"}, []any{map[string]any{"Name": "drill"}}
		}
		if s == "failed, cleaning up" {
			spec["Failure"] = map[string]string{"Message": "nothing to close", "FailureNodeType": "DeferCleanup (Each)"}
		}
		if n > 0 && i < len(more) && s == "skipped" {
			willRun++
		}
		specs = append(specs, spec)
		if strings.HasSuffix(s, ", asked for") { // which package suite tells by the report that it writes at the end
			specs = append(specs, map[string]any{"LeafNodeType": "ReportAfterSuite", "State": "passed", "ReportEntries": []any{
				map[string]any{"Name": "pending drill", "Value": map[string]any{"Representation": fmt.Sprintf("outer does %d", i)}},
			}})
		}
	}
	b, err := json.Marshal([]any{map[string]any{
		"SuiteDescription": "fake", "SuiteHasProgrammaticFocus": state == "focused",
		"PreRunStats": map[string]int{"TotalSpecs": len(specs), "SpecsThatWillRun": willRun}, "SpecReports": specs,
	}})
	if err != nil {
		panic(err)
	}
	if err := os.WriteFile(*jsonReport, b, 0o600); err != nil {
		panic(err)
	}
}
