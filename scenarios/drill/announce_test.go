package drill_test

import (
	"context"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/recoverydrill/gameday/faults"
	"github.com/recoverydrill/gameday/fixtures"
	recovery "github.com/recoverydrill/gameday/recover"
	"github.com/recoverydrill/gameday/recover/litestream"
	"github.com/recoverydrill/gameday/reports"
	"github.com/recoverydrill/gameday/scenarios/drill"
	"github.com/recoverydrill/gameday/verify"
)

// planned is the shipped way back with a plan around it: what it says, and what it then does, a test chooses.
type planned struct {
	recovery.Recovery
	says  []string
	needs []recovery.Need
	err   error
	acts  bool // while it is asked
}

var (
	_ recovery.Planner     = planned{}
	_ recovery.Preflighter = planned{}
)

func (p planned) Plan(_ context.Context, job recovery.Job) (recovery.Plan, error) {
	if p.acts {
		job.Step("wipe")
	}
	var plan recovery.Plan
	for _, name := range p.says {
		plan.Steps = append(plan.Steps, recovery.PlannedStep{Name: name, Does: "something"})
	}
	return plan, p.err
}

func (p planned) Preflight(context.Context, recovery.Job) ([]recovery.Need, error) {
	return p.needs, nil
}

// steps is the shipped way back, told as two steps.
func steps() recovery.Recovery {
	return recovery.Func("two steps", func(ctx context.Context, job recovery.Job) error {
		inner := job
		inner.Step = func(string) {}
		return job.Run(ctx,
			recovery.Step{Name: "look", Do: func(context.Context) error { time.Sleep(200 * time.Millisecond); return nil }},
			recovery.Step{Name: "restore", Do: func(ctx context.Context) error { return litestream.To(litestream.Position).Recover(ctx, inner) }},
		)
	})
}

func disk(met bool) []recovery.Need {
	return []recovery.Need{{Resource: recovery.NeedsDisk, Where: "primary", Needed: 1 << 20, Available: 1 << 30, Met: met}}
}

func TestPlanAndNeedsAreAskedRecordedAndJudged(t *testing.T) {
	two := recovery.Plan{Steps: []recovery.PlannedStep{{Name: "look", Does: "something"}, {Name: "restore", Does: "something"}}}
	for name, c := range map[string]struct {
		r      planned
		digest string
		check  string // that does not pass; "" wants a passed drill
		want   reports.Outcome
	}{
		"kept":             {planned{says: []string{"look", "restore"}, needs: disk(true)}, two.Digest(), "", reports.Passed},
		"another step":     {planned{says: []string{"look", "restore", "vacuum"}, needs: disk(true)}, "", "plan", reports.Failed},
		"acts while asked": {planned{says: []string{"look", "restore"}, needs: disk(true), acts: true}, "", "plan", reports.Inconclusive},
	} {
		t.Run(name, func(t *testing.T) {
			c.r.Recovery = steps()
			d, good := onFile(t, drill.Scenario{Name: "file/planned", PlanDigest: c.digest})
			if err := d.Break(t.Context(), faults.BadWrite("UPDATE payments SET amount = 0")); err != nil {
				t.Fatal(err)
			}
			wrongly(t, d.Recover(t.Context(), c.r, drill.To(good)), nil)
			for name, o := range outcomes(t, d) {
				want := reports.Passed
				if name == c.check {
					want = c.want
				}
				if o != want {
					t.Errorf("%s is %s", name, o)
				}
			}
			rr := d.Record().Recovery
			if p := rr.Plan; c.r.err == nil && !c.r.acts && (len(p.Steps) < 2 || p.Digest == "" || p.Steps[0].Does != "something") {
				t.Errorf("recorded the plan %+v", p)
			}
			measured(t, rr)
		})
	}
}

// measured wants the steps to have figures of the node that they worked on.
func measured(t *testing.T, rr *reports.Recovery) {
	t.Helper()
	for _, u := range append(rr.Usage, rr.Steps[1].Usage...) {
		if u.Node != "primary" || u.Unmeasured != "" || u.CPUMS <= 0 || u.PeakMemoryBytes <= 0 || u.PeakDiskBytes <= 0 {
			t.Errorf("measured %+v", u)
		}
	}
	if len(rr.Usage) != 1 || len(rr.Steps[1].Usage) != 1 {
		t.Errorf("measured %d nodes, %d in a step", len(rr.Usage), len(rr.Steps[1].Usage))
	}
}

const scripted = `case "${1-}" in
--plan) echo "gameday: plan look: see whether the file answers"; echo "gameday: plan restore: copy the backup"; exit ;;
--preflight) echo "gameday: need backup /vault - - ok newest of last night"; echo "gameday: need disk primary 1048576 2097152 ok"; exit ;;
esac
echo "gameday: step look"
echo "gameday: step restore"
cp "$GAMEDAY_BACKUP" "$GAMEDAY_DATA/restored.db"
echo "gameday: cutover $GAMEDAY_DATA/restored.db"
`

