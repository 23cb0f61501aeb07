package verify

import (
	"context"
	"encoding/json"
	"fmt"
	"strconv"

	"github.com/recoverydrill/gameday/fixtures"
	"github.com/recoverydrill/gameday/reports"
)

// Invariant is something that is true of the data whenever it was backed up: SQL that must return nothing.
type Invariant struct {
	Name     string `json:"name"`     // "no order without its customer"; required
	Database string `json:"database"` // "" is the one that the store is entered by
	SQL      string `json:"sql"`      // returns the rows that break it; required
	Reason   string `json:"reason"`   // what it means if it is broken; shown; required

	// One of these is required, because a query that looks at nothing returns nothing. Breaks is one UPDATE, INSERT or DELETE
	// after which SQL must return something; it is run in a transaction that is rolled back. Of counts what it speaks about
	// ("SELECT count(*) FROM orders"): where it is none the verdict is inconclusive, for a restore that stopped before the
	// rows came back looks the same. With Of alone nothing shows that SQL can return a row at all ("reader NOT IN (SELECT id FROM
	// readers)" never does once an id is NULL); reports say so, and without a manifest one invariant with Breaks is required.
	Of     string `json:"of,omitempty"`
	Breaks string `json:"breaks,omitempty"`
	// MayBeEmpty says that Of may count no row: the invariant is not counted as having held then, and nothing more.
	MayBeEmpty bool `json:"may_be_empty,omitempty"`
}

// Check says what is missing.
func (i Invariant) Check() error {
	switch {
	case i.Name == "" || i.SQL == "" || i.Reason == "":
		return fmt.Errorf("invariant %q: want Name, SQL and Reason", i.Name)
	case i.Of == "" && i.Breaks == "":
		return fmt.Errorf("invariant %q: want Of (how many rows it speaks about) or Breaks (a change that breaks it): a query that looks at nothing returns nothing", i.Name)
	}
	return nil
}

// Invariants holds what a team knows of its data against a restored store.
type Invariants struct{ All []Invariant }

var (
	_ Check     = Invariants{}
	_ Collector = Invariants{}
	_ Toothed   = Invariants{}
)

// Name is "invariants".
func (Invariants) Name() string { return "invariants" }

// Promise is what a passed check means.
func (Invariants) Promise() string {
	return "what the team knows to be true of its data is true of what came back, and each of these statements that has Breaks was seen to fail"
}

// Collect asks the restored store.
func (c Invariants) Collect(ctx context.Context, sys fixtures.System) ([]byte, error) {
	return askAll(ctx, sys, c.All, func(s fixtures.Asker, a *asked[Invariant]) error {
		i := a.Question
		put := func(to **fixtures.Answer, statement string) error {
			answer, err := s.Ask(ctx, i.Database, statement)
			*to = &answer
			return err
		}
		if err := put(&a.Answer, i.SQL); err != nil {
			return err
		}
		if i.Of != "" {
			if err := put(&a.Of, i.Of); err != nil {
				return fmt.Errorf("count what it speaks about: %w", err)
			}
		}
		if i.Breaks == "" || a.Answer.Total > 0 {
			return nil
		}
		broken, changed, err := s.AskAfter(ctx, i.Database, i.Breaks, i.SQL)
		a.Broken, a.Changed = &broken, changed
		if err != nil {
			return fmt.Errorf("try to break it: %w", err)
		}
		return put(&a.After, i.SQL)
	})
}

// Judge fails for each invariant that returned a row. One that may be about no rows, and is, is shown and not counted; of one
// without Breaks it is shown that nobody knows whether it can.
func (c Invariants) Judge(_ context.Context, e *Evidence) reports.CheckResult {
	const what = "invariants"
	all, err := answersTo(e, c.Name(), c.All)
	if err != nil {
		return inconclusive(what, unsure(err.Error()))
	}
	j := judging(what)
	j.res.Questions = []reports.Question{reports.BackedUp, reports.Harmless}
	for _, a := range all {
		c.judge(j, a)
	}
	if j.res.Covered.Planned == 0 {
		j.unsure(unsure("no invariant speaks about any row that came back: nothing was looked at"))
	}
	if c := j.res.Covered; c.Looked > 0 && c.Looked == c.Untried && e.Record != nil && e.Record.Restore.Unverified() {
		j.unsure(reports.Finding{
			Summary: "no invariant was shown to be able to fail, and there is no manifest: a wrong restore could look the same", Question: reports.BackedUp,
			Hint: "give an invariant Breaks: one UPDATE, INSERT or DELETE that breaks it, which is rolled back",
		})
	}
	return j.done()
}

