package verify

import (
	"encoding/json"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/recoverydrill/gameday/fixtures"
	"github.com/recoverydrill/gameday/reports"
)

func text(s string) *string { return &s }

func oneValue(s string) *fixtures.Answer {
	return &fixtures.Answer{Total: 1, Rows: [][]*string{{text(s)}}}
}

// told is evidence of one answer.
func told[Q comparable](t *testing.T, check Check, all ...asked[Q]) *Evidence {
	t.Helper()
	b, err := json.Marshal(all)
	if err != nil {
		t.Fatal(err)
	}
	return &Evidence{Extra: map[string][]byte{check.Name(): b}}
}

func holds(t *testing.T, name string, e *Evidence, c Check, want reports.Outcome, says string) {
	t.Helper()
	r := Judge(t.Context(), e, []Check{c}, nil)[0]
	var all string
	for _, f := range r.Findings {
		all += f.Summary + "\n"
	}
	if r.Outcome != want || !strings.Contains(all, says) {
		t.Errorf("%s: %s, want %s that says %q:\n%s", name, r.Outcome, want, says, all)
	}
}

// A database that nobody can enter has no tables that could be missed.
func TestADatabaseThatCannotBeEnteredIsNotReadable(t *testing.T) {
	shop := fixtures.Database{Name: "shop", Tables: []fixtures.Table{{Schema: "public", Name: "t", Rows: 9}}}
	billing := fixtures.Database{Name: "billing", Objects: []fixtures.Object{{Kind: "database", Name: fixtures.UnreadableObject, Definition: "could not open directory"}}}
	holds(t, "one of two", &Evidence{Found: &fixtures.Manifest{Databases: []fixtures.Database{shop}}}, Readable{}, reports.Passed, "")
	holds(t, "a database", &Evidence{Found: &fixtures.Manifest{Databases: []fixtures.Database{billing, shop}}}, Readable{}, reports.Inconclusive, "could not open directory")
	holds(t, "the server", &Evidence{Found: &fixtures.Manifest{Objects: billing.Objects, Databases: []fixtures.Database{shop}}}, Readable{}, reports.Inconclusive, "could not open directory")
}

// What a file's own check finds is damage; rows without their parents may have been there before.
func TestASQLiteFilesOwnChecks(t *testing.T) {
	for name, c := range map[string]struct {
		check, says string
		want        reports.Outcome
	}{"damage": {"integrity_check", "wrong # of entries in index", reports.Failed}, "an orphan": {"foreign_key_check", "1 row of loans", reports.Passed}} {
		shop := fixtures.Database{Name: "main", Tables: []fixtures.Table{{Schema: "main", Name: "t", Rows: 9}}, Objects: []fixtures.Object{{Kind: "check", Name: c.check, Definition: c.says}}}
		holds(t, name, &Evidence{Found: &fixtures.Manifest{Databases: []fixtures.Database{shop}}}, Readable{}, c.want, c.says)
	}
}

