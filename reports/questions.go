package reports

import (
	"fmt"
	"slices"
	"strings"
)

// questionView is one of the seven questions as this drill answers it.
type questionView struct {
	Number   int
	Text     string
	Asked    bool
	Outcome  Outcome
	Answer   string // "yes", "no", "not shown"
	Evidence []string
}

// questions are all seven. One that the scenario does not ask has no answer, whatever the evidence would say.
func questions(r *Record) []questionView {
	var all []questionView
	for q := BackedUp; q <= InTime; q++ {
		v := questionView{Number: int(q), Text: q.String(), Asked: slices.Contains(r.Answers, q)}
		if v.Asked {
			v.Outcome, v.Evidence = answer(r, q)
			v.Answer = map[Outcome]string{Passed: "yes", Failed: "no", Inconclusive: "not shown"}[v.Outcome]
			v.Evidence = append(v.Evidence, recorded(r, q)...)
		}
		all = append(all, v)
	}
	return all
}

// answer goes by the checks and findings that speak to the question. Where none does, nothing has shown it.
func answer(r *Record, q Question) (Outcome, []string) {
	var outcomes []Outcome
	var evidence []string
	for _, c := range r.counted() {
		about := slices.Contains(c.Questions, q)
		if about {
			outcomes = append(outcomes, c.Outcome)
			evidence = append(evidence, fmt.Sprintf("check %s %s: looked at %s", line(c.Name), c.Outcome, c.Covered))
		}
		for _, f := range c.Findings {
			if f.Question == q && f.Outcome != Passed {
				outcomes = append(outcomes, f.Outcome)
				evidence = append(evidence, f.line())
			}
		}
	}
	verdict, _ := Verdict(r)
	if worst := Worst(outcomes...); worst != Passed || verdict != Inconclusive {
		return worst, evidence
	}
	return Inconclusive, evidence // an inconclusive drill shows nothing for certain
}

// recorded is what the record holds on a question beside its checks.
func recorded(r *Record, q Question) []string {
	var all []string
	say := func(format string, args ...any) { all = append(all, fmt.Sprintf(format, args...)) }
	switch q {
	case BackedUp:
		for _, b := range r.Backups {
			say("backup %q taken before the fault: %s, positions %s to %s", line(b.Label), size(b.Bytes), line(b.Start), line(b.Stop))
		}
	case Findable:
		if r.Target != nil {
			say("the recovery was told only the target: %s", targetText(r))
		}
		for _, b := range r.Backups {
			say("backup %q lay in %s", line(b.Label), line(b.Path))
		}
	case InService:
		say("%s", serviceText(r))
		if n := r.Traffic.AcknowledgedAfter; n > 0 {
			say("%s acknowledged after the recovery", plural(n, "write"))
		}
	case Plan:
		if rec := r.Recovery; rec != nil {
			say("it ran: %s", commandText(rec))
			if p := rec.Plan; p == nil {
				say("it tells no plan: what it does is known only from what it did")
			} else if len(p.Steps) > 0 {
				say("its plan %s was told before it was run", line(p.Digest))
				for _, s := range p.Steps {
					say("planned: %s", stepText(s))
				}
			}
			for _, s := range rec.Steps {
				say("step %s, %s", line(s.Name), duration(span(s.StartNS, s.EndNS)))
			}
		}
	case Capacity:
		say("dataset: %s; host: %d CPUs, %s MB memory", line(r.System.Dataset), r.Host.CPUs, number(r.Host.MemoryMB))
		if rec := r.Recovery; rec != nil {
			if rec.Preflight != nil {
				for _, n := range rec.Preflight.Needs {
					say("needs %s", needText(n))
				}
			}
			for _, u := range busy(rec.Usage) {
				say("used on %s", usageText(u))
			}
		}
	case Harmless:
		if r.Traffic.Judged {
			say("%s before the mark lost, of %s acknowledged", number(r.Traffic.LostBeforeMark), number(r.Traffic.AcknowledgedBeforeMark))
		}
	case InTime:
		if r.Restore != nil {
			say("%s", r.tookText())
			break
		}
		say("%s, %s", rtaText(r), rpaText(r))
	}
	return all
}

func targetText(r *Record) string {
	m := r.Target
	if m == nil {
		return "as late as possible"
	}
	parts := []string{fmt.Sprintf("%q", line(m.Label))}
	if m.Name != "" {
		parts = append(parts, "restore point "+line(m.Name))
	}
	if m.Position != "" {
		parts = append(parts, "position "+line(m.Position))
	}
	if m.Timeline != "" {
		parts = append(parts, "timeline "+line(m.Timeline))
	}
	if !m.Time.IsZero() {
		parts = append(parts, m.Time.UTC().Format("2006-01-02 15:04:05.000 UTC")+" by the server's clock")
	}
	return strings.Join(parts, ", ")
}

func commandText(rec *Recovery) string {
	if len(rec.Command) == 0 {
		return line(rec.Name)
	}
	return line(strings.Join(rec.Command, " "))
}

// serviceText is the service clock in words, without calling anything an RTA that is none.
func serviceText(r *Record) string {
	s := r.Service
	switch {
	case r.Restore != nil:
		return r.tookText()
	case r.MustRefuse && s.FirstBadNS == 0 && s.Asked > 0:
		return "clients were served throughout"
	case r.MustRefuse:
		return "the recovery had to refuse: there was no service to bring back"
	case s.Reached:
		return fmt.Sprintf("service back %s after the fault's first effect, verified", duration(s.RTAMS))
	case s.BackNS > 0 && r.effectNS() > 0:
		return fmt.Sprintf("clients got correct answers again %s after the fault's first effect, but the store did not pass verification",
			duration(span(r.effectNS(), s.BackNS)))
	case s.BackNS > 0:
		return "clients got correct answers again, but the store did not pass verification"
	case s.Asked == 0:
		return "the service clock asked nothing"
	}
	return "service did not come back"
}
