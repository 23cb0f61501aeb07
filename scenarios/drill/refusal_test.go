package drill_test

import (
	"context"
	"testing"
	"time"

	"github.com/recoverydrill/gameday/faults"
	"github.com/recoverydrill/gameday/fixtures"
	"github.com/recoverydrill/gameday/fixtures/sqlite/handle"
	recovery "github.com/recoverydrill/gameday/recover"
	"github.com/recoverydrill/gameday/reports"
	"github.com/recoverydrill/gameday/scenarios/drill"
)

const refuses = "echo 'gameday: step look'\necho 'gameday: refuse the file answers'\nexit 4\n"

// A drill with a false alarm is passed by a recovery that refuses, and by no other.
func TestFalseAlarm(t *testing.T) {
	function := recovery.Func("looks", func(context.Context, recovery.Job) error { return recovery.Refuse("nothing is wrong") })
	for _, c := range []struct {
		name  string
		r     recovery.Recovery
		err   error
		check string // that must fail; "" wants a passed drill
	}{
		{"a command that refuses", recovery.Command(script(t, refuses)), nil, ""},
		{"a function that refuses", function, nil, ""},
		{"a command that goes on", recovery.Command(script(t, "exit 0\n")), drill.ErrNotRefused, "refusal"},
		{"a command that refuses and ends well", recovery.Command(script(t, "echo 'gameday: refuse no'\n")), drill.ErrNotRefused, "refusal"},
		{"a command that sends clients elsewhere and refuses", recovery.Command(script(t, "echo \"gameday: cutover $GAMEDAY_FILE\"\n"+refuses)), nil, "refusal"},
		{"a command that would send clients elsewhere and refuses", recovery.Command(script(t, "echo \"gameday: cutover /nowhere/else.db\"\n"+refuses)), nil, "refusal"},
	} {
		t.Run(c.name, func(t *testing.T) {
			d, _ := onFile(t, drill.Scenario{Name: "file/false-alarm", MustRefuse: true, Objective: drill.Objective{LostWrites: drill.NoLoss()}})
			if err := d.Break(t.Context(), alarm{}); err != nil {
				t.Fatal(err)
			}
			wrongly(t, d.Recover(t.Context(), c.r), c.err)
			all := outcomes(t, d)
			if c.check != "" && all[c.check] != reports.Failed {
				t.Errorf("%s is %s", c.check, all[c.check])
			}
			for name, o := range all {
				if c.check == "" && o != reports.Passed {
					t.Errorf("%s is %s", name, o)
				}
			}
		})
	}
}

// Where data is damaged and the recovery must refuse all the same (its backup is damaged too), what the fault left must
// still be there: neither repaired nor made worse.
func TestRefusalOnADamagedStore(t *testing.T) {
	meddles := recovery.Func("meddles", func(ctx context.Context, job recovery.Job) error {
		if err := faults.BadWrite("UPDATE customers SET email = 'no@body.example' WHERE id = 1").Inject(ctx, job.System); err != nil {
			return err
		}
		return recovery.Refuse("the backup is damaged")
	})
	for name, c := range map[string]struct {
		r    recovery.Recovery
		want reports.Outcome
	}{
		"leaves it": {recovery.Command(script(t, refuses)), reports.Passed},
		"meddles":   {meddles, reports.Failed},
	} {
		t.Run(name, func(t *testing.T) {
			d, _ := onFile(t, drill.Scenario{Name: "file/damaged", MustRefuse: true})
			if err := d.Break(t.Context(), faults.BadWrite("UPDATE payments SET amount = 0")); err != nil {
				t.Fatal(err)
			}
			wrongly(t, d.Recover(t.Context(), c.r), nil)
			for name, o := range outcomes(t, d) {
				if o != reports.Passed && name != "contents" {
					t.Errorf("%s is %s", name, o)
				}
				if name == "contents" && o != c.want {
					t.Errorf("contents is %s", o)
				}
			}
		})
	}
}

// A recovery that refuses where it should go on has failed, and the drill says why it refused.
func TestRefusalThatTheScenarioDoesNotWant(t *testing.T) {
	d, good := onFile(t, drill.Scenario{Name: "file/refused"})
	if err := d.Break(t.Context(), faults.BadWrite("UPDATE payments SET amount = 0")); err != nil {
		t.Fatal(err)
	}
	wrongly(t, d.Recover(t.Context(), recovery.Command(script(t, refuses)), drill.To(good)), drill.ErrRefused)
	if got := outcomes(t, d)["fault"]; got != reports.Failed {
		t.Errorf("fault is %s", got)
	}
	if rec := d.Record(); rec.Recovery.Refused != "the file answers" || rec.Recovery.ExitCode != 4 {
		t.Errorf("recorded %+v", rec.Recovery)
	}
}

func TestARefusalHasNoRTO(t *testing.T) {
	_, err := drill.Begin(t.Context(), nil, drill.Scenario{
		Name: "x", Owner: "x", Disaster: "x", Answers: []reports.Question{1}, MustRefuse: true, Objective: drill.Objective{RTO: time.Second},
	}, drill.Options{})
	if err == nil {
		t.Error("taken")
	}
}

// locked is an outage that is healed: a writer that never ends.
type locked struct{ held *handle.Handle }

func (*locked) Describe() faults.Description {
	return faults.Description{Name: "lock", Class: "outage", Detail: "somebody holds the lock"}
}
func (*locked) IsOutage() bool { return true }
func (l *locked) Inject(ctx context.Context, sys fixtures.System) (err error) {
	env, err := sys.(fixtures.Responder).Environment(ctx)
	if err == nil {
		l.held, err = handle.Open(ctx, env["GAMEDAY_FILE"], handle.Write, "BEGIN IMMEDIATE")
	}
	return err
}

func (l *locked) Heal(context.Context, fixtures.System) error {
	if l.held == nil {
		return nil
	}
	return l.held.Close()
}

// An outage from which the recovery must not recover (its backup is damaged, say) is healed before the store is read, and
// then the store must be what it was.
func TestRefusalInAnOutage(t *testing.T) {
	for name, want := range map[string]reports.Outcome{refuses: reports.Passed, "exit 1\n": reports.Failed} {
		d, _ := onFile(t, drill.Scenario{Name: "file/locked", MustRefuse: true, Objective: drill.Objective{LostWrites: drill.NoLoss()}})
		if err := d.Break(t.Context(), &locked{}); err != nil {
			t.Fatal(err)
		}
		err := d.Recover(t.Context(), recovery.Command(script(t, name)))
		if (err == nil) != (want == reports.Passed) {
			t.Errorf("%q: %v", name, err)
		}
		all := outcomes(t, d)
		for check, o := range all {
			if o != reports.Passed && check != "refusal" {
				t.Errorf("%q: %s is %s", name, check, o)
			}
		}
		if rec := d.Record(); all["refusal"] != want || rec.Outcome != want || rec.Fault.HealedNS <= rec.Recovery.EndedNS {
			t.Errorf("%q: refusal is %s, the drill %s, healed at %d", name, all["refusal"], rec.Outcome, rec.Fault.HealedNS)
		}
	}
}
