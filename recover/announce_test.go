package recovery

import (
	"bytes"
	"context"
	"errors"
	"io"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/recoverydrill/gameday/fixtures"
)

func TestParseNeed(t *testing.T) {
	for line, want := range map[string]Need{
		"disk spare 1024 2048 ok df of /data":  {NeedsDisk, "spare", 1024, 2048, true, "df of /data"},
		"log /vault/wal - - missing":           {NeedsLog, "/vault/wal", 0, 0, false, ""},
		"memory  spare   7 - missing  a  b":    {NeedsMemory, "spare", 7, 0, false, "a b"},
		"node standby-1 - - ok it is: at home": {NeedsNode, "standby-1", 0, 0, true, "it is: at home"},
	} {
		if got, err := ParseNeed(line); err != nil || got != want {
			t.Errorf("%q: got %+v, %v", line, got, err)
		}
	}
	for line, want := range map[string]string{
		"":                        "0 words",
		"disk spare 1 2":          "4 words",
		"disc spare 1 2 ok":       "none of the resources",
		"disk spare 1 2 yes":      "neither ok nor missing",
		"disk spare 1.5 2 ok":     "neither a number of bytes nor -",
		"disk spare -1 2 ok":      "neither a number of bytes nor -",
		"disk spare 1 2GB ok all": "neither a number of bytes nor -",
	} {
		if _, err := ParseNeed(line); err == nil || !strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), "RESOURCE WHERE NEEDED") {
			t.Errorf("%q: got %v, want %q", line, err, want)
		}
	}
}

func planOf(t *testing.T, text string) (Plan, error) {
	t.Helper()
	return Command(script(t, "#!/bin/sh\n"+text, 0o755), "own").WithPlan("--plan").Plan(t.Context(), Job{Output: io.Discard})
}

func TestCommandsAreAskedForTheirPlan(t *testing.T) {
	p, err := planOf(t, `[ "$1 $2" = "own --plan" ] || exit 9
echo "gameday: plan fetch: copy: all of it"; echo noise; echo "gameday: plan open"`)
	if err != nil || len(p.Steps) != 2 || p.Steps[0] != (PlannedStep{"fetch", "copy: all of it"}) || p.Steps[1] != (PlannedStep{"open", ""}) {
		t.Errorf("got %+v, %v", p, err)
	}
	same, err := planOf(t, `echo "gameday: plan fetch: copy: all of it"; echo "gameday: plan open"`)
	if err != nil || same.Digest() != p.Digest() || len(p.Digest()) != 16 {
		t.Errorf("digests %s and %s, %v", p.Digest(), same.Digest(), err)
	}
	for text, want := range map[string]string{
		"true":                                 "printed no line",
		`echo "gameday: plan : nothing"`:       "want \"gameday: plan STEP",
		`echo "gameday: plan fetch"; exit 3`:   "exit status 3",
		`echo "gameday: refuse never mind it"`: "printed no line",
	} {
		if p, err := planOf(t, text); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: got %+v, %v", text, p, err)
		}
	}
	var refused *Refused
	if _, err := planOf(t, `echo "gameday: refuse no backup"; exit 1`); !errors.As(err, &refused) || refused.Reason != "no backup" {
		t.Errorf("a refusal: %v", err)
	}
	if _, err := Command("true").Plan(t.Context(), Job{}); !errors.Is(err, ErrNotDeclared) {
		t.Errorf("a command without a plan: %v", err)
	}
}

// Asked with no argument at all, a command cannot know that it is only asked: it once recovered then and there.
func TestNobodyIsAskedWithoutAnArgument(t *testing.T) {
	done := t.TempDir() + "/done"
	path := script(t, "#!/bin/sh\ntouch "+done+"\necho 'gameday: plan work'\necho 'gameday: need node here - - ok'\n", 0o755)
	for kind, r := range map[string]interface {
		Planner
		Preflighter
	}{
		"on this host":     Command(path).WithPlan().WithPreflight(),
		"on a node":        OnNode("spare", path).WithPlan().WithPreflight(),
		"beside the nodes": InImage("any").WithPlan().WithPreflight(),
	} {
		_, plan := r.Plan(t.Context(), Job{Output: io.Discard})
		_, needs := r.Preflight(t.Context(), Job{Output: io.Discard})
		for by, err := range map[string]error{"WithPlan": plan, "WithPreflight": needs} {
			if err == nil || !strings.Contains(err.Error(), by+" needs an argument") || errors.Is(err, ErrNotDeclared) {
				t.Errorf("%s, %s: %v", kind, by, err)
			}
		}
	}
	if _, err := os.Stat(done); err == nil {
		t.Error("the recovery was run")
	}
}

// What is asked leaves nothing running, and its answer does not count as the recovery's use.
func TestAskedCommandsLeaveNothing(t *testing.T) {
	var log bytes.Buffer
	c := Command(script(t, "#!/bin/sh\nsleep 600 &\necho $! >&2\necho 'gameday: need node here - - ok'\n", 0o755)).WithPreflight("x")
	needs, err := c.Preflight(t.Context(), Job{Output: &log})
	if err != nil || len(needs) != 1 {
		t.Fatalf("%+v, %v", needs, err)
	}
	pid, _, _ := strings.Cut(log.String(), "\n")
	gone(t, script(t, pid, 0o600))
	if u, err := c.Usage(t.Context()); err != nil || u.CPU != 0 || u.Memory != 0 {
		t.Errorf("a command that was only asked has used %+v (%v)", u, err)
	}
}

func TestCommandsAreMeasured(t *testing.T) {
	c := Command(script(t, "#!/bin/sh\ni=0; while [ $i -lt 300000 ]; do i=$((i+1)); done\nsleep 1\n", 0o755))
	done := make(chan error, 1)
	go func() { done <- c.Recover(context.Background(), Job{Output: io.Discard}) }()
	var running, most time.Duration
	for ended := false; !ended; {
		select {
		case err := <-done:
			if err != nil {
				t.Error(err)
			}
			ended = true
		case <-time.After(20 * time.Millisecond):
			u, err := c.Usage(t.Context())
			if err == nil && u.Memory > 0 {
				running = max(running, u.CPU)
			}
		}
	}
	u, err := c.Usage(t.Context())
	if most = u.CPU; err != nil || most < 20*time.Millisecond || running < most/2 || c.PeakMemory() < 100<<10 {
		t.Errorf("%s while it ran, %s in all, %d bytes of memory, %v", running, most, c.PeakMemory(), err)
	}
}

// The first look of a meter comes before the start: what was used until the second was not counted.
func TestBeforeItsStartARecoveryHasUsedNothing(t *testing.T) {
	nothing := fixtures.Usage{Disk: -1}
	c := Command(script(t, "#!/bin/sh\ni=0; while [ $i -lt 100000 ]; do i=$((i+1)); done\n", 0o755))
	for range 2 {
		c.Begin()
		if u, err := c.Usage(t.Context()); err != nil || u != nothing {
			t.Errorf("a command has used %+v (%v)", u, err)
		}
		if err := c.Recover(t.Context(), Job{Output: io.Discard}); err != nil {
			t.Error(err)
		}
		if u, err := c.Usage(t.Context()); err != nil || u.CPU < time.Millisecond {
			t.Errorf("after its end a command has used %+v (%v)", u, err)
		}
	}
	if u, err := InImage("any").Usage(t.Context()); err != nil || u != nothing {
		t.Errorf("an image has used %+v (%v)", u, err)
	}
}
