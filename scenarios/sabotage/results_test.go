package sabotage_test

import (
	"flag"
	"slices"
	"strings"
	"sync"

	. "github.com/onsi/ginkgo/v2"
	"github.com/onsi/ginkgo/v2/types"
	. "github.com/onsi/gomega"

	"github.com/recoverydrill/gameday/verify/sabotage"
)

// resultsFile is what the table in the documentation is made of.
const resultsFile = "../../docs/sabotages.json"

var keepResults = flag.Bool("keep-results", false, "put what this run shows into "+resultsFile)

var kept struct {
	sync.Mutex
	results []sabotage.Result
}

// keep adds results to those of the run.
func keep(results []sabotage.Result) {
	kept.Lock()
	defer kept.Unlock()
	kept.results = append(kept.results, results...)
}

// A spec that passed is a broken recovery that was caught, by the check that the spec names.
var _ = ReportAfterSuite("keep the results", func(r Report) {
	if !*keepResults {
		return
	}
	for _, s := range r.SpecReports {
		if s.LeafNodeType != types.NodeTypeIt || slices.Contains(s.Labels(), "bench") || !s.State.Is(types.SpecStatePassed|types.SpecStateFailureStates) {
			continue
		}
		one := sabotage.Result{Way: sabotage.ByDrill, Title: strings.Join(append(s.ContainerHierarchyTexts, s.LeafNodeText), " "), Full: "failed"}
		if !s.State.Is(types.SpecStatePassed) {
			one.Full = "not caught"
		}
		keep([]sabotage.Result{one})
	}
	Expect(sabotage.WriteResults(resultsFile, kept.results)).To(Succeed())
})
