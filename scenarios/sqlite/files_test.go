package sqlite_test

import (
	"context"
	"fmt"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/recoverydrill/gameday/faults"
	"github.com/recoverydrill/gameday/fixtures"
	"github.com/recoverydrill/gameday/fixtures/dataset"
	"github.com/recoverydrill/gameday/fixtures/sqlite"
	"github.com/recoverydrill/gameday/fixtures/traffic"
	"github.com/recoverydrill/gameday/recover/litestream"
	"github.com/recoverydrill/gameday/reports"
	"github.com/recoverydrill/gameday/scenarios/drill"
	"github.com/recoverydrill/gameday/scenarios/suite"
)

// A deleted file is there as long as the application holds it: the damage is done when it is started again. From then on
// nothing answers, and the replica has all but what the last tenth of a second brought: no mark is given to the recovery, it
// is to lose as little as possible, and the objective says how little that is.
var _ = Describe("files that are gone", Label("sqlite", "pitr", "full", "owner=orders"), func() {
	store := sqlite.Store{Dataset: dataset.Shop(dataset.ShopOptions{Scale: 0.1})}
	answers := []reports.Question{reports.BackedUp, reports.Findable, reports.InService, reports.Harmless, reports.InTime}
	little := drill.Objective{RTO: 30 * time.Second, RPO: 2 * time.Second}

	file := drill.Scenario{
		Name: "sqlite/deleted-file", Owner: "orders",
		Engine: "sqlite", Fault: "deleted file", Recovery: "litestream restore to latest", Takes: 5 * time.Second,
		Disaster: "A clean-up script deletes the database file, and nobody notices before the next restart.",
		Answers:  answers, Objective: little,
	}
	It("come back from the replica when the database was deleted", suite.About(file), SpecTimeout(2*time.Minute), func(ctx SpecContext) {
		d := suite.Begin(ctx, suite.Start(ctx, store), file)
		Expect(d.Traffic(ctx, traffic.Mix{})).To(Succeed())
		d.Mark(ctx, "before the clean-up")
		Expect(d.Break(ctx, faults.DeleteFile(fixtures.TableFile, ""))).To(Succeed())
		Expect(d.Recover(ctx, litestream.To(litestream.Latest))).To(Succeed())
		Expect(d.Verify(ctx)).To(suite.HavePassed())
	})

	directory := drill.Scenario{
		Name: "sqlite/deleted-directory", Owner: "orders",
		Engine: "sqlite", Fault: "deleted data directory", Recovery: "litestream restore to latest", Takes: 5 * time.Second,
		Disaster: "rm -rf in the wrong window takes the database, its log and what Litestream keeps beside them.",
		Answers:  answers, Objective: little,
	}
	It("come back from the replica when the whole directory was deleted", suite.About(directory), SpecTimeout(2*time.Minute), func(ctx SpecContext) {
		d := suite.Begin(ctx, suite.Start(ctx, store), directory)
		Expect(d.Traffic(ctx, traffic.Mix{})).To(Succeed())
		d.Mark(ctx, "before the wrong window")
		Expect(d.Break(ctx, faults.DeleteDataDirectory())).To(Succeed())
		Expect(d.Recover(ctx, litestream.Procedure{Kind: litestream.Latest, InPlace: true})).To(Succeed())
		Expect(d.Verify(ctx)).To(suite.HavePassed())
	})

	// Without its log the application would start without a word, with everything gone that was committed since the last
	// checkpoint, and Litestream would take that for the next state. So the replica has to be asked before anybody starts it.
	log := drill.Scenario{
		Name: "sqlite/lost-log", Owner: "orders",
		Engine: "sqlite", Fault: "lost log", Recovery: "litestream restore to latest", Takes: 5 * time.Second,
		Disaster: "The application dies, and the -wal file beside its database, with what was committed last, is lost.",
		Answers:  answers, Objective: little,
	}
	It("come back from the replica when it was the log", suite.About(log), SpecTimeout(2*time.Minute), func(ctx SpecContext) {
		d := suite.Begin(ctx, suite.Start(ctx, store), log)
		Expect(d.Traffic(ctx, traffic.Mix{})).To(Succeed())
		d.Mark(ctx, "before the crash")
		Expect(d.Break(ctx, lostLog{})).To(Succeed())
		Expect(d.Recover(ctx, litestream.Procedure{Kind: litestream.Latest, InPlace: true})).To(Succeed())
		Expect(d.Verify(ctx)).To(suite.HavePassed())
	})
})

// lostLog is a crash that takes the log along.
type lostLog struct{}

func (lostLog) Describe() faults.Description {
	return faults.Description{Name: "lost log", Class: "deletion", Detail: "the application dies, and its -wal file is lost"}
}

// IsOutage: nobody has started the application again.
func (lostLog) IsOutage() bool { return true }

func (lostLog) Inject(ctx context.Context, sys fixtures.System) error {
	node := sys.Members()[0].Node
	files, err := sys.(fixtures.FileMapper).Files(ctx, node, fixtures.LogFile, "", "")
	if err == nil && len(files) != 1 {
		err = fmt.Errorf("there are %d logs", len(files))
	}
	if err == nil {
		err = sys.(fixtures.Controlled).KillServer(ctx, node)
	}
	if err != nil {
		return err
	}
	_, err = node.Exec(ctx, fixtures.Command{Args: []string{"rm", files[0].Path}})
	return err
}
