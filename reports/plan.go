package reports

import (
	"fmt"
	"strings"
)

// PlanText is what a drill's recovery said that it will do, and what it needs: lines for people, "" where it said nothing.
func PlanText(r *Record) string {
	if r == nil || r.Recovery == nil {
		return ""
	}
	rec := r.Recovery
	var b strings.Builder
	if p := rec.Plan; p != nil && len(p.Steps) > 0 {
		fmt.Fprintf(&b, "%s: %s, plan %s\n", scenario(r), commandText(rec), line(p.Digest))
		for i, s := range p.Steps {
			fmt.Fprintf(&b, "  %d. %s\n", i+1, stepText(s))
		}
	}
	if p := rec.Preflight; p != nil {
		if b.Len() == 0 {
			fmt.Fprintf(&b, "%s: %s\n", scenario(r), commandText(rec))
		}
		for _, n := range p.Needs {
			fmt.Fprintf(&b, "  needs %s\n", needText(n))
		}
		if p.Refused != "" {
			fmt.Fprintf(&b, "  refuses: %s\n", line(p.Refused))
		}
		if p.Error != "" {
			fmt.Fprintf(&b, "  could not look what it needs: %s\n", line(p.Error))
		}
	}
	return b.String()
}

func stepText(s PlannedStep) string {
	if s.Does == "" {
		return line(s.Name)
	}
	return line(s.Name) + ": " + line(s.Does)
}

// needText is a need in words: "disk at spare: 1.2 GiB needed, 70.0 GiB there: ok".
func needText(n Need) string {
	s := line(n.Resource) + " at " + line(n.Where) + ": "
	if n.NeededBytes > 0 || n.AvailableBytes > 0 {
		s += size(n.NeededBytes) + " needed, " + size(n.AvailableBytes) + " there: "
	}
	s += map[bool]string{true: "ok", false: "MISSING"}[n.Met]
	if d := line(n.Detail); d != "" {
		s += " (" + d + ")"
	}
	return s
}

// announced fills what the recovery said before it was run, and what was broken while it ran.
func (v *drillView) announced(r *Record) {
	if r.Recovery != nil {
		v.Plan = r.Recovery.Plan
		if v.Plan != nil {
			for i, s := range v.Plan.Steps {
				v.PlanSteps = append(v.PlanSteps, fact{Label: fmt.Sprintf("%d. %s", i+1, line(s.Name)), Value: line(s.Does)})
			}
		}
		if p := r.Recovery.Preflight; p != nil {
			for _, n := range p.Needs {
				v.Needs = append(v.Needs, needViewOf(n))
			}
		}
	}
	for _, m := range r.Meanwhile {
		v.Meanwhile = append(v.Meanwhile, meanwhileViewOf(r, m))
	}
}

func needViewOf(n Need) needView {
	v := needView{What: line(n.Resource), Where: line(n.Where), Detail: line(n.Detail), Met: n.Met}
	if n.NeededBytes > 0 || n.AvailableBytes > 0 {
		v.Needed, v.There = size(n.NeededBytes), size(n.AvailableBytes)
	}
	return v
}

func meanwhileViewOf(r *Record, m Meanwhile) meanwhileView {
	v := meanwhileView{Name: line(m.Name), At: line(m.At), What: line(m.Description), Why: line(firstText(m.Error, m.Proof)), Struck: "never", Healed: "no"}
	if m.Proven && m.Error == "" {
		v.Outcome = Passed
	}
	declared := int64(0)
	if r.Recovery != nil {
		declared = r.Recovery.DeclaredNS
	}
	if m.InjectNS > 0 {
		v.Struck = since(declared, m.InjectNS)
	}
	if m.HealedNS > 0 {
		v.Healed = since(declared, m.HealedNS)
	}
	return v
}

// workedText says whether a recovery worked in place or beside the old store.
func workedText(rec *Recovery) string {
	var last string
	for _, c := range rec.CutOvers {
		if c.Kind == "cut over" {
			last = line(c.Target)
		}
	}
	switch {
	case rec.Refused != "":
		return "not at all: it refused"
	case last != "":
		return "beside: clients were sent to " + last
	}
	return "in place: clients stayed where they were"
}
