package verify

import (
	"context"
	"encoding/json"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/recoverydrill/gameday/fixtures"
	"github.com/recoverydrill/gameday/reports"
)

// plots are good drills of every kind.
var plots = map[string]plot{
	"to a mark": {}, "as little lost as possible": {noTarget: true, recoverTo: 13 * second}, "beside": {beside: true},
	"a refusal on a sound store": {refuse: "healthy"}, "a refusal on a damaged store": {refuse: "damaged"},
}

// withTeeth judges evidence as a drill does.
func withTeeth(e *Evidence, checks []Check) *reports.Record {
	rec := *e.Record
	own := *e
	own.Record = &rec
	rec.Teeth = &reports.Teeth{NoScratch: "a test"}
	rec.Checks = Teeth(context.Background(), &own, &rec, checks, Judge(context.Background(), &own, checks, rec.Waivers))
	rec.Outcome = Verdict(rec.Checks, rec.Waivers)
	rec.Finished = rec.Started.Add(1)
	return &rec
}

// TestEvidenceTeeth: of a good drill each check notices what it must, and the evidence itself is not changed by it.
func TestEvidenceTeeth(t *testing.T) {
	for name, p := range plots {
		t.Run(name, func(t *testing.T) {
			e := newScene(t, p).build()
			before := copiedForComparison(t, e)
			rec := withTeeth(e, Default())
			b := rec.Teeth.Evidence
			if rec.Outcome != reports.Passed || b == nil {
				t.Fatalf("outcome %s, teeth %+v%s", rec.Outcome, b, describeResults(rec.Checks))
			}
			if len(b.Blunt) > 0 || b.Noticed != b.Tried || b.Tried < 18 || b.Error != "" {
				t.Errorf("%d of %d noticed, %q, blunt %+v", b.Noticed, b.Tried, b.Error, b.Blunt)
			}
			for _, u := range b.Untested {
				unasked := p.refuse == "damaged" && (strings.Contains(u, `"constraints"`) || strings.Contains(u, `"physical"`)) // of a store that was to be left so
				if !unasked && (!strings.Contains(u, `"refusal"`) || p.refuse != "") {
					t.Errorf("not tested: %s", u)
				}
			}
			if after := copiedForComparison(t, e); !reflect.DeepEqual(before, after) {
				t.Error("the evidence was changed by spoiling copies of it")
			}
			if outcome, why := reports.Verdict(rec); outcome != reports.Passed {
				t.Errorf("%s: %s", outcome, why)
			}
			t.Log(rec.Teeth)
		})
	}
}

func copiedForComparison(t *testing.T, e *Evidence) string {
	t.Helper()
	b, err := json.Marshal([]any{e.Record, e.Baseline, e.Found, e.Ops, e.Rows, e.Probe, e.After})
	must(t, err)
	return string(b)
}

// never is a check of a team's own that cannot fail, as the one of Jepsen that compared a value with 1 that was always
// more.
type never struct{ Check }

func (n never) Judge(ctx context.Context, e *Evidence) reports.CheckResult {
	r := n.Check.Judge(ctx, e)
	r.Outcome, r.Findings, r.Total = reports.Passed, nil, 0
	r.Covered.Planned, r.Covered.Looked = 1, 1
	return r
}

// TestBluntChecksAreFound: each of the default checks is put out of action, and the drill cannot pass any more; the finding
// names the check.
func TestBluntChecksAreFound(t *testing.T) {
	for i, c := range Default() {
		t.Run(c.Name(), func(t *testing.T) {
			p := plot{}
			if c.Name() == "refusal" {
				p.refuse = "healthy"
			}
			checks := Default()
			checks[i] = never{c}
			rec := withTeeth(newScene(t, p).build(), checks)
			if rec.Outcome != reports.Inconclusive || !slices.ContainsFunc(rec.Checks, func(r reports.CheckResult) bool {
				return r.Name == teethResult && strings.Contains(r.Findings[0].Summary, `check "`+c.Name()+`" is blunt`)
			}) {
				t.Errorf("outcome %s%s", rec.Outcome, describeResults(rec.Checks))
			}
			rec.Checks = slices.DeleteFunc(rec.Checks, func(r reports.CheckResult) bool { return r.Name == teethResult })
			rec.Outcome = reports.Passed
			if outcome, why := reports.Verdict(rec); outcome != reports.Inconclusive || !strings.Contains(why, "blunt") {
				t.Errorf("a record that calls itself passed: %s: %s", outcome, why)
			}
		})
	}
}

