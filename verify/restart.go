package verify

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/recoverydrill/gameday/fixtures"
	"github.com/recoverydrill/gameday/reports"
)

// Restart wants the recovered store to survive one more restart. When everything else has been collected, it kills the
// server that clients reach, starts it as its node always does, and surveys the store again: what was only in memory, in
// the command line of a server that was started by hand, in a file that nobody opens the next time, or behind a right that
// the server does not have, is gone or different now. Level deep adds it.
//
// It ends processes, not machines: what lies on a disk that a reboot empties is not seen.
type Restart struct {
	// Limit is how long the restart and the survey may take; default 5 min.
	Limit time.Duration
}

var (
	_ Check     = Restart{}
	_ Collector = Restart{}
	_ Later     = Restart{}
)

// Name is "restart".
func (Restart) Name() string { return "restart" }

// Promise is what a passed check means.
func (Restart) Promise() string {
	return "the recovered store survives the end of its server: started again it holds the same rows, structure and settings, and answers clients"
}

// restarted is what was collected.
type restarted struct {
	Node       string             `json:"node"`
	Killed     string             `json:"not_killed,omitempty"`  // why the server could not be ended
	Started    string             `json:"not_started,omitempty"` // why it did not start again
	TookMS     int64              `json:"took_ms"`               // from the end to the first answer
	Silent     string             `json:"no_answer,omitempty"`   // why clients got no answer
	Unread     string             `json:"not_surveyed,omitempty"`
	Manifest   *fixtures.Manifest `json:"manifest,omitempty"`
	Unsettled  string             `json:"settings_unread,omitempty"`
	Durability []fixtures.Setting `json:"durability,omitempty"`
}

// Collect surveys with a nonce of its own: see CollectLater.
func (r Restart) Collect(context.Context, fixtures.System) ([]byte, error) {
	return nil, errors.New("the check restart goes on from what was found: call CollectLater")
}

// CollectLater ends the server, starts it and surveys.
func (r Restart) CollectLater(ctx context.Context, sys fixtures.System, found *fixtures.Manifest) ([]byte, error) {
	limit := r.Limit
	if limit <= 0 {
		limit = 5 * time.Minute
	}
	ctx, cancel := context.WithTimeoutCause(ctx, limit, fmt.Errorf("Restart.Limit is %s: %w", limit, context.DeadlineExceeded))
	defer cancel()
	lacks := func(need string) error {
		return &fixtures.UnsupportedError{What: "engine " + sys.Info().Engine, Need: need, For: "restart the server and look again"}
	}
	control, ok := sys.(fixtures.Controlled)
	if !ok {
		return nil, lacks("fixtures.Controlled")
	}
	surveyor, ok := sys.(fixtures.Surveyor)
	if !ok {
		return nil, lacks("fixtures.Surveyor")
	}
	if found == nil {
		return nil, errors.New("restart the server and look again: the store was not surveyed before")
	}
	node, err := servingNode(ctx, sys)
	if err != nil {
		return nil, err
	}
	got := restarted{Node: node.Name()}
	got.again(ctx, sys, control, surveyor, node, found)
	if ctx.Err() != nil {
		return nil, context.Cause(ctx)
	}
	return json.Marshal(got)
}

func (r *restarted) again(ctx context.Context, sys fixtures.System, control fixtures.Controlled, surveyor fixtures.Surveyor, node fixtures.Node, found *fixtures.Manifest) {
	if err := control.KillServer(ctx, node); err != nil {
		r.Killed = err.Error()
		return
	}
	began := time.Now()
	if err := control.StartServer(ctx, node); err != nil {
		r.Started = err.Error()
		return
	}
	if err := askUntil(ctx, sys, 10*time.Second); err != nil {
		r.Silent = err.Error()
	}
	r.TookMS = time.Since(began).Milliseconds()
	var err error
	if r.Manifest, err = surveyOne(ctx, surveyor, "", fixtures.SurveyOptions{Nonce: found.Nonce, Expect: found, Tolerate: found.Tolerate}); err != nil {
		r.Unread = err.Error()
	}
	if d, ok := sys.(fixtures.Durable); ok {
		if r.Durability, err = d.Durability(ctx, ""); err != nil {
			r.Unsettled = err.Error()
		}
	}
}

// askUntil asks as clients do until an answer comes; the error is the last one.
func askUntil(ctx context.Context, sys fixtures.System, limit time.Duration) error {
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	for {
		err := askOnce(ctx, sys, "restart")
		if err == nil || errors.Is(err, fixtures.ErrUnsupported) {
			return err
		}
		select {
		case <-ctx.Done():
			return err
		case <-tick.C:
		}
	}
}

