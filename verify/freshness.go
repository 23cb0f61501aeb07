package verify

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/recoverydrill/gameday/fixtures"
	"github.com/recoverydrill/gameday/reports"
)

// Fresh says how old the newest thing in a store may be.
type Fresh struct {
	Name     string        `json:"name"`     // "the newest order"; required
	Database string        `json:"database"` // "" is the one that the store is entered by
	SQL      string        `json:"sql"`      // returns one time, in UTC where it has no zone, or seconds since 1970; required
	AtMost   time.Duration `json:"at_most"`  // between that time and now; required
}

// Check says what is missing.
func (f Fresh) Check() error {
	if f.Name == "" || f.SQL == "" || f.AtMost <= 0 {
		return fmt.Errorf("freshness %q: want Name, SQL and AtMost", f.Name)
	}
	return nil
}

// Freshness tells a backup of last night from one of last year.
type Freshness struct{ All []Fresh }

var (
	_ Check     = Freshness{}
	_ Collector = Freshness{}
	_ Toothed   = Freshness{}
)

// Name is "freshness".
func (Freshness) Name() string { return "freshness" }

// Promise is what a passed check means.
func (Freshness) Promise() string { return "what came back is no older than it may be" }

// Collect asks the restored store.
func (c Freshness) Collect(ctx context.Context, sys fixtures.System) ([]byte, error) {
	return askAll(ctx, sys, c.All, func(s fixtures.Asker, a *asked[Fresh]) error {
		answer, err := s.Ask(ctx, a.Question.Database, a.Question.SQL)
		a.Answer = &answer
		return err
	})
}

// ahead is how far a store's clock may be ahead of the harness's.
const ahead = 5 * time.Minute

// Judge holds each time against the moment when it was asked for.
func (c Freshness) Judge(_ context.Context, e *Evidence) reports.CheckResult {
	const what = "times"
	all, err := answersTo(e, c.Name(), c.All)
	if err != nil {
		return inconclusive(what, unsure(err.Error()))
	}
	j := judging(what)
	j.res.Questions = []reports.Question{reports.BackedUp, reports.Findable}
	for _, a := range all {
		c.judge(j, a)
	}
	return j.done()
}

func (Freshness) judge(j *judgement, a asked[Fresh]) {
	q := a.Question
	j.res.Covered.Planned++
	if f := unanswered(q.Name, q.Database, a.Error, a.Answer); f != nil {
		j.unsure(*f)
		return
	}
	text, there, err := single(a.Answer)
	if err != nil {
		j.unsure(unsure(fmt.Sprintf("%s: %v", q.Name, err)))
		return
	}
	if !there {
		j.res.Covered.Looked++
		j.fail(reports.Finding{
			Summary: q.Name + " has no time: there is none in what came back", Where: reports.Place{Database: q.Database}, Wanted: "a time of the last " + q.AtMost.String(), Found: "no row, or NULL",
			Question: reports.BackedUp, Hint: "look whether the table came back at all",
		})
		return
	}
	at, err := readTime(text)
	age := a.At.Sub(at)
	switch {
	case err != nil:
		j.unsure(unsure(fmt.Sprintf("%s: %v", q.Name, err)))
		return
	case age < -ahead:
		j.unsure(reports.Finding{
			Summary: fmt.Sprintf("%s lies %s in the future: how old it is cannot be told", q.Name, -age.Round(time.Second)), Where: reports.Place{Database: q.Database}, Found: text,
			Hint: "let the statement return a time in UTC",
		})
		return
	case age > q.AtMost:
		j.fail(reports.Finding{
			Summary: fmt.Sprintf("%s is %s old, %s is the most", q.Name, age.Round(time.Second), q.AtMost), Where: reports.Place{Database: q.Database}, Wanted: "at most " + q.AtMost.String(), Found: text,
			Question: reports.Findable, Hint: "look which backup was restored, and whether newer ones were taken",
		})
	}
	j.res.Covered.Looked++
}

var timeForms = []string{
	time.RFC3339Nano, "2006-01-02 15:04:05.999999999Z07:00", "2006-01-02 15:04:05.999999999Z07", "2006-01-02 15:04:05.999999999", "2006-01-02T15:04:05.999999999", "2006-01-02",
}

// readTime reads a time as servers write it. Without a zone it is in UTC.
func readTime(text string) (time.Time, error) {
	text = strings.TrimSpace(text)
	if n, err := strconv.ParseInt(text, 10, 64); err == nil {
		return time.Unix(n, 0).UTC(), nil
	}
	for _, form := range timeForms {
		if t, err := time.Parse(form, text); err == nil {
			return t.UTC(), nil
		}
	}
	return time.Time{}, fmt.Errorf("%q is no time: want one such as 2026-01-02 03:04:05, in UTC, or seconds since 1970", text)
}

// Spoil makes the first time a century older.
func (c Freshness) Spoil(e *Evidence) (string, bool) {
	return spoilAnswer[Fresh](e, c.Name(), "a time of a century ago", func(a *asked[Fresh]) {
		old := a.At.AddDate(-100, 0, 0).Format(time.RFC3339)
		a.Answer = &fixtures.Answer{Total: 1, Rows: [][]*string{{&old}}}
	})
}
