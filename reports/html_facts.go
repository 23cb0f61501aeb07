package reports

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

// facts collects labels with values, leaving out those without a value.
type facts []fact

func (f *facts) add(label, value, note string) {
	if value = line(value); value != "" {
		*f = append(*f, fact{Label: label, Value: value, Note: line(note)})
	}
}

// rtaTile is the time against the objective. A time to wrong data is shown, and called what it is.
func rtaTile(r *Record) tile {
	if r.MustRefuse {
		return refusalTile(r)
	}
	if r.Restore != nil {
		return restoreTile(r)
	}
	t := tile{fact: fact{Label: "RTA", Note: objective(r.Objective.RTOMS)}}
	ms := r.Service.RTAMS
	switch {
	case r.Service.Reached:
		t.Value, t.Outcome = reached(ms, r.Objective.RTOMS), Passed
		if r.Objective.RTOMS > 0 && ms > r.Objective.RTOMS {
			t.Outcome = Failed
			t.Note += ", missed by " + duration(ms-r.Objective.RTOMS)
		}
	case r.Service.BackNS > 0 && r.effectNS() > 0:
		ms = span(r.effectNS(), r.Service.BackNS)
		t.Value, t.Outcome = "not reached", failedOr(r)
		t.Note += "; answers again after " + duration(ms) + ", not verified"
	default:
		ms = 0
		t.Value, t.Outcome = "not reached", failedOr(r)
	}
	t.Bar = newBullet(ms, r.Objective.RTOMS, r.Service.Reached, "RTA: "+t.Value+", "+t.Note)
	return t
}

// refusalTile stands where an RTA would: there was nothing to bring back.
func refusalTile(r *Record) tile {
	t := tile{fact: fact{Label: "Refusal", Value: "not refused", Note: "no RTA: the recovery had to refuse"}, Outcome: failedOr(r)}
	if rec := r.Recovery; rec != nil && rec.Refused != "" {
		t.Value, t.Note, t.Outcome = "refused", line(rec.Refused), Passed
	}
	return t
}

// failedOr is the drill's own verdict, for numbers that it did not reach.
func failedOr(r *Record) Outcome {
	if o, _ := Verdict(r); o == Failed {
		return Failed
	}
	return Inconclusive
}

func rpaTile(r *Record) tile {
	t := tile{fact: fact{Label: "RPA: writes lost", Value: "not judged"}}
	asked := objective(r.Objective.RPOMS)
	if n := r.Objective.LostWrites; n != nil {
		asked = strings.TrimPrefix(asked+", at most "+plural(*n, "write"), "no objective, ")
	}
	t.Note = asked
	if !r.Traffic.Judged {
		return t
	}
	t.Value, t.Outcome = lossText(r), Passed
	n := r.Objective.LostWrites
	switch {
	case r.Objective.RPOMS > 0 && r.Traffic.RPAMS-r.Traffic.RPAOwnMS > r.Objective.RPOMS, n != nil && r.Traffic.Lost > *n:
		t.Outcome = Failed
	case r.Objective.RPOMS <= 0 && n == nil, failedOr(r) == Failed: // a small loss is no comfort beside wrong data
		t.Plain = true
	}
	t.Bar = newBullet(r.Traffic.RPAMS, r.Objective.RPOMS, true, "RPA: "+t.Value+", "+asked)
	return t
}

// aboutTime names the checks that judge how long it took, not what came back.
var aboutTime = []string{"service", "objectives"}

// dataTile says whether what was there at the mark is back.
func dataTile(r *Record) tile {
	t := tile{fact: fact{Label: "Data at the mark", Value: "not verified"}}
	if r.Traffic.Judged && r.Traffic.LostBeforeMark > 0 {
		t.Outcome = Failed
		t.Value = plural(r.Traffic.LostBeforeMark, "write") + " lost"
		t.Note = "of " + number(r.Traffic.AcknowledgedBeforeMark) + " acknowledged before it"
		return t
	}
	for _, c := range r.counted() {
		if c.Outcome == Failed && !slices.Contains(aboutTime, c.Name) {
			t.Outcome, t.Value, t.Note = Failed, cut(firstOf(c, Failed), 60), "check "+line(c.Name)
			return t
		}
	}
	var notes []string
	rows := r.rowsVerified()
	if rows > 0 {
		notes = append(notes, plural(rows, "row")+" verified")
	}
	if r.Traffic.Judged {
		notes = append(notes, "0 of "+number(r.Traffic.AcknowledgedBeforeMark)+" acknowledged writes lost")
	}
	t.Note = strings.Join(notes, "; ")
	verdict, _ := Verdict(r)
	switch {
	case verdict == Passed && r.Restore.Unverified():
		t.Value, t.Note = "plausible, not verified", "judged without a manifest"
	case rows == 0:
		t.Note = strings.Join(append([]string{r.unlooked()}, notes...), "; ")
	// A service that was reached passed verification; what failed such a drill was its time.
	case verdict == Passed, verdict == Failed && r.Service.Reached && r.Traffic.Judged:
		t.Outcome, t.Value = Passed, "nothing lost"
		if lost := r.rowsLost(); lost > 0 {
			t.Value = plural(lost, "row") + " lost, as allowed"
		}
		if r.MustRefuse {
			t.Value = "as it was"
		}
	}
	return t
}

