package verify

import (
	"context"
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/recoverydrill/gameday/fixtures"
	"github.com/recoverydrill/gameday/reports"
)

// examinedSound is what an engine says of a store in which every claim of the mark holds and every table is sound.
func examinedSound(base *fixtures.Manifest) map[string][]byte {
	var claims, files []fixtures.Examined
	for _, db := range base.Databases {
		for _, o := range db.Objects {
			for _, c := range o.Claims {
				claims = append(claims, fixtures.Examined{Kind: o.Kind, Claim: c, Database: db.Name, Table: "public.payments", Name: o.Name, Rows: 1000})
			}
		}
		for _, t := range db.Tables {
			for _, kind := range []string{"amcheck", "pages"} {
				files = append(files, fixtures.Examined{Kind: kind, Database: db.Name, Table: t.FullName(), Name: t.FullName(), Rows: t.Rows, Bytes: t.Bytes})
			}
		}
		files = append(files, fixtures.Examined{Kind: "checksums", Database: db.Name, Name: "failures"})
	}
	return map[string][]byte{"constraints": seenBy(base, claims), "physical": seenBy(base, files)}
}

func seenBy(base *fixtures.Manifest, entries []fixtures.Examined) []byte {
	b, err := json.Marshal(examined{Engine: base.Engine, Nonce: base.Nonce, Entries: entries})
	if err != nil {
		panic(err)
	}
	return b
}

// saw changes what the engine said for a check.
func saw(check string, edit func(all []fixtures.Examined) []fixtures.Examined) func(*scene) {
	return onEvidence(func(e *Evidence) {
		var seen examined
		if err := json.Unmarshal(e.Extra[check], &seen); err != nil {
			panic(err)
		}
		e.Extra[check] = seenBy(e.Baseline, edit(slices.Clone(seen.Entries)))
	})
}

// sawOf changes what the engine said of one thing.
func sawOf(check string, which func(fixtures.Examined) bool, edit func(x *fixtures.Examined)) func(*scene) {
	return saw(check, func(all []fixtures.Examined) []fixtures.Examined {
		i := slices.IndexFunc(all, which)
		if i < 0 {
			panic("there is no such entry")
		}
		edit(&all[i])
		return all
	})
}

func ofClaim(c fixtures.Claim) func(fixtures.Examined) bool {
	return func(x fixtures.Examined) bool { return x.Claim == c }
}

func ofKind(kind, table string) func(fixtures.Examined) bool {
	return func(x fixtures.Examined) bool { return x.Kind == kind && x.Table == table }
}

func faulty(n int64, detail string, keys ...string) func(*fixtures.Examined) {
	return func(x *fixtures.Examined) { x.Bad, x.Detail, x.Keys = n, detail, keys }
}

func without(which func(fixtures.Examined) bool) func([]fixtures.Examined) []fixtures.Examined {
	return func(all []fixtures.Examined) []fixtures.Examined { return slices.DeleteFunc(all, which) }
}

func anything(fixtures.Examined) bool { return true }

func cutShort(x *fixtures.Examined) { x.Error = "canceling statement due to statement timeout" }

func notThere(x *fixtures.Examined) { x.Missing = true }

func noWay(x *fixtures.Examined) { x.NotLooked = "no predicate" }

// brokenClaims are recoveries whose rows belie the catalogue.
func brokenClaims() []sabotage {
	const f, any, check = reports.Failed, reports.Inconclusive, "constraints"
	return []sabotage{
		{"V", "a row without its parent", check, plot{}, sawOf(check, ofClaim(fixtures.ForeignKey), faulty(1, "", "17")), f},
		{"V", "NULL in a column that is declared NOT NULL", check, plot{}, sawOf(check, ofClaim(fixtures.NotNull), faulty(3, "")), f},
		{"C8", "a unique index holds a key twice", check, plot{}, sawOf(check, ofClaim(fixtures.Unique), faulty(1, "")), f},
		{"V", "a row belies what nobody asked for", check, plot{}, saw(check, func(all []fixtures.Examined) []fixtures.Examined {
			return append(all, fixtures.Examined{Kind: "constraint", Claim: fixtures.Check, Database: "shop", Name: "public.payments.other", Bad: 1})
		}), f},
		{"Z3", "nobody held constraints against rows", check, plot{}, onEvidence(func(e *Evidence) { delete(e.Extra, "constraints") }), any},
		{"Z3", "what was seen of constraints cannot be read", check, plot{}, onEvidence(func(e *Evidence) { e.Extra["constraints"] = []byte("{") }), any},
		{"Z3", "the engine says nothing of one constraint", check, plot{}, saw(check, without(ofClaim(fixtures.ForeignKey))), any},
		{"Z3", "the engine says nothing of any constraint", check, plot{}, saw(check, without(anything)), any},
		{"Z3", "one constraint could not be tested", check, plot{}, sawOf(check, ofClaim(fixtures.ForeignKey), cutShort), any},
		{"Z3", "one constraint was tested twice", check, plot{}, saw(check, func(all []fixtures.Examined) []fixtures.Examined { return append(all, all[0]) }), any},
		{"Z2", "the engine does not find a constraint that the manifest has", check, plot{}, sawOf(check, ofClaim(fixtures.ForeignKey), notThere), any},
		{"Z1", "what was seen is from another drill", check, plot{}, onEvidence(func(e *Evidence) {
			e.Extra["constraints"] = []byte(strings.Replace(string(e.Extra["constraints"]), `"c0ffee"`, `"other"`, 1))
		}), any},
	}
}

