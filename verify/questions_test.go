package verify

import (
	"slices"
	"testing"

	"github.com/recoverydrill/gameday/reports"
)

// A check answers a question only if it has looked at something that speaks to it.
func TestChecksAnswerOnlyWhatTheyLookedAt(t *testing.T) {
	asked := func(c Check, change func(*reports.Record)) []reports.Question {
		e := newScene(t, plot{}).build()
		e.Record.Restore = &reports.Restore{ReadyNS: e.Record.Recovery.EndedNS}
		e.Record.Objective = reports.Objective{}
		if change != nil {
			change(e.Record)
		}
		r := Judge(t.Context(), e, []Check{c}, nil)[0]
		if r.Outcome != reports.Passed {
			t.Errorf("%s is %v: %+v", r.Name, r.Outcome, r.Findings)
		}
		return r.Questions
	}
	for _, c := range []Check{FaultProven{}, Plan{}} {
		if got := asked(c, func(r *reports.Record) { r.Recovery.Plan = nil }); slices.Contains(got, reports.Plan) {
			t.Errorf("%s says what the recovery will do, which told no plan", c.Name())
		}
	}
	rto := func(r *reports.Record) { r.Objective.RTOMS = 60_000 }
	for _, c := range []Check{Objectives{}, Service{}, Restored{}} {
		if got := asked(c, nil); slices.Contains(got, reports.InTime) {
			t.Errorf("%s says that it was quick enough, and no time was asked for", c.Name())
		}
		if got := asked(c, rto); !slices.Contains(got, reports.InTime) {
			t.Errorf("%s does not say whether it was quick enough: %v", c.Name(), got)
		}
	}
}
