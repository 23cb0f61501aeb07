package main

import (
	"encoding/json"
	"fmt"
	"io"
	"path/filepath"
	"slices"
	"strings"
	"text/tabwriter"

	"github.com/recoverydrill/gameday/reports"
)

// scoreboard is what a command of sabotage came to, in the form that --output json prints.
type scoreboard struct {
	SchemaVersion int             `json:"schema_version"`
	Outcome       reports.Outcome `json:"outcome"` // passed: every drill has reached the score
	MinScore      float64         `json:"min_score_percent"`
	Drills        []*score        `json:"drills"`
	Reports       []string        `json:"reports"`
	Skipped       []skipped       `json:"skipped"` // specs that were selected and did not run
	Problems      []string        `json:"problems"`
}

// score is that of one drill's checks.
type score struct {
	Package  string          `json:"package"`
	Scenario string          `json:"scenario"`
	On       string          `json:"on"`      // engine and version
	Seed     int64           `json:"seed"`    // of the first run
	Control  reports.Outcome `json:"control"` // the verdict on the recovery as it is
	Why      string          `json:"why"`     // why that is not passed
	Caught   int             `json:"caught"`
	Tried    int             `json:"tried"`         // caught, escaped, and noticed but not proven
	Percent  *float64        `json:"score_percent"` // null without a passing control, or where nothing was tried
	Reached  bool            `json:"reached"`
	Acts     []actScore      `json:"acts"`
	Left     []string        `json:"left"` // acts that were never tried
	WhyLeft  string          `json:"why_left"`

	asked []string
}

type actScore struct {
	reports.SabotageAct
	Grade   reports.Grade `json:"grade"`
	Advice  string        `json:"advice"` // for one that was not caught
	Dir     string        `json:"dir"`    // of its drill's evidence
	Seconds float64       `json:"seconds"`
}

func (b *scoreboard) problem(format string, args ...any) {
	b.Problems = append(b.Problems, fmt.Sprintf(format, args...))
}

func (b *scoreboard) nothing() bool { return len(b.Drills) == 0 && len(b.Problems) == 0 }

// add takes the records of one run. The first of a suite must have a record of each drill that was asked for, and no two of
// one name: later runs name those whose acts they try, and every other drill ends at once.
func (b *scoreboard) add(pkg string, left *leftBehind, first bool) {
	ran := left.ran()
	switch {
	case len(left.drills) == 0:
		b.problem("%s: no drill left a record: its binary %s", pkg, left.ended)
	case left.report == nil:
		b.problem("%s: its binary %s, and Ginkgo's report of it is missing: %v", pkg, left.ended, left.reportErr)
	case first && ran > len(left.drills):
		b.problem("%s: %d specs were to be tried, and %d left a record: its binary %s", pkg, ran, len(left.drills), left.ended)
	}
	if first {
		b.Skipped = append(b.Skipped, left.skipped()...)
		if why := left.focused(); why != "" {
			b.problem("%s: %s", pkg, why)
		}
	}
	names := map[string]bool{}
	for _, d := range left.drills {
		if name := d.Record.Scenario; first && names[name] {
			b.problem("%s: two drills are called %q: their acts cannot be told apart", pkg, name)
		}
		names[d.Record.Scenario] = true
	}
	b.Problems = append(b.Problems, left.problems...)
	for _, dir := range left.runs {
		if path := filepath.Join(dir, reports.HTMLFile); there(path) {
			b.Reports = append(b.Reports, path)
		}
	}
	for _, d := range left.drills {
		b.of(pkg, d.Record).take(d)
	}
}

// of finds the score of a scenario.
func (b *scoreboard) of(pkg string, r *reports.Record) *score {
	for _, s := range b.Drills {
		if s.Package == pkg && s.Scenario == r.Scenario {
			return s
		}
	}
	s := &score{Package: pkg, Scenario: r.Scenario, On: strings.TrimSpace(r.System.Engine + " " + r.System.Version), Seed: r.Seed, Acts: []actScore{}}
	b.Drills = append(b.Drills, s)
	return s
}

