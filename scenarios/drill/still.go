package drill

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"

	"github.com/recoverydrill/gameday/fixtures/traffic"
	"github.com/recoverydrill/gameday/reports"
	"github.com/recoverydrill/gameday/verify"
)

// errMoved says that the pieces of evidence are not of one state.
var errMoved = errors.New("the store changed while it was verified: somebody writes to it, repairs it, or the route leads to more than one server")

// readStore surveys the recovered store and reads traffic's tables before and after it, with traffic stopped. Both readings
// must be the same, else manifest and rows are not of one state: what one check saw may have been repaired before the next
// one looked. A write that was under way when its client gave up may still have come in, so a difference is looked at again
// once. dir is where the evidence goes, below the drill's directory.
func (d *Drill) readStore(ctx context.Context, e *verify.Evidence, dir string) error {
	for attempt := 0; ; attempt++ {
		var errs []error
		before, err := d.trafficRows(ctx, dir)
		if err != nil {
			errs = append(errs, fmt.Errorf("read traffic's tables: %w", err))
		}
		if e.Found, err = d.surveyAt(ctx, filepath.Join(dir, reports.FoundDir), d.scenario.Level == reports.Quick); err != nil {
			errs = append(errs, fmt.Errorf("survey the recovered store: %w", err))
		}
		if e.Rows, err = d.trafficRows(ctx, dir); err != nil {
			errs = append(errs, fmt.Errorf("read traffic's tables: %w", err))
		}
		switch {
		case len(errs) > 0:
			return errors.Join(errs...)
		case sameRows(before, e.Rows):
			return nil
		case attempt > 0:
			return errMoved
		}
	}
}

func sameRows(a, b []traffic.Row) bool {
	order := func(x, y traffic.Row) int {
		return cmp.Or(cmp.Compare(x.Table, y.Table), cmp.Compare(x.Key, y.Key), cmp.Compare(x.Op, y.Op), cmp.Compare(x.MAC, y.MAC), cmp.Compare(x.Val, y.Val), cmp.Compare(x.Ver, y.Ver))
	}
	a, b = slices.Clone(a), slices.Clone(b)
	slices.SortFunc(a, order)
	slices.SortFunc(b, order)
	return slices.Equal(a, b)
}
