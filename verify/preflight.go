package verify

import (
	"cmp"
	"context"
	"fmt"
	"strings"

	"github.com/recoverydrill/gameday/reports"
)

// Preflight holds what a recovery said that it needs against what came of it. A need that was not met is the reason to give
// first when the recovery failed; if it succeeded all the same, the prediction was wrong, which is a note. So is a
// prediction of disk or memory that is off by more than a factor of two from what was used.
type Preflight struct{}

var _ Check = Preflight{}

// Name is "preflight".
func (Preflight) Name() string { return "preflight" }

// Promise is what a passed check means.
func (Preflight) Promise() string {
	return "a recovery that says what it needs found all of it, or managed without"
}

// Judge reads the record.
func (Preflight) Judge(_ context.Context, e *Evidence) reports.CheckResult {
	const what = "needs"
	if e.Record == nil || e.Record.Recovery == nil {
		return inconclusive(what, unsure("there is no record of a recovery: what it needed is not known"))
	}
	j := judging(what)
	r := e.Record.Recovery
	p := r.Preflight
	if p == nil {
		j.res.Covered.Planned, j.res.Covered.Looked = 1, 1
		j.note(reports.Finding{Summary: "the recovery does not say what it needs: that it had it is known only from its end"})
		return j.done()
	}
	j.res.Questions = []reports.Question{reports.Capacity}
	j.res.Covered.Planned = int64(max(1, len(p.Needs)))
	switch {
	case p.Refused != "":
		j.res.Covered.Looked = j.res.Covered.Planned
		if r.Refused == "" {
			j.fail(reports.Finding{
				Summary: "the recovery refused when it was asked what it needs, and went on when it was run", Wanted: "refused: " + p.Refused, Found: "it was run to its end or failed", Question: reports.Capacity,
			})
		}
		return j.done()
	case p.Error != "" || len(p.Needs) == 0:
		j.unsure(reports.Finding{
			Summary: "the recovery could not say what it needs: " + cmp.Or(p.Error, "it lists nothing"), Question: reports.Capacity,
			Hint: "read what it printed in " + reports.PreflightFile,
		})
		return j.done()
	}
	j.res.Covered.Looked = j.res.Covered.Planned
	for _, n := range p.Needs {
		switch {
		case n.Met:
			j.predicted(n, r.Usage)
		case r.Refused != "" && e.Record.MustRefuse:
			j.note(reports.Finding{Summary: "it missed what it needs, and refused: " + needText(n), Question: reports.Capacity})
		case r.Refused != "" || r.Error != "" || r.ExitCode != 0:
			j.fail(reports.Finding{
				Summary: "the recovery missed what it needs, and failed: " + needText(n), Where: reports.Place{Node: nodeOf(n.Where, r.Usage)}, Question: reports.Capacity,
				Wanted: amount(n, n.NeededBytes), Found: cmp.Or(amount(n, n.AvailableBytes), "missing"), Hint: "provide it, and let the preflight be asked before anybody needs the recovery",
			})
		default:
			j.note(reports.Finding{Summary: "wrong prediction: it said that it misses what it needs, and succeeded: " + needText(n), Question: reports.Capacity})
		}
	}
	return j.done()
}

func needText(n reports.Need) string {
	return strings.TrimSuffix(fmt.Sprintf("%s at %s: %s", n.Resource, n.Where, n.Detail), ": ")
}

// amount is "" for a need that has none.
func amount(n reports.Need, bytes int64) string {
	if n.NeededBytes <= 0 {
		return ""
	}
	return fmt.Sprintf("%d bytes of %s", bytes, n.Resource)
}

// nodeOf is the node that a need is about: WHERE is its name, or begins with it and a colon. A path means the only node of
// a system that has no other.
func nodeOf(where string, all []reports.NodeUsage) string {
	name, _, _ := strings.Cut(where, ":")
	only, others := "", 0
	for _, u := range all {
		switch {
		case u.Node == name:
			return name
		case u.Node != reports.HostUsage:
			only = u.Node
			others++
		}
	}
	if strings.HasPrefix(where, "/") && others == 1 {
		return only
	}
	return ""
}

// predicted notes a need whose amount was far from what was used. Where nobody measured, there is nothing to compare.
func (j *judgement) predicted(n reports.Need, usage []reports.NodeUsage) {
	node := nodeOf(n.Where, usage)
	for _, u := range usage {
		used := int64(-1)
		switch {
		case u.Node != node || node == "" || u.Unmeasured != "":
		case n.Resource == "disk":
			used = u.DiskGrowthBytes
		case n.Resource == "memory":
			used = u.PeakMemoryBytes
		}
		if used <= 0 || n.NeededBytes <= 0 || (used <= 2*n.NeededBytes && n.NeededBytes <= 2*used) {
			continue
		}
		j.note(reports.Finding{
			Summary: fmt.Sprintf("the prediction of %s at %s was off by a factor of %.1f", n.Resource, n.Where, factor(used, n.NeededBytes)),
			Wanted:  fmt.Sprintf("%d bytes, as it said", n.NeededBytes), Found: fmt.Sprintf("%d bytes used", used), Question: reports.Capacity,
		})
	}
}

func factor(a, b int64) float64 {
	if a < b {
		a, b = b, a
	}
	return float64(a) / float64(b)
}