// An invariant passes only where it was asked, held, is about something, and is known to be able to fail.
func TestInvariantsMustBeAbleToFail(t *testing.T) {
	none, some := &fixtures.Answer{}, &fixtures.Answer{Total: 3, Columns: []string{"id"}, Rows: [][]*string{{text("7")}}}
	of := Invariant{Name: "i", SQL: "s", Reason: "r", Of: "o"}
	breaks := Invariant{Name: "i", SQL: "s", Reason: "r", Breaks: "b"}
	empty := Invariant{Name: "i", SQL: "s", Reason: "r", Of: "o", MayBeEmpty: true}
	for name, c := range map[string]struct {
		a    asked[Invariant]
		want reports.Outcome
		says string
	}{
		"holds":             {asked[Invariant]{Question: of, Answer: none, Of: oneValue("9")}, reports.Passed, ""},
		"can fail":          {asked[Invariant]{Question: breaks, Answer: none, Broken: some, After: none}, reports.Passed, ""},
		"broken":            {asked[Invariant]{Question: breaks, Answer: some}, reports.Failed, "broken by 3 rows"},
		"never fires":       {asked[Invariant]{Question: breaks, Answer: none, Broken: none, After: none}, reports.Inconclusive, "may never fail"},
		"not tried":         {asked[Invariant]{Question: breaks, Answer: none}, reports.Inconclusive, "no answer"},
		"not rolled back":   {asked[Invariant]{Question: breaks, Answer: none, Broken: some, After: some}, reports.Inconclusive, "still broken"},
		"about nothing":     {asked[Invariant]{Question: of, Answer: none, Of: oneValue("0")}, reports.Inconclusive, "speaks about no row"},
		"all about nothing": {asked[Invariant]{Question: empty, Answer: none, Of: oneValue("0")}, reports.Inconclusive, "no invariant speaks about any row"},
		"about who knows":   {asked[Invariant]{Question: of, Answer: none, Of: oneValue("many")}, reports.Inconclusive, "one number"},
		"an error":          {asked[Invariant]{Question: of, Error: "syntax"}, reports.Inconclusive, "could not be asked: syntax"},
		"a warning":         {asked[Invariant]{Question: of, Answer: &fixtures.Answer{Warnings: []string{"look out"}}, Of: oneValue("9")}, reports.Inconclusive, "look out"},
		"a warning, counts": {asked[Invariant]{Question: of, Answer: none, Of: &fixtures.Answer{Warnings: []string{"look out"}}}, reports.Inconclusive, "look out"},
	} {
		e := told(t, Invariants{}, c.a)
		holds(t, name, e, Invariants{All: []Invariant{c.a.Question}}, c.want, c.says)
		holds(t, name+", judged again", e, Invariants{}, c.want, c.says)
	}
	both := told(t, Invariants{}, asked[Invariant]{Question: of, Answer: none, Of: oneValue("9")}, asked[Invariant]{Question: breaks, Answer: none, Broken: some, After: none})
	both.Record = &reports.Record{Restore: &reports.Restore{Invariants: 2}}
	holds(t, "one of two can fail", both, Invariants{}, reports.Passed, "not shown that it can fail")
	if c := (Invariants{}).Judge(t.Context(), both).Covered; c.Looked != 2 || c.Untried != 1 {
		t.Errorf("covered %+v", c)
	}
	alone := told(t, Invariants{}, asked[Invariant]{Question: of, Answer: none, Of: oneValue("9")})
	alone.Record = &reports.Record{Restore: &reports.Restore{Invariants: 1}}
	holds(t, "none can fail, and no manifest", alone, Invariants{}, reports.Inconclusive, "no invariant was shown to be able to fail")
	alone.Record.Restore.Manifest = &reports.RestoreManifest{}
	holds(t, "none can fail, and a manifest", alone, Invariants{}, reports.Passed, "not shown that it can fail")
	some9, none0 := asked[Invariant]{Question: of, Answer: none, Of: oneValue("9")}, asked[Invariant]{Question: of, Answer: none, Of: oneValue("0")}
	holds(t, "one of two about nothing", told(t, Invariants{}, some9, none0), Invariants{}, reports.Inconclusive, "speaks about no row")
	none0.Question = empty
	holds(t, "one of two about nothing, which may be", told(t, Invariants{}, some9, none0), Invariants{}, reports.Passed, "speaks about no row")
	holds(t, "nobody asked", &Evidence{}, Invariants{}, reports.Inconclusive, "nobody asked")
	e := told(t, Invariants{}, asked[Invariant]{Question: of, Answer: none, Of: oneValue("9")})
	holds(t, "another question", e, Invariants{All: []Invariant{breaks}}, reports.Inconclusive, "is not the scenario's")
	for _, i := range []Invariant{{Name: "i", SQL: "s", Reason: "r"}, {Name: "i", SQL: "s", Of: "o"}, {SQL: "s", Reason: "r", Of: "o"}} {
		if i.Check() == nil {
			t.Errorf("%+v is taken", i)
		}
	}
}

func TestFreshnessAndRowBands(t *testing.T) {
	now := time.Date(2026, 1, 2, 12, 0, 0, 0, time.UTC)
	q := Fresh{Name: "the newest", SQL: "s", AtMost: time.Hour}
	for value, want := range map[string]reports.Outcome{
		"2026-01-02 11:30:00": reports.Passed, "2026-01-02 13:30:00+02": reports.Passed, "2026-01-02T11:30:00Z": reports.Passed, "1767353400": reports.Passed,
		"2026-01-02 10:59:59": reports.Failed, "2025-01-02": reports.Failed, "2026-01-02 12:30:00": reports.Inconclusive, "noon": reports.Inconclusive, "": reports.Inconclusive,
	} {
		holds(t, value, told(t, Freshness{}, asked[Fresh]{Question: q, At: now, Answer: oneValue(value)}), Freshness{}, want, "")
	}
	holds(t, "NULL", told(t, Freshness{}, asked[Fresh]{Question: q, At: now, Answer: &fixtures.Answer{Total: 1, Rows: [][]*string{{nil}}}}), Freshness{}, reports.Failed, "has no time")
	holds(t, "two rows", told(t, Freshness{}, asked[Fresh]{Question: q, At: now, Answer: &fixtures.Answer{Total: 2, Rows: [][]*string{{text("a")}, {text("b")}}}}), Freshness{}, reports.Inconclusive, "one value")
	band := RowBand{Table: "t", Least: 10, Most: 20}
	for n, want := range map[string]reports.Outcome{"10": reports.Passed, "20": reports.Passed, "9": reports.Failed, "21": reports.Failed, "0": reports.Failed, "x": reports.Inconclusive} {
		holds(t, n, told(t, RowBands{}, asked[RowBand]{Question: band, Answer: oneValue(n)}), RowBands{}, want, "")
	}
	if (RowBand{Table: "t"}).Check() == nil || (RowBand{Table: "t", Least: 5, Most: 4}).Check() == nil {
		t.Error("a band of nothing is taken")
	}
}