// unsoundFiles are recoveries whose files are damaged where no query reads.
func unsoundFiles() []sabotage {
	const f, any, check = reports.Failed, reports.Inconclusive, "physical"
	const payments = "public.payments"
	return []sabotage{
		{"C7", "an index lacks an entry", check, plot{}, sawOf(check, ofKind("amcheck", payments), faulty(1, "heap tuple (0,5) from table \"payments\" lacks matching index tuple within index \"payments_at\"")), f},
		{"C1", "an empty page to which an index leads", check, plot{}, sawOf(check, ofKind("pages", payments), faulty(1, "page 7 is empty")), f},
		{"C3", "a page that no query reads fails its checksum", check, plot{}, sawOf(check, func(x fixtures.Examined) bool { return x.Kind == "checksums" }, faulty(1, "checksum failures went from 0 to 1")), f},
		{"Z3", "nobody examined the files", check, plot{}, onEvidence(func(e *Evidence) { delete(e.Extra, "physical") }), any},
		{"Z3", "one table was not examined", check, plot{}, saw(check, without(func(x fixtures.Examined) bool { return x.Table == payments })), any},
		{"Z3", "one table was not examined by one of the checkers", check, plot{}, saw(check, without(ofKind("amcheck", payments))), any},
		{"Z3", "no table was examined", check, plot{}, saw(check, without(anything)), any},
		{"Z3", "a checker was cut short", check, plot{}, sawOf(check, ofKind("amcheck", payments), cutShort), any},
		{"Z3", "a table and its partitions were not examined", check, plot{}, func(s *scene) {
			for _, m := range []*model{s.base, s.found} {
				p := newTable("public", "payments#p#p0", fixtures.Fixed, true, "id")
				p.Kind, p.cells = "partition", [][]string{{"1"}}
				m.database("shop").tables = append(m.database("shop").tables, p)
			}
			saw(check, without(func(x fixtures.Examined) bool { return strings.HasPrefix(x.Table, payments) }))(s)
		}, any},
		{"Z3", "a checker could not be made", check, plot{}, saw(check, func(all []fixtures.Examined) []fixtures.Examined {
			all = slices.DeleteFunc(all, func(x fixtures.Examined) bool { return x.Kind == "amcheck" })
			return append(all, fixtures.Examined{Kind: "amcheck", Database: "shop", Error: "could not extend file: no space left on device"})
		}), any},
		{"Z3", "no checker could be made", check, plot{}, saw(check, func([]fixtures.Examined) []fixtures.Examined {
			return []fixtures.Examined{{Kind: "amcheck", Error: "DDL is forbidden here"}, {Kind: "pages", Error: "DDL is forbidden here"}}
		}), any},
		{"Z3", "a checker that was there at the mark is not installed", check, plot{}, func(s *scene) {
			onEvidence(func(e *Evidence) { e.Baseline.Checkers = []string{"amcheck", "pages"} })(s)
			saw(check, func(all []fixtures.Examined) []fixtures.Examined {
				all = slices.DeleteFunc(all, func(x fixtures.Examined) bool { return x.Kind == "amcheck" })
				return append(all, fixtures.Examined{Kind: "amcheck", Database: "shop", NotLooked: "amcheck is not installed"})
			})(s)
		}, any},
		{"Z2", "the engine does not find an index that the manifest has", check, plot{}, saw(check, func(all []fixtures.Examined) []fixtures.Examined {
			return append(all, fixtures.Examined{Kind: "index against table", Database: "shop", Table: payments, Name: "public.payments_at", Missing: true})
		}), any},
		{"Z2", "the engine does not find a table that the manifest has", check, plot{}, sawOf(check, ofKind("pages", payments), notThere), any},
	}
}

func onEach(check string, which func(fixtures.Examined) bool, edit func(*fixtures.Examined)) func(*scene) {
	return saw(check, func(all []fixtures.Examined) []fixtures.Examined {
		for i := range all {
			if which(all[i]) {
				edit(&all[i])
			}
		}
		return all
	})
}

