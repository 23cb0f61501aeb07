package verify

import (
	"slices"
	"time"

	"github.com/recoverydrill/gameday/fixtures"
	"github.com/recoverydrill/gameday/fixtures/ledger"
	"github.com/recoverydrill/gameday/fixtures/probe"
	"github.com/recoverydrill/gameday/fixtures/traffic"
	"github.com/recoverydrill/gameday/reports"
)

// answers changes the answers due between two moments.
func answers(from, to int64, edit func(a *probe.Answer)) func(*scene) {
	return func(s *scene) {
		for i := range s.probe {
			if a := &s.probe[i]; a.AtNS >= from && a.AtNS < to {
				edit(a)
			}
		}
	}
}

func is(kind probe.Kind) func(a *probe.Answer) {
	return func(a *probe.Answer) { a.Kind = kind }
}

func onRecord(edit func(r *reports.Record)) func(*scene) { return func(s *scene) { edit(s.rec) } }

func onEvidence(edit func(e *Evidence)) func(*scene) {
	return func(s *scene) { s.edit = append(s.edit, edit) }
}

// wrongService is a store that is right and does not serve, serves too late, or is not safe.
func wrongService() []sabotage {
	const f, any = reports.Failed, reports.Inconclusive
	setting := func(name, value string, ok bool) func(*scene) {
		return func(s *scene) {
			for i := range s.after {
				if s.after[i].Name == name {
					s.after[i].Value, s.after[i].OK = value, ok
				}
			}
		}
	}
	none := int64(0)
	return []sabotage{
		{"F1", "fsync is off", "durability", plot{}, setting("fsync", "off", false), f},
		{"F1", "full_page_writes is off", "durability", plot{}, setting("full_page_writes", "off", false), f},
		{"F4", "the archive is off", "durability", plot{}, setting("archive_mode", "off", false), f},
		{"F1", "one setting was not read back", "durability", plot{}, func(s *scene) { s.after = s.after[1:] }, any},
		{"F1", "no setting was read back", "durability", plot{}, func(s *scene) { s.after = nil }, any},
		{"F1", "the settings were not durable before", "durability", plot{}, onRecord(func(r *reports.Record) { r.Settings[0].OK = false }), any},
		{"G1", "the server is read-only", "service", plot{}, answers(backNS, endNS, is(probe.Failed)), f},
		{"G1", "one canary stays wrong", "service", plot{}, func(s *scene) {
			for i := range s.probe {
				if a := &s.probe[i]; a.AtNS >= backNS && a.Canary == "shop.audit" {
					a.Kind = probe.Wrong
				}
			}
		}, f},
		{"G16", "no new connection is possible", "service", plot{}, func(s *scene) {
			for i := range s.probe {
				if a := &s.probe[i]; a.AtNS >= backNS && a.Fresh {
					a.Kind = probe.Failed
				}
			}
		}, f},
		{"H2", "service was lost again after the recovery", "service", plot{}, answers(23*second, 23*second+second/2, is(probe.Failed)), f},
		{"H2", "service was wrong once after the recovery", "service", plot{}, answers(23*second, 23*second+20e6, is(probe.Wrong)), f},
		{"H2", "service stutters after the recovery", "service", plot{}, func(s *scene) {
			for at := 22 * second; at < 25*second; at += second / 2 {
				answers(at, at+20e6, is(probe.Late))(s)
			}
		}, f},
		{"H2", "service is late three times in a row after the recovery", "service", plot{}, answers(23*second, 23*second+60e6, is(probe.Late)), f},
		{"H2", "service is gone at the end", "service", plot{}, answers(endNS-60e6, endNS, is(probe.Late)), f},
		{"H2", "the outage took too long", "objectives", plot{}, onRecord(func(r *reports.Record) { r.Objective.RTOMS = 6249 }), f},
		{"G8", "a lagging standby was promoted: too many writes are gone", "objectives", plot{}, onRecord(func(r *reports.Record) { r.Objective.LostWrites = &none }), f},
		{"A5", "too long a time is gone", "objectives", plot{}, onRecord(func(r *reports.Record) { r.Objective.RPOMS = 3000 }), f},
		{"G3", "the route leads to the old store", "cut-over", plot{beside: true}, func(s *scene) { s.found.identity.Branch = "1" }, any},
		{"G3", "the route is still cut", "cut-over", plot{}, onRecord(func(r *reports.Record) {
			r.Recovery.CutOvers = []fixtures.RouteChange{{Kind: "cut", At: r.Started.Add(time.Duration(startNS))}}
		}), f},
		{"H1", "the recovery exited with 3", "fault", plot{}, onRecord(func(r *reports.Record) { r.Recovery.ExitCode = 3 }), f},
		{"H1", "the recovery could not be run", "fault", plot{}, onRecord(func(r *reports.Record) { r.Recovery.Error = "no such file" }), f},
		{"H1", "the recovery never ended", "fault", plot{}, onRecord(func(r *reports.Record) { r.Recovery.EndedNS = 0 }), any},
		{"H1", "nobody recovered anything", "fault", plot{}, onRecord(func(r *reports.Record) { r.Recovery = nil }), any},
		{"H1", "the fault took no effect", "fault", plot{}, onRecord(func(r *reports.Record) { r.Fault.Proven = false }), any},
		{"H1", "there was no fault", "fault", plot{}, onRecord(func(r *reports.Record) { r.Fault = nil }), any},
	}
}

