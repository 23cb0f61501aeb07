package verify

import (
	"context"
	"fmt"
	"slices"

	"github.com/recoverydrill/gameday/reports"
)

// Objectives holds what was reached against what was asked for. It is part of every drill, so that a report always says
// whether an objective was asked for; where none was, it passes with a note that says so, because the other checks have
// judged the recovery itself.
type Objectives struct{}

var _ Check = Objectives{}

// Name is "objectives".
func (Objectives) Name() string { return "objectives" }

// Promise is what a passed check means.
func (Objectives) Promise() string {
	return "service was back within the time, and no more was lost, than the scenario asks for"
}

// Judge measures anew, from the ledger and the series.
func (Objectives) Judge(_ context.Context, e *Evidence) reports.CheckResult {
	const what = "objectives"
	if e.Record == nil {
		return inconclusive(what, unsure("there is no record: what was asked for is not known"))
	}
	j := judging(what)
	j.res.Covered.Planned = 3
	asked := e.Record.Objective
	j.res.Questions = quickEnough(asked)
	if asked.RTOMS < 0 || asked.RPOMS < 0 || (asked.LostWrites != nil && *asked.LostWrites < 0) {
		j.unsure(unsure("an objective is negative"))
		return j.done()
	}
	if asked.RTOMS == 0 && asked.RPOMS == 0 && asked.LostWrites == nil {
		j.res.Covered.Looked = 3
		j.note(reports.Finding{Summary: "nothing was asked for: no RTO, no RPO, no limit on lost writes"})
		return j.done()
	}
	j.rto(e, asked)
	j.rpo(e, asked)
	return j.done()
}

// quickEnough is the question that a check of times answers: none where no time was asked for.
func quickEnough(asked reports.Objective) []reports.Question {
	if asked.RTOMS == 0 {
		return nil
	}
	return []reports.Question{reports.InTime}
}

// late is a time beyond its objective. On a machine that was busy all the time it is not known whose it is: the harness takes
// longer there too, between the mark and the fault as well. That disks were waited for is no excuse, for it may be the
// recovery that made them wait; and a machine that does not tell is taken for one that is not busy, or no time on it could ever
// be too long.
func (j *judgement) late(e *Evidence, f reports.Finding) {
	if e.Record.Host.Pressed < 0 {
		f.Hint += "; this machine does not tell whether it was busy"
	}
	if e.Record.Host.Pressed < crowdedFrom {
		j.fail(f)
		return
	}
	f.Summary += fmt.Sprintf(", and for %.0f %% of the time something on this machine waited for a processor: whether it is the recovery's or the machine's is not known", e.Record.Host.Pressed)
	f.Hint = "run the drill on a machine with more room, or with less at the same time"
	j.unsure(f)
}

// harnessNS is the part of an RPA that no recovery has to answer for: one that was asked to return to a mark must lose what was
// written since, and how long the drill itself looked at the store between the mark and the recovery depends on the machine.
// What was lost from before the mark is judged by the ledger, without any objective. 0 where there was no target.
func harnessNS(rec *reports.Record, r Reconciliation) int64 {
	if rec.Target == nil || rec.Recovery == nil || r.Lost == 0 {
		return 0
	}
	from, to := max(rec.Target.MonotonicNS, r.OldestLostNS), rec.Recovery.DeclaredNS
	var own int64
	for _, p := range rec.Phases {
		if slices.Contains([]string{"mark", "teeth", "break"}, p.Name) {
			own += max(0, min(p.EndNS, to)-max(p.StartNS, from))
		}
	}
	return own
}

func (j *judgement) rto(e *Evidence, asked reports.Objective) {
	if asked.RTOMS == 0 {
		j.res.Covered.Looked++
		return
	}
	ns, ok := rtaNS(e)
	if !ok {
		j.unsure(reports.Finding{
			Summary: fmt.Sprintf("an RTO of %d ms was asked for and no RTA was measured: service was not seen to be lost and to come back for good", asked.RTOMS), Question: reports.InTime,
		})
		return
	}
	j.res.Covered.Looked++
	if rta := milliseconds(ns); rta > asked.RTOMS {
		j.late(e, reports.Finding{
			Summary: fmt.Sprintf("RTA %d ms is %d ms over the RTO of %d ms", rta, rta-asked.RTOMS, asked.RTOMS), Question: reports.InTime,
			Wanted: fmt.Sprintf("%d ms", asked.RTOMS), Found: fmt.Sprintf("%d ms", rta), Hint: "the recovery's steps show where the time went",
		})
	}
}

func (j *judgement) rpo(e *Evidence, asked reports.Objective) {
	if asked.RPOMS == 0 && asked.LostWrites == nil {
		j.res.Covered.Looked += 2
		return
	}
	if e.Ops == nil || e.Rows == nil || len(e.Ops) == 0 {
		j.unsure(reports.Finding{Summary: "an objective for lost writes was asked for and no loss was measured: there is no ledger, or nobody read the rows", Question: reports.BackedUp})
		return
	}
	r := Reconcile(e.Ops, e.Rows, reconcileOptions(e))
	switch {
	case len(r.Unreadable) > 0 || r.Acknowledged == 0:
		j.unsure(reports.Finding{Summary: "an objective for lost writes was asked for and no loss was measured: the ledger holds nothing to judge by", Question: reports.BackedUp})
		return
	case effectNS(e.Record) <= 0:
		j.unsure(reports.Finding{Summary: "an objective for lost writes was asked for and the time of the fault is not known", Question: reports.BackedUp})
		return
	}
	j.res.Covered.Looked += 2
	const hint = "archive the log more often, or replicate synchronously"
	rpa, own := milliseconds(r.RPANS), milliseconds(harnessNS(e.Record, r))
	switch {
	case asked.RPOMS == 0 || rpa <= asked.RPOMS:
	case rpa-own <= asked.RPOMS:
		j.note(reports.Finding{
			Summary:  fmt.Sprintf("RPA %d ms, of which %d ms are the drill's own: it looked at the store between the mark and the recovery, and clients wrote on", rpa, own),
			Question: reports.BackedUp,
		})
	default:
		j.late(e, reports.Finding{
			Summary: fmt.Sprintf("RPA %d ms is %d ms over the RPO of %d ms", rpa, rpa-asked.RPOMS, asked.RPOMS), Question: reports.BackedUp,
			Wanted: fmt.Sprintf("%d ms", asked.RPOMS), Found: fmt.Sprintf("%d ms", rpa), Hint: hint,
		})
	}
	if asked.LostWrites != nil && r.Lost > *asked.LostWrites {
		j.fail(reports.Finding{
			Summary: fmt.Sprintf("%s gone, %d may be", plural(r.Lost, "acknowledged write"), *asked.LostWrites), Question: reports.BackedUp,
			Wanted: fmt.Sprintf("at most %d", *asked.LostWrites), Found: fmt.Sprint(r.Lost), Hint: hint,
		})
	}
}
