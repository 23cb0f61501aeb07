package sabotage_test

import (
	"context"
	"errors"
	"os"
	"slices"
	"testing"
	"time"

	"github.com/recoverydrill/gameday/fixtures"
	"github.com/recoverydrill/gameday/fixtures/dataset"
	"github.com/recoverydrill/gameday/fixtures/embedded"
	"github.com/recoverydrill/gameday/fixtures/mysql"
	"github.com/recoverydrill/gameday/fixtures/postgres"
	"github.com/recoverydrill/gameday/fixtures/process"
	"github.com/recoverydrill/gameday/fixtures/sqlite"
	"github.com/recoverydrill/gameday/reports"
	"github.com/recoverydrill/gameday/verify"
	"github.com/recoverydrill/gameday/verify/sabotage"
)

// needTraffic are acts that a store alone gives no occasion for, and those that are about the way to it.
var needTraffic = []string{"A23", "A19", "A18", "G3", "H2"}

// Each act must change what a survey sees, by the check that is named for it, and what takes it back must leave nothing of it.
func TestActsChangeAStoreAndAreTakenBack(t *testing.T) {
	if os.Getenv("GAMEDAY_TESTS") != "all" {
		t.Skip("takes minutes; the drills of a file try some of them")
	}
	shop := dataset.Shop(dataset.ShopOptions{Scale: 0.05})
	for name, c := range map[string]struct {
		blueprint fixtures.Blueprint
		provider  func(context.Context, fixtures.Run) (fixtures.Provider, error)
	}{
		"sqlite":   {sqlite.Store{Dataset: shop, Unreplicated: true}, inThisProcess},
		"postgres": {postgres.Cluster{Version: "15", Dataset: shop}, inProcesses},
		"mariadb":  {mysql.Cluster{Flavour: mysql.MariaDB, Version: "10.11", Dataset: shop}, inProcesses},
	} {
		t.Run(name, func(t *testing.T) {
			run, err := fixtures.NewRun(t.TempDir())
			if err != nil {
				t.Fatal(err)
			}
			provider, err := c.provider(t.Context(), run)
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { ended(t, provider.Close) })
			sys, err := c.blueprint.Start(t.Context(), run, provider)
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { ended(t, sys.Close) })
			base := survey(t, sys, nil)
			same(t, "nothing", base, survey(t, sys, base))
			for _, a := range sabotage.Generic() {
				if !a.Instead() && slices.Contains(a.Engines, name) && !slices.Contains(needTraffic, a.ID) {
					t.Run(a.ID, func(t *testing.T) { tryAct(t, sys, base, a) })
				}
			}
		})
	}
}

func tryAct(t *testing.T, sys fixtures.System, base *fixtures.Manifest, a sabotage.Act) {
	undo, err := a.Do(t.Context(), sabotage.Target{System: sys, Baseline: base, Seed: 7, Say: func(did string) { t.Log(did) }})
	if errors.Is(err, sabotage.ErrNotHere) {
		t.Skip(err)
	}
	if err != nil {
		t.Fatal(err)
	}
	found := survey(t, sys, base)
	failed := failing(t, base, found)
	if !slices.Contains(failed, a.Check) && a.Check != "durability" && a.Check != "service" {
		t.Errorf("%q should have seen it, and these did: %q", a.Check, failed)
	}
	if a.Check == "durability" && durable(t, sys) {
		t.Error("every setting of durability is as it should be")
	}
	if undo == nil {
		return
	}
	if err := undo(t.Context()); err != nil {
		t.Fatal(err)
	}
	same(t, "what was taken back", base, survey(t, sys, base))
	if !durable(t, sys) {
		t.Error("durability is not back")
	}
}

func survey(t *testing.T, sys fixtures.System, expect *fixtures.Manifest) *fixtures.Manifest {
	t.Helper()
	snap, err := sys.(fixtures.Surveyor).Snapshot(t.Context(), "")
	if err != nil {
		t.Fatal(err)
	}
	defer snap.Close(context.WithoutCancel(t.Context())) //nolint:errcheck // read only
	m, err := snap.Survey(t.Context(), fixtures.SurveyOptions{Nonce: "000102030405060708090a0b0c0d0e0f", Expect: expect})
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// failing lists the checks of rows and structure that fail.
func failing(t *testing.T, base, found *fixtures.Manifest) []string {
	t.Helper()
	var names []string
	for _, r := range verify.Judge(t.Context(), &verify.Evidence{Record: &reports.Record{}, Baseline: base, Found: found}, []verify.Check{verify.Contents{}, verify.Structure{}}, nil) {
		for i, f := range r.Findings {
			if i < 3 {
				t.Logf("%s %s: %s", r.Name, f.Outcome, f.Summary)
			}
		}
		if r.Outcome != reports.Passed {
			names = append(names, r.Name)
		}
	}
	return names
}

func same(t *testing.T, what string, base, found *fixtures.Manifest) {
	t.Helper()
	if failed := failing(t, base, found); len(failed) > 0 {
		t.Errorf("%s left a difference for %q", what, failed)
	}
}

func durable(t *testing.T, sys fixtures.System) bool {
	t.Helper()
	settings, err := sys.(fixtures.Durable).Durability(t.Context(), "")
	if err != nil {
		t.Fatal(err)
	}
	return !slices.ContainsFunc(settings, func(s fixtures.Setting) bool { return !s.OK })
}

func inThisProcess(ctx context.Context, run fixtures.Run) (fixtures.Provider, error) {
	return embedded.New(ctx, run, embedded.Options{})
}

func inProcesses(ctx context.Context, run fixtures.Run) (fixtures.Provider, error) {
	return process.New(ctx, run, process.Options{})
}

func ended(t *testing.T, end func(context.Context) error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	if err := end(ctx); err != nil {
		t.Error(err)
	}
}
