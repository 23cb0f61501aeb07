package drill

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/recoverydrill/gameday/fixtures/probe"
	recovery "github.com/recoverydrill/gameday/recover"
	"github.com/recoverydrill/gameday/reports"
	"github.com/recoverydrill/gameday/verify"
	"github.com/recoverydrill/gameday/verify/sabotage"
)

const (
	// sabotageDir is where what was found after an act is kept, below the drill's directory. Only that of acts that were
	// not caught stays.
	sabotageDir = "sabotage"
	// sabotageTime is how long acts are tried in one drill. A spec has a limit of its own, which gameday does not know.
	sabotageTime = 90 * time.Second
	// fewestAnswers is how often the service clock asks about a store before it is judged; every canary once at least. Where
	// it is the clock that must see what is wrong it asks twice as often as it must be answered for a service to be back.
	fewestAnswers = 10
	undoLimit     = 30 * time.Second
	// judgeTries is how often a store is judged of which only the service clock has something to say.
	judgeTries = 3
)

// announceSabotage writes into the record that this is no drill, before anything else happens.
func (d *Drill) announceSabotage() error {
	if d.acts == nil {
		return nil
	}
	s := &reports.Sabotage{Asked: []string{}}
	instead := 0
	for _, a := range d.acts {
		s.Asked = append(s.Asked, a.ID)
		if a.Instead() {
			instead++
		}
	}
	d.rec.Sabotage = s
	if instead > 0 && len(d.acts) > 1 {
		return fmt.Errorf("the acts %q: one that takes the recovery's place leaves nothing for another", s.Asked)
	}
	fmt.Fprintf(d.progress, "gameday: SABOTAGED ON PURPOSE %s: %q\n", d.rec.Scenario, s.Asked)
	return nil
}

func (d *Drill) instead() *sabotage.Act {
	if len(d.acts) == 1 && d.acts[0].Instead() {
		return &d.acts[0]
	}
	return nil
}

// orInstead is the recovery that is run.
func (d *Drill) orInstead(r recovery.Recovery) recovery.Recovery {
	if d.instead() == nil {
		return r
	}
	return recovery.Func(r.Name(), func(context.Context, recovery.Job) error { return nil })
}

// sabotaged tries every act once the recovery has been judged by e, and makes sure that nobody takes the drill for one.
func (d *Drill) sabotaged(ctx context.Context, e *verify.Evidence, collected error) error {
	s := d.rec.Sabotage
	d.rec.Outcome = reports.Worst(d.rec.Outcome, reports.Inconclusive)
	// By the checks alone: a blunt one makes a drill inconclusive, and it is here that its owner is shown what it misses.
	results := verify.Judge(ctx, e, d.scenario.Checks, d.rec.Waivers)
	checked := verify.Verdict(results, d.rec.Waivers)
	if collected != nil || d.rec.Error != "" {
		checked = reports.Worst(checked, reports.Inconclusive)
	}
	switch a := d.instead(); {
	case a != nil:
		one := graded(*a, results, d.rec.Waivers)
		one.Did = "the recovery was not run, and said that all went well"
		s.Acts = append(s.Acts, one)
	default:
		s.Control = checked
		if checked != reports.Passed {
			s.Left, s.WhyLeft = s.Asked, "the recovery as it is did not pass, so that nothing could be told from it"
			break
		}
		d.tryAll(ctx, e)
	}
	return d.stopClock(ctx)
}

// tryAll tries one act after another, each on a store that has just passed.
func (d *Drill) tryAll(ctx context.Context, e *verify.Evidence) {
	s := d.rec.Sabotage
	end := time.Now().Add(sabotageTime)
	for i, a := range d.acts {
		switch {
		case ctx.Err() != nil || time.Now().After(end):
			s.WhyLeft = "the time for one drill was over"
		case i > 0 && s.Acts[i-1].Left != "":
			s.WhyLeft = fmt.Sprintf("%s could not be taken back: %s", s.Acts[i-1].ID, s.Acts[i-1].Left)
		}
		if s.WhyLeft != "" {
			s.Left = s.Asked[i:]
			return
		}
		fmt.Fprintf(d.progress, "gameday: act %s %s\n", a.ID, a.Title)
		one, done := d.try(ctx, a, e)
		if !done { // the drill's time was over in the middle of it
			s.Left, s.WhyLeft = s.Asked[i:], "the time for one drill was over"
			return
		}
		s.Acts = append(s.Acts, one)
		fmt.Fprintf(d.progress, "gameday: act %s %s %q\n", a.ID, one.Grade(), one.CaughtBy)
		_ = d.save() // it is saved again at the end, where an error is told
	}
}

