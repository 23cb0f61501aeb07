// Package drills_test is what a team gets wrong: scenarios, schemas and recoveries that cannot work. The tests of the
// folder two levels up run it with the command and look at what a person is told. It lies below testdata because every
// drill here must be red.
package drills_test

import (
	"context"
	"strings"
	"testing"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/recoverydrill/gameday/faults"
	"github.com/recoverydrill/gameday/fixtures"
	"github.com/recoverydrill/gameday/fixtures/dataset"
	"github.com/recoverydrill/gameday/fixtures/traffic"
	"github.com/recoverydrill/gameday/reports"
	"github.com/recoverydrill/gameday/scenarios/drill"
	"github.com/recoverydrill/gameday/scenarios/suite"
)

func TestDrills(t *testing.T) { suite.Run(t, "bad input") }

// small is as little data as a drill can be about, so that a cluster starts in seconds.
func small() fixtures.Dataset {
	return dataset.Func("small", "app", func(ctx context.Context, into fixtures.Loader) error {
		return into.Script(ctx, "app", strings.NewReader(
			"CREATE TABLE stock (id int PRIMARY KEY, n int NOT NULL);\nINSERT INTO stock SELECT i, i FROM generate_series(1, 100) i;\n"))
	})
}

// scenario is complete but for what a spec leaves out.
func scenario(name string) drill.Scenario {
	return drill.Scenario{
		Name: "badinput/" + name, Owner: "gameday", Disaster: "Somebody gives gameday something that cannot work.",
		Answers: []reports.Question{reports.InService},
		// The shortest times with which the drill still runs: what is looked at here is red whatever the clock says.
		MinAcknowledged: 5, Consecutive: 10, ServiceLimit: time.Second,
	}
}

// broken takes a drill to the point where a recovery is called for.
func broken(ctx context.Context, d *suite.Drill) fixtures.Mark {
	GinkgoHelper()
	Expect(d.Traffic(ctx, traffic.Mix{Clients: 1})).To(Succeed())
	good := d.Mark(ctx, "good")
	Expect(d.Break(ctx, faults.BadWrite(`UPDATE stock SET n = n + 1`))).To(Succeed())
	return good
}

// anew removes what the traffic of the drill before has left: the systems here are shared by several drills.
func anew(ctx context.Context, sys fixtures.System) {
	GinkgoHelper()
	Expect(sys.(fixtures.Operator).Statement(ctx, "", "app",
		`TRUNCATE gameday.op, gameday.item, gameday.account, gameday.entry, gameday.probe`)).To(Succeed())
}
