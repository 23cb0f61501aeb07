package verify

import (
	"path/filepath"
	"strings"
	"testing"

	"github.com/recoverydrill/gameday/fixtures"
	"github.com/recoverydrill/gameday/fixtures/probe"
	"github.com/recoverydrill/gameday/reports"
)

// refuses turns the scene into one in which the recovery had to refuse, and did.
func (s *scene) refuses() {
	s.rec.MustRefuse, s.rec.Target = true, nil
	s.rec.Objective.RTOMS = 0
	s.rec.Recovery.ExitCode, s.rec.Recovery.Refused = 3, "the primary answers"
	s.rec.Recovery.Error = "restore.sh ended with exit status 3"
	for i := range s.probe {
		a := &s.probe[i]
		a.Kind, a.Error = probe.Correct, ""
		if s.plot.refuse == "damaged" && a.AtNS >= injectedNS && a.Canary == "shop.payments" {
			a.Kind, a.Error = probe.Wrong, "wrong answer"
		}
	}
	if s.plot.refuse == "healthy" {
		s.rec.Fault.Silent = true
		return
	}
	s.rec.Fault.ProofTotal = 1
	s.found.table("payments").cells[0][1] = "0.00" // what the fault has done
	s.edit = append(s.edit, func(e *Evidence) {
		damaged := s.found.manifest(s, filepath.Join(e.Dir, reports.DamagedDir), e.Rows, injectNS+second)
		e.Damaged = damaged
	})
}

// wrongRefusals are recoveries that had to refuse.
func wrongRefusals() []sabotage {
	const f, any = reports.Failed, reports.Inconclusive
	healthy, damaged := plot{refuse: "healthy"}, plot{refuse: "damaged"}
	byRecovery := func(edit func(r *reports.Recovery)) func(*scene) {
		return onRecord(func(r *reports.Record) { edit(r.Recovery) })
	}
	changed := func(s *scene) { s.found.table("customers").cells[0][1] = "nobody" }
	return []sabotage{
		{"R1", "it went on, and nothing broke", "refusal", healthy, byRecovery(func(r *reports.Recovery) { r.Refused, r.ExitCode, r.Error = "", 0, "" }), f},
		{"R1", "it said that it refuses, and ended with success", "refusal", healthy, byRecovery(func(r *reports.Recovery) { r.ExitCode, r.Error = 0, "" }), f},
		{"R1", "it failed and did not say refuse", "refusal", healthy, byRecovery(func(r *reports.Recovery) { r.Refused = "" }), f},
		{"R1", "it failed and did not say refuse, on a damaged store", "refusal", damaged, byRecovery(func(r *reports.Recovery) { r.Refused = "" }), f},
		{"R1", "it never ended", "refusal", healthy, byRecovery(func(r *reports.Recovery) { r.EndedNS = 0 }), any},
		{"R2", "it sent clients elsewhere first", "refusal", healthy, byRecovery(func(r *reports.Recovery) {
			r.CutOvers = []fixtures.RouteChange{{Kind: "cut over", Target: "spare:5432"}}
		}), f},
		{"R2", "it would have sent clients elsewhere, and was kept from it", "refusal", healthy, byRecovery(func(r *reports.Recovery) { r.Tried = []string{"elsewhere:5432"} }), f},
		{"R2", "a healthy row was changed before it refused", "contents", healthy, changed, f},
		{"R2", "a sound row of the damaged store was changed before it refused", "contents", damaged, func(s *scene) {
			s.edit = append(s.edit, func(e *Evidence) {
				changed(s)
				e.Found = s.found.manifest(s, filepath.Join(e.Dir, e.FoundDir), e.Rows, endNS+second/2)
			})
		}, f},
		{"R2", "it repaired the damaged row, which it had to leave", "contents", damaged, func(s *scene) {
			s.edit = append(s.edit, func(e *Evidence) {
				e.Found = s.base.manifest(s, filepath.Join(e.Dir, e.FoundDir), e.Rows, endNS+second/2)
			})
		}, f},
		{"R2", "a dropped table is half restored", "contents", damaged, func(s *scene) {
			s.edit = append(s.edit, func(e *Evidence) {
				t := tableOf(e.Damaged, "notes")
				t.Error, t.Damaged = "table public.notes is missing", true
			})
		}, f},
		{"R2", "a write is gone", "refusal", healthy, loseLast, f},
		{"R2", "clients lost service while it looked", "service", healthy, answers(declaredNS+second, declaredNS+2*second, is(probe.Failed)), f},
		{"R2", "clients waited for a second while it looked", "service", healthy, answers(declaredNS+second, declaredNS+2*second+100e6, is(probe.Late)), f},
		{"R2", "clients of the damaged store lost service", "service", damaged, answers(declaredNS+second, declaredNS+2*second, is(probe.Failed)), f},
		{"Z13", "answers were late while it looked", "service", healthy, answers(declaredNS+second, declaredNS+second+200e6, is(probe.Late)), any},
		{"Z13", "the alarm was not false", "service", healthy, answers(injectNS+second, injectNS+2*second, is(probe.Failed)), any},
		{"Z13", "nobody watched after the refusal", "service", healthy, func(s *scene) { s.probe = s.probe[:declaredNS/20e6] }, any},
		{"Z13", "nobody surveyed the damaged store", "contents", damaged, onEvidence(func(e *Evidence) { e.Damaged = nil }), any},
		{"Z13", "the damaged store was surveyed before the damage", "contents", damaged, onEvidence(func(e *Evidence) { e.Damaged.Taken = e.Baseline.Taken }), any},
		{"Z13", "there is no ledger of a refusal", "refusal", healthy, onEvidence(func(e *Evidence) { e.Ops = nil }), any},
		{"R3", "the outage stays after it was healed", "service", healthy, func(s *scene) {
			s.rec.Fault.HealedNS = endedNS
			answers(injectedNS, endNS, is(probe.Failed))(s)
		}, f},
	}
}

