package badinput_test

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/recoverydrill/gameday/reports"
)

// Recoveries that cannot work. Each is a failure of the recovery, told in its first finding.
func TestRecoveriesThatCannotWork(t *testing.T) {
	if testing.Short() {
		t.Skip("needs Docker")
	}
	e := invocation{args: []string{"run", bad, "--label", "recovery || full-spare", "--level", "quick"}}.run(t)
	if e.code != 1 {
		t.Errorf("exit code %d, want 1:\n%s\n%s", e.code, e.out, e.err)
	}
	for name, wants := range map[string][]string{
		"not-executable":       {`"scripts/not-executable.sh" is not executable: chmod +x scripts/not-executable.sh`},
		"does-not-exist":       {`"scripts/no-such-file.sh" does not exist (looked in `, "badinput/testdata/drills"},
		"a-directory":          {`"./scripts" is a directory`},
		"not-on-host-for-node": {`"scripts/no-such-file.sh" does not exist on this host`, `copied to node "spare" (looked in `},
		"no-such-node":         {`no node "spare-7"; it has ["primary" "spare"]`},
		"status":               {"exit status 3", "the disk array is on fire"},
		"hangs":                {"hangs.sh did not end in its time and was stopped: Scenario.RecoveryLimit is 2s"},
		"hangs-on-node":        {"hangs.sh did not end in its time and was stopped: Scenario.RecoveryLimit is 2s"},
		"binary":               {"exit status 4", "no tape in drive 0"},
		"cutover-elsewhere":    {`cut over to "somewhere-else:5432"`, `none of the system's nodes ["primary" "spare"]`},
		"cutover-no-port":      {`cut over to "spare": want HOST:PORT`},
		"nonsense":             {`printed "gameday: nonsense"`, `want "gameday: step NAME", "gameday: cutover HOST:PORT"`},
		"gigabyte":             {"exit status 4", "no tape in drive 0"},
		"gigabyte-no-line":     {"exit status 4", "no tape in drive 0"},
		"gigabyte-nonsense":    {"exit status 4", "and 991 more errors", "no tape in drive 0"},
		"full-spare":           {"exit status 1", "No space left on device"},
	} {
		t.Run(name, func(t *testing.T) {
			scenario := "badinput/" + name
			rec := e.record(t, scenario)
			if rec.Outcome != reports.Failed || rec.Recovery == nil {
				t.Fatalf("%s, %s: %+v", rec.Outcome, rec.Headline, rec.Recovery)
			}
			text := rec.Recovery.Error + "\n" + strings.Join(rec.Recovery.OutputTail, "\n")
			says(t, "the record", text, wants...)
			says(t, "the step's error", rec.Error, "recover: ", "recovery.log")
			says(t, "the verdict", e.verdict(scenario), "FAILED", "recovery", "see "+filepath.Join(e.dir, "badinput."+name))
			if strings.HasPrefix(name, "gigabyte") {
				boundless(t, e, name, rec)
			}
		})
	}
}

// boundless wants a gigabyte of output to cost little memory, disk and time.
func boundless(t *testing.T, e ended, name string, rec *reports.Record) {
	t.Helper()
	found := regexp.MustCompile(`grown: ` + name + ` (\d+)`).FindStringSubmatch(e.err)
	if found == nil {
		t.Fatal("the drill's process did not say how much it grew")
	}
	if grown, _ := strconv.ParseInt(found[1], 10, 64); grown > 100<<20 {
		t.Errorf("the drill's process grew by %d MiB", grown>>20)
	}
	st, err := os.Stat(filepath.Join(e.dir, "badinput."+name, reports.OutputFile))
	if err != nil || st.Size() > 20<<20 {
		t.Errorf("kept %v, %v", st, err)
	}
	if took := time.Duration(rec.Recovery.EndedNS - rec.Recovery.DeclaredNS); took > 20*time.Second {
		t.Errorf("took %s", took)
	}
	if rec.Recovery.OutputBytes < 1<<30 {
		t.Errorf("counted %d bytes", rec.Recovery.OutputBytes)
	}
}

