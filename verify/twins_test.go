package verify

import (
	"slices"

	"github.com/recoverydrill/gameday/fixtures"
	"github.com/recoverydrill/gameday/fixtures/ledger"
	"github.com/recoverydrill/gameday/fixtures/probe"
	"github.com/recoverydrill/gameday/fixtures/traffic"
	"github.com/recoverydrill/gameday/reports"
)

// cleanTwins are recoveries that are right and show a difference all the same.
func cleanTwins() []sabotage {
	none := int64(0)
	return append(examinedTwins(), []sabotage{
		{id: "M", what: "nothing differs"},
		{id: "M", what: "another seed", plot: plot{seed: 99}},
		{id: "M", what: "a sequence moved on by 32", do: func(s *scene) {
			n := int64(1033)
			s.found.database("shop").object("sequence").AtLeast = &n
		}},
		{id: "M", what: "a sequence of which no number was asked", do: onEvidence(func(e *Evidence) {
			for _, d := range e.Baseline.Databases {
				for i := range d.Objects {
					d.Objects[i].AtLeast = nil
				}
			}
		})},
		{id: "M", what: "the timeline is the same", do: func(s *scene) { s.found.identity.Branch = "1" }},
		{id: "M", what: "a restored server has no slot", do: func(s *scene) { s.found.remove("logical slot") }},
		{id: "M", what: "another minor version, size and position", do: onEvidence(func(e *Evidence) {
			e.Found.ServerVersion, e.Found.Position = "17.3", "0/9000000"
			tableOf(e.Found, "payments").Bytes *= 3
		})},
		{id: "M", what: "rows, tables and objects in another order", do: func(s *scene) {
			for _, d := range s.found.databases {
				slices.Reverse(d.tables)
				slices.Reverse(d.objects)
				for _, t := range d.tables {
					slices.Reverse(t.cells)
				}
			}
			s.editRows = append(s.editRows, reversed)
		}},
		{id: "M", what: "no rows files", do: func(s *scene) { s.noRowsFiles = true }},
		{id: "M", what: "the probe wrote on", do: func(s *scene) {
			t := s.found.table("probe")
			t.cells = append(t.cells, []string{"p-2", "later"})
		}},
		{id: "M", what: "every write with unknown outcome is there", plot: plot{seed: 3}, do: unknowns(true)},
		{id: "M", what: "no write with unknown outcome is there", plot: plot{seed: 3}, do: unknowns(false)},
		{id: "M", what: "writes up to the fault survived", plot: plot{recoverTo: injectNS}},
		{id: "M", what: "everything survived", plot: plot{recoverTo: stopNS, noTarget: true}, do: onRecord(func(r *reports.Record) { r.Objective.LostWrites = &none })},
		{id: "M", what: "a clean tail is lost, within the objective", plot: plot{recoverTo: 13 * second, noTarget: true}},
		{id: "M", what: "beside, with a cut-over", plot: plot{beside: true}},
		{id: "M", what: "beside, with two cut-overs and a cut in between", plot: plot{beside: true}, do: onRecord(func(r *reports.Record) {
			c := r.Recovery.CutOvers
			r.Recovery.CutOvers = []fixtures.RouteChange{{Kind: "cut", At: c[0].At}, c[0]}
		})},
		{id: "M", what: "nothing was asked for", do: onRecord(func(r *reports.Record) { r.Objective = reports.Objective{} })},
		{id: "M", what: "the objectives were just met", do: onRecord(func(r *reports.Record) {
			r.Objective.RTOMS = 6253 // answered 3 ms after it was due
		})},
		{id: "M", what: "one late answer long after the recovery", do: answers(23*second, 23*second+20e6, is(probe.Late))},
		{id: "M", what: "one kept connection that had died in the outage", do: answers(23*second+20e6, 23*second+40e6, func(a *probe.Answer) {
			a.Kind, a.Fresh = probe.Failed, false
		})},
		{id: "M", what: "a second start of the server during the recovery", do: answers(stopNS+second/2, stopNS+2*second, is(probe.Correct))},
		{id: "M", what: "the service was held on purpose", do: func(s *scene) {
			answers(23*second, 24*second, is(probe.Failed))(s)
			s.rec.Phases = []reports.Phase{{Name: HoldPhase, StartNS: 23*second - 1, EndNS: 24 * second}}
		}},
		{id: "M", what: "the harness stood still for half a second during the outage", do: answers(18*second, 18*second+second/2, func(a *probe.Answer) {
			a.Kind, a.Stall, a.DoneNS = probe.Late, probe.Stopped, 18*second+second/2
		})},
		{id: "M", what: "an outage: the server died and the data is sound", plot: plot{recoverTo: stopNS, noTarget: true}, do: func(s *scene) {
			answers(injectedNS, backNS, is(probe.Failed))(s)
			s.rec.Fault.Class = "outage"
		}},
		{id: "M", what: "a large objective for a recovery that is slow to say so", do: onRecord(func(r *reports.Record) { r.Recovery.EndedNS = 21 * second })},
		{id: "M", what: "the backup and its log were expired once a new one had been taken", do: collected(Kept{}, func(k *keeping) {
			k.New, k.Backups[0].Gone = []string{"/vault/base/2"}, some{Count: 3}
			k.Lost.add("000000010000000000000004")
		})},
		{id: "M", what: "the recovery ended before service was back", do: onRecord(func(r *reports.Record) { r.Recovery.EndedNS = declaredNS + 1 })},
	}...)
}

// unknowns decides the fate of operations that were sent before the mark and never answered. One that is there brings
// all its rows: the store held them before the mark too.
func unknowns(there bool) func(*scene) {
	return func(s *scene) {
		for i, o := range s.ops {
			if o.Outcome == ledger.Unknown && o.InvokeNS <= markNS {
				s.ops[i].Error = "lost request"
				delete(s.survived, o.ID)
				if there {
					s.ops[i].Error = "lost answer"
					s.survived[o.ID] = true
				}
			}
		}
	}
}

func reversed(all []traffic.Row) []traffic.Row {
	slices.Reverse(all)
	return all
}