// Judge holds what was found after the restart to what was found before.
func (r Restart) Judge(ctx context.Context, e *Evidence) reports.CheckResult {
	const what = "tables and objects"
	data := e.Extra[r.Name()]
	if len(data) == 0 {
		return inconclusive(what, unsure("nobody restarted the server and looked again"))
	}
	var got restarted
	if err := json.Unmarshal(data, &got); err != nil {
		return inconclusive(what, unsure("what was found after the restart cannot be read: "+err.Error()))
	}
	if e.Found == nil {
		return inconclusive(what, unsure("there is no manifest of the recovered store: with what the restarted one is to be compared is not known"))
	}
	j := judging(what)
	j.res.Questions = []reports.Question{reports.InService, reports.Harmless}
	where := reports.Place{Node: got.Node}
	const hint = "end the recovery with a restart by the node's own service, and look again"
	switch {
	case got.Killed != "":
		j.unsure(reports.Finding{
			Summary: "the server that clients reach could not be ended by the means of its node: whether it survives a restart is not known", Where: where, Found: got.Killed,
			Hint: "is it the server that the node's service starts, with the data directory that belongs to it?", Question: reports.InService,
		})
		return j.done()
	case got.Started != "":
		j.fail(reports.Finding{
			Summary: "the server does not start again", Where: where, Wanted: "a server that starts as its node always starts it", Found: got.Started,
			Hint: "look at the owner and mode of its files, at its configuration, and at what the recovery left in its data directory", Question: reports.InService,
		})
		return j.done()
	}
	if got.Silent != "" {
		j.fail(reports.Finding{
			Summary: "clients get no answer after a restart", Where: where, Wanted: "a write and its reading back through the route", Found: got.Silent,
			Question: reports.InService, Hint: hint,
		})
	}
	if got.Manifest == nil {
		j.unsure(reports.Finding{Summary: "the store could not be surveyed after the restart: " + got.Unread, Where: where})
		return j.done()
	}
	if bad := notRestarted(e.Found, got.Manifest); len(bad) > 0 {
		for _, f := range bad {
			j.unsure(f)
		}
		return j.done()
	}
	j.sameStore(e.Found.Identity, got.Manifest.Identity, hint)
	j.same(ctx, "after a restart", e.Record, e.Found, got.Manifest, nil)
	j.sameSettings(e.After, got, hint)
	return j.done()
}

// notRestarted says why the manifest cannot be one of after the restart.
func notRestarted(before, after *fixtures.Manifest) []reports.Finding {
	switch {
	case before.Nonce == "" || before.Nonce != after.Nonce:
		return []reports.Finding{unsure("the survey after the restart was made with another nonce: it means nothing to the one before")}
	case !after.Taken.After(before.Taken):
		return []reports.Finding{unsure("the survey after the restart is not later than the one before")}
	}
	return nil
}

func (j *judgement) sameStore(before, after fixtures.Identity, hint string) {
	j.res.Covered.Planned++
	switch {
	case after.Token == "" || after.System == "":
		j.unsure(unsure("the restarted store does not tell its identity"))
		return
	case after.Token != before.Token: // a secret: not shown
		j.fail(reports.Finding{Summary: "after a restart clients reach another store: its identity token is another one", Question: reports.InService, Hint: hint})
	case after.System != before.System || after.Branch != before.Branch:
		j.fail(reports.Finding{
			Summary: "after a restart clients reach another store, or one that began a recovery of its own", Question: reports.InService, Hint: hint,
			Wanted: before.System + " " + before.Branch, Found: after.System + " " + after.Branch,
		})
	}
	j.res.Covered.Looked++
}

// sameSettings holds the durability settings as read back after the restart to those before.
func (j *judgement) sameSettings(before []fixtures.Setting, got restarted, hint string) {
	after := settingsByName(got.Durability)
	for _, want := range before {
		j.res.Covered.Planned++
		now, ok := after[want.Name]
		switch {
		case got.Unsettled != "" || !ok:
			j.unsure(reports.Finding{Summary: want.Name + " could not be read back after the restart", Found: got.Unsettled})
			continue
		case now.Value != want.Value || (want.OK && !now.OK):
			j.fail(reports.Finding{
				Summary: fmt.Sprintf("after a restart %s is %q, it was %q before", want.Name, now.Value, want.Value), Where: reports.Place{Object: "setting " + want.Name},
				Wanted: want.Value, Found: now.Value, Question: reports.Harmless, Hint: "write it into the server's configuration: what was set while it ran is gone. " + hint,
			})
		}
		j.res.Covered.Looked++
	}
}
