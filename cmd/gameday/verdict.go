package main

import (
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/recoverydrill/gameday/cmd/gameday/internal/suites"
	"github.com/recoverydrill/gameday/reports"
)

// summary is what a run of one or more suites came to, in the form that --output json prints.
type summary struct {
	SchemaVersion int             `json:"schema_version"`
	Outcome       reports.Outcome `json:"outcome"`
	Suites        []suiteResult   `json:"suites"`
}

// suiteResult is what one suite came to.
type suiteResult struct {
	Package  string          `json:"package"`
	Outcome  reports.Outcome `json:"outcome"`
	ExitCode int             `json:"exit_code"` // of its binary
	Drills   []drillResult   `json:"drills"`
	Reports  []string        `json:"reports"`  // paths of report.html
	Skipped  []skipped       `json:"skipped"`  // specs that were selected and did not run
	Problems []string        `json:"problems"` // why it is worse than its drills

	empty  bool     // the filters matched nothing in it
	labels []string // of all its specs, where it is empty
}

type drillResult struct {
	Run      string          `json:"run"`
	Scenario string          `json:"scenario"`
	Outcome  reports.Outcome `json:"outcome"`
	Headline string          `json:"headline"`
	Dir      string          `json:"dir"`
	RTAMS    *int64          `json:"rta_ms"`      // null where it was not reached
	Lost     *int64          `json:"lost_writes"` // null where it was not judged
}

type skipped struct {
	Spec   string `json:"spec"`
	Reason string `json:"reason"`
}

func (s skipped) String() string { return fmt.Sprintf("SKIPPED %s: %s", s.Spec, s.Reason) }

// leftBehind is everything by which a finished suite is weighed.
type leftBehind struct {
	ended     suites.Ended
	report    *suites.Report
	reportErr error
	started   time.Time
	filtered  bool // filters were given
	runs      []string
	drills    []reports.Drill
	problems  []string
}

// clockSlack is by how much the wall clock may be set back during a run before its records look stale.
const clockSlack = 5 * time.Second

// readRuns reads the records below the run directories that the suite named, and writes the reports where the suite did
// not get as far as its own end: they are those of the last drill that ended, and know nothing of one that never did.
func (l *leftBehind) readRuns(dirs []string) {
	l.runs = dirs
	for _, dir := range dirs {
		drills, err := reports.ReadRun(dir)
		if err != nil {
			l.problem("%v", err)
			continue
		}
		l.drills = append(l.drills, drills...)
		if len(drills) == 0 || (l.report != nil && there(filepath.Join(dir, reports.HTMLFile))) {
			continue
		}
		if err := reports.WriteAll(dir, drills); err != nil {
			l.problem("its report could not be written: %v", err)
		}
	}
}

func (l *leftBehind) problem(format string, args ...any) {
	l.problems = append(l.problems, fmt.Sprintf(format, args...))
}

// empty says that the filters ask for nothing that is there, not even for a pending drill.
func (l *leftBehind) empty() bool {
	return l.report != nil && l.filtered && l.report.PreRunStats.SpecsThatWillRun == 0 && len(l.drills) == 0 && len(l.report.Pending()) == 0
}

