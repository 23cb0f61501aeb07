package verify

import (
	"context"
	"fmt"
	"slices"

	"github.com/recoverydrill/gameday/fixtures"
	"github.com/recoverydrill/gameday/fixtures/probe"
	"github.com/recoverydrill/gameday/reports"
)

// Refusal judges a recovery that had to refuse (reports.Record.MustRefuse): it said so, it moved no client, and no write
// that clients were told of is gone. That the store is as it was, [Contents], [Structure], [Identity] and [Service] judge:
// they hold it against the damaged store where the fault damaged it, against the mark where it did not. In every other
// drill the check passes: whether a refusal was right there is for [FaultProven].
type Refusal struct{}

var _ Check = Refusal{}

// Name is "refusal".
func (Refusal) Name() string { return "refusal" }

// Promise is what a passed check means.
func (Refusal) Promise() string {
	return "a recovery that had to refuse said so, sent no client elsewhere, and lost nothing"
}

// Judge reads the record and reconciles the ledger.
func (Refusal) Judge(_ context.Context, e *Evidence) reports.CheckResult {
	const what = "signs of a refusal"
	if e.Record == nil || e.Record.Recovery == nil {
		return inconclusive(what, unsure("there is no record of a recovery: whether it refused is not known"))
	}
	j := judging(what)
	if !e.Record.MustRefuse {
		j.res.Covered.Planned, j.res.Covered.Looked = 1, 1
		return j.done()
	}
	j.res.Questions = []reports.Question{reports.Plan, reports.Harmless}
	j.res.Covered.Planned = 3
	j.refused(e.Record.Recovery)
	j.lostNothing(e)
	return j.done()
}

func (j *judgement) refused(r *reports.Recovery) {
	if r.DeclaredNS <= 0 || r.EndedNS < r.DeclaredNS {
		j.unsure(reports.Finding{Summary: "no recovery was run to its end: whether it refuses is not known", Question: reports.Plan})
		return
	}
	j.res.Covered.Looked += 2
	const hint = "a command refuses by the line \"gameday: refuse REASON\" and an exit status other than 0, a function by recovery.Refuse"
	switch {
	case r.Refused != "" && (r.ExitCode != 0 || r.Error != ""):
	case r.ExitCode != 0 || r.Error != "":
		f := recoveryFailed(r, "the recovery had to refuse, and failed without saying that it does: "+r.Error)
		f.Wanted, f.Hint = "a refusal with its reason", hint
		j.fail(f)
	default:
		j.fail(reports.Finding{
			Summary: "the recovery had to refuse, and ran to its end as if all were well", Wanted: "a refusal with its reason", Found: "exit status 0",
			Question: reports.Plan, Hint: "let it look before it acts: is the service really gone, is the backup whole, does the log reach the target?",
		})
	}
	for _, c := range r.CutOvers {
		j.fail(reports.Finding{
			Summary: fmt.Sprintf("clients were sent to %s by a recovery that had to refuse (%s)", c.Target, c.Kind), Wanted: "clients left where they are",
			Found: c.Target, Question: reports.Harmless,
		})
	}
	for _, to := range r.Tried {
		j.fail(reports.Finding{
			Summary: fmt.Sprintf("a recovery that had to refuse would have sent clients to %s, and was kept from it", to), Wanted: "clients left where they are",
			Found: to, Question: reports.Harmless, Hint: "let it look before it moves anybody",
		})
	}
}

// lostNothing wants every acknowledged write to be there, whenever it was made: nothing was to be given up.
func (j *judgement) lostNothing(e *Evidence) {
	if e.Ops == nil || e.Rows == nil {
		j.unsure(unsure("there is no ledger, or nobody read traffic's tables: whether anything was lost is not known"))
		return
	}
	r := Reconcile(e.Ops, e.Rows, reconcileOptions(e))
	if len(r.Unreadable) > 0 {
		j.unsure(unsure("the ledger cannot be judged by: " + r.Unreadable[0]))
		return
	}
	j.res.Covered.Looked++
	if r.Lost > 0 {
		j.fail(reports.Finding{
			Summary: plural(r.Lost, "acknowledged write") + " gone, although the recovery had to leave everything as it was", Wanted: "none gone",
			Found: fmt.Sprint(r.Lost), Question: reports.Harmless, Hint: "what did the recovery do before it refused?",
		})
	}
}

