package sqlite_test

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
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
	"github.com/recoverydrill/gameday/recover/sqlitesalvage"
	"github.com/recoverydrill/gameday/reports"
	"github.com/recoverydrill/gameday/scenarios/drill"
	"github.com/recoverydrill/gameday/scenarios/suite"
)

var _ = Describe("a damaged file", Label("sqlite", "corruption", "full", "owner=orders"), func() {
	shop := dataset.Shop(dataset.ShopOptions{Scale: 0.1})
	answers := []reports.Question{reports.BackedUp, reports.Findable, reports.InService, reports.Harmless, reports.InTime}

	replica := drill.Scenario{
		Name: "sqlite/damaged-page", Owner: "orders",
		Engine: "sqlite", Fault: "zeroed block in table", Recovery: "litestream restore to position", Takes: 5 * time.Second,
		Disaster: "The disk gives zeroes for one page of the database.",
		Answers:  answers, Objective: drill.Objective{RTO: 30 * time.Second, RPO: 30 * time.Second},
	}
	It("is replaced from the replica, which has what was written and not what the disk gives", suite.About(replica), SpecTimeout(2*time.Minute), func(ctx SpecContext) {
		d := suite.Begin(ctx, suite.Start(ctx, sqlite.Store{Dataset: shop}), replica)
		Expect(d.Traffic(ctx, traffic.Mix{})).To(Succeed())
		good := d.Mark(ctx, "before the disk failed")
		Expect(d.Break(ctx, faults.CorruptTable(faults.Zeroed, "events", 3))).To(Succeed())
		Expect(d.Recover(ctx, litestream.To(litestream.Position), drill.To(good))).To(Succeed())
		Expect(d.Verify(ctx)).To(suite.HavePassed())
	})

	salvaged := drill.Scenario{
		Name: "sqlite/damaged-page-without-backup", Owner: "orders",
		Engine: "sqlite", Fault: "zeroed block in table", Recovery: "sqlite salvage", Takes: 5 * time.Second,
		Disaster: "The disk gives zeroes for one page of a database that nobody has ever backed up.",
		Answers:  []reports.Question{reports.InService, reports.Plan, reports.Harmless, reports.InTime},
		Objective: drill.Objective{RTO: 30 * time.Second, LostWrites: drill.NoLoss(), LostRows: []reports.LostRows{
			{Database: "main", Table: "main.events", Most: 100, Reason: "they lay on the page that the disk has lost, and nobody has a copy"},
		}},
	}
	It("is salvaged where there is no backup", suite.About(salvaged), SpecTimeout(2*time.Minute), func(ctx SpecContext) {
		d := suite.Begin(ctx, suite.Start(ctx, sqlite.Store{Dataset: shop, Unreplicated: true}), salvaged)
		Expect(d.Traffic(ctx, traffic.Mix{})).To(Succeed())
		d.Mark(ctx, "before the disk failed")
		Expect(d.Break(ctx, faults.CorruptTable(faults.Zeroed, "events", 3))).To(Succeed())
		Expect(d.Recover(ctx, sqlitesalvage.Procedure{})).To(Succeed())
		Expect(d.Verify(ctx)).To(suite.HavePassed())
	})

	// A salvage of a sound file would stop the clients and put a copy in its place, at best for nothing.
	alarm := drill.Scenario{
		Name: "sqlite/false-alarm", Owner: "orders",
		Engine: "sqlite", Fault: "false alarm", Recovery: "sqlite salvage", Takes: 5 * time.Second,
		Disaster:   "A monitor reports that the database is malformed; it has looked at another one.",
		Answers:    []reports.Question{reports.Plan, reports.Harmless},
		MustRefuse: true,
	}
	It("is not salvaged when there is no damage", suite.About(alarm), SpecTimeout(2*time.Minute), func(ctx SpecContext) {
		d := suite.Begin(ctx, suite.Start(ctx, sqlite.Store{Dataset: shop}), alarm)
		Expect(d.Traffic(ctx, traffic.Mix{})).To(Succeed())
		d.Mark(ctx, "before the alarm")
		Expect(d.Break(ctx, falseAlarm{})).To(Succeed())
		Expect(d.Recover(ctx, sqlitesalvage.Procedure{})).To(Succeed())
		Expect(d.Verify(ctx)).To(suite.HavePassed())
	})
})

// falseAlarm damages nothing.
type falseAlarm struct{}

func (falseAlarm) Describe() faults.Description {
	return faults.Description{Name: "false alarm", Class: "no damage", Detail: "damage is reported, and there is none"}
}

func (falseAlarm) Inject(context.Context, fixtures.System) error { return nil }

// IsSilent: clients are served, the data is sound.
func (falseAlarm) IsSilent() bool { return true }

// Prove has SQLite look for damage, over a connection of its own.
func (falseAlarm) Prove(ctx context.Context, sys fixtures.System) (string, error) {
	env, err := sys.(fixtures.Responder).Environment(ctx)
	if err != nil {
		return "", err
	}
	h, err := handle.Open(ctx, env["GAMEDAY_FILE"], handle.Write)
	if err != nil {
		return "", err
	}
	said, err := h.Value(ctx, "PRAGMA integrity_check(1)")
	if err = errors.Join(err, h.Close()); err == nil && said != "ok" {
		err = fmt.Errorf("there is damage: %s", said)
	}
	return "SQLite's own check of the whole file says: " + said, err
}

