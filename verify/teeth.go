package verify

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"github.com/recoverydrill/gameday/fixtures"
	"github.com/recoverydrill/gameday/reports"
)

// Toothed is an optional ability of a check: it says how to make evidence wrong so that the check must notice. A check
// that can never fail is worse than none, and nothing but this shows which one it is. The checks of this package need no
// such method; one of a team's own that has none is listed as not tested.
type Toothed interface {
	// Spoil changes a copy of evidence by which the check has passed, and says in a few words what it changed. ok is false
	// where this evidence gives no occasion.
	Spoil(e *Evidence) (what string, ok bool)
}

// ScratchTeeth holds the changes that were tried on scratch tables against the checks that look at rows and structure:
// "contents" must notice every change of rows, "structure" every one of structure. Where a drill has neither of them, any
// other check that sees damage (see [Damage]) must. None may find a difference where nothing was changed.
func ScratchTeeth(ctx context.Context, s *fixtures.Scratch, checks []Check) *reports.Bite {
	start := time.Now()
	b := &reports.Bite{Untested: s.LeftOut}
	for _, structure := range []bool{false, true} {
		kind := map[bool]string{false: "rows", true: "structure"}[structure]
		jury := jurors(checks, structure)
		if len(jury) == 0 {
			b.Untested = append(b.Untested, "no check of this drill looks at "+kind)
			continue
		}
		for _, c := range jury {
			if r := judgeOne(ctx, scratchEvidence(s, s.Twin), c); r.Outcome != reports.Passed {
				b.Error = fmt.Sprintf("where nothing was changed, check %q says: %s", r.Name, firstSummary(r))
			}
		}
		for _, t := range s.Trials {
			if t.Structure != structure {
				continue
			}
			b.Tried++
			noticed := true
			for _, c := range jury {
				r := judgeOne(ctx, scratchEvidence(s, t.Found), c)
				if !slices.ContainsFunc(r.Findings, func(f reports.Finding) bool { return f.Outcome == reports.Failed }) {
					b.Blunt, noticed = append(b.Blunt, blunt(c.Name(), t.What+" (on a scratch table)")), false
				}
			}
			if noticed {
				b.Noticed++
			}
		}
	}
	b.Blunt = b.Blunt[:min(len(b.Blunt), FindingLimit)]
	if ctx.Err() != nil {
		b.Error = fmt.Sprintf("it was cut short: %v", context.Cause(ctx))
	}
	b.DurationMS = time.Since(start).Milliseconds()
	return b
}

// LooksAtStore says whether any of the checks could notice a change on a scratch table.
func LooksAtStore(checks []Check) bool {
	return len(jurors(checks, false))+len(jurors(checks, true)) > 0
}

func scratchEvidence(s *fixtures.Scratch, found *fixtures.Manifest) *Evidence {
	return &Evidence{Baseline: s.Before, Found: found}
}

// jurors are the checks that must notice a change. A tolerance is for what a recovery may change, not for what is tried.
func jurors(checks []Check, structure bool) []Check {
	name := map[bool]string{false: Contents{}.Name(), true: Structure{}.Name()}[structure]
	var named, others []Check
	for _, c := range checks {
		if s, ok := c.(Structure); ok {
			s.Allow = nil
			c = s
		}
		d, sees := c.(Damage)
		switch {
		case c.Name() == name:
			named = append(named, c)
		case c.Name() != (Contents{}).Name() && c.Name() != (Structure{}).Name() && sees && d.SeesDamage():
			others = append(others, c)
		}
	}
	if len(named) > 0 {
		return named
	}
	return others
}

func blunt(check, change string) reports.Finding {
	return reports.Finding{
		Outcome: reports.Inconclusive, Summary: fmt.Sprintf("check %q is blunt: it did not notice %s", check, change),
		Wanted: "the check fails, or cannot tell", Found: "it passes",
		Hint: "nothing that this check says can be relied on: repair the check, or the survey that it looks through, and run the drill again",
	}
}

// EvidenceTeeth spoils copies of evidence by which the checks have passed, for each check in the ways that it must notice,
// and judges each copy again. results are what the checks have said; waived ones are left out.
func EvidenceTeeth(ctx context.Context, e *Evidence, checks []Check, results []reports.CheckResult, waivers []reports.Waiver) *reports.Bite {
	start := time.Now()
	b := &reports.Bite{}
	for _, c := range checks {
		name := c.Name()
		passed := slices.ContainsFunc(results, func(r reports.CheckResult) bool { return r.Name == name && r.Outcome == reports.Passed })
		if waived(name, waivers) || !passed {
			continue
		}
		tried := false
		for _, s := range spoilsOf(c) {
			spoiled, err := e.copied()
			if err != nil {
				b.Error = err.Error()
				break
			}
			what, ok := s(spoiled)
			if !ok {
				continue
			}
			tried = true
			b.Tried++
			if r := judgeOne(ctx, spoiled, c); r.Outcome == reports.Passed {
				b.Blunt = append(b.Blunt, blunt(name, what+" (in a copy of the evidence)"))
				continue
			}
			b.Noticed++
		}
		if !tried {
			b.Untested = append(b.Untested, fmt.Sprintf("check %q: nobody says how to spoil this evidence for it", name))
		}
	}
	if ctx.Err() != nil {
		b.Error = fmt.Sprintf("it was cut short: %v", context.Cause(ctx))
	}
	b.DurationMS = time.Since(start).Milliseconds()
	return b
}