// A script tells both by lines, run once for each before it is run.
func TestCommandsTellPlanAndNeeds(t *testing.T) {
	d, _ := onFile(t, drill.Scenario{Name: "file/scripted"})
	if err := d.Break(t.Context(), faults.BadWrite("UPDATE payments SET amount = 0")); err != nil {
		t.Fatal(err)
	}
	r := recovery.Command(script(t, scripted)).WithPlan("--plan").WithPreflight("--preflight").Privileged("the vault's key")
	err := d.Recover(t.Context(), r)
	rr := d.Record().Recovery
	if rr.Plan == nil || rr.Plan.Error != "" || len(rr.Plan.Steps) != 2 || rr.Plan.Steps[1] != (reports.PlannedStep{Name: "restore", Does: "copy the backup"}) {
		t.Errorf("plan %+v (%v)", rr.Plan, err)
	}
	if p := rr.Preflight; p == nil || len(p.Needs) != 2 || p.Needs[0].Detail != "newest of last night" || p.Needs[1].AvailableBytes != 2<<20 {
		t.Errorf("preflight %+v", p)
	}
	if rr.Privilege != "the vault's key" {
		t.Errorf("privilege %q", rr.Privilege)
	}
	for _, file := range []string{reports.PlanFile, reports.PreflightFile} {
		if b, err := os.ReadFile(d.Dir() + "/" + file); err != nil || !strings.Contains(string(b), "gameday: ") {
			t.Errorf("%s: %q, %v", file, b, err)
		}
	}
	if n := len(rr.Usage); n != 2 || rr.Usage[1].Node != reports.HostUsage || rr.Usage[1].PeakMemoryBytes <= 0 {
		t.Errorf("measured %+v", rr.Usage)
	}
}

// In a drill that only asks, nothing is recovered.
func TestPlanOnly(t *testing.T) {
	d, _ := onFileWith(t, drill.Scenario{Name: "file/asked"}, drill.Options{PlanOnly: true})
	if err := d.Break(t.Context(), faults.BadWrite("UPDATE payments SET amount = 0")); err != nil {
		t.Fatal(err)
	}
	r := planned{Recovery: recovery.Func("never", func(context.Context, recovery.Job) error {
		t.Error("it was run")
		return nil
	}), says: []string{"restore"}, needs: disk(true)}
	wrongly(t, d.Recover(t.Context(), r), drill.ErrPlanned)
	closed(t, d.Finish)
	if rec := d.Record(); rec.Recovery.Plan.Digest == "" || rec.Outcome != reports.Inconclusive || len(rec.Recovery.Steps) > 0 {
		t.Errorf("recorded %s, %+v", rec.Outcome, rec.Recovery)
	}
}

// backups is a check of a team's own.
type backups struct{ verify.Archive }

func (backups) Name() string { return "backups" }

// vault is one that says the same before and after the recovery.
type vault struct{ outcome reports.Outcome }

func (vault) Name() string    { return "vault" }
func (vault) Promise() string { return "the vault is whole" }

func (v vault) Judge(context.Context, *verify.Evidence) reports.CheckResult {
	return reports.CheckResult{Outcome: v.outcome, Covered: reports.Coverage{Planned: 1, Looked: 1}, Findings: []reports.Finding{{Summary: "I have looked", Outcome: v.outcome}}, Total: 1}
}

// Damage that nobody sees in the store leaves checks of the store alone nothing to find: a recovery that does nothing would pass.
func TestASilentFaultNeedsACheckThatLooksBeyondTheStore(t *testing.T) {
	for _, c := range []struct {
		checks []verify.Check
		waived bool
		says   string
	}{
		{nil, false, "a recovery that does nothing would pass"},
		{append(verify.Default(), verify.Replicas{}), false, "a recovery that does nothing would pass"}, // which look at no backup
		{append(verify.Default(), verify.Rearmed{}), false, "a recovery that does nothing would pass"},  // which takes one itself
		{append(verify.Default(), backups{}), false, ""},
		{append(verify.Default(), backups{}), true, "a recovery that does nothing would pass"},
		{append(verify.Default(), vault{reports.Failed}), false, ""},
		{append(verify.Default(), vault{reports.Passed}), false, "to vault all is well as long as nothing was recovered"},
		{append(verify.Default(), vault{reports.Passed}, backups{}), false, ""},
	} {
		s := drill.Scenario{Name: "file/silent", Checks: c.checks}
		if c.waived {
			s.Waivers = []reports.Waiver{{Check: "backups", Reason: "there are none"}}
		}
		d, _ := onFile(t, s)
		if err := d.Backup(t.Context()); err != nil {
			t.Fatal(err)
		}
		err := d.Break(t.Context(), faults.DeleteBackup())
		if (err == nil) != (c.says == "") || (err != nil && !strings.Contains(err.Error(), c.says)) {
			t.Errorf("%+v: %v", c, err)
		}
		closed(t, d.Finish)
		if d.Record().Outcome == reports.Passed {
			t.Errorf("%+v: the drill is green", c)
		}
	}
}