// examinedTwins are stores that are right, and of which the engine cannot say everything.
func examinedTwins() []sabotage {
	noChecker := func(database string) func(*scene) {
		return saw("physical", func(all []fixtures.Examined) []fixtures.Examined {
			all = slices.DeleteFunc(all, func(x fixtures.Examined) bool { return x.Kind == "amcheck" })
			return append(all, fixtures.Examined{Kind: "amcheck", Database: database, NotLooked: "amcheck is not installed"})
		})
	}
	return []sabotage{
		{id: "M", what: "the engine cannot examine anything", do: onEvidence(func(e *Evidence) {
			for _, c := range []string{"constraints", "physical"} {
				b, _ := json.Marshal(examined{Engine: e.Baseline.Engine, Unable: true})
				e.Extra[c] = b
			}
		})},
		{id: "M", what: "the engine has no predicate for one constraint", do: sawOf("constraints", ofClaim(fixtures.ForeignKey), noWay)},
		{id: "M", what: "the engine has no predicate at all", do: onEach("constraints", anything, noWay)},
		{id: "M", what: "the engine has no predicate for a kind", do: saw("constraints", func(all []fixtures.Examined) []fixtures.Examined {
			all = slices.DeleteFunc(all, ofClaim(fixtures.ForeignKey))
			return append(all, fixtures.Examined{Kind: "foreign key", Claim: fixtures.ForeignKey, NotLooked: "no predicate"})
		})},
		{id: "M", what: "the mark claims nothing", do: onEvidence(func(e *Evidence) {
			for _, db := range e.Baseline.Databases {
				for i := range db.Objects {
					db.Objects[i].Claims = nil
				}
			}
			e.Extra["constraints"] = seenBy(e.Baseline, nil)
		})},
		{id: "M", what: "the rows belied a constraint at the mark already", do: func(s *scene) {
			saw("constraints", without(ofClaim(fixtures.ForeignKey)))(s)
			for _, m := range []*model{s.base, s.found} {
				db := m.database("shop")
				for i, o := range db.objects {
					if slices.Contains(o.Claims, fixtures.ForeignKey) {
						db.objects[i].Claims, db.objects[i].Belied = nil, map[fixtures.Claim]string{fixtures.ForeignKey: "3 rows break it"}
					}
				}
			}
		}},
		{id: "M", what: "no checker is installed", do: noChecker("")},
		{id: "M", what: "no checker is installed in one database", do: saw("physical", func(all []fixtures.Examined) []fixtures.Examined {
			all = slices.DeleteFunc(all, func(x fixtures.Examined) bool { return x.Kind == "amcheck" && x.Database == "shop" })
			return append(all, fixtures.Examined{Kind: "amcheck", Database: "shop", NotLooked: "amcheck is not installed"})
		})},
		{id: "M", what: "a checker of indexes, of which only some tables have any", do: saw("physical", func(all []fixtures.Examined) []fixtures.Examined {
			return append(all, fixtures.Examined{Kind: "index against table", Database: "shop", Table: "public.payments", Name: "public.payments.payments_at"})
		})},
		{id: "M", what: "partitions were looked at with their table", do: func(s *scene) {
			for _, m := range []*model{s.base, s.found} {
				p := newTable("public", "payments#p#p0", fixtures.Fixed, true, "id")
				p.Kind, p.cells = "partition", [][]string{{"1"}}
				db := m.database("shop")
				db.tables = append(db.tables, p)
			}
			saw("physical", without(func(x fixtures.Examined) bool { return x.Table == "public.payments#p#p0" }))(s)
		}},
		{id: "M", what: "no checker can look at one table", do: onEach("physical", func(x fixtures.Examined) bool { return x.Table == "public.payments" }, noWay)},
		{id: "M", what: "an empty page that nothing leads to", do: sawOf("physical", ofKind("pages", "public.payments"), func(x *fixtures.Examined) { x.Detail = "page 7 is empty, and no index leads to it" })},
	}
}

// What is not there is told by the check that compares it, and by that one alone: but it is not passed over in silence.
func TestExaminedLeavesWhatIsMissingToOthers(t *testing.T) {
	drop := func(s *scene) {
		s.found.database("shop").remove("foreign key")
		sawOf("constraints", ofClaim(fixtures.ForeignKey), notThere)(s)
		s.found.drop("payments")
		onEach("physical", func(x fixtures.Examined) bool { return x.Table == "public.payments" }, notThere)(s)
	}
	s := newScene(t, plot{})
	drop(s)
	_, results := judged(t, s.build(), Default())
	for _, r := range results {
		switch r.Name {
		case "structure", "contents":
			if r.Outcome != reports.Failed {
				t.Errorf("%s: %v", r.Name, r.Outcome)
			}
		case "constraints", "physical":
			if r.Outcome != reports.Passed || !strings.Contains(describeResults([]reports.CheckResult{r}), "see check ") {
				t.Errorf("%s", describeResults([]reports.CheckResult{r}))
			}
			if r.Covered.Planned == 0 || r.Covered.Looked != r.Covered.Planned {
				t.Errorf("%s covered %+v", r.Name, r.Covered)
			}
		}
	}
	all := newScene(t, plot{}) // everything is gone: nothing was looked at
	onEach("constraints", anything, notThere)(all)
	all.found.database("shop").objects = nil
	if o, r := judged(t, all.build(), []Check{Constraints{}}); o != reports.Inconclusive {
		t.Errorf("%v%s", o, describeResults(r))
	}
}

