package verify

import (
	"context"
	"fmt"
	"time"

	"github.com/recoverydrill/gameday/fixtures"
	"github.com/recoverydrill/gameday/fixtures/ledger"
	"github.com/recoverydrill/gameday/fixtures/traffic"
	"github.com/recoverydrill/gameday/reports"
)

// Ledger holds what came back of traffic's tables against what clients were told: see [Reconcile]. Writes from before
// the mark must all be there; later ones may be gone as a clean tail, which [Objectives] judges; everything else that
// [Classes] lists fails.
type Ledger struct {
	// Minimum is how many writes must have been acknowledged before the mark (before the fault, where there is no
	// mark) for the result to mean something; default 50. One must also have been acknowledged after the recovery.
	Minimum int64
	// Recent is how long before the injection the last acknowledgement may lie: "nothing was lost" means little when
	// nothing was written. Default 30 s.
	Recent time.Duration
}

var _ Check = Ledger{}

// Name is "ledger".
func (Ledger) Name() string { return "ledger" }

// Promise is what a passed check means.
func (Ledger) Promise() string {
	return "every write acknowledged before the mark is there, later ones are gone only as one clean tail, and no row is stale, torn, doubled, invented or back from the dead"
}

// Judge reconciles rows and ledger.
func (l Ledger) Judge(_ context.Context, e *Evidence) reports.CheckResult {
	const what = "operations"
	switch {
	case e.Record == nil:
		return inconclusive(what, unsure("there is no record: when the drill did what is not known"))
	case e.Ops == nil:
		return inconclusive(what, unsure("there is no ledger, or it could not be read: nothing says what clients were told"))
	case e.Rows == nil:
		return inconclusive(what, unsure("nobody read traffic's tables after the recovery"))
	}
	o := reconcileOptions(e)
	r := Reconcile(e.Ops, e.Rows, o)
	j := judging(what)
	j.res.Questions = []reports.Question{reports.BackedUp, reports.Harmless}
	j.res.Covered.Planned = int64(len(e.Ops))
	if len(r.Unreadable) > 0 {
		j.unsure(reports.Finding{
			Summary: "the ledger cannot be judged by: " + r.Unreadable[0], Examples: r.Unreadable,
			Hint: "run the drill again; if it happens again, the harness itself is at fault",
		})
		return j.done()
	}
	j.res.Covered.Looked = r.Attempted
	for _, v := range r.Violations {
		j.fail(violationFinding(v, r, e.Baseline))
	}
	l.thin(j, e, r, o)
	j.unbounded(e, r)
	j.baselineAgrees(e, o)
	return j.done()
}

// thin says when there was too little traffic for the result to mean something.
func (l Ledger) thin(j *judgement, e *Evidence, r Reconciliation, o ReconcileOptions) {
	minimum, recent := l.Minimum, l.Recent
	if minimum <= 0 {
		minimum = 50
	}
	if recent <= 0 {
		recent = 30 * time.Second
	}
	before, when := r.AcknowledgedBeforeFault, "the fault"
	if o.MarkNS > 0 {
		before, when = r.AcknowledgedBeforeMark, "the mark"
	}
	const hint = "let traffic run longer before the mark and after the recovery"
	thin := func(format string, args ...any) {
		j.unsure(reports.Finding{Summary: "traffic was too thin: " + fmt.Sprintf(format, args...), Hint: hint, Question: reports.BackedUp})
	}
	if before < minimum {
		thin("%s acknowledged before %s, %d are needed", plural(before, "write"), when, minimum)
	}
	if o.AfterNS == 0 {
		thin("nothing says when the recovery ended, so no write is known to be from after it")
	} else if r.AcknowledgedAfter == 0 {
		thin("no write acknowledged after the recovery: a recovered store that takes no writes")
	}
	if f := e.Record.Fault; f != nil && r.LastAckNS > 0 && f.InjectNS-r.LastAckNS > recent.Nanoseconds() {
		thin("the last write before the fault was acknowledged %s earlier", seconds(f.InjectNS-r.LastAckNS))
	}
}

// unbounded is inconclusive about a loss of which nothing says whether it was allowed: the recovery was given no mark to
// return to, so it was to lose as little as possible, and the scenario asks for no bound either.
func (j *judgement) unbounded(e *Evidence, r Reconciliation) {
	if asked := e.Record.Objective; r.Lost > 0 && e.Record.Target == nil && asked.RPOMS <= 0 && asked.LostWrites == nil {
		j.unsure(reports.Finding{
			Summary: fmt.Sprintf("%s gone, and neither a mark nor an objective says how many may be", plural(r.Lost, "acknowledged write")),
			Hint:    "give the recovery a mark to return to, or the scenario an objective for lost writes",
		})
	}
}

// baselineAgrees holds the manifest of the mark against the ledger: it must have held as many operations as clients had
// been told of, give or take those of unknown outcome. Otherwise it is not of that moment, or not of that store.
func (j *judgement) baselineAgrees(e *Evidence, o ReconcileOptions) {
	table := trafficTable(e.Baseline, traffic.TableOp)
	if table == nil || table.Error != "" || o.MarkNS == 0 {
		return
	}
	var least, most int64
	for _, op := range e.Ops {
		switch {
		case op.Outcome == ledger.Acknowledged && op.ReturnNS <= o.MarkNS:
			least, most = least+1, most+1
		case op.Outcome != ledger.Refused && op.InvokeNS <= o.MarkNS:
			most++
		}
	}
	if table.Rows < least || table.Rows > most {
		j.unsure(reports.Finding{
			Summary: fmt.Sprintf("the manifest of the mark holds %s and the ledger %d to %d: they are not of the same moment", plural(table.Rows, "operation"), least, most),
			Hint:    "the manifest must be taken at the mark, with traffic held",
		})
	}
}

