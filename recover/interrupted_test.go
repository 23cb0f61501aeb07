package recovery

import (
	"context"
	"errors"
	"io"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/recoverydrill/gameday/fixtures"
)

// patient is a recovery of three steps, each of which takes a while or until its context ends.
func patient(done *[]string, each time.Duration) Recovery {
	step := func(name string) Step {
		return Step{Name: name, Do: func(ctx context.Context) error {
			select {
			case <-ctx.Done():
				return context.Cause(ctx)
			case <-time.After(each):
				*done = append(*done, name)
				return ctx.Err()
			}
		}}
	}
	return Func("patient", func(ctx context.Context, job Job) error {
		return job.Run(ctx, step("one"), step("two"), step("three"))
	})
}

func TestInterruptedRecoveryRunsAgainFromTheStart(t *testing.T) {
	for name, c := range map[string]struct {
		at   Interruption
		done string
	}{
		"before anything":     {Interruption{}, "one two three"},
		"at the first step":   {Interruption{Step: 1}, "one two three"},
		"at the third step":   {Interruption{Step: 3}, "one two one two three"},
		"within the second":   {Interruption{Step: 2, After: 5 * time.Millisecond}, "one one two three"},
		"with some patience":  {Interruption{Step: 2, Patience: 5 * time.Millisecond}, "one one two three"},
		"counted from before": {Interruption{After: 5 * time.Millisecond}, "one two three"},
	} {
		t.Run(name, func(t *testing.T) {
			var done []string
			r := Interrupted(patient(&done, 100*time.Millisecond), c.at)
			err := r.Recover(t.Context(), Job{Step: func(string) {}, Output: io.Discard})
			if err != nil || strings.Join(done, " ") != c.done || !errors.Is(r.First(), ErrKilled) && c.at.Step != 0 {
				t.Errorf("got %v after %q, the first run ended with %v; want %q", err, done, r.First(), c.done)
			}
		})
	}
}

func TestAnInterruptionThatNeverCameIsNoProof(t *testing.T) {
	for _, at := range []Interruption{{Step: 4}, {Step: 3, After: time.Minute}} {
		var done []string
		err := Interrupted(patient(&done, 0), at).Recover(t.Context(), Job{Step: func(string) {}, Output: io.Discard})
		if !errors.Is(err, ErrNotStruck) || len(done) != 3 {
			t.Errorf("%+v: got %v after %q", at, err, done)
		}
	}
}

// The next step is not the one that was named: an interruption that comes in it is told as none.
func TestAnInterruptionComesInItsStepOrNotAtAll(t *testing.T) {
	runs := 0
	r := Interrupted(Func("", func(ctx context.Context, job Job) error {
		runs++
		job.Step("one")
		job.Step("two")
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-time.After(300 * time.Millisecond):
			return nil
		}
	}), Interruption{Step: 1, After: 50 * time.Millisecond})
	if err := r.Recover(t.Context(), Job{Output: io.Discard}); !errors.Is(err, ErrNotStruck) || r.First() != nil || runs != 1 {
		t.Errorf("got %v after %d runs, the first ended with %v", err, runs, r.First())
	}
}

// One value may be the recovery of several drills.
func TestAnInterruptionServesAgain(t *testing.T) {
	var done []string
	r := Interrupted(patient(&done, 20*time.Millisecond), Interruption{Step: 2})
	for range 2 {
		done = nil
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
		if err := r.Recover(ctx, Job{Step: func(string) {}, Output: io.Discard}); err != nil || strings.Join(done, " ") != "one one two three" || !errors.Is(r.First(), ErrKilled) {
			t.Errorf("got %v after %q, the first run ended with %v", err, done, r.First())
		}
		cancel()
	}
}

// nodeless is a system of nothing.
type nodeless struct{ fixtures.System }

func (nodeless) Members() []fixtures.Member { return nil }
func (nodeless) Info() fixtures.Info        { return fixtures.Info{} }

func TestAnInterruptedRecoveryKeepsItsAbilities(t *testing.T) {
	r := Interrupted(Command("x", "y").Privileged("to create roles"), Interruption{})
	if r.Privilege() != "to create roles" || !slices.Equal(r.Line(), []string{"x", "y"}) || r.Possible(nodeless{}) != nil {
		t.Errorf("of a command: %q, %q, %v", r.Privilege(), r.Line(), r.Possible(nodeless{}))
	}
	if err := Interrupted(InImage("x"), Interruption{}).Possible(nodeless{}); !errors.Is(err, fixtures.ErrUnsupported) {
		t.Errorf("an image without containers: %v", err)
	}
	r = Interrupted(Func("x", nil), Interruption{})
	u, err := r.Usage(t.Context())
	if r.Privilege() != "" || r.Line() != nil || r.Possible(nodeless{}) != nil || u != unknown || err != nil || r.PeakMemory() != -1 {
		t.Errorf("of a function: %q, %q, %+v, %v, %d", r.Privilege(), r.Line(), u, err, r.PeakMemory())
	}
}

