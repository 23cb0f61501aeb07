package verify

import (
	"fmt"

	"github.com/recoverydrill/gameday/fixtures"
	"github.com/recoverydrill/gameday/reports"
)

// exampleLimit is how many rows or lines a finding shows, keyLimit how many keys it names for other code to use.
const (
	exampleLimit = 10
	keyLimit     = 20
)

// judgement collects what a check finds, and turns it into a result.
type judgement struct{ res reports.CheckResult }

func judging(what string) *judgement {
	return &judgement{res: reports.CheckResult{Covered: reports.Coverage{What: what}}}
}

func (j *judgement) add(f reports.Finding) { j.res.Findings = append(j.res.Findings, f) }

func (j *judgement) fail(f reports.Finding) { f.Outcome = reports.Failed; j.add(f) }

func (j *judgement) unsure(f reports.Finding) { f.Outcome = reports.Inconclusive; j.add(f) }

func (j *judgement) note(f reports.Finding) { f.Outcome = reports.Passed; j.add(f) }

// done takes the worst finding as the outcome. Coverage is held against it by [Judge].
func (j *judgement) done() reports.CheckResult {
	all := []reports.Outcome{reports.Passed}
	for _, f := range j.res.Findings {
		all = append(all, f.Outcome)
	}
	j.res.Outcome, j.res.Total = reports.Worst(all...), len(j.res.Findings)
	return j.res
}

// unsure is a finding that something could not be judged.
func unsure(summary string) reports.Finding {
	return reports.Finding{Outcome: reports.Inconclusive, Summary: summary}
}

// inconclusive is the result of a check that could not begin.
func inconclusive(what string, findings ...reports.Finding) reports.CheckResult {
	j := judging(what)
	for _, f := range findings {
		j.unsure(f)
	}
	return j.done()
}

// tableName is what people call a table: database.table, with the schema only where it says something.
func tableName(database string, t fixtures.Table) string {
	if t.Schema == "" || t.Schema == "public" || t.Schema == database {
		return database + "." + t.Name
	}
	return database + "." + t.FullName()
}

func place(database string, t fixtures.Table) reports.Place {
	return reports.Place{Database: database, Table: t.FullName()}
}

// plural puts a number before its noun.
func plural(n int64, noun string) string {
	if n == 1 {
		return fmt.Sprintf("%d %s", n, noun)
	}
	return fmt.Sprintf("%d %ss", n, noun)
}

// seconds shows a span of the drill's clock.
func seconds(ns int64) string { return fmt.Sprintf("%.3f s", float64(ns)/1e9) }

// milliseconds rounds up: a loss or an outage is never made smaller.
func milliseconds(ns int64) int64 {
	if ns <= 0 {
		return 0
	}
	return (ns + 999_999) / 1_000_000
}
