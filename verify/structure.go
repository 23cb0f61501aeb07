package verify

import (
	"cmp"
	"context"
	"fmt"
	"path"
	"slices"
	"strings"

	"github.com/recoverydrill/gameday/fixtures"
	"github.com/recoverydrill/gameday/reports"
)

// Structure holds everything that is not rows against the mark: what belongs to each database (indexes, constraints,
// triggers, grants, sequences, …) and to the server (roles, settings). A sequence may have moved on, never back.
type Structure struct {
	// Allow lists differences that this recovery is known to make and that its owner accepts. Each one that is met is
	// shown with its reason.
	Allow []Tolerance
}

// Tolerance accepts differences of the objects of one kind whose name matches.
type Tolerance struct {
	Kind   string // "setting"; must be given
	Name   string // a pattern as of path.Match, in which "*" does not cross "/": "shop.orders.*"; must be given
	Reason string // shown in the result; must be given
}

var (
	_ Check  = Structure{}
	_ Damage = Structure{}
)

// Name is "structure".
func (Structure) Name() string { return "structure" }

// Promise is what a passed check means.
func (Structure) Promise() string {
	return "every database and everything in it but rows is as it was at the mark: columns, keys, indexes, triggers, sequences, grants, roles and settings"
}

// SeesDamage is true: a dropped index is seen before the recovery as well as after it.
func (Structure) SeesDamage() bool { return true }

// Judge compares the objects of both manifests.
func (s Structure) Judge(_ context.Context, e *Evidence) reports.CheckResult {
	const what = "objects"
	e = e.untouched()
	if bad := notComparable(e); len(bad) > 0 {
		return inconclusive(what, bad...)
	}
	if b, f := e.Baseline.Listing, e.Found.Listing; b != f {
		return inconclusive(what, reports.Finding{
			Summary: "the manifests list structure in two ways: what differs may be the list alone", Wanted: cmp.Or(b, "none named"), Found: cmp.Or(f, "none named"),
			Hint: "the manifest was taken by another version of gameday: take one by this version with the next backup, or judge with the version that took it",
		})
	}
	if bad := badTolerances(s.Allow); bad != nil {
		return inconclusive(what, bad...)
	}
	j := judging(what)
	j.res.Questions = []reports.Question{reports.BackedUp, reports.Harmless}
	s.compare(j, "", slotsApart(j, e), e.Found.Objects)
	found := map[string]fixtures.Database{}
	for _, db := range e.Found.Databases {
		found[db.Name] = db
	}
	for _, want := range e.Baseline.Databases {
		got, ok := found[want.Name]
		delete(found, want.Name)
		if !ok || isMissingDatabase(got) {
			j.res.Covered.Planned += int64(len(want.Objects))
			j.res.Covered.Looked += int64(len(want.Objects))
			j.fail(reports.Finding{
				Summary: fmt.Sprintf("database %s is missing", want.Name), Where: reports.Place{Database: want.Name}, Question: reports.BackedUp,
				Wanted: plural(int64(len(want.Tables)), "table"), Found: "no such database", Hint: "look whether the backup holds every database of the server",
			})
			continue
		}
		s.compare(j, want.Name, want.Objects, got.Objects)
	}
	for _, db := range e.Found.Databases {
		if _, extra := found[db.Name]; extra {
			j.fail(reports.Finding{
				Summary: fmt.Sprintf("database %s was not there at the mark", db.Name), Where: reports.Place{Database: db.Name},
				Wanted: "no such database", Found: plural(int64(len(db.Tables)), "table"), Question: reports.Harmless,
				Hint: "a restore left something behind, or it is another server",
			})
		}
	}
	if j.res.Covered.Planned == 0 {
		j.unsure(unsure("the manifest of the mark has no structure: nothing was compared"))
	}
	return j.done()
}

// badTolerances says what is wrong with tolerances that could not be applied; nil is nothing.
func badTolerances(all []Tolerance) []reports.Finding {
	for _, t := range all {
		if _, err := path.Match(t.Name, ""); err != nil || t.Kind == "" || t.Name == "" || strings.TrimSpace(t.Reason) == "" {
			return []reports.Finding{unsure(fmt.Sprintf("the tolerance for %s %q needs a kind, a valid pattern and a reason", t.Kind, t.Name))}
		}
	}
	return nil
}

// isMissingDatabase tells a database that a survey lists only because it was expected.
func isMissingDatabase(db fixtures.Database) bool {
	if len(db.Objects) > 0 || len(db.Tables) == 0 {
		return false
	}
	for _, t := range db.Tables {
		if !isMissing(t) {
			return false
		}
	}
	return true
}

type objectID struct{ kind, name string }

