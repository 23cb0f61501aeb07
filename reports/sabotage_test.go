package reports

import (
	"bytes"
	"strings"
	"testing"
	"time"
)

// Whatever a sabotaged record says of itself, it is no passed drill, and every report of it says why.
func TestASabotagedRecordIsNeverPassed(t *testing.T) {
	sound := Record{
		Scenario: "a/b", Outcome: Passed, Finished: time.Now(),
		Checks: []CheckResult{{Name: "contents", Outcome: Passed, Covered: Coverage{What: "tables", Planned: 1, Looked: 1}}},
	}
	if o, why := Verdict(&sound); o != Passed {
		t.Fatalf("the record as it is: %s, %s", o, why)
	}
	for name, s := range map[string]*Sabotage{
		"nothing tried yet": {Asked: []string{"A17"}},
		"control only":      {Asked: []string{}, Control: Passed},
		"all caught":        {Asked: []string{"A17"}, Control: Passed, Acts: []SabotageAct{{ID: "A17", Outcome: Failed, CaughtBy: []string{"contents"}}}},
		"one escaped":       {Asked: []string{"A17"}, Control: Passed, Acts: []SabotageAct{{ID: "A17", Outcome: Passed}}},
	} {
		r := sound
		r.Sabotage = s
		o, why := Verdict(&r)
		if o == Passed || !strings.Contains(why, "SABOTAGED ON PURPOSE") || !strings.Contains(Headline(&r), "SABOTAGED ON PURPOSE") {
			t.Errorf("%s: %s, %s", name, o, why)
		}
		var html, md bytes.Buffer
		if err := WriteHTML(&html, []Drill{{Record: &r}}); err != nil {
			t.Fatal(err)
		}
		if err := WriteMarkdown(&md, []Drill{{Record: &r}}); err != nil {
			t.Fatal(err)
		}
		if !strings.Contains(html.String(), `<p class="word failed">✗ SABOTAGED ON PURPOSE`) || !strings.Contains(md.String(), "SABOTAGED ON PURPOSE") {
			t.Errorf("%s: a report does not say so", name)
		}
		r.Outcome, r.Checks[0].Outcome = Failed, Failed
		if o, _ := Verdict(&r); o != Failed {
			t.Errorf("%s, and it failed as well: %s", name, o)
		}
		r.Checks[0].Outcome = Passed
	}
}

func TestGradesOfActs(t *testing.T) {
	for want, a := range map[Grade]SabotageAct{
		Caught:        {Outcome: Failed, CaughtBy: []string{"contents"}},
		Noticed:       {Outcome: Inconclusive, NotSure: []string{"service"}},
		Escaped:       {Outcome: Passed},
		NotApplicable: {NotHere: "no trigger"},
		NotTried:      {Error: "refused"},
	} {
		if got := a.Grade(); got != want {
			t.Errorf("%+v is %s, want %s", a, got, want)
		}
	}
	// A failure without a check that failed is nobody's.
	if got := (SabotageAct{Outcome: Failed}).Grade(); got != Noticed {
		t.Errorf("got %s", got)
	}
}
