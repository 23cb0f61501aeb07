package verify

import (
	"context"
	"fmt"

	"github.com/recoverydrill/gameday/fixtures"
	"github.com/recoverydrill/gameday/reports"
)

// CutOver looks at a recovery that worked beside the old store and sent clients over: what they reach must be the new
// store. A recovery in place passes.
type CutOver struct {
	// SameBranch accepts a new store that continues the old one's branch of history, as a copy of a volume that was
	// never promoted does. Without it the branch (timeline) or the system identifier must have changed, which is how
	// the new store is told from the old one.
	SameBranch bool
}

var _ Check = CutOver{}

// Name is "cut-over".
func (CutOver) Name() string { return "cut-over" }

// Promise is what a passed check means.
func (CutOver) Promise() string {
	return "a recovery that sent clients to a new store left them there, and not at the old one"
}

// Judge follows the route.
func (c CutOver) Judge(_ context.Context, e *Evidence) reports.CheckResult {
	const what = "routes"
	if e.Record == nil || e.Record.Recovery == nil {
		return inconclusive(what, unsure("there is no record of a recovery: where it sent clients is not known"))
	}
	j := judging(what)
	j.res.Questions = []reports.Question{reports.InService}
	j.res.Covered.Planned, j.res.Covered.Looked = 1, 1
	changes := e.Record.Recovery.CutOvers
	var last *fixtures.RouteChange
	for i := range changes {
		switch changes[i].Kind {
		case cutOverKind:
			last = &changes[i]
		case "cut":
			if !restored(changes[i+1:]) {
				j.fail(reports.Finding{
					Summary: "the route was cut during the recovery and never restored", Question: reports.InService, Hint: "end the recovery with a cut-over",
				})
			}
		}
	}
	if last == nil {
		return j.done()
	}
	if last.Target == "" {
		j.unsure(unsure("the recovery cut over to an address that is not recorded"))
	}
	if bad := notComparable(e); len(bad) > 0 {
		for _, f := range bad {
			j.unsure(f)
		}
		return j.done()
	}
	want, got := e.Baseline.Identity, e.Found.Identity
	if want.System == got.System && want.Branch == got.Branch && !c.SameBranch {
		j.unsure(reports.Finding{
			Summary: fmt.Sprintf("clients were sent to %s, and what they reach has the old store's identity and branch", last.Target),
			Wanted:  "another branch than " + want.Branch, Found: got.Branch, Question: reports.InService,
			Hint: "does the route still lead to the old store? A copy that continues its branch must be declared (CutOver.SameBranch)",
		})
	}
	return j.done()
}

const cutOverKind = "cut over"

func restored(changes []fixtures.RouteChange) bool {
	for _, c := range changes {
		if c.Kind == "restore" || c.Kind == cutOverKind {
			return true
		}
	}
	return false
}

// firstCutOver and lastCutOver are on the drill's clock, whose zero is the record's start; 0 where there is none, or
// where the result cannot be a moment of this recovery.
func firstCutOver(rec *reports.Record) int64 {
	for _, c := range rec.Recovery.CutOvers {
		if c.Kind == cutOverKind {
			return cutOverNS(rec, c)
		}
	}
	return 0
}

func lastCutOver(rec *reports.Record) int64 {
	var last int64
	for _, c := range rec.Recovery.CutOvers {
		if c.Kind == cutOverKind {
			last = cutOverNS(rec, c)
		}
	}
	return last
}

func cutOverNS(rec *reports.Record, c fixtures.RouteChange) int64 {
	if rec.Started.IsZero() || c.At.IsZero() {
		return 0
	}
	ns := c.At.Sub(rec.Started).Nanoseconds()
	if ns < rec.Recovery.DeclaredNS {
		return 0
	}
	return ns
}
