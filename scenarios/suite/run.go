package suite

import (
	"errors"
	"flag"
	"io/fs"
	"os"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/onsi/ginkgo/v2"
	"github.com/onsi/ginkgo/v2/types"
	"github.com/onsi/gomega"

	"github.com/recoverydrill/gameday/reports"
	"github.com/recoverydrill/gameday/scenarios/drill"
	"github.com/recoverydrill/gameday/scenarios/drill/config"
)

const (
	// cleanupTime is kept back from the deadline of go test: when that passes, the process dies without a clean-up.
	cleanupTime = 90 * time.Second
	// cleanupLimit is what each clean-up may take.
	cleanupLimit = 2 * time.Minute
)

// Run runs the specs of the calling package. It makes an empty selection an error, ends the suite in time for its
// clean-up when go test has a -timeout, and keeps go test from answering from its cache the next time.
func Run(t *testing.T, description string) {
	t.Helper()
	if err := uncached(); err != nil {
		t.Fatalf("run drills with -count=1: go test would take this run's result for the next one's: %v", err)
	}
	gomega.RegisterFailHandler(ginkgo.Fail)
	settings, reporter := ginkgo.GinkgoConfiguration()
	settings.FailOnEmpty = true
	settings.GracePeriod = max(settings.GracePeriod, cleanupLimit)
	settings.FlakeAttempts = 1 // also where a spec is decorated, which 0 lets through: a recovery that works the second time is a finding
	if deadline, ok := t.Deadline(); ok {
		settings.Timeout = min(settings.Timeout, beforeDeadline(time.Until(deadline)))
	}
	ginkgo.ReportBeforeSuite(func(r ginkgo.Report) {
		if r.SuiteConfig.ParallelTotal == 1 { // else each process has a run of its own, of some of them
			asked.Store(int64(r.PreRunStats.SpecsThatWillRun))
		}
	})
	ginkgo.ReportAfterSuite("gameday's reports", func(r ginkgo.Report) {
		if err := atEnd(r); err != nil {
			ginkgo.Fail(err.Error())
		}
	})
	ginkgo.RunSpecs(t, description, settings, reporter)
}

// uncached removes the log of what the test looks at, without which go test keeps no result. It asks for one, by this flag,
// only where it would keep the result.
func uncached() error {
	log := flag.Lookup("test.testlogfile")
	if log == nil || log.Value.String() == "" {
		return nil
	}
	if err := os.Remove(log.Value.String()); !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}

// asked is how many specs the filters let run; 0 where that is not known.
var asked atomic.Int64

// pendingEntry names the entries in Ginkgo's report by which "gameday run" knows the pending specs that its filters ask for.
const pendingEntry = "pending drill"

// atEnd writes the run's reports once more, with the specs that were asked for and were not drilled: they must not be missing
// in them. The run has come to its end when there is none of which nothing is known.
func atEnd(r ginkgo.Report) error {
	left, lost, all := undrilled(r)
	st := staged.Load()
	switch {
	case r.SuiteConfig.DryRun:
		return nil
	case os.Getenv(config.SabotageVariable) != "": // nothing is a drill then
		lost, all = nil, st != nil
	case st == nil && (len(lost) > 0 || !all):
		var err error
		if st, err = shared(); err != nil {
			return err
		}
	}
	if st == nil { // no drill was begun, and none is missed: there is no report
		return nil
	}
	var errs []error
	for _, s := range lost {
		errs = append(errs, drill.CouldNotBegin(st.describedBy(s.SpecReport, drill.Scenario{}), st.run, errors.New(s.why)))
	}
	for _, s := range r.SpecReports {
		errs = append(errs, uncleaned(s))
	}
	if all {
		errs = append(errs, reports.EndRun(st.run.Dir))
	}
	return errors.Join(append(errs, st.report(reports.WithSkipped(left...)))...)
}

// uncleaned tells the drills of a spec that a clean-up has failed since they were finished, that of their system for one: what
// is left may meet the next drill.
func uncleaned(s ginkgo.SpecReport) error {
	if !s.Failed() || !s.Failure.FailureNodeType.Is(cleanUps) {
		return nil
	}
	var errs []error
	for _, e := range s.ReportEntries {
		if d, ok := e.GetRawValue().(*entry); ok { // another process's is not there
			errs = append(errs, d.drill.ScenarioEnded(reports.Inconclusive, "a clean-up failed after the drill "+failure(s)))
		}
	}
	return errors.Join(errs...)
}

type lostSpec struct {
	ginkgo.SpecReport
	why string
}

// undrilled are the specs that said themselves that they would not run, or are pending, and those that ended badly or were
// never begun, and left no record. all is false where the suite does not tell what became of some of the specs.
func undrilled(r ginkgo.Report) (left []reports.Skip, lost []lostSpec, all bool) {
	var never []lostSpec
	why := strings.Join(append([]string{"the suite was ended before this drill had begun"}, r.SpecialSuiteFailureReasons...), ": ")
	missing := r.PreRunStats.SpecsThatWillRun
	for _, s := range r.SpecReports {
		unreached := s.State == types.SpecStateSkipped && s.Failure.IsZero() // or left out by a filter
		if s.LeafNodeType != types.NodeTypeIt {
			continue
		}
		if s.State != types.SpecStatePending && !unreached {
			missing--
		}
		switch {
		case unreached && selected(r, s):
			never = append(never, lostSpec{s, why})
		case s.State == types.SpecStateSkipped && !unreached && s.Failure.Message != drill.ErrPlanned.Error():
			left = append(left, reports.Skip{Scenario: s.FullText(), Reason: s.Failure.Message})
		case s.State == types.SpecStatePending && selected(r, s): // reported whatever the filters say
			ginkgo.AddReportEntry(pendingEntry, s.FullText(), ginkgo.ReportEntryVisibilityNever)
			left = append(left, reports.Skip{Scenario: s.FullText(), Reason: "pending"})
		case s.Failed() && !slices.ContainsFunc(s.ReportEntries, func(e types.ReportEntry) bool { return e.Name == drillEntry }):
			lost = append(lost, lostSpec{s, "the scenario ended before its drill had begun " + failure(s)})
		}
	}
	if missing > 0 && missing == len(never) { // else a filter that is not understood here, or a focus in the code, left some of them out
		lost, missing = append(lost, never...), 0
	}
	return left, lost, missing <= 0
}

// beforeDeadline keeps time back for the clean-up, at most half of what there is.
func beforeDeadline(left time.Duration) time.Duration {
	return left - min(cleanupTime, left/2)
}
