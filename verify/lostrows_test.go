package verify

import (
	"slices"
	"strings"
	"testing"

	"github.com/recoverydrill/gameday/reports"
)

// A table of which rows on a damaged block may be lost: those rows, as many as the objective says, and nothing else.
func TestOnlyRowsOnDamagedStorageMayBeLost(t *testing.T) {
	without := func(ids ...string) func(*scene) {
		return func(s *scene) {
			p := s.found.table("payments")
			p.cells = slices.DeleteFunc(slices.Clone(p.cells), func(c []string) bool { return slices.Contains(ids, c[0]) })
		}
	}
	for _, c := range []struct {
		name    string
		harm    func(s *scene, ids []string)
		outcome reports.Outcome
		finding string // of the check "contents"
	}{
		{"all three that lay there are gone", func(s *scene, ids []string) { without(ids[:3]...)(s) }, reports.Passed, "3 of 1000 rows lost, which the objective allows: no backup"},
		{"one of them is gone", func(s *scene, ids []string) { without(ids[1])(s) }, reports.Passed, "1 of 1000 rows lost"},
		{"none is gone", func(*scene, []string) {}, reports.Passed, ""},
		{"one is gone that lay elsewhere", func(s *scene, ids []string) { without(ids[0], ids[7])(s) }, reports.Failed, "1 row missing that the fault had not hit"},
		{"one is changed", func(s *scene, ids []string) {
			without(ids[0])(s)
			p := s.found.table("payments")
			p.cells[5] = slices.Clone(p.cells[5])
			p.cells[5][1] = "0.01"
		}, reports.Failed, "1 rows changed and 0 extra, where only a loss is allowed"},
		{"more are gone than the objective allows", func(s *scene, ids []string) {
			s.rec.Objective.LostRows[0].Most = 2
			without(ids[:3]...)(s)
		}, reports.Failed, "3 rows missing, the objective allows 2"},
		{"nothing says what the fault has hit", func(s *scene, ids []string) {
			s.rec.Fault.Hit = nil
			without(ids[0])(s)
		}, reports.Failed, "1 row missing that the fault had not hit"},
		{"there is no list of rows", func(s *scene, ids []string) {
			s.noRowsFiles = true
			without(ids[0])(s)
		}, reports.Failed, "no list of rows"},
		{"the same in another table", func(s *scene, _ []string) {
			p := s.found.table("customers")
			p.cells = p.cells[1:]
		}, reports.Failed, "customers"},
	} {
		s := newScene(t, plot{})
		var ids []string
		for _, row := range s.base.table("payments").cells[100:110] {
			ids = append(ids, row[0])
		}
		schema := s.base.table("payments").FullName()
		s.rec.Objective.LostRows = []reports.LostRows{{Database: "shop", Table: schema, Most: 3, Reason: "no backup"}}
		s.rec.Fault.Hit = []reports.Place{{Database: "shop", Table: schema, Keys: ids[:3]}}
		c.harm(s, ids)
		e := s.build()
		_, results := judged(t, e, []Check{Contents{}})
		r := results[0]
		said := ""
		for _, f := range r.Findings {
			said += f.Summary + "\n"
		}
		if r.Outcome != c.outcome || !strings.Contains(said, c.finding) || (c.finding == "" && said != "") {
			t.Errorf("%s: %s, %q; want %s and %q", c.name, r.Outcome, said, c.outcome, c.finding)
		}
	}
}

// What may be lost by the recovery still proves the damage.
func TestAnAllowedLossStillProvesTheDamage(t *testing.T) {
	s := newScene(t, plot{})
	p := s.found.table("payments")
	key := p.cells[0][0]
	p.cells = p.cells[1:]
	s.rec.Objective.LostRows = []reports.LostRows{{Database: "shop", Table: p.FullName(), Most: 3, Reason: "no backup"}}
	s.rec.Fault.Hit = []reports.Place{{Database: "shop", Table: p.FullName(), Keys: []string{key}}}
	e := s.build()
	s.rec.Recovery = nil
	e.Record.Recovery = nil
	findings, err := DamageProof(t.Context(), e, []Check{Contents{}})
	if err != nil || len(findings) != 1 {
		t.Errorf("%d findings, %v; want the one lost row", len(findings), err)
	}
}
