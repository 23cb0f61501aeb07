package verify

import (
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/recoverydrill/gameday/fixtures"
	"github.com/recoverydrill/gameday/reports"
)

// quick is a scene as a quick drill leaves it: nobody read the rows of the recovered store.
func quick(t *testing.T, change func(s *scene)) *Evidence {
	t.Helper()
	s := newScene(t, plot{})
	s.rec.Level, s.rec.Finished = reports.Quick, s.rec.Started.Add(time.Minute)
	if change != nil {
		change(s)
	}
	e := s.build()
	for d := range e.Found.Databases {
		for i, tab := range e.Found.Databases[d].Tables {
			if tab.Error == "" {
				e.Found.Databases[d].Tables[i] = *counted(tab)
			}
		}
	}
	return e
}

func concluded(t *testing.T, e *Evidence, checks []Check) *reports.Record {
	t.Helper()
	rec := *e.Record
	rec.Checks = Judge(t.Context(), e, checks, nil)
	Summarise(&rec, e)
	Conclude(&rec)
	return &rec
}

// A quick drill can fail. Whatever it finds, it cannot pass, and nothing in it claims that the data was verified.
func TestQuickNeverProvesIntegrity(t *testing.T) {
	rec := concluded(t, quick(t, nil), At(reports.Quick))
	for _, c := range rec.Checks {
		if c.Outcome != reports.Passed {
			t.Errorf("on a good recovery %s is %v%s", c.Name, c.Outcome, describeResults(rec.Checks))
		}
		if c.Covered.Rows > 0 {
			t.Errorf("%s claims to have looked at %d rows", c.Name, c.Covered.Rows)
		}
	}
	outcome, why := reports.Verdict(rec)
	if rec.Outcome != reports.Inconclusive || outcome != reports.Inconclusive || !strings.Contains(why, "nothing failed at level quick; integrity was not looked at") {
		t.Errorf("the record says %v, the verdict %v: %s", rec.Outcome, outcome, why)
	}
	if rec.Service.Reached {
		t.Error("an RTA was reached with a store that nobody has verified")
	}
	rec.Outcome = reports.Passed // as a record that was edited, or written by another program, might say
	if outcome, _ := reports.Verdict(rec); outcome != reports.Inconclusive {
		t.Errorf("a quick record that calls itself passed is %v", outcome)
	}
	// What a quick drill cannot see: every payment is 0.
	zero := quick(t, func(s *scene) {
		for _, row := range s.found.table("payments").cells {
			row[1] = "0"
		}
	})
	if rec := concluded(t, zero, At(reports.Quick)); rec.Outcome != reports.Inconclusive {
		t.Errorf("with all rows changed the outcome is %v%s", rec.Outcome, describeResults(rec.Checks))
	}
	for name, harm := range map[string]func(*scene){
		"counts": func(s *scene) {
			p := s.found.table("payments")
			p.cells = p.cells[1:]
		},
		"structure": func(s *scene) { s.found.databases[0].objects = s.found.databases[0].objects[1:] },
		"identity":  func(s *scene) { s.found.identity.Token = "another" },
	} {
		if rec := concluded(t, quick(t, harm), At(reports.Quick)); rec.Outcome != reports.Failed || outcomeOf(rec, name) != reports.Failed {
			t.Errorf("%s: the outcome is %v%s", name, rec.Outcome, describeResults(rec.Checks))
		}
	}
}

func outcomeOf(rec *reports.Record, check string) reports.Outcome {
	for _, c := range rec.Checks {
		if c.Name == check {
			return c.Outcome
		}
	}
	return reports.Inconclusive
}

