package drill

import (
	"context"
	"errors"
	"fmt"

	"github.com/recoverydrill/gameday/fixtures"
	"github.com/recoverydrill/gameday/fixtures/ledger"
	"github.com/recoverydrill/gameday/fixtures/traffic"
	"github.com/recoverydrill/gameday/reports"
	"github.com/recoverydrill/gameday/verify"
)

// Verify stops traffic, collects the evidence from the store that clients now reach, and judges it. The record's outcome
// is the verdict; what could not be collected makes it inconclusive.
func (d *Drill) Verify(ctx context.Context) *reports.Record {
	if err := d.before("Verify", "Recover", "there is nothing to judge", d.rec.Recovery != nil); err != nil {
		d.rec.Outcome, d.rec.Error = reports.Inconclusive, err.Error()
		d.rec.Headline = reports.Headline(d.rec)
		return d.rec
	}
	if d.verified {
		return d.rec
	}
	d.verified = true
	if err := d.phase(ctx, "verify", d.verify); err != nil {
		d.rec.Outcome = reports.Worst(d.rec.Outcome, reports.Inconclusive)
	}
	return d.rec
}

func (d *Drill) verify(ctx context.Context) error {
	collect := d.collect
	if d.restored != nil {
		collect = d.collectRestored
	}
	e, err := collect(ctx)
	d.rec.Waivers = verify.Pertinent(d.scenario.Waivers, d.scenario.Checks)
	// Judge with what there is: a store that cannot be read is a finding, not a reason to say nothing.
	d.rec.Checks = verify.Teeth(ctx, e, d.rec, d.scenario.Checks, verify.Judge(ctx, e, d.scenario.Checks, d.rec.Waivers))
	if listErr := verify.ListDamagedRows(ctx, e, d.rec.Checks); listErr != nil {
		err = errors.Join(err, listErr)
	}
	verify.Summarise(d.rec, e)
	verify.Conclude(d.rec)
	if err != nil {
		d.rec.Outcome = reports.Worst(d.rec.Outcome, reports.Inconclusive)
	}
	if d.rec.Sabotage != nil {
		err = errors.Join(err, d.sabotaged(ctx, e, err))
	}
	return err
}

// collect gathers the evidence. Whatever fails, the rest is still collected.
func (d *Drill) collect(ctx context.Context) (*verify.Evidence, error) {
	e := &verify.Evidence{Dir: d.dir, Record: d.rec, Baseline: d.latest.manifest, BaseDir: d.latest.dir, FoundDir: reports.FoundDir, Damaged: d.damaged}
	var errs []error
	if err := d.driver.Stop(ctx); err != nil {
		errs = append(errs, fmt.Errorf("stop traffic: %w", err))
	}
	if d.rec.Recovery != nil { // who was left running by it may have moved clients since
		d.followRoute(d.rec.Recovery)
	}
	errs = append(errs, d.look(ctx, e, ""))
	d.rec.SettingsAfter = e.After
	if d.rec.Sabotage == nil { // it goes on to watch what is done on purpose
		errs = append(errs, d.stopClock(ctx))
	}
	e.Probe = d.prober.Answers()
	d.pressed(&d.rec.Host)
	// What stops the store on purpose comes after the service clock, which would take it for an outage.
	errs = append(errs, d.observe(ctx, e, "", true))
	var err error
	if err := d.ledger.Close(); err != nil {
		errs = append(errs, fmt.Errorf("close the ledger: %w", err))
	}
	if e.Ops, err = ledger.Read(d.path(reports.LedgerFile)); err != nil {
		errs = append(errs, fmt.Errorf("read the ledger: %w", err))
	}
	return e, errors.Join(errs...)
}

func (d *Drill) stopClock(ctx context.Context) error {
	if err := d.prober.Stop(ctx); err != nil {
		return fmt.Errorf("stop the service clock: %w", err)
	}
	return nil
}

// look gathers what the store itself shows, with traffic stopped, and keeps it below dir, which is relative to the
// drill's directory. Whatever fails, the rest is still gathered.
func (d *Drill) look(ctx context.Context, e *verify.Evidence, dir string) error {
	errs := []error{d.readStore(ctx, e, dir)}
	var err error
	if dur, ok := d.sys.(fixtures.Durable); ok {
		if e.After, err = dur.Durability(ctx, ""); err != nil {
			errs = append(errs, fmt.Errorf("read back the durability settings: %w", err))
		}
	}
	e.Extra = map[string][]byte{}
	return errors.Join(append(errs, d.observe(ctx, e, dir, false))...)
}

// observe lets the checks ask the recovered store: first those that only look, later those that disturb.
func (d *Drill) observe(ctx context.Context, e *verify.Evidence, dir string, later bool) error {
	var errs []error
	for _, c := range d.scenario.Checks {
		_, ok := c.(verify.Collector)
		_, byMark := c.(verify.CollectorFor)
		last, disturbs := c.(verify.Later)
		if !ok && !byMark || disturbs != later {
			continue
		}
		var b []byte
		var err error
		if disturbs {
			fmt.Fprintf(d.progress, "gameday: check %s\n", c.Name())
			b, err = last.CollectLater(ctx, d.sys, e.Found)
		} else {
			b, err = d.collectBy(ctx, c, e)
		}
		if err != nil {
			errs = append(errs, fmt.Errorf("collect for check %s: %w", c.Name(), err))
			continue
		}
		e.Extra[c.Name()] = b
		errs = append(errs, verify.WriteExtra(d.path(dir), c.Name(), b))
	}
	return errors.Join(errs...)
}

// collectBy lets a check that only looks ask the store; nil is one that asks nothing.
func (d *Drill) collectBy(ctx context.Context, c verify.Check, e *verify.Evidence) ([]byte, error) {
	switch c := c.(type) {
	case verify.CollectorFor:
		return c.CollectFor(ctx, d.sys, e)
	case verify.Collector:
		return c.Collect(ctx, d.sys)
	}
	return nil, nil
}

// trafficRows reads traffic's tables into the evidence. Empty tables give an empty list, not none: they were read.
func (d *Drill) trafficRows(ctx context.Context, dir string) ([]traffic.Row, error) {
	rows := []traffic.Row{}
	err := d.sys.(traffic.Store).Rows(ctx, d.address(), func(r traffic.Row) error { // Traffic has seen that it can
		rows = append(rows, r)
		return nil
	})
	if err != nil {
		return nil, err
	}
	return rows, verify.WriteRows(d.path(dir), rows)
}