// The replica is there, and looks as it should. A restore to a time, or to the last transaction, ends before the hole without
// a word: whoever asks for the mark must be told that it is not there.
var _ = Describe("a damaged replica", Label("sqlite", "pitr", "full", "owner=payments"), func() {
	store := sqlite.Store{Dataset: dataset.Shop(dataset.ShopOptions{Scale: 0.1})}

	hole := drill.Scenario{
		Name: "sqlite/hole-in-replica", Owner: "payments",
		Engine: "sqlite", Fault: "lost transaction and bad write", Recovery: "litestream restore to time", Takes: 5 * time.Second,
		Disaster:   "Every payment is set to 0, and the replica has lost the file with the last transaction before that.",
		Answers:    []reports.Question{reports.Findable, reports.Plan, reports.Harmless},
		MustRefuse: true,
	}
	It("is found out before anything is touched, and the recovery refuses", suite.About(hole), SpecTimeout(2*time.Minute), func(ctx SpecContext) {
		d := suite.Begin(ctx, suite.Start(ctx, store), hole)
		Expect(d.Traffic(ctx, traffic.Mix{})).To(Succeed())
		good := d.Mark(ctx, "before the bad deploy")
		Expect(d.Break(ctx, faults.Together(&lostTransaction{mark: good}, faults.BadWrite(`UPDATE payments SET amount = 0`)))).To(Succeed())
		Expect(d.Recover(ctx, litestream.To(litestream.Time), drill.To(good))).To(Succeed())
		Expect(d.Verify(ctx)).To(suite.HavePassed())
	})

	// What lies before the damage is better than nothing, if somebody says so and the report counts what it costs.
	short := drill.Scenario{
		Name: "sqlite/damaged-replica", Owner: "payments",
		Engine: "sqlite", Fault: "corrupt block in archived log and deleted file", Recovery: "litestream restore to latest or short of it", Takes: 5 * time.Second,
		Disaster:  "The database is deleted, and the newest file of its replica is damaged.",
		Answers:   []reports.Question{reports.BackedUp, reports.Findable, reports.InService, reports.Harmless, reports.InTime},
		Objective: drill.Objective{RTO: 30 * time.Second, RPO: 30 * time.Second},
	}
	It("gives what lies before the damage where that is asked for, and the loss is counted", suite.About(short), SpecTimeout(2*time.Minute), func(ctx SpecContext) {
		d := suite.Begin(ctx, suite.Start(ctx, store), short)
		Expect(d.Traffic(ctx, traffic.Mix{})).To(Succeed())
		d.Mark(ctx, "before all of it")
		awayFromMerge(ctx)
		Expect(d.Break(ctx, faults.Together(
			faults.CorruptFile(faults.Overwritten, fixtures.ArchivedLog, "", 0), faults.DeleteFile(fixtures.TableFile, ""),
		))).To(Succeed())
		Expect(d.Recover(ctx, litestream.Procedure{Kind: litestream.Latest, Short: true})).To(Succeed())
		Expect(d.Verify(ctx)).To(suite.HavePassed())
	})
})

// awayFromMerge waits where Litestream is about to merge its newest files, which it does on every half minute, from copies of its
// own: a merge between the damage and the application's end would make the replica whole again.
func awayFromMerge(ctx context.Context) {
	const every, needed = 30 * time.Second, 8 * time.Second
	now := time.Now()
	next := now.Truncate(every).Add(every)
	if next.Sub(now) > needed {
		return
	}
	select {
	case <-ctx.Done():
	case <-time.After(next.Sub(now) + 2*time.Second):
	}
}

// lostTransaction takes every file with a mark's transaction out of the replica: its own, and what Litestream has merged with it.
type lostTransaction struct {
	mark fixtures.Mark
	gone int
}

func (l *lostTransaction) Describe() faults.Description {
	return faults.Description{Name: "lost transaction", Class: "deletion", Detail: "the replica's files with transaction " + l.mark.Position + " are deleted"}
}

// with lists the replica's files, and those of them that hold the transaction: "FIRST-LAST.ltx", of equal length.
func (l *lostTransaction) with(ctx context.Context, sys fixtures.System) (all, with []fixtures.File, err error) {
	all, err = sys.(fixtures.FileMapper).Files(ctx, nil, fixtures.ArchivedLog, "", "")
	for _, f := range all {
		first, last, ok := strings.Cut(strings.TrimSuffix(filepath.Base(f.Path), ".ltx"), "-")
		if ok && first <= l.mark.Position && l.mark.Position <= last {
			with = append(with, f)
		}
	}
	return all, with, err
}

func (l *lostTransaction) Inject(ctx context.Context, sys fixtures.System) error {
	_, with, err := l.with(ctx, sys)
	if err == nil && len(with) == 0 {
		err = errors.New("the replica has no file of it")
	}
	for _, f := range with {
		_, removed := f.Node.Exec(ctx, fixtures.Command{Args: []string{"rm", f.Path}})
		err = errors.Join(err, removed)
		l.gone++
	}
	return err
}

// IsSilent: only a recovery looks there.
func (l *lostTransaction) IsSilent() bool { return true }

// Prove wants no file to end with the transaction: a restore to its time could use that one. A later merge, which ends with a
// later one, is none.
func (l *lostTransaction) Prove(ctx context.Context, sys fixtures.System) (string, error) {
	all, with, err := l.with(ctx, sys)
	for _, f := range with {
		if strings.HasSuffix(f.Path, "-"+l.mark.Position+".ltx") {
			return "", fmt.Errorf("%w: %s is there", faults.ErrNotSeen, filepath.Base(f.Path))
		}
	}
	return fmt.Sprintf("the replica has %d files, and none that ends with that transaction; %d were deleted", len(all), l.gone), err
}
