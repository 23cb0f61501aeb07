package verify

import (
	"context"
	"fmt"

	"github.com/recoverydrill/gameday/reports"
)

// FaultProven wants a fault that took effect and a recovery that was started after it and ended well by its own word.
// Without the first there was nothing to recover from, without the second nothing that did. How a recovery ended that had
// to refuse is for [Refusal]. Faults that were to strike during the recovery must have struck.
type FaultProven struct{}

var _ Check = FaultProven{}

// Name is "fault".
func (FaultProven) Name() string { return "fault" }

// Promise is what a passed check means.
func (FaultProven) Promise() string {
	return "the damage was seen before the recovery began, and the recovery ran to a good end"
}

// Judge reads the record.
func (FaultProven) Judge(_ context.Context, e *Evidence) reports.CheckResult {
	const what = "events"
	if e.Record == nil {
		return inconclusive(what, unsure("there is no record: whether anything was broken is not known"))
	}
	j := judging(what)
	j.res.Covered.Planned = 2
	f, r := e.Record.Fault, e.Record.Recovery
	switch {
	case f == nil:
		j.unsure(reports.Finding{Summary: "the fault took no effect: none was injected", Question: reports.Plan})
	case !f.Proven:
		j.unsure(reports.Finding{
			Summary: fmt.Sprintf("the fault took no effect: no check saw the damage of %q", f.Name), Question: reports.Plan,
			Hint: "a drill whose damage nobody sees proves nothing: check what the fault hits, and that the checks look there",
		})
	case f.InjectNS <= 0 || f.InjectedNS < f.InjectNS || (f.EffectNS != 0 && f.EffectNS < f.InjectNS):
		j.unsure(unsure("the times of the fault are missing or out of order"))
	default:
		j.res.Covered.Looked++
	}
	j.meanwhile(e.Record.Meanwhile, r)
	switch {
	case r == nil || r.DeclaredNS <= 0:
		j.unsure(reports.Finding{Summary: "no recovery was started", Question: reports.Plan})
	case f != nil && r.DeclaredNS < f.InjectNS:
		j.unsure(unsure("the recovery was started before the fault"))
	case e.Record.MustRefuse && r.EndedNS >= r.DeclaredNS: // whether it did is for the check of refusals
		j.res.Covered.Looked++
	case r.Refused != "":
		j.res.Covered.Looked++
		j.fail(recoveryFailed(r, "the recovery refused: "+r.Refused))
	case r.ExitCode != 0:
		j.res.Covered.Looked++
		j.fail(recoveryFailed(r, fmt.Sprintf("recovery command exited with %d", r.ExitCode)))
	case r.Error != "":
		j.res.Covered.Looked++
		j.fail(recoveryFailed(r, "recovery failed: "+r.Error))
	case r.EndedNS < r.DeclaredNS:
		j.unsure(unsure("the recovery never ended"))
	default:
		j.res.Covered.Looked++
	}
	return j.done()
}

// meanwhile wants every fault that was to strike during the recovery to have struck.
func (j *judgement) meanwhile(all []reports.Meanwhile, r *reports.Recovery) {
	for _, m := range all {
		j.res.Covered.Planned++
		why := ""
		switch {
		case m.Error != "":
			why = m.Error
		case m.InjectNS <= 0 || m.InjectedNS < m.InjectNS:
			why = "the moment never came"
		case !m.Proven:
			why = "its effect was not seen"
		case m.After(r):
			why = "it came when the recovery had ended"
		default:
			j.res.Covered.Looked++
			continue
		}
		j.unsure(reports.Finding{
			Summary: fmt.Sprintf("%s did not strike the recovery %s: %s", m.Name, m.At, why), Question: reports.Harmless,
			Hint: "a drill whose second fault nobody sees says nothing about it: does the recovery tell this step, and does it take that long?",
		})
	}
}

func recoveryFailed(r *reports.Recovery, summary string) reports.Finding {
	return reports.Finding{
		Summary: summary, Wanted: "exit status 0", Found: fmt.Sprintf("exit status %d %s", r.ExitCode, r.Error),
		Examples: r.OutputTail[max(0, len(r.OutputTail)-exampleLimit):], Question: reports.Plan,
		Hint: "read the recovery's output in " + reports.OutputFile,
	}
}
