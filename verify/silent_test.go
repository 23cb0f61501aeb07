package verify

import (
	"strings"
	"testing"

	"github.com/recoverydrill/gameday/fixtures/probe"
	"github.com/recoverydrill/gameday/reports"
)

// silent plays a drill whose fault clients do not see: to them the service is well from beginning to end.
func silent(t *testing.T, changes ...func(*scene)) *Evidence {
	t.Helper()
	s := newScene(t, plot{})
	s.rec.Fault.Silent = true
	answers(0, endNS, func(a *probe.Answer) { a.Kind, a.Error, a.Set = probe.Correct, "", 1 })(s)
	for _, change := range changes {
		change(s)
	}
	return s.build()
}

func serviceOf(t *testing.T, e *Evidence) (outcome reports.Outcome, text string, record *reports.Record) {
	t.Helper()
	outcome, results := judged(t, e, []Check{Service{}})
	rec := *e.Record
	rec.Checks = results
	Summarise(&rec, e)
	return outcome, describeResults(results), &rec
}

func TestSilentDamageMayLeaveClientsAlone(t *testing.T) {
	outcome, text, rec := serviceOf(t, silent(t))
	if outcome != reports.Passed || rec.Service.RTAMS != 0 || !rec.Service.Reached {
		t.Errorf("%v, RTA %d ms reached %t%s", outcome, rec.Service.RTAMS, rec.Service.Reached, text)
	}
	loud := silent(t, onRecord(func(r *reports.Record) { r.Fault.Silent = false }))
	if outcome, text, _ := serviceOf(t, loud); outcome != reports.Inconclusive || !strings.Contains(text, "never saw the damage") {
		t.Errorf("of any other fault: %v%s", outcome, text)
	}
	if outcome, text := judged(t, silent(t), []Check{Objectives{}}); outcome != reports.Passed {
		t.Errorf("objectives: %v%s", outcome, describeResults(text))
	}
}

// A recovery that interrupts a service that was well is charged for it, each interruption for itself.
func TestSilentDamageCountsTheTimeOfWrongService(t *testing.T) {
	e := silent(t,
		answers(15*second, 15*second+400e6, is(probe.Failed)),
		answers(17*second, 18*second, is(probe.Wrong)),
		answers(21*second, 21*second+20e6, is(probe.Late)), // a busy machine
	)
	outcome, text, rec := serviceOf(t, e)
	if outcome != reports.Passed || rec.Service.RTAMS < 1400 || rec.Service.RTAMS > 1460 || !strings.Contains(text, "in 2 outages") {
		t.Errorf("%v, RTA %d ms%s", outcome, rec.Service.RTAMS, text)
	}
	if rec.Service.BackNS < 18*second {
		t.Errorf("back at %d", rec.Service.BackNS)
	}
}

func TestSilentDamageAndServiceThatIsNotWell(t *testing.T) {
	for name, sab := range map[string]struct {
		change func(*scene)
		want   reports.Outcome
		says   string
	}{
		"lost by the recovery and never back": {answers(18*second, endNS, is(probe.Failed)), reports.Failed, "did not come back"},
		"wrong at the end":                    {answers(23*second, endNS, is(probe.Wrong)), reports.Failed, "did not last"},
		"lost again after the recovery":       {answers(22*second, 22*second+second/2, is(probe.Failed)), reports.Failed, "did not last"},
		"lost before the recovery for good":   {answers(15*second, endNS, is(probe.Late)), reports.Failed, "did not come back"},
		"not well before the damage":          {answers(0, injectNS, is(probe.Failed)), reports.Inconclusive, "not healthy before"},
		"not watched": {func(s *scene) {
			for i := range s.probe {
				if s.probe[i].AtNS > 15*second && s.probe[i].AtNS < 17*second {
					s.probe[i].Kind, s.probe[i].Stall, s.probe[i].DoneNS = probe.Late, probe.Stopped, 17*second
				}
			}
		}, reports.Inconclusive, "stood still"},
	} {
		e := silent(t, sab.change)
		outcome, text, rec := serviceOf(t, e)
		if outcome != sab.want || !strings.Contains(text, sab.says) || (outcome == reports.Failed && rec.Service.Reached) {
			t.Errorf("%s: want %v and %q, got %v, reached %t%s", name, sab.want, sab.says, outcome, rec.Service.Reached, text)
		}
		if in, _ := judged(t, e, []Check{Objectives{}}); outcome == reports.Failed && in != reports.Inconclusive {
			t.Errorf("%s: an RTA was measured: %v", name, in)
		}
	}
}
