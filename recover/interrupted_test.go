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
