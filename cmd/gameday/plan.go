package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/recoverydrill/gameday/reports"
	"github.com/recoverydrill/gameday/scenarios/drill/config"
)

func (a *app) planCommand() *cobra.Command {
	var o runOptions
	cmd := &cobra.Command{
		Use:   "plan [PACKAGES...]",
		Short: "Print what the recovery of each drill will do",
		Long: `Plan runs each drill up to the damage, on a real system, and then asks its recovery what it
will do and what it needs, and does not run it. It prints the steps with the digest of the
plan, which a scenario may pin (PlanDigest), and each need with what there is of it.

A recovery that tells no plan, or cannot, or cannot look for what it needs, is said so, and the
exit code is 3. Needs that are not met are shown; they do not change the exit code. Nothing is
kept.`,
		Example: `  gameday plan ./scenarios/postgres --label full
  gameday plan ./drills --focus 'dropped table' --output json`,
		RunE: func(cmd *cobra.Command, args []string) error {
			o.patterns = args
			return a.plan(cmd.Context(), o)
		},
	}
	f := cmd.Flags()
	f.SortFlags = false
	o.flags(cmd)
	f.StringVar(&o.on, "on", "", "`where` drills' systems live: "+strings.Join(config.Providers(), ", ")+" (default "+config.Auto+")")
	f.DurationVar(&o.timeout, "timeout", 0, "`limit` for each suite (default "+short(defaultTimeout)+")")
	f.StringVar(&o.config, "config", "", "configuration `file` (default "+config.FileName+", if there is one)")
	f.StringVarP(&o.output, "output", "o", "text", "`format` of what is printed: text or json")
	f.BoolVarP(&o.verbose, "verbose", "v", false, "show all that the suites print")
	return cmd
}

// plannedDrill is what one drill's recovery says, in the form that --output json prints.
type plannedDrill struct {
	Scenario  string                `json:"scenario"`
	Recovery  string                `json:"recovery"`
	Plan      *reports.RecoveryPlan `json:"plan"`      // null where it tells none
	Preflight *reports.Preflight    `json:"preflight"` // null where it does not say what it needs
	Problem   string                `json:"problem"`   // why there is no plan, or not all of it; "" where there is

	text string
}

func (a *app) plan(ctx context.Context, o runOptions) error {
	dir, err := os.MkdirTemp("", "gameday-plan-")
	if err != nil {
		return fmt.Errorf("make a directory for what is asked: %w", err)
	}
	defer func() { _ = os.RemoveAll(dir) }()
	o.reportDir, o.planOnly = filepath.Join(dir, "reports"), true
	if o, err = o.complete(); err != nil {
		return err
	}
	found, err := a.find(ctx, o.patterns)
	if err != nil {
		return err
	}
	var all []plannedDrill
	never := []skipped{}
	var sum summary
	for i, s := range found {
		a.note("compiling %s", s.Package)
		binary, err := a.compile(ctx, s, dir)
		if err != nil {
			return err
		}
		left, said, err := a.execute(ctx, s, binary, filepath.Join(dir, fmt.Sprintf("%d.json", i)), o)
		if err != nil {
			return err
		}
		r := left.weigh(s.Package)
		sum.add(r)
		if r.empty {
			continue
		}
		if left.ended.ExitCode != 0 && said != "" && !o.verbose {
			fmt.Fprintf(a.err, "gameday: what %s printed:\n%s\n", s.Package, said)
		}
		all = append(all, left.planned(r)...)
		never = append(never, left.unplanned()...)
	}
	if sum.selectedNothing() {
		return usagef("no drill matches %s\n%s", o.selection.String(), sum.labelsText())
	}
	return a.printPlans(all, never, o.output)
}

// planned reads the plans from the records that a suite left. A suite that left fewer than it has selected drills has a
// line of its own, and so has each problem of it: a plan that is not there must be seen.
func (l *leftBehind) planned(r suiteResult) []plannedDrill {
	var all []plannedDrill
	for _, d := range l.drills {
		p := plannedDrill{Scenario: d.Record.Scenario, text: reports.PlanText(d.Record)}
		rec := d.Record.Recovery
		if rec != nil {
			p.Recovery, p.Plan, p.Preflight = rec.Name, rec.Plan, rec.Preflight
		}
		switch {
		case rec == nil:
			p.Problem = "the drill did not get to its recovery: " + d.Record.Error
		case rec.Plan == nil:
			p.Problem = rec.Name + " tells no plan"
		case rec.Plan.Refused != "":
			p.Problem = rec.Name + " refuses: " + rec.Plan.Refused
		case rec.Plan.Error != "":
			p.Problem = rec.Name + " could not tell its plan: " + rec.Plan.Error
		case rec.Preflight != nil && rec.Preflight.Error != "":
			p.Problem = rec.Name + " could not look for what it needs: " + rec.Preflight.Error
		}
		all = append(all, p)
	}
	selected := 0
	if l.report != nil {
		selected = l.report.PreRunStats.SpecsThatWillRun
	}
	if len(l.drills) == 0 {
		return append(all, plannedDrill{Scenario: r.Package, Problem: fmt.Sprintf("no drill left a record: its binary %s", l.ended)})
	}
	if l.report == nil || len(l.drills) < selected {
		all = append(all, plannedDrill{Scenario: r.Package, Problem: fmt.Sprintf("only %d of %d drills were asked: its binary %s", len(l.drills), selected, l.ended)})
	}
	for _, p := range r.Problems {
		all = append(all, plannedDrill{Scenario: r.Package, Problem: p})
	}
	return all
}

// unplanned lists the specs that did not run. One whose drill ended because it was only to be planned is skipped as well.
func (l *leftBehind) unplanned() []skipped {
	asked := map[string]bool{}
	if l.report != nil {
		for _, s := range l.report.Specs() {
			asked[s.Text()] = s.Drilled()
		}
	}
	return slices.DeleteFunc(l.skipped(), func(k skipped) bool { return asked[k.Spec] })
}

func (a *app) printPlans(all []plannedDrill, never []skipped, format string) error {
	outcome := reports.Passed
	var b strings.Builder
	for _, p := range all {
		fmt.Fprint(&b, p.text)
		if p.Problem != "" {
			outcome = reports.Inconclusive
			fmt.Fprintf(&b, "NO PLAN %s: %s\n", p.Scenario, head(p.Problem, 5))
		}
	}
	for _, k := range never {
		fmt.Fprintln(&b, k)
	}
	if format == "json" {
		e := json.NewEncoder(a.out)
		e.SetIndent("", "  ")
		if err := e.Encode(map[string]any{"schema_version": 1, "drills": all, "skipped": never}); err != nil {
			return err
		}
		return &verdict{outcome}
	}
	if _, err := fmt.Fprint(a.out, b.String()); err != nil {
		return err
	}
	return &verdict{outcome}
}
