package drill

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/recoverydrill/gameday/fixtures"
	"github.com/recoverydrill/gameday/reports"
	"github.com/recoverydrill/gameday/verify"
)

// Finish ends the drill: it verifies what has not been verified yet if a recovery was run, heals the fault, cleans up
// after the recovery, stops traffic and the service clock, and writes the record. It is called once, whatever happened,
// with a context of its own; the system is closed by whoever started it, afterwards.
func (d *Drill) Finish(ctx context.Context) error {
	if d.finished {
		return nil
	}
	d.finished = true
	// A recovery that failed is judged all the same: the findings say what it left behind.
	if d.rec.Recovery != nil && !d.planOnly && !d.verified && ctx.Err() == nil {
		d.Verify(ctx)
	}
	errs := d.cleanUp(ctx)
	if err := errors.Join(errs...); err != nil && d.verified {
		d.leftBehind(err)
	}
	d.rec.Finished = time.Now().UTC()
	d.conclude()
	d.addOwn()
	var err error
	if d.rec.Evidence, err = reports.Hash(d.dir); err != nil {
		errs = append(errs, fmt.Errorf("list the evidence: %w", err))
	}
	errs = append(errs, d.save())
	fmt.Fprintf(d.progress, "gameday: verdict %s\n", d.rec.Headline)
	if err := errors.Join(errs...); err != nil {
		return fmt.Errorf("finish %s: %w", d.rec.Scenario, err)
	}
	return nil
}

// ScenarioEnded tells the drill that the scenario around it did not end well: an assertion of its own failed (failed), or
// it was ended before it had made all of them (inconclusive). A drill whose checks have passed is not passed then, and its
// record says why. It may be called before Finish and after it.
func (d *Drill) ScenarioEnded(outcome reports.Outcome, why string) error {
	d.own = &reports.CheckResult{
		Name: "scenario", Promise: "the scenario's own assertions hold", Outcome: outcome, Total: 1,
		Findings: []reports.Finding{{Outcome: outcome, Summary: why, Hint: "the checks have found nothing: look at what the scenario asks for besides"}},
	}
	if !d.finished {
		return nil
	}
	d.addOwn()
	return d.save()
}

// addOwn adds what the scenario itself had to say to a record that would be passed without it.
func (d *Drill) addOwn() {
	if d.own == nil || d.rec.Outcome != reports.Passed || d.rec.Sabotage != nil {
		return
	}
	d.rec.Checks = append(d.rec.Checks, *d.own)
	verify.Conclude(d.rec)
	d.rec.Headline = reports.Headline(d.rec)
}

// leftBehind adds to the record that not everything could be put right again. What was judged before that stands, but a drill
// that leaves damage or processes behind is not passed: the next one may meet them.
func (d *Drill) leftBehind(err error) {
	d.rec.Checks = append(d.rec.Checks, reports.CheckResult{
		Name: "clean-up", Promise: "the fault is healed, and nothing of the drill is left", Outcome: reports.Inconclusive, Total: 1,
		Findings: []reports.Finding{{
			Outcome: reports.Inconclusive, Summary: "left behind: " + d.mask(err.Error()), Question: reports.Harmless,
			Hint: "look at what is left before the next drill: gameday clean removes what dead runs leave",
		}},
	})
	verify.Conclude(d.rec)
}

// cleanUp runs every clean-up, the latest first, each with a limit of its own.
func (d *Drill) cleanUp(ctx context.Context) []error {
	var errs []error
	for _, f := range slices.Backward(d.cleanups) {
		c, cancel := context.WithTimeout(context.WithoutCancel(ctx), 20*time.Second)
		if err := f(c); err != nil {
			errs = append(errs, err)
		}
		cancel()
	}
	return errs
}

// conclude gives a drill that did not reach its verification the outcome that is left: a recovery that was run and
// failed is a failure, anything else could not answer.
func (d *Drill) conclude() {
	if !d.verified {
		d.rec.Outcome = reports.Inconclusive
		if d.rec.Error == "" {
			d.rec.Error = "the drill ended in phase " + d.lastPhase() + ", before it was verified"
		}
	}
	d.rec.Headline = reports.Headline(d.rec)
}

func (d *Drill) lastPhase() string {
	if n := len(d.rec.Phases); n > 0 {
		return d.rec.Phases[n-1].Name
	}
	return "none"
}

// CouldNotBegin writes the record of a drill whose system could not be started, so that it is counted and shown.
func CouldNotBegin(s Scenario, run fixtures.Run, cause error) error {
	dir, err := slug(run, s.Name)
	if err != nil {
		return err
	}
	now := time.Now().UTC()
	rec := &reports.Record{
		SchemaVersion: reports.Schema, Run: run.ID, Scenario: s.Name, Title: s.Title, Owner: s.Owner, Disaster: s.Disaster,
		File: s.File, Line: s.Line, Reproduce: s.Reproduce, Level: s.Level, Started: now, Finished: now, Host: host(),
		Outcome: reports.Inconclusive, Error: cause.Error(),
	}
	rec.Headline = reports.Headline(rec)
	return reports.WriteRecord(dir, rec)
}
