package main

import (
	"encoding/json"
	"os"
	"strings"
	"testing"
)

func TestPlanPrintsStepsDigestAndNeeds(t *testing.T) {
	t.Setenv("FAKE", "plans")
	c := gameday(t, "plan", "./testdata/fake")
	const want = `fake/drill: ./restore.sh, plan 0123456789abcdef
  1. fetch: copy the backup
  2. open
  needs disk at spare: 3.0 GiB needed, 2.0 GiB there: MISSING (df)
  needs backup at /vault: ok
`
	if c.code != 0 || c.out.String() != want {
		t.Errorf("exit code %d, standard output:\n%s\nstandard error:\n%s", c.code, c.out.String(), c.err.String())
	}
	if left, err := os.ReadDir(c.dir); err != nil || len(left) > 0 {
		t.Errorf("it left %v among the reports (%v)", left, err)
	}
	c = gameday(t, "plan", "./testdata/fake", "-o", "json")
	var got struct {
		Drills []struct {
			Plan struct{ Digest string }
		}
	}
	if err := json.Unmarshal([]byte(c.out.String()), &got); err != nil || c.code != 0 || len(got.Drills) != 1 || got.Drills[0].Plan.Digest != "0123456789abcdef" {
		t.Errorf("exit code %d, %v:\n%s", c.code, err, c.out.String())
	}
}

// No plan is never taken for a plan, however the suite ended.
func TestPlanSaysWhereThereIsNone(t *testing.T) {
	for fake, want := range map[string]string{
		"tells no plan":                  "NO PLAN fake/drill: restore.sh tells no plan",
		"breaks down before it is asked": "NO PLAN fake/drill: the drill did not get to its recovery: it ended before its recovery",
		"leaves no record":               "no drill left a record",
		"leaves half a record":           "did not get to its recovery",
		"panics":                         "no drill left a record",
		"skips":                          "did not get to its recovery",
	} {
		t.Run(fake, func(t *testing.T) {
			t.Setenv("FAKE", fake)
			c := gameday(t, "plan", "./testdata/fake")
			if c.code != exitInconclusive || !strings.Contains(c.out.String(), want) {
				t.Errorf("exit code %d, standard output:\n%s\nstandard error:\n%s", c.code, c.out.String(), c.err.String())
			}
		})
	}
}

// Which drills were not asked is part of the answer.
func TestPlanSaysWhatItDidNotAsk(t *testing.T) {
	for fake, want := range map[string]string{
		"plans and skips":              "only 1 of 2 drills were asked: its binary exited with status 0\nSKIPPED outer does 0: because\nof this\n",
		"plans and has a focused spec": "testdata/fake: a spec is focused in the code",
	} {
		t.Setenv("FAKE", fake)
		c := gameday(t, "plan", "./testdata/fake")
		if c.code != exitInconclusive || !strings.Contains(c.out.String(), want) || strings.Contains(c.out.String(), "only planned") {
			t.Errorf("%s: exit code %d, standard output:\n%s\nstandard error:\n%s", fake, c.code, c.out.String(), c.err.String())
		}
	}
}

func TestPlanOfNothing(t *testing.T) {
	t.Setenv("FAKE", "plans")
	if c := gameday(t, "plan", "./testdata/fake", "--label", "nobody"); c.code != exitUsage || !strings.Contains(c.err.String(), "no drill matches") {
		t.Errorf("exit code %d, standard error:\n%s", c.code, c.err.String())
	}
}
