package sabotage_test

import (
	"context"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/recoverydrill/gameday/faults"
	"github.com/recoverydrill/gameday/fixtures/eventlog"
	"github.com/recoverydrill/gameday/fixtures/traffic"
	recovery "github.com/recoverydrill/gameday/recover"
	"github.com/recoverydrill/gameday/recover/derived"
	"github.com/recoverydrill/gameday/reports"
	"github.com/recoverydrill/gameday/scenarios/derived/catalogue"
	"github.com/recoverydrill/gameday/scenarios/drill"
	"github.com/recoverydrill/gameday/scenarios/suite"
)

// shifted begins its replay at another event than it should.
type shifted struct {
	*catalogue.Projection

	by     int64
	forget bool // that the event was applied already
}

func (s shifted) Begin(ctx context.Context, job recovery.Job) (uint64, error) {
	holds, err := s.Projection.Begin(ctx, job)
	if err == nil && s.forget {
		_, err = s.File().Exec(ctx, "UPDATE applied SET number = number + ?", s.by)
	}
	return uint64(int64(holds) + s.by), err //nolint:gosec // there have been more events
}

// careless goes on after an event that it could not apply.
type careless struct{ *catalogue.Projection }

func (c careless) Apply(ctx context.Context, e eventlog.Event) error {
	_ = c.Projection.Apply(ctx, e)
	return nil
}

// losing is a source that gives all events but the first of a transaction.
type losing struct{ eventlog.File }

func (l losing) Events(ctx context.Context, after uint64, each func(eventlog.Event) error) (uint64, error) {
	lost := false
	return l.File.Events(ctx, after, func(e eventlog.Event) error {
		if !lost && e.Kind == eventlog.KindWrite {
			lost = true
			return nil
		}
		return each(e)
	})
}

// unheld is a source that says nothing of what comes after the first replay.
type unheld struct {
	eventlog.File

	asked int
}

func (h *unheld) Events(ctx context.Context, after uint64, each func(eventlog.Event) error) (uint64, error) {
	if h.asked++; h.asked > 2 {
		return after, nil
	}
	return h.File.Events(ctx, after, each)
}

func (h *unheld) Hold(context.Context) (func() error, error) {
	time.Sleep(500 * time.Millisecond) // clients go on
	return func() error { return nil }, nil
}

const goodsChanged = `main\.goods: 1 of \d+ rows changed`

var brokenReplays = map[string]struct {
	recovery       func(catalogue.Store) recovery.Recovery
	check, finding string
}{
	"starts one event too late": {func(s catalogue.Store) recovery.Recovery {
		return derived.Resume(s.Source(), shifted{s.FromBackup(), 1, false})
	}, "contents", goodsChanged},
	"applies an event twice": {func(s catalogue.Store) recovery.Recovery {
		return derived.Resume(s.Source(), shifted{s.FromBackup(), -1, true})
	}, "contents", goodsChanged},
	"loses an event and goes on": {func(s catalogue.Store) recovery.Recovery {
		return derived.Rebuild(losing{s.Source()}, careless{s.Empty()})
	}, "ledger", `\d+ writes? acknowledged before the mark and gone`},
	"lets clients in before it has caught up": {func(s catalogue.Store) recovery.Recovery {
		return derived.Resume(&unheld{File: s.Source()}, s.FromBackup())
	}, "objectives", `\d+ acknowledged writes? gone`},
	"restores the backup alone": {func(s catalogue.Store) recovery.Recovery {
		return derived.Resume(&unheld{File: s.Source(), asked: 1}, s.FromBackup())
	}, "contents", `main\.goods: \d+ of \d+ rows changed`},
}

// The event after the backup's last is a delivery, and so is the last one in the backup: what is left out or done twice is the
// stock of one good.
var _ = Describe("the replay of a source", Label("sqlite", "derived", "sabotage", full), func() {
	for name, b := range brokenReplays {
		It("is caught when it "+name, SpecTimeout(2*time.Minute), func(ctx SpecContext) {
			store := catalogue.Store{Dir: GinkgoT().TempDir()}
			sys := suite.Start(ctx, store)
			var d *suite.Drill
			DeferCleanup(func(ctx SpecContext) { judgeAgain(ctx, d) }) // before Begin, so that it runs after the record is finished
			d = suite.Begin(ctx, sys, drill.Scenario{
				Owner: "gameday", Disaster: "A bad projection, and a replay of the source that is broken on purpose.",
				Answers:   []reports.Question{reports.InService, reports.Harmless},
				Objective: drill.Objective{RTO: time.Minute, LostWrites: drill.NoLoss()}, ServiceLimit: 3 * time.Second,
			})
			Expect(d.Backup(ctx)).To(Succeed())
			for i := range 40 {
				Expect(sys.(*catalogue.System).Deliver(ctx, i, int64(i+1))).To(Succeed())
			}
			Expect(d.Traffic(ctx, traffic.Mix{})).To(Succeed())
			good := d.Mark(ctx, "before the release")
			Expect(d.Break(ctx, faults.BadWrite("UPDATE goods SET stock = 0"))).To(Succeed())
			caught(ctx, d, b.recovery(store), good, b.check, b.finding)
		})
	}
})
