package verify

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/recoverydrill/gameday/fixtures"
	"github.com/recoverydrill/gameday/reports"
)

// fakeCheck returns what it is told to.
type fakeCheck struct {
	name   string
	result reports.CheckResult
	panics any
}

func (f fakeCheck) Name() string    { return f.name }
func (f fakeCheck) Promise() string { return "a promise" }
func (f fakeCheck) Judge(context.Context, *Evidence) reports.CheckResult {
	if f.panics != nil {
		panic(f.panics)
	}
	return f.result
}

func passing(name string) fakeCheck {
	return fakeCheck{name: name, result: reports.CheckResult{Outcome: reports.Passed, Covered: reports.Coverage{What: "things", Planned: 2, Looked: 2}}}
}

func failing(name string) fakeCheck {
	return fakeCheck{name: name, result: reports.CheckResult{Outcome: reports.Failed, Findings: []reports.Finding{{Outcome: reports.Failed, Summary: "damage"}}}}
}

func TestJudge(t *testing.T) {
	less := passing("less")
	less.result.Covered.Looked = 1
	nothing := passing("nothing")
	nothing.result.Covered = reports.Coverage{}
	contradicts := passing("contradicts")
	contradicts.result.Findings = []reports.Finding{{Outcome: reports.Failed, Summary: "damage"}}
	doubts := passing("doubts")
	doubts.result.Findings = []reports.Finding{{Summary: "could not look"}}
	invalid := passing("invalid")
	invalid.result.Outcome = 7
	silent := fakeCheck{name: "silent"}
	canceled, cancel := context.WithCancel(context.Background())
	cancel()
	for _, c := range []struct {
		what    string
		ctx     context.Context
		e       *Evidence
		checks  []Check
		waivers []reports.Waiver
		want    reports.Outcome
		says    string
	}{
		{what: "all pass", checks: []Check{passing("a"), passing("b")}, want: reports.Passed},
		{what: "one fails", checks: []Check{passing("a"), failing("b")}, want: reports.Failed},
		{what: "no checks", want: reports.Inconclusive, says: "no check was run"},
		{what: "a panic", checks: []Check{passing("a"), fakeCheck{name: "b", panics: "boom"}}, want: reports.Inconclusive, says: "panicked: boom"},
		{what: "a panic does not hide a failure", checks: []Check{fakeCheck{name: "b", panics: "boom"}, failing("a")}, want: reports.Failed},
		{what: "a nil check", checks: []Check{passing("a"), nil}, want: reports.Inconclusive, says: "panicked"},
		{what: "less covered than planned", checks: []Check{less}, want: reports.Inconclusive, says: "only 1 of 2 things"},
		{what: "nothing covered", checks: []Check{nothing}, want: reports.Inconclusive, says: "nothing was looked at"},
		{what: "passed with a failed finding", checks: []Check{contradicts}, want: reports.Failed},
		{what: "passed with a doubt", checks: []Check{doubts}, want: reports.Inconclusive},
		{what: "no such outcome", checks: []Check{invalid}, want: reports.Inconclusive, says: "no outcome"},
		{what: "inconclusive without a reason", checks: []Check{silent}, want: reports.Inconclusive, says: "gave no reason"},
		{what: "two checks of one name", checks: []Check{passing("a"), passing("a")}, want: reports.Inconclusive, says: "2 checks are named"},
		{what: "a check without a name", checks: []Check{passing("")}, want: reports.Inconclusive},
		{what: "a failure under a shared name stays one", checks: []Check{passing("a"), failing("a")}, want: reports.Failed},
		{what: "cut short", ctx: canceled, checks: []Check{passing("a")}, want: reports.Inconclusive, says: "cut short"},
		{what: "evidence with a problem", e: &Evidence{Problems: []reports.Finding{unsure("tampered")}}, checks: []Check{passing("a")}, want: reports.Inconclusive, says: "tampered"},
		{
			what: "a problem cannot be waived", e: &Evidence{Problems: []reports.Finding{unsure("tampered")}}, checks: []Check{passing("a")},
			waivers: []reports.Waiver{{Check: "evidence", Reason: "we know"}}, want: reports.Inconclusive, says: "not run",
		},
		{what: "a waived failure", checks: []Check{passing("a"), failing("b")}, waivers: []reports.Waiver{{Check: "b", Reason: "known"}}, want: reports.Passed, says: "waived: known"},
		{what: "everything waived", checks: []Check{passing("a")}, waivers: []reports.Waiver{{Check: "a", Reason: "known"}}, want: reports.Inconclusive},
		{what: "a waiver without a reason", checks: []Check{passing("a"), failing("b")}, waivers: []reports.Waiver{{Check: "b", Reason: " "}}, want: reports.Failed, says: "gives no reason"},
		{what: "a waiver of no check", checks: []Check{passing("a")}, waivers: []reports.Waiver{{Check: "z", Reason: "known"}}, want: reports.Inconclusive, says: `names check "z"`},
	} {
		t.Run(c.what, func(t *testing.T) {
			ctx := c.ctx
			if ctx == nil {
				ctx = context.Background()
			}
			r := Judge(ctx, c.e, c.checks, c.waivers)
			if got := Verdict(r, c.waivers); got != c.want {
				t.Errorf("got %v, want %v%s", got, c.want, describeResults(r))
			}
			if text := describeResults(r); !strings.Contains(text, c.says) {
				t.Errorf("nothing says %q%s", c.says, text)
			}
			for _, x := range r {
				if x.Total < len(x.Findings) {
					t.Errorf("%s: %d findings of %d", x.Name, len(x.Findings), x.Total)
				}
			}
		})
	}
}

