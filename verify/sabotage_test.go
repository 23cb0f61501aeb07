package verify

import (
	"testing"

	"github.com/recoverydrill/gameday/reports"
)

// sabotage is a recovery, or an attack on the verifier, that must not pass. The check must catch it even alone.
type sabotage struct {
	id    string // of the list of recoveries that look fine and are wrong
	what  string
	check string
	plot  plot
	do    func(s *scene)
	only  reports.Outcome // the outcome that the check must give; the zero value accepts either of the two
}

func sabotages() []sabotage {
	var all []sabotage
	for _, some := range [][]sabotage{lostSets(), wrongValues(), lostStructure(), wrongTraffic(), wrongService(), wrongRefusals(), unplanned(), brokenClaims(), unsoundFiles(), wrongLater(), blindVerifier()} {
		all = append(all, some...)
	}
	return all
}

// sabotageResults judges a sabotage by all checks, and by the one that must catch it alone. Checks are pure, so
// that what each says among the others is what it says alone; the named one is run to show it.
func sabotageResults(t *testing.T, sab sabotage) (each map[string]reports.Outcome, full, alone reports.Outcome, text string) {
	t.Helper()
	s := newScene(t, sab.plot)
	s.deep = true
	if sab.do != nil {
		sab.do(s)
	}
	e := s.build()
	full, results := judged(t, e, everyCheck())
	each = map[string]reports.Outcome{}
	for _, r := range results {
		each[r.Name] = r.Outcome
		for _, f := range r.Findings {
			saysEnough(t, r.Name, f)
		}
	}
	for _, c := range everyCheck() {
		if c.Name() == sab.check {
			alone, results = judged(t, e, []Check{c})
			return each, full, alone, describeResults(results)
		}
	}
	t.Fatalf("no check is named %q", sab.check)
	return nil, 0, 0, ""
}

// saysEnough wants a failed finding to say what was wanted or found, or what to do, and which of the seven questions it
// answers.
func saysEnough(t *testing.T, check string, f reports.Finding) {
	t.Helper()
	if f.Outcome == reports.Failed && (f.Question == 0 || f.Summary == "" || (f.Hint == "" && f.Wanted == "" && f.Found == "")) {
		t.Errorf("%s says too little: %+v", check, f)
	}
}

// TestSabotagesAreCaught wants every sabotage to be caught by all checks together and by the one named for it alone, and
// every check to be needed: without it at least one sabotage must escape.
func TestSabotagesAreCaught(t *testing.T) {
	all := sabotages()
	if len(all) < 200 {
		t.Fatalf("only %d sabotages", len(all))
	}
	onlyBy := map[string][]string{}
	seen := map[string]bool{}
	for _, sab := range all {
		name := sab.id + " " + sab.what
		if seen[name] {
			t.Fatalf("two sabotages %q", name)
		}
		seen[name] = true
		t.Run(name, func(t *testing.T) {
			each, full, alone, text := sabotageResults(t, sab)
			if full == reports.Passed {
				t.Errorf("all checks together pass it")
			}
			if alone == reports.Passed || (sab.only != reports.Inconclusive && alone != sab.only) {
				t.Errorf("check %s alone says %v%s", sab.check, alone, text)
			}
			if testing.Verbose() {
				t.Log(text)
			}
			var caught []string
			for c, o := range each {
				if o != reports.Passed {
					caught = append(caught, c)
				}
			}
			if len(caught) == 1 {
				onlyBy[caught[0]] = append(onlyBy[caught[0]], name)
			}
		})
	}
	for _, c := range everyCheck() {
		if len(onlyBy[c.Name()]) == 0 {
			t.Errorf("no sabotage escapes without check %q: it is dead, or untested", c.Name())
		}
	}
}

// TestCleanTwinsPass holds the differences that a correct recovery may show.
func TestCleanTwinsPass(t *testing.T) {
	for _, twin := range cleanTwins() {
		t.Run(twin.id+" "+twin.what, func(t *testing.T) {
			s := newScene(t, twin.plot)
			s.deep = true
			if twin.do != nil {
				twin.do(s)
			}
			if o, r := judged(t, s.build(), everyCheck()); o != reports.Passed {
				t.Errorf("outcome %v%s", o, describeResults(r))
			}
		})
	}
}