// take adds what one run says of the drill. The control is that of the first run that could tell; an act counts once.
func (s *score) take(d reports.Drill) {
	r := d.Record
	if r.Sabotage == nil {
		s.Why = firstOf(s.Why, "the run left a record that knows nothing of a sabotage: "+reports.Headline(r))
		return
	}
	again := s.Control == reports.Inconclusive && !slices.ContainsFunc(r.Sabotage.Acts, func(a reports.SabotageAct) bool { return a.ID == "H1" }) // it has no control of its own
	for _, id := range r.Sabotage.Asked {
		if !slices.Contains(s.asked, id) {
			s.asked = append(s.asked, id)
		}
	}
	if again {
		s.Why = ""
		if s.Control = r.Sabotage.Control; s.Control != reports.Passed {
			_, s.Why = reports.Verdict(r)
		}
	}
	for _, a := range r.Sabotage.Acts {
		if a.Grade() != reports.NotTried && !slices.Contains(s.ids(), a.ID) {
			s.Acts = append(s.Acts, actScore{a, a.Grade(), adviceOn(a, r), d.Dir, float64(a.Took) / 1000})
		}
		if a.Grade() == reports.NotTried {
			s.WhyLeft = a.ID + ": " + a.Error
		}
	}
	s.WhyLeft = firstOf(r.Sabotage.WhyLeft, s.WhyLeft)
}

func firstOf(all ...string) string {
	for _, s := range all {
		if s != "" {
			return s
		}
	}
	return ""
}

func (s *score) ids() []string {
	var ids []string
	for _, a := range s.Acts {
		ids = append(ids, a.ID)
	}
	return ids
}

// oneLine is a text of many lines in one, as a table can hold it.
func oneLine(s string) string {
	return strings.Join(strings.Split(strings.TrimSpace(s), "\n"), "; ")
}

func plural(n int, one string) string {
	if n == 1 {
		return "1 " + one
	}
	return fmt.Sprintf("%d %ss", n, one)
}

// left lists what is still to be tried, as the suites take it.
func (b *scoreboard) left(pkg string) []string {
	var all []string
	for _, s := range b.Drills {
		for _, id := range s.notTried() {
			if s.Package == pkg && s.Control == reports.Passed {
				all = append(all, s.Scenario+":"+id)
			}
		}
	}
	return all
}

func (s *score) notTried() []string {
	var all []string
	for _, id := range s.asked {
		if !slices.Contains(s.ids(), id) {
			all = append(all, id)
		}
	}
	return all
}

// unsure says whether the recovery of a drill as it is was neither passed nor failed.
func (b *scoreboard) unsure(pkg string) bool {
	return slices.ContainsFunc(b.Drills, func(s *score) bool { return s.Package == pkg && s.Control == reports.Inconclusive })
}

// tried counts the acts that were.
func (b *scoreboard) tried(pkg string) int {
	n := 0
	for _, s := range b.Drills {
		if s.Package == pkg {
			n += len(s.Acts)
		}
	}
	return n
}

// sound asks for an act in the recovery's place, of the drills whose recovery as it is has passed.
func (b *scoreboard) sound(pkg, id string) []string {
	var all []string
	for _, s := range b.Drills {
		if s.Package == pkg && s.Control == reports.Passed {
			all = append(all, s.Scenario+":"+id)
			s.asked = append(s.asked, id)
		}
	}
	return all
}

// adviceOn says what to do about an act that was not caught.
func adviceOn(a reports.SabotageAct, r *reports.Record) string {
	if g := a.Grade(); g != reports.Escaped && g != reports.Noticed {
		return ""
	}
	for _, w := range r.Waivers {
		if w.Check == a.Check {
			return fmt.Sprintf("check %q would have seen it, and is waived: %s", a.Check, w.Reason)
		}
	}
	if slices.Contains(a.NotSure, a.Check) {
		return fmt.Sprintf("check %q could not tell: see to it that it can, or try again where nothing else runs", a.Check)
	}
	for _, c := range r.Checks {
		if c.Name == a.Check {
			return fmt.Sprintf("check %q ran and let it pass: look at what it looks at", a.Check)
		}
	}
	return fmt.Sprintf("the scenario leaves out check %q, which sees it: add it to Scenario.Checks", a.Check)
}

