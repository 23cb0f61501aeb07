package suite

import (
	"testing"
	"time"

	"github.com/onsi/ginkgo/v2"
	"github.com/onsi/gomega"
)

const (
	// cleanupTime is kept back from the deadline of go test: when that passes, the process dies without a clean-up.
	cleanupTime = 90 * time.Second
	// cleanupLimit is what each clean-up may take.
	cleanupLimit = 2 * time.Minute
)

// Run runs the specs of the calling package. It makes an empty selection an error, and ends the suite in time for its
// clean-up when go test has a -timeout.
func Run(t *testing.T, description string) {
	t.Helper()
	gomega.RegisterFailHandler(ginkgo.Fail)
	config, reporter := ginkgo.GinkgoConfiguration()
	config.FailOnEmpty = true
	config.GracePeriod = max(config.GracePeriod, cleanupLimit)
	config.FlakeAttempts = 0 // a recovery that works the second time is a finding
	if deadline, ok := t.Deadline(); ok {
		config.Timeout = min(config.Timeout, beforeDeadline(time.Until(deadline)))
	}
	ginkgo.RunSpecs(t, description, config, reporter)
}

// beforeDeadline keeps time back for the clean-up, at most half of what there is.
func beforeDeadline(left time.Duration) time.Duration {
	return left - min(cleanupTime, left/2)
}
