package verify

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/recoverydrill/gameday/fixtures"
	"github.com/recoverydrill/gameday/reports"
)

// Constraints wants the rows to keep what the catalogue claims of them: a foreign key that was loaded past its triggers, a
// unique index that holds a key twice and a column that was declared NOT NULL by hand are all "valid" to it. Which claims
// there are comes from the mark; one that the rows belied at the mark already is only noted. An object that is gone or has
// changed is [Structure]'s business.
type Constraints struct{}

var (
	_ Check        = Constraints{}
	_ Collector    = Constraints{}
	_ CollectorFor = Constraints{}
)

// Name is "constraints".
func (Constraints) Name() string { return "constraints" }

// Promise is what a passed check means.
func (Constraints) Promise() string {
	return "the rows keep every constraint that they kept at the mark: each was held against the rows again, whatever the catalogue says of it"
}

// Collect fails: what is to be held against the rows comes from the mark.
func (Constraints) Collect(context.Context, fixtures.System) ([]byte, error) {
	return nil, errNoBaseline
}

// CollectFor lets the engine hold the claims of the mark against the rows.
func (Constraints) CollectFor(ctx context.Context, sys fixtures.System, e *Evidence) ([]byte, error) {
	return examine(sys, e, func(x fixtures.Revalidator) ([]fixtures.Examined, error) { return x.Revalidate(ctx, "", e.Baseline) })
}

// claimID names a claim of the mark.
type claimID struct {
	database, kind, name string
	claim                fixtures.Claim
}

func (c claimID) String() string {
	return fmt.Sprintf("%s: %s (%s %s)", c.database, c.name, c.kind, c.claim)
}

// Judge plans by the mark and reads what the engine has seen.
func (c Constraints) Judge(_ context.Context, e *Evidence) reports.CheckResult {
	const what = "constraints"
	seen, e, result := readExamined(e, c.Name(), what)
	if result != nil {
		return *result
	}
	j := judging(what)
	j.res.Questions = []reports.Question{reports.Harmless}
	answers := map[claimID]fixtures.Examined{}
	for _, x := range seen.Entries {
		id := claimID{x.Database, x.Kind, x.Name, x.Claim}
		if _, twice := answers[id]; twice && x.NotLooked == "" {
			j.unsure(unsure(fmt.Sprintf("%s was looked at twice: one answer could hide the other", id)))
		}
		answers[id] = x
	}
	found := objectsOf(e.Found)
	claims, impossible := 0, 0
	for _, db := range e.Baseline.Databases {
		for _, o := range db.Objects {
			for _, claim := range o.Claims {
				id := claimID{db.Name, o.Kind, o.Name, claim}
				claims++
				if !j.claim(id, o, answers, found) {
					impossible++
				}
				delete(answers, id)
			}
			j.belied(db.Name, o)
		}
	}
	for _, x := range seen.Entries { // more than was asked for: what is wrong is wrong all the same
		id := claimID{x.Database, x.Kind, x.Name, x.Claim}
		if _, unasked := answers[id]; unasked && x.Bad > 0 {
			j.violated(id, fixtures.Object{}, x)
		}
	}
	j.notLooked(seen.Entries, func(x fixtures.Examined) string {
		return strings.TrimSpace(fmt.Sprintf("%s %s %s", x.Kind, x.Claim, x.Name))
	})
	j.res.Covered.Rows = rowsHeld(seen.Entries)
	slices.SortStableFunc(j.res.Findings, func(a, b reports.Finding) int { return worse(a.Outcome) - worse(b.Outcome) })
	switch {
	case claims == 0: // what was belied at the mark is noted
		j.res.Covered = noted("manifests", "").Covered
		j.note(reports.Finding{Summary: "the manifest of the mark has no constraint that could be held against rows"})
	case impossible == claims: // which is noted
		j.res.Covered = noted("engines", "").Covered
	}
	return j.done()
}

// rowsHeld is how many rows were read, each counted once however many constraints it was held against.
func rowsHeld(entries []fixtures.Examined) (rows int64) {
	most := map[[2]string]int64{}
	for _, x := range entries {
		at := [2]string{x.Database, x.Table}
		most[at] = max(most[at], x.Rows)
	}
	for _, n := range most {
		rows += n
	}
	return rows
}

// worse puts what failed first.
func worse(o reports.Outcome) int {
	switch o {
	case reports.Failed:
		return 0
	case reports.Passed:
		return 2
	}
	return 1
}

type objectKey struct{ database, kind, name string }

func objectsOf(m *fixtures.Manifest) map[objectKey]fixtures.Object {
	all := map[objectKey]fixtures.Object{}
	for _, db := range m.Databases {
		for _, o := range db.Objects {
			all[objectKey{db.Name, o.Kind, o.Name}] = o
		}
	}
	return all
}

