package sqlite_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/recoverydrill/gameday/faults"
	"github.com/recoverydrill/gameday/fixtures"
	"github.com/recoverydrill/gameday/fixtures/dataset"
	"github.com/recoverydrill/gameday/fixtures/sqlite"
	"github.com/recoverydrill/gameday/fixtures/sqlite/handle"
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
	// checkpoint, and Litestream would take that for the next state. So the replica has to be asked before anybody starts it. A
	// report reads from before the mark to the crash: as long as it does, no checkpoint brings all that is written since into the
	// file, and the fault's proof is a copy of the file without its log, which lacks writes from before the mark or is torn.
	log := drill.Scenario{
		Name: "sqlite/lost-log", Owner: "orders",
		Engine: "sqlite", Fault: "lost log", Recovery: "litestream restore to latest", Takes: 5 * time.Second,
		Disaster: "The application dies, and the -wal file beside its database, with what was committed last, is lost.",
		Answers:  answers, Objective: little,
	}
	It("come back from the replica when it was the log", suite.About(log), SpecTimeout(2*time.Minute), func(ctx SpecContext) {
		sys, lost := suite.Start(ctx, store), &lostLog{}
		d := suite.Begin(ctx, sys, log)
		Expect(d.Traffic(ctx, traffic.Mix{})).To(Succeed())
		Expect(lost.readOn(ctx, sys)).To(Succeed())
		DeferCleanup(lost.endReport)
		d.Mark(ctx, "before the crash")
		Expect(lost.note(ctx, sys)).To(Succeed())
		Expect(d.Break(ctx, lost)).To(Succeed())
		Expect(d.Recover(ctx, litestream.Procedure{Kind: litestream.Latest, InPlace: true})).To(Succeed())
		Expect(d.Verify(ctx)).To(suite.HavePassed())
	})
})

// lostLog is a crash that takes the log along. A report keeps a read transaction open until then.
type lostLog struct {
	report *handle.Handle
	atMark int64 // writes that clients had made
}

func (*lostLog) Describe() faults.Description {
	return faults.Description{Name: "lost log", Class: "deletion", Detail: "the application dies, and its -wal file is lost"}
}

// IsOutage: nobody has started the application again.
func (*lostLog) IsOutage() bool { return true }

// readOn begins the report.
func (l *lostLog) readOn(ctx context.Context, sys fixtures.System) error {
	env, err := sys.(fixtures.Responder).Environment(ctx)
	if err != nil {
		return err
	}
	l.report, err = handle.Open(ctx, env["GAMEDAY_FILE"], handle.Read, "BEGIN", "SELECT count(*) FROM sqlite_schema")
	return err
}

func (l *lostLog) endReport() error {
	if l.report == nil {
		return nil
	}
	report := l.report
	l.report = nil
	return report.Close()
}

// note counts the writes up to now.
func (l *lostLog) note(ctx context.Context, sys fixtures.System) error {
	env, err := sys.(fixtures.Responder).Environment(ctx)
	if err == nil {
		l.atMark, err = writesIn(ctx, env["GAMEDAY_FILE"], handle.Read)
	}
	return err
}

func writesIn(ctx context.Context, path string, mode handle.Mode) (n int64, err error) {
	h, err := handle.Open(ctx, path, mode)
	if err != nil {
		return 0, err
	}
	said, err := h.Value(ctx, "SELECT count(*) FROM gameday_op")
	if err := errors.Join(err, h.Close()); err != nil {
		return 0, err
	}
	return strconv.ParseInt(said, 10, 64)
}

func (l *lostLog) Inject(ctx context.Context, sys fixtures.System) error {
	node := sys.Members()[0].Node
	files, err := sys.(fixtures.FileMapper).Files(ctx, node, fixtures.LogFile, "", "")
	if err == nil && len(files) != 1 {
		err = fmt.Errorf("there are %d logs", len(files))
	}
	if err == nil {
		err = sys.(fixtures.Controlled).KillServer(ctx, node)
	}
	if err := errors.Join(err, l.endReport()); err != nil {
		return err
	}
	_, err = node.Exec(ctx, fixtures.Command{Args: []string{"rm", files[0].Path}})
	return err
}

// Prove wants writes to be missing that were there at the mark.
func (l *lostLog) Prove(ctx context.Context, sys fixtures.System) (string, error) {
	n, err := l.fileAlone(ctx, sys)
	switch {
	case err != nil && strings.Contains(err.Error(), "malformed"): // a checkpoint leaves out pages that were written again since
		return "without its log the file cannot be read: " + err.Error(), nil
	case err != nil:
		return "", err
	case n >= l.atMark:
		return "", fmt.Errorf("%w: the file alone holds %d writes, and there were %d at the mark", faults.ErrNotSeen, n, l.atMark)
	}
	return fmt.Sprintf("without its log the file holds %d writes, and there were %d at the mark", n, l.atMark), nil
}

// fileAlone counts the writes in a copy of the file without its log. The file itself stays closed: whoever opens it makes a new
// log beside it.
func (*lostLog) fileAlone(ctx context.Context, sys fixtures.System) (int64, error) {
	env, err := sys.(fixtures.Responder).Environment(ctx)
	if err != nil {
		return 0, err
	}
	dir, err := os.MkdirTemp("", "gameday-lost-log-")
	if err != nil {
		return 0, err
	}
	defer os.RemoveAll(dir) //nolint:errcheck // a copy in the temporary directory
	left := filepath.Join(dir, "left.db")
	if out, err := exec.CommandContext(ctx, "cp", env["GAMEDAY_FILE"], left).CombinedOutput(); err != nil {
		return 0, fmt.Errorf("copy the file: %w: %s", err, out)
	}
	return writesIn(ctx, left, handle.Immutable)
}