// blindVerifier are attacks on the verifier: it looks away, at the wrong thing, or at nothing.
func blindVerifier() []sabotage {
	const any = reports.Inconclusive
	return []sabotage{
		{"Z1", "the baseline is from another drill", "contents", plot{}, onEvidence(func(e *Evidence) { e.Record.Nonce = "other" }), any},
		{"Z1", "the baseline is from another drill, and the record is too", "contents", plot{}, onEvidence(func(e *Evidence) { e.Baseline.Nonce = "other" }), any},
		{"Z1", "the baseline was taken after the damage", "contents", plot{}, onEvidence(func(e *Evidence) { e.Baseline.Taken = e.Record.Started.Add(time.Duration(injectNS + second)) }), any},
		{"Z1", "the baseline is not of the mark", "ledger", plot{}, onEvidence(func(e *Evidence) { trafficTable(e.Baseline, "op").Rows -= 100 }), any},
		{"Z1", "the manifest of the recovered store is from before the recovery", "contents", plot{}, onEvidence(func(e *Evidence) { e.Found.Taken = e.Record.Started.Add(time.Duration(injectNS - second)) }), any},
		{"Z1", "no nonce", "contents", plot{}, onEvidence(func(e *Evidence) { e.Baseline.Nonce, e.Found.Nonce, e.Record.Nonce = "", "", "" }), any},
		{"Z1", "another digest", "contents", plot{}, onEvidence(func(e *Evidence) { e.Found.Encoding = "test/2" }), any},
		{"Z1", "another list", "structure", plot{}, onEvidence(func(e *Evidence) { e.Found.Listing = "test/2" }), any},
		{"Z2", "the recovered side says that nobody need look at a table", "contents", plot{}, func(s *scene) {
			s.found.table("payments").cells[0][1] = "1.23"
			s.edit = append(s.edit, func(e *Evidence) { tableOf(e.Found, "payments").Class = fixtures.Harness })
		}, reports.Failed},
		{"Z2", "everything is a table that traffic writes to", "contents", plot{}, onEvidence(func(e *Evidence) {
			for _, db := range e.Baseline.Databases {
				for i := range db.Tables {
					db.Tables[i].Class = fixtures.Traffic
				}
			}
		}), any},
		{"Z3", "a table could be read on neither side", "contents", plot{}, onEvidence(func(e *Evidence) {
			tableOf(e.Baseline, "payments").Error, tableOf(e.Found, "payments").Error = "permission denied", "permission denied"
		}), any},
		{"Z3", "a table could not be read after the recovery", "contents", plot{}, onEvidence(func(e *Evidence) { tableOf(e.Found, "payments").Error = "permission denied" }), any},
		{"Z3", "both sides have no tables", "contents", plot{}, func(s *scene) {
			for _, m := range []*model{s.base, s.found} {
				for _, d := range m.databases {
					d.tables = nil
				}
			}
		}, any},
		{"Z3", "both sides have no rows", "contents", plot{}, func(s *scene) {
			for _, m := range []*model{s.base, s.found} {
				for _, name := range []string{"customers", "payments", "audit", "identity", "notes"} {
					m.table(name).cells = nil
				}
			}
		}, any},
		{"Z3", "both sides have no structure", "structure", plot{}, func(s *scene) {
			for _, m := range []*model{s.base, s.found} {
				m.objects = nil
				for _, d := range m.databases {
					d.objects = nil
				}
			}
		}, any},
		{"Z6", "buckets do not add up", "contents", plot{}, onEvidence(func(e *Evidence) { tableOf(e.Found, "payments").Buckets[0].Rows++ }), any},
		{"Z7", "the baseline was compared with itself", "contents", plot{}, onEvidence(func(e *Evidence) { e.Found = e.Baseline }), any},
		{"Z7", "a copy of the baseline was compared with it", "contents", plot{}, onEvidence(func(e *Evidence) {
			m := *e.Baseline
			e.Found, e.FoundDir = &m, e.BaseDir
		}), any},
		{"Z7", "rows and manifest are of different servers", "identity", plot{}, onEvidence(func(e *Evidence) { trafficTable(e.Found, "item").Rows++ }), any},
		{"Z7", "no token", "identity", plot{}, func(s *scene) { s.base.identity.Token, s.found.identity.Token = "", "" }, any},
		{"Z10", "no ledger", "ledger", plot{}, onEvidence(func(e *Evidence) { e.Ops = nil }), any},
		{"Z10", "an empty ledger and empty tables", "ledger", plot{}, onEvidence(func(e *Evidence) { e.Ops, e.Rows = []ledger.Op{}, []traffic.Row{} }), any},
		{"Z10", "the ledger lost its beginning", "ledger", plot{}, onEvidence(func(e *Evidence) { e.Ops = e.Ops[100:] }), any},
		{"Z10", "the ledger lost an operation in the middle", "ledger", plot{}, onEvidence(func(e *Evidence) { e.Ops = slices.Delete(slices.Clone(e.Ops), 300, 301) }), any},
		{"Z10", "nothing was acknowledged", "ledger", plot{}, func(s *scene) {
			for i := range s.ops {
				s.ops[i].Outcome = ledger.Unknown
			}
		}, any},
		{"Z10", "traffic was too thin", "ledger", plot{clients: 1, rate: 4}, nil, any},
		{"Z10", "the recovered store takes no writes", "ledger", plot{dead: true}, nil, any},
		{"Z10", "traffic had stopped long before the fault", "ledger", plot{}, onRecord(func(r *reports.Record) {
			shift := 60 * second
			r.Fault.InjectNS, r.Fault.InjectedNS, r.Fault.EffectNS = r.Fault.InjectNS+shift, r.Fault.InjectedNS+shift, r.Fault.EffectNS+shift
		}), any},
		{"Z10", "the ledger's clock jumped", "ledger", plot{}, onEvidence(func(e *Evidence) { e.Ops[300].InvokeNS -= 5 * second }), any},
		{"Z10", "nobody says how much may be lost", "ledger", plot{noTarget: true}, func(s *scene) {
			s.rec.Objective = reports.Objective{}
		}, any},
		{"Z10", "nobody read traffic's tables", "ledger", plot{}, onEvidence(func(e *Evidence) { e.Rows = nil }), any},
		{"Z13", "the service clock was never asked", "service", plot{}, func(s *scene) { s.probe = nil }, any},
		{"Z13", "the service clock never saw the damage", "service", plot{}, answers(0, declaredNS+1, is(probe.Correct)), any},
		{"Z13", "clients lost one kept connection and no more", "service", plot{}, answers(0, declaredNS+1, func(a *probe.Answer) {
			a.Kind, a.Error = probe.Correct, ""
			if a.AtNS > declaredNS-5*second/10 && a.AtNS < declaredNS-5*second/10+25e6 {
				a.Kind, a.Error, a.Fresh = probe.Failed, "connection reset", false
			}
		}), any},
		{"Z13", "service came back before the recovery began", "service", plot{}, answers(injectNS+second/2, endNS, is(probe.Correct)), any},
		{"Z13", "service was not healthy before the damage", "service", plot{}, answers(0, injectNS, is(probe.Failed)), any},
		{"Z13", "service was lost just before the damage", "service", plot{}, answers(injectNS-second, injectNS, is(probe.Failed)), any},
		{"Z13", "the series began just before the damage", "service", plot{}, func(s *scene) {
			s.probe = slices.DeleteFunc(s.probe, func(a probe.Answer) bool { return a.AtNS < injectNS-second/2 })
		}, any},
		{"Z13", "the harness stood still while service came back", "service", plot{}, answers(18*second, 21*second, func(a *probe.Answer) {
			a.Kind, a.Stall, a.DoneNS = probe.Late, probe.Stopped, 21*second
		}), any},
		{"Z10", "the wall clock jumped", "service", plot{}, answers(18*second, 18*second+20e6, func(a *probe.Answer) { a.Stall = probe.Jumped }), any},
		{"Z13", "the series is out of order", "service", plot{}, func(s *scene) { s.probe[600].DoneNS = s.probe[600].AtNS - 1 }, any},
		{"H6", "one canary was not asked after the recovery", "service", plot{}, answers(backNS, endNS, func(a *probe.Answer) { a.Canary = "shop.customers" }), any},
		{"Z12", "an RTO was asked for and nothing was measured", "objectives", plot{}, func(s *scene) { s.probe = nil }, any},
		{"Z12", "an RPO was asked for and nothing was measured", "objectives", plot{}, onEvidence(func(e *Evidence) { e.Rows = nil }), any},
	}
}

func tableOf(m *fixtures.Manifest, name string) *fixtures.Table {
	for i := range m.Databases {
		for k := range m.Databases[i].Tables {
			if t := &m.Databases[i].Tables[k]; t.Name == name {
				return t
			}
		}
	}
	panic("no table " + name)
}
