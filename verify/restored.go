package verify

import (
	"context"
	"fmt"
	"slices"

	"github.com/recoverydrill/gameday/fixtures"
	"github.com/recoverydrill/gameday/reports"
)

// OfRestore are the checks of a drill that restores a team's real backup, as its record says what it was asked. With a
// manifest they are those of any recovery that look at what came back; without one they look whether all of it can be read.
func OfRestore(r *reports.Restore) []Check {
	checks := []Check{Preflight{}, Plan{}, Restored{}}
	if r.Manifest != nil {
		checks = append(checks, Provenance{}, Contents{}, Structure{Allow: allowing(r.Allow)})
	} else {
		checks = append(checks, Readable{})
	}
	for _, c := range []struct {
		asked int
		check Check
	}{{r.Invariants, Invariants{}}, {r.Freshness, Freshness{}}, {r.RowBands, RowBands{}}} {
		if c.asked > 0 {
			checks = append(checks, c.check)
		}
	}
	return checks
}

// Provenance wants the restored store to be held against the manifest that the scenario names, and to be that store as far as
// it has an identity: PostgreSQL's system identifier. Whatever else makes it that one, its contents show.
type Provenance struct{}

var (
	_ Check   = Provenance{}
	_ Toothed = Provenance{}
)

// Name is "provenance".
func (Provenance) Name() string { return "provenance" }

// Promise is what a passed check means.
func (Provenance) Promise() string {
	return "the manifest is whole and as it was taken, and it is of the store that came back"
}

// Judge compares engine, nonce and identity.
func (Provenance) Judge(_ context.Context, e *Evidence) reports.CheckResult {
	const what = "marks of origin"
	if bad := notComparable(e); len(bad) > 0 {
		return inconclusive(what, bad...)
	}
	r := e.Record.Restore
	switch {
	case r == nil || r.Manifest == nil:
		return inconclusive(what, unsure("the record names no manifest"))
	case !e.Baseline.Foreign || !e.Found.Foreign:
		return inconclusive(what, unsure("a manifest is a drill's own, not one beside a backup"))
	case r.Manifest.Digest == "":
		return inconclusive(what, unsure("nobody has held the manifest against its sums"))
	case !slices.Equal(e.Baseline.Only, e.Found.Only):
		return inconclusive(what, unsure("the manifests are not of the same databases"))
	}
	j := judging(what)
	j.res.Questions = []reports.Question{reports.Findable}
	j.res.Covered.Planned, j.res.Covered.Looked = 2, 2 // engine and nonce
	if want, got := e.Baseline.Identity.System, e.Found.Identity.System; want != "" {
		j.res.Covered.Planned++
		switch {
		case got == "":
			j.unsure(unsure("the restored store does not tell its system identifier"))
		case got != want && !r.NewSystem:
			j.fail(reports.Finding{
				Summary: "the restored store has another system identifier than the one that was backed up", Wanted: want, Found: got, Question: reports.Findable,
				Hint: "look whose backup was restored; a logical restore into a new server must be declared (RestoreScenario.NewSystem)",
			})
			fallthrough
		default:
			j.res.Covered.Looked++
		}
	}
	if len(e.Baseline.Only) > 0 {
		j.note(reports.Finding{Summary: fmt.Sprintf("only the databases %q are in the manifest: of others nothing is known", e.Baseline.Only)})
	}
	if e.Baseline.Before != "" {
		j.note(reports.Finding{Summary: fmt.Sprintf("the manifest is of a moment between %s and %s: what was written then may show as a difference", e.Baseline.Before, e.Baseline.Position)})
	}
	return j.done()
}

// Spoil makes the manifest one of another time.
func (Provenance) Spoil(e *Evidence) (string, bool) {
	if e.Baseline == nil {
		return "", false
	}
	e.Baseline.Nonce += "x"
	return "a manifest with another nonce", true
}

// Readable wants every table of the restored store to be readable to its end, and to agree with its plain indexes in number. It is what
// can be said of a store without a manifest; it says nothing of what is missing.
type Readable struct{}

var (
	_ Check   = Readable{}
	_ Toothed = Readable{}
)

// Name is "readable".
func (Readable) Name() string { return "readable" }

// Promise is what a passed check means.
func (Readable) Promise() string {
	return "every table that came back can be read to its end, and its plain indexes have as many entries as it has rows"
}

// Judge reads the survey.
func (Readable) Judge(_ context.Context, e *Evidence) reports.CheckResult {
	const what = "tables"
	if e.Found == nil {
		return inconclusive(what, unsure("there is no survey of the restored store: nobody looked at what came back"))
	}
	j := judging(what)
	j.res.Questions = []reports.Question{reports.Harmless}
	j.unlisted("the server", e.Found.Objects)
	for _, d := range e.Found.Databases {
		j.unlisted(fmt.Sprintf("database %q", d.Name), d.Objects)
		for _, t := range d.Tables {
			j.res.Covered.Planned++
			name := tableName(d.Name, t)
			switch {
			case t.Error != "" && t.Damaged:
				j.res.Covered.Looked++
				j.fail(reports.Finding{Summary: fmt.Sprintf("%s is damaged: %s", name, t.Error), Where: place(d.Name, t), Question: reports.Harmless, Hint: "look whether the backup is damaged, or the restore"})
			case t.Error != "":
				j.unsure(reports.Finding{Summary: fmt.Sprintf("%s could not be read: %s", name, t.Error), Where: place(d.Name, t)})
			default:
				j.res.Covered.Looked++
				j.res.Covered.Rows += t.Rows
				j.res.Covered.Bytes += t.Bytes
			}
		}
		for _, o := range d.Objects {
			switch {
			case o.Kind != "check" || o.Definition == "ok":
			case o.Name == "foreign_key_check": // a property of the rows: SQLite enforces keys only where it is told to
				j.note(reports.Finding{
					Summary: fmt.Sprintf("%s: %s: %s; whether it was so before nobody knows without a manifest", d.Name, o.Name, o.Definition), Where: reports.Place{Database: d.Name, Object: o.Name},
					Question: reports.Harmless, Hint: "an invariant can say how many rows without their parent there may be",
				})
			default:
				j.fail(reports.Finding{Summary: fmt.Sprintf("%s: %s: %s", d.Name, o.Name, o.Definition), Where: reports.Place{Database: d.Name, Object: o.Name}, Question: reports.Harmless})
			}
		}
	}
	for _, required := range requiredOf(e.Record) {
		j.res.Covered.Planned++
		j.res.Covered.Looked++
		if !Surveyed(e.Found, required) {
			j.fail(reports.Finding{
				Summary: fmt.Sprintf("table %s is missing, which must be there", required.Table), Where: required, Wanted: "the table", Found: "no such table", Question: reports.BackedUp,
				Hint: "look whether the backup holds the table, and whether the restore stopped before it or left it out",
			})
		}
	}
	if j.res.Covered.Rows == 0 && j.res.Outcome != reports.Failed {
		j.unsure(unsure("no row came back: there was nothing to read"))
	}
	return j.done()
}

