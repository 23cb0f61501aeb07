package filestore_test

import (
	"context"
	"errors"
	"testing"

	"example.com/inventory/filestore"

	"github.com/recoverydrill/gameday/fixtures"
	"github.com/recoverydrill/gameday/fixtures/embedded"
	"github.com/recoverydrill/gameday/fixtures/fixturetest"
	"github.com/recoverydrill/gameday/fixtures/keyvalue"
)

func systems(unsafe bool) fixturetest.Systems {
	put := func(is, was string) fixturetest.Change {
		return fixturetest.Change{Do: fixturetest.Run("", is), Undo: fixturetest.Run("", was)}
	}
	return fixturetest.Systems{
		Blueprint: filestore.Engine(unsafe),
		Provider: func(ctx context.Context, run fixtures.Run) (fixtures.Provider, error) {
			return embedded.New(ctx, run, embedded.Options{})
		},
		Remains: embedded.Remaining,
		Path:    func(sys fixtures.System) string { return sys.(*keyvalue.System).Path() },
		Values:  []fixturetest.Change{put("put stock/bolt 121", "put stock/bolt 120"), put("put price/bolt 0.1", "put price/bolt 0.10")},
		Changes: []fixturetest.Change{put("delete stock/nut", "put stock/nut 95"), put("put size/bolt 3", "delete size/bolt")},
	}
}

// TestContract: the team's engine keeps the contract that gameday's own engines keep.
func TestContract(t *testing.T) { fixturetest.Engine(t, systems(false)) }

// TestContractSeesThatNothingIsFlushed: without its flushes the engine acknowledges what a power cut takes.
func TestContractSeesThatNothingIsFlushed(t *testing.T) {
	err := fixturetest.Durable(t, systems(true))
	if errors.Is(err, fixtures.ErrUnsupported) {
		t.Skip(err)
	}
	var loss *fixturetest.LossError
	if !errors.As(err, &loss) || loss.Lost == 0 {
		t.Fatalf("want a loss, got %v", err)
	}
	t.Logf("%d of %d acknowledged writes were lost", loss.Lost, loss.Acknowledged)
}
