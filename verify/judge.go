package verify

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/recoverydrill/gameday/reports"
)

// FindingLimit is how many findings a result keeps; [reports.CheckResult.Total] counts them all.
const FindingLimit = 20

// Names of the results that Judge adds by itself. They cannot be waived.
const (
	evidenceResult = "evidence" // the evidence could not be read, or was changed after it was hashed
	judgingResult  = "judging"  // the list of checks or waivers makes no sense
)

// Default returns the checks that every drill gets: what came back, whether it is the right store, whether it is in
// service, and whether that was quick enough.
func Default() []Check {
	return []Check{
		Preflight{}, FaultProven{}, Refusal{}, Plan{}, Contents{}, Structure{}, Constraints{}, Physical{}, Identity{}, Durability{}, Ledger{}, CutOver{}, Service{}, Objectives{},
	}
}

// Judge runs every check on the evidence. A check that panics, that covered less than it planned, that looked at
// nothing, or that shares its name with another is inconclusive, and does not stop the others. Waived checks are run and
// listed like all others; [Verdict] leaves them out. No checks at all is inconclusive.
func Judge(ctx context.Context, e *Evidence, checks []Check, waivers []reports.Waiver) []reports.CheckResult {
	var results []reports.CheckResult
	if e == nil {
		e = &Evidence{}
	}
	if len(e.Problems) > 0 {
		results = append(results, reports.CheckResult{
			Name: evidenceResult, Promise: "the evidence is complete and as it was collected",
			Findings: e.Problems, Total: len(e.Problems),
		})
	}
	seen := map[string]int{}
	for _, c := range checks {
		r := judgeOne(ctx, e, c)
		seen[r.Name]++
		results = append(results, r)
	}
	for i := range results {
		if n := seen[results[i].Name]; n > 1 || results[i].Name == "" {
			results[i] = cannotJudge(results[i], fmt.Sprintf("%d checks are named %q: a result could hide another", max(n, 1), results[i].Name))
		}
	}
	if bad := waiverProblems(seen, waivers); len(bad) > 0 || len(checks) == 0 {
		if len(checks) == 0 {
			bad = append(bad, unsure("no check was run: nothing was judged"))
		}
		results = append(results, reports.CheckResult{
			Name: judgingResult, Promise: "the checks and waivers are as the scenario meant them", Findings: bad, Total: len(bad),
		})
	}
	for i := range results {
		results[i] = noteWaiver(results[i], waivers)
		if len(results[i].Findings) > FindingLimit {
			results[i].Findings = results[i].Findings[:FindingLimit]
		}
	}
	return results
}

// Verdict combines results: the worst of those that no waiver leaves out. Nothing left is inconclusive.
func Verdict(results []reports.CheckResult, waivers []reports.Waiver) reports.Outcome {
	var all []reports.Outcome
	for _, r := range results {
		if !waived(r.Name, waivers) {
			all = append(all, r.Outcome)
		}
	}
	return reports.Worst(all...)
}

func judgeOne(ctx context.Context, e *Evidence, c Check) (r reports.CheckResult) {
	start := time.Now()
	var name, promise string
	defer func() {
		if p := recover(); p != nil {
			r = cannotJudge(r, fmt.Sprintf("the check panicked: %v", p))
		}
		r.Name, r.Promise, r.DurationMS = name, promise, time.Since(start).Milliseconds()
	}()
	name, promise = c.Name(), c.Promise()
	r = sound(c.Judge(ctx, e))
	if err := ctx.Err(); err != nil && r.Outcome == reports.Passed {
		r = cannotJudge(r, fmt.Sprintf("judging was cut short: %v", err))
	}
	return r
}

// sound holds a result to what it says of itself: a finding is never outvoted by the outcome, and an outcome without
// coverage is not passed.
func sound(r reports.CheckResult) reports.CheckResult {
	r.Total = max(r.Total, len(r.Findings))
	for _, f := range r.Findings {
		switch {
		case f.Outcome == reports.Failed:
			r.Outcome = reports.Failed
		case f.Outcome != reports.Passed && r.Outcome == reports.Passed:
			r.Outcome = reports.Inconclusive
		}
	}
	switch c := r.Covered; {
	case r.Outcome != reports.Passed && r.Outcome != reports.Failed && r.Outcome != reports.Inconclusive:
		return cannotJudge(r, fmt.Sprintf("the check returned %v, which is no outcome", r.Outcome))
	case r.Outcome != reports.Passed:
		if r.Total == 0 {
			return cannotJudge(r, "the check gave no reason")
		}
	case c.Looked <= 0:
		return cannotJudge(r, "nothing was looked at")
	case c.Looked < c.Planned:
		return cannotJudge(r, fmt.Sprintf("only %d of %d %s were looked at", c.Looked, c.Planned, c.What))
	}
	return r
}

// cannotJudge adds a reason and makes a passed result inconclusive; a failed one stays failed, but for a check whose
// word cannot be taken at all the caller has set nothing else.
func cannotJudge(r reports.CheckResult, why string) reports.CheckResult {
	if r.Outcome != reports.Failed {
		r.Outcome = reports.Inconclusive
	}
	r.Findings = append([]reports.Finding{unsure(why)}, r.Findings...)
	r.Total++
	return r
}

func waiverProblems(checks map[string]int, waivers []reports.Waiver) []reports.Finding {
	var bad []reports.Finding
	for _, w := range waivers {
		switch {
		case strings.TrimSpace(w.Reason) == "":
			bad = append(bad, unsure(fmt.Sprintf("the waiver of check %q gives no reason", w.Check)))
		case checks[w.Check] == 0:
			bad = append(bad, unsure(fmt.Sprintf("a waiver names check %q, which is not run", w.Check)))
		}
	}
	return bad
}

func waived(check string, waivers []reports.Waiver) bool {
	if check == evidenceResult || check == judgingResult {
		return false
	}
	for _, w := range waivers {
		if w.Check == check && strings.TrimSpace(w.Reason) != "" {
			return true
		}
	}
	return false
}

func noteWaiver(r reports.CheckResult, waivers []reports.Waiver) reports.CheckResult {
	if !waived(r.Name, waivers) {
		return r
	}
	for _, w := range waivers {
		if w.Check == r.Name {
			note := reports.Finding{Outcome: reports.Passed, Summary: "waived: " + w.Reason}
			r.Findings = append([]reports.Finding{note}, r.Findings...)
			r.Total++
		}
	}
	return r
}
