package drill

import (
	"context"
	"errors"
	"testing"

	"github.com/recoverydrill/gameday/fixtures"
	"github.com/recoverydrill/gameday/fixtures/traffic"
	"github.com/recoverydrill/gameday/reports"
	"github.com/recoverydrill/gameday/verify"
)

// meddled is a store in which somebody repairs a row each time after traffic's tables were read, as often as said.
type meddled struct {
	file
	traffic.Store
	left, version int
	reversed      bool
}

func (m *meddled) Rows(_ context.Context, _ string, each func(traffic.Row) error) error {
	rows := []traffic.Row{{Table: traffic.TableAccount, Key: "1", Ver: int64(m.version)}, {Table: traffic.TableAccount, Key: "2", Ver: 1}}
	if m.reversed = !m.reversed; m.reversed {
		rows[0], rows[1] = rows[1], rows[0] // no order is promised
	}
	if m.left > 0 {
		m.left--
		m.version++
	}
	return errors.Join(each(rows[0]), each(rows[1]))
}

func (m *meddled) Snapshot(context.Context, string) (fixtures.Snapshot, error) { return emptied{}, nil }

type emptied struct{}

func (emptied) Survey(context.Context, fixtures.SurveyOptions) (*fixtures.Manifest, error) {
	return &fixtures.Manifest{}, nil
}
func (emptied) Close(context.Context) error { return nil }

// TestTheStoreMustStandStillWhileItIsVerified: a row that is changed between two readings of one verification, with the number of
// rows the same, is an error, which leaves the drill inconclusive (Z13, Z15). A single write that comes in late is waited out.
func TestTheStoreMustStandStillWhileItIsVerified(t *testing.T) {
	for name, c := range map[string]struct {
		writes int
		moved  bool
	}{"stands still": {0, false}, "one late write": {1, false}, "changes all the time": {1000, true}} {
		t.Run(name, func(t *testing.T) {
			d := &Drill{sys: &meddled{left: c.writes}, dir: t.TempDir(), rec: &reports.Record{}, latest: &taken{}}
			e := &verify.Evidence{}
			err := d.readStore(t.Context(), e, "")
			if errors.Is(err, errMoved) != c.moved || (err != nil) != c.moved {
				t.Errorf("got %v, moved %t", err, c.moved)
			}
			if e.Found == nil || len(e.Rows) != 2 {
				t.Errorf("evidence %+v", e)
			}
		})
	}
}
