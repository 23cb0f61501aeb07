package drill

import (
	"fmt"
	"slices"

	"github.com/recoverydrill/gameday/faults"
	"github.com/recoverydrill/gameday/fixtures"
	"github.com/recoverydrill/gameday/fixtures/probe"
	"github.com/recoverydrill/gameday/reports"
)

// RestCanaryMaker is an optional ability of a system: a canary for all rows of a table but some, whose right answer comes
// from a manifest.
type RestCanaryMaker interface {
	RestCanary(m *fixtures.Manifest, dir, database, table string, but []string) (probe.Canary, error)
}

// watchRest notes which rows the fault has hit of the tables that may lose some, and lets the service clock ask about all
// other rows of these tables instead of about the ones that may never come back. It returns the damaged rows of every
// other table.
func (d *Drill) watchRest(f faults.Fault, damaged []faults.Rows) ([]faults.Rows, error) {
	for _, l := range d.rec.Objective.LostRows {
		var hit []string
		if loc, ok := f.(faults.Locator); ok {
			for _, r := range loc.Hit() {
				if r.Database == l.Database && r.Table == l.Table {
					hit = append(hit, r.Keys...)
				}
			}
		}
		if len(hit) == 0 {
			return nil, fmt.Errorf("the objective lets rows of %s be lost, and the fault does not say which rows of it it has hit", l.Table)
		}
		if place := (reports.Place{Database: l.Database, Table: l.Table, Keys: hit}); !slices.ContainsFunc(d.rec.Fault.Hit, func(p reports.Place) bool {
			return p.Database == l.Database && p.Table == l.Table
		}) {
			d.rec.Fault.Hit = append(d.rec.Fault.Hit, place)
		}
		maker, ok := d.sys.(RestCanaryMaker)
		if !ok {
			return nil, d.lacks("drill.RestCanaryMaker", "ask about the rows that must not be lost of "+l.Table)
		}
		rest, err := maker.RestCanary(d.latest.manifest, d.path(d.latest.dir), l.Database, l.Table, hit)
		if err != nil {
			return nil, fmt.Errorf("ask about the rows that must not be lost: %w", err)
		}
		about := func(c probe.Canary) bool { return asksAbout(c, l.Database, l.Table) }
		d.rec.Canaries = append(slices.DeleteFunc(slices.Clone(d.rec.Canaries), about), rest)
		damaged = slices.DeleteFunc(slices.Clone(damaged), func(r faults.Rows) bool { return r.Database == l.Database && r.Table == l.Table })
	}
	return damaged, nil
}