func (s Structure) compare(j *judgement, database string, want, got []fixtures.Object) {
	found := map[objectID]fixtures.Object{}
	for _, o := range got {
		id := objectID{o.Kind, o.Name}
		if _, twice := found[id]; twice {
			s.differ(j, database, "is there more than once", o, "once", "more than once")
		}
		found[id] = o
	}
	known := map[objectID]bool{}
	unread := unreadKinds(j, database, want, got)
	for _, w := range want {
		j.res.Covered.Planned++
		id := objectID{w.Kind, w.Name}
		if known[id] {
			j.unsure(unsure(fmt.Sprintf("the manifest of the mark lists %s %s twice", w.Kind, w.Name)))
			continue
		}
		known[id] = true
		if unread[w.Kind] || unread["database"] {
			continue
		}
		j.res.Covered.Looked++
		g, ok := found[id]
		switch {
		case !ok:
			s.differ(j, database, "is missing", w, w.Definition, "")
		case w.Definition != g.Definition || w.AtLeast != nil && g.AtLeast == nil:
			s.differ(j, database, "changed", w, w.Definition+atLeast(w), g.Definition+atLeast(g))
		case w.AtLeast == nil: // any number is right
		case *g.AtLeast < *w.AtLeast:
			s.differ(j, database, fmt.Sprintf("went back by %d", *w.AtLeast-*g.AtLeast), w, fmt.Sprintf("%d or more", *w.AtLeast), fmt.Sprint(*g.AtLeast))
		case w.Most != nil && room(g) < room(w)/2:
			s.differ(j, database, "is used up or soon will be", w, fmt.Sprintf("%d and %d more to give out", *w.AtLeast, room(w)), fmt.Sprintf("%d and %d more", *g.AtLeast, room(g)))
		}
	}
	for _, g := range got {
		if !known[objectID{g.Kind, g.Name}] && !(g.Name == unreadable && unread[g.Kind]) {
			s.differ(j, database, "was not there at the mark", g, "", g.Definition)
		}
	}
}

// logicalSlot is the kind of the logical replication slots, in each of which lies how far a consumer of changes has read.
const logicalSlot = "logical slot"

const slotHint = "recreate the slot before anybody writes and let its consumer copy everything anew: what was written since it last read is in no new slot"

// slotsApart is what the server had at the mark, without the logical slots that a recovery has rightly lost, which are noted: a
// backup holds none, and a standby that is promoted has none of its own. Where a server was mended in its place, system and
// branch are the mark's, and a lost slot is a consumer's lost position.
func slotsApart(j *judgement, e *Evidence) []fixtures.Object {
	want, got := e.Baseline.Identity, e.Found.Identity
	if want.System == got.System && want.Branch == got.Branch {
		return e.Baseline.Objects
	}
	var rest []fixtures.Object
	for _, w := range e.Baseline.Objects {
		same := func(g fixtures.Object) bool { return g.Kind == w.Kind && (g.Name == w.Name || g.Name == unreadable) }
		if w.Kind != logicalSlot || slices.ContainsFunc(e.Found.Objects, same) {
			rest = append(rest, w)
			continue
		}
		j.note(reports.Finding{
			Summary: fmt.Sprintf("%s %s is gone, as after every restore and promotion", w.Kind, w.Name), Where: reports.Place{Object: w.Kind + " " + w.Name},
			Wanted: w.Definition, Found: "no such slot", Hint: slotHint, Question: reports.Harmless,
		})
	}
	return rest
}

const unreadable = fixtures.UnreadableObject

// unreadKinds finds the kinds of objects that could not be listed after the recovery: what became of them is not known.
func unreadKinds(j *judgement, database string, want, got []fixtures.Object) map[string]bool {
	unread := map[string]bool{}
	for _, g := range got {
		if g.Name == unreadable {
			unread[g.Kind] = true
		}
	}
	for _, w := range want {
		if w.Name == unreadable { // somebody's own name
			delete(unread, w.Kind)
		}
	}
	for _, g := range got {
		if g.Name == unreadable && unread[g.Kind] {
			j.unsure(reports.Finding{
				Summary: strings.TrimSpace(fmt.Sprintf("%s objects of kind %s could not be read: %s", database, g.Kind, g.Definition)),
				Where:   reports.Place{Database: database, Object: g.Kind}, Question: reports.Harmless,
			})
		}
	}
	return unread
}

// room is how many numbers are left to give out.
func room(o fixtures.Object) uint64 {
	if o.AtLeast == nil || o.Most == nil || *o.Most < *o.AtLeast {
		return 0
	}
	return uint64(*o.Most) - uint64(*o.AtLeast) //nolint:gosec // the difference is right, whatever the signs
}

func atLeast(o fixtures.Object) string {
	if o.AtLeast == nil {
		return ""
	}
	return fmt.Sprintf(" (now %d)", *o.AtLeast)
}

func (s Structure) differ(j *judgement, database, how string, o fixtures.Object, wanted, found string) {
	f := reports.Finding{
		Summary: fmt.Sprintf("%s %s %s", o.Kind, o.Name, how), Where: reports.Place{Database: database, Object: o.Kind + " " + o.Name},
		Wanted: wanted, Found: found, Question: reports.Harmless,
		Hint: "compare what the backup tool copies with what it leaves out (roles, settings, disabled triggers, statistics)",
	}
	if o.Kind == logicalSlot {
		f.Hint = slotHint
	}
	if database != "" {
		f.Summary = fmt.Sprintf("%s: %s", database, f.Summary)
	}
	for _, t := range s.Allow {
		if match, err := path.Match(t.Name, o.Name); err == nil && match && t.Kind == o.Kind {
			f.Summary += ", which is accepted: " + t.Reason
			j.note(f)
			return
		}
	}
	j.fail(f)
}