// unlooked is why no row was verified.
func (r *Record) unlooked() string {
	for _, c := range r.Checks {
		if c.Name != ContentsCheck {
			continue
		}
		for _, w := range r.Waivers {
			switch {
			case w.Check != ContentsCheck:
			case c.Outcome == Failed:
				return "contents waived, and they failed: " + cut(firstOf(c, Failed), 60)
			default:
				return "contents waived"
			}
		}
		if c.Outcome != Passed {
			return "contents could not be judged"
		}
	}
	return "no row was looked at"
}

func checksTile(r *Record) tile {
	count := make(map[Outcome]int64)
	var outcomes []Outcome
	for _, c := range r.counted() {
		count[c.Outcome]++
		outcomes = append(outcomes, c.Outcome)
	}
	t := tile{fact: fact{Label: "Checks at level " + line(r.Level.String()), Value: "none"}, Outcome: Worst(outcomes...)}
	var parts []string
	for _, o := range []Outcome{Failed, Inconclusive, Passed} {
		if count[o] > 0 {
			parts = append(parts, fmt.Sprintf("%d %s", count[o], o))
		}
	}
	if len(parts) > 0 {
		t.Value, t.Note = parts[0], strings.Join(parts[1:], ", ")
	}
	if len(r.Waivers) > 0 {
		t.Note = strings.TrimPrefix(fmt.Sprintf("%s, %d waived", t.Note, len(r.Waivers)), ", ")
	}
	return t
}

func believed(r *Record) []fact {
	var f facts
	f.add("Scenario", r.Title, "")
	f.add("Disaster", r.Disaster, "")
	f.add("RTO", strings.TrimPrefix(objective(r.Objective.RTOMS), "objective "), "")
	rpo := strings.TrimPrefix(objective(r.Objective.RPOMS), "objective ")
	if n := r.Objective.LostWrites; n != nil {
		rpo = strings.TrimPrefix(rpo+", at most "+plural(*n, "acknowledged write")+" lost", "no objective, ")
	}
	f.add("RPO", rpo, "")
	for _, l := range r.Objective.LostRows {
		f.add("Rows that may be lost", fmt.Sprintf("%s of %s: %s", plural(l.Most, "row"), l.Table, l.Reason), "")
	}
	f.add("Backup", restoredBackup(r.Restore), "")
	f.add("Judged by", r.Restore.judgedBy(), "")
	if r.Restore != nil {
		for _, a := range r.Restore.Allow {
			f.add("Accepted difference", a.Kind+" "+a.Name+": "+a.Reason, "")
		}
	} else if r.Recovery != nil || r.Target != nil {
		f.add("Target", targetText(r), "")
	}
	f.add("Owner", r.Owner, "")
	if !linked(r.Runbook) {
		f.add("Runbook", r.Runbook, "")
	}
	if r.File != "" {
		f.add("Written in", fmt.Sprintf("%s:%d", r.File, r.Line), "")
	}
	return f
}

func restoredBackup(r *Restore) string {
	if r == nil {
		return ""
	}
	return r.Backup
}

// linked tells an address from a path or a name.
func linked(runbook string) bool {
	return strings.HasPrefix(runbook, "https://") || strings.HasPrefix(runbook, "http://")
}

func faultFacts(r *Record) []fact {
	if r.Fault == nil {
		return nil
	}
	var f facts
	f.add("Fault", r.Fault.Name, r.Fault.Class)
	f.add("What it did", r.Fault.Description, "")
	proven := "no: nothing that was looked at was damaged"
	if r.Fault.Proven {
		proven = "yes: " + plural(int64(max(r.Fault.ProofTotal, len(r.Fault.Proof))), "finding") + " on the damaged store"
		switch {
		case r.Fault.Silent:
			proven = "yes, by the fault itself: nobody else can see it"
		case len(r.Fault.Proof) == 0 && r.Fault.ProofTotal == 0:
			proven = "yes, by the service clock"
		}
	}
	f.add("Damage seen", proven, "")
	f.add("Spread", r.Fault.Propagated, "")
	f.add("Injection took", duration(span(r.Fault.InjectNS, r.Fault.InjectedNS)), "")
	for _, n := range r.Fault.Notes {
		f.add("Note", n, "")
	}
	return f
}

