package verify

import (
	"context"
	"errors"
	"slices"

	"github.com/recoverydrill/gameday/fixtures"
	"github.com/recoverydrill/gameday/reports"
)

// At returns the checks of a level, but for what level deep asks of a running system: see [Deepen].
func At(level reports.Level) []Check {
	checks := Default()
	if level == reports.Quick { // which reads no rows
		checks = slices.DeleteFunc(checks, func(c Check) bool { return c.Name() == (Constraints{}).Name() || c.Name() == (Physical{}).Name() })
		for i, c := range checks {
			if c.Name() == (Contents{}).Name() {
				checks[i] = Counts{}
			}
		}
	}
	return checks
}

// With are the checks of a level and a scenario's own. One of its own with the name of one of the level's takes that one's
// place; all others follow. None of the level's is left out: what nobody looked at must not pass.
func With(level reports.Level, own []Check) []Check {
	var checks []Check
	own = slices.Clone(own)
	for _, c := range At(level) {
		named := func(o Check) bool { return o.Name() == c.Name() }
		i := slices.IndexFunc(own, named)
		if i < 0 {
			checks = append(checks, c)
			continue
		}
		checks, own = append(checks, own[i]), slices.Delete(own, i, i+1)
	}
	return append(checks, own...)
}

// Deepen adds to checks what level deep looks at besides, as far as the system has it: its standbys, the archive of its
// log, a new backup and one more restart. A check that is there already stays as it is. It is called before the fault: what
// the recovery did away with must be missed.
func Deepen(ctx context.Context, sys fixtures.System, checks []Check) ([]Check, error) {
	more := []Check{}
	if slices.ContainsFunc(sys.Members(), func(m fixtures.Member) bool { return m.Role == fixtures.Standby }) {
		more = append(more, Replicas{})
	}
	more = append(more, Rearmed{})
	files, err := archivedFiles(ctx, sys)
	if err != nil && !errors.Is(err, fixtures.ErrUnsupported) {
		return nil, err
	}
	if err == nil && len(files) > 0 { // else Rearmed says that nobody looked
		more = append(more, Archive{})
	}
	more = append(more, Restart{})
	for _, c := range more {
		if !slices.ContainsFunc(checks, func(have Check) bool { return have.Name() == c.Name() }) {
			checks = append(slices.Clone(checks), c)
		}
	}
	return checks, nil
}

// Beyond are the checks that are not waived and look at more than the service and what its store holds: [Replicas] and
// [Archive], of which seen, where it is not nil, leaves those that it names, and a team's own. [Rearmed], [Restart] and
// [Fenced] do not count: they take a new backup and start what is down, and so put right themselves what a recovery left; nor
// does [Kept], which goes by what the fault has left.
func Beyond(checks []Check, waivers []reports.Waiver, seen []string) []Check {
	look := []Check{Replicas{}, Archive{}}
	elsewhere := slices.Concat(Default(), look, []Check{Counts{}, Rearmed{}, Restart{}, Fenced{}, Kept{}})
	named := func(all []Check, name string) bool {
		return slices.ContainsFunc(all, func(c Check) bool { return c.Name() == name })
	}
	return slices.DeleteFunc(slices.Clone(checks), func(c Check) bool {
		switch {
		case waived(c.Name(), waivers):
			return true
		case named(look, c.Name()):
			return seen != nil && !slices.Contains(seen, c.Name())
		}
		return named(elsewhere, c.Name())
	})
}

// DeepChecks are those that only level deep adds by itself.
func DeepChecks() []Check { return []Check{Replicas{}, Rearmed{}, Archive{}, Restart{}} }

// AddedChecks are those that a drill adds by itself: [Kept], where there is a backup, and what level deep adds.
func AddedChecks() []Check { return append(DeepChecks(), Kept{}) }

// Accepts is what checks take for right, for the record; nil is nothing.
func Accepts(checks []Check) *reports.Accepted {
	var a reports.Accepted
	for _, c := range checks {
		switch c := c.(type) {
		case Identity:
			a.NewSystem = c.AllowNewSystem
		case CutOver:
			a.SameBranch = c.SameBranch
		case Replicas:
			a.LastStandby, a.OnStandbys = c.MayBeLast, allowed(c.Allow)
		case Structure:
			a.Allow = allowed(c.Allow)
		}
	}
	if !a.NewSystem && !a.SameBranch && a.LastStandby == "" && len(a.OnStandbys) == 0 && len(a.Allow) == 0 {
		return nil
	}
	return &a
}

// Accepting lets checks take for right what a record says that the drill's own did.
func Accepting(checks []Check, a *reports.Accepted) []Check {
	if a == nil {
		return checks
	}
	checks = slices.Clone(checks)
	for i, c := range checks {
		switch c := c.(type) {
		case Replicas:
			c.MayBeLast, c.Allow = a.LastStandby, allowing(a.OnStandbys)
			checks[i] = c
		case Identity:
			checks[i] = Identity{AllowNewSystem: a.NewSystem}
		case CutOver:
			checks[i] = CutOver{SameBranch: a.SameBranch}
		case Structure:
			checks[i] = Structure{Allow: allowing(a.Allow)}
		}
	}
	return checks
}

func allowed(allow []Tolerance) (all []reports.Allowed) {
	for _, t := range allow {
		all = append(all, reports.Allowed{Kind: t.Kind, Name: t.Name, Reason: t.Reason})
	}
	return all
}

func allowing(allow []reports.Allowed) (all []Tolerance) {
	for _, a := range allow {
		all = append(all, Tolerance{Kind: a.Kind, Name: a.Name, Reason: a.Reason})
	}
	return all
}

// Pertinent leaves out the waivers of checks that a drill adds by itself, where these are not run: a scenario may waive them
// and be run at another level.
func Pertinent(waivers []reports.Waiver, checks []Check) []reports.Waiver {
	return slices.DeleteFunc(slices.Clone(waivers), func(w reports.Waiver) bool {
		named := func(c Check) bool { return c.Name() == w.Check }
		return !slices.ContainsFunc(checks, named) && slices.ContainsFunc(AddedChecks(), named)
	})
}

// Conclude fills the record's outcome from its checks: a drill that could not go on, and one that only looked quickly, has
// not passed.
func Conclude(rec *reports.Record) {
	rec.Outcome = Verdict(rec.Checks, rec.Waivers)
	if rec.Error != "" || rec.Level == reports.Quick {
		rec.Outcome = reports.Worst(rec.Outcome, reports.Inconclusive)
	}
}
