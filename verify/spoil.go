package verify

import (
	"fmt"
	"slices"

	"github.com/recoverydrill/gameday/fixtures"
	"github.com/recoverydrill/gameday/reports"
)

// spoil makes a copy of good evidence wrong, and says how; ok is false where this evidence gives no occasion.
type spoil func(e *Evidence) (what string, ok bool)

// spoils are the ways in which each check of this package must notice that evidence is wrong, by the check's name: a check
// in whose place somebody puts another of the same name is held to them too.
var spoils = map[string][]spoil{
	Preflight{}.Name():   {missedNeed},
	FaultProven{}.Name(): {unprovenFault, failedRecovery},
	Refusal{}.Name():     {noRefusal},
	Plan{}.Name():        {otherStep},
	Contents{}.Name():    {changedRow, lostRow, unreadTable, lostTable},
	Structure{}.Name():   {changedObject, lostObject, sequenceBack},
	Constraints{}.Name(): {spoiledEntry(Constraints{}.Name()), silentEntry(Constraints{}.Name())},
	Physical{}.Name():    {spoiledEntry(Physical{}.Name()), silentEntry(Physical{}.Name())},
	Identity{}.Name():    {otherToken},
	Durability{}.Name():  {settingOff, settingUnread},
	Ledger{}.Name():      {lostWrite, staleRow, strangeRow},
	CutOver{}.Name():     {leftCut},
	Service{}.Name():     {wrongAnswer, nobodyAsked},
	Objectives{}.Name():  {tooLate, tooMuchLost},
	Replicas{}.Name():    {divergedStandby, standbyWithoutObject, standbyTakesWrites},
	Archive{}.Name():     {stuckArchive, archiveGap},
	Fenced{}.Name():      {secondPrimary},
	Counts{}.Name():      {lostRow, lostTable},
	Restart{}.Name():     {lostAtRestart, notStarted},
	Kept{}.Name():        {lostBackup, lostArchived},
	Rearmed{}.Name():     {noNewBackup, notArchivedAgain, lostInCopy},
}

func missedNeed(e *Evidence) (string, bool) {
	r := e.Record.Recovery
	if r == nil {
		return "", false
	}
	r.Preflight = &reports.Preflight{Error: "spoiled"}
	return "a preflight that could not look", true
}

func unprovenFault(e *Evidence) (string, bool) {
	if e.Record.Fault == nil {
		return "", false
	}
	e.Record.Fault.Proven = false
	return "a fault that nobody saw", true
}

func failedRecovery(e *Evidence) (string, bool) {
	r := e.Record.Recovery
	if r == nil || e.Record.MustRefuse {
		return "", false
	}
	r.ExitCode, r.Error = 3, "exit status 3"
	return "a recovery that exited with 3", true
}

func noRefusal(e *Evidence) (string, bool) {
	r := e.Record.Recovery
	if r == nil || !e.Record.MustRefuse {
		return "", false
	}
	r.Refused, r.ExitCode, r.Error = "", 0, ""
	return "a recovery that had to refuse and ran to its end", true
}

func otherStep(e *Evidence) (string, bool) {
	r := e.Record.Recovery
	switch {
	case r == nil:
		return "", false
	case r.Plan == nil:
		e.Record.PlanDigest = "spoiled"
		return "a plan that was agreed on and that the recovery does not have", true
	case r.Plan.Refused != "":
		r.Refused = ""
		return "a recovery that refused its plan and was run all the same", true
	}
	r.Steps = append([]reports.Step{{Name: "a step that nobody planned"}}, r.Steps...)
	return "a step that is not in the plan", true
}

// fixedTable is a table of the recovered store that nobody writes to and that holds rows, as it was at the mark. It may not be
// empty: that would be no difference.
func fixedTable(e *Evidence) (database string, t *fixtures.Table) {
	base := e.untouched().Baseline
	if base == nil || e.Found == nil {
		return "", nil
	}
	want, _ := indexTables(base)
	for i := range e.Found.Databases {
		d := &e.Found.Databases[i]
		for k := range d.Tables {
			w := want[tableID{d.Name, d.Tables[k].FullName()}]
			if w != nil && disposable(e, d.Name, *w) == nil && w.Class == fixtures.Fixed && w.Error == "" && d.Tables[k].Error == "" && d.Tables[k].Rows > 0 && w.Digest == d.Tables[k].Digest {
				return d.Name, &d.Tables[k]
			}
		}
	}
	return "", nil
}