func recoveryFacts(r *Record) []fact {
	rec := r.Recovery
	if rec == nil {
		return nil
	}
	var f facts
	f.add("Recovery", rec.Name, "")
	f.add("Command", strings.Join(rec.Command, " "), "")
	exit := fmt.Sprintf("exit code %d after %s", rec.ExitCode, duration(span(rec.DeclaredNS, rec.EndedNS)))
	if rec.EndedNS == 0 {
		exit = "it did not end"
	}
	f.add("Ended", exit, "")
	f.add("Refused", rec.Refused, "")
	f.add("Error", rec.Error, "")
	f.add("Worked", workedText(rec), "")
	f.add("More than a responder has", rec.Privilege, "")
	if rec.Plan == nil {
		f.add("Plan", "it tells none: what it did is known from its steps alone", "")
	} else {
		f.add("Plan", firstText(rec.Plan.Digest, rec.Plan.Refused, rec.Plan.Error), "")
	}
	if p := rec.Preflight; p != nil && len(p.Needs) == 0 {
		f.add("Needs", firstText(p.Refused, p.Error, "it listed none"), "")
	}
	for _, c := range rec.CutOvers {
		f.add("Route", c.Kind+" to "+c.Target, moment(c.At))
	}
	if r.Service.ClaimedMS > 0 {
		f.add("Done by its own word", duration(r.Service.ClaimedMS), "after the fault's first effect")
	}
	if r.Service.BackNS > 0 && !r.MustRefuse {
		note := "verified"
		if !r.Service.Reached {
			note = "not verified"
		}
		f.add("Correct answers again", duration(r.Service.FromDeclaredMS), "after it was started, "+note)
	}
	return f
}

func losses(r *Record) []fact {
	t := r.Traffic
	var f facts
	f.add("Attempted", number(t.Attempted), "by "+plural(int64(t.Clients), "client"))
	f.add("Acknowledged", number(t.Acknowledged), fmt.Sprintf("%s before the mark, %s after the recovery", number(t.AcknowledgedBeforeMark), number(t.AcknowledgedAfter)))
	f.add("Refused", number(t.Refused), "")
	f.add("Outcome unknown", number(t.Unknown), "")
	if !t.Judged {
		f.add("Lost", "not judged", "the ledger was not reconciled with the store")
		return f
	}
	f.add("Acknowledged before the mark and gone", number(t.LostBeforeMark), "")
	f.add("Acknowledged and gone (RPA)", plural(t.Lost, "write"), rpaNote(t))
	return f
}

func rpaNote(t Traffic) string {
	if t.Lost == 0 {
		return ""
	}
	return "the oldest of them " + duration(t.RPAMS) + " old"
}

func environment(r *Record) []fact {
	var f facts
	f.add("Engine", strings.TrimSpace(r.System.Engine+" "+r.System.Version), "")
	f.add("Dataset", r.System.Dataset, "")
	f.add("Provider", r.System.Provider, "")
	for _, node := range slices.Sorted(maps.Keys(r.System.Images)) {
		i := r.System.Images[node]
		f.add("Node "+node, i.Reference+" "+i.Digest, i.Origin)
	}
	f.add("Host", r.Host.Name, r.Host.OS)
	if r.Host.CPUs > 0 {
		f.add("Processor", fmt.Sprintf("%d × %s", r.Host.CPUs, firstText(r.Host.CPU, "unknown")), "")
	}
	if r.Host.MemoryMB > 0 {
		f.add("Memory", size(r.Host.MemoryMB<<20), "")
	}
	if r.Host.Pressed > 0 {
		f.add("Processors wanted", fmt.Sprintf("%.0f %% of the time since the recovery began", r.Host.Pressed), "")
	}
	if r.Host.Stalled > 0 {
		f.add("Disks waited for", fmt.Sprintf("%.0f %% of the time since the recovery began", r.Host.Stalled), "by all that was not idle")
	}
	f.add("Docker", r.Host.Docker, "")
	f.add("Go", r.Host.Go, "")
	f.add("gameday", r.Host.Gameday, "")
	f.add("Started by", r.Host.Started, "")
	f.add("Started", moment(r.Started), took(r))
	for _, b := range r.Backups {
		f.add("Backup "+b.Label, fmt.Sprintf("%s in %s", size(b.Bytes), duration(b.Duration.Milliseconds())), fmt.Sprintf("%s, %s to %s", b.Path, b.Start, b.Stop))
	}
	return f
}

func repeatFacts(r *Record) []fact {
	var f facts
	f.add("Seed", fmt.Sprint(r.Seed), "")
	f.add("Level", r.Level.String(), "")
	f.add("Nonce", r.Nonce, "")
	f.add("Run", r.Run, "")
	return f
}
