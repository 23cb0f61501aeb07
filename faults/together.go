package faults

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/recoverydrill/gameday/fixtures"
)

// Together makes one fault of several, which are injected in this order: a dropped table, and the newest backup is gone
// too. It is proven only if each part is. The checks and the service clock look at the whole, and cannot tell one part's
// damage from another's: so at most one part may rely on them, and every other must be a [Prover]; a combination that
// nobody could prove is an error when it is injected.
//
// The combination can be healed if a part can, as far as it can: parts are healed in the reverse order. It spreads if a
// part does, and is silent if every part is.
func Together(first, second Fault, more ...Fault) Fault {
	c := &combination{parts: append([]Fault{first, second}, more...)}
	var h Healer
	var s Spreader
	for _, f := range c.parts {
		if _, ok := f.(Healer); ok {
			h = healing(c.heal)
		}
		if _, ok := f.(Spreader); ok {
			s = spreading(c.spread)
		}
	}
	return wear(c, h, s, proving(c.prove))
}

type combination struct {
	parts    []Fault
	injected int // how many parts were begun
}

var _ plainFault = (*combination)(nil)

// each joins what is said of every part, each thing once.
func (c *combination) each(of func(Fault) string, separator string) string {
	var all []string
	seen := map[string]bool{}
	for _, f := range c.parts {
		if s := of(f); s != "" && !seen[s] {
			seen[s] = true
			all = append(all, s)
		}
	}
	return strings.Join(all, separator)
}

// Describe joins the descriptions of the parts.
func (c *combination) Describe() Description {
	d := Description{
		Name:   c.each(func(f Fault) string { return f.Describe().Name }, " and "),
		Class:  c.each(func(f Fault) string { return f.Describe().Class }, ", "),
		Detail: c.each(func(f Fault) string { return f.Describe().Detail }, "; and "),
	}
	for _, f := range c.parts {
		d.Notes = append(d.Notes, f.Describe().Notes...)
	}
	return d
}

// provable says why nobody could prove the combination, if so.
func (c *combination) provable() error {
	var relying []string
	for _, f := range c.parts {
		if _, ok := f.(Prover); !ok {
			relying = append(relying, f.Describe().Name)
		}
	}
	if len(relying) > 1 {
		return fmt.Errorf("%s: each of %s is seen by the checks or by the service clock only: nobody could tell which of them took effect",
			c.Describe().Name, strings.Join(relying, ", "))
	}
	return nil
}

// Inject injects one part after the other.
func (c *combination) Inject(ctx context.Context, sys fixtures.System) error {
	if err := c.provable(); err != nil {
		return err
	}
	for i, f := range c.parts {
		c.injected = i + 1
		if err := f.Inject(ctx, sys); err != nil {
			return fmt.Errorf("%s: %w", f.Describe().Name, err)
		}
	}
	return nil
}

func (c *combination) prove(ctx context.Context, sys fixtures.System) (string, error) {
	var all []string
	for _, f := range c.parts {
		p, ok := f.(Prover)
		switch {
		case !ok && c.IsOutage() && !SeenByClock(f):
			return "", fmt.Errorf("%s: the service is out, and behind that no check can see its damage", f.Describe().Name)
		case !ok:
			continue
		}
		evidence, err := p.Prove(ctx, sys)
		if err != nil {
			return "", fmt.Errorf("%s: %w", f.Describe().Name, err)
		}
		all = append(all, evidence)
	}
	return strings.Join(all, "; "), nil
}

func (c *combination) heal(ctx context.Context, sys fixtures.System) error {
	var errs []error
	for i := c.injected - 1; i >= 0; i-- {
		errs = append(errs, Heal(ctx, c.parts[i], sys))
	}
	return errors.Join(errs...)
}

func (c *combination) spread(ctx context.Context, sys fixtures.System) (string, error) {
	var all []string
	for _, f := range c.parts {
		s, ok := f.(Spreader)
		if !ok {
			continue
		}
		where, err := s.Propagate(ctx, sys)
		if err != nil {
			return "", fmt.Errorf("%s: %w", f.Describe().Name, err)
		}
		all = append(all, where)
	}
	return strings.Join(all, "; "), nil
}

// IsOutage is true if a part is an outage.
func (c *combination) IsOutage() bool {
	for _, f := range c.parts {
		if SeenByClock(f) {
			return true
		}
	}
	return false
}

// EndsByItself is true if an outage does and no other outage is among the parts.
func (c *combination) EndsByItself() bool {
	passing := false
	for _, f := range c.parts {
		switch {
		case EndsByItself(f):
			passing = true
		case SeenByClock(f):
			return false
		}
	}
	return passing
}

// FirstEffect is that of the first part that tells one.
func (c *combination) FirstEffect() time.Time {
	var first time.Time
	for _, f := range c.parts {
		if at := firstEffect(f); !at.IsZero() && (first.IsZero() || at.Before(first)) {
			first = at
		}
	}
	return first
}

// IsSilent is true if every part is silent.
func (c *combination) IsSilent() bool {
	for _, f := range c.parts {
		if !IsSilent(f) {
			return false
		}
	}
	return true
}

// Hit is what every part has hit.
func (c *combination) Hit() []Rows {
	var all []Rows
	for _, f := range c.parts {
		if l, ok := f.(Locator); ok {
			all = append(all, l.Hit()...)
		}
	}
	return all
}