// settle reckons the scores and the outcome: one score too low is a failure, one that cannot be told makes it inconclusive.
func (b *scoreboard) settle() reports.Outcome {
	b.SchemaVersion = 1
	outcomes := []reports.Outcome{}
	if len(b.Problems) > 0 {
		outcomes = append(outcomes, reports.Inconclusive)
	}
	for _, s := range b.Drills {
		outcomes = append(outcomes, s.settle(b.MinScore))
	}
	b.Outcome = reports.Worst(outcomes...)
	return b.Outcome
}

func (s *score) settle(least float64) reports.Outcome {
	s.Left = append([]string{}, s.notTried()...)
	switch {
	case len(s.Left) == 0:
		s.WhyLeft = ""
	case s.WhyLeft == "" && s.Control != reports.Passed:
		s.WhyLeft = "the recovery as it is did not pass"
	}
	for _, a := range s.Acts {
		switch a.Grade {
		case reports.Caught:
			s.Caught++
			s.Tried++
		case reports.Escaped, reports.Noticed:
			s.Tried++
		}
	}
	if s.Control != reports.Passed || s.Tried == 0 {
		return reports.Inconclusive
	}
	percent := 100 * float64(s.Caught) / float64(s.Tried)
	s.Percent = &percent
	switch s.Reached = percent >= least; {
	case !s.Reached:
		return reports.Failed
	case len(s.Left) > 0:
		s.Reached = false
		return reports.Inconclusive
	}
	return reports.Passed
}

func (b *scoreboard) print(to io.Writer, format string) error {
	if format == "json" {
		e := json.NewEncoder(to)
		e.SetIndent("", "  ")
		return e.Encode(b)
	}
	var out strings.Builder
	for _, s := range b.Drills {
		s.print(&out, b.MinScore)
	}
	for _, k := range b.Skipped {
		fmt.Fprintln(&out, k)
	}
	for _, p := range b.Problems {
		fmt.Fprintf(&out, "PROBLEM %s\n", p)
	}
	for _, p := range b.Reports {
		fmt.Fprintf(&out, "report: %s\n", p)
	}
	_, err := io.WriteString(to, out.String())
	return err
}

func (s *score) print(out *strings.Builder, least float64) {
	t := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	for _, a := range s.Acts {
		by := strings.Join(a.CaughtBy, ", ")
		if a.Grade == reports.Noticed {
			by = strings.Join(a.NotSure, ", ") + " could not tell"
		}
		fmt.Fprintf(t, "%s\t%s\t%s\t%.1f s\t%s\n", a.ID, a.Grade, by, a.Seconds, oneLine(firstOf(a.Did, a.NotHere, a.Title)))
	}
	_ = t.Flush() // to memory
	for _, a := range s.Acts {
		switch a.Grade {
		case reports.Escaped:
			fmt.Fprintf(out, "ESCAPED %s %s (%s)\n        do: %s\n        evidence: %s\n", a.ID, a.Title, a.Did, a.Advice, a.Dir)
		case reports.Noticed:
			fmt.Fprintf(out, "NOTICED, NOT PROVEN %s %s (%s)\n        said: %s\n        do: %s\n        evidence: %s\n", a.ID, a.Title, a.Did, oneLine(a.Finding), a.Advice, a.Dir)
		}
	}
	if len(s.Left) > 0 {
		fmt.Fprintf(out, "NOT TRIED %s: %s\n", strings.Join(s.Left, ", "), oneLine(s.WhyLeft))
	}
	on := s.Scenario + " on " + s.On
	switch {
	case s.Control != reports.Passed:
		fmt.Fprintf(out, "NO SCORE %s: its recovery as it is was not passed, so nothing can be told from it: %s\n", on, s.Why)
	case s.Percent == nil:
		fmt.Fprintf(out, "NO SCORE %s: no act could be tried\n", on)
	default:
		word := "reached"
		switch {
		case *s.Percent < least:
			word = "NOT REACHED"
		case !s.Reached:
			word = "not known: " + plural(len(s.Left), "act") + " never tried"
		}
		fmt.Fprintf(out, "SCORE %s: %.1f %%, %d of %d acts caught; wanted %.0f %%: %s\n", on, *s.Percent, s.Caught, s.Tried, least, word)
	}
}
