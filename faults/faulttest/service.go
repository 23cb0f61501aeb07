package faulttest

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/recoverydrill/gameday/fixtures"
	"github.com/recoverydrill/gameday/fixtures/probe"
)

// seenLimit is how long the clients may take to notice an outage: as long as a drill waits for it. healthyLimit is how long
// the service may take to be well again.
var (
	seenLimit    = 10 * time.Second
	healthyLimit = time.Minute
)

const (
	healthyAnswers = 10 // in a row show that it is well
	askEvery       = 50 * time.Millisecond
)

// ask asks the service one question.
func (b *bench) ask(ctx context.Context) error {
	late := b.Late
	if late == 0 {
		late = 2 * time.Second
	}
	ctx, cancel := context.WithTimeout(ctx, late)
	defer cancel()
	answer := make(chan error, 1) // a client that hangs must not hang this
	go func() {
		if b.Serves != nil {
			answer <- b.Serves(ctx, b.sys)
			return
		}
		answer <- b.dial(ctx)
	}()
	select {
	case err := <-answer:
		return err
	case <-ctx.Done():
		return fmt.Errorf("no answer within %v", late)
	}
}

func (b *bench) dial(ctx context.Context) error {
	d, ok := b.sys.(interface {
		Dial(ctx context.Context, address string) (probe.Asker, error)
	})
	if !ok {
		return &fixtures.UnsupportedError{What: "engine " + b.sys.Info().Engine, Need: "drill.Dialer", For: "ask the service as a client does"}
	}
	address := ""
	if r := b.sys.Route(); r != nil {
		address = r.Address()
	}
	a, err := d.Dial(ctx, address)
	if err != nil {
		return err
	}
	return errors.Join(a.Ask(ctx, newNonce(), probe.Canary{}), a.Close())
}

// healthy waits for many right answers in a row.
func (b *bench) healthy(ctx context.Context) error {
	right := 0
	for end := time.Now().Add(healthyLimit); ; {
		err := b.ask(ctx)
		if right++; err != nil {
			right = 0
		}
		switch {
		case right == healthyAnswers:
			return nil
		case errors.Is(err, fixtures.ErrUnsupported):
			return err
		case time.Now().After(end) || ctx.Err() != nil:
			return fmt.Errorf("not %d answers in a row within %v, the last: %w", healthyAnswers, healthyLimit, err)
		}
		pause(ctx)
	}
}

// outage waits for an answer that is not right.
func (b *bench) outage(ctx context.Context) error {
	for end := time.Now().Add(seenLimit); time.Now().Before(end) && ctx.Err() == nil; pause(ctx) {
		if err := b.ask(ctx); err != nil {
			return nil
		}
	}
	return fmt.Errorf("it says that it is an outage, and for %v every client gets its answer", seenLimit)
}

func pause(ctx context.Context) {
	select {
	case <-ctx.Done():
	case <-time.After(askEvery):
	}
}
