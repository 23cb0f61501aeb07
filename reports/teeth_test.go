package reports

import (
	"bytes"
	"strings"
	"testing"
	"time"
)

// bitten is a passed record with teeth.
func bitten(t *Teeth) *Record {
	return &Record{
		Scenario: "s", Outcome: Passed, Started: time.Unix(1, 0), Finished: time.Unix(2, 0), Teeth: t,
		Checks: []CheckResult{{Name: "contents", Outcome: Passed, Covered: Coverage{What: "tables", Planned: 1, Looked: 1}}},
	}
}

// TestARecordWithoutTeethThatWerePlannedIsNotPassed: neither are blunt ones or such that could not be tried. A record from
// before there were any is judged as it was.
func TestARecordWithoutTeethThatWerePlannedIsNotPassed(t *testing.T) {
	good := func() *Bite { return &Bite{Tried: 3, Noticed: 3} }
	for name, c := range map[string]struct {
		teeth *Teeth
		want  string // in the reason; "" passes
	}{
		"an older record":             {nil, ""},
		"both":                        {&Teeth{Scratch: good(), Evidence: good()}, ""},
		"an engine without scratch":   {&Teeth{NoScratch: "no ability", Evidence: good()}, ""},
		"planned and nothing tried":   {&Teeth{}, "before the fault, and was not"},
		"scratch was not tried":       {&Teeth{Evidence: good()}, "before the fault, and was not"},
		"evidence was not tried":      {&Teeth{Scratch: good()}, "after the verdict, and was not"},
		"a blunt check":               {&Teeth{Scratch: &Bite{Tried: 3, Noticed: 2, Blunt: []Finding{{Summary: `check "contents" is blunt`}}}, Evidence: good()}, `check "contents" is blunt`},
		"blunt, and the list is lost": {&Teeth{Scratch: good(), Evidence: &Bite{Tried: 3, Noticed: 2}}, "only 2 of 3 changes"},
		"it could not be tried":       {&Teeth{Scratch: &Bite{Tried: 3, Noticed: 3, Error: "lock timeout"}, Evidence: good()}, "lock timeout"},
		"nothing could be changed":    {&Teeth{Scratch: &Bite{}, Evidence: good()}, "nothing could be changed"},
	} {
		t.Run(name, func(t *testing.T) {
			outcome, why := Verdict(bitten(c.teeth))
			if (outcome == Passed) != (c.want == "") || outcome == Failed || !strings.Contains(why, c.want) {
				t.Errorf("%s: %q, want %q", outcome, why, c.want)
			}
		})
	}
}

func TestTeethAreOneLineInEveryReport(t *testing.T) {
	rec := bitten(&Teeth{Scratch: &Bite{Tried: 211, Noticed: 211, DurationMS: 309, Untested: []string{"x"}}, Evidence: &Bite{Tried: 21, Noticed: 21, DurationMS: 102}})
	const want = "211 of 211 changes of scratch tables noticed in 309 ms (1 not tried); 21 of 21 changes of the evidence noticed in 102 ms"
	var html, summary bytes.Buffer
	for b, write := range map[*bytes.Buffer]func() error{
		&html:    func() error { return WriteHTML(&html, []Drill{{Record: rec}}) },
		&summary: func() error { return WriteMarkdown(&summary, []Drill{{Record: rec}}) },
	} {
		if err := write(); err != nil {
			t.Fatal(err)
		}
		if !strings.Contains(b.String(), want) {
			t.Errorf("%q is not in %s", want, b.String()[max(0, b.Len()-500):])
		}
	}
}
