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
	// Step and After are the moment: so long after the step with this number began, 1 the first; 0 is the start of the
	// recovery itself. A step that begins is not yet worked on when After is 0.
	Step  int
	After time.Duration
	// Strike does more than to kill: the network is lost, the disk fills. relieve puts it right again before the second
	// run; nil is nothing to put right. A nil Strike only kills.
	Strike func(ctx context.Context, sys fixtures.System) (relieve func(context.Context) error, err error)
	// Patience is how long a recovery that was struck may go on until it is killed; default 0: at once.
	Patience time.Duration
}

// Twice runs a recovery, interrupts it, and runs it again from the start, as somebody does who finds it dead. It
// succeeds if the second run does; what that led to is for the drill to judge.
type Twice struct {
	Recovery Recovery
	Interruption

	mu     sync.Mutex
	begun  int
	struck bool
	first  error
}

var (
	_ Recovery = (*Twice)(nil)
	_ Cleaner  = (*Twice)(nil)
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
	_, _ = fmt.Fprintf(job.Output, "the recovery was interrupted (%v) and is run again\n", t.first) // what follows is more important
	return t.Recovery.Recover(ctx, job)
}

// interrupt is the first run.
func (t *Twice) interrupt(ctx context.Context, job Job) (relieve func(context.Context) error, err error) {
	running, kill := context.WithCancelCause(ctx)
	defer kill(nil)
	struck := make(chan error, 1)
	strike := func() {
		var err error
		if t.Strike != nil {
			relieve, err = t.Strike(ctx, job.System)
		}
		if t.Patience > 0 {
			time.AfterFunc(t.Patience, func() { kill(ErrKilled) })
		} else {
			kill(ErrKilled)
		}
		struck <- err
	}
	arm := t.armed(strike)
	first := job
	first.Step = func(name string) {
		if job.Step != nil {
			job.Step(name)
		}
		arm(t.next())
	}
	// A command tells its steps in what it prints.
	first.Output = io.MultiWriter(job.Output, NewOutput(io.Discard, func(line string) error {
		if name, ok := strings.CutPrefix(line, "step "); ok && strings.TrimSpace(name) != "" {
			arm(t.next())
		}
		return nil
	}))
	arm(0)
	t.first = t.Recovery.Recover(running, first)
	if !t.stop() {
		return nil, fmt.Errorf("%w: %s", ErrNotStruck, outcome(t.first))
	}
	if err := <-struck; err != nil {
		return relieve, fmt.Errorf("interrupt the recovery: %w", err)
	}
	if t.first == nil {
		t.first = errors.New("it ended well all the same")
	}
	return relieve, nil
}

// armed returns a function that strikes when the step that is given to it is the one.
func (t *Twice) armed(strike func()) func(step int) {
	return func(step int) {
		if step != t.Step {
			return
		}
		hit := func() {
			t.mu.Lock()
			defer t.mu.Unlock()
			if !t.struck {
				t.struck = true
				strike()
			}
		}
		if t.After > 0 {
			time.AfterFunc(t.After, hit)
			return
		}
		hit()
	}
}

func (t *Twice) next() int {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.begun++
	return t.begun
}

// stop tells whether the strike came, and lets none come any more.
func (t *Twice) stop() bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	was := t.struck
	t.struck = true
	return was
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
