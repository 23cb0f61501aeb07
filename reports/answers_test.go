package reports

import (
	"slices"
	"testing"
)

// TestQuestions: a question is answered with yes only by a drill that passed what speaks to it, and an inconclusive
// drill answers none with yes.
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
	for name, c := range map[string]struct {
		r    *Record
		want []string
	}{
		"passed":       {samplePassed(), []string{"yes", "yes", "yes", "", "", "yes", "yes"}},
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
	} {
		if got := dataTile(c.r); got.Value != c.value || got.Outcome != c.want {
			t.Errorf("%s: got %q %v, want %q %v", name, got.Value, got.Outcome, c.value, c.want)
		}
	}
	if got := rtaTile(slow); got.Outcome != Failed || got.Note != "objective 60 s, missed by 11.2 s" {
		t.Errorf("a missed objective: %+v", got)
	}
}