// loseLast takes the last operation before the recovery away, as if it had been rolled back.
func loseLast(s *scene) {
	for i := len(s.ops) - 1; i >= 0; i-- {
		if op := s.ops[i]; op.InvokeNS < declaredNS && op.Kind == "insert" {
			delete(s.survived, op.ID)
			return
		}
	}
}

func TestRefusalsThatAreRightPass(t *testing.T) {
	for name, do := range map[string]func(*scene){
		"":                nil,
		"one late answer": answers(declaredNS+second, declaredNS+second+20e6, is(probe.Late)),
		"an outage that was healed": func(s *scene) {
			if s.plot.refuse == "healthy" {
				s.rec.Fault.HealedNS = endedNS
				answers(injectedNS, endedNS+second/2, is(probe.Failed))(s)
			}
		},
		"a table that was gone and stays gone": func(s *scene) {
			s.edit = append(s.edit, func(e *Evidence) {
				if e.Damaged == nil {
					return
				}
				for _, m := range []*fixtures.Manifest{e.Damaged, e.Found} {
					t := tableOf(m, "notes")
					t.Error, t.Damaged, t.Rows, t.Digest, t.Buckets = "table public.notes is missing", true, 0, fixtures.Digest{}, nil
				}
			})
		},
	} {
		for _, p := range []plot{{refuse: "healthy"}, {refuse: "damaged"}} {
			t.Run(p.refuse+" "+name, func(t *testing.T) {
				s := newScene(t, p)
				if do != nil {
					do(s)
				}
				e := s.build()
				if o, r := judged(t, e, Default()); o != reports.Passed {
					t.Errorf("outcome %v%s", o, describeResults(r))
				}
				rec := *e.Record
				Summarise(&rec, e)
				if rec.Service.Reached {
					t.Error("a refusal reached an RTA")
				}
			})
		}
	}
}

// Where the scenario does not want it, a refusal is a recovery that failed, and says why.
func TestRefusalThatNobodyWants(t *testing.T) {
	s := newScene(t, plot{})
	s.rec.Recovery.ExitCode, s.rec.Recovery.Refused = 1, "the log has a gap"
	o, r := judged(t, s.build(), []Check{FaultProven{}})
	if o != reports.Failed || !strings.Contains(describeResults(r), "the recovery refused: the log has a gap") {
		t.Errorf("outcome %v%s", o, describeResults(r))
	}
}
