// Package faults damages the systems of a run, and proves it. A fault's author writes Inject, and Prove where the checks
// of the drill cannot see the damage by themselves; the frame around it (ownership, times, healing) is written once, in
// [Inject].
package faults

import (
	"context"
	"errors"
	"time"

	"github.com/recoverydrill/gameday/fixtures"
)

// Fault is one way to damage a system.
type Fault interface {
	// Describe names the fault. It is called before and after Inject; afterwards it may say more.
	Describe() Description
	// Inject does the damage and returns when it is done. It must be safe to call Heal after an Inject that failed
	// half way.
	Inject(ctx context.Context, sys fixtures.System) error
}

// Description says what a fault is.
type Description struct {
	Name   string   // "bad write"
	Class  string   // "bad write", "deletion", "corruption", "network"
	Detail string   // the statement, the bytes, the route, in one line
	Notes  []string // what else a reader needs: the block that was hit and the rows on it
}

// Optional abilities of a fault.
type (
	// Healer undoes a fault that can be undone (a network cut). The drill calls it at its end if the scenario has
	// not, so that nothing stays cut.
	Healer interface {
		Heal(ctx context.Context, sys fixtures.System) error
	}
	// Spreader waits until the damage is wherever the fault says it goes, and says where that is. A replicated bad
	// write is on every standby; corruption of one disk is not.
	Spreader interface {
		Propagate(ctx context.Context, sys fixtures.System) (where string, err error)
	}
	// Outage marks a fault whose damage is seen by the service clock and not by reading the store: a cut network, a
	// dead server. IsOutage returns true for those; other faults must be seen by the checks.
	Outage interface {
		IsOutage() bool
	}
	// Prover proves an effect that no check on the store's contents sees: a damaged backup, a full disk, a log that piles
	// up. Its evidence is one line. An error that wraps [ErrNotSeen] says that it looked and saw no effect.
	Prover interface {
		Prove(ctx context.Context, sys fixtures.System) (evidence string, err error)
	}
	// Silent marks a fault that neither the checks nor the clients can see when it is done: damage to a backup, to a
	// standby, to the log that is still to be archived. It is a [Prover], and its proof is the only one.
	Silent interface {
		IsSilent() bool
	}
	// Watched is a [Silent] fault that knows which of the shipped checks see what it did, by their names. None means that only
	// a check of the scenario's own can: of a deleted backup no other check knows how many there were.
	Watched interface {
		SeenBy() []string
	}
	// Gradual does its damage little by little: what of it comes first is done long before Inject returns.
	Gradual interface {
		FirstEffect() time.Time // of this process's clock; zero before the injection
	}
	// Passing ends by itself, or is ended by the server that it hits: what a recovery has to do with that, nobody could tell.
	Passing interface {
		EndsByItself() bool
	}
	// Locator knows which rows an injection has hit, in the form of a rows file, so that the service clock can ask
	// about them.
	Locator interface {
		Hit() []Rows
	}
)

// ErrNotSeen is wrapped by the error of a [Prover] that looked and saw no effect.
var ErrNotSeen = errors.New("no effect was seen")

// IsSilent tells whether only the fault itself can prove its effect.
func IsSilent(f Fault) bool {
	s, ok := f.(Silent)
	return ok && s.IsSilent()
}

// EndsByItself tells whether the damage may be over without any recovery.
func EndsByItself(f Fault) bool {
	p, ok := f.(Passing)
	return ok && p.EndsByItself()
}

// Rows names rows of one table by their keys.
type Rows struct {
	Database string
	Table    string // schema.table
	Keys     []string
}
