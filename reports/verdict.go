package reports

import (
	"fmt"
	"strings"
)

// Verdict is the outcome that reports print, with its reason in one line. It is never better than what the record
// itself supports: a record that calls itself passed with a failed check in it is failed, and one without a check, with
// an error, with a fault that nobody saw or that never struck, without the refusal that it wanted, whose
// checks were not seen to notice damage although that was to be tried, or that was never finished is inconclusive, and so
// is one at level [Quick] in which nothing failed. Waived checks do not count. The
// reason is "" for a passed drill. A record that was sabotaged is never passed.
func Verdict(r *Record) (Outcome, string) {
	outcome, why := verdict(r)
	if r != nil && r.Sabotage != nil {
		return r.Sabotage.verdict(outcome, why)
	}
	return outcome, why
}

func verdict(r *Record) (Outcome, string) {
	if r == nil {
		return Inconclusive, "there is no record"
	}
	counted := r.counted()
	outcomes := make([]Outcome, 0, len(counted))
	for _, c := range counted {
		outcomes = append(outcomes, c.Outcome)
	}
	checked := Worst(outcomes...)
	switch {
	case r.Outcome == Failed || checked == Failed:
		return Failed, r.failure(counted)
	case r.Error != "":
		return Inconclusive, line(r.Error)
	case r.Fault != nil && !r.Fault.Proven:
		return Inconclusive, strings.TrimSpace("the fault took no effect: " + unseen(r.Fault))
	case r.unstruck() != "":
		return Inconclusive, r.unstruck()
	case r.MustRefuse && (r.Recovery == nil || r.Recovery.Refused == ""):
		return Inconclusive, "the recovery had to refuse, and the record holds no refusal"
	case r.Level == Quick && onlyShallow(counted) && !r.Finished.IsZero():
		return Inconclusive, notProven
	case r.Outcome == Passed && checked == Passed && r.Teeth.Doubt() != "":
		return Inconclusive, r.Teeth.Doubt()
	case r.Outcome == Passed && checked == Passed && !r.Finished.IsZero():
		return Passed, ""
	}
	return Inconclusive, r.doubt(counted)
}

// onlyShallow says that nothing but the level keeps checks from passing: all that count have passed.
func onlyShallow(counted []CheckResult) bool {
	for _, c := range counted {
		if c.Outcome != Passed {
			return false
		}
	}
	return len(counted) > 0
}

// unstruck says which fault did not strike the recovery as it was to.
func (r *Record) unstruck() string {
	for _, m := range r.Meanwhile {
		if m.After(r.Recovery) {
			return fmt.Sprintf("%s did not strike the recovery %s: it came when the recovery had ended", line(m.Name), line(m.At))
		}
		if !m.Proven || m.Error != "" {
			return strings.TrimSuffix(fmt.Sprintf("%s did not strike the recovery %s: %s", line(m.Name), line(m.At), line(m.Error)), ": ")
		}
	}
	return ""
}

func unseen(f *Fault) string {
	if len(f.Proof) > 0 {
		return line(f.Proof[0].Summary)
	}
	return line(f.Name) + " was injected and no check saw damage"
}

// Headline is the verdict on a drill in one line. RTA is printed only if it was reached, which takes a verified store.
func Headline(r *Record) string {
	outcome, why := Verdict(r)
	head := strings.ToUpper(outcome.String()) + " " + scenario(r) + atLevel(r) + ": "
	if outcome != Passed {
		if r != nil && outcome == Failed && r.Dir != "" {
			why += "; see " + line(r.Dir)
		}
		return head + why
	}
	parts := []string{rtaText(r) + ", " + rpaText(r)}
	if r.MustRefuse && r.Recovery != nil {
		parts = []string{"the recovery refused, as it had to: " + line(r.Recovery.Refused)}
	}
	if r.Restore != nil {
		parts = r.restoreText()
	} else if back := backText(r); back != "" {
		parts = append(parts, back)
	}
	for _, w := range r.Waivers {
		parts = append(parts, fmt.Sprintf("%s waived: %s", line(w.Check), line(w.Reason)))
	}
	return head + strings.Join(parts, "; ")
}

// atLevel names the level of a verdict, where there is one.
func atLevel(r *Record) string {
	if r == nil || r.SchemaVersion == 0 { // it stands for a record that is missing
		return ""
	}
	return " (level " + line(r.Level.String()) + ")"
}

func scenario(r *Record) string {
	if r == nil || line(r.Scenario) == "" {
		return "(unnamed drill)"
	}
	return line(r.Scenario)
}

// counted are the checks that are not waived.
func (r *Record) counted() []CheckResult {
	waived := make(map[string]bool)
	for _, w := range r.Waivers {
		waived[w.Check] = true
	}
	var all []CheckResult
	for _, c := range r.Checks {
		if !waived[c.Name] {
			all = append(all, c)
		}
	}
	return all
}

// failure is the first failed finding and how many more there are.
func (r *Record) failure(checks []CheckResult) string {
	first, total := "", 0
	for _, c := range checks {
		if c.Outcome != Failed {
			continue
		}
		found := len(c.Findings)
		if found == 0 && c.Total == 0 {
			found = 1
		}
		total += max(found, c.Total)
		if first == "" {
			first = firstOf(c, Failed)
		}
	}
	if first == "" {
		return firstText(r.Error, r.ownHeadline(), "it says so and gives no reason")
	}
	if total > 1 {
		return fmt.Sprintf("%s (+%s)", first, plural(int64(total-1), "more finding"))
	}
	return first
}

