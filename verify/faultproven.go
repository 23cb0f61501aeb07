package verify

import (
	"context"
	"fmt"

	"github.com/recoverydrill/gameday/reports"
)

// FaultProven wants a fault that took effect and a recovery that was started after it and ended well by its own word.
// Without the first there was nothing to recover from, without the second nothing that did.
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
	j.res.Questions = []reports.Question{reports.Plan}
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
	switch {
	case r == nil || r.DeclaredNS <= 0:
		j.unsure(reports.Finding{Summary: "no recovery was started", Question: reports.Plan})
	case f != nil && r.DeclaredNS < f.InjectNS:
		j.unsure(unsure("the recovery was started before the fault"))
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

func recoveryFailed(r *reports.Recovery, summary string) reports.Finding {
	return reports.Finding{
		Summary: summary, Wanted: "exit status 0", Found: fmt.Sprintf("exit status %d %s", r.ExitCode, r.Error),
		Examples: r.OutputTail[max(0, len(r.OutputTail)-exampleLimit):], Question: reports.Plan,
		Hint: "read the recovery's output in " + reports.OutputFile,
	}
}