func TestJudgeKeepsTwentyFindings(t *testing.T) {
	many := failing("many")
	for i := range 50 {
		many.result.Findings = append(many.result.Findings, reports.Finding{Outcome: reports.Failed, Summary: fmt.Sprint(i)})
	}
	r := Judge(context.Background(), nil, []Check{many}, nil)
	if len(r[0].Findings) != FindingLimit || r[0].Total != 51 {
		t.Errorf("kept %d findings and counts %d, want 20 and 51", len(r[0].Findings), r[0].Total)
	}
}

// TestNoEvidenceNeverPasses: no default check passes on nothing, nor on evidence of which any one piece is missing.
func TestNoEvidenceNeverPasses(t *testing.T) {
	for _, e := range []*Evidence{nil, {}, {Record: &reports.Record{}}, {Baseline: &fixtures.Manifest{}, Found: &fixtures.Manifest{}, Record: &reports.Record{}}} {
		for _, r := range Judge(context.Background(), e, Default(), nil) {
			if r.Outcome != reports.Inconclusive && r.Name != "objectives" {
				t.Errorf("%s is %v on no evidence%s", r.Name, r.Outcome, describeResults([]reports.CheckResult{r}))
			}
		}
	}
	for what, remove := range map[string]func(e *Evidence){
		"record": func(e *Evidence) { e.Record = nil }, "baseline": func(e *Evidence) { e.Baseline = nil }, "found": func(e *Evidence) { e.Found = nil },
		"ops": func(e *Evidence) { e.Ops = nil }, "rows": func(e *Evidence) { e.Rows = nil }, "probe": func(e *Evidence) { e.Probe = nil },
		"after": func(e *Evidence) { e.After = nil },
	} {
		e := newScene(t, plot{}).build()
		remove(e)
		if o, r := judged(t, e, Default()); o != reports.Inconclusive {
			t.Errorf("without %s: %v%s", what, o, describeResults(r))
		}
	}
}

func TestTolerance(t *testing.T) {
	e := func() *Evidence {
		s := newScene(t, plot{clients: 1, rate: 1})
		s.found.objects[1].Definition = "200"
		return s.build()
	}()
	judge := func(allow ...Tolerance) reports.CheckResult {
		return Judge(context.Background(), e, []Check{Structure{Allow: allow}}, nil)[0]
	}
	if r := judge(); r.Outcome != reports.Failed {
		t.Errorf("without a tolerance: %v", r.Outcome)
	}
	r := judge(Tolerance{Kind: "setting", Name: "max_*", Reason: "the spare is larger"})
	if r.Outcome != reports.Passed || !strings.Contains(describeResults([]reports.CheckResult{r}), "the spare is larger") {
		t.Errorf("with one: %s", describeResults([]reports.CheckResult{r}))
	}
	for _, wrong := range []Tolerance{{Kind: "setting", Name: "max_*"}, {Name: "max_*", Reason: "r"}, {Kind: "setting", Name: "[", Reason: "r"}, {Kind: "setting", Reason: "r"}} {
		if r := judge(wrong); r.Outcome != reports.Inconclusive {
			t.Errorf("tolerance %+v: %v", wrong, r.Outcome)
		}
	}
	if r := judge(Tolerance{Kind: "role", Name: "*", Reason: "other"}); r.Outcome != reports.Failed {
		t.Errorf("a tolerance for another kind: %v", r.Outcome)
	}
}

// TestUnreadableStructureIsNoDamage: what could not be listed is not known to be gone.
func TestUnreadableStructureIsNoDamage(t *testing.T) {
	s := newScene(t, plot{clients: 1, rate: 1})
	d := s.found.database("shop")
	d.remove("index")
	d.objects = append(d.objects, fixtures.Object{Kind: "index", Name: "unreadable", Definition: "permission denied"})
	if o, r := judged(t, s.build(), []Check{Structure{}}); o != reports.Inconclusive {
		t.Errorf("outcome %v%s", o, describeResults(r))
	}
	d.remove("trigger")
	if o, r := judged(t, s.build(), []Check{Structure{}}); o != reports.Failed {
		t.Errorf("with a trigger that is gone as well: %v%s", o, describeResults(r))
	}
}

