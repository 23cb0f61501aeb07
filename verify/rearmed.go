package verify

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/recoverydrill/gameday/fixtures"
	"github.com/recoverydrill/gameday/reports"
)

// Rearmed wants the same disaster to be survived again. On the recovered store, wherever it lives now, it makes a new table,
// takes a new backup with the system's own tool, writes on, and waits until the archive holds that; then, where the engine
// can and a machine is left, it restores the new backup up to there and holds it to a survey of the store. Level deep adds
// it.
type Rearmed struct {
	// Limit is how long all of it may take; default 5 min.
	Limit time.Duration
}

var (
	_ Check     = Rearmed{}
	_ Collector = Rearmed{}
	_ Later     = Rearmed{}
)

// Name is "rearmed".
func (Rearmed) Name() string { return "rearmed" }

// Promise is what a passed check means.
func (Rearmed) Promise() string {
	return "the recovered store can be recovered again: a new backup can be taken, the log reaches its archive, and both lead back to what the store holds"
}

// freshTable is what a backup by a list of tables does not have. It is removed afterwards.
const freshTable = "new_since_recovery"

// rearmed is what was collected.
type rearmed struct {
	Deaf     string             `json:"no_writes,omitempty"` // why the store takes no writes
	Unmade   string             `json:"no_new_table,omitempty"`
	NoBackup string             `json:"no_backup,omitempty"` // why no backup could be taken
	Backup   *fixtures.Backup   `json:"backup,omitempty"`
	NoMark   string             `json:"no_mark,omitempty"`
	Stuck    string             `json:"not_archived,omitempty"`
	Unlisted bool               `json:"not_listed,omitempty"`   // the engine lists no file of the archive
	Unlooked string             `json:"not_restored,omitempty"` // why the restore was not tried
	Restored string             `json:"restored,omitempty"`     // where
	Broken   string             `json:"restore,omitempty"`      // why the restore did not work
	Unread   string             `json:"not_surveyed,omitempty"`
	Left     string             `json:"left,omitempty"` // what could not be removed
	Before   *fixtures.Manifest `json:"store,omitempty"`
	After    *fixtures.Manifest `json:"copy,omitempty"`
}

// Collect is of a store that was not surveyed before.
func (r Rearmed) Collect(context.Context, fixtures.System) ([]byte, error) {
	return nil, errors.New("the check rearmed goes on from what was found: call CollectLater")
}

// CollectLater takes a backup and restores it.
func (r Rearmed) CollectLater(ctx context.Context, sys fixtures.System, found *fixtures.Manifest) ([]byte, error) {
	limit := r.Limit
	if limit <= 0 {
		limit = 5 * time.Minute
	}
	ctx, cancel := context.WithTimeoutCause(ctx, limit, fmt.Errorf("Rearmed.Limit is %s: %w", limit, context.DeadlineExceeded))
	defer cancel()
	a := &rearming{sys: sys, found: found}
	for _, need := range []struct {
		ok   bool
		need string
	}{
		{has(sys, &a.backups), "fixtures.BackupTaker"}, {has(sys, &a.marker), "fixtures.Marker"}, {has(sys, &a.surveyor), "fixtures.Surveyor"},
	} {
		if !need.ok {
			return nil, &fixtures.UnsupportedError{What: "engine " + sys.Info().Engine, Need: need.need, For: "see that the store can be recovered again"}
		}
	}
	if found == nil {
		return nil, errors.New("see that the store can be recovered again: it was not surveyed")
	}
	a.rearm(ctx)
	if ctx.Err() != nil {
		return nil, context.Cause(ctx)
	}
	return json.Marshal(a.got)
}

// has asserts an ability and keeps it.
func has[T any](sys fixtures.System, to *T) (ok bool) {
	*to, ok = sys.(T)
	return ok
}

// rearming is one such look.
type rearming struct {
	sys      fixtures.System
	found    *fixtures.Manifest
	backups  fixtures.BackupTaker
	marker   fixtures.Marker
	surveyor fixtures.Surveyor
	got      rearmed
}

func (a *rearming) rearm(ctx context.Context) {
	if err := askOnce(ctx, a.sys, "rearmed"); err != nil {
		a.got.Deaf = err.Error()
		return
	}
	if a.create(ctx) {
		defer a.drop(ctx)
	}
	b, err := a.backups.Backup(ctx, fmt.Sprintf("rearmed-%d", time.Now().UnixNano()))
	if err == nil && b.Bytes <= 0 {
		err = fmt.Errorf("the backup at %s has no bytes", b.Path)
	}
	if err != nil {
		a.got.NoBackup = err.Error()
	} else {
		a.got.Backup = &b
	}
	m, ok := a.archive(ctx)
	if !ok || a.got.Backup == nil {
		return
	}
	a.rehearse(ctx, b, m)
}