// metered uses a second of a processor and some memory in each run, and can forget that.
type metered struct {
	Recovery
	used fixtures.Usage
	peak int64
}

func (m *metered) Begin()                                        { m.used, m.peak = fixtures.Usage{Disk: -1}, 0 }
func (m *metered) Usage(context.Context) (fixtures.Usage, error) { return m.used, nil }
func (m *metered) PeakMemory() int64                             { return m.peak }

func (m *metered) Recover(ctx context.Context, job Job) error {
	m.used, m.peak = fixtures.Usage{CPU: time.Second, BytesRead: 7, BytesWritten: -1, Disk: -1}, 100
	return m.Recovery.Recover(ctx, job)
}

func TestBothRunsAreMeasured(t *testing.T) {
	var done []string
	r := Interrupted(&metered{Recovery: patient(&done, time.Millisecond)}, Interruption{Step: 1})
	for range 2 {
		r.Begin()
		if u, err := r.Usage(t.Context()); err != nil || u.CPU != 0 || r.PeakMemory() != 0 {
			t.Errorf("before: %+v, %v", u, err)
		}
		if err := r.Recover(t.Context(), Job{Step: func(string) {}, Output: io.Discard}); err != nil {
			t.Fatal(err)
		}
		want := fixtures.Usage{CPU: 2 * time.Second, BytesRead: 14, BytesWritten: -1, Disk: -1}
		if u, err := r.Usage(t.Context()); err != nil || u != want || r.PeakMemory() != 100 {
			t.Errorf("got %+v and %d (%v), want %+v", u, r.PeakMemory(), err, want)
		}
	}
}

func TestWhatStruckIsPutRightBeforeTheSecondRun(t *testing.T) {
	var story []string
	r := Interrupted(Func("", func(ctx context.Context, job Job) error {
		story = append(story, "run")
		job.Step("one")
		return ctx.Err()
	}), Interruption{Step: 1, Strike: func(context.Context, fixtures.System) (func(context.Context) error, error) {
		story = append(story, "strike")
		return func(context.Context) error { story = append(story, "relieve"); return nil }, nil
	}})
	if err := r.Recover(t.Context(), Job{Step: func(string) {}, Output: io.Discard}); err != nil || !slices.Equal(story, []string{"run", "strike", "relieve", "run"}) {
		t.Errorf("got %v and %q", err, story)
	}
	failed := errors.New("no such network")
	r = Interrupted(r.Recovery, Interruption{Step: 1, Strike: func(context.Context, fixtures.System) (func(context.Context) error, error) { return nil, failed }})
	if err := r.Recover(t.Context(), Job{Step: func(string) {}, Output: io.Discard}); !errors.Is(err, failed) {
		t.Errorf("a strike that failed: %v", err)
	}
}

// A command tells its steps in what it prints, and is interrupted at them all the same.
func TestACommandIsInterruptedAtItsSteps(t *testing.T) {
	done := t.TempDir() + "/done"
	c := Command("sh", "-c", `for s in one two three; do echo "gameday: step $s"; sleep 0.2; echo $s >>`+done+`; done`)
	var heard []string
	out := NewOutput(io.Discard, func(line string) error { heard = append(heard, line); return nil })
	r := Interrupted(c, Interruption{Step: 2})
	if err := r.Recover(t.Context(), Job{Step: func(string) {}, Output: out}); err != nil {
		t.Fatal(err)
	}
	got, err := os.ReadFile(done)
	if err != nil || strings.Join(strings.Fields(string(got)), " ") != "one one two three" || !errors.Is(r.First(), ErrKilled) {
		t.Errorf("got %q (%v), the first run ended with %v", got, err, r.First())
	}
	if len(heard) != 5 {
		t.Errorf("the drill heard %q", heard)
	}
}

// A command that is killed has no time to tidy up: that is what is to be seen.
func TestKilledCommandGetsNoGrace(t *testing.T) {
	tidy := t.TempDir() + "/tidied"
	c := Command("sh", "-c", "trap 'touch "+tidy+"; exit 1' TERM; echo 'gameday: step wait'; while :; do sleep 0.05; done")
	ctx, kill := context.WithCancelCause(t.Context())
	time.AfterFunc(200*time.Millisecond, func() { kill(ErrKilled) })
	began := time.Now()
	err := c.Recover(ctx, Job{Output: io.Discard})
	if !errors.Is(err, ErrKilled) || time.Since(began) > 2*time.Second {
		t.Errorf("got %v after %s", err, time.Since(began))
	}
	if _, err := os.Stat(tidy); err == nil {
		t.Error("the command was given time to tidy up")
	}
}
