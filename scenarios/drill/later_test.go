package drill_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/recoverydrill/gameday/fixtures"
	"github.com/recoverydrill/gameday/fixtures/dataset"
	"github.com/recoverydrill/gameday/fixtures/mysql"
	"github.com/recoverydrill/gameday/fixtures/postgres"
	"github.com/recoverydrill/gameday/fixtures/sqlite"
	"github.com/recoverydrill/gameday/reports"
	"github.com/recoverydrill/gameday/scenarios/ground"
	"github.com/recoverydrill/gameday/verify"
)

// later is what the checks that disturb say of a store as it is now, which stands for a recovered one.
func later(t *testing.T, sys fixtures.System, checks ...verify.Check) map[string]reports.CheckResult {
	t.Helper()
	const nonce = "00112233445566778899aabbccddeeff"
	snap, err := sys.(fixtures.Surveyor).Snapshot(t.Context(), "")
	if err != nil {
		t.Fatal(err)
	}
	found, err := snap.Survey(t.Context(), fixtures.SurveyOptions{Nonce: nonce})
	closed(t, snap.Close)
	if err != nil {
		t.Fatal(err)
	}
	e := &verify.Evidence{Record: &reports.Record{Nonce: nonce}, Found: found, Extra: map[string][]byte{}}
	if e.After, err = sys.(fixtures.Durable).Durability(t.Context(), ""); err != nil {
		t.Fatal(err)
	}
	for _, c := range checks {
		if e.Extra[c.Name()], err = c.(verify.Later).CollectLater(t.Context(), sys, found); err != nil {
			t.Logf("%s: %v", c.Name(), err)
		}
	}
	all := map[string]reports.CheckResult{}
	for _, r := range verify.Judge(t.Context(), e, checks, nil) {
		all[r.Name] = r
		t.Logf("%s is %v, looked at %s", r.Name, r.Outcome, r.Covered)
		for _, f := range r.Findings {
			t.Logf("  %v: %s; found %s", f.Outcome, f.Summary, f.Found)
		}
	}
	return all
}

// judgedLater is one state of a store, and what is to be said of it.
type judgedLater struct {
	name    string
	change  func(context.Context) error
	check   verify.Check
	outcome reports.Outcome
	finding string
	restore func(context.Context) error // nil where the next state does not mind
}