// doubt says why a drill that did not fail is not passed.
func (r *Record) doubt(checks []CheckResult) string {
	if r.Finished.IsZero() {
		return "the drill ended without finishing its record"
	}
	for _, c := range checks {
		if c.Outcome != Passed {
			return firstOf(c, c.Outcome)
		}
	}
	switch {
	case len(checks) == 0 && len(r.Checks) > 0:
		return "every check was waived"
	case len(checks) == 0:
		return firstText(r.ownHeadline(), "nothing was checked")
	}
	return firstText(r.ownHeadline(), "it says so and gives no reason")
}

// ownHeadline is the record's own reason, unless it is a whole line as [Headline] writes it.
func (r *Record) ownHeadline() string {
	for _, o := range []Outcome{Inconclusive, Passed, Failed} {
		if rest, ok := strings.CutPrefix(r.Headline, strings.ToUpper(o.String())+" "); ok {
			if _, why, ok := strings.Cut(rest, ": "); ok {
				return why
			}
		}
	}
	return r.Headline
}

func firstText(all ...string) string {
	for _, s := range all {
		if s = line(s); s != "" {
			return s
		}
	}
	return ""
}

// firstOf is the first finding of a check that bears out its outcome.
func firstOf(c CheckResult, o Outcome) string {
	for _, f := range c.Findings {
		if f.Outcome == o && f.Summary != "" {
			return f.line()
		}
	}
	if o == Failed {
		return fmt.Sprintf("check %s failed: it promises that %s", line(c.Name), line(c.Promise))
	}
	return fmt.Sprintf("check %s could not tell: it looked at %s", line(c.Name), c.Covered)
}

// line is the finding's summary with its place before it, unless the summary names the place.
func (f Finding) line() string {
	summary, where := line(f.Summary), f.Where.String()
	for _, named := range []string{where, line(f.Where.Table), line(f.Where.Object)} {
		if named != "" && strings.Contains(summary, named) {
			return summary
		}
	}
	if where == "" {
		return summary
	}
	return where + ": " + summary
}

func rtaText(r *Record) string {
	if r.MustRefuse {
		return "no RTA: the recovery had to refuse"
	}
	if !r.Service.Reached {
		return "RTA not reached (" + objective(r.Objective.RTOMS) + ")"
	}
	return fmt.Sprintf("RTA %s (%s)", reached(r.Service.RTAMS, r.Objective.RTOMS), objective(r.Objective.RTOMS))
}

func rpaText(r *Record) string {
	if !r.Traffic.Judged {
		return "RPA not judged"
	}
	asked := objective(r.Objective.RPOMS)
	if n := r.Objective.LostWrites; n != nil {
		if r.Objective.RPOMS <= 0 {
			asked = "objective"
		}
		asked += " " + plural(*n, "write")
		if r.Objective.RPOMS > 0 {
			asked = objective(r.Objective.RPOMS) + ", " + plural(*n, "write")
		}
	}
	return fmt.Sprintf("RPA %s (%s)", lossText(r), asked)
}

// lossText is the RPA in writes and time.
func lossText(r *Record) string {
	if r.Traffic.Lost == 0 {
		return "0 writes"
	}
	text := plural(r.Traffic.Lost, "write") + " / " + reached(r.Traffic.RPAMS, r.Objective.RPOMS)
	if own := r.Traffic.RPAOwnMS; own > 0 && r.Objective.RPOMS > 0 && r.Traffic.RPAMS > r.Objective.RPOMS {
		text += ", " + duration(own) + " of it the drill's own"
	}
	return text
}

// backText says what is back, as far as checks that looked at all of it say so.
func backText(r *Record) string {
	var parts []string
	if rows := r.rowsVerified(); rows > 0 {
		parts = append(parts, plural(rows, "row"))
	}
	if t := r.Traffic; t.Judged && t.LostBeforeMark == 0 && t.AcknowledgedBeforeMark > 0 {
		parts = append(parts, plural(t.AcknowledgedBeforeMark, "acknowledged write")+" before the mark")
	}
	if len(parts) == 0 {
		return ""
	}
	if r.MustRefuse {
		return strings.Join(parts, " and ") + " are as they were"
	}
	lost := ""
	if n := r.rowsLost(); n > 0 {
		lost = ", " + plural(n, "row") + " lost as the objective allows"
	}
	return "all of " + strings.Join(parts, " and ") + " are back" + lost
}

// rowsLost is how many rows are gone as the objective allows, by the checks that passed.
func (r *Record) rowsLost() int64 {
	var rows int64
	for _, c := range r.counted() {
		if c.Outcome == Passed {
			rows = max(rows, c.Covered.Lost)
		}
	}
	return rows
}

// ContentsCheck is the check that holds rows against those of the mark. A verdict speaks of its rows only: that others
// were read, to hold constraints against them say, proves no contents.
const ContentsCheck = "contents"

// rowsVerified is the number of rows that the check of contents, when it passed, has looked at completely.
func (r *Record) rowsVerified() int64 {
	var rows int64
	for _, c := range r.counted() {
		if c.Name == ContentsCheck && c.Outcome == Passed && c.Covered.Looked > 0 && c.Covered.Looked >= c.Covered.Planned {
			rows = max(rows, c.Covered.Rows)
		}
	}
	return rows
}
