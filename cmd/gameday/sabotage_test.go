package main

import (
	"encoding/json"
	"regexp"
	"strings"
	"testing"
)

var sabotageDirs = regexp.MustCompile(`(evidence:|report:|lstat) .*`)

// What is printed is what a person sees of a hole in the checks: which act escaped, and which check would have seen it.
func TestSabotageScores(t *testing.T) {
	var all strings.Builder
	for _, c := range []struct {
		fake string
		args []string
		code int
	}{
		{"sabotages", nil, exitPassed},
		{"sabotages", []string{"--acts", "A17,H1"}, exitPassed},
		{"sabotages and D7 escapes", nil, exitFailed},
		{"sabotages and D7 escapes", []string{"--min-score", "75"}, exitPassed},
		{"sabotages and D7 is only noticed", nil, exitFailed},
		{"sabotages and never gets to D7", nil, exitInconclusive},
		{"sabotages a drill that fails", nil, exitInconclusive},
		{"sabotages a drill that never begins", nil, exitInconclusive},
		{"sabotages and loses a drill", nil, exitInconclusive},
		{"sabotages two of one name", nil, exitInconclusive},
		{"sabotages and skips", []string{"--acts", "A17"}, exitPassed},
		{"sabotages and has a focused spec", []string{"--acts", "A17"}, exitInconclusive},
		{"is not sabotaged", nil, exitInconclusive},
		{"leaves no record", nil, exitInconclusive},
	} {
		t.Setenv("FAKE", c.fake)
		got := gameday(t, append([]string{"sabotage", "./testdata/fake"}, c.args...)...)
		if got.code != c.code {
			t.Errorf("%s %q: exit code %d, want %d; standard error:\n%s", c.fake, c.args, got.code, c.code, got.err.String())
		}
		all.WriteString("a suite that " + c.fake + " " + strings.Join(c.args, " ") + "\n" + sabotageDirs.ReplaceAllString(got.out.String(), "$1 ...") + "\n")
	}
	golden(t, "sabotage.txt", all.String())
}

func TestSabotageScoresForGates(t *testing.T) {
	t.Setenv("FAKE", "sabotages and D7 escapes")
	c := gameday(t, "sabotage", "./testdata/fake", "-o", "json")
	var got struct {
		Outcome string
		Drills  []struct {
			Scenario string
			Caught   int
			Tried    int
			Percent  *float64 `json:"score_percent"`
			Acts     []struct{ ID, Grade, Advice string }
		}
	}
	if err := json.Unmarshal([]byte(c.out.String()), &got); err != nil {
		t.Fatalf("%v:\n%s", err, c.out.String())
	}
	if len(got.Drills) != 1 || got.Outcome != "failed" || got.Drills[0].Caught != 3 || got.Drills[0].Tried != 4 || *got.Drills[0].Percent != 75 || got.Drills[0].Acts[2].Grade != "escaped" ||
		!strings.Contains(got.Drills[0].Acts[2].Advice, `leaves out check "structure"`) {
		t.Errorf("got %+v", got)
	}
}

// A variable that was left in the environment must not reach the drills of a run.
func TestRunDoesNotHandDownASabotage(t *testing.T) {
	t.Setenv("GAMEDAY_SABOTAGE", "A17")
	for _, kv := range (runOptions{reportDir: t.TempDir()}).environment() {
		if strings.HasPrefix(kv, "GAMEDAY_SABOTAGE=") {
			t.Errorf("handed down %s", kv)
		}
	}
}

func TestSabotageOfNothing(t *testing.T) {
	t.Setenv("FAKE", "sabotages")
	if c := gameday(t, "sabotage", "./testdata/fake", "--label", "nobody"); c.code != exitUsage || !strings.Contains(c.err.String(), "no drill matches") {
		t.Errorf("exit code %d, standard error:\n%s", c.code, c.err.String())
	}
}