// Rows that nobody has read are not equal to anything, whatever the check is called and whichever side was not read.
func TestRowsThatWereNotReadAreNeverEqual(t *testing.T) {
	blank := func(m *fixtures.Manifest) {
		for d := range m.Databases {
			for i := range m.Databases[d].Tables {
				tab := &m.Databases[d].Tables[i]
				tab.Digest, tab.Buckets, tab.RowsFile = fixtures.Digest{}, nil, ""
			}
		}
	}
	counts := func(m *fixtures.Manifest) {
		for d := range m.Databases {
			for i, tab := range m.Databases[d].Tables {
				m.Databases[d].Tables[i] = *counted(tab)
			}
		}
	}
	whole := newScene(t, plot{}).build()
	for name, edit := range map[string]func(e *Evidence){
		"neither has a digest":  func(e *Evidence) { blank(e.Baseline); blank(e.Found) },
		"both were counted":     func(e *Evidence) { counts(e.Baseline); counts(e.Found) },
		"the store was counted": func(e *Evidence) { counts(e.Found) },
		"the mark was counted":  func(e *Evidence) { counts(e.Baseline) },
		"one table was counted": func(e *Evidence) {
			tab := one(t, e.Found, fixtures.Fixed)
			*tab = *counted(*tab)
		},
		"counted, and has a digest": func(e *Evidence) { counts(e.Found); one(t, e.Found, fixtures.Fixed).Digest.Lo = 1 },
	} {
		e := *whole
		e.Baseline, e.Found = again(t, whole.Baseline), again(t, whole.Found)
		edit(&e)
		if outcome, results := judged(t, &e, []Check{Contents{}}); outcome != reports.Inconclusive {
			t.Errorf("%s: contents is %v%s", name, outcome, describeResults(results))
		}
		if rec := concluded(t, &e, []Check{Contents{}}); rec.Checks[0].Covered.Rows > 0 && name != "one table was counted" && name != "counted, and has a digest" {
			t.Errorf("%s: contents claims to have looked at %d rows", name, rec.Checks[0].Covered.Rows)
		}
	}
	e, got := replicated(t)
	blank(got.Primary)
	for _, s := range got.Standbys {
		blank(s.Manifest)
	}
	e.Extra = map[string][]byte{"replicas": marshalled(t, got)}
	if outcome, results := judged(t, e, []Check{Replicas{}}); outcome != reports.Inconclusive {
		t.Errorf("standbys without digests: %v%s", outcome, describeResults(results))
	}
}

func TestWaiversOfDeepChecksAreForDeep(t *testing.T) {
	waivers := []reports.Waiver{{Check: "replicas", Reason: "built anew later"}, {Check: "contnets", Reason: "a slip"}}
	if got := Pertinent(waivers, Default()); len(got) != 1 || got[0].Check != "contnets" {
		t.Errorf("at level full: %v", got)
	}
	if got := Pertinent(waivers, append(Default(), Replicas{})); len(got) != 2 {
		t.Errorf("at level deep: %v", got)
	}
}

// What a scenario's own checks take for right goes through the record to whoever judges it again: a drill that passed would
// be red there, for a difference that its owner accepts.
func TestWhatADrillAcceptsIsKept(t *testing.T) {
	own := Default()
	for i, c := range own {
		switch c.(type) {
		case Identity:
			own[i] = Identity{AllowNewSystem: true}
		case CutOver:
			own[i] = CutOver{SameBranch: true}
		case Structure:
			own[i] = Structure{Allow: []Tolerance{{Kind: "setting", Name: "x", Reason: "y"}}}
		}
	}
	own = append(own, Replicas{MayBeLast: "z", Allow: []Tolerance{{Kind: "index", Name: "x", Reason: "y"}}})
	if again := Accepting(append(Default(), Replicas{}), Accepts(own)); !reflect.DeepEqual(again, own) {
		t.Errorf("got %+v, want %+v", again, own)
	}
	if a := Accepts(Default()); a != nil {
		t.Errorf("the default checks accept %+v", a)
	}
	if again := Accepting(Default(), nil); !reflect.DeepEqual(again, Default()) {
		t.Errorf("without anything accepted: %+v", again)
	}
}

// A scenario that lists checks of its own still gets all others: one that lists four would else be green without a look at a row.
func TestNoListLeavesAnyCheckOut(t *testing.T) {
	names := func(checks []Check) (all []string) {
		for _, c := range checks {
			all = append(all, c.Name())
		}
		return all
	}
	for _, level := range []reports.Level{reports.Quick, reports.Full, reports.Deep} {
		want := names(At(level))
		for _, own := range [][]Check{nil, {}, {FaultProven{}, Structure{}, Ledger{}, Identity{}}, At(level)} {
			if got := names(With(level, own)); !slices.Equal(got, want) {
				t.Errorf("level %s, %q: %q, want %q", level, names(own), got, want)
			}
		}
		got := With(level, []Check{Replicas{}, Identity{AllowNewSystem: true}})
		if !slices.Equal(names(got), append(want, "replicas")) || !slices.Contains(got, Check(Identity{AllowNewSystem: true})) {
			t.Errorf("level %s: %q", level, names(got))
		}
	}
	twice := With(reports.Full, []Check{Contents{}, Contents{}})
	if n := len(slices.DeleteFunc(twice, func(c Check) bool { return c.Name() != "contents" })); n != 2 {
		t.Errorf("%d of two checks of one name are left: nobody would be told", n)
	}
}