// try does one act, judges what is found then, takes the act back, and judges again. done is false where ctx ended before
// the act was judged.
func (d *Drill) try(ctx context.Context, a sabotage.Act, e *verify.Evidence) (one reports.SabotageAct, done bool) {
	began, did := d.clock.NowNS(), ""
	undo, err := a.Do(ctx, sabotage.Target{
		System: d.sys, Baseline: e.Baseline, Seed: d.rec.Seed, Ops: e.Ops, Say: func(s string) { did = d.mask(s) },
	})
	if err == nil {
		dir := filepath.Join(sabotageDir, strings.ReplaceAll(a.ID, "/", "-"))
		one = d.judgeAct(ctx, a, e, began, dir)
		if one.Grade() == reports.Caught {
			_ = os.RemoveAll(d.path(dir)) // it is in the findings
		}
		if undo == nil {
			one.Left = "nothing takes it back"
		}
	} else {
		one = reports.SabotageAct{ID: a.ID, Title: a.Title, Check: a.Check, CaughtBy: []string{}, NotSure: []string{}}
		if errors.Is(err, sabotage.ErrNotHere) {
			one.NotHere = err.Error()
		} else {
			one.Error = d.mask(err.Error())
		}
	}
	if ctx.Err() != nil {
		return one, false
	}
	one.Did = did
	if one.Left == "" && (undo != nil || one.Error != "") {
		one.Left = d.takeBack(ctx, undo, e)
	}
	one.Took = (d.clock.NowNS() - began) / int64(time.Millisecond)
	return one, true
}

// takeBack undoes an act and says why the store is not as it was, "" where it is.
func (d *Drill) takeBack(ctx context.Context, undo func(context.Context) error, e *verify.Evidence) string {
	if undo != nil {
		limit, cancel := context.WithTimeout(ctx, undoLimit)
		defer cancel()
		if err := undo(limit); err != nil {
			return d.mask(err.Error())
		}
	}
	if err := d.waitCorrect(ctx, d.clock.NowNS(), d.scenario.ServiceLimit); err != nil {
		return "the service is not back: " + d.mask(err.Error())
	}
	dir := filepath.Join(sabotageDir, "undone")
	defer os.RemoveAll(d.path(dir)) //nolint:errcheck // evidence of nothing
	why := ""
	for range judgeTries {
		results, err := d.judgeSince(ctx, e, d.clock.NowNS(), fewestAnswers, dir)
		switch {
		case err != nil:
			why = d.mask(err.Error())
		case verify.Verdict(results, d.rec.Waivers) != reports.Passed:
			why = "afterwards " + firstBad(results, d.rec.Waivers)
		default:
			return ""
		}
	}
	return why
}

// judgeAct judges a store to which an act was done. What the service clock alone has against it may be the machine's doing:
// it counts if it is there every time.
func (d *Drill) judgeAct(ctx context.Context, a sabotage.Act, e *verify.Evidence, sinceNS int64, dir string) reports.SabotageAct {
	var one reports.SabotageAct
	answers := fewestAnswers
	if a.Check == (verify.Service{}).Name() {
		answers = 2 * max(d.rec.Service.Needed, len(d.rec.Canaries))
	}
	for range judgeTries {
		results, err := d.judgeSince(ctx, e, sinceNS, answers, dir)
		one = graded(a, results, d.rec.Waivers)
		if err != nil { // what could not be collected is no pass
			one.Outcome = reports.Worst(one.Outcome, reports.Inconclusive)
			one.NotSure = append(one.NotSure, "collecting")
			if one.Finding == "" {
				one.Finding = d.mask(err.Error())
			}
		}
		if one.Outcome == reports.Passed || !onlyClock(one) {
			break
		}
		sinceNS = d.clock.NowNS()
	}
	return one
}

