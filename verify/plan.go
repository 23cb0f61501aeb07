package verify

import (
	"cmp"
	"context"
	"fmt"
	"strings"

	"github.com/recoverydrill/gameday/reports"
)

// Plan holds what a recovery did against what it said that it would do: the same steps, in the same order. One that
// refused or failed must have kept to the beginning of its plan. Of a recovery that has no plan only the steps that it told
// are known; the check then passes and says so, unless the scenario pins a plan.
type Plan struct{}

var _ Check = Plan{}

// Name is "plan".
func (Plan) Name() string { return "plan" }

// Promise is what a passed check means.
func (Plan) Promise() string {
	return "a recovery that has a plan did the steps of it, in their order, and no others; and the plan is the one that was agreed on, where one was"
}

// Judge reads the record.
func (Plan) Judge(_ context.Context, e *Evidence) reports.CheckResult {
	const what = "steps"
	if e.Record == nil || e.Record.Recovery == nil {
		return inconclusive(what, unsure("there is no record of a recovery: what it did is not known"))
	}
	j := judging(what)
	r, pinned := e.Record.Recovery, e.Record.PlanDigest
	p := r.Plan
	if p == nil {
		j.res.Covered.Planned, j.res.Covered.Looked = 1, 1
		if pinned != "" {
			j.fail(reports.Finding{
				Summary: "the scenario pins a plan, and the recovery has none", Wanted: pinned, Found: "no plan", Question: reports.Plan,
				Hint: "let the recovery tell its plan (recovery.Planner, or WithPlan for a command)",
			})
			return j.done()
		}
		j.note(reports.Finding{Summary: fmt.Sprintf("the recovery tells no plan: what it does is known only from the %s that it told while it ran", plural(int64(len(r.Steps)), "step"))})
		return j.done()
	}
	j.res.Questions = []reports.Question{reports.Plan}
	j.res.Covered.Planned = int64(max(1, len(p.Steps)))
	switch {
	case p.Refused != "":
		j.res.Covered.Looked = j.res.Covered.Planned
		if r.Refused == "" {
			j.fail(reports.Finding{
				Summary: "the recovery refused when it was asked for its plan, and went on when it was run", Wanted: "refused: " + p.Refused, Found: "it was run to its end or failed", Question: reports.Plan,
			})
		}
		return j.done()
	case p.Error != "" || len(p.Steps) == 0:
		j.unsure(reports.Finding{
			Summary: "the recovery could not say what it would do: " + cmp.Or(p.Error, "its plan has no steps"), Question: reports.Plan,
			Hint: "read what it printed in " + reports.PlanFile,
		})
		return j.done()
	}
	j.res.Covered.Looked = j.res.Covered.Planned
	if pinned != "" && pinned != p.Digest {
		j.fail(reports.Finding{
			Summary: "the plan is not the one that was agreed on", Wanted: pinned, Found: p.Digest, Examples: planLines(p), Question: reports.Plan,
			Hint: "read the new plan, and pin its digest (Scenario.PlanDigest) if it is what you want",
		})
	}
	j.kept(p, r)
	return j.done()
}

// kept compares the steps that were told with those that were planned.
func (j *judgement) kept(p *reports.RecoveryPlan, r *reports.Recovery) {
	const hint = "the steps of the plan must have the names that are told when they begin; what is done only sometimes is a step that does nothing the other times"
	whole := r.Error == "" && r.ExitCode == 0 && r.Refused == ""
	for i := range max(len(p.Steps), len(r.Steps)) {
		f := reports.Finding{Question: reports.Plan, Hint: hint}
		switch {
		case i >= len(r.Steps) && !whole:
			return // it got no further
		case i >= len(r.Steps):
			f.Summary = fmt.Sprintf("step %d of the plan was not done: %q", i+1, p.Steps[i].Name)
			f.Wanted, f.Found = p.Steps[i].Name, "no further step"
		case i >= len(p.Steps):
			f.Summary = fmt.Sprintf("step %d is not in the plan: %q", i+1, r.Steps[i].Name)
			f.Wanted, f.Found = "no further step", r.Steps[i].Name
		case p.Steps[i].Name != r.Steps[i].Name:
			f.Summary = fmt.Sprintf("step %d was %q, the plan says %q", i+1, r.Steps[i].Name, p.Steps[i].Name)
			f.Wanted, f.Found = p.Steps[i].Name, r.Steps[i].Name
		default:
			continue
		}
		f.Examples = planLines(p)
		j.fail(f)
		return // the rest follows from it
	}
}

func planLines(p *reports.RecoveryPlan) []string {
	var lines []string
	for i, s := range p.Steps {
		lines = append(lines, strings.TrimSuffix(fmt.Sprintf("%d. %s: %s", i+1, s.Name, s.Does), ": "))
	}
	return lines[:min(len(lines), exampleLimit)]
}