// claim judges one claim of the mark by what the engine answered, and says whether the engine has a way to test it.
func (j *judgement) claim(id claimID, o fixtures.Object, answers map[claimID]fixtures.Examined, found map[objectKey]fixtures.Object) bool {
	where := reports.Place{Database: id.database, Object: id.kind + " " + id.name}
	x, ok := answers[id]
	if ok {
		where.Table = x.Table
	} else if noPredicate(answers, id) {
		return false // and is noted once for all
	}
	if x.NotLooked != "" && x.Bad == 0 {
		return false
	}
	j.res.Covered.Planned++
	switch {
	case !ok:
		j.unsure(reports.Finding{Summary: fmt.Sprintf("%s was not held against the rows: the engine says nothing of it", id), Where: where, Question: reports.Harmless})
	case x.Bad > 0:
		j.res.Covered.Looked++
		j.violated(id, o, x)
	case x.Error != "":
		j.unsure(reports.Finding{
			Summary: fmt.Sprintf("%s could not be held against the rows: %s", id, x.Error), Where: where, Question: reports.Harmless,
			Hint: "see that the table can be read, and verify again",
		})
	case x.Missing:
		j.goneWith(id, o, where, found)
	default:
		j.res.Covered.Looked++
	}
	return true
}

// noPredicate tells whether the engine says of all claims of a kind that it cannot test them.
func noPredicate(answers map[claimID]fixtures.Examined, id claimID) bool {
	for _, database := range []string{id.database, ""} {
		for _, kind := range []string{id.kind, ""} {
			if x, ok := answers[claimID{database, kind, "", id.claim}]; ok && x.NotLooked != "" {
				return true
			}
		}
	}
	return false
}

// goneWith judges a claim whose object the engine did not find. That it is gone, or claims less than it did, is told by
// Structure, which compares the same manifests: only where those show no difference is the engine not believed.
func (j *judgement) goneWith(id claimID, o fixtures.Object, where reports.Place, found map[objectKey]fixtures.Object) {
	now, there := found[objectKey{id.database, id.kind, id.name}]
	if there && now.Definition == o.Definition {
		j.unsure(reports.Finding{
			Summary: fmt.Sprintf("%s was not found to be held against the rows, and the manifest of the recovered store has it unchanged", id), Where: where, Question: reports.Harmless,
		})
		return
	}
	j.res.Covered.Planned--
	how := "is missing"
	if there {
		how = "has changed"
	}
	j.note(reports.Finding{Summary: fmt.Sprintf("not looked at: %s %s: see check structure", id, how), Where: where, Wanted: o.Definition, Found: now.Definition})
}

func (j *judgement) violated(id claimID, o fixtures.Object, x fixtures.Examined) {
	of := ""
	if x.Table != "" {
		of = " of " + x.Table
	}
	j.fail(reports.Finding{
		Summary:  fmt.Sprintf("%s: %s %s is broken by %s%s %s", id.database, id.kind, id.name, plural(x.Bad, "row"), of, broken[id.claim]),
		Where:    reports.Place{Database: id.database, Table: x.Table, Object: id.kind + " " + id.name, Keys: x.Keys},
		Wanted:   cmp.Or(o.Definition, string(id.claim)),
		Found:    strings.TrimSuffix(fmt.Sprintf("%d of %s: %s", x.Bad, plural(x.Rows, "row"), x.Detail), ": "),
		Examples: x.Keys[:min(len(x.Keys), exampleLimit)], Question: reports.Harmless,
		Hint: "look for a load with the checks switched off (session_replication_role, foreign_key_checks, ignore_check_constraints), and for tables that come from different moments",
	})
}

// broken says what the rows are like that break a claim.
var broken = map[fixtures.Claim]string{
	fixtures.ForeignKey: "without a parent",
	fixtures.Unique:     "with a key that another row has",
	fixtures.Check:      "for which the condition is false",
	fixtures.NotNull:    "with NULL",
	fixtures.Exclusion:  "that another row excludes",
	fixtures.Partition:  "in the wrong partition",
	fixtures.Generated:  "that stores another value than the expression gives",
}

// belied notes what the rows belied at the mark already.
func (j *judgement) belied(database string, o fixtures.Object) {
	for _, claim := range sortedClaims(o.Belied) {
		j.note(reports.Finding{
			Summary: fmt.Sprintf("not judged: %s: at the mark already %s", claimID{database, o.Kind, o.Name, claim}, o.Belied[claim]),
			Where:   reports.Place{Database: database, Object: o.Kind + " " + o.Name}, Hint: "the store that was backed up has this wrong, and so has every backup of it",
		})
	}
}

func sortedClaims(m map[fixtures.Claim]string) []fixtures.Claim {
	var all []fixtures.Claim
	for c := range m {
		all = append(all, c)
	}
	slices.Sort(all)
	return all
}
