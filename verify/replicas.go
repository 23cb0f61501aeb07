package verify

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/recoverydrill/gameday/fixtures"
	"github.com/recoverydrill/gameday/reports"
)

// Replicas wants every standby to follow the server that clients reach, to hold what it holds, rows and structure, and to
// refuse clients' writes. It waits until each has applied everything, and surveys all of them with traffic stopped. A standby
// from which clients are served is none any more. One is, whatever its node began as, where its server follows another (see
// [fixtures.Follower]): a former primary that was attached again is held to the same, and a standby of the beginning that does
// not answer may be missing where another stands in its place. It is for scenarios whose standbys are to be there afterwards; name it
// beside the default checks.
//
// It sees what a survey sees: every row, every object, and an index that has more or fewer entries than its table has rows.
// What else may be wrong with an index is not seen. A standby's settings are its own and are not compared.
type Replicas struct {
	// Limit is how long the survey of all standbys may take; default 3 min.
	Limit time.Duration
	// MayBeLast is why the recovery may send clients to the only standby, so that none is left, which the result shows: "a new
	// one is built by another runbook". Without it such a drill is inconclusive, for no standby was looked at.
	MayBeLast string
	// Allow lists differences of structure that standbys are meant to have, such as an index for reports. Each one that is met
	// is shown with its reason.
	Allow []Tolerance
}

var (
	_ Check     = Replicas{}
	_ Collector = Replicas{}
)

// Name is "replicas".
func (Replicas) Name() string { return "replicas" }

// Promise is what a passed check means.
func (Replicas) Promise() string {
	return "every standby follows the server that clients reach, holds exactly the rows and the structure that it holds, and takes no writes of clients"
}

// replicas is what was collected.
type replicas struct {
	Follow   string             `json:"follow,omitempty"`  // why not every standby has applied everything
	Serving  string             `json:"serving,omitempty"` // the standby that clients are sent to now
	Primary  *fixtures.Manifest `json:"primary"`
	Standbys []replica          `json:"standbys"`
	Replaced []string           `json:"replaced,omitempty"` // nodes that do not answer, and in whose place others follow
}

type replica struct {
	Node     string             `json:"node"`
	Error    string             `json:"error,omitempty"` // why it could not be read
	Manifest *fixtures.Manifest `json:"manifest,omitempty"`
	Writes   *fenced            `json:"writes,omitempty"` // what became of a client's write; nil where nobody sent one
}

// Collect surveys the primary and every standby with one nonce.
func (r Replicas) Collect(ctx context.Context, sys fixtures.System) ([]byte, error) {
	limit := r.Limit
	if limit <= 0 {
		limit = 3 * time.Minute
	}
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	lacks := func(need string) error {
		return &fixtures.UnsupportedError{What: "engine " + sys.Info().Engine, Need: need, For: "compare the standbys"}
	}
	surveyor, ok := sys.(fixtures.Surveyor)
	if !ok {
		return nil, lacks("fixtures.Surveyor")
	}
	replicator, ok := sys.(fixtures.Replicator)
	if !ok {
		return nil, lacks("fixtures.Replicator")
	}
	responder, ok := sys.(fixtures.Responder)
	if !ok || sys.Route() == nil {
		return nil, lacks("fixtures.Responder and a route")
	}
	env, err := responder.Environment(ctx)
	if err != nil {
		return nil, fmt.Errorf("find the standbys: %w", err)
	}
	nonce := make([]byte, 16)
	if _, err := rand.Read(nonce); err != nil {
		return nil, fmt.Errorf("draw a nonce: %w", err)
	}
	o := fixtures.SurveyOptions{Nonce: hex.EncodeToString(nonce)}
	var got replicas
	standbys := got.find(ctx, sys, env)
	wait := replicator.Replicated
	if f, ok := sys.(fixtures.Follower); ok {
		wait = func(ctx context.Context) error { return f.ReplicatedTo(ctx, standbys...) }
	}
	if err := wait(ctx); err != nil {
		if ctx.Err() != nil {
			return nil, err
		}
		got.Follow = err.Error()
	}
	if got.Primary, err = surveyOne(ctx, surveyor, "", o); err != nil {
		return nil, fmt.Errorf("survey the primary: %w", err)
	}
	o.Expect = got.Primary
	for _, n := range standbys {
		at := addressOf(env, n)
		one := replica{Node: n.Name()}
		if at == "" {
			one.Error = "it has no address: its node is gone"
		} else if one.Manifest, err = surveyOne(ctx, surveyor, at, o); err != nil {
			if ctx.Err() != nil {
				return nil, err
			}
			one.Error = err.Error()
		} else {
			one.Writes = writeTo(ctx, sys, one.Node, at)
		}
		got.Standbys = append(got.Standbys, one)
	}
	return json.Marshal(got)
}

