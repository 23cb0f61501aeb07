package drill_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/recoverydrill/gameday/faults"
	"github.com/recoverydrill/gameday/fixtures"
	"github.com/recoverydrill/gameday/fixtures/dataset"
	"github.com/recoverydrill/gameday/fixtures/embedded"
	"github.com/recoverydrill/gameday/fixtures/sqlite"
	"github.com/recoverydrill/gameday/fixtures/traffic"
	"github.com/recoverydrill/gameday/reports"
	"github.com/recoverydrill/gameday/scenarios/drill"
	"github.com/recoverydrill/gameday/verify"
)

// onFile begins a drill on a real store in this process, with traffic and a mark, and finishes it with the test.
func onFile(t *testing.T, s drill.Scenario) (*drill.Drill, fixtures.Mark) {
	t.Helper()
	return onFileWith(t, s, drill.Options{})
}

// shopOnFile starts a small shop in a file.
func shopOnFile(t *testing.T) (fixtures.Run, fixtures.System) {
	t.Helper()
	run, err := fixtures.NewRun(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	p, err := embedded.New(t.Context(), run, embedded.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { closed(t, p.Close) })
	sys, err := sqlite.Store{Dataset: dataset.Shop(dataset.ShopOptions{Scale: 0.05})}.Start(t.Context(), run, p)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { closed(t, sys.Close) })
	return run, sys
}

func onFileWith(t *testing.T, s drill.Scenario, o drill.Options) (*drill.Drill, fixtures.Mark) {
	t.Helper()
	run, sys := shopOnFile(t)
	s.Owner, s.Disaster, s.Answers = "gameday", "A test.", []reports.Question{reports.Plan}
	o.Run = run
	d, err := drill.Begin(t.Context(), sys, s, o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { closed(t, d.Finish) })
	if err := d.Traffic(t.Context(), traffic.Mix{Clients: 2}); err != nil {
		t.Fatal(err)
	}
	m, err := d.Mark(t.Context(), "good")
	if err != nil {
		t.Fatal(err)
	}
	return d, m
}

func closed(t *testing.T, end func(context.Context) error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	if err := end(ctx); err != nil {
		t.Error(err)
	}
}

// outcomes judges a drill and returns what each check said, by its directory alone too: both must be the same.
func outcomes(t *testing.T, d *drill.Drill) map[string]reports.Outcome {
	t.Helper()
	rec := d.Verify(t.Context())
	closed(t, d.Finish)
	e, err := verify.LoadEvidence(d.Dir())
	if err != nil {
		t.Fatal(err)
	}
	all := map[string]reports.Outcome{}
	for _, r := range rec.Checks {
		all[r.Name] = r.Outcome
		for _, f := range r.Findings {
			t.Logf("%s %s: %s", r.Name, f.Outcome, f.Summary)
		}
	}
	for _, r := range verify.Judge(t.Context(), e, verify.Default(), rec.Waivers) {
		if all[r.Name] != r.Outcome {
			t.Errorf("judged again, %s is %s and was %s: %+v", r.Name, r.Outcome, all[r.Name], r.Findings)
		}
	}
	t.Log(rec.Headline)
	return all
}

// alarm is a fault that does nothing, and says that somebody was woken.
type alarm struct{}

var (
	_ faults.Fault  = alarm{}
	_ faults.Prover = alarm{}
	_ faults.Silent = alarm{}
)

func (alarm) Describe() faults.Description {
	return faults.Description{Name: "false alarm", Class: "none", Detail: "an alarm without a cause"}
}
func (alarm) Inject(context.Context, fixtures.System) error { return nil }
func (alarm) Prove(context.Context, fixtures.System) (string, error) {
	return "somebody was woken", nil
}
func (alarm) IsSilent() bool { return true }

func script(t *testing.T, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "restore.sh")
	if err := os.WriteFile(path, []byte("#!/bin/sh\nset -eu\n"+text), 0o700); err != nil { //nolint:gosec // it is run
		t.Fatal(err)
	}
	return path
}

func wrongly(t *testing.T, err, want error) {
	t.Helper()
	if !errors.Is(err, want) {
		t.Errorf("got %v, want %v", err, want)
	}
}