// unlisted says what of a store could not even be listed: a database that nobody can enter has no tables to be missed.
func (j *judgement) unlisted(of string, objects []fixtures.Object) {
	for _, o := range objects {
		if o.Name == fixtures.UnreadableObject {
			j.res.Covered.Planned++
			j.unsure(reports.Finding{
				Summary: fmt.Sprintf("of %s, what is of kind %q could not be read: %s", of, o.Kind, o.Definition), Question: reports.Harmless,
				Hint: "can it be entered, and has the scenario's account the right to read all of it?",
			})
		}
	}
}

func requiredOf(rec *reports.Record) []reports.Place {
	if rec == nil || rec.Restore == nil {
		return nil
	}
	return rec.Restore.Tables
}

// Surveyed says whether a manifest holds a table.
func Surveyed(m *fixtures.Manifest, p reports.Place) bool {
	return slices.ContainsFunc(m.Databases, func(d fixtures.Database) bool {
		return d.Name == p.Database && slices.ContainsFunc(d.Tables, func(t fixtures.Table) bool { return t.FullName() == p.Table })
	})
}

// Spoil makes the first table unreadable.
func (Readable) Spoil(e *Evidence) (string, bool) {
	if e.Found == nil {
		return "", false
	}
	for i := range e.Found.Databases {
		if tables := e.Found.Databases[i].Tables; len(tables) > 0 {
			tables[0].Error, tables[0].Damaged = "spoiled", true
			return "a damaged table", true
		}
	}
	return "", false
}

// Restored wants the restore to have ended well, the store to answer, and both within the objective.
type Restored struct{}

var (
	_ Check   = Restored{}
	_ Toothed = Restored{}
)

// Name is "restored".
func (Restored) Name() string { return "restored" }

// Promise is what a passed check means.
func (Restored) Promise() string {
	return "the team's command restored the backup by itself, and the store answers and is open for writing, as quickly as was asked for"
}

// Judge reads the record.
func (Restored) Judge(_ context.Context, e *Evidence) reports.CheckResult {
	const what = "restores"
	if e.Record == nil || e.Record.Recovery == nil || e.Record.Restore == nil {
		return inconclusive(what, unsure("there is no record of a restore"))
	}
	rec, r := e.Record.Recovery, e.Record.Restore
	j := judging(what)
	j.res.Questions = append([]reports.Question{reports.InService}, quickEnough(e.Record.Objective)...)
	j.res.Covered.Planned, j.res.Covered.Looked = 1, 1
	const hint = "read what it printed in " + reports.OutputFile
	switch {
	case rec.Refused != "":
		j.fail(reports.Finding{Summary: "the restore refused: " + rec.Refused, Question: reports.InService, Hint: hint})
	case rec.Error != "" || rec.ExitCode != 0:
		j.fail(reports.Finding{Summary: "the restore failed: " + rec.Error, Question: reports.InService, Hint: hint})
	case r.ReadyNS == 0:
		j.fail(reports.Finding{Summary: "the restored store did not answer", Question: reports.InService, Hint: "look whether the server runs, where the last line \"gameday: cutover\" led, and whether the scenario's account can enter; " + hint})
	case r.ReadyNS < rec.DeclaredNS:
		j.unsure(unsure("the store answered before the restore began"))
	case r.NoWrites != "":
		j.fail(reports.Finding{
			Summary: "the restored store answers and takes no writes: " + r.NoWrites, Wanted: "a store that can go into service", Found: r.NoWrites, Question: reports.InService,
			Hint: "end the restore with what opens the store for writing: a promotion (recovery_target_action = 'promote'), read_only off",
		})
	default:
		took, asked := milliseconds(r.ReadyNS-rec.DeclaredNS), e.Record.Objective.RTOMS
		if asked > 0 && took > asked {
			j.fail(reports.Finding{
				Summary: fmt.Sprintf("the restore took %.1f s until the store answered, %.1f s was asked for", float64(took)/1e3, float64(asked)/1e3), Question: reports.InTime,
				Wanted: fmt.Sprintf("at most %d ms", asked), Found: fmt.Sprintf("%d ms", took), Hint: "look at the steps, which of them took how long",
			})
		}
	}
	return j.done()
}

// Spoil makes the restore have failed.
func (Restored) Spoil(e *Evidence) (string, bool) {
	if e.Record == nil || e.Record.Restore == nil {
		return "", false
	}
	e.Record.Restore.ReadyNS = 0
	return "a store that never answered", true
}
