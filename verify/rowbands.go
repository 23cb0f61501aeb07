package verify

import (
	"context"
	"fmt"
	"strconv"

	"github.com/recoverydrill/gameday/fixtures"
	"github.com/recoverydrill/gameday/reports"
)

// RowBand says between which numbers the rows of a table lie.
type RowBand struct {
	Database string `json:"database"` // "" is the one that the store is entered by
	Table    string `json:"table"`    // as it stands in SQL: "public.orders"; required
	Least    int64  `json:"least"`    // at least 1: a table that may be empty has no band
	Most     int64  `json:"most"`     // 0 is no limit
}

// Check says what is missing.
func (b RowBand) Check() error {
	if b.Table == "" || b.Least < 1 || (b.Most != 0 && b.Most < b.Least) {
		return fmt.Errorf("row band of %q: want a Table, and Least from 1 up to Most", b.Table)
	}
	return nil
}

// RowBands tells a table that came back empty, in half or twice. It says nothing of what is in the rows.
type RowBands struct{ All []RowBand }

var (
	_ Check     = RowBands{}
	_ Collector = RowBands{}
	_ Toothed   = RowBands{}
)

// Name is "row bands".
func (RowBands) Name() string { return "row bands" }

// Promise is what a passed check means.
func (RowBands) Promise() string {
	return "each of these tables has about as many rows as it should have"
}

// Collect counts the rows.
func (c RowBands) Collect(ctx context.Context, sys fixtures.System) ([]byte, error) {
	return askAll(ctx, sys, c.All, func(s fixtures.Asker, a *asked[RowBand]) error {
		answer, err := s.Ask(ctx, a.Question.Database, "SELECT count(*) FROM "+a.Question.Table)
		a.Answer = &answer
		return err
	})
}

// Judge holds each count against its band.
func (c RowBands) Judge(_ context.Context, e *Evidence) reports.CheckResult {
	const what = "tables"
	all, err := answersTo(e, c.Name(), c.All)
	if err != nil {
		return inconclusive(what, unsure(err.Error()))
	}
	j := judging(what)
	j.res.Questions = []reports.Question{reports.BackedUp}
	for _, a := range all {
		b := a.Question
		j.res.Covered.Planned++
		if f := unanswered("the rows of "+b.Table, b.Database, a.Error, a.Answer); f != nil {
			j.unsure(*f)
			continue
		}
		text, ok, err := single(a.Answer)
		n, parse := strconv.ParseInt(text, 10, 64)
		if err != nil || !ok || parse != nil {
			j.unsure(unsure(fmt.Sprintf("the rows of %s could not be counted", b.Table)))
			continue
		}
		j.res.Covered.Looked++
		j.res.Covered.Rows += n
		if n < b.Least || (b.Most != 0 && n > b.Most) {
			wanted := plural(b.Least, "row") + " or more"
			if b.Most != 0 {
				wanted = fmt.Sprintf("%d to %s", b.Least, plural(b.Most, "row"))
			}
			j.fail(reports.Finding{
				Summary: fmt.Sprintf("%s has %s, wanted are %s", b.Table, plural(n, "row"), wanted), Where: reports.Place{Database: b.Database, Table: b.Table}, Wanted: wanted, Found: plural(n, "row"),
				Question: reports.BackedUp, Hint: "look whether the backup holds the whole table, and whether it was loaded once",
			})
		}
	}
	return j.done()
}

// Spoil empties the first table.
func (c RowBands) Spoil(e *Evidence) (string, bool) {
	return spoilAnswer[RowBand](e, c.Name(), "a table without a row", func(a *asked[RowBand]) {
		none := "0"
		a.Answer = &fixtures.Answer{Total: 1, Rows: [][]*string{{&none}}}
	})
}
