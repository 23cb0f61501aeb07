package reports

import (
	"fmt"
	"strings"
)

// Sabotage is what was done on purpose to a recovery or its result, to see whether the checks of its scenario notice. It is a
// judgement of the checks and not of the recovery: a record that holds one is never passed, and its headline says so.
//
// Each act is tried on a store that has just passed every check: the recovered one, and after each act the same one with the
// act taken back. What an act is caught by is found on the store as it was between the two.
type Sabotage struct {
	// Control is the verdict on the recovery as it is, before the first act. Without a passed one nothing is tried; it is
	// inconclusive where an act takes the recovery's own place.
	Control Outcome       `json:"control"`
	Asked   []string      `json:"asked"` // IDs of the acts that were to be tried
	Acts    []SabotageAct `json:"acts"`  // those that were
	Left    []string      `json:"left,omitempty"`
	WhyLeft string        `json:"why_left,omitempty"` // why those were not tried
}

// SabotageAct is one way in which the result was made wrong, and who noticed.
type SabotageAct struct {
	ID      string `json:"id"`
	Title   string `json:"title"`
	Check   string `json:"check"`              // the one that must catch it even alone
	Did     string `json:"did,omitempty"`      // to what it was done
	NotHere string `json:"not_here,omitempty"` // why the store gives no occasion for it; nothing was done then

	Outcome  Outcome  `json:"outcome"`           // of all checks, after it
	CaughtBy []string `json:"caught_by"`         // the checks that failed after it
	NotSure  []string `json:"not_sure"`          // the checks that could not tell any more
	Finding  string   `json:"finding,omitempty"` // the first that caught it; where none did, why the first check could not tell, the named one before all others
	Error    string   `json:"error,omitempty"`   // why it could not be done: nothing is known then
	Left     string   `json:"left,omitempty"`    // why the store is not sound again afterwards
	Took     int64    `json:"took_ms"`
}

// Grade says what became of an act.
type Grade string

// The grades.
const (
	Caught        Grade = "caught"         // a check failed
	Noticed       Grade = "noticed"        // no check failed, and at least one could not tell any more: noticed, not proven
	Escaped       Grade = "escaped"        // every check passed
	NotApplicable Grade = "not applicable" // the store gives no occasion for it
	NotTried      Grade = "not tried"      // it could not be done
)

// Grade is what became of the act.
func (a SabotageAct) Grade() Grade {
	switch {
	case a.NotHere != "":
		return NotApplicable
	case a.Error != "":
		return NotTried
	case a.Outcome == Failed && len(a.CaughtBy) > 0:
		return Caught
	case a.Outcome == Passed:
		return Escaped
	}
	return Noticed
}

// IDs lists the acts of one grade.
func (s *Sabotage) IDs(g Grade) []string {
	var ids []string
	for _, a := range s.Acts {
		if a.Grade() == g {
			ids = append(ids, a.ID)
		}
	}
	return ids
}

// verdict is never passed, and says why.
func (s *Sabotage) verdict(outcome Outcome, why string) (Outcome, string) {
	if outcome == Passed {
		outcome = Inconclusive
	}
	text := "SABOTAGED ON PURPOSE, this is no drill: " + s.sentence()
	if why != "" && len(s.Acts) == 0 {
		text += "; " + why
	}
	return outcome, text
}

// sentence sums up: "3 of 4 acts caught, escaped: A17".
func (s *Sabotage) sentence() string {
	caught, escaped, noticed := s.IDs(Caught), s.IDs(Escaped), s.IDs(Noticed)
	if len(s.Acts) == 0 {
		return fmt.Sprintf("nothing of %s was tried", plural(int64(len(s.Asked)), "act"))
	}
	parts := []string{fmt.Sprintf("%d of %s caught", len(caught), plural(int64(len(caught)+len(escaped)+len(noticed)), "act"))}
	if len(escaped) > 0 {
		parts = append(parts, "escaped: "+line(strings.Join(escaped, ", ")))
	}
	if len(noticed) > 0 {
		parts = append(parts, "noticed and not proven: "+line(strings.Join(noticed, ", ")))
	}
	return strings.Join(parts, ", ")
}

// sabotageFacts are the acts as a report lists them.
func sabotageFacts(r *Record) []fact {
	if r.Sabotage == nil {
		return nil
	}
	var f facts
	for _, a := range r.Sabotage.Acts {
		f.add(line(a.ID)+": "+line(a.Title), a.word(), line(a.Did))
	}
	if len(r.Sabotage.Left) > 0 {
		f.add("Not tried", line(strings.Join(r.Sabotage.Left, ", ")), line(r.Sabotage.WhyLeft))
	}
	return f
}

// word is the grade and its reason.
func (a SabotageAct) word() string {
	switch g := a.Grade(); g {
	case Caught:
		return "caught by " + line(strings.Join(a.CaughtBy, ", "))
	case NotApplicable:
		return "not applicable: " + line(a.NotHere)
	case NotTried:
		return "not tried: " + line(a.Error)
	case Noticed:
		return string(g) + ": " + line(a.Finding)
	default:
		return string(g)
	}
}
