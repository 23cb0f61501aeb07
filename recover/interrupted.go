package recovery

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"sync"
	"time"

	"github.com/recoverydrill/gameday/fixtures"
)

// ErrKilled is the cause by which a recovery's context ends when it is to die at once: a command's process group, and a
// container, get SIGKILL, without the grace that a deadline gives.
var ErrKilled = fixtures.ErrKilled

// ErrNotStruck is wrapped by the error of an interrupted recovery that ended before it could be interrupted: nothing is
// known of what an interruption there would have done.
var ErrNotStruck = errors.New("the recovery ended before it could be interrupted")

// Interruption is what happens to a recovery on its way, once.
type Interruption struct {
	// Step and After are the moment: so long after the step with this number began, 1 the first. A step that begins is not yet
	// worked on when After is 0; one that ends before After is over is not struck, nor is the next. 0 is the start of the
	// recovery itself, and After then comes in whatever step it does.
	Step  int
	After time.Duration
	// Strike does more than to kill: the network is lost, the disk fills. relieve puts it right again before the second
	// run; nil is nothing to put right. A nil Strike only kills.
	Strike func(ctx context.Context, sys fixtures.System) (relieve func(context.Context) error, err error)
	// Patience is how long a recovery that was struck may go on until it is killed; default 0: at once.
	Patience time.Duration
}

// Twice runs a recovery, interrupts it, and runs it again from the start, as somebody does who finds it dead. It
// succeeds if the second run does; what that led to is for the drill to judge. It has the recovery's own abilities, except
// that it tells no plan and no needs: steps come twice. Nothing is cleaned up between the runs.
type Twice struct {
	Recovery Recovery
	Interruption

	first error

	mu    sync.Mutex
	spent fixtures.Usage // by interrupted runs
	peak  int64          // memory of theirs
}

var (
	_ Recovery         = (*Twice)(nil)
	_ Cleaner          = (*Twice)(nil)
	_ Bound            = (*Twice)(nil)
	_ Privileged       = (*Twice)(nil)
	_ fixtures.Metered = (*Twice)(nil)
)

// Interrupted runs a recovery twice: see [Twice].
func Interrupted(r Recovery, i Interruption) *Twice { return &Twice{Recovery: r, Interruption: i} }

// Name is the recovery's own, with the moment of the interruption.
func (t *Twice) Name() string {
	at := "at the start"
	if t.Step > 0 {
		at = fmt.Sprintf("at step %d", t.Step)
	}
	if t.After > 0 {
		at = fmt.Sprintf("%s after %s", at, t.After)
	}
	return t.Recovery.Name() + ", interrupted " + at
}

// First is how the interrupted run ended; nil if it has not been run.
func (t *Twice) First() error { return t.first }

// Recover runs it twice. An error that wraps [ErrNotStruck] says that the first run was not interrupted; the second is
// then not begun.
func (t *Twice) Recover(ctx context.Context, job Job) error {
	relieve, err := t.interrupt(ctx, job)
	if relieve != nil {
		err = errors.Join(err, relieve(context.WithoutCancel(ctx)))
	}
	if err != nil {
		return err
	}
	t.settle(ctx)
	_, _ = fmt.Fprintf(job.Output, "the recovery was interrupted (%v) and is run again\n", t.first) // what follows is more important
	return t.Recovery.Recover(ctx, job)
}

// interrupt is the first run.
func (t *Twice) interrupt(ctx context.Context, job Job) (relieve func(context.Context) error, err error) {
	running, kill := context.WithCancelCause(ctx)
	defer kill(nil)
	a := &attempt{at: t.Interruption}
	a.strike = func() (err error) {
		if t.Strike != nil {
			relieve, err = t.Strike(ctx, job.System)
		}
		if t.Patience > 0 {
			time.AfterFunc(t.Patience, func() { kill(ErrKilled) })
		} else {
			kill(ErrKilled)
		}
		return err
	}
	first := job
	first.Step = func(name string) {
		if job.Step != nil {
			job.Step(name)
		}
		a.next()
	}
	// A command tells its steps in what it prints.
	first.Output = io.MultiWriter(job.Output, NewOutput(io.Discard, func(line string) error {
		if name, ok := strings.CutPrefix(line, "step "); ok && strings.TrimSpace(name) != "" {
			a.next()
		}
		return nil
	}))
	a.arm(0)
	t.first = t.Recovery.Recover(running, first)
	struck, err := a.stop()
	if !struck {
		return nil, fmt.Errorf("%w: %s", ErrNotStruck, outcome(t.first))
	}
	if err != nil {
		return relieve, fmt.Errorf("interrupt the recovery: %w", err)
	}
	if t.first == nil {
		t.first = errors.New("it ended well all the same")
	}
	return relieve, nil
}

// attempt is one run that is to be interrupted.
type attempt struct {
	at     Interruption
	strike func() error

	mu     sync.Mutex // held during the strike: no step begins meanwhile
	begun  int        // steps
	struck bool
	over   bool // there is no strike any more
	err    error
}

// next tells that a step begins.
func (a *attempt) next() {
	a.mu.Lock()
	a.begun++
	step := a.begun
	a.mu.Unlock()
	a.arm(step)
}

// arm strikes when the step is the one and its time has come.
func (a *attempt) arm(step int) {
	switch {
	case step != a.at.Step:
	case a.at.After > 0:
		time.AfterFunc(a.at.After, a.hit)
	default:
		a.hit()
	}
}

// hit strikes, unless that would be in another step than the one that was named.
func (a *attempt) hit() {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.over || a.at.Step > 0 && a.begun != a.at.Step {
		return
	}
	a.over, a.struck = true, true
	a.err = a.strike()
}

// stop tells whether the strike came, and how it went, and lets none come any more.
func (a *attempt) stop() (struck bool, err error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.over = true
	return a.struck, a.err
}

func outcome(err error) string {
	if err == nil {
		return "it had succeeded"
	}
	return err.Error()
}

// Cleanup is the recovery's own.
func (t *Twice) Cleanup(ctx context.Context, job Job) error {
	if c, ok := t.Recovery.(Cleaner); ok {
		return c.Cleanup(ctx, job)
	}
	return nil
}
