package drill

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/recoverydrill/gameday/faults"
	"github.com/recoverydrill/gameday/fixtures"
	"github.com/recoverydrill/gameday/reports"
	"github.com/recoverydrill/gameday/verify"
)

// shownLimit is how long checks may take to look at silent damage before the recovery: one that has not passed by then does
// not pass at once.
const shownLimit = 30 * time.Second

// looksBeyond is an error for a drill of damage that is seen neither by clients nor in the store's contents, none of whose checks
// looks anywhere else, or sees it there: they would pass whatever the recovery did.
func (d *Drill) looksBeyond(ctx context.Context, f faults.Fault) error {
	if d.scenario.MustRefuse {
		return nil
	}
	var seen []string
	if w, ok := f.(faults.Watched); ok {
		seen = w.SeenBy()
	}
	looking := verify.Beyond(d.scenario.Checks, d.scenario.Waivers, seen)
	if len(looking) > 0 {
		return d.shown(ctx, f, looking)
	}
	add := "verify.Replicas for a standby, verify.Archive for the archived log, or a check of your own; verify.Rearmed takes a new backup itself"
	switch {
	case len(seen) > 0:
		add = "the check " + strings.Join(seen, " or ")
	case seen != nil:
		add = "a check of your own: no shipped one would see it"
	}
	return fmt.Errorf("%s is seen neither by clients nor in the store's contents, and no check of this drill looks where it is: a recovery that does nothing would pass. Add to Scenario.Checks %s", f.Describe().Name, add)
}

// shown lets the checks look at the damage before the recovery, while traffic is held. That all of them pass is an error. One
// that disturbs what it looks at is asked after the recovery alone: of it nothing is known.
func (d *Drill) shown(ctx context.Context, f faults.Fault, looking []verify.Check) error {
	limited, cancel := context.WithTimeout(ctx, shownLimit)
	defer cancel()
	if err := d.driver.Hold(limited); err != nil {
		return fmt.Errorf("hold traffic: %w", err)
	}
	defer d.driver.Resume()
	e := &verify.Evidence{Dir: d.dir, Record: d.rec, Baseline: d.latest.manifest, BaseDir: d.latest.dir, Extra: map[string][]byte{}}
	var err error
	if e.Found, err = d.glance(limited); err != nil {
		return fmt.Errorf("read the store: %w", err)
	}
	var names []string
	for _, c := range looking {
		seen, known := d.sees(limited, c, e)
		switch {
		case ctx.Err() != nil:
			return ctx.Err()
		case !known:
			return nil
		case seen != "":
			d.rec.Fault.Notes = append(d.rec.Fault.Notes, fmt.Sprintf("before the recovery the check %s does not pass: %s", c.Name(), seen))
			return nil
		}
		names = append(names, c.Name())
	}
	return fmt.Errorf("%w: %s: to %s all is well as long as nothing was recovered, and a recovery that does nothing would pass. Correct the check, or add one that sees it",
		ErrNoEffect, f.Describe().Name, strings.Join(names, " and to "))
}

// sees is why a check does not pass on the damaged system, "" if it does. Of some that is not known.
func (d *Drill) sees(ctx context.Context, c verify.Check, e *verify.Evidence) (why string, known bool) {
	if _, disturbs := c.(verify.Later); disturbs {
		return "", false
	}
	b, err := d.collectBy(ctx, c, e)
	if err != nil {
		return err.Error(), true
	}
	e.Extra[c.Name()] = b
	for _, r := range verify.Judge(ctx, e, []verify.Check{c}, nil) {
		if r.Outcome != reports.Passed {
			why = r.Outcome.String()
			if len(r.Findings) > 0 {
				why = r.Findings[0].Summary
			}
			return why, true
		}
	}
	return "", true
}

// glance counts the rows of the store that clients reach, and keeps nothing.
func (d *Drill) glance(ctx context.Context) (*fixtures.Manifest, error) {
	snap, err := d.sys.(fixtures.Surveyor).Snapshot(ctx, "") // Mark has seen that it can
	if err != nil {
		return nil, err
	}
	defer closeQuietly(ctx, snap)
	m, err := snap.Survey(ctx, fixtures.SurveyOptions{Nonce: d.rec.Nonce, Expect: d.latest.manifest, CountOnly: true, Tolerate: d.scenario.Tolerate})
	if err == nil {
		m.Mark = d.latest.mark.Label
	}
	return m, err
}
