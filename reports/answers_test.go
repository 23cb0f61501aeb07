package reports

import (
	"slices"
	"strings"
	"testing"
)

// TestQuestions: a question is answered with yes only by a drill that passed what speaks to it. Where nothing does, or the
// drill is inconclusive, the answer is not shown.
func TestQuestions(t *testing.T) {
	answers := func(r *Record) []string {
		var all []string
		for _, q := range questions(r) {
			all = append(all, q.Answer)
		}
		return all
	}
	unsure := samplePassed()
	unsure.Error = "the spec timed out"
	untagged := sampleFailed()
	for i := range untagged.Checks {
		untagged.Checks[i].Questions = nil
	}
	found := samplePassed()
	found.Checks = append(found.Checks, CheckResult{Name: "identity", Outcome: Passed, Covered: Coverage{What: "marks", Planned: 1, Looked: 1}, Questions: []Question{Findable}})
	silent := samplePassed()
	silent.Answers = []Question{Plan, Capacity, InTime}
	for i := range silent.Checks {
		silent.Checks[i].Questions = nil
	}
	for name, c := range map[string]struct {
		r    *Record
		want []string
	}{
		"passed":       {samplePassed(), []string{"yes", "not shown", "yes", "", "", "yes", "yes"}},
		"found":        {found, []string{"yes", "yes", "yes", "", "", "yes", "yes"}},
		"not a word":   {silent, []string{"", "", "", "not shown", "not shown", "", "not shown"}},
		"failed":       {sampleFailed(), []string{"no", "not shown", "no", "", "", "no", "not shown"}},
		"inconclusive": {unsure, []string{"not shown", "not shown", "not shown", "", "", "not shown", "not shown"}},
		"untagged":     {untagged, []string{"no", "not shown", "not shown", "", "", "no", "not shown"}},
		"zero":         {&Record{}, []string{"", "", "", "", "", "", ""}},
	} {
		if got := answers(c.r); !slices.Equal(got, c.want) {
			t.Errorf("%s: got %q, want %q", name, got, c.want)
		}
	}
}

// TestDataTile: "nothing lost" takes a verified store, and a slow recovery of the right data is not called a loss.
func TestDataTile(t *testing.T) {
	slow := samplePassed()
	slow.Outcome, slow.Checks[3].Outcome, slow.Service.RTAMS = Failed, Failed, 71_200
	unverified := samplePassed()
	unverified.Outcome, unverified.Checks[3].Outcome, unverified.Service.Reached = Failed, Failed, false
	unsure := samplePassed()
	unsure.Error = "the spec timed out"
	salvaged := samplePassed()
	salvaged.Checks[0].Covered.Lost = 19
	broken := samplePassed()
	broken.Checks[0].Outcome, broken.Service.Reached = Failed, true
	waived := samplePassed()
	waived.Waivers = []Waiver{{Check: "contents", Reason: "known"}}
	waivedBroken := samplePassed()
	waivedBroken.Waivers, waivedBroken.Checks[0].Outcome = waived.Waivers, Failed
	waivedBroken.Checks[0].Findings = []Finding{{Outcome: Failed, Summary: "10,000 rows changed"}}
	unlooked := samplePassed()
	unlooked.Checks = unlooked.Checks[1:]
	empty := samplePassed()
	empty.Checks[0].Covered.Rows = 0
	refused := samplePassed()
	refused.MustRefuse, refused.Recovery.Refused = true, "a false alarm"
	plausible := samplePassed()
	plausible.Checks, plausible.Restore = plausible.Checks[1:], &Restore{}
	for name, c := range map[string]struct {
		r     *Record
		value string
		want  Outcome
	}{
		"passed":     {samplePassed(), "nothing lost", Passed},
		"salvaged":   {salvaged, "19 rows lost, as allowed", Passed},
		"too slow":   {slow, "nothing lost", Passed},
		"unverified": {unverified, "not verified", Inconclusive},
		"unsure":     {unsure, "not verified", Inconclusive},
		"lost":       {sampleFailed(), "37 writes lost", Failed},
		"contents":   {broken, "check contents failed: it promises that every row of every …", Failed},
		"zero":       {&Record{}, "not verified", Inconclusive},

		"contents waived":             {waived, "not verified", Inconclusive},
		"contents waived, and failed": {waivedBroken, "not verified", Inconclusive},
		"contents not looked at":      {unlooked, "not verified", Inconclusive},
		"no rows":                     {empty, "not verified", Inconclusive},
		"refused":                     {refused, "as it was", Passed},
		"without a manifest":          {plausible, "plausible, not verified", Inconclusive},
	} {
		if got := dataTile(c.r); got.Value != c.value || got.Outcome != c.want {
			t.Errorf("%s: got %q %v, want %q %v", name, got.Value, got.Outcome, c.value, c.want)
		}
	}
	for want, r := range map[string]*Record{
		"contents waived; 0 of 1,204 acknowledged writes lost":                                       waived,
		"contents waived, and they failed: 10,000 rows changed; 0 of 1,204 acknowledged writes lost": waivedBroken,
		"no row was looked at; 0 of 1,204 acknowledged writes lost":                                  unlooked,
	} {
		if got := dataTile(r); got.Note != want {
			t.Errorf("got %q, want %q", got.Note, want)
		}
	}
	if got := rtaTile(slow); got.Outcome != Failed || got.Note != "objective 60 s, missed by 11.2 s" {
		t.Errorf("a missed objective: %+v", got)
	}
}

// The headline of a restore whose contents are waived speaks of no rows.
func TestARestoreWhoseContentsAreWaivedHasNotComparedARow(t *testing.T) {
	r := samplePassed()
	r.Restore = &Restore{Manifest: &RestoreManifest{Rows: 143_201}}
	r.Waivers = []Waiver{{Check: "contents", Reason: "known"}}
	const want = "no row was held against the manifest; contents waived: known"
	if got := Headline(r); !strings.HasSuffix(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}
