package verify

import "github.com/recoverydrill/gameday/reports"

// Summarise fills the record's traffic and service numbers from the evidence, with rec taking the place of e.Record. It
// measures with the same functions as the checks. Call it after rec.Checks is filled: an RTA is reached only when every
// check has passed that is neither waived nor about objectives.
func Summarise(rec *reports.Record, e *Evidence) {
	if rec == nil || e == nil {
		return
	}
	own := *e
	own.Record = rec
	summariseTraffic(rec, &own)
	summariseService(rec, &own)
}

func summariseTraffic(rec *reports.Record, e *Evidence) {
	if e.Ops == nil {
		return
	}
	r := Reconcile(e.Ops, e.Rows, reconcileOptions(e))
	t := reports.Traffic{Clients: r.Clients, Attempted: int64(len(e.Ops))}
	if len(r.Unreadable) == 0 {
		t.Acknowledged, t.Refused, t.Unknown = r.Acknowledged, r.Refused, r.Unknown
		t.AcknowledgedBeforeMark, t.AcknowledgedAfter = r.AcknowledgedBeforeMark, r.AcknowledgedAfter
		if e.Rows != nil && r.Acknowledged > 0 {
			t.Lost, t.LostBeforeMark, t.RPAMS, t.Judged = r.Lost, r.LostBeforeMark, milliseconds(r.RPANS), true
			t.RPAOwnMS = milliseconds(harnessNS(rec, r))
		}
	}
	rec.Traffic = t
}

func summariseService(rec *reports.Record, e *Evidence) {
	c, effect := readClock(e), effectNS(rec)
	s := reports.Service{
		IntervalMS: rec.Service.IntervalMS, Needed: c.Needed,
		Asked: c.Asked, Correct: c.Correct, Wrong: c.Wrong, Errors: c.Errors, BackNS: c.BackNS,
	}
	if c.FirstBad != nil {
		s.FirstBadNS = c.FirstBad.AtNS
	}
	if rta, ok := rtaNS(e); ok {
		s.RTAMS = milliseconds(rta)
		s.FromDeclaredMS = milliseconds(c.BackNS - rec.Recovery.DeclaredNS)
		s.Reached = verified(rec)
	}
	if r := rec.Recovery; r != nil && r.EndedNS > 0 && effect > 0 {
		s.ClaimedMS = milliseconds(r.EndedNS - effect)
	}
	rec.Service = s
}

// verified says whether the recovered store is the right one, quick enough or not. What was only counted is not verified.
func verified(rec *reports.Record) bool {
	if rec.Level == reports.Quick {
		return false
	}
	var all []reports.Outcome
	for _, c := range rec.Checks {
		if !waived(c.Name, rec.Waivers) && c.Name != (Objectives{}).Name() {
			all = append(all, c.Outcome)
		}
	}
	return reports.Worst(all...) == reports.Passed
}
