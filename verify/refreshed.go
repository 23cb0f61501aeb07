package verify

import (
	"fmt"

	"github.com/recoverydrill/gameday/fixtures"
	"github.com/recoverydrill/gameday/reports"
)

const materializedView = "materialized view" // a [fixtures.Table.Kind]

// mayBeRefreshed is what the scenario says of a materialized view that the recovery fills anew; nil where that is nothing,
// while the damage itself is looked for, and where the recovery must leave everything as it is.
func mayBeRefreshed(e *Evidence, database string, want fixtures.Table) *reports.RefreshedView {
	if e.Record == nil || e.Record.Recovery == nil || e.Record.MustRefuse || e.asDamaged || want.Kind != materializedView {
		return nil
	}
	for i := range e.Record.Refreshed {
		if v := &e.Record.Refreshed[i]; v.Database == database && v.View == want.FullName() {
			return v
		}
	}
	return nil
}

// refreshedAsAllowed judges a materialized view that holds other rows than at the mark: they are right where the scenario
// allows a refresh and the view holds what its query gives over the rows that came back, which are judged by themselves. It is
// false where they are not, of which the finding is yet to be made.
func refreshedAsAllowed(e *Evidence, j *judgement, database string, want, got fixtures.Table) bool {
	v := mayBeRefreshed(e, database, want)
	if v == nil || got.Refreshed == nil || got.Kind != want.Kind {
		return false
	}
	name := tableName(database, want)
	if got.Refreshed.Error != "" {
		j.unsure(reports.Finding{
			Summary: fmt.Sprintf("%s holds other rows than at the mark, and what its query gives could not be read: %s", name, got.Refreshed.Error),
			Where:   place(database, want), Question: reports.BackedUp,
			Hint: "let the account that surveys the store read whatever the view's query reads",
		})
		return true
	}
	if !holdsItsQuery(got) {
		return false
	}
	j.note(reports.Finding{
		Summary: fmt.Sprintf("%s was refreshed: it holds the %s that its query gives, and no longer the %d of the mark: %s", name, plural(got.Rows, "row"), want.Rows, v.Reason),
		Where:   place(database, want), Question: reports.BackedUp,
	})
	return true
}

// holdsItsQuery is true of a materialized view that is known to hold just what its query gives.
func holdsItsQuery(got fixtures.Table) bool {
	r := got.Refreshed
	return r != nil && r.Error == "" && r.Rows == got.Rows && r.Digest == got.Digest
}

// hintRefresh tells whoever reads of a materialized view's rows that a refresh would explain them.
func hintRefresh(f reports.Finding, got fixtures.Table) reports.Finding {
	if holdsItsQuery(got) {
		f.Hint = "it holds what its query gives now: the recovery has refreshed it, as a logical restore does. If that is as it should be, name the view in Scenario.Refreshed"
	}
	return f
}

// noSuchViews are views of the scenario's that the mark does not know: a slip there would hide nothing today and much later.
func noSuchViews(e *Evidence, j *judgement, base map[tableID]*fixtures.Table) {
	if e.Record == nil {
		return
	}
	for _, v := range e.Record.Refreshed {
		if t := base[tableID{v.Database, v.View}]; t == nil || t.Kind != materializedView {
			j.unsure(unsure(fmt.Sprintf("the scenario lets %s be refreshed, which is no materialized view of the mark", v.Name())))
		}
	}
}
