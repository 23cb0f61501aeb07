package drill

import (
	"context"

	"github.com/recoverydrill/gameday/verify"
)

// Collect ends traffic and the service clock, and gathers the evidence of the store that clients reach now, as Verify does,
// without judging it. It may be called again after something was done to the store: what was found before is written over.
func (d *Drill) Collect(ctx context.Context) (*verify.Evidence, error) {
	if err := d.before("Collect", "Recover", "there is nothing to judge", d.rec.Recovery != nil); err != nil {
		return nil, err
	}
	e, err := d.collect(ctx)
	return e, err
}