// archive writes on, takes a mark and waits until it is in the archive; false where that is nowhere.
func (a *rearming) archive(ctx context.Context) (fixtures.Mark, bool) {
	before, listed := a.list(ctx)
	err := a.insert(ctx, 2)
	if err == nil {
		err = askOnce(ctx, a.sys, "rearmed")
	}
	if err != nil {
		a.got.Deaf = err.Error()
		return fixtures.Mark{}, false
	}
	m, err := a.marker.Mark(ctx, "rearmed")
	if err != nil {
		a.got.NoMark = err.Error()
		return m, false
	}
	if err := a.marker.Archived(ctx, m); err != nil {
		a.got.Stuck = err.Error()
		return m, false
	}
	now, ok := a.list(ctx)
	a.got.Unlisted = len(now) == 0
	if listed && ok && len(before)+len(now) > 0 && !grew(before, now) { // whatever the server believes
		a.got.Stuck = fmt.Sprintf("the archive has %s as before the last writes", plural(int64(len(now)), "file"))
		return m, false
	}
	return m, true
}

// list is the archived log, where the engine has files of it.
func (a *rearming) list(ctx context.Context) ([]fixtures.File, bool) {
	files, err := archivedFiles(ctx, a.sys)
	return files, err == nil
}

func (a *rearming) rehearse(ctx context.Context, b fixtures.Backup, m fixtures.Mark) {
	rehearser, ok := a.sys.(fixtures.Rehearser)
	if !ok {
		a.got.Unlooked = "engine " + a.sys.Info().Engine + " has no fixtures.Rehearser"
		return
	}
	o := fixtures.SurveyOptions{Nonce: a.found.Nonce, Tolerate: a.found.Tolerate}
	var err error
	if a.got.Before, err = surveyOne(ctx, a.surveyor, "", o); err != nil {
		a.got.Unread = "the store: " + err.Error()
		return
	}
	copied, err := rehearser.Rehearse(ctx, b, m)
	if copied.End != nil {
		defer func() {
			end, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Minute)
			defer cancel()
			if err := copied.End(end); err != nil {
				a.got.Left = err.Error()
			}
		}()
	}
	switch {
	case errors.Is(err, fixtures.ErrNoPlace), errors.Is(err, fixtures.ErrUnsupported):
		a.got.Unlooked = err.Error()
		return
	case err != nil:
		a.got.Broken = err.Error()
		return
	}
	a.got.Restored = copied.Where
	o.Expect = a.got.Before
	if a.got.After, err = surveyOne(ctx, a.surveyor, copied.At, o); err != nil {
		a.got.Unread = "the copy: " + err.Error()
	}
}

// create makes the new table with one row, where the engine takes statements.
func (a *rearming) create(ctx context.Context) bool {
	err := a.statement(ctx, "CREATE TABLE %s (k INTEGER NOT NULL PRIMARY KEY)")
	if errors.Is(err, fixtures.ErrUnsupported) {
		a.got.Unmade = err.Error()
		return false
	}
	if err == nil {
		err = a.insert(ctx, 1)
	}
	if err != nil {
		a.got.Unmade = err.Error()
	}
	return true
}

func (a *rearming) insert(ctx context.Context, k int) error {
	if a.got.Unmade != "" {
		return nil
	}
	return a.statement(ctx, fmt.Sprintf("INSERT INTO %%s VALUES (%d)", k))
}

func (a *rearming) drop(ctx context.Context) {
	end, cancel := context.WithTimeout(context.WithoutCancel(ctx), 20*time.Second)
	defer cancel()
	if err := a.statement(end, "DROP TABLE IF EXISTS %s"); err != nil {
		a.got.Left = strings.TrimSpace(a.got.Left + " the table " + freshTable + ": " + err.Error())
	}
}

func (a *rearming) statement(ctx context.Context, format string) error {
	operator, ok := a.sys.(fixtures.Operator)
	if !ok {
		return &fixtures.UnsupportedError{What: "engine " + a.sys.Info().Engine, Need: "fixtures.Operator", For: "make a new table"}
	}
	database, err := a.database(ctx)
	if err != nil {
		return err
	}
	return operator.Statement(ctx, "", database, fmt.Sprintf(format, freshTable))
}

// database is the one in which the new table is made: that of traffic's tables.
func (a *rearming) database(ctx context.Context) (string, error) {
	responder, ok := a.sys.(fixtures.Responder)
	if !ok {
		return "", nil
	}
	env, err := responder.Environment(ctx)
	return env["GAMEDAY_DATABASE"], err
}

