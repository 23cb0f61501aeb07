package suites

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"syscall"
	"time"
)

// Execution is one run of a suite's binary.
type Execution struct {
	Binary         string
	Args           []string
	Dir            string
	Env            []string // the whole environment
	Stdout, Stderr io.Writer

	// Kill ends the binary and everything it started at once, without its clean-up.
	Kill <-chan struct{}
	// Limit is how long it may run before it is asked to end, and Grace how long it then has before it is killed.
	// Both guard against a suite that hangs; its own timeout is shorter.
	Limit, Grace time.Duration
}

// Ended is how a suite's binary ended.
type Ended struct {
	ExitCode int            // -1 where a signal ended it
	Signal   syscall.Signal // that ended it; 0 where it exited
	Killed   bool           // by this process: its clean-up did not run to the end
	Late     bool           // it ran into the Limit
}

// String says how it ended in words.
func (e Ended) String() string {
	switch {
	case e.Late:
		return "was stopped because it ran past its limit"
	case e.Killed:
		return "was killed before its clean-up ended"
	case e.Signal != 0:
		return fmt.Sprintf("was ended by signal %d (%s)", int(e.Signal), e.Signal)
	}
	return fmt.Sprintf("exited with status %d", e.ExitCode)
}

// Interrupt is the cause of a context that a signal has ended. The signal is passed on as it came.
type Interrupt struct{ Signal syscall.Signal }

func (i *Interrupt) Error() string { return "interrupted: " + i.Signal.String() }

// Run runs the binary in a process group of its own, so that a terminal's Ctrl-C reaches it once, through this process.
// When ctx ends, the binary gets one signal (that of the [Interrupt] which ended it, else SIGTERM) and as much time as
// it needs for its clean-up, within Limit and Grace.
func (e Execution) Run(ctx context.Context) (Ended, error) {
	if ctx.Err() != nil {
		return Ended{}, context.Cause(ctx)
	}
	cmd := exec.Command(e.Binary, e.Args...) //nolint:gosec,noctx // our own binary; a context would kill it without its clean-up
	cmd.Dir, cmd.Env, cmd.Stdout, cmd.Stderr = e.Dir, e.Env, e.Stdout, e.Stderr
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.WaitDelay = 5 * time.Second // for what a grandchild still holds of the output
	if err := cmd.Start(); err != nil {
		return Ended{}, fmt.Errorf("start the suite: %w", err)
	}
	done := make(chan error, 1)
	go func() { done <- cmd.Wait() }()
	ended, err := e.watch(ctx, cmd.Process.Pid, done)
	if err != nil {
		return ended, fmt.Errorf("wait for the suite: %w", err)
	}
	if status, ok := cmd.ProcessState.Sys().(syscall.WaitStatus); ok && status.Signaled() {
		ended.Signal = status.Signal()
	}
	ended.ExitCode = cmd.ProcessState.ExitCode()
	return ended, nil
}

func (e Execution) watch(ctx context.Context, pid int, done <-chan error) (Ended, error) {
	var ended Ended
	limit := time.NewTimer(e.Limit)
	defer limit.Stop()
	interrupted, kill := ctx.Done(), e.Kill
	for {
		select {
		case err := <-done:
			var exit *exec.ExitError
			if errors.As(err, &exit) || errors.Is(err, exec.ErrWaitDelay) {
				err = nil
			}
			return ended, err
		case <-interrupted:
			interrupted = nil
			_ = syscall.Kill(pid, signalOf(ctx)) // it may have ended just now
		case <-kill:
			kill, ended.Killed = nil, true
			_ = syscall.Kill(-pid, syscall.SIGKILL)
		case <-limit.C:
			if ended.Late {
				ended.Killed = true
				_ = syscall.Kill(-pid, syscall.SIGKILL)
				continue
			}
			ended.Late = true
			_ = syscall.Kill(pid, syscall.SIGTERM)
			limit.Reset(e.Grace)
		}
	}
}

func signalOf(ctx context.Context) syscall.Signal {
	var i *Interrupt
	if errors.As(context.Cause(ctx), &i) {
		return i.Signal
	}
	return syscall.SIGTERM
}
