package suite

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"regexp"
	"strings"
	"time"

	"github.com/onsi/ginkgo/v2"
	"github.com/onsi/ginkgo/v2/types"

	"github.com/recoverydrill/gameday/fixtures"
	recovery "github.com/recoverydrill/gameday/recover"
	"github.com/recoverydrill/gameday/reports"
	"github.com/recoverydrill/gameday/scenarios/drill"
	"github.com/recoverydrill/gameday/scenarios/drill/config"
	"github.com/recoverydrill/gameday/scenarios/ground"
)

// Start starts a system for the spec that is running, and has it removed when the spec ends, however it ends. It lives in
// the best place that this machine has for it, or in the one that --on names; see [ground.Choose].
func Start(ctx context.Context, blueprint fixtures.Blueprint) fixtures.System {
	ginkgo.GinkgoHelper()
	return StartFirst(ctx, blueprint)
}

// StartFirst is Start for the first of several systems that this machine can run. What a drill does to it then depends
// on its engine: [fixtures.System.Info] tells.
func StartFirst(ctx context.Context, blueprints ...fixtures.Blueprint) fixtures.System {
	ginkgo.GinkgoHelper()
	st, err := shared()
	if err != nil {
		ginkgo.Fail(err.Error())
	}
	var systems []fixtures.Needs
	for _, b := range blueprints {
		systems = append(systems, ground.NeedsOf(b))
	}
	choice, provider, err := st.place(ctx, systems...)
	if err != nil {
		st.cannotBegin(drill.Scenario{}, fmt.Errorf("find a place for the system: %w", err))
	}
	ginkgo.DeferCleanup(provider.Close, ginkgo.NodeTimeout(cleanupLimit))
	fmt.Fprintf(st.progress, "gameday: phase start %s\n", provider.Name())
	sys, err := blueprints[choice.Index].Start(ctx, st.run, provider)
	if err != nil {
		st.cannotBegin(drill.Scenario{}, fmt.Errorf("start the system: %w", err))
	}
	ginkgo.DeferCleanup(sys.Close, ginkgo.NodeTimeout(cleanupLimit))
	return sys
}

// Drill is a drill whose Mark fails the spec instead of returning an error, so that a scenario reads as prose.
type Drill struct{ *drill.Drill }

// Mark takes a mark; see [drill.Drill.Mark].
func (d *Drill) Mark(ctx context.Context, label string) fixtures.Mark {
	ginkgo.GinkgoHelper()
	m, err := d.Drill.Mark(ctx, label)
	if err != nil {
		ginkgo.Fail(withEvidence(err, d.Dir()))
	}
	return m
}

// Recover runs the recovery; see [drill.Drill.Recover]. Under "gameday plan" the recovery is only asked what it will do, and
// the spec ends there.
func (d *Drill) Recover(ctx context.Context, r recovery.Recovery, options ...drill.RecoverOption) error {
	ginkgo.GinkgoHelper()
	err := d.Drill.Recover(ctx, r, options...)
	if errors.Is(err, drill.ErrPlanned) {
		ginkgo.Skip(drill.ErrPlanned.Error())
	}
	return err
}

// Begin begins the drill of the spec that is running, and has it finished and reported when the spec ends. A name, title,
// place and reproducing command that the scenario does not give are taken from the spec. A spec that ends well fails all the
// same if the drill's verdict is not passed and is none that the spec has asked for ([HavePassed], [HaveOutcome]).
func Begin(ctx context.Context, sys fixtures.System, s drill.Scenario) *Drill {
	ginkgo.GinkgoHelper()
	st, err := shared()
	if err != nil {
		ginkgo.Fail(err.Error())
	}
	if s.Seed == 0 {
		s.Seed = st.seed
	}
	s = st.described(s)
	acts, err := sabotageOf(s.Name, sys.Info().Engine)
	if err != nil {
		ginkgo.Fail(err.Error())
	}
	d, err := drill.Begin(ctx, sys, s, drill.Options{Run: st.run, Progress: st.progress, PlanOnly: st.planOnly, Sabotage: acts})
	if d != nil {
		ginkgo.AddReportEntry(drillEntry, &entry{d.Record(), d}, ginkgo.ReportEntryVisibilityAlways)
		ginkgo.DeferCleanup(func(ctx context.Context) error { return st.finish(ctx, d) }, ginkgo.NodeTimeout(cleanupLimit))
	}
	switch {
	case d == nil:
		st.cannotBegin(s, err)
	case err != nil:
		ginkgo.Fail(withEvidence(err, d.Dir()))
	}
	return &Drill{d}
}

// finish ends a drill whose spec has ended, and reports it.
func (st *stage) finish(ctx context.Context, d *drill.Drill) error {
	if err := errors.Join(ended(d), d.Finish(ctx), st.report()); err != nil {
		return err
	}
	return st.overlooked(d)
}

