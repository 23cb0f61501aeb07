package sabotage_test

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/recoverydrill/gameday/faults"
	"github.com/recoverydrill/gameday/fixtures"
	"github.com/recoverydrill/gameday/fixtures/cluster"
	"github.com/recoverydrill/gameday/fixtures/mysql"
	"github.com/recoverydrill/gameday/fixtures/postgres"
	"github.com/recoverydrill/gameday/fixtures/sqlite"
	"github.com/recoverydrill/gameday/fixtures/traffic"
	recovery "github.com/recoverydrill/gameday/recover"
	"github.com/recoverydrill/gameday/reports"
	"github.com/recoverydrill/gameday/scenarios/drill"
	"github.com/recoverydrill/gameday/scenarios/suite"
	"github.com/recoverydrill/gameday/verify"
	"github.com/recoverydrill/gameday/verify/sabotage"
	"github.com/recoverydrill/gameday/verify/sabotage/corpus"
)

// On the bench one good recovery stands for many: it is judged, then made wrong in one way after another, each of which is
// taken back again. What an act does to the store is what a broken recovery would have left there, so the verdict must be
// the same; a whole drill for each would take most of a day. By default this is tried on SQLite alone.
var _ = Describe("on the bench", Label("sabotage", "bench"), func() {
	for _, b := range []struct {
		engine, version string
		on              fixtures.Blueprint
		labels          Labels
	}{
		{corpus.SQLite, "3", sqlite.Store{Dataset: corpus.Dataset(), SyncInterval: 20 * time.Millisecond}, nil},
		{corpus.Postgres, "17", postgres.Cluster{Version: "17", Dataset: corpus.Dataset()}, Label(full)},
		{corpus.Postgres, "15", postgres.Cluster{Version: "15", Dataset: corpus.Dataset()}, Label(full)},
		{corpus.Postgres, "18", postgres.Cluster{Version: "18", Dataset: corpus.Dataset()}, Label(full)},
		{corpus.MySQL, "9.7", mysql.Cluster{Flavour: mysql.MySQL, Dataset: corpus.Dataset()}, Label(full)},
		{corpus.MariaDB, "11.8", mysql.Cluster{Flavour: mysql.MariaDB, Dataset: corpus.Dataset()}, Label(full)},
		{corpus.MariaDB, "10.11", mysql.Cluster{Flavour: mysql.MariaDB, Version: "10.11", Dataset: corpus.Dataset()}, Label(full)},
	} {
		It("every act is caught on "+b.engine+" "+b.version, Label(b.engine, "version="+b.version), b.labels, SpecTimeout(45*time.Minute), func(ctx SpecContext) {
			onBench(ctx, &bench{sys: suite.Start(ctx, b.on), engine: b.engine, version: b.version, acts: corpus.Acts(), twins: corpus.Twins()})
		})
	}
})

// What is felt only when the server is started again, or lost again, is tried on a bench of its own: it has a spare machine
// on which a new backup is restored, and no table that a crash empties.
var _ = Describe("on the bench, and once more", Label("sabotage", "bench"), func() {
	for _, b := range []struct {
		engine, version string
		on              fixtures.Blueprint
		labels          Labels
	}{
		{corpus.SQLite, "3", sqlite.Store{Dataset: corpus.Lasting(), SyncInterval: 20 * time.Millisecond}, nil},
		{corpus.Postgres, "17", postgres.Cluster{Version: "17", Spares: 1, Dataset: corpus.Lasting()}, Label(full)},
		{corpus.Postgres, "15", postgres.Cluster{Version: "15", Spares: 1, Dataset: corpus.Lasting()}, Label(full)},
		{corpus.Postgres, "18", postgres.Cluster{Version: "18", Spares: 1, Dataset: corpus.Lasting()}, Label(full)},
		{corpus.MySQL, "9.7", mysql.Cluster{Flavour: mysql.MySQL, Spares: 1, Dataset: corpus.Lasting()}, Label(full)},
		{corpus.MariaDB, "11.8", mysql.Cluster{Flavour: mysql.MariaDB, Spares: 1, Dataset: corpus.Lasting()}, Label(full)},
		{corpus.MariaDB, "10.11", mysql.Cluster{Flavour: mysql.MariaDB, Version: "10.11", Spares: 1, Dataset: corpus.Lasting()}, Label(full)},
	} {
		It("every act is caught on "+b.engine+" "+b.version, Label(b.engine, "version="+b.version), b.labels, SpecTimeout(45*time.Minute), func(ctx SpecContext) {
			onBench(ctx, &bench{
				sys: suite.Start(ctx, b.on), engine: b.engine, version: b.version, acts: corpus.LaterActs(), twins: corpus.LaterTwins(),
				later: []verify.Check{verify.Rearmed{}, verify.Restart{}},
			})
		})
	}
})

// Some of a bench's acts, for whoever looks into one.
var someActs = flag.String("bench.acts", "", "on the bench, only the acts whose ID and title match this regular expression")

// bench is a store that was recovered well, and what is tried on it.
type bench struct {
	sys             fixtures.System
	drill           *suite.Drill
	engine, version string
	acts, twins     []sabotage.Act
	later           []verify.Check // that acts are for, beside the default ones: they collect last, and disturb the store
	tried           int
	results         []sabotage.Result
}

