// Package sabotage holds acts that make a good recovery's result wrong in ways that look fine: a row less and another more, a
// dropped trigger, durability switched off. A drill whose checks let one of them pass has a hole.
package sabotage

import (
	"context"
	"errors"
	"fmt"

	"github.com/recoverydrill/gameday/fixtures"
	"github.com/recoverydrill/gameday/fixtures/ledger"
)

// ErrNotHere is wrapped by the error of an act that this store gives no occasion for: it has no trigger to drop.
var ErrNotHere = errors.New("there is nothing here to do it to")

// Act is one way to make a recovered store wrong.
type Act struct {
	ID      string   // of the catalogue: "B1"
	Title   string   // what is wrong afterwards, in a few words
	Engines []string // it can be done to
	Check   string   // the name of the check that must catch it even alone

	// Do acts on the store behind the target's route, and returns what takes it back; nil says that nothing does. It is
	// called when the recovery has ended and before anything is collected. nil is an act that takes the recovery's own
	// place: nothing is done, and it is said that all went well.
	Do func(ctx context.Context, on Target) (undo func(context.Context) error, err error)
}

// Instead says that the act takes the place of the recovery.
func (a Act) Instead() bool { return a.Do == nil }

// Target is what an act is done to.
type Target struct {
	System   fixtures.System
	Baseline *fixtures.Manifest // at the mark: it names the tables and objects to choose from
	Seed     int64              // of every choice
	Ops      []ledger.Op        // what traffic has done; nil where nobody knows
	Say      func(did string)   // is told what was done, and to what; may be nil
}

// Did tells what was done.
func (t Target) Did(format string, args ...any) {
	if t.Say != nil {
		t.Say(fmt.Sprintf(format, args...))
	}
}