// onlyClock says whether nobody but the service clock, and what is reckoned from it, has anything against the store.
func onlyClock(one reports.SabotageAct) bool {
	for _, name := range slices.Concat(one.CaughtBy, one.NotSure) {
		if name != (verify.Service{}).Name() && name != (verify.Objectives{}).Name() {
			return false
		}
	}
	return true
}

// judgeSince collects what the store shows now and judges it. Traffic has ended, so the ledger is the one of the control; of
// the service clock's answers those count that were given until the control, and those since a moment: what happened in
// between was another act.
func (d *Drill) judgeSince(ctx context.Context, control *verify.Evidence, sinceNS int64, answers int, dir string) ([]reports.CheckResult, error) {
	e := *control
	e.Found, e.Rows, e.After, e.Extra = nil, nil, nil, nil
	e.FoundDir = filepath.Join(dir, reports.FoundDir)
	if err := os.MkdirAll(d.path(dir), 0o755); err != nil { //nolint:gosec // evidence is to be read
		return nil, fmt.Errorf("keep what is found: %w", err)
	}
	err := d.look(ctx, &e, dir)
	err = errors.Join(err, d.waitAnswers(ctx, sinceNS, max(answers, len(d.rec.Canaries))))
	series := append([]probe.Answer{}, control.Probe...)
	for _, a := range d.prober.Answers() {
		if a.AtNS >= sinceNS {
			series = append(series, a)
		}
	}
	e.Probe = series
	err = errors.Join(err, d.observe(ctx, &e, dir, true))
	return verify.Judge(ctx, &e, d.scenario.Checks, d.rec.Waivers), err
}

// waitAnswers waits until the service clock has n answers to questions due at sinceNS or later, of whatever kind.
func (d *Drill) waitAnswers(ctx context.Context, sinceNS int64, n int) error {
	interval := time.Duration(d.rec.Service.IntervalMS) * time.Millisecond
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second+time.Duration(n)*interval)
	defer cancel()
	for t := time.NewTicker(interval); ; {
		var got int
		for _, a := range d.prober.Answers() {
			if a.AtNS >= sinceNS {
				got++
			}
		}
		if got >= n {
			t.Stop()
			return nil
		}
		select {
		case <-ctx.Done():
			t.Stop()
			return fmt.Errorf("the service clock has only %d of %d answers: %w", got, n, context.Cause(ctx))
		case <-t.C:
		}
	}
}

// graded is what the checks say of a store to which an act was done.
func graded(a sabotage.Act, results []reports.CheckResult, waivers []reports.Waiver) reports.SabotageAct {
	one := reports.SabotageAct{
		ID: a.ID, Title: a.Title, Check: a.Check, Outcome: verify.Verdict(results, waivers), CaughtBy: []string{}, NotSure: []string{},
	}
	unsure := ""
	for _, r := range results {
		if verify.Waived(r.Name, waivers) {
			continue
		}
		switch r.Outcome {
		case reports.Failed:
			one.CaughtBy = append(one.CaughtBy, r.Name)
			if one.Finding == "" {
				one.Finding = firstFinding(r)
			}
		case reports.Inconclusive:
			one.NotSure = append(one.NotSure, r.Name)
			if unsure == "" || r.Name == a.Check {
				unsure = firstFinding(r)
			}
		}
	}
	if len(one.CaughtBy) == 0 {
		one.Finding = unsure
	}
	return one
}

func firstFinding(r reports.CheckResult) string {
	for _, f := range r.Findings {
		if f.Outcome == r.Outcome && f.Found != "" {
			return f.Summary + " (found: " + f.Found + ")"
		}
		if f.Outcome == r.Outcome {
			return f.Summary
		}
	}
	return r.Promise
}

func firstBad(results []reports.CheckResult, waivers []reports.Waiver) string {
	for _, r := range results {
		if r.Outcome != reports.Passed && !verify.Waived(r.Name, waivers) {
			return fmt.Sprintf("check %s is %s: %s", r.Name, r.Outcome, firstFinding(r))
		}
	}
	return "nothing was judged"
}
