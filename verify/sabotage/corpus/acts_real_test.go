package corpus

import (
	"context"
	"errors"
	"flag"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/recoverydrill/gameday/fixtures"
	"github.com/recoverydrill/gameday/fixtures/embedded"
	"github.com/recoverydrill/gameday/fixtures/mysql"
	"github.com/recoverydrill/gameday/fixtures/postgres"
	"github.com/recoverydrill/gameday/fixtures/process"
	"github.com/recoverydrill/gameday/fixtures/sqlite"
	"github.com/recoverydrill/gameday/reports"
	"github.com/recoverydrill/gameday/verify"
	"github.com/recoverydrill/gameday/verify/sabotage"
)

var someActs = flag.String("acts", "", "only the acts whose ID and title match this regular expression")

// The benches of scenarios/sabotage need a machine that keeps a clock. Here each act is done to a store that no drill has
// to do with, and must be seen by the check that is named for it; what takes it back must leave nothing.
func TestActsAreSeenWithoutADrill(t *testing.T) {
	if os.Getenv("GAMEDAY_TESTS") != "all" {
		t.Skip("takes minutes, and so do the drills that try the same")
	}
	for name, start := range map[string]func(fixtures.Dataset) fixtures.Blueprint{
		SQLite: func(d fixtures.Dataset) fixtures.Blueprint { return sqlite.Store{Dataset: d} },
		Postgres: func(d fixtures.Dataset) fixtures.Blueprint {
			return postgres.Cluster{Version: "15", Spares: 1, Dataset: d}
		},
		MariaDB: func(d fixtures.Dataset) fixtures.Blueprint {
			return mysql.Cluster{Flavour: mysql.MariaDB, Version: "10.11", Spares: 1, Dataset: d}
		},
	} {
		t.Run(name, func(t *testing.T) {
			seen(t, start(Dataset()), name, slices.Concat(Acts(), Twins()), nil)
		})
		t.Run(name+" once more", func(t *testing.T) {
			seen(t, start(Lasting()), name, slices.Concat(LaterActs(), LaterTwins()), []verify.Check{verify.Rearmed{}, verify.Restart{}})
		})
	}
}

func seen(t *testing.T, on fixtures.Blueprint, engine string, acts []sabotage.Act, later []verify.Check) {
	wanted := regexp.MustCompile(*someActs)
	l := &look{sys: started(t, on, engine), record: &reports.Record{}}
	var err error
	if l.record.Settings, err = l.sys.(fixtures.Durable).Durability(t.Context(), ""); err != nil {
		t.Fatal(err)
	}
	l.base = l.survey(t, nil)
	if _, said := l.at(t, later); said != "" {
		t.Fatalf("nothing was done: %s", said)
	}
	for _, a := range acts {
		if !slices.Contains(a.Engines, engine) || !wanted.MatchString(a.ID+" "+a.Title) || a.Check == (verify.Ledger{}).Name() { // which needs traffic
			continue
		}
		t.Run(a.ID+" "+a.Title+" "+a.Check, func(t *testing.T) { l.try(t, a, later) })
	}
}

// look is a store, and what it was before anything was done.
type look struct {
	sys    fixtures.System
	record *reports.Record
	base   *fixtures.Manifest
}

func (l *look) try(t *testing.T, a sabotage.Act, later []verify.Check) {
	undo, err := a.Do(t.Context(), sabotage.Target{System: l.sys, Baseline: l.base, Seed: 7})
	if err != nil {
		t.Fatalf("it could not be done: %v", err)
	}
	named := slices.DeleteFunc(slices.Clone(later), func(c verify.Check) bool { return a.Check != "" && c.Name() != a.Check })
	outcomes, said := l.at(t, named)
	t.Log(said)
	switch {
	case a.Check == "" && said != "":
		t.Errorf("a clean twin does not pass")
	case a.Check != "" && outcomes[a.Check] == reports.Passed:
		t.Errorf("passed by %s", a.Check)
	}
	if a.Check == "" {
		return
	}
	if err := undo(t.Context()); err != nil {
		t.Fatalf("it could not be taken back: %v", err)
	}
	if _, said := l.at(t, named); said != "" {
		t.Fatalf("it left something behind: %s", said)
	}
}

// at judges the store as it is now, by all that needs neither traffic nor a clock. It says what did not pass.
func (l *look) at(t *testing.T, later []verify.Check) (outcomes map[string]reports.Outcome, said string) {
	t.Helper()
	e := &verify.Evidence{Record: l.record, Baseline: l.base, Extra: map[string][]byte{}}
	var errs []error
	e.Found = l.survey(t, l.base)
	var err error
	e.After, err = l.sys.(fixtures.Durable).Durability(t.Context(), "")
	errs = append(errs, err)
	checks := []verify.Check{verify.Contents{}, verify.Structure{}, verify.Constraints{}, verify.Physical{}, verify.Identity{}, verify.Durability{}}
	for _, c := range append(checks, later...) {
		var got []byte
		switch c := c.(type) {
		case verify.CollectorFor:
			got, err = c.CollectFor(t.Context(), l.sys, e)
		case verify.Later:
			got, err = c.CollectLater(t.Context(), l.sys, e.Found)
		default:
			continue
		}
		errs = append(errs, err)
		e.Extra[c.Name()] = got
	}
	outcomes = map[string]reports.Outcome{}
	var all []string
	if err := errors.Join(errs...); err != nil {
		all = append(all, "collecting: "+err.Error())
	}
	for _, r := range verify.Judge(t.Context(), e, append(checks, later...), nil) {
		if r.Name == (verify.Identity{}).Name() && r.Outcome == reports.Inconclusive { // it wants traffic's rows as well
			r.Outcome = reports.Passed
		}
		outcomes[r.Name] = r.Outcome
		for _, f := range r.Findings {
			if r.Outcome != reports.Passed && f.Outcome == r.Outcome {
				all = append(all, r.Name+" "+r.Outcome.String()+": "+f.Summary+" "+f.Found)
				break
			}
		}
	}
	return outcomes, strings.Join(all, "\n")
}

// survey reads the store; one that cannot be read gives nothing, which no check takes for a pass.
func (l *look) survey(t *testing.T, expect *fixtures.Manifest) *fixtures.Manifest {
	t.Helper()
	snap, err := l.sys.(fixtures.Surveyor).Snapshot(t.Context(), "")
	if err != nil {
		t.Log(err)
		return nil
	}
	defer snap.Close(context.WithoutCancel(t.Context())) //nolint:errcheck // read only
	m, err := snap.Survey(t.Context(), fixtures.SurveyOptions{Nonce: "000102030405060708090a0b0c0d0e0f", Expect: expect})
	if err != nil {
		t.Log(err)
		return nil
	}
	return m
}

func started(t *testing.T, on fixtures.Blueprint, engine string) fixtures.System {
	t.Helper()
	run, err := fixtures.NewRun(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	var provider fixtures.Provider
	if engine == SQLite {
		provider, err = embedded.New(t.Context(), run, embedded.Options{})
	} else {
		provider, err = process.New(t.Context(), run, process.Options{})
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { ended(t, provider.Close) })
	sys, err := on.Start(t.Context(), run, provider)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { ended(t, sys.Close) })
	return sys
}

func ended(t *testing.T, end func(context.Context) error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	if err := end(ctx); err != nil {
		t.Error(err)
	}
}