// rewritten gives a table another digest, with buckets that agree with it.
func rewritten(t *fixtures.Table, rows int64) {
	t.Rows, t.Digest, t.RowsFile = rows, t.Digest.Add(fixtures.Digest{Lo: 1}), ""
	if len(t.Buckets) > 0 {
		t.Buckets = []fixtures.Bucket{{Rows: rows, Digest: t.Digest}}
	}
}

func changedRow(e *Evidence) (string, bool) {
	database, t := fixedTable(e)
	if t == nil {
		return "", false
	}
	rewritten(t, t.Rows)
	return fmt.Sprintf("one row of %s with another digest", tableName(database, *t)), true
}

func lostRow(e *Evidence) (string, bool) {
	database, t := fixedTable(e)
	if t == nil {
		return "", false
	}
	rewritten(t, t.Rows-1)
	if t.Rows == 0 {
		t.Digest, t.Buckets = fixtures.Digest{}, nil
	}
	return fmt.Sprintf("one row less in %s", tableName(database, *t)), true
}

func unreadTable(e *Evidence) (string, bool) {
	database, t := fixedTable(e)
	if t == nil {
		return "", false
	}
	t.Error = "permission denied"
	return fmt.Sprintf("that %s could not be read", tableName(database, *t)), true
}

func lostTable(e *Evidence) (string, bool) {
	database, t := fixedTable(e)
	if t == nil {
		return "", false
	}
	name := t.FullName()
	for i := range e.Found.Databases {
		if d := &e.Found.Databases[i]; d.Name == database {
			d.Tables = slices.DeleteFunc(d.Tables, func(t fixtures.Table) bool { return t.FullName() == name })
		}
	}
	return fmt.Sprintf("that table %s is missing in %s", name, database), true
}

// object finds one of the recovered store's that is as it was at the mark, so that no tolerance is about it.
func object(e *Evidence, wanted func(o fixtures.Object) bool) (all *[]fixtures.Object, at int) {
	base := e.untouched().Baseline
	if base == nil || e.Found == nil {
		return nil, 0
	}
	was := map[string]string{}
	note := func(database string, objects []fixtures.Object) {
		for _, o := range objects {
			was[database+"\x00"+o.Kind+"\x00"+o.Name] = o.Definition
		}
	}
	note("", base.Objects)
	for _, d := range base.Databases {
		note(d.Name, d.Objects)
	}
	look := func(database string, objects *[]fixtures.Object) bool {
		for i, o := range *objects {
			if definition, ok := was[database+"\x00"+o.Kind+"\x00"+o.Name]; ok && definition == o.Definition && o.Name != unreadable && wanted(o) {
				all, at = objects, i
				return true
			}
		}
		return false
	}
	for i := range e.Found.Databases {
		if d := &e.Found.Databases[i]; look(d.Name, &d.Objects) {
			return all, at
		}
	}
	look("", &e.Found.Objects)
	return all, at
}

func anyObject(fixtures.Object) bool { return true }

func changedObject(e *Evidence) (string, bool) {
	all, i := object(e, anyObject)
	if all == nil {
		return "", false
	}
	o := &(*all)[i]
	o.Definition += " spoiled"
	return fmt.Sprintf("another definition of %s %s", o.Kind, o.Name), true
}

func lostObject(e *Evidence) (string, bool) {
	all, i := object(e, anyObject)
	if all == nil {
		return "", false
	}
	o := (*all)[i]
	*all = slices.Delete(*all, i, i+1)
	return fmt.Sprintf("that %s %s is missing", o.Kind, o.Name), true
}

func sequenceBack(e *Evidence) (string, bool) {
	all, i := object(e, func(o fixtures.Object) bool { return o.AtLeast != nil })
	if all == nil {
		return "", false
	}
	o := &(*all)[i]
	o.AtLeast = new(int64(-1 << 63))
	return fmt.Sprintf("%s %s set back", o.Kind, o.Name), true
}

func otherToken(e *Evidence) (string, bool) {
	if e.Found == nil {
		return "", false
	}
	e.Found.Identity.Token += "spoiled"
	return "another identity token", true
}

func settingOff(e *Evidence) (string, bool) {
	if len(e.After) == 0 {
		return "", false
	}
	e.After[0].Value, e.After[0].OK = "spoiled", false
	return e.After[0].Name + " switched off", true
}

func settingUnread(e *Evidence) (string, bool) {
	if len(e.After) == 0 {
		return "", false
	}
	name := e.After[0].Name
	e.After = e.After[1:]
	return "that " + name + " was not read back", true
}