// blow is a fault that proves itself, or not.
type blow struct {
	seen   error
	takes  time.Duration
	struck *[]string
}

func (blow) Describe() faults.Description {
	return faults.Description{Name: "blow", Class: "none", Detail: "a blow"}
}

func (b blow) Inject(context.Context, fixtures.System) error {
	time.Sleep(b.takes)
	*b.struck = append(*b.struck, "struck")
	return nil
}
func (b blow) Prove(context.Context, fixtures.System) (string, error) { return "it hurt", b.seen }
func (b blow) Heal(context.Context, fixtures.System) error {
	*b.struck = append(*b.struck, "healed")
	return nil
}

func TestFaultsDuringTheRecovery(t *testing.T) {
	for name, c := range map[string]struct {
		at     drill.Moment
		until  []drill.Ending
		seen   error
		takes  time.Duration
		want   reports.Outcome
		struck string
	}{
		"at a step":                        {drill.AtStep("restore"), nil, nil, 0, reports.Passed, "struck healed"},
		"at once":                          {drill.After(0), []drill.Ending{drill.Until(drill.AtStep("restore"))}, nil, 0, reports.Passed, "struck healed"},
		"at no step":                       {drill.AtStep("nowhere"), nil, nil, 0, reports.Inconclusive, ""},
		"without being noticed":            {drill.AtStep("restore"), nil, faults.ErrNotSeen, 0, reports.Inconclusive, "struck healed"},
		"when it was to be over":           {drill.AtStep("look"), []drill.Ending{drill.Until(drill.AtStep("restore"))}, nil, 600 * time.Millisecond, reports.Inconclusive, "struck healed"},
		"when the recovery had ended":      {drill.AtStep("restore"), nil, nil, 5 * time.Second, reports.Inconclusive, "struck healed"},
		"until a step that came before it": {drill.AtStep("restore"), []drill.Ending{drill.Until(drill.AtStep("look"))}, nil, 0, reports.Passed, "struck healed"},
	} {
		t.Run(name, func(t *testing.T) {
			d, good := onFile(t, drill.Scenario{Name: "file/twice"})
			if err := d.Break(t.Context(), faults.BadWrite("UPDATE payments SET amount = 0")); err != nil {
				t.Fatal(err)
			}
			var struck []string
			err := d.Recover(t.Context(), steps(), drill.To(good), drill.Meanwhile(blow{c.seen, c.takes, &struck}, c.at, c.until...))
			if late := c.takes > time.Second; (err == nil) != (c.want == reports.Passed || late) { // which is known only afterwards
				t.Errorf("recover: %v", err)
			}
			all := outcomes(t, d)
			if all["fault"] != c.want || d.Record().Outcome != c.want {
				t.Errorf("fault is %s, the drill %s", all["fault"], d.Record().Outcome)
			}
			if got := strings.Join(struck, " "); got != c.struck {
				t.Errorf("it %q", got)
			}
			proven := c.struck != "" && c.seen == nil // whether it came in time is another question
			if m := d.Record().Meanwhile[0]; proven != (m.Proven && m.InjectNS > 0 && m.HealedNS >= m.InjectedNS && m.Proof == "it hurt") {
				t.Errorf("recorded %+v", m)
			}
		})
	}
}

// What cannot be run here has not failed: nobody knows whether it works.
func TestARecoveryThatCannotBeRunHereIsInconclusive(t *testing.T) {
	d, _ := onFile(t, drill.Scenario{Name: "file/image"})
	if err := d.Break(t.Context(), faults.BadWrite("UPDATE payments SET amount = 0")); err != nil {
		t.Fatal(err)
	}
	wrongly(t, d.Recover(t.Context(), recovery.InImage("any")), fixtures.ErrUnsupported)
	closed(t, d.Finish)
	if rec := d.Record(); rec.Outcome != reports.Inconclusive || !strings.Contains(rec.Headline, "fixtures.Beside") {
		t.Errorf("%s: %s", rec.Outcome, rec.Headline)
	}
}

// While the service is down nobody else sees the effect.
func TestAFaultDuringTheRecoveryProvesItself(t *testing.T) {
	d, _ := onFile(t, drill.Scenario{Name: "file/unseen"})
	if err := d.Break(t.Context(), faults.BadWrite("UPDATE payments SET amount = 0")); err != nil {
		t.Fatal(err)
	}
	err := d.Recover(t.Context(), steps(), drill.Meanwhile(faults.BadWrite("UPDATE orders SET status = 'new'"), drill.After(0)))
	if err == nil || !strings.Contains(err.Error(), "faults.Prover") {
		t.Errorf("got %v", err)
	}
}
