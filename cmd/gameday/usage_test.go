package main

import (
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/spf13/cobra"

	"github.com/recoverydrill/gameday/cmd/gameday/internal/suites"
	"github.com/recoverydrill/gameday/reports"
	"github.com/recoverydrill/gameday/scenarios/drill/config"
)

var update = flag.Bool("update", false, "write the golden files anew")

// golden compares a text with a file of testdata, so that a change of words is seen in review.
func golden(t *testing.T, name, got string) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *update {
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if got != string(want) {
		t.Errorf("%s differs; `go test ./cmd/gameday -update` writes it anew. Got:\n%s", path, got)
	}
}

func TestHelp(t *testing.T) {
	var all func(c *cobra.Command, path []string)
	all = func(c *cobra.Command, path []string) {
		if c.Name() == "help" || c.Name() == "completion" {
			return
		}
		t.Run(c.CommandPath(), func(t *testing.T) {
			got := gameday(t, append(path, "--help")...)
			if got.code != 0 || got.err.String() != "" {
				t.Errorf("exit code %d, stderr:\n%s", got.code, got.err.String())
			}
			golden(t, filepath.Join("help", strings.ReplaceAll(c.CommandPath(), " ", "-")+".txt"), got.out.String())
		})
		for _, sub := range c.Commands() {
			all(sub, append(path[:len(path):len(path)], sub.Name()))
		}
	}
	all((&app{}).root(), nil)
}

func TestUsageErrors(t *testing.T) {
	empty := t.TempDir()
	bad := filepath.Join(empty, "bad.yaml")
	if err := os.WriteFile(bad, []byte("version: 1\nreports: here\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	here, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	private := strings.NewReplacer(empty, "EMPTY", here, "HERE")
	var b strings.Builder
	for _, args := range []string{
		"rnu", "foo", "run --lable x", "run -x", "run --timeout", "run --timeout soon", "run --timeout -1s", "run --at-once 0", "run --seed many", "run --output xml",
		"run --on moon", "run --level deepest", "run --config nowhere.yaml", "run --config BAD", "run ./testdata/plain", "run ./nowhere", "list --output xml", "plan --output xml", "plan ./nowhere",
		"sabotage --acts A17,B99", "sabotage --quick --acts A17", "sabotage --min-score 101", "sabotage --output xml", "sabotage ./nowhere",
		"judge", "judge EMPTY", "judge EMPTY/nowhere", "judge --output xml EMPTY", "report", "report EMPTY", "clean now", "clean --run x --dry-run",
		"manifest", "manifest --sqlite a", "manifest --sqlite a --mysql b --out m", "manifest --postgres postgres://u:p@h:x/ --out m", "manifest --sqlite a --out m --rows-limit many", "manifest --sqlite a --out m b", "manifest --sqlite a --out m --nonce XY", "manifest --sqlite a --out m --at-snapshot x", "manifest --postgres host=h --out m --at-snapshot x", "images biuld", "images build postgres", "images build postgres:1", "images list all", "images ensure --on moon", "doctor dcoker", "version please",
	} {
		words := strings.Fields(strings.NewReplacer("EMPTY", empty, "BAD", bad).Replace(args))
		c := gameday(t, words...)
		said := private.Replace(c.err.String())
		if c.code != exitUsage || c.out.String() != "" {
			t.Errorf("gameday %s: exit code %d, want 2; stdout %q", args, c.code, c.out.String())
		}
		if n := strings.Count(said, "\n"); n > 3 {
			t.Errorf("gameday %s: %d lines, want 3 at most:\n%s", args, n, said)
		}
		fmt.Fprintf(&b, "$ gameday %s\n%s\n", args, said)
	}
	golden(t, "usage-errors.txt", b.String())
}

func TestExitCodes(t *testing.T) {
	for name, c := range map[string]struct {
		err  error
		want int
	}{
		"no error":              {nil, 0},
		"passed":                {&verdict{reports.Passed}, 0},
		"failed":                {&verdict{reports.Failed}, 1},
		"inconclusive":          {&verdict{reports.Inconclusive}, 3},
		"an unknown outcome":    {&verdict{reports.Outcome(7)}, 3},
		"usage":                 {fmt.Errorf("x: %w", usagef("y")), 2},
		"configuration":         {fmt.Errorf("x: %w", &config.Error{}), 2},
		"does not compile":      {fmt.Errorf("x: %w", &suites.GoError{}), 2},
		"any other error":       {errors.New("no Docker engine answers"), 3},
		"interrupted":           {&suites.Interrupt{Signal: syscall.SIGINT}, 130},
		"terminated":            {errors.Join(&suites.Interrupt{Signal: syscall.SIGTERM}, &verdict{reports.Passed}), 143},
		"terminated and failed": {errors.Join(&suites.Interrupt{Signal: syscall.SIGTERM}, &verdict{reports.Failed}), 143},
	} {
		if got := exitOf(c.err); got != c.want {
			t.Errorf("%s: exit code %d, want %d", name, got, c.want)
		}
	}
}
