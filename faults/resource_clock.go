package faults

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/recoverydrill/gameday/fixtures"
)

// SteppedClock is a server whose machine's clock is wrong. The server is started again for it, so that clients lose their
// connections for a moment; from then on they are served as before, and everything that it writes has the wrong time:
// commits, the log, marks. Whatever starts the server anew gives it the right clock back. A clock that is behind makes
// what is found later look older than the mark: until it is right again, a drill cannot tell.
type SteppedClock struct {
	node string
	by   time.Duration
	done bool
}

var (
	_ Fault  = (*SteppedClock)(nil)
	_ Healer = (*SteppedClock)(nil)
	_ Prover = (*SteppedClock)(nil)
	_ Silent = (*SteppedClock)(nil)
)

// StepClock moves the clock of the server on a node; "" is the primary. by is a whole number of seconds, at least a
// minute of them either way.
func StepClock(node string, by time.Duration) *SteppedClock { return &SteppedClock{node: node, by: by} }

// Describe names the node and the step.
func (s *SteppedClock) Describe() Description {
	way := "ahead"
	if s.by < 0 {
		way = "behind"
	}
	return Description{Name: "stepped clock", Class: resource, Detail: fmt.Sprintf("the clock of the server on node %s is %s %s", on(s.node), s.by.Abs(), way)}
}

// IsSilent is true: clients are served.
func (s *SteppedClock) IsSilent() bool { return true }

// Inject starts the server with another clock.
func (s *SteppedClock) Inject(ctx context.Context, sys fixtures.System) error {
	if s.by.Abs() < time.Minute || s.by%time.Second != 0 {
		return fmt.Errorf("step the clock by %s: want whole seconds, a minute at least", s.by)
	}
	return s.step(ctx, sys, s.by)
}

func (s *SteppedClock) step(ctx context.Context, sys fixtures.System, by time.Duration) error {
	n, err := nodeOf(sys, s.node)
	if err != nil {
		return err
	}
	stepper, ok := sys.(fixtures.ClockStepper)
	if !ok {
		return unsupported(sys, "fixtures.ClockStepper", "step the clock of its server")
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	s.done = true
	return stepper.StepClock(ctx, n, by)
}

// Heal starts the server with the machine's own clock, if it is still wrong. A server that an injection was starting when it was
// cut short may come up meanwhile, with the wrong one.
func (s *SteppedClock) Heal(ctx context.Context, sys fixtures.System) error {
	if !s.done {
		return nil
	}
	var err error
	for try := range 4 {
		off, errAsk := s.off(ctx, sys)
		if errAsk == nil && off.Abs() < time.Minute/2 {
			return nil
		}
		if try < 3 {
			err = s.step(ctx, sys, 0)
		}
	}
	if err == nil {
		err = errors.New("the server's clock is still wrong")
	}
	return err
}

// Prove compares the server's clock with the harness's.
func (s *SteppedClock) Prove(ctx context.Context, sys fixtures.System) (string, error) {
	off, err := s.off(ctx, sys)
	if err != nil {
		return "", err
	}
	if (off - s.by).Abs() > s.by.Abs()/4 {
		return "", fmt.Errorf("%w: the server's clock is off by %s", ErrNotSeen, off.Round(time.Millisecond))
	}
	return fmt.Sprintf("the server's clock is off by %s", off.Round(time.Second)), nil
}

// off is how far the server's clock is ahead of the harness's.
func (s *SteppedClock) off(ctx context.Context, sys fixtures.System) (time.Duration, error) {
	n, err := nodeOf(sys, s.node)
	if err != nil {
		return 0, err
	}
	stepper, ok := sys.(fixtures.ClockStepper)
	if !ok {
		return 0, unsupported(sys, "fixtures.ClockStepper", "ask its server's clock")
	}
	t, err := stepper.ServerTime(ctx, n)
	return time.Until(t), err
}