// Scenarios and schemas that make no drill. Nothing was asked of a recovery, so nothing failed: inconclusive, with a
// record of each that says which call, field, file or line it is.
func TestScenariosThatMakeNoDrill(t *testing.T) {
	if testing.Short() {
		t.Skip("needs Docker")
	}
	e := invocation{args: []string{"run", bad, "--label", "scenario || schema"}}.run(t)
	if e.code != 3 {
		t.Errorf("exit code %d, want 3:\n%s\n%s", e.code, e.out, e.err)
	}
	for scenario, wants := range map[string][]string{
		"badinput/verify-without-recover":     {"Verify: call Recover first"},
		"badinput/break-without-mark":         {"Break: call Mark first"},
		"badinput/mark-without-traffic":       {"Mark: call Traffic first"},
		"badinput/mark-never-taken":           {`the mark "perfect" was not taken in this drill; it has the marks ["good"]`},
		"badinput/nothing-after-begin":        {"the drill ended in phase begin, before it was verified"},
		"badinput/bad-statement":              {"break: ", `relation "stok" does not exist`},
		"badinput/says-nothing":               {"Scenario.Owner is empty", "Scenario.Disaster is empty", "Scenario.Answers is empty"},
		"a-system-has-an-error-in-its-schema": {`load "schema/002-bad.sql"`, "psql:<stdin>:4: ERROR:", `syntax error at or near ")"`},
		"a-system-has-no-schema-file":         {"start the system: load dataset", "schema/003-none.sql: no such file"},
		"a-system-is-described-wrongly":       {`postgres.Cluster: Version "9.6": want one of 15`},
	} {
		t.Run(scenario, func(t *testing.T) {
			rec := e.record(t, scenario)
			if rec.Outcome != reports.Inconclusive || rec.Finished.IsZero() {
				t.Errorf("%s, finished %s", rec.Outcome, rec.Finished)
			}
			says(t, "the record", rec.Error, wants...)
			says(t, "the verdict", e.verdict(scenario), "INCONCLUSIVE")
			says(t, "what is printed", e.err, "evidence: "+e.dir)
		})
	}
}

// Without an engine a drill that could not begin is still counted: in the record, in JUnit and in the exit code.
func TestNoDocker(t *testing.T) {
	if testing.Short() {
		t.Skip("needs Docker")
	}
	cannotStart(t, invocation{env: []string{"DOCKER_HOST=tcp://127.0.0.1:1"}, args: []string{"--on", "container"}},
		"find a place for the system: postgres 17 cannot live on container, which was asked for: no Docker engine answers at tcp://127.0.0.1:1", "DOCKER_HOST")
}

func TestImageNotToBeHad(t *testing.T) {
	if testing.Short() {
		t.Skip("needs Docker")
	}
	path := configuration(t, "version: 1\nimages: {\"postgres:17\": \"registry.invalid/none:1\"}\n")
	e := cannotStart(t, invocation{args: []string{"--config", path}}, `make node "primary"`, "registry.invalid/none:1", "no such host", "under `images:` in gameday.yaml")
	if e.took > 30*time.Second { // of which some go into compiling
		t.Errorf("took %s", e.took)
	}
}

func cannotStart(t *testing.T, i invocation, wants ...string) ended {
	t.Helper()
	i.args = append([]string{"run", bad, "--label", "start"}, i.args...)
	e := i.run(t)
	if e.code != 3 {
		t.Errorf("exit code %d, want 3:\n%s\n%s", e.code, e.out, e.err)
	}
	const scenario = "a-system-starts"
	rec := e.record(t, scenario)
	if rec.Outcome != reports.Inconclusive {
		t.Errorf("the record says %s", rec.Outcome)
	}
	says(t, "the verdict", e.verdict(scenario), append(wants, "INCONCLUSIVE")...)
	junit, err := os.ReadFile(filepath.Join(e.dir, reports.JUnitFile))
	if err != nil {
		t.Fatal(err)
	}
	says(t, "JUnit", string(junit), `errors="1"`, "<error ", "inconclusive")
	says(t, "what go test prints", e.err, "--- FAIL: TestDrills")
	return e
}