// overlooked is the error of a drill that did not pass, in a spec that did: nobody would see it who looks at go test alone.
func (st *stage) overlooked(d *drill.Drill) error {
	rec := d.Record()
	outcome, _ := reports.Verdict(rec)
	if outcome == reports.Passed || rec.Sabotage != nil || st.planOnly || lookedAt.wanted(rec, outcome) ||
		ginkgo.CurrentSpecReport().State.Is(types.SpecStateFailureStates|types.SpecStateSkipped) {
		return nil
	}
	return errors.New(withEvidence(fmt.Errorf("the drill did not pass, and its scenario did not ask for that verdict: %s\n"+
		"end it with Expect(d.Verify(ctx)).To(suite.HavePassed()), or name the outcome that it wants with suite.HaveOutcome", rec.Headline), d.Dir()))
}

// ended tells a drill how its spec has ended: a report that is read without Ginkgo's must not say passed where the spec did not.
func ended(d *drill.Drill) error {
	spec := ginkgo.CurrentSpecReport()
	if !spec.Failed() {
		return nil
	}
	outcome, what := reports.Failed, "the scenario's own assertion failed"
	switch {
	case spec.Failure.FailureNodeType.Is(cleanUps):
		outcome, what = reports.Inconclusive, "a clean-up failed when the scenario had ended"
	case !spec.State.Is(types.SpecStateFailed | types.SpecStatePanicked):
		outcome, what = reports.Inconclusive, "the scenario was ended before it had made all its assertions"
	}
	return d.ScenarioEnded(outcome, what+" "+failure(spec))
}

// cleanUps are the nodes whose failure says nothing of what the scenario asks for.
const cleanUps = types.NodeTypeCleanupAfterEach | types.NodeTypeCleanupAfterAll | types.NodeTypeCleanupAfterSuite

// failure is where a spec failed and why, in one line.
func failure(spec ginkgo.SpecReport) string {
	why := strings.Join(strings.Fields(spec.Failure.Message), " ")
	if len(why) > 300 {
		why = strings.ToValidUTF8(why[:300], "") + "…"
	}
	at := spec.Failure.Location
	return fmt.Sprintf("(%s:%d): %s", filepath.Base(at.FileName), at.LineNumber, why)
}

// withEvidence is an error for people, with the place to look.
func withEvidence(err error, dir string) string { return fmt.Sprintf("%v\nevidence: %s", err, dir) }

// drillEntry names the entry of a spec that has left a drill's record; "gameday run" knows it too.
const drillEntry = "drill"

// entry shows the verdict in Ginkgo's own output.
type entry struct {
	*reports.Record
	drill *drill.Drill
}

func (e *entry) String() string { return e.Headline }

// report writes the run's reports anew, after each drill, so that a killed run has those of the drills before.
func (st *stage) report(options ...reports.Option) error {
	drills, err := reports.ReadRun(st.run.Dir)
	if err != nil {
		return fmt.Errorf("read the run's records: %w", err)
	}
	return reports.WriteAll(st.run.Dir, drills, options...)
}

// cannotBegin leaves a record of a drill that could not begin, so that it is never silently missing, and fails the spec.
func (st *stage) cannotBegin(s drill.Scenario, cause error) {
	ginkgo.GinkgoHelper()
	if err := drill.CouldNotBegin(st.described(s), st.run, cause); err != nil {
		cause = fmt.Errorf("%w (and no record of it could be written: %w)", cause, err)
	} else {
		ginkgo.AddReportEntry(drillEntry, cause.Error(), ginkgo.ReportEntryVisibilityNever)
		if err := st.report(); err != nil {
			cause = fmt.Errorf("%w (and no report of it could be written: %w)", cause, err)
		}
	}
	ginkgo.Fail(withEvidence(cause, st.run.Dir))
}

// described fills what the spec that is running knows about the scenario.
func (st *stage) described(s drill.Scenario) drill.Scenario {
	return st.describedBy(ginkgo.CurrentSpecReport(), s)
}

func (st *stage) describedBy(spec ginkgo.SpecReport, s drill.Scenario) drill.Scenario {
	if st.level != "" {
		s.Level = st.level
	}
	if s.Name == "" {
		s.Name = nameOf(spec.FullText())
	}
	if s.Title == "" {
		s.Title = spec.FullText()
	}
	if s.File == "" {
		file, line := spec.LeafNodeLocation.FileName, spec.LeafNodeLocation.LineNumber
		root := moduleRoot(file)
		if rel, err := filepath.Rel(root, file); err == nil {
			s.File, s.Line = filepath.ToSlash(rel), line
		}
	}
	if s.Reproduce == "" {
		s.Reproduce = fmt.Sprintf("gameday run ./%s --focus %q", filepath.ToSlash(filepath.Dir(s.File)), regexp.QuoteMeta(spec.LeafNodeText))
		if st.on != config.Auto {
			s.Reproduce += " --on " + st.on
		}
		if st.level != "" {
			s.Reproduce += " --level " + st.level.String()
		}
	}
	return s
}

var notName = regexp.MustCompile(`[^a-z0-9]+`)

func nameOf(text string) string {
	name := strings.Trim(notName.ReplaceAllString(strings.ToLower(text), "-"), "-")
	if name == "" {
		return "drill-" + time.Now().UTC().Format("20060102T150405Z")
	}
	return name[:min(len(name), 100)]
}
