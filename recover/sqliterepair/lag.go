package sqliterepair

import (
	"cmp"
	"context"
	"database/sql/driver"
	"errors"
	"fmt"
	"time"

	"github.com/recoverydrill/gameday/fixtures/sqlite/handle"
	recovery "github.com/recoverydrill/gameday/recover"
)

const (
	lag       = 30 * time.Second
	lookAgain = 500 * time.Millisecond // for the replica to get on
)

// last is the newest state of the replica that holds all of the damage. Rows that clients have put right meanwhile are
// dropped; for those that the replica does not have yet it waits.
func (r *repair) last(ctx context.Context) (transaction uint64, all suspects, err error) {
	limit, cancel := context.WithTimeout(ctx, cmp.Or(r.Lag, lag))
	defer cancel()
	for {
		if transaction, err = r.states.Last(ctx); err != nil {
			return 0, nil, err
		}
		var missing suspects
		if all, missing, err = r.split(ctx, transaction, r.found()); err != nil || missing.empty() {
			return transaction, all, err
		}
		if err := r.drop(ctx, missing); err != nil {
			return 0, nil, err
		}
		if missing.empty() {
			return transaction, all, nil
		}
		select {
		case <-time.After(lookAgain):
		case <-limit.Done():
			if ctx.Err() != nil {
				return 0, nil, context.Cause(ctx)
			}
			return 0, nil, recovery.Refuse("the replica does not hold all of the damage yet: its last transaction is %016x", transaction)
		}
	}
}

// found are all rows that were found damaged.
func (r *repair) found() suspects {
	all := suspects{}
	for _, t := range r.tables {
		all[t] = map[string]bool{}
		for id := range t.rows {
			all[t][id] = true
		}
	}
	return all
}

// drop leaves the rows alone that are not damaged any more in the serving file, and takes them from missing.
func (r *repair) drop(ctx context.Context, missing suspects) (err error) {
	h, err := handle.Open(ctx, r.file, handle.Write, "PRAGMA query_only = on")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, h.Close()) }()
	for t, ids := range missing {
		still := map[string]bool{}
		if err := t.poisoned(ctx, h, func(id string, _ []driver.Value) { still[id] = true }); err != nil {
			return fmt.Errorf("table %s: %w", t.Table, err)
		}
		for id := range ids {
			if !still[id] {
				delete(ids, id)
				delete(t.rows, id)
			}
		}
	}
	return nil
}
