package faults

import (
	"context"
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/recoverydrill/gameday/fixtures"
)

// Random chooses one of several faults. The same seed and the same list give the same choice.
// Name, class and abilities are those of the chosen fault; its description says how it was chosen.
func Random(seed int64, first Fault, more ...Fault) Fault {
	all := append([]Fault{first}, more...)
	n := rand.New(rand.NewPCG(uint64(seed), 0)).IntN(len(all)) //nolint:gosec // the choice must be repeatable from the seed
	c := &choice{Fault: all[n], how: fmt.Sprintf("chosen by seed %d, number %d of %d", seed, n+1, len(all))}
	h, _ := c.Fault.(Healer)
	s, _ := c.Fault.(Spreader)
	p, _ := c.Fault.(Prover)
	return wear(c, h, s, p)
}

// choice is a fault with the way in which it was chosen.
type choice struct {
	Fault
	how string
}

var _ plainFault = (*choice)(nil)

// Describe adds the choice.
func (c *choice) Describe() Description {
	d := c.Fault.Describe()
	d.Detail += " (" + c.how + ")"
	return d
}

// Inject injects the chosen fault.
func (c *choice) Inject(ctx context.Context, sys fixtures.System) error {
	return c.Fault.Inject(ctx, sys)
}

// IsOutage is the chosen fault's.
func (c *choice) IsOutage() bool { return SeenByClock(c.Fault) }

// IsSilent is the chosen fault's.
func (c *choice) IsSilent() bool { return IsSilent(c.Fault) }

// EndsByItself is the chosen fault's.
func (c *choice) EndsByItself() bool { return EndsByItself(c.Fault) }

// FirstEffect is the chosen fault's.
func (c *choice) FirstEffect() time.Time { return firstEffect(c.Fault) }

func firstEffect(f Fault) time.Time {
	if g, ok := f.(Gradual); ok {
		return g.FirstEffect()
	}
	return time.Time{}
}

// Hit is the chosen fault's.
func (c *choice) Hit() []Rows {
	if l, ok := c.Fault.(Locator); ok {
		return l.Hit()
	}
	return nil
}