// TestLostSlots: only where a server was mended in its place is a slot that is gone a loss of the recovery's.
func TestLostSlots(t *testing.T) {
	for _, c := range []struct {
		system, branch string
		want           reports.Outcome
	}{{"7301", "1", reports.Failed}, {"7301", "2", reports.Passed}, {"9999", "1", reports.Passed}} {
		s := newScene(t, plot{clients: 1, rate: 1})
		s.found.identity.System, s.found.identity.Branch = c.system, c.branch
		s.found.remove("logical slot")
		r := Structure{}.Judge(context.Background(), s.build())
		if r.Outcome != c.want || r.Total != 1 || r.Findings[0].Hint != slotHint || r.Findings[0].Wanted == "" {
			t.Errorf("system %s, branch %s: %s", c.system, c.branch, describeResults([]reports.CheckResult{r}))
		}
	}
	s := newScene(t, plot{clients: 1, rate: 1})
	s.found.remove("logical slot")
	s.found.objects = append(s.found.objects, fixtures.Object{Kind: "logical slot", Name: "unreadable", Definition: "permission denied"})
	if r := (Structure{}).Judge(context.Background(), s.build()); r.Outcome != reports.Inconclusive || r.Total != 1 {
		t.Errorf("slots that cannot be read: %s", describeResults([]reports.CheckResult{r}))
	}
}

func TestAllowances(t *testing.T) {
	s := newScene(t, plot{clients: 1, rate: 1, beside: true})
	s.found.identity.System, s.found.identity.Branch = "9999", "1"
	e := s.build()
	if r := (Identity{AllowNewSystem: true}).Judge(context.Background(), e); r.Outcome != reports.Passed {
		t.Errorf("a declared logical restore: %s", describeResults([]reports.CheckResult{r}))
	}
	s.found.identity.System = s.base.identity.System
	e = s.build()
	if r := (CutOver{}).Judge(context.Background(), e); r.Outcome == reports.Passed {
		t.Error("the same branch after a cut-over passed undeclared")
	}
	if r := (CutOver{SameBranch: true}).Judge(context.Background(), e); r.Outcome != reports.Passed {
		t.Errorf("a declared copy: %s", describeResults([]reports.CheckResult{r}))
	}
}

func TestSummarise(t *testing.T) {
	s := newScene(t, plot{})
	e := s.build()
	rec := *s.rec
	rec.Checks = Judge(context.Background(), e, Default(), nil)
	Summarise(&rec, e)
	sv, tr := rec.Service, rec.Traffic
	if want := (backNS + 3e6 - injectedNS + 999_999) / 1_000_000; sv.RTAMS != want {
		t.Errorf("RTA %d ms, want %d", sv.RTAMS, want)
	}
	if sv.FromDeclaredMS != sv.RTAMS-(declaredNS-injectedNS)/1_000_000 || sv.ClaimedMS != (endedNS-injectedNS)/1_000_000 || !sv.Reached {
		t.Errorf("service %+v", sv)
	}
	if sv.FirstBadNS < injectedNS || sv.FirstBadNS > injectedNS+60e6 || sv.Asked != int64(len(e.Probe)) || sv.Asked != sv.Correct+sv.Wrong+sv.Errors {
		t.Errorf("service %+v", sv)
	}
	if !tr.Judged || tr.Clients != 4 || tr.Lost == 0 || tr.LostBeforeMark != 0 || tr.AcknowledgedBeforeMark < 50 || tr.AcknowledgedAfter == 0 ||
		tr.Attempted != tr.Acknowledged+tr.Refused+tr.Unknown || tr.RPAMS < (stopNS-markNS)/1_000_000-200 || tr.RPAMS > (stopNS-markNS)/1_000_000 {
		t.Errorf("traffic %+v", tr)
	}
	lost := rec
	lost.Checks = []reports.CheckResult{{Name: "contents", Outcome: reports.Failed}}
	if Summarise(&lost, e); lost.Service.Reached {
		t.Error("an RTA was reached although the contents are wrong")
	}
	slow := rec
	slow.Checks = []reports.CheckResult{{Name: "contents", Outcome: reports.Passed}, {Name: "objectives", Outcome: reports.Failed}}
	if Summarise(&slow, e); !slow.Service.Reached {
		t.Error("an RTA that is too long is one all the same")
	}
	start := time.Now()
	Summarise(&reports.Record{}, &Evidence{})
	Summarise(nil, nil)
	if time.Since(start) > time.Second {
		t.Error("slow on nothing")
	}
}