// own is a check of a team's own.
type own struct{ good, says bool }

func (own) Name() string    { return "own" }
func (own) Promise() string { return "the own thing holds" }
func (o own) Judge(_ context.Context, e *Evidence) reports.CheckResult {
	j := judging("things")
	j.res.Covered.Planned, j.res.Covered.Looked = 1, 1
	if o.good && string(e.Extra["own"]) != "fine" {
		j.fail(reports.Finding{Summary: "it is not fine"})
	}
	return j.done()
}

type ownToothed struct{ own }

func (o ownToothed) Spoil(e *Evidence) (string, bool) {
	e.Extra["own"] = []byte("broken")
	return "a broken thing", o.says
}

func TestTeethOfATeamsOwnCheck(t *testing.T) {
	for name, c := range map[string]struct {
		check    Check
		outcome  reports.Outcome
		untested bool
	}{
		"sharp":          {ownToothed{own{good: true, says: true}}, reports.Passed, false},
		"blunt":          {ownToothed{own{says: true}}, reports.Inconclusive, false},
		"says nothing":   {own{good: true}, reports.Passed, true},
		"no opportunity": {ownToothed{own{good: true}}, reports.Passed, true},
	} {
		t.Run(name, func(t *testing.T) {
			e := newScene(t, plot{}).build()
			e.Extra["own"] = []byte("fine")
			rec := withTeeth(e, append(Default(), c.check))
			untested := slices.ContainsFunc(rec.Teeth.Evidence.Untested, func(s string) bool { return strings.Contains(s, `"own"`) })
			if rec.Outcome != c.outcome || untested != c.untested {
				t.Errorf("outcome %s, untested %q%s", rec.Outcome, rec.Teeth.Evidence.Untested, describeResults(rec.Checks))
			}
			if string(e.Extra["own"]) != "fine" {
				t.Error("the evidence itself was spoiled")
			}
		})
	}
}

// TestTeethOfCollectingChecks: the checks that ask the store themselves are spoiled through what they collected.
func TestTeethOfCollectingChecks(t *testing.T) {
	e := newScene(t, plot{}).build()
	primary, standby := *e.Found, *copiedManifest(e.Found)
	put := func(name string, v any) {
		b, err := json.Marshal(v)
		must(t, err)
		if e.Extra == nil {
			e.Extra = map[string][]byte{}
		}
		e.Extra[name] = b
	}
	put("replicas", replicas{Primary: &primary, Standbys: []replica{{Node: "standby-1", Manifest: &standby, Writes: &fenced{Refused: "read only"}}}})
	put("archive", archived{Files: []string{"000000010000000000000001", "000000010000000000000002", "000000010000000000000003"}})
	put("fenced", []fenced{{Node: "primary", Serving: true, Accepted: true}, {Node: "standby-1", Refused: "read only"}})
	checks := []Check{Replicas{}, Archive{}, Fenced{}}
	if rec := withTeeth(e, checks); rec.Outcome != reports.Passed || rec.Teeth.Evidence.Tried != 6 || len(rec.Teeth.Evidence.Untested) > 0 {
		t.Errorf("outcome %s, %+v%s", rec.Outcome, rec.Teeth.Evidence, describeResults(rec.Checks))
	}
	for i, c := range checks {
		blunted := slices.Clone(checks)
		blunted[i] = never{c}
		if rec := withTeeth(e, blunted); rec.Outcome != reports.Inconclusive {
			t.Errorf("%s: outcome %s", c.Name(), rec.Outcome)
		}
	}
}

// TestTeethAreOnlyForPassedDrills: a drill that did not pass has shown its teeth.
func TestTeethAreOnlyForPassedDrills(t *testing.T) {
	s := newScene(t, plot{})
	s.found.table("payments").cells[5][1] = "0"
	if rec := withTeeth(s.build(), Default()); rec.Outcome != reports.Failed || rec.Teeth.Evidence != nil {
		t.Errorf("outcome %s, teeth %+v", rec.Outcome, rec.Teeth)
	}
}