// Words that are not understood, before anything runs.
func TestWordsThatAreNotUnderstood(t *testing.T) {
	if testing.Short() {
		t.Skip("compiles a suite")
	}
	mistyped := configuration(t, "version: 1\nimage: {}\n")
	for name, c := range map[string]struct{ args, wants []string }{
		"key":      {[]string{"--config", mistyped}, []string{mistyped + ":2: ", `unknown key "image"`, "known are version, images, report_dir, on, timeout"}},
		"no file":  {[]string{"--config", "none.yaml"}, []string{"option --config", `"none.yaml"`}},
		"option":   {[]string{"--lable", "x"}, []string{"no option --lable", "--label"}},
		"provider": {[]string{"--on", "moon"}, []string{`option --on: "moon"`, "auto, container, process, embedded"}},
		"label":    {[]string{"--label", "flagshp"}, []string{`no drill matches --label "flagshp"`, "labels there are", "recovery"}},
		"filter":   {[]string{"--label", "a &&"}, []string{`does not take --label "a &&"`}},
		"package":  {[]string{"./nowhere"}, []string{"nowhere"}},
	} {
		t.Run(name, func(t *testing.T) {
			e := invocation{args: append([]string{"run", bad}, c.args...)}.run(t)
			if e.code != 2 {
				t.Errorf("exit code %d, want 2", e.code)
			}
			says(t, "the message", e.err, c.wants...)
		})
	}
}

// Ctrl-C in the middle of a recovery that would never end.
func TestInterrupted(t *testing.T) {
	if testing.Short() {
		t.Skip("needs Docker")
	}
	e := invocation{args: []string{"run", bad, "--label", "interrupt"}, until: "step wait for the tape"}.run(t)
	if e.code != 130 {
		t.Errorf("exit code %d, want 130:\n%s\n%s", e.code, e.out, e.err)
	}
	rec := e.record(t, "badinput/interrupted")
	if rec.Outcome == reports.Passed || rec.Finished.IsZero() || rec.Recovery == nil {
		t.Errorf("the record says %s, finished %s", rec.Outcome, rec.Finished)
	}
	says(t, "the record", rec.Error, "recover: hangs.sh was stopped")
}

// The recovery is right, and the disk that the evidence goes to is full: nothing that was not kept can be judged.
func TestNoRoomForEvidence(t *testing.T) {
	if testing.Short() {
		t.Skip("needs Docker")
	}
	for label, size := range map[string]int{"full-evidence": 2 << 20, "full-from-start": 4 << 10} {
		t.Run(label, func(t *testing.T) {
			e := invocation{args: []string{"run", bad, "--label", label}, reports: smallDisk(t, size)}.run(t)
			if e.code != 3 {
				t.Errorf("exit code %d, want 3:\n%s\n%s", e.code, e.out, e.err)
			}
			t.Logf("exit code %d\n%s", e.code, e.out)
			says(t, "what is printed", e.out+e.err, "no space left on device", e.dir)
			if strings.Contains(e.out, "PASSED") {
				t.Errorf("a drill without evidence passed:\n%s", e.out)
			}
		})
	}
}

// smallDisk mounts a directory with little room.
func smallDisk(t *testing.T, size int) string {
	t.Helper()
	dir := t.TempDir()
	if err := syscall.Mount("tmpfs", dir, "tmpfs", 0, fmt.Sprintf("size=%d", size)); err != nil {
		t.Skipf("cannot mount a small disk: %v", err) // only an administrator can
	}
	t.Cleanup(func() {
		if err := syscall.Unmount(dir, 0); err != nil {
			t.Error(err)
		}
	})
	return dir
}

func configuration(t *testing.T, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "gameday.yaml")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}
