package reports

import (
	"cmp"
	"fmt"
	"slices"
)

// event is one numbered moment of the outage.
type event struct {
	ns   int64
	Time string // relative to the fault's first effect
	Text string
}

// effectNS is when the fault first had an effect, as far as that is known; 0 without a fault.
func (r *Record) effectNS() int64 {
	if r.Fault == nil {
		return 0
	}
	return cmp.Or(r.Fault.EffectNS, r.Fault.InjectedNS, r.Fault.InjectNS)
}

// timeline lists what happened from the injection to the service's return, in order.
func timeline(r *Record) []event {
	zero := r.effectNS()
	if zero == 0 {
		return nil
	}
	var all []event
	add := func(ns int64, text string) {
		if ns > 0 {
			all = append(all, event{ns: ns, Time: since(zero, ns), Text: text})
		}
	}
	add(r.Fault.InjectNS, "injection began: "+line(r.Fault.Name))
	add(r.Fault.EffectNS, "first effect of the fault: the clock of the RTA starts")
	if r.Fault.PropagatedNS > 0 {
		add(r.Fault.PropagatedNS, "the damage had spread: "+line(r.Fault.Propagated))
	}
	add(r.Service.FirstBadNS, "first failed or wrong answer to a client")
	if rec := r.Recovery; rec != nil {
		add(rec.DeclaredNS, "recovery declared and started: "+line(rec.Name))
		for _, c := range rec.CutOvers {
			if !r.Started.IsZero() {
				add(c.At.Sub(r.Started).Nanoseconds(), "clients sent to "+line(c.Target)+" ("+line(c.Kind)+")")
			}
		}
		ended := fmt.Sprintf("recovery said it was done, exit code %d", rec.ExitCode)
		if rec.Refused != "" {
			ended = "recovery refused: " + line(rec.Refused)
		}
		add(rec.EndedNS, ended)
	}
	for _, m := range r.Meanwhile {
		add(m.InjectNS, "meanwhile: "+line(m.Name)+" struck, "+line(m.At))
		add(m.HealedNS, "meanwhile: "+line(m.Name)+" was healed")
	}
	add(r.Fault.HealedNS, "the fault was healed")
	back := "service back, and what it serves passed verification: RTA " + duration(r.Service.RTAMS)
	if !r.Service.Reached {
		back = "clients got correct answers again, but the store did not pass verification: no RTA"
	}
	if !r.MustRefuse {
		add(r.Service.BackNS, back)
	}
	slices.SortStableFunc(all, func(a, b event) int { return cmp.Compare(a.ns, b.ns) })
	return all
}

// spent divides the outage into what it was spent on: until somebody acted, the recovery's own steps, and the rest.
func spent(r *Record) []bar {
	zero := r.effectNS()
	if zero == 0 {
		return nil
	}
	var all []bar
	add := func(label string, from, to int64, class string) {
		if to > from && from > 0 {
			all = append(all, bar{label: label, fromNS: from, toNS: to, class: class, text: duration(span(from, to))})
		}
	}
	rec := r.Recovery
	if rec == nil || rec.DeclaredNS == 0 {
		add("nothing was recovered", zero, max(r.Service.BackNS, lastNS(r)), "wait")
		return all
	}
	add("until declared", zero, rec.DeclaredNS, "wait")
	at := rec.DeclaredNS
	for _, s := range rec.Steps {
		end := cmp.Or(s.EndNS, rec.EndedNS, lastNS(r))
		if s.StartNS > at && len(all) <= 1 {
			add("before the first step", at, s.StartNS, "step")
		}
		add("step "+line(s.Name), s.StartNS, end, "step")
		at = max(at, end)
	}
	if len(rec.Steps) == 0 {
		add("recovery, no steps told", at, cmp.Or(rec.EndedNS, lastNS(r)), "step")
	}
	add("after it said done", rec.EndedNS, r.Service.BackNS, "wait")
	return all
}

// lastNS is the last moment of the drill that the record knows.
func lastNS(r *Record) int64 {
	last := r.effectNS()
	for _, p := range r.Phases {
		last = max(last, p.StartNS, p.EndNS)
	}
	return last
}