// find returns the nodes that are to hold a standby, and notes which one serves and which are replaced.
func (got *replicas) find(ctx context.Context, sys fixtures.System, env map[string]string) (standbys []fixtures.Node) {
	follower, can := sys.(fixtures.Follower)
	follows := func(n fixtures.Node) (bool, error) {
		if addressOf(env, n) == "" {
			return false, errors.New("it has no address")
		}
		ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
		defer cancel()
		return follower.Follows(ctx, n)
	}
	var silent []fixtures.Node
	others := 0
	for _, m := range sys.Members() {
		began, is, err := m.Role == fixtures.Standby, false, error(nil)
		at := addressOf(env, m.Node)
		if serves := at != "" && at == sys.Route().Target(); !serves && can {
			is, err = follows(m.Node)
		} else if serves {
			if began {
				got.Serving = m.Node.Name()
			}
			continue
		}
		switch {
		case began && err != nil:
			silent = append(silent, m.Node)
		case began:
			standbys = append(standbys, m.Node)
		case is && err == nil:
			standbys = append(standbys, m.Node)
			others++
		}
	}
	for _, n := range silent {
		if others > 0 {
			others--
			got.Replaced = append(got.Replaced, n.Name())
			continue
		}
		standbys = append(standbys, n)
	}
	return standbys
}

func surveyOne(ctx context.Context, s fixtures.Surveyor, at string, o fixtures.SurveyOptions) (*fixtures.Manifest, error) {
	snap, err := s.Snapshot(ctx, at)
	if err != nil {
		return nil, err
	}
	m, err := snap.Survey(ctx, o)
	end, cancel := context.WithTimeout(context.WithoutCancel(ctx), 10*time.Second)
	defer cancel()
	_ = snap.Close(end) // read only; its connections are gone either way
	return m, err
}

// Judge compares the manifests.
func (r Replicas) Judge(_ context.Context, e *Evidence) reports.CheckResult {
	const what = "tables and objects of standbys"
	data := e.Extra[r.Name()]
	if len(data) == 0 {
		return inconclusive(what, unsure("nobody looked at the standbys"))
	}
	var got replicas
	if err := json.Unmarshal(data, &got); err != nil {
		return inconclusive(what, unsure("what was found on the standbys cannot be read: "+err.Error()))
	}
	if bad := badTolerances(r.Allow); bad != nil {
		return inconclusive(what, bad...)
	}
	j := judging(what)
	j.res.Questions = []reports.Question{reports.InService, reports.Harmless}
	switch {
	case got.Primary == nil:
		return inconclusive(what, unsure("there is no manifest of the primary to compare the standbys with"))
	case len(got.Standbys) == 0 && got.Serving != "":
		return r.last(j, got.Serving)
	case len(got.Standbys) == 0:
		return inconclusive(what, unsure("the system has no standby: leave this check out"))
	}
	if got.Follow != "" {
		j.fail(reports.Finding{
			Summary: "not every standby follows: " + got.Follow, Question: reports.InService, Wanted: "all of them have applied everything",
			Hint: "is it running, does it reach the primary, and is the log that it needs still there?",
		})
	}
	for _, name := range got.Replaced {
		j.note(reports.Finding{Summary: name + " does not answer, and another standby follows in its place", Where: reports.Place{Node: name}, Question: reports.InService})
	}
	j.samePrimary(got.Primary, e.Found)
	for _, s := range got.Standbys {
		j.replica(e, got.Primary, s)
		if s.Manifest != nil {
			j.likeness(got.Primary, s, Structure{Allow: r.Allow})
			j.refusesWrites(s)
		}
	}
	return j.done()
}