func onBench(ctx SpecContext, b *bench) {
	GinkgoHelper()
	d := suite.Begin(ctx, b.sys, drill.Scenario{
		Name: "sabotage/bench-" + b.engine + "-" + b.version, Owner: "gameday", Disaster: "A write that nobody wanted, and a recovery that takes it back.",
		Answers: []reports.Question{reports.InService, reports.Harmless}, Objective: drill.Objective{RTO: time.Minute, LostWrites: drill.NoLoss()},
	})
	b.drill = d
	Expect(d.Traffic(ctx, traffic.Mix{})).To(Succeed())
	Expect(b.refuseSome(ctx)).To(Succeed())
	good := d.Mark(ctx, "before the bad write")
	Expect(d.Break(ctx, faults.BadWrite("UPDATE price SET cents = cents + 1"))).To(Succeed())
	Expect(d.Recover(ctx, recovery.Func("take it back", func(ctx context.Context, _ recovery.Job) error {
		return b.sys.(fixtures.Operator).Statement(ctx, "", "", "UPDATE price SET cents = cents - 1")
	}), drill.To(good))).To(Succeed())

	began := time.Now()
	e, results := b.judge(ctx, b.later...)
	Expect(notPassed(results)).To(BeEmpty(), "the good recovery itself")
	GinkgoWriter.Printf("one judgement takes %s\n", time.Since(began).Round(time.Millisecond))
	target := sabotage.Target{System: b.sys, Baseline: e.Baseline, Seed: d.Record().Seed, Ops: e.Ops}
	escaped := b.tryAll(ctx, target)
	keep(b.results)
	Expect(escaped).To(BeEmpty(), "%s", strings.Join(escaped, "\n"))
	Expect(d.Record()).To(suite.HaveOutcome(reports.Passed, reports.Failed, reports.Inconclusive)) // the twins' traces are left in the store
	if *someActs == "" && !*keepResults {
		Expect(b.asInTheTable()).To(Succeed())
	}
}

// tryAll tries all acts, each on a store that is as it was, and then the clean twins, which may leave what they have done.
func (b *bench) tryAll(ctx context.Context, target sabotage.Target) (escaped []string) {
	wanted := regexp.MustCompile(*someActs)
	began := time.Now()
	for _, a := range slices.Concat(b.acts, b.twins) {
		if !slices.Contains(a.Engines, b.engine) || !wanted.MatchString(a.ID+" "+a.Title) {
			continue
		}
		started := time.Now()
		try := b.try
		if a.Check == "" {
			try = b.tryTwin
		}
		err := try(ctx, a, target)
		GinkgoWriter.Printf("act %s %s: %v %s\n", a.ID, a.Title, err, time.Since(started).Round(time.Millisecond))
		if err != nil {
			escaped = append(escaped, fmt.Sprintf("%s %s: %v", a.ID, a.Title, err))
		}
		if errors.Is(err, errNotClean) || ctx.Err() != nil {
			break
		}
	}
	if err := b.clean(ctx, b.later...); err != nil {
		escaped = append(escaped, err.Error())
	}
	GinkgoWriter.Printf("%d acts and clean twins in %s\n", len(b.results), time.Since(began).Round(time.Millisecond))
	return escaped
}

// errNotClean ends a bench: nothing could be told from what comes after it.
var errNotClean = errors.New("the store is not as it was")

// try makes the store wrong, wants that to be noticed, and takes it back.
func (b *bench) try(ctx context.Context, a sabotage.Act, target sabotage.Target) error {
	undo, err := a.Do(ctx, target)
	if errors.Is(err, sabotage.ErrNotHere) {
		return fmt.Errorf("could not be tried: %w", err)
	}
	if err != nil {
		return fmt.Errorf("could not be done: %w", err)
	}
	_, results := b.judge(ctx, b.named(a.Check)...)
	said := notPassed(results)
	var errs []error
	if len(said) == 0 {
		errs = append(errs, errors.New("passed by all checks"))
	}
	if _, caught := said[a.Check]; !caught {
		errs = append(errs, fmt.Errorf("passed by %s alone; the others say %q", a.Check, said))
	}
	b.note(sabotage.ByAct, a, results)
	if err := undo(ctx); err != nil {
		return errors.Join(append(errs, err, errNotClean)...)
	}
	if b.tried++; *keepResults || b.tried%someClean == 0 {
		errs = append(errs, b.clean(ctx, b.named(a.Check)...))
	}
	return errors.Join(errs...)
}

// someClean is after how many acts a run that keeps no results looks whether the store is as it was. The act that is tried
// next could be caught by what one before it has left, but the bench would be red in the end.
const someClean = 5

func (b *bench) clean(ctx context.Context, more ...verify.Check) error {
	if _, results := b.judge(ctx, more...); len(notPassed(results)) > 0 {
		return fmt.Errorf("%w: %q", errNotClean, notPassed(results))
	}
	return nil
}

