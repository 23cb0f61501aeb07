package drill

import (
	"context"
	"fmt"
	"time"

	"github.com/recoverydrill/gameday/fixtures"
	"github.com/recoverydrill/gameday/reports"
	"github.com/recoverydrill/gameday/verify"
)

// planTeeth says what will be tried, so that a record that lacks it cannot pass.
func (d *Drill) planTeeth() {
	d.rec.Teeth = &reports.Teeth{}
	switch _, ok := d.sys.(fixtures.Scratcher); {
	case !ok:
		d.rec.Teeth.NoScratch = d.lacks("fixtures.Scratcher", "try the checks on scratch tables").Error()
	case !verify.LooksAtStore(d.scenario.Checks):
		d.rec.Teeth.NoScratch = "no check of this drill looks at rows or structure"
	}
}

// scratchBegun is how long changes of scratch tables are begun in a drill, and scratchLimit how long the whole may take: clients
// are served meanwhile, and share the machine with it.
const (
	scratchBegun = 4 * time.Second
	scratchLimit = time.Minute
)

// bite tries the checks on scratch tables, once in a drill: after the first mark's manifest, so that it is in no backup that
// goes up to the mark, and before anything is broken. What goes wrong is in the record, and the verdict says so.
func (d *Drill) bite(ctx context.Context, of *fixtures.Manifest) error {
	s, ok := d.sys.(fixtures.Scratcher)
	if !ok || d.rec.Teeth.NoScratch != "" || d.rec.Teeth.Scratch != nil {
		return nil
	}
	return d.phase(ctx, "teeth", func(ctx context.Context) error {
		limit, cancel := context.WithTimeoutCause(ctx, scratchLimit, overdue(scratchLimit))
		defer cancel()
		start := time.Now()
		tried, err := s.Scratch(limit, of, fixtures.ScratchOptions{Nonce: d.rec.Nonce, Limit: scratchBegun})
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		b := &reports.Bite{}
		if err != nil {
			b.Error = d.mask(fmt.Sprintf("make scratch tables: %v", err))
		} else {
			b = verify.ScratchTeeth(ctx, tried, d.scenario.Checks)
		}
		b.DurationMS = time.Since(start).Milliseconds()
		d.rec.Teeth.Scratch = b
		d.detail("%s", d.rec.Teeth)
		return nil
	})
}
