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
	e, err := d.collect(ctx)
	// Judge with what there is: a store that cannot be read is a finding, not a reason to say nothing.
	d.rec.Checks = verify.Judge(ctx, e, d.scenario.Checks, d.scenario.Waivers)
	verify.Summarise(d.rec, e)
	d.rec.Outcome = verify.Verdict(d.rec.Checks, d.rec.Waivers)
	if err != nil || d.rec.Error != "" {
		d.rec.Outcome = reports.Worst(d.rec.Outcome, reports.Inconclusive)
	}
	return err
}

// collect gathers the evidence. Whatever fails, the rest is still collected.
func (d *Drill) collect(ctx context.Context) (*verify.Evidence, error) {
	e := &verify.Evidence{Dir: d.dir, Record: d.rec, Baseline: d.latest.manifest, BaseDir: d.latest.dir, FoundDir: reports.FoundDir}
	var errs []error
	if err := d.driver.Stop(ctx); err != nil {
		errs = append(errs, fmt.Errorf("stop traffic: %w", err))
	}
	var err error
	if e.Found, err = d.surveyAt(ctx, reports.FoundDir); err != nil {
		errs = append(errs, fmt.Errorf("survey the recovered store: %w", err))
	}
	if e.Rows, err = d.trafficRows(ctx); err != nil {
		errs = append(errs, fmt.Errorf("read traffic's tables: %w", err))
	}
	if dur, ok := d.sys.(fixtures.Durable); ok {
		if e.After, err = dur.Durability(ctx, ""); err != nil {
			errs = append(errs, fmt.Errorf("read back the durability settings: %w", err))
		}
		d.rec.SettingsAfter = e.After
	}
	extra, err := d.observe(ctx)
	e.Extra = extra
	errs = append(errs, err)
	if err := d.prober.Stop(ctx); err != nil {
		errs = append(errs, fmt.Errorf("stop the service clock: %w", err))
	}
	e.Probe = d.prober.Answers()
	if err := d.ledger.Close(); err != nil {
		errs = append(errs, fmt.Errorf("close the ledger: %w", err))
	}
	if e.Ops, err = ledger.Read(d.path(reports.LedgerFile)); err != nil {
		errs = append(errs, fmt.Errorf("read the ledger: %w", err))
	}
	return e, errors.Join(errs...)
}

// observe lets the scenario's own checks ask the recovered store.
func (d *Drill) observe(ctx context.Context) (map[string][]byte, error) {
	extra := map[string][]byte{}
	var errs []error
	for _, c := range d.scenario.Checks {
		col, ok := c.(verify.Collector)
		if !ok {
			continue
		}
		b, err := col.Collect(ctx, d.sys)
		if err != nil {
			errs = append(errs, fmt.Errorf("collect for check %s: %w", c.Name(), err))
			continue
		}
		extra[c.Name()] = b
		errs = append(errs, verify.WriteExtra(d.dir, c.Name(), b))
	}
	return extra, errors.Join(errs...)
}

// trafficRows reads traffic's tables into the evidence. Empty tables give an empty list, not none: they were read.
func (d *Drill) trafficRows(ctx context.Context) ([]traffic.Row, error) {
	rows := []traffic.Row{}
	err := d.sys.(traffic.Store).Rows(ctx, d.address(), func(r traffic.Row) error { // Traffic has seen that it can
		rows = append(rows, r)
		return nil
	})
	if err != nil {
		return nil, err
	}
	return rows, verify.WriteRows(d.dir, rows)
}