func (c judgedLater) run(t *testing.T, sys fixtures.System) {
	t.Helper()
	t.Run(c.name, func(t *testing.T) {
		if c.change != nil {
			if err := c.change(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
		r := later(t, sys, c.check)[c.check.Name()]
		says := false
		for _, f := range r.Findings {
			says = says || strings.Contains(f.Summary+" "+f.Found, c.finding)
		}
		if r.Outcome != c.outcome || (c.finding != "" && !says) {
			t.Errorf("%s is %v; want %v and %q", c.check.Name(), r.Outcome, c.outcome, c.finding)
		}
		if c.restore != nil {
			if err := c.restore(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
	})
}

// What only the next restart, and only the next disaster, would have shown of a file.
func TestDeepLooksAtAFile(t *testing.T) {
	sys := started(t, "embedded", sqlite.Store{Dataset: dataset.Shop(dataset.ShopOptions{Scale: 0.02})})
	env, err := sys.(fixtures.Responder).Environment(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	file, base := env["GAMEDAY_FILE"], filepath.Join(env["GAMEDAY_VAULT"], "base")
	for _, c := range []judgedLater{
		{"a good store survives a restart", nil, verify.Restart{}, reports.Passed, "", nil},
		{"a good store can be recovered again", nil, verify.Rearmed{}, reports.Passed, "", nil},
		{
			"no backup can be taken", func(context.Context) error {
				return errors.Join(os.RemoveAll(base), os.WriteFile(base, nil, 0o600))
			}, verify.Rearmed{}, reports.Failed, "no backup can be taken", func(context.Context) error { return os.Remove(base) },
		},
		{
			"clients hold a file that is gone", func(ctx context.Context) error {
				whole, err := os.ReadFile(file)
				if err != nil {
					return err
				}
				if err := sys.(fixtures.Operator).Statement(ctx, "", "", "UPDATE payments SET amount = 1"); err != nil {
					return err
				}
				return errors.Join(os.Remove(file), os.WriteFile(file, whole, 0o600), os.Remove(file+"-wal"))
			}, verify.Restart{}, reports.Failed, "after a restart", nil,
		},
	} {
		c.run(t, sys)
	}
}

// The same on servers. Each state is judged by the one check that is named for it.
func TestDeepLooksAtServers(t *testing.T) {
	if os.Getenv("GAMEDAY_TESTS") != "all" {
		t.Skip("takes minutes: GAMEDAY_TESTS=all runs it")
	}
	shop := dataset.Shop(dataset.ShopOptions{Scale: 0.02})
	for name, b := range map[string]fixtures.Blueprint{
		"postgres": postgres.Cluster{Version: "17", Spares: 1, Dataset: shop},
		"mysql":    mysql.Cluster{Flavour: mysql.MySQL, Spares: 1, Dataset: shop},
		"mariadb":  mysql.Cluster{Flavour: mysql.MariaDB, Version: "11.8", Spares: 1, Dataset: shop},
	} {
		t.Run(name, func(t *testing.T) {
			sys := started(t, "container", b)
			say := func(statements ...string) func(context.Context) error {
				return func(ctx context.Context) error {
					for _, s := range statements {
						if err := sys.(fixtures.Operator).Statement(ctx, "", "shop", s); err != nil {
							return err
						}
					}
					return nil
				}
			}
			states := []judgedLater{
				{"a good store survives a restart", nil, verify.Restart{}, reports.Passed, "", nil},
				{"a good store can be recovered again", nil, verify.Rearmed{}, reports.Passed, "", nil},
			}
			if name == "postgres" {
				states = append(states,
					judgedLater{"an unlogged table", say(`CREATE UNLOGGED TABLE fleeting AS SELECT 1 AS k`), verify.Restart{}, reports.Failed, "after a restart: shop.fleeting", say(`DROP TABLE fleeting`)},
					judgedLater{"a setting that waits for a restart", say(`ALTER SYSTEM SET max_connections = 50`), verify.Restart{}, reports.Failed, "max_connections", say(`ALTER SYSTEM RESET max_connections`)},
					judgedLater{"an archive that is /bin/true", say(`ALTER SYSTEM SET archive_command = '/bin/true'`, `SELECT pg_reload_conf()`, `SELECT pg_sleep(1)`), verify.Rearmed{}, reports.Failed, "does not reach the archive", say(`ALTER SYSTEM RESET archive_command`, `SELECT pg_reload_conf()`)},
				)
			} else {
				states = append(states,
					judgedLater{"a table in memory", say(`CREATE TABLE fleeting (k INT PRIMARY KEY) ENGINE=MEMORY`, `INSERT INTO fleeting VALUES (1)`), verify.Restart{}, reports.Failed, "after a restart: shop.fleeting", say(`DROP TABLE fleeting`)},
					judgedLater{"a setting of the running server alone", say(`SET GLOBAL max_connections = 77`), verify.Restart{}, reports.Failed, "max_connections", nil},
					judgedLater{"an archive whose process is gone", func(ctx context.Context) error {
						_, err := sys.Members()[0].Node.Exec(ctx, fixtures.Command{Args: []string{"sh", "-c", `for p in /proc/[0-9]*; do case "$(tr '\0' ' ' <"$p/cmdline" 2>/dev/null)" in *stop"-"never*) kill -9 "${p#/proc/}" ;; esac; done; sleep 1`}})
						return err
					}, verify.Rearmed{}, reports.Failed, "has ended", nil},
				)
			}
			for _, c := range states {
				c.run(t, sys)
			}
		})
	}
}

// started is a system in a place, removed with the test.
func started(t *testing.T, place string, b fixtures.Blueprint) fixtures.System {
	t.Helper()
	run, err := fixtures.NewRun(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	choice, err := ground.Choose(t.Context(), ground.Here(), place, ground.NeedsOf(b))
	if err != nil {
		t.Skip(err)
	}
	p, err := ground.Open(t.Context(), choice.Place, run, ground.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { closed(t, p.Close) })
	ctx, cancel := context.WithTimeout(t.Context(), 3*time.Minute)
	defer cancel()
	sys, err := b.Start(ctx, run, p)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { closed(t, sys.Close) })
	return sys
}