func (Invariants) judge(j *judgement, a asked[Invariant]) {
	i := a.Question
	name := fmt.Sprintf("invariant %q", i.Name)
	j.res.Covered.Planned++
	if f := unanswered(name, i.Database, a.Error, a.Answer); f != nil {
		j.unsure(*f)
		return
	}
	if a.Answer.Total > 0 {
		j.res.Covered.Looked++
		f := reports.Finding{
			Summary: fmt.Sprintf("%s is broken by %s: %s", name, plural(a.Answer.Total, "row"), i.Reason), Where: reports.Place{Database: i.Database},
			Wanted: "no row", Found: plural(a.Answer.Total, "row"), Question: reports.BackedUp, Hint: "look whether it was broken before the backup as well; if not, the restore has lost or changed rows",
		}
		for _, row := range a.Answer.Rows[:min(len(a.Answer.Rows), exampleLimit)] {
			f.Examples = append(f.Examples, rowText(a.Answer.Columns, row))
		}
		j.fail(f)
		return
	}
	if i.Of != "" {
		if f := unanswered(name, i.Database, "", a.Of); f != nil {
			j.unsure(*f)
			return
		}
		text, ok, err := single(a.Of)
		n, parse := strconv.ParseInt(text, 10, 64)
		switch {
		case err != nil || !ok || parse != nil:
			j.unsure(unsure(fmt.Sprintf("%s: Of did not return one number", name)))
			return
		case n == 0 && !i.MayBeEmpty:
			j.unsure(reports.Finding{
				Summary: name + " speaks about no row: it says nothing of what came back", Where: reports.Place{Database: i.Database}, Question: reports.BackedUp,
				Hint: "look whether the restore stopped before the rows came back; where there may be none, say so (MayBeEmpty)",
			})
			return
		case n == 0:
			j.res.Covered.Planned--
			j.note(reports.Finding{Summary: name + " speaks about no row: it says nothing of what came back", Where: reports.Place{Database: i.Database}})
			return
		}
		j.res.Covered.Rows += n
	}
	if i.Breaks != "" {
		if f := unanswered(name, i.Database, "", a.Broken, a.After); f != nil {
			j.unsure(*f)
			return
		}
		switch {
		case a.Broken.Total == 0:
			j.unsure(reports.Finding{
				Summary: fmt.Sprintf("%s holds even after the change that must break it (%s changed): it may never fail", name, plural(a.Changed, "row")), Where: reports.Place{Database: i.Database},
				Hint: "correct the statement, or the change; where the table is empty, there is nothing to look at",
			})
			return
		case a.After.Total != 0:
			j.unsure(unsure(name + " is still broken after the change was rolled back: the store is not as it was restored"))
			return
		}
	} else {
		j.res.Covered.Untried++
		j.note(reports.Finding{Summary: name + ": not shown that it can fail: it has no Breaks", Where: reports.Place{Database: i.Database}})
	}
	j.res.Covered.Looked++
}

// Spoil lets the first invariant be broken.
func (c Invariants) Spoil(e *Evidence) (string, bool) {
	return spoilAnswer[Invariant](e, c.Name(), "a row that breaks an invariant", func(a *asked[Invariant]) {
		a.Answer = &fixtures.Answer{Total: 1}
	})
}

// spoilAnswer changes the first answer.
func spoilAnswer[Q comparable](e *Evidence, check, what string, change func(*asked[Q])) (string, bool) {
	all, err := answersTo[Q](e, check, nil)
	if err != nil {
		return "", false
	}
	change(&all[0])
	b, err := json.Marshal(all)
	if err != nil {
		return "", false
	}
	e.Extra[check] = b
	return what, true
}