// weigh combines the drills' verdicts with everything else that a suite can tell. It is never better than the worst
// drill, and it is only as good if the suite's binary, its own report and its records agree.
func (l *leftBehind) weigh(pkg string) suiteResult {
	r := suiteResult{Package: pkg, ExitCode: l.ended.ExitCode, Drills: []drillResult{}, Reports: []string{}, Skipped: []skipped{}}
	if l.empty() {
		r.empty, r.labels = true, labelsOf(l.report)
		return r
	}
	outcomes := make([]reports.Outcome, 0, len(l.drills))
	for _, d := range l.drills {
		r.Drills = append(r.Drills, resultOf(d))
		outcomes = append(outcomes, r.Drills[len(r.Drills)-1].Outcome)
		if s := d.Record.Started; !s.IsZero() && s.Before(l.started.Add(-clockSlack)) {
			l.problem("the record of %s is older than this run (%s): it proves nothing about it", d.Record.Scenario, s.Format(time.RFC3339))
		}
	}
	for _, dir := range l.runs {
		if path := filepath.Join(dir, reports.HTMLFile); there(path) { // not on a disk that is full
			r.Reports = append(r.Reports, path)
		}
	}
	r.Outcome = reports.Worst(outcomes...)
	switch {
	case len(l.drills) > 0:
	case l.report != nil && l.report.PreRunStats.SpecsThatWillRun == 0 && l.report.PreRunStats.TotalSpecs > 0:
		l.problem("every drill that was asked for is pending: nothing was drilled")
	default:
		l.problem("no drill left a record: nothing was drilled")
	}
	assertion := l.specs(&r)
	l.ending(r.Outcome)
	switch {
	case assertion:
		r.Outcome = reports.Failed
	case len(l.problems) > 0:
		r.Outcome = reports.Worst(r.Outcome, reports.Inconclusive)
	}
	r.Problems = append([]string{}, l.problems...)
	return r
}

// specs compares Ginkgo's own report with the records. It returns true if an assertion failed although every drill
// passed: the scenario asks for more than the checks do, and was not given it.
func (l *leftBehind) specs(r *suiteResult) (assertion bool) {
	if l.report == nil {
		l.problem("Ginkgo's report of it is missing: %v", l.reportErr)
		return false
	}
	r.Skipped = append(r.Skipped, l.skipped()...)
	passed, drilled, idle := 0, false, []string{}
	for _, s := range l.report.Specs() {
		drilled = drilled || s.Drilled()
		switch {
		case s.State == "passed":
			if passed++; !s.Drilled() {
				idle = append(idle, s.Text())
			}
		case s.Failed() && s.CleaningUp() && r.Outcome == reports.Passed:
			l.problem("every drill passed its checks, and a clean-up failed afterwards: %s: %s", s.Text(), message(s))
		case s.Failed() && r.Outcome == reports.Passed:
			assertion = true
			l.problem("every drill passed its checks, and the scenario's own assertion failed: %s: %s", s.Text(), message(s))
		}
	}
	switch { // a suite that begins its drills without package suite is known by its records alone
	case passed > len(l.drills):
		l.problem("%d specs passed and only %d left a record: a spec that begins no drill proves nothing", passed, len(l.drills))
	case drilled && len(idle) > 0:
		l.problem("%q passed and began no drill: that proves nothing", idle[0])
	}
	return assertion
}

// skipped lists the specs that were asked for and did not run.
func (l *leftBehind) skipped() []skipped {
	all := []skipped{}
	if l.report == nil {
		return all
	}
	asked := l.report.Pending()
	for _, s := range l.report.Specs() {
		switch {
		case s.State == "pending" && l.filtered && !slices.Contains(asked, s.Text()): // reported whatever the filters say
		case s.State == "pending":
			all = append(all, skipped{s.Text(), "pending"})
		case s.State == "skipped" && s.Selected():
			all = append(all, skipped{s.Text(), s.Failure.Message})
		}
	}
	return all
}

// focused is the problem of a suite in which a spec is focused in the code; "" where none is.
func (l *leftBehind) focused() string {
	if l.report == nil || !l.report.SuiteHasProgrammaticFocus {
		return ""
	}
	return "a spec is focused in the code (FIt, FDescribe or Focus), so others did not run: remove the focus"
}

// ran counts the specs that were asked for and did not say themselves that they would not run, whether they got to it or not.
func (l *leftBehind) ran() int {
	if l.report == nil {
		return 0
	}
	n := l.report.PreRunStats.SpecsThatWillRun
	for _, s := range l.report.Specs() {
		if s.State == "skipped" && s.Selected() {
			n--
		}
	}
	return n
}