// untouched is the evidence by which what a store holds is judged: where a recovery had to refuse and the fault had
// damaged the store, the damaged store takes the place of the mark.
func (e *Evidence) untouched() *Evidence {
	if e.Record == nil || !e.Record.MustRefuse || e.Record.Fault == nil || e.Record.Fault.ProofTotal == 0 || e.Found == nil || e.Found == e.Damaged || e.asDamaged {
		return e
	}
	if e.Record.Recovery == nil { // the proof of the damage, which compares with the mark
		return e
	}
	own := *e
	own.Baseline, own.BaseDir, own.asDamaged = e.Damaged, reports.DamagedDir, true
	return &own
}

// stillDamaged judges a table that the fault has made unreadable or taken away.
func stillDamaged(j *judgement, name string, where reports.Place, was, is fixtures.Table) {
	if was.Error == is.Error && was.Damaged == is.Damaged {
		j.note(reports.Finding{Summary: name + " is as damaged as it was: " + was.Error, Where: where})
		return
	}
	found := is.Error
	if found == "" {
		found = "readable, " + plural(is.Rows, "row")
	}
	j.fail(reports.Finding{
		Summary: name + " is not as the fault left it, although the recovery had to leave everything as it was", Where: where,
		Wanted: was.Error, Found: found, Question: reports.Harmless,
	})
}

// undisturbed judges the service of a store that was to be left alone: correct throughout where the fault took nothing
// away from clients, back after the fault was healed where it did, and at least answering where data is damaged.
func undisturbed(j *judgement, c clock, e *Evidence) {
	f, r := e.Record.Fault, e.Record.Recovery
	if c.Before < c.Needed || c.Unhealthy {
		j.unsure(reports.Finding{
			Summary: fmt.Sprintf("the service was not healthy before the fault: %s, %d are needed", plural(int64(c.Before), "correct answer"), c.Needed),
		})
	}
	if f.HealedNS > 0 {
		healed := *r
		healed.DeclaredNS, healed.EndedNS = f.HealedNS, f.HealedNS
		c.BackNS, c.Again, c.Blips, c.Unasked = 0, nil, 0, nil
		c.after(watched(e), &healed)
		back(j, c, e.Record)
		return
	}
	damaged := f.ProofTotal > 0
	series := watched(e)
	if !damaged {
		if gone, _ := outage(between(series, f.InjectNS-1, r.DeclaredNS), false); gone != nil {
			j.unsure(reports.Finding{
				Summary: fmt.Sprintf("the service was bad at %s, before the recovery began: it had something to recover from", seconds(gone.AtNS)),
				Found:   fmt.Sprintf("%s: %s", gone.Kind, gone.Error), Question: reports.InService,
			})
		}
	}
	after := between(series, r.DeclaredNS, c.EndNS)
	if len(after) < c.Needed {
		j.unsure(unsure(fmt.Sprintf("only %s came after the recovery began, %d are needed", plural(int64(len(after)), "answer"), c.Needed)))
		return
	}
	switch gone, sure := outage(after, damaged); {
	case gone == nil:
	case sure:
		j.fail(reports.Finding{
			Summary: fmt.Sprintf("clients lost service at %s, although the recovery had to leave everything as it was", seconds(gone.AtNS)),
			Wanted:  "service as before", Found: fmt.Sprintf("%s: %s", gone.Kind, gone.Error), Question: reports.Harmless,
			Hint: "what did the recovery stop, close or restart before it refused?",
		})
	default:
		j.unsure(reports.Finding{
			Summary: fmt.Sprintf("answers were late from %s on: whether the recovery disturbed the service or the machine is busy is not known", seconds(gone.AtNS)),
			Hint:    "run the drill on a machine with more room", Question: reports.InService,
		})
	}
}

// outage finds the first bad answer of a series that is no blip; where data is damaged, wrong answers are nothing new.
// sure is whether it was more than answers that came late: a failed or wrong one, or a second of late ones.
func outage(series []probe.Answer, damaged bool) (first *probe.Answer, sure bool) {
	if damaged {
		series = slices.DeleteFunc(slices.Clone(series), func(a probe.Answer) bool { return a.Kind == probe.Wrong })
	}
	var blips sparedBlips
	late := 0
	for i := 0; i < len(series); i++ {
		a := &series[i]
		if !bad(*a) {
			late = 0
			continue
		}
		if n := blip(series[i:]); n > 0 && first == nil && blips.spare(i) {
			i += n - 1
			continue
		}
		if first == nil {
			first = a
		}
		if late++; a.Kind != probe.Late || late >= lateLimit {
			return first, true
		}
	}
	return first, false
}

// lateLimit is how many late answers in a row, one every 20 ms, are an outage on a machine however busy.
const lateLimit = 50