// tryTwin makes a difference that a correct recovery may show, and wants it to pass.
func (b *bench) tryTwin(ctx context.Context, a sabotage.Act, target sabotage.Target) error {
	if _, err := a.Do(ctx, target); err != nil {
		return fmt.Errorf("could not be done: %w", err)
	}
	_, results := b.judge(ctx, b.later...)
	b.note(sabotage.ByTwin, a, results)
	if said := notPassed(results); len(said) > 0 {
		return fmt.Errorf("a clean twin does not pass: %q: %w", said, errNotClean)
	}
	return nil
}

func (b *bench) note(way sabotage.Way, a sabotage.Act, results []reports.CheckResult) {
	r := sabotage.Result{
		Way: way, ID: a.ID, Title: a.Title, Engine: b.engine, Version: b.version, Check: a.Check,
		Full: verify.Verdict(results, nil).String(), CaughtBy: slices.Sorted(maps.Keys(notPassed(results))),
	}
	for _, c := range results {
		if c.Name == a.Check {
			r.Alone = c.Outcome.String()
		}
	}
	b.results = append(b.results, r)
}

// asInTheTable wants what was found now to be what the documentation says of this version.
func (b *bench) asInTheTable() error {
	all, err := sabotage.ReadResults(resultsFile)
	if err != nil {
		return err
	}
	var errs []error
	for _, r := range b.results {
		same := func(x sabotage.Result) bool {
			return x.Way == r.Way && x.ID == r.ID && x.Title == r.Title && x.Engine == r.Engine && x.Version == r.Version && x.Check == r.Check
		}
		i := slices.IndexFunc(all, same)
		switch {
		case i < 0:
			errs = append(errs, fmt.Errorf("%s %q on %s %s is not in %s: `make sabotage` keeps results there", r.ID, r.Title, r.Engine, r.Version, resultsFile))
		case all[i].Alone != r.Alone || all[i].Full != r.Full:
			errs = append(errs, fmt.Errorf("%s %q on %s %s is now %q and %q, in the table %q and %q", r.ID, r.Title, r.Engine, r.Version, r.Alone, r.Full, all[i].Alone, all[i].Full))
		}
	}
	return errors.Join(errs...)
}

// named are the checks of a name among those that collect last.
func (b *bench) named(name string) (some []verify.Check) {
	for _, c := range b.later {
		if c.Name() == name {
			some = append(some, c)
		}
	}
	return some
}

// judge collects and judges by the default checks and by more. Checks are pure functions of the evidence, so that what each
// says among the others is what it says alone.
func (b *bench) judge(ctx context.Context, more ...verify.Check) (*verify.Evidence, []reports.CheckResult) {
	e, err := b.drill.Collect(ctx)
	for _, c := range more {
		seen, failed := c.(verify.Later).CollectLater(ctx, b.sys, e.Found)
		if err = errors.Join(err, failed); failed == nil {
			e.Extra[c.Name()] = seen
		}
	}
	results := verify.Judge(ctx, e, append(verify.Default(), more...), nil)
	if err != nil {
		results = append(results, reports.CheckResult{Name: "collect", Findings: []reports.Finding{{Summary: err.Error()}}})
	}
	return e, results
}

// notPassed is what the checks that did not pass say first.
func notPassed(results []reports.CheckResult) map[string]string {
	all := map[string]string{}
	for _, r := range results {
		if r.Outcome == reports.Passed {
			continue
		}
		all[r.Name] = r.Outcome.String()
		for _, f := range r.Findings {
			if f.Outcome == r.Outcome {
				all[r.Name] += ": " + f.Summary
				break
			}
		}
	}
	return all
}

// refuseSome lets the store refuse what traffic sends for a moment, by a trigger: transactions that were rolled back are
// what an act needs that makes them visible.
func (b *bench) refuseSome(ctx context.Context) error {
	on, off := "CREATE TRIGGER gameday.refuse BEFORE INSERT ON gameday.item FOR EACH ROW SIGNAL SQLSTATE '45000' SET MESSAGE_TEXT = 'refused'", "DROP TRIGGER gameday.refuse"
	switch b.engine {
	case corpus.Postgres:
		on = "CREATE FUNCTION gameday.refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'refused'; END $$; CREATE TRIGGER refuse BEFORE INSERT ON gameday.item FOR EACH ROW EXECUTE FUNCTION gameday.refuse()"
		off = "DROP TRIGGER refuse ON gameday.item; DROP FUNCTION gameday.refuse()"
	case corpus.SQLite:
		on, off = "CREATE TRIGGER refuse BEFORE INSERT ON gameday_item BEGIN SELECT RAISE(ABORT, 'refused'); END", "DROP TRIGGER refuse"
	}
	op := b.sys.(fixtures.Operator)
	run := func(sql string) error { // SQLite's clients may be in the way
		return cluster.Poll(ctx, 10*time.Second, 10*time.Millisecond, func(ctx context.Context) (bool, error) {
			err := op.Statement(ctx, "", "", sql)
			return err == nil, cluster.Transient(err)
		})
	}
	if err := run(on); err != nil {
		return err
	}
	select {
	case <-ctx.Done():
	case <-time.After(300 * time.Millisecond):
	}
	return run(off)
}