// Without a manifest nothing is verified, and the words say so wherever the verdict is told.
func TestAVerdictWithoutAManifestIsWeaker(t *testing.T) {
	rec := &reports.Record{
		SchemaVersion: reports.Schema, Scenario: "a/b", Outcome: reports.Passed, Finished: time.Now(), Recovery: &reports.Recovery{DeclaredNS: 1},
		Restore: &reports.Restore{Invariants: 3, Freshness: 1, RowBands: 4, ReadyNS: 2e9},
		Checks:  []reports.CheckResult{{Name: "invariants", Outcome: reports.Passed, Covered: reports.Coverage{Planned: 2, Looked: 2}}, {Name: "contents", Outcome: reports.Passed, Covered: reports.Coverage{Planned: 1, Looked: 1, Rows: 99}}},
	}
	want := "judged without a manifest: 2 invariants, freshness and 4 row bands held; whether every row is right is not known"
	if got := reports.Headline(rec); !strings.Contains(got, want) || strings.Contains(got, "are back") {
		t.Errorf("got %q", got)
	}
	rec.Checks[0].Covered.Untried = 1
	if got := reports.Headline(rec); !strings.Contains(got, "without a manifest: 1 invariant, freshness and 4 row bands held; 1 invariant without Breaks, which may never fail, held too; whether") {
		t.Errorf("one that was not shown to be able to fail: %q", got)
	}
	rec.Checks[0].Covered.Untried = 0
	rec.Checks = append(rec.Checks, reports.CheckResult{Name: "freshness", Outcome: reports.Failed}, reports.CheckResult{Name: "row bands", Outcome: reports.Passed})
	rec.Waivers = []reports.Waiver{{Check: "freshness", Reason: "r"}, {Check: "row bands", Reason: "r"}}
	if got := reports.Headline(rec); !strings.Contains(got, "judged without a manifest: 2 invariants held;") {
		t.Errorf("waived checks have held: %q", got)
	}
	rec.Checks, rec.Waivers = rec.Checks[:2], nil
	rec.Restore.Manifest = &reports.RestoreManifest{Taken: time.Now()}
	if got := reports.Headline(rec); strings.Contains(got, "without a manifest") || !strings.Contains(got, "all of 99 rows are back") {
		t.Errorf("got %q", got)
	}
	holds(t, "never answered", &Evidence{Record: &reports.Record{Recovery: &reports.Recovery{}, Restore: &reports.Restore{}}}, Restored{}, reports.Failed, "did not answer")
	closed := &reports.Record{Recovery: &reports.Recovery{DeclaredNS: 1}, Restore: &reports.Restore{ReadyNS: 2e9, NoWrites: "it is in recovery"}}
	holds(t, "takes no writes", &Evidence{Record: closed}, Restored{}, reports.Failed, "takes no writes: it is in recovery")
	slow := &reports.Record{Recovery: &reports.Recovery{DeclaredNS: 1}, Restore: &reports.Restore{ReadyNS: 5e9}, Objective: reports.Objective{RTOMS: 4000}}
	holds(t, "too slow", &Evidence{Record: slow}, Restored{}, reports.Failed, "4.0 s was asked for")
}

// Rows that were held against many constraints are as many as there are, and prove no contents.
func TestRowsAreCountedOnce(t *testing.T) {
	e := newScene(t, plot{}).build()
	rec := concluded(t, e, Default())
	covered := func(check string) reports.Coverage {
		return rec.Checks[slices.IndexFunc(rec.Checks, func(c reports.CheckResult) bool { return c.Name == check })].Covered
	}
	contents, constraints := covered("contents"), covered("constraints")
	var all int64
	for _, db := range e.Baseline.Databases {
		for _, table := range db.Tables {
			all += table.Rows
		}
	}
	if constraints.Rows == 0 || constraints.Rows > all {
		t.Errorf("constraints looked at %d rows of %d", constraints.Rows, all)
	}
	rec.Finished = time.Now()
	head := reports.Headline(rec)
	if want := "all of " + strconv.FormatInt(contents.Rows, 10) + " rows"; !strings.Contains(strings.ReplaceAll(head, ",", ""), want) {
		t.Errorf("the headline does not say %q: %s", want, head)
	}
}
