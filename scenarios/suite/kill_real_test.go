package suite_test

import (
	"bytes"
	"context"
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/recoverydrill/gameday/fixtures"
	"github.com/recoverydrill/gameday/fixtures/container"
	"github.com/recoverydrill/gameday/fixtures/images"
)

var (
	kills    = flag.Int("kills", 3, "how often to kill the flagship, at random moments of its life")
	killSeed = flag.Uint64("kill-seed", uint64(time.Now().UnixNano()), "seed of the moments")
)

// TestKilledRunIsSweptAndALivingOneIsNot kills the flagship's process with SIGKILL, so that no clean-up of its own can
// run. Afterwards a sweep must leave nothing of it, and must not touch what a living run (this process) has.
func TestKilledRunIsSweptAndALivingOneIsNot(t *testing.T) {
	if testing.Short() {
		t.Skip("needs Docker")
	}
	ctx := t.Context()
	binary := filepath.Join(t.TempDir(), "flagship.test")
	build := exec.CommandContext(ctx, "go", "test", "-c", "-o", binary, "../postgres")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("compile the flagship: %v\n%s", err, out)
	}
	alive := living(t)
	t.Logf("-kills %d -kill-seed %d", *kills, *killSeed)
	r := rand.New(rand.NewPCG(*killSeed, 0)) //nolint:gosec // moments, not secrets
	for i := range *kills {
		// The flagship takes some 15 s; slices of that, so that every phase is met however many kills there are.
		slice := 15 * time.Second / time.Duration(*kills)
		moment := time.Duration(i)*slice + time.Duration(r.Int64N(int64(slice)))
		dead, phase := killed(t, binary, moment)
		if _, err := container.Sweep(ctx); err != nil {
			t.Errorf("sweep: %v", err)
		}
		if left := remains(t, dead); left != "" {
			t.Errorf("killed after %s in %q: left behind:\n%s", moment, phase, left)
		}
		t.Logf("killed after %s in %q: nothing left", moment.Round(time.Millisecond), phase)
		if _, err := alive.Exec(ctx, fixtures.Command{Args: []string{"true"}}); err != nil {
			t.Fatalf("the living run's node was touched: %v", err)
		}
	}
}

// living is a node of a run that is alive: this process.
func living(t *testing.T) fixtures.Node {
	t.Helper()
	run, err := fixtures.NewRun(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	p, err := container.New(t.Context(), run, container.Options{Images: images.New(images.Options{Build: true})})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := p.Close(context.Background()); err != nil {
			t.Error(err)
		}
	})
	n, err := p.NewNode(t.Context(), fixtures.NodeSpec{Name: "bystander", Engine: "postgres", Version: "17", Disks: []fixtures.Disk{{Path: "/data"}}})
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// killed starts the flagship, kills it after a while, and returns its run's ID and the phase it was in.
func killed(t *testing.T, binary string, after time.Duration) (run, phase string) {
	t.Helper()
	dir := t.TempDir()
	var progress bytes.Buffer
	cmd := exec.Command(binary, "-ginkgo.label-filter=flagship") //nolint:gosec // our own binary
	cmd.Dir = "../postgres"
	cmd.Env = append(os.Environ(), "GAMEDAY_REPORT_DIR="+dir, "GAMEDAY_PROGRESS=1")
	cmd.Stderr = &progress
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	time.Sleep(after)
	if err := cmd.Process.Kill(); err != nil {
		t.Fatalf("it ended before it could be killed: %v", err)
	}
	_ = cmd.Wait() // killed, as it should be
	runs, err := os.ReadDir(dir)
	if err != nil || len(runs) > 1 {
		t.Fatalf("want one run at most in %s, got %v, %v", dir, runs, err)
	}
	for _, line := range strings.Split(progress.String(), "\n") {
		if strings.HasPrefix(line, "gameday: phase ") || strings.HasPrefix(line, "gameday: step ") {
			phase = strings.TrimPrefix(line, "gameday: ")
		}
	}
	if len(runs) == 0 {
		return "", "before the run began"
	}
	return runs[0].Name(), phase
}

// remains lists what is left of a run: containers, networks, volumes by their label, processes by their environment.
func remains(t *testing.T, run string) string {
	t.Helper()
	if run == "" {
		return ""
	}
	var left strings.Builder
	label := "label=" + fixtures.LabelRun + "=" + run
	for _, args := range [][]string{{"ps", "-aq"}, {"network", "ls", "-q"}, {"volume", "ls", "-q"}} {
		out, err := exec.CommandContext(t.Context(), "docker", append(args, "--filter", label)...).CombinedOutput()
		if err != nil {
			t.Fatalf("docker %v: %v\n%s", args, err, out)
		}
		if len(out) > 0 {
			fmt.Fprintf(&left, "docker %s: %s", args[0], out)
		}
	}
	procs, err := filepath.Glob("/proc/[0-9]*/environ")
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range procs {
		env, _ := os.ReadFile(p) // processes come and go
		if bytes.Contains(env, []byte(fixtures.RunVariable+"="+run)) {
			fmt.Fprintf(&left, "process %s\n", p)
		}
	}
	return left.String()
}
