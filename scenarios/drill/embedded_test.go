package drill

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/recoverydrill/gameday/fixtures"
	"github.com/recoverydrill/gameday/reports"
)

// file is a store without a server: it has no route.
type file struct {
	fixtures.System
	opened string
	at     time.Time // when clients had it
}

func (f *file) Route() fixtures.Route { return nil }
func (f *file) Info() fixtures.Info   { return fixtures.Info{Engine: "file"} }

type reopener struct{ *file }

func (r reopener) Reopen(_ context.Context, path string) error {
	if path == "/elsewhere" {
		return errors.New("not ours")
	}
	r.opened, r.at = path, time.Now()
	return nil
}

// A cut-over of an embedded store is a path that its clients open, and is recorded as one only when they did.
func TestCutOverOfAnEmbeddedStoreReopensIt(t *testing.T) {
	store := &file{}
	d, rr := &Drill{sys: reopener{store}}, &reports.Recovery{}
	if err := d.directive(t.Context(), rr, "cutover /data/new.db"); err != nil || store.opened != "/data/new.db" {
		t.Errorf("opened %q, %v", store.opened, err)
	}
	if err := d.directive(t.Context(), rr, "cutover /elsewhere"); err == nil || !strings.Contains(err.Error(), "not ours") {
		t.Errorf("a refused path: %v", err)
	}
	if len(rr.CutOvers) != 1 || rr.CutOvers[0].Target != "/data/new.db" || rr.CutOvers[0].Kind != "cut over" {
		t.Errorf("recorded %+v", rr.CutOvers)
	}
	if at := rr.CutOvers[0].At; at.After(store.at) { // what clients wrote in between would be taken for the old store's
		t.Errorf("dated %s after clients had the new file", at.Sub(store.at))
	}
	d.sys = store
	if err := d.directive(t.Context(), rr, "cutover /data/new.db"); !errors.Is(err, fixtures.ErrUnsupported) {
		t.Errorf("a store that can neither be routed to nor reopened: %v", err)
	}
}
