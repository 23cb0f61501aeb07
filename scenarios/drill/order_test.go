package drill

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/recoverydrill/gameday/faults"
	"github.com/recoverydrill/gameday/fixtures"
	"github.com/recoverydrill/gameday/fixtures/traffic"
	recovery "github.com/recoverydrill/gameday/recover"
	"github.com/recoverydrill/gameday/reports"
)

func blank() *Drill {
	return &Drill{rec: &reports.Record{Fault: nil}, marks: map[string]*taken{}}
}

// Calls out of order must name the call that is missing, before anything is touched: the drill here has no system at
// all, so a call that went on would panic.
func TestCallsOutOfOrderNameTheMissingCall(t *testing.T) {
	ctx := t.Context()
	nothing := recovery.Func("nothing", func(context.Context, recovery.Job) error { return nil })
	for _, c := range []struct {
		name    string
		drill   func() *Drill
		call    func(*Drill) error
		missing string
	}{
		{"mark before traffic", blank, func(d *Drill) error { _, err := d.Mark(ctx, "m"); return err }, "Traffic"},
		{"break before traffic", blank, func(d *Drill) error { return d.Break(ctx, faults.BadWrite("x")) }, "Traffic"},
		{"break before mark", withTraffic, func(d *Drill) error { return d.Break(ctx, faults.BadWrite("x")) }, "Mark"},
		{"recover before break", withTraffic, func(d *Drill) error { return d.Recover(ctx, nothing) }, "Break"},
	} {
		t.Run(c.name, func(t *testing.T) {
			d := c.drill()
			err := c.call(d)
			if err == nil || d.rec.Error != err.Error() {
				t.Errorf("the record says %q, the error is %v", d.rec.Error, err)
			}
			var order *OrderError
			if !errors.As(err, &order) || order.Missing != c.missing {
				t.Fatalf("got %v, want an order error that names %s", err, c.missing)
			}
			if !strings.Contains(err.Error(), "call "+c.missing+" first") {
				t.Errorf("the message does not say what to call: %s", err)
			}
		})
	}
}

func TestCallsThatComeTwiceAreRefused(t *testing.T) {
	ctx := t.Context()
	broken := func() *Drill {
		d := withTraffic()
		d.fault, d.rec.Fault, d.rec.Recovery = faults.BadWrite("x"), &reports.Fault{Proven: true}, &reports.Recovery{}
		d.latest = &taken{}
		return d
	}
	for name, err := range map[string]error{
		"traffic": withTraffic().Traffic(ctx, traffic.Mix{}),
		"backup":  broken().Backup(ctx),
		"break":   broken().Break(ctx, faults.BadWrite("x")),
		"recover": broken().Recover(ctx, recovery.Func("n", nil)),
		"mark":    second(broken().Mark(ctx, "late")),
	} {
		var once *OnceError
		if !errors.As(err, &once) {
			t.Errorf("%s: got %v, want a once error", name, err)
		}
	}
}

func TestVerifyWithoutRecoveryIsInconclusive(t *testing.T) {
	d := withTraffic()
	d.rec.Outcome = reports.Passed // whatever it was before
	if rec := d.Verify(t.Context()); rec.Outcome != reports.Inconclusive || !strings.Contains(rec.Error, "call Recover first") {
		t.Errorf("got %s, %q", rec.Outcome, rec.Error)
	}
}

func TestRecoverToAMarkThatWasNotTaken(t *testing.T) {
	d := withTraffic()
	d.fault, d.rec.Fault = faults.BadWrite("x"), &reports.Fault{Proven: true}
	d.latest = &taken{}
	d.marks["before the deploy"] = &taken{mark: fixtures.Mark{Label: "before the deploy", Name: "a"}}
	d.rec.Marks = []fixtures.Mark{{Label: "before the deploy"}}
	for _, m := range []fixtures.Mark{{Label: "never", Name: "x"}, {Label: "before the deploy", Name: "forged"}} {
		err := d.Recover(t.Context(), recovery.Func("n", nil), To(m))
		if err == nil || !strings.Contains(err.Error(), `"before the deploy"`) || !strings.Contains(err.Error(), "was not taken") {
			t.Errorf("mark %+v: got %v", m, err)
		}
	}
}

func TestRecoverFromAnUnprovenFaultIsRefused(t *testing.T) {
	d := withTraffic()
	d.fault, d.rec.Fault = faults.BadWrite("x"), &reports.Fault{}
	err := d.Recover(t.Context(), recovery.Func("n", func(context.Context, recovery.Job) error {
		t.Error("the recovery ran")
		return nil
	}))
	if !errors.Is(err, ErrNoEffect) {
		t.Errorf("got %v", err)
	}
}

func TestScenarioMustSayWhatMatters(t *testing.T) {
	_, err := Scenario{Waivers: []reports.Waiver{{Check: "contents"}}}.complete()
	if err == nil {
		t.Fatal("an empty scenario was taken")
	}
	for _, field := range []string{"Scenario.Name", "Scenario.Owner", "Scenario.Disaster", "Scenario.Answers", "no reason"} {
		if !strings.Contains(err.Error(), field) {
			t.Errorf("the message does not name %s: %s", field, err)
		}
	}
}

func withTraffic() *Drill {
	d := blank()
	d.driver = &traffic.Driver{}
	return d
}

func second[T any](_ T, err error) error { return err }
