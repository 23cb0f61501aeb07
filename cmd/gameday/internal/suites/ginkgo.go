package suites

import (
	"encoding/json"
	"fmt"
	"os"
	"regexp"
	"slices"
	"strings"
)

// Report is the part of Ginkgo's JSON report (types.Report) that the command needs. It is read with a struct of our
// own because importing Ginkgo would register its flags in this binary.
type Report struct {
	SuiteDescription           string
	SuiteLabels                []string
	SuiteHasProgrammaticFocus  bool
	SpecialSuiteFailureReasons []string
	PreRunStats                struct{ TotalSpecs, SpecsThatWillRun int }
	SpecReports                []Spec
}

// Spec is one spec of a suite.
type Spec struct {
	ContainerHierarchyTexts  []string
	ContainerHierarchyLabels [][]string
	LeafNodeType             string
	LeafNodeText             string
	LeafNodeLabels           []string
	LeafNodeLocation         struct {
		FileName   string
		LineNumber int
	}
	State   string // "passed", "failed", "skipped", "pending", "panicked", "timedout", "interrupted", "aborted"
	Failure *Failure

	ReportEntries []Entry
}

// Failure is why a spec failed.
type Failure struct {
	Message         string
	FailureNodeType string // "It", "DeferCleanup (Each)", ...
}

// Entry is what a spec has added to the report.
type Entry struct {
	Name  string
	Value struct{ Representation string }
}

// Drilled says whether the spec has begun a drill through package suite.
func (s Spec) Drilled() bool {
	return slices.ContainsFunc(s.ReportEntries, func(e Entry) bool { return e.Name == "drill" })
}

// ReadReport reads the report at path. A file with anything but one suite in it is an error.
func ReadReport(path string) (*Report, error) {
	b, err := os.ReadFile(path) //nolint:gosec // a file that this process named
	if err != nil {
		return nil, fmt.Errorf("read the suite's own report: %w", err)
	}
	var all []*Report
	if err := json.Unmarshal(b, &all); err != nil {
		return nil, fmt.Errorf("read the suite's own report: %w", err)
	}
	if len(all) != 1 || all[0] == nil {
		return nil, fmt.Errorf("read the suite's own report: it holds %d suites, want 1", len(all))
	}
	return all[0], nil
}

// refusal is what Ginkgo prints, and nothing else, when it does not understand a filter.
const refusal = "Ginkgo detected configuration issues:"

var colours = regexp.MustCompile(`\x1b\[[0-9;]*m`)

// Refused returns what Ginkgo had to say about its options if it refused them.
func Refused(said string) (why string, refused bool) {
	_, why, refused = strings.Cut(colours.ReplaceAllString(said, ""), refusal)
	return strings.TrimSpace(why), refused
}

// Specs are the suite's specs, without what runs before and after them.
func (r *Report) Specs() []Spec {
	var specs []Spec
	for _, s := range r.SpecReports {
		if s.LeafNodeType == "It" {
			specs = append(specs, s)
		}
	}
	return specs
}

// Pending lists the pending specs that the run's filters ask for, by their text, as package suite tells them: Ginkgo reports
// those that they leave out too, and does not say which are which.
func (r *Report) Pending() []string {
	var all []string
	for _, s := range r.SpecReports {
		for _, e := range s.ReportEntries {
			if e.Name == "pending drill" {
				all = append(all, e.Value.Representation)
			}
		}
	}
	return all
}

// Text is the spec's whole name.
func (s Spec) Text() string {
	return strings.Join(slices.DeleteFunc(append(slices.Clone(s.ContainerHierarchyTexts), s.LeafNodeText), func(t string) bool { return t == "" }), " ")
}

// Labels are those of the spec and of everything around it, each once, the outermost first.
func (s Spec) Labels() []string {
	var all []string
	for _, l := range append(slices.Concat(s.ContainerHierarchyLabels...), s.LeafNodeLabels...) {
		if !slices.Contains(all, l) {
			all = append(all, l)
		}
	}
	return all
}

// Selected says whether the filters of a run let the spec run. Ginkgo reports one that they left out as skipped too, but
// without a reason.
func (s Spec) Selected() bool { return s.State != "skipped" || s.Failure != nil }

// CleaningUp says whether what failed is a clean-up, after the spec itself had ended well.
func (s Spec) CleaningUp() bool {
	return s.Failure != nil && strings.HasPrefix(s.Failure.FailureNodeType, "DeferCleanup")
}

// Failed says whether an assertion of the spec failed, or it panicked. What was interrupted or timed out has not.
func (s Spec) Failed() bool { return s.State == "failed" || s.State == "panicked" }