// scratched is a scratch area with one change of rows and one of structure, as an engine that surveys well reports them.
func scratched(edit func(s *fixtures.Scratch)) *fixtures.Scratch {
	manifest := func(at int, digest uint64, definition string) *fixtures.Manifest {
		return &fixtures.Manifest{
			SchemaVersion: fixtures.ManifestSchema, Encoding: "test/1", Nonce: "c0ffee", Engine: "postgres",
			Taken: record(plot{}).Started.Add(1000*1000*1000*0).AddDate(0, 0, at),
			Databases: []fixtures.Database{{
				Name: "shop",
				Tables: []fixtures.Table{{
					Schema: "scratch", Name: "t", Kind: "table", Class: fixtures.Fixed, Rows: 3, Digest: fixtures.Digest{Lo: digest},
					Columns: []fixtures.Column{{Name: "id", Type: "bigint"}},
				}},
				Objects: []fixtures.Object{{Kind: "index", Name: "scratch.t.i", Definition: definition}},
			}},
		}
	}
	s := &fixtures.Scratch{
		Before: manifest(0, 7, "on (a)"), Twin: manifest(1, 7, "on (a)"),
		Trials: []fixtures.Trial{
			{What: "t.id (bigint) of one row changed", Found: manifest(2, 8, "on (a)")},
			{What: "an index dropped", Structure: true, Found: manifest(3, 7, "on (b)")},
		},
	}
	if edit != nil {
		edit(s)
	}
	return s
}

// TestScratchTeeth: a survey that does not see a change, or a check that looks at none, is found; so is a check that always
// finds something, which would notice everything and tell nothing.
func TestScratchTeeth(t *testing.T) {
	blindSurvey := func(i int) func(*fixtures.Scratch) {
		return func(s *fixtures.Scratch) { s.Trials[i].Found.Databases = s.Before.Databases }
	}
	for name, c := range map[string]struct {
		scratch *fixtures.Scratch
		checks  []Check
		noticed int
		blunt   string // "" is none
		err     string
	}{
		"sharp":                             {scratched(nil), Default(), 2, "", ""},
		"a survey that leaves out a column": {scratched(blindSurvey(0)), Default(), 1, "t.id (bigint)", ""},
		"a survey that sees no index":       {scratched(blindSurvey(1)), Default(), 1, "an index dropped", ""},
		"contents that always pass":         {scratched(nil), []Check{never{Contents{}}, Structure{}}, 1, `check "contents" is blunt`, ""},
		"structure that always passes":      {scratched(nil), []Check{Contents{}, never{Structure{}}}, 1, `check "structure" is blunt`, ""},
		"tolerance for everything":          {scratched(nil), []Check{Contents{}, Structure{Allow: []Tolerance{{Kind: "index", Name: "*", Reason: "r"}}}}, 2, "", ""},
		"an alarm that always rings":        {scratched(func(s *fixtures.Scratch) { s.Twin.Databases[0].Tables[0].Rows++ }), Default(), 2, "", "nothing was changed"},
		"the twin cannot be judged":         {scratched(func(s *fixtures.Scratch) { s.Twin.Nonce = "other" }), Default(), 2, "", "nothing was changed"},
	} {
		t.Run(name, func(t *testing.T) {
			b := ScratchTeeth(context.Background(), c.scratch, c.checks)
			if b.Tried != 2 || b.Noticed != c.noticed || (len(b.Blunt) > 0) != (c.blunt != "") || !strings.Contains(b.Error, c.err) || (b.Error != "") != (c.err != "") {
				t.Errorf("%+v", b)
			}
			if c.blunt != "" && !strings.Contains(b.Blunt[0].Summary, c.blunt) {
				t.Errorf("blunt: %q", b.Blunt[0].Summary)
			}
			teeth := &reports.Teeth{Scratch: b, Evidence: &reports.Bite{Tried: 1, Noticed: 1}}
			if (teeth.Doubt() != "") != (c.blunt != "" || c.err != "") {
				t.Errorf("doubt %q", teeth.Doubt())
			}
		})
	}
	cancelled, cancel := context.WithCancel(context.Background())
	cancel()
	if b := ScratchTeeth(cancelled, scratched(nil), Default()); b.Error == "" {
		t.Errorf("cut short: %+v", b)
	}
	if b := ScratchTeeth(context.Background(), scratched(nil), []Check{Ledger{}}); b.Tried != 0 || len(b.Untested) != 2 {
		t.Errorf("a drill without such checks: %+v", b)
	}
}
