// Package lacks_test has drills that need what the place where they run does not have. The tests of the folder two levels
// up run them and look at what a person is told. It lies below testdata because every drill here must be red.
package lacks_test

import (
	"testing"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/recoverydrill/gameday/faults"
	"github.com/recoverydrill/gameday/fixtures/postgres"
	"github.com/recoverydrill/gameday/fixtures/sqlite"
	"github.com/recoverydrill/gameday/fixtures/traffic"
	"github.com/recoverydrill/gameday/reports"
	"github.com/recoverydrill/gameday/scenarios/drill"
	"github.com/recoverydrill/gameday/scenarios/suite"
)

func TestDrills(t *testing.T) { suite.Run(t, "lacks") }

var _ = Describe("a place", func() {
	It("limits no memory", Label("process"), SpecTimeout(time.Minute), func(ctx SpecContext) {
		suite.Start(ctx, postgres.Cluster{Version: "15", Memory: 1 << 30})
	})

	It("has no network", Label("embedded"), SpecTimeout(time.Minute), func(ctx SpecContext) {
		d := suite.Begin(ctx, suite.Start(ctx, sqlite.Store{}), drill.Scenario{
			Name: "lacks/network", Owner: "gameday", Disaster: "The network of a store that has none is cut.",
			Answers: []reports.Question{reports.InService}, MinAcknowledged: 5, Consecutive: 10,
		})
		Expect(d.Traffic(ctx, traffic.Mix{Clients: 1})).To(Succeed())
		d.Mark(ctx, "before the cut")
		Expect(d.Break(ctx, faults.CutNetwork())).To(Succeed())
	})

	It("has no server that could be frozen", Label("embedded"), SpecTimeout(time.Minute), func(ctx SpecContext) {
		d := suite.Begin(ctx, suite.Start(ctx, sqlite.Store{}), drill.Scenario{
			Name: "lacks/server", Owner: "gameday", Disaster: "The server of a store that has none is frozen.",
			Answers: []reports.Question{reports.InService}, MinAcknowledged: 5, Consecutive: 10,
		})
		Expect(d.Traffic(ctx, traffic.Mix{Clients: 1})).To(Succeed())
		d.Mark(ctx, "before the freeze")
		Expect(d.Break(ctx, faults.FreezeServer(""))).To(Succeed())
	})
})