// spoilsOf are the ways to spoil evidence that a check must notice: its own, else those of the check of that name.
func spoilsOf(c Check) []spoil {
	if t, ok := c.(Toothed); ok {
		return []spoil{func(e *Evidence) (what string, ok bool) {
			defer func() {
				if p := recover(); p != nil {
					what, ok = fmt.Sprintf("evidence that its own Spoil panicked on: %v", p), true // and was not noticed, then
				}
			}()
			return t.Spoil(e)
		}}
	}
	return spoils[c.Name()]
}

// copied is evidence that can be changed without changing this one. Tables' buckets and rows' texts are shared: they are
// replaced, never written to.
func (e *Evidence) copied() (*Evidence, error) {
	own := *e
	own.Ops, own.Rows, own.Probe, own.After = slices.Clone(e.Ops), slices.Clone(e.Rows), slices.Clone(e.Probe), slices.Clone(e.After)
	own.Baseline, own.Found = copiedManifest(e.Baseline), copiedManifest(e.Found)
	if e.Found != nil && e.Found == e.Damaged {
		own.Damaged = own.Found
	}
	own.Extra = map[string][]byte{}
	for name, data := range e.Extra {
		own.Extra[name] = slices.Clone(data)
	}
	if e.Record != nil {
		b, err := json.Marshal(e.Record)
		if err != nil {
			return nil, fmt.Errorf("copy the record: %w", err)
		}
		own.Record = new(reports.Record)
		if err := json.Unmarshal(b, own.Record); err != nil {
			return nil, fmt.Errorf("copy the record: %w", err)
		}
	}
	return &own, nil
}

func copiedManifest(m *fixtures.Manifest) *fixtures.Manifest {
	if m == nil {
		return nil
	}
	own := *m
	own.Objects, own.Databases = slices.Clone(m.Objects), slices.Clone(m.Databases)
	for i := range own.Databases {
		d := &own.Databases[i]
		d.Tables, d.Objects = slices.Clone(d.Tables), slices.Clone(d.Objects)
	}
	return &own
}

// teethResult is the name of the result that blunt checks add. It cannot be waived.
const teethResult = "teeth"

// Teeth finishes a verdict: where the results would make the drill pass, the checks must notice spoiled evidence as well
// as they noticed the changes on scratch tables. It fills the record's teeth, and returns the results, with one more if
// there is a doubt. A record without teeth, of a drill from before there were any, gets those of its evidence.
func Teeth(ctx context.Context, e *Evidence, rec *reports.Record, checks []Check, results []reports.CheckResult) []reports.CheckResult {
	teeth := reports.Teeth{NoScratch: "the drill is from before there were any"}
	if rec.Teeth != nil {
		teeth = *rec.Teeth
	}
	teeth.Evidence = nil
	results = slices.DeleteFunc(slices.Clone(results), func(r reports.CheckResult) bool { return r.Name == teethResult })
	rec.Teeth = &teeth
	if Verdict(results, rec.Waivers) != reports.Passed {
		return results
	}
	teeth.Evidence = EvidenceTeeth(ctx, e, checks, results, rec.Waivers)
	doubt := teeth.Doubt()
	if doubt == "" {
		return results
	}
	r := reports.CheckResult{
		Name: teethResult, Promise: "the checks notice a change when there is one", Covered: reports.Coverage{What: "changes"},
		Questions: []reports.Question{reports.Plan},
	}
	for _, b := range []*reports.Bite{teeth.Scratch, teeth.Evidence} {
		if b != nil {
			r.Covered.Planned, r.Covered.Looked = r.Covered.Planned+int64(b.Tried), r.Covered.Looked+int64(b.Noticed)
			r.Findings, r.DurationMS = append(r.Findings, b.Blunt...), r.DurationMS+b.DurationMS
		}
	}
	if len(r.Findings) == 0 {
		r.Findings = []reports.Finding{unsure(doubt)}
	}
	r.Total = len(r.Findings)
	r.Findings = r.Findings[:min(r.Total, FindingLimit)]
	return append(results, r)
}
