package drill

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"

	recovery "github.com/recoverydrill/gameday/recover"
	"github.com/recoverydrill/gameday/reports"
)

// ErrPlanned is wrapped by the error of Recover in a drill that ends before the recovery is run (Options.PlanOnly).
var ErrPlanned = errors.New("the recovery was not run: only its plan was asked for")

// announce asks the recovery what it will do and what it needs, before it does anything. What it cannot say is recorded;
// the checks of plan and preflight judge it.
func (d *Drill) announce(ctx context.Context, r recovery.Recovery, rr *reports.Recovery, job recovery.Job) error {
	if p, ok := r.(recovery.Planner); ok {
		var plan recovery.Plan
		err := d.ask(ctx, "plan", reports.PlanFile, job, func(ctx context.Context, job recovery.Job) (err error) {
			plan, err = p.Plan(ctx, job)
			return err
		})
		d.notePlan(rr, plan, err)
	}
	if p, ok := r.(recovery.Preflighter); ok {
		var needs []recovery.Need
		err := d.ask(ctx, "preflight", reports.PreflightFile, job, func(ctx context.Context, job recovery.Job) (err error) {
			needs, err = p.Preflight(ctx, job)
			return err
		})
		d.noteNeeds(rr, needs, err)
	}
	return errors.Join(context.Cause(ctx), d.save())
}

// ask lets the recovery answer with a work directory and a log of their own, and with nothing that changes anything.
func (d *Drill) ask(ctx context.Context, what, file string, job recovery.Job, do func(context.Context, recovery.Job) error) error {
	work := d.path("work-" + what)
	if err := os.MkdirAll(work, 0o755); err != nil { //nolint:gosec // as the recovery's own
		return fmt.Errorf("create a work directory: %w", err)
	}
	defer func() { _ = os.RemoveAll(work) }()
	log, err := os.Create(d.path(file))
	if err != nil {
		return fmt.Errorf("keep the answer: %w", err)
	}
	masked := reports.NewMasker(log, d.secrets())
	out := recovery.NewOutput(masked, func(line string) error {
		switch verb, _, _ := strings.Cut(line, " "); verb {
		case "plan", "need", "refuse":
			return nil
		}
		return fmt.Errorf("it was asked for its %s only, and printed %q", what, "gameday: "+line)
	})
	var acted []string
	job.WorkDir, job.Output, job.Env = work, out, withWorkDir(job.Env, work)
	job.Step = func(name string) { acted = append(acted, fmt.Sprintf("began the step %q", name)) }
	job.CutOver = func(_ context.Context, to string) error {
		return fmt.Errorf("it was asked for its %s only, and wanted to send clients to %q", what, to)
	}
	limit, cancel := context.WithTimeoutCause(ctx, d.scenario.RecoveryLimit, overdue(d.scenario.RecoveryLimit))
	defer cancel()
	began := d.clock.NowNS()
	err = errors.Join(do(limit, job), out.Close(), masked.Close(), log.Close())
	if errors.Is(err, recovery.ErrNotDeclared) {
		return errors.Join(err, os.Remove(d.path(file)))
	}
	d.rec.Phases = append(d.rec.Phases, reports.Phase{Name: what, StartNS: began, EndNS: d.clock.NowNS()})
	if len(acted) > 0 {
		err = errors.Join(err, fmt.Errorf("it was asked for its %s only, and %s", what, strings.Join(acted, ", ")))
	}
	return err
}

func withWorkDir(env map[string]string, dir string) map[string]string {
	own := make(map[string]string, len(env))
	for k, v := range env {
		own[k] = v
	}
	own[recovery.VarWorkDir] = dir
	return own
}

func (d *Drill) notePlan(rr *reports.Recovery, plan recovery.Plan, err error) {
	if errors.Is(err, recovery.ErrNotDeclared) {
		return
	}
	rr.Plan = &reports.RecoveryPlan{}
	rr.Plan.Refused, rr.Plan.Error = d.answered(err)
	if err != nil {
		return
	}
	rr.Plan.Digest = plan.Digest()
	for _, s := range plan.Steps {
		rr.Plan.Steps = append(rr.Plan.Steps, reports.PlannedStep{Name: d.mask(s.Name), Does: d.mask(s.Does)})
	}
}

func (d *Drill) noteNeeds(rr *reports.Recovery, needs []recovery.Need, err error) {
	if errors.Is(err, recovery.ErrNotDeclared) {
		return
	}
	rr.Preflight = &reports.Preflight{}
	rr.Preflight.Refused, rr.Preflight.Error = d.answered(err)
	if err != nil {
		return
	}
	for _, n := range needs {
		if !n.Met {
			fmt.Fprintf(d.progress, "gameday: missing %s at %s: %s\n", n.Resource, n.Where, d.mask(n.Detail))
		}
		rr.Preflight.Needs = append(rr.Preflight.Needs, reports.Need{
			Resource: string(n.Resource), Where: n.Where, NeededBytes: n.Needed, AvailableBytes: n.Available, Met: n.Met, Detail: d.mask(n.Detail),
		})
	}
}

// answered tells a refusal from an answer that could not be had.
func (d *Drill) answered(err error) (refused, failed string) {
	var r *recovery.Refused
	switch {
	case err == nil:
		return "", ""
	case errors.As(err, &r):
		return d.mask(r.Reason), ""
	}
	return "", d.mask(err.Error())
}
