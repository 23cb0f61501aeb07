package drill

import (
	"context"
	"fmt"
	"slices"

	"github.com/recoverydrill/gameday/reports"
	"github.com/recoverydrill/gameday/verify"
)

// takeStock lists the backups and the archived log, by which a recovery is held to keep them. A quick drill does not.
func (d *Drill) takeStock(ctx context.Context) error {
	if len(d.rec.Backups) == 0 || d.scenario.Level == reports.Quick {
		return nil
	}
	var err error
	if d.stock, err = verify.StockOf(ctx, d.sys, d.rec.Backups); err != nil {
		return err
	}
	d.keep()
	return nil
}

// keep adds the check, unless the scenario has one of that name.
func (d *Drill) keep() {
	k := verify.Kept{Before: d.stock}
	if !slices.ContainsFunc(d.scenario.Checks, func(c verify.Check) bool { return c.Name() == k.Name() }) {
		d.scenario.Checks = append(slices.Clone(d.scenario.Checks), k)
	}
}

// aroundStock lets a fault strike, whose damage to backups and archive is not the recovery's. A note says where nobody could
// see what it did to them.
func (d *Drill) aroundStock(ctx context.Context, strike func() error) (notes []string, err error) {
	if d.stock == nil {
		return nil, strike()
	}
	err, unseen := d.stock.Around(ctx, d.sys, strike)
	if unseen != nil {
		notes = []string{fmt.Sprintf("what it did to the backups was not seen, and they are held to what they were before: %v", unseen)}
	}
	return notes, err
}