// last judges a system whose only standby serves clients: nothing was compared.
func (r Replicas) last(j *judgement, serving string) reports.CheckResult {
	f := reports.Finding{
		Summary: serving + " serves clients now, and was the only standby: there is none to compare, and none to take over next time", Where: reports.Place{Node: serving},
		Question: reports.InService, Hint: "build a new standby before the next disaster",
	}
	j.res.Covered.Planned = 1
	if strings.TrimSpace(r.MayBeLast) == "" {
		f.Hint = "build a new one, as a part of the recovery; or give the check verify.Replicas in Scenario.Checks a reason, MayBeLast, where that is for later"
		j.unsure(f)
		return j.done()
	}
	f.Summary += ", which is accepted: " + r.MayBeLast
	j.res.Covered.Looked = 1
	j.note(f)
	return j.done()
}

// samePrimary holds the manifest that the standbys are compared with against the one that every other check has judged.
func (j *judgement) samePrimary(primary, found *fixtures.Manifest) {
	if found == nil {
		j.unsure(unsure("there is no manifest of the recovered store: whether the standbys follow the right one is not known"))
		return
	}
	all, _ := indexTables(found)
	for _, db := range primary.Databases {
		for _, t := range db.Tables {
			if f := all[tableID{db.Name, t.FullName()}]; t.Class != fixtures.Harness && (f == nil || f.Rows != t.Rows) {
				j.unsure(reports.Finding{Summary: tableName(db.Name, t) + " differs between two readings of the primary: the standbys were compared with another state", Where: place(db.Name, t)})
			}
		}
	}
}

func (j *judgement) replica(e *Evidence, primary *fixtures.Manifest, s replica) {
	if s.Manifest == nil {
		j.fail(reports.Finding{
			Summary: s.Node + " cannot be read: " + s.Error, Where: reports.Place{Node: s.Node}, Question: reports.InService,
			Wanted: "a standby that answers", Found: s.Error, Hint: "a standby that was there before is to be there again",
		})
		return
	}
	found, _ := indexTables(s.Manifest)
	for _, db := range primary.Databases {
		for _, want := range db.Tables {
			if want.Class == fixtures.Harness {
				continue
			}
			j.res.Covered.Planned++
			name := s.Node + ": " + tableName(db.Name, want)
			where := place(db.Name, want)
			where.Node = s.Node
			got := found[tableID{db.Name, want.FullName()}]
			f := reports.Finding{Where: where, Question: reports.Harmless, Wanted: plural(want.Rows, "row"), Hint: "build the standby anew from a sound server"}
			switch {
			case want.Error != "":
				j.unsure(reports.Finding{Summary: name + " cannot be compared, the primary's own cannot be read: " + want.Error, Where: where})
				continue
			case got == nil || isMissing(*got):
				f.Summary, f.Found = name+" is missing", "no such table"
			case emptyOnStandby(e, j, s.Node, db.Name, want, *got): // it has said so
			case got.Damaged:
				f.Summary, f.Found = name+" is damaged and cannot be read to its end: "+got.Error, got.Error
			case got.Error != "":
				j.unsure(reports.Finding{Summary: name + " could not be read: " + got.Error, Where: where})
				continue
			case !sameColumns(want.Columns, got.Columns):
				f.Summary, f.Found = name+" has other columns", columnList(got.Columns)
			case unread(want) || unread(*got):
				j.unsure(reports.Finding{Summary: name + " was counted and not read", Where: where})
				continue
			case want.Rows != got.Rows || want.Digest != got.Digest:
				f.Summary, f.Found = s.Node+": "+byBuckets(tableName(db.Name, want), want, *got), plural(got.Rows, "row")
			}
			j.res.Covered.Looked++
			if f.Summary != "" {
				j.fail(f)
			}
		}
	}
}