// A store that a recovery had to leave damaged is not asked to be sound.
func TestExaminedAsksNothingOfAStoreThatWasToBeLeftDamaged(t *testing.T) {
	s := newScene(t, plot{refuse: "damaged"})
	onEach("physical", anything, faulty(1, "torn"))(s)
	e := s.build()
	for _, c := range []Check{Constraints{}, Physical{}} {
		sys := &examinedSystem{}
		if _, err := c.(CollectorFor).CollectFor(t.Context(), sys, e); err != nil || sys.expected != nil {
			t.Errorf("%s asked the store: %v", c.Name(), err)
		}
		o, r := judged(t, e, []Check{c})
		if o != reports.Passed || !strings.Contains(describeResults(r), "had to leave it so") {
			t.Errorf("%v%s", o, describeResults(r))
		}
	}
}

func TestExaminedFindingsSayWhatAndWhere(t *testing.T) {
	s := newScene(t, plot{})
	sawOf("constraints", ofClaim(fixtures.ForeignKey), faulty(2, "customer 7 does not exist", "17", "18"))(s)
	sawOf("physical", ofKind("amcheck", "public.payments"), faulty(1, "lacks matching index tuple\nmore"))(s)
	_, r := judged(t, s.build(), []Check{Constraints{}, Physical{}})
	f := r[0].Findings[0]
	if f.Summary != "shop: foreign key public.payments.customer is broken by 2 rows of public.payments without a parent" || !slices.Equal(f.Where.Keys, []string{"17", "18"}) ||
		f.Found != "2 of 1000 rows: customer 7 does not exist" || f.Wanted != "FOREIGN KEY (customer) REFERENCES customers" || f.Question != reports.Harmless || f.Hint == "" {
		t.Errorf("%+v", f)
	}
	if f = r[1].Findings[0]; f.Summary != "shop.public.payments: 1 fault found by amcheck: lacks matching index tuple" || f.Where.Table != "public.payments" || f.Hint == "" {
		t.Errorf("%+v", f)
	}
}

// examinedSystem is a store with an engine that is an Examiner.
type examinedSystem struct {
	fixtures.System
	expected *fixtures.Manifest
	err      error
}

func (*examinedSystem) Info() fixtures.Info { return fixtures.Info{Engine: "postgres"} }

func (s *examinedSystem) Revalidate(_ context.Context, at string, m *fixtures.Manifest) ([]fixtures.Examined, error) {
	s.expected = m
	return []fixtures.Examined{{Kind: "constraint", Name: "of " + at}}, s.err
}

func (s *examinedSystem) Examine(ctx context.Context, at string, m *fixtures.Manifest) ([]fixtures.Examined, error) {
	return s.Revalidate(ctx, at, m)
}

// plainSystem has an engine that is none.
type plainSystem struct{ fixtures.System }

func (plainSystem) Info() fixtures.Info { return fixtures.Info{Engine: "keyvalue"} }

func TestExaminedIsCollectedByTheMark(t *testing.T) {
	base := &fixtures.Manifest{Nonce: "base"}
	e := &Evidence{Baseline: base, Found: &fixtures.Manifest{Nonce: "found"}}
	for _, c := range []interface {
		Collector
		CollectorFor
	}{Constraints{}, Physical{}} {
		sys := &examinedSystem{}
		if b, err := c.CollectFor(t.Context(), sys, e); err != nil || sys.expected != base || !strings.Contains(string(b), `"name":"of "`) {
			t.Errorf("%s, %v, by %+v", b, err, sys.expected)
		}
		if b, err := c.CollectFor(t.Context(), plainSystem{}, e); err != nil || string(b) != `{"engine":"keyvalue","unable":true,"entries":null}` {
			t.Errorf("%s, %v", b, err)
		}
		if _, err := c.CollectFor(t.Context(), sys, &Evidence{}); !errors.Is(err, errNoBaseline) {
			t.Errorf("without a mark: %v", err)
		}
		if _, err := c.Collect(t.Context(), sys); !errors.Is(err, errNoBaseline) {
			t.Errorf("without evidence: %v", err)
		}
		if _, err := c.CollectFor(t.Context(), &examinedSystem{err: context.DeadlineExceeded}, e); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("an engine that could not look: %v", err)
		}
	}
}
