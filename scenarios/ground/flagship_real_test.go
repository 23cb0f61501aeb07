package ground_test

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/recoverydrill/gameday/fixtures"
	"github.com/recoverydrill/gameday/fixtures/process"
	"github.com/recoverydrill/gameday/reports"
)

// noDocker is an address where nobody listens.
const noDocker = "unix:///nonexistent"

// machineWithout runs a command on this machine as if these server binaries were not here, and no Docker either.
func machineWithout(t *testing.T, hidden []string, dir string, env []string, args ...string) (said string, err error) {
	t.Helper()
	if testing.Short() {
		t.Skip("runs the main job")
	}
	if err := process.Available(t.Context()); err != nil {
		t.Skip(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 4*time.Minute)
	defer cancel()
	// What the servers are hidden by belongs to this command alone, and goes with it.
	script := `for server in $HIDDEN; do mount --bind /dev/null "$server"; done; unset HIDDEN; exec "$@"`
	cmd := exec.CommandContext(ctx, "unshare", append([]string{"--mount", "sh", "-ec", script, "sh"}, args...)...)
	cmd.Dir = dir
	cmd.Env = append(append(os.Environ(), "HIDDEN="+strings.Join(hidden, " "), "DOCKER_HOST="+noDocker), env...)
	out, err := cmd.CombinedOutput()
	return string(out), err
}

// servers are the paths of this machine's server binaries, all or those of one engine.
func servers(t *testing.T, engines ...string) (paths []string) {
	t.Helper()
	for _, b := range process.Installed(t.Context()) {
		if len(engines) == 0 || b.Engine == engines[0] {
			paths = append(paths, b.Server)
		}
	}
	if len(paths) == 0 {
		t.Fatalf("there are no server binaries of %q to be hidden: `make servers`", engines)
	}
	return paths
}

// The main job on a machine with Go alone, as somebody runs it who has just cloned the repository.
func TestMakeDrillWithGoAlone(t *testing.T) {
	dir := t.TempDir()
	said, err := machineWithout(t, servers(t), "../..", []string{"GAMEDAY_REPORT_DIR=" + dir}, "make", "drill")
	if err != nil {
		t.Fatalf("%v\n%s", err, said)
	}
	for _, want := range []string{
		"on embedded: this process itself, without a server", "no Docker engine answers at " + noDocker + ", which DOCKER_HOST names",
		"no server binaries of postgres 17, postgres 18,", "PASSED flagship/sqlite-replicated-bad-write",
	} {
		if !strings.Contains(said, want) {
			t.Errorf("it does not say %q", want)
		}
	}
	took := regexp.MustCompile(`(?m)^gameday: +(\S+)s  verdict PASSED`).FindStringSubmatch(said)
	if took == nil {
		t.Fatalf("it does not say how long it took:\n%s", said)
	}
	if s, err := strconv.ParseFloat(took[1], 64); err != nil || s > 60 { // 6 s on a machine with nothing else to do
		t.Errorf("it took %s s after the build, want 60 at most (%v)", took[1], err)
	}
	t.Logf("took %s s after the build", took[1])
	one(t, dir, fixtures.Embedded, reports.Passed)
}

// binaries is where compiled suites lie; "" until one is.
var binaries struct {
	sync.Mutex
	dir string
}

// compile compiles the suite of a folder, once.
func compile(t *testing.T, folder string) (binary string) {
	t.Helper()
	if testing.Short() {
		t.Skip("runs drills")
	}
	binaries.Lock()
	defer binaries.Unlock()
	if binaries.dir == "" {
		dir, err := os.MkdirTemp("", "gameday-ground-")
		if err != nil {
			t.Fatal(err)
		}
		binaries.dir = dir
	}
	binary = filepath.Join(binaries.dir, filepath.Base(folder)+".test")
	if _, err := os.Stat(binary); err == nil {
		return binary
	}
	if out, err := exec.CommandContext(t.Context(), "go", "test", "-c", "-o", binary, folder).CombinedOutput(); err != nil {
		t.Fatalf("compile %s: %v\n%s", folder, err, out)
	}
	return binary
}

func TestMain(m *testing.M) {
	code := m.Run()
	if binaries.dir != "" {
		_ = os.RemoveAll(binaries.dir)
	}
	os.Exit(code)
}

// mainJob runs it on a machine without these servers and returns what it said.
func mainJob(t *testing.T, hidden []string, on string) (said, dir string, err error) {
	t.Helper()
	binary := compile(t, "../flagship")
	dir = t.TempDir()
	said, err = machineWithout(t, hidden, "../flagship", []string{"GAMEDAY_REPORT_DIR=" + dir, "GAMEDAY_PROGRESS=1", "GAMEDAY_ON=" + on}, binary)
	return said, dir, err
}

// Each server that is installed here serves the main job, the whole of it.
func TestMainJobOnLocalServers(t *testing.T) {
	for engine, hidden := range map[string]func(*testing.T) []string{
		"postgres": func(*testing.T) []string { return nil },
		"mariadb":  func(t *testing.T) []string { return servers(t, "postgres") },
	} {
		t.Run(engine, func(t *testing.T) {
			said, dir, err := mainJob(t, hidden(t), "auto")
			if err != nil {
				t.Fatalf("%v\n%s", err, said)
			}
			if want := "gameday: on process: " + engine + " "; !strings.Contains(said, want) {
				t.Errorf("it does not say %q:\n%s", want, said)
			}
			if rec := one(t, dir, fixtures.InProcesses, reports.Passed); rec.System.Engine != engine {
				t.Errorf("it ran on %s", rec.System.Engine)
			}
		})
	}
}

// A place that was asked for and cannot be had is no reason to take another one: the drill is inconclusive, which no
// gate takes for green.
func TestPlaceThatWasAskedForIsNotReplaced(t *testing.T) {
	for on, want := range map[string]string{
		"container": "sqlite 3 cannot live on container, which was asked for: no Docker engine answers at " + noDocker,
		"process":   "sqlite 3 cannot live on process, which was asked for: no server binaries of postgres 17, postgres 18,",
	} {
		t.Run(on, func(t *testing.T) {
			said, dir, err := mainJob(t, servers(t), on)
			if err == nil {
				t.Errorf("it exits with 0:\n%s", said)
			}
			rec := one(t, dir, "", reports.Inconclusive)
			if !strings.Contains(rec.Error, want) {
				t.Errorf("the record does not say %q: %s", want, rec.Error)
			}
			if !strings.HasSuffix(rec.Reproduce, " --on "+on) {
				t.Errorf("what repeats it does not ask for the place: %s", rec.Reproduce)
			}
		})
	}
}

// A drill that needs what its place does not have says what that is, and is inconclusive.
func TestDrillSaysWhatItsPlaceLacks(t *testing.T) {
	binary := compile(t, "./testdata/lacks")
	for on, wants := range map[string][]string{
		"process":  {"make a node with NodeSpec.Memory: the process provider has no limit of memory"},
		"embedded": {"cut the network: engine sqlite has no fixtures.Routed", "stop its server: engine sqlite has no fixtures.Signaller"},
	} {
		t.Run(on, func(t *testing.T) {
			dir := t.TempDir()
			said, err := machineWithout(t, nil, "testdata/lacks", []string{"GAMEDAY_REPORT_DIR=" + dir, "GAMEDAY_ON=" + on},
				binary, "-ginkgo.label-filter="+on)
			if err == nil {
				t.Errorf("it exits with 0:\n%s", said)
			}
			drills := records(t, dir)
			if len(drills) != len(wants) {
				t.Fatalf("want %d records, got %d:\n%s", len(wants), len(drills), said)
			}
			var errs strings.Builder
			for _, d := range drills {
				if d.Record.Outcome != reports.Inconclusive {
					t.Errorf("%s: %s", d.Record.Scenario, d.Record.Outcome)
				}
				errs.WriteString(d.Record.Error + "\n")
			}
			for _, want := range wants {
				if !strings.Contains(errs.String(), want) {
					t.Errorf("no record says %q:\n%s", want, &errs)
				}
			}
		})
	}
}

// records reads what the only run has left.
func records(t *testing.T, dir string) []reports.Drill {
	t.Helper()
	runs, err := filepath.Glob(filepath.Join(dir, "2*"))
	if err != nil || len(runs) != 1 {
		t.Fatalf("want one run, got %q, %v", runs, err)
	}
	drills, err := reports.ReadRun(runs[0])
	if err != nil {
		t.Fatal(err)
	}
	return drills
}

// one reads the record of the only drill, which must have ended like this.
func one(t *testing.T, dir string, place fixtures.Place, outcome reports.Outcome) *reports.Record {
	t.Helper()
	drills := records(t, dir)
	if len(drills) != 1 {
		t.Fatalf("want the record of one drill, got %d", len(drills))
	}
	rec := drills[0].Record
	if rec.Outcome != outcome || rec.System.Provider != string(place) {
		t.Errorf("%s on %q, want %s on %q: %s", rec.Outcome, rec.System.Provider, outcome, place, rec.Headline)
	}
	return rec
}
