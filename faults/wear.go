package faults

import (
	"context"

	"github.com/recoverydrill/gameday/fixtures"
)

// plainFault is what a fault that is made of others has in any case.
type plainFault interface {
	Fault
	Outage
	Silent
	Locator
	Passing
	Gradual
}

// wear gives a fault those further abilities that it has, and no others: whoever asks by a type assertion gets the truth.
func wear(f plainFault, h Healer, s Spreader, p Prover) Fault {
	switch {
	case h != nil && s != nil && p != nil:
		return struct {
			plainFault
			Healer
			Spreader
			Prover
		}{f, h, s, p}
	case h != nil && s != nil:
		return struct {
			plainFault
			Healer
			Spreader
		}{f, h, s}
	case h != nil && p != nil:
		return struct {
			plainFault
			Healer
			Prover
		}{f, h, p}
	case s != nil && p != nil:
		return struct {
			plainFault
			Spreader
			Prover
		}{f, s, p}
	case h != nil:
		return struct {
			plainFault
			Healer
		}{f, h}
	case s != nil:
		return struct {
			plainFault
			Spreader
		}{f, s}
	case p != nil:
		return struct {
			plainFault
			Prover
		}{f, p}
	}
	return f
}

// The abilities as functions.
type (
	healing   func(ctx context.Context, sys fixtures.System) error
	spreading func(ctx context.Context, sys fixtures.System) (string, error)
	proving   func(ctx context.Context, sys fixtures.System) (string, error)
)

func (h healing) Heal(ctx context.Context, sys fixtures.System) error { return h(ctx, sys) }

func (s spreading) Propagate(ctx context.Context, sys fixtures.System) (string, error) {
	return s(ctx, sys)
}

func (p proving) Prove(ctx context.Context, sys fixtures.System) (string, error) { return p(ctx, sys) }
