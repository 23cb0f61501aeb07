package verify

import (
	"context"
	"fmt"

	"github.com/recoverydrill/gameday/fixtures"
	"github.com/recoverydrill/gameday/fixtures/traffic"
	"github.com/recoverydrill/gameday/reports"
)

// Identity wants the recovered store to be the one that was lost, and the same one for every piece of evidence: the
// manifest's, and the one whose rows were held against the ledger.
type Identity struct {
	// AllowNewSystem accepts a new system identifier, as a logical restore into a new server has. The token, which
	// travels with the data, must be the same either way.
	AllowNewSystem bool
}

var _ Check = Identity{}

// Name is "identity".
func (Identity) Name() string { return "identity" }

// Promise is what a passed check means.
func (Identity) Promise() string {
	return "what clients reach is the store that was lost, and not another one like it"
}

// Judge compares the identities in the manifests, and the manifest's row counts with the rows read for the ledger.
func (i Identity) Judge(_ context.Context, e *Evidence) reports.CheckResult {
	const what = "marks of identity"
	e = e.untouched()
	if bad := notComparable(e); len(bad) > 0 {
		return inconclusive(what, bad...)
	}
	want, got := e.Baseline.Identity, e.Found.Identity
	j := judging(what)
	j.res.Questions = []reports.Question{reports.Findable, reports.InService}
	j.res.Covered.Planned = 2
	const hint = "look where the route points, and whose backup was restored"
	switch {
	case want.Token == "" || got.Token == "":
		j.unsure(reports.Finding{Summary: "a manifest holds no identity token: whose store it was is not known", Hint: hint, Question: reports.Findable})
	case want.Token != got.Token:
		j.res.Covered.Looked++
		// Not shown: the token is a secret of the run.
		j.fail(reports.Finding{Summary: "the recovered store carries another identity token: it is another store, or from another store's backup", Hint: hint, Question: reports.Findable})
	default:
		j.res.Covered.Looked++
	}
	switch {
	case want.System == "" || got.System == "":
		j.unsure(reports.Finding{Summary: "a manifest holds no system identifier: whose store it was is not known", Hint: hint, Question: reports.Findable})
	case want.System != got.System && !i.AllowNewSystem:
		j.res.Covered.Looked++
		j.fail(reports.Finding{
			Summary: "the recovered store has another system identifier", Wanted: want.System, Found: got.System, Question: reports.Findable,
			Hint: hint + "; a logical restore into a new server must be declared (Identity.AllowNewSystem)",
		})
	default:
		j.res.Covered.Looked++
	}
	sameStore(j, e)
	return j.done()
}

// sameStore compares the two readings of traffic's tables that were taken through the route with traffic stopped.
func sameStore(j *judgement, e *Evidence) {
	if e.Rows == nil {
		return // the ledger's check cannot pass then
	}
	read := map[string]int64{}
	for _, r := range e.Rows {
		read[r.Table]++
	}
	for _, name := range traffic.Tables() {
		t := trafficTable(e.Found, name)
		if base := trafficTable(e.Baseline, name); t == nil && base == nil {
			continue
		}
		j.res.Covered.Planned++
		if t == nil || t.Error != "" {
			j.unsure(unsure(fmt.Sprintf("the manifest of the recovered store does not say how many rows %s has", trafficName(e.Baseline, name))))
			continue
		}
		j.res.Covered.Looked++
		if t.Rows != read[name] {
			j.unsure(reports.Finding{
				Summary: fmt.Sprintf("%s has %s in the manifest and %d when its rows were read: they are of different stores or moments", t.FullName(), plural(t.Rows, "row"), read[name]),
				Where:   reports.Place{Database: trafficDatabase(e.Found), Table: t.FullName()},
				Hint:    "something writes while the store is verified, or the route leads to more than one server",
			})
		}
	}
}

// settingsByName indexes durability settings.
func settingsByName(all []fixtures.Setting) map[string]fixtures.Setting {
	m := make(map[string]fixtures.Setting, len(all))
	for _, s := range all {
		m[s.Name] = s
	}
	return m
}
