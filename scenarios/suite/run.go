package suite

import (
	"errors"
	"flag"
	"io/fs"
	"os"
	"testing"
	"time"

	"github.com/onsi/ginkgo/v2"
	"github.com/onsi/ginkgo/v2/types"
	"github.com/onsi/gomega"

	"github.com/recoverydrill/gameday/reports"
	"github.com/recoverydrill/gameday/scenarios/drill"
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
	config, reporter := ginkgo.GinkgoConfiguration()
	config.FailOnEmpty = true
	config.GracePeriod = max(config.GracePeriod, cleanupLimit)
	config.FlakeAttempts = 1 // also where a spec is decorated, which 0 lets through: a recovery that works the second time is a finding
	if deadline, ok := t.Deadline(); ok {
		config.Timeout = min(config.Timeout, beforeDeadline(time.Until(deadline)))
	}
	ginkgo.ReportAfterSuite("gameday's reports", func(r ginkgo.Report) {
		if err := reportSkipped(r); err != nil {
			ginkgo.Fail(err.Error())
		}
	})
	ginkgo.RunSpecs(t, description, config, reporter)
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

// pendingEntry names the entries in Ginkgo's report by which "gameday run" knows the pending specs that its filters ask for.
const pendingEntry = "pending drill"

// reportSkipped writes the run's reports once more where specs were asked for and not run: they must not be missing in them.
func reportSkipped(r ginkgo.Report) error {
	var left []reports.Skip
	for _, s := range r.SpecReports {
		switch {
		case s.LeafNodeType != types.NodeTypeIt:
		case s.State == types.SpecStateSkipped && s.Failure.Message != "" && s.Failure.Message != drill.ErrPlanned.Error():
			left = append(left, reports.Skip{Scenario: s.FullText(), Reason: s.Failure.Message})
		case s.State == types.SpecStatePending && selected(r, s): // reported whatever the filters say
			ginkgo.AddReportEntry(pendingEntry, s.FullText(), ginkgo.ReportEntryVisibilityNever)
			left = append(left, reports.Skip{Scenario: s.FullText(), Reason: "pending"})
		}
	}
	st := staged.Load()
	if len(left) == 0 || st == nil { // without a drill there is no report
		return nil
	}
	return st.report(reports.WithSkipped(left...))
}

// beforeDeadline keeps time back for the clean-up, at most half of what there is.
func beforeDeadline(left time.Duration) time.Duration {
	return left - min(cleanupTime, left/2)
}
