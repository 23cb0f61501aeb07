package suite

import (
	"context"
	"errors"

	"github.com/onsi/ginkgo/v2"

	"github.com/recoverydrill/gameday/fixtures"
	recovery "github.com/recoverydrill/gameday/recover"
	"github.com/recoverydrill/gameday/reports"
	"github.com/recoverydrill/gameday/scenarios/drill"
)

// Restore restores a team's real backup into a fresh, empty system, with the team's own command, and judges what came back:
// see [drill.RestoreScenario]. Everything is removed when the spec ends. What it returns says whether it has passed
// ([HavePassed]); a restore that failed is judged as well, and fails the spec if the spec does not ask for that verdict.
func Restore(ctx context.Context, blueprint fixtures.Blueprint, s drill.RestoreScenario, r recovery.Recovery) *reports.Record {
	ginkgo.GinkgoHelper()
	st, err := shared()
	if err != nil {
		ginkgo.Fail(err.Error())
	}
	sys := Start(ctx, blueprint)
	level := s.Level
	s.Scenario = st.described(s.Scenario)
	s.Level = level // that of a run is for drills: a restored backup is always judged in full
	acts, err := sabotageOf(s.Name, sys.Info().Engine)
	if err != nil {
		ginkgo.Fail(err.Error())
	}
	d, err := drill.BeginRestore(ctx, sys, s, drill.Options{Run: st.run, Progress: st.progress, PlanOnly: st.planOnly, Sabotage: acts})
	if d == nil {
		st.cannotBegin(s.Scenario, err)
	}
	ginkgo.AddReportEntry(drillEntry, &entry{d.Record(), d}, ginkgo.ReportEntryVisibilityAlways)
	ginkgo.DeferCleanup(func(ctx context.Context) error { return st.finish(ctx, d) }, ginkgo.NodeTimeout(cleanupLimit))
	if err == nil {
		if err = d.Restore(ctx, r); errors.Is(err, drill.ErrPlanned) {
			ginkgo.Skip(drill.ErrPlanned.Error())
		}
	}
	if d.Record().Recovery != nil {
		d.Verify(ctx)
	}
	if ferr := errors.Join(d.Finish(ctx), st.report()); ferr != nil {
		ginkgo.Fail(withEvidence(ferr, d.Dir()))
	}
	return d.Record()
}