// reconcileOptions takes the moments from the record and the probe's series.
func reconcileOptions(e *Evidence) ReconcileOptions {
	o := ReconcileOptions{FaultNS: effectNS(e.Record)}
	if m := baselineMark(e); m != nil {
		o.MarkNS = m.MonotonicNS
	}
	if r := e.Record.Recovery; r != nil {
		o.DeclaredNS, o.CutNS = r.DeclaredNS, firstCutOver(e.Record)
		if o.CutNS > 0 { // dated after the fact, when clients may have reached the new store already
			o.CutNS = max(r.DeclaredNS, o.CutNS-cutOverSlackNS)
		}
		o.AfterNS = max(r.EndedNS, lastCutOver(e.Record))
		if last := lastCutOver(e.Record); last > 0 {
			o.TakenNS = last + cutOverSlackNS
		}
		if back := readClock(e).BackNS; r.EndedNS > 0 && back > 0 {
			o.AfterNS = max(o.AfterNS, back)
		}
	}
	return o
}

// cutOverSlackNS is how much earlier or later than its effect a cut-over may be dated. What survived of it is judged by the looser
// half of the clean cut.
const cutOverSlackNS = 1_000_000_000

// effectNS is the fault's first effect; without a date of its own it is the injection. 0 without a fault.
func effectNS(rec *reports.Record) int64 {
	if rec == nil || rec.Fault == nil {
		return 0
	}
	f := rec.Fault
	for _, ns := range []int64{f.EffectNS, f.InjectedNS} {
		if ns > 0 {
			return ns
		}
	}
	return f.InjectNS
}

// trafficTable finds one of traffic's tables in a manifest.
func trafficTable(m *fixtures.Manifest, name string) *fixtures.Table {
	if m == nil {
		return nil
	}
	for i := range m.Databases {
		for k := range m.Databases[i].Tables {
			if t := &m.Databases[i].Tables[k]; t.Class == fixtures.Traffic && (t.Name == name || t.Name == traffic.TablePrefix+name) {
				return t
			}
		}
	}
	return nil
}

// trafficDatabase is the database in which traffic's tables lie.
func trafficDatabase(m *fixtures.Manifest) string {
	if m == nil {
		return ""
	}
	for _, db := range m.Databases {
		for _, t := range db.Tables {
			if t.Class == fixtures.Traffic {
				return db.Name
			}
		}
	}
	return ""
}

// trafficName is the full name of one of traffic's tables in the store that a manifest is of.
func trafficName(m *fixtures.Manifest, table string) string {
	if t := trafficTable(m, table); t != nil {
		return t.FullName()
	}
	return "gameday." + table
}

// violationHints say what to look for.
var violationHints = map[Class]string{
	LostBefore:     "the recovery ended too early, or began with too old a backup: hold the position it reached against the mark's",
	LostAfter:      "the recovered store forgets what it acknowledges, or clients still reach the old one: look at its durability settings and at the old server",
	Hole:           "the log was not replayed in one piece, or two states were merged: look for a segment that was skipped",
	Torn:           "tables came from different moments: restore all of them from one backup and one log",
	Stale:          "some tables or rows are older than others: restore all of them from one backup and one log",
	Resurrected:    "a restore put back what had been deleted: look for a load over existing tables",
	Duplicated:     "something was loaded twice, and the key that forbids it is gone",
	AbortedVisible: "transactions that were rolled back are visible: the commit log is damaged or was reset",
	Unexpected:     "these rows are from another store or another branch of history",
	Future:         "these rows are from another branch of history",
	Corrupt:        "the values were changed on their way: look at the encoding, at conversions and at the disk",
}

// violationSummaries follow a number of rows or writes.
var violationSummaries = map[Class]string{
	LostBefore:     "acknowledged before the mark and gone",
	LostAfter:      "acknowledged by the recovered store and gone",
	Hole:           "survived although something older is lost: the loss is not one clean cut",
	Torn:           "of transactions whose other rows fared differently",
	Stale:          "older than the last version that survived",
	Resurrected:    "back that had been deleted",
	Duplicated:     "found more than once",
	AbortedVisible: "visible that the server had refused",
	Unexpected:     "that nobody ever wrote",
	Future:         "with a version that nobody ever wrote",
	Corrupt:        "with changed values: what they hold does not fit their MAC",
}

func violationFinding(v Violation, r Reconciliation, base *fixtures.Manifest) reports.Finding {
	noun := "row"
	f := reports.Finding{
		Where: reports.Place{Database: trafficDatabase(base), Keys: v.Keys}, Examples: v.Examples, Question: reports.Harmless,
		Hint: violationHints[v.Class], Wanted: "none", Found: fmt.Sprint(v.Total),
	}
	switch v.Class {
	case LostBefore:
		noun, f.Question = "write", reports.BackedUp
		f.Wanted = plural(r.AcknowledgedBeforeMark, "write")
		f.Found = plural(r.AcknowledgedBeforeMark-r.LostBeforeMark, "write")
	case LostAfter, Hole:
		noun = "write"
	}
	if v.Table != "" {
		f.Where.Table = trafficName(base, v.Table)
	}
	f.Summary = fmt.Sprintf("%s %s", plural(v.Total, noun), violationSummaries[v.Class])
	return f
}