// ending explains an end of the binary that its drills do not.
func (l *leftBehind) ending(drills reports.Outcome) {
	switch {
	case l.focused() != "":
		l.problem("%s", l.focused())
	case l.ended.ExitCode == 0 || drills != reports.Passed || len(l.problems) > 0:
		if l.ended.Late || l.ended.Killed {
			l.problem("its binary %s", l.ended)
		}
	case l.report != nil && len(l.report.SpecialSuiteFailureReasons) > 0:
		l.problem("its binary %s although every drill passed: %s", l.ended, strings.Join(l.report.SpecialSuiteFailureReasons, "; "))
	default:
		l.problem("its binary %s although every drill passed", l.ended)
	}
}

func there(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}

func message(s suites.Spec) string {
	if s.Failure == nil {
		return s.State
	}
	return head(s.Failure.Message, 1)
}

func resultOf(d reports.Drill) drillResult {
	rec := d.Record
	outcome, _ := reports.Verdict(rec)
	r := drillResult{Run: rec.Run, Scenario: rec.Scenario, Outcome: outcome, Headline: reports.Headline(rec), Dir: d.Dir}
	if rec.Service.Reached {
		r.RTAMS = &rec.Service.RTAMS
	}
	if rec.Traffic.Judged {
		r.Lost = &rec.Traffic.Lost
	}
	return r
}

func labelsOf(r *suites.Report) []string {
	all := map[string]bool{}
	for _, l := range r.SuiteLabels {
		all[l] = true
	}
	for _, s := range r.Specs() {
		for _, l := range s.Labels() {
			all[l] = true
		}
	}
	return slices.Sorted(maps.Keys(all))
}

// add takes a suite's result into the summary. A suite in which the filters matched nothing does not count.
func (s *summary) add(r suiteResult) {
	s.Suites = append(s.Suites, r)
	var outcomes []reports.Outcome
	for _, r := range s.Suites {
		if !r.empty {
			outcomes = append(outcomes, r.Outcome)
		}
	}
	s.Outcome = reports.Worst(outcomes...)
}

// notRun notes suites that were asked for and not run.
func (s *summary) notRun(left []suites.Suite) {
	for _, l := range left {
		s.add(suiteResult{
			Package: l.Package, Drills: []drillResult{}, Reports: []string{}, Skipped: []skipped{},
			Problems: []string{"not run"},
		})
	}
}

func (s *summary) anyNotPassed() bool {
	return slices.ContainsFunc(s.Suites, func(r suiteResult) bool { return !r.empty && r.Outcome != reports.Passed })
}

func (s *summary) selectedNothing() bool {
	return len(s.Suites) > 0 && !slices.ContainsFunc(s.Suites, func(r suiteResult) bool { return !r.empty })
}

// labelsText lists the labels that a filter could have named.
func (s *summary) labelsText() string {
	all := map[string]bool{}
	for _, r := range s.Suites {
		for _, l := range r.labels {
			all[l] = true
		}
	}
	if len(all) == 0 {
		return "the drills there have no labels"
	}
	return "labels there are " + strings.Join(slices.Sorted(maps.Keys(all)), ", ")
}

// print writes the verdicts to standard output.
func (a *app) print(s summary, format string) error {
	s.SchemaVersion = 1
	s.Suites = slices.DeleteFunc(slices.Clone(s.Suites), func(r suiteResult) bool { return r.empty })
	if format == "json" {
		e := json.NewEncoder(a.out)
		e.SetIndent("", "  ")
		return e.Encode(s)
	}
	var b strings.Builder
	for _, r := range s.Suites {
		for _, d := range r.Drills {
			fmt.Fprintln(&b, d.Headline)
		}
		for _, k := range r.Skipped {
			fmt.Fprintln(&b, k)
		}
		for _, p := range r.Problems {
			fmt.Fprintf(&b, "%s %s: %s\n", strings.ToUpper(r.Outcome.String()), r.Package, p)
		}
		for _, p := range r.Reports {
			fmt.Fprintf(&b, "report: %s\n", p)
		}
	}
	_, err := fmt.Fprint(a.out, b.String())
	return err
}