// Judge reads what was seen.
func (r Rearmed) Judge(ctx context.Context, e *Evidence) reports.CheckResult {
	const what = "signs, tables and objects"
	data := e.Extra[r.Name()]
	if len(data) == 0 {
		return inconclusive(what, unsure("nobody tried to back the recovered store up again"))
	}
	var got rearmed
	if err := json.Unmarshal(data, &got); err != nil {
		return inconclusive(what, unsure("what was seen of a new backup cannot be read: "+err.Error()))
	}
	if got.Deaf != "" {
		return inconclusive(what, reports.Finding{Summary: "the recovered store takes no writes: whether they could be recovered is not known", Found: got.Deaf, Question: reports.InService})
	}
	j := judging(what)
	j.res.Questions = []reports.Question{reports.BackedUp, reports.Findable, reports.Harmless}
	j.res.Covered.Planned, j.res.Covered.Looked = 2, 2
	fail := func(summary, wanted, found, hint string) {
		j.fail(reports.Finding{Summary: summary, Wanted: wanted, Found: found, Hint: hint, Question: reports.BackedUp})
	}
	switch {
	case got.NoBackup != "":
		fail("no backup can be taken of the recovered store", "a backup by the system's own tool", got.NoBackup, "what does the tool need that the recovery did not bring back: a role, a right, a directory, the log?")
	case got.Backup == nil:
		j.unsure(unsure("nobody took a backup of the recovered store"))
	}
	switch {
	case got.NoMark != "":
		fail("the recovered store writes no log that a recovery could go by", "a position in the log", got.NoMark, "is the log on: archive_mode, log_bin?")
	case got.Stuck != "":
		fail("what is written after the recovery does not reach the archive", "the log up to a mark of now", got.Stuck, "does the archive command do what it says, and does the process that archives run?")
	}
	if got.Unlisted {
		j.note(reports.Finding{Summary: "whether the archived log of before has a gap was not looked at: the engine lists no file of it, as it is archived here", Question: reports.BackedUp})
	}
	if got.Unmade != "" {
		j.note(reports.Finding{Summary: "no new table was made before the backup: whether it would be part of it was not looked at", Found: got.Unmade})
	}
	if got.Left != "" {
		j.unsure(reports.Finding{Summary: "what was made to look at could not be removed: " + got.Left})
	}
	j.restoredAgain(ctx, got, e)
	return j.done()
}

// restoredAgain judges the restore of the new backup.
func (j *judgement) restoredAgain(ctx context.Context, got rearmed, e *Evidence) {
	switch {
	case got.NoBackup != "" || got.Backup == nil || got.NoMark != "" || got.Stuck != "":
		return
	case got.Unlooked != "":
		j.note(reports.Finding{Summary: "the new backup was not restored: " + got.Unlooked, Hint: "give the system one more spare machine", Question: reports.BackedUp})
		return
	case got.Broken != "":
		j.fail(reports.Finding{
			Summary: "the new backup and the archived log cannot be restored", Wanted: "a store as it is now", Found: got.Broken, Question: reports.BackedUp,
			Hint: "the next disaster would find no way back: take a backup when a recovery ends, and try it",
		})
		return
	case got.Unread != "" || got.Before == nil || got.After == nil:
		j.unsure(unsure("the restored copy could not be compared: " + got.Unread))
		return
	case e.Found == nil || got.Before.Nonce != e.Found.Nonce || got.After.Nonce != got.Before.Nonce || got.Before.Nonce == "":
		j.unsure(unsure("the survey of the restored copy is of another drill"))
		return
	case got.Before.Identity.Token != got.After.Identity.Token || got.After.Identity.Token == "":
		j.fail(reports.Finding{
			Summary: "the restored copy is of another store: it carries another identity token, or none", Question: reports.Findable, // a secret: not shown
			Hint: "of which server does the tool take its backup, and from where does the restore fetch it?",
		})
		return
	case got.Unmade == "" && !hasTable(got.Before, freshTable):
		j.unsure(unsure("the table " + freshTable + " is not in the survey of the store: nothing new was looked at"))
		return
	}
	// Settings are the machine's: the copy was started to be looked at.
	j.same(ctx, "restored from the new backup", e.Record, got.Before, got.After, func(o fixtures.Object) bool { return o.Kind != "setting" })
}

func hasTable(m *fixtures.Manifest, name string) bool {
	for _, db := range m.Databases {
		for _, t := range db.Tables {
			if t.Name == name && t.Error == "" && t.Rows > 0 {
				return true
			}
		}
	}
	return false
}
