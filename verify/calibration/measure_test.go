package calibration_test

import (
	"context"
	"fmt"
	"os"
	"testing"
	"time"

	"github.com/recoverydrill/gameday/fixtures"
	"github.com/recoverydrill/gameday/fixtures/probe"
	"github.com/recoverydrill/gameday/reports"
	"github.com/recoverydrill/gameday/verify"
)

const (
	interval = 20 * time.Millisecond
	needed   = 25 // correct answers in a row: half a second, shorter than a drill's own, so that the cases are short
)

// outage is one scripted outage. Its script breaks the service, waits, and mends it, on the moments' clock.
type outage struct {
	name  string
	slow  bool // only with GAMEDAY_TESTS=all
	never bool // service does not come back: the verdict must be failed, and no time be given
	// early is how much too early the end may be read where only some of the kept connections are affected: each is
	// asked in its turn.
	early time.Duration
	// script notes the moments.
	script func(ctx context.Context, m *moments) error
}

// moments are what the script knows, on the drill's clock.
type moments struct {
	clock fixtures.Clock
	pause func(time.Duration)

	broken  int64         // when the service was lost
	declare time.Duration // when the recovery is declared, after the service was lost; 0 is one interval
	claimed int64         // when a recovery would have said that it is back; 0 is at the latest of mended
	mended  [2]int64      // the true end lies between these two: before and after the step that mended it
}

// lose notes the first effect.
func (m *moments) lose() {
	if m.broken == 0 {
		m.broken = m.clock.NowNS()
	}
}

// declareNow notes that the recovery is declared.
func (m *moments) declareNow() { m.declare = time.Duration(m.clock.NowNS() - m.broken) }

// claim notes that a recovery believes to be done.
func (m *moments) claim() { m.claimed = m.clock.NowNS() }

// mend notes the step that brings the service back.
func (m *moments) mend(step func() error) error {
	m.mended[0] = m.clock.NowNS()
	err := step()
	m.mended[1] = m.clock.NowNS()
	return err
}

// watched is a service that can be asked.
type watched struct {
	dial     probe.Dialer
	address  func() string
	canaries []probe.Canary
}

// result is what was measured.
type result struct {
	outcome reports.Outcome
	reached bool
	trueMS  float64 // from the first effect to the end, by the script
	readMS  float64 // the same by the service clock
	errorMS float64 // the difference to the nearest moment at which the end can have been
	stalled bool    // the harness itself stood still: the run says nothing
	says    string
}

// measure runs the script below the probe and reads the series as a verdict does.
func measure(t *testing.T, w watched, o outage) result {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	clock := fixtures.NewClock()
	p, err := probe.Start(ctx, probe.Options{Dial: w.dial, Address: w.address, Clock: clock, Interval: interval, Canaries: w.canaries})
	if err != nil {
		t.Fatal(err)
	}
	defer p.Stop(context.WithoutCancel(ctx)) //nolint:errcheck // a test's
	if _, err := p.WaitCorrect(ctx, 0, needed+10); err != nil {
		t.Fatalf("before the outage: %v", err)
	}
	m := &moments{clock: clock, pause: func(d time.Duration) {
		select {
		case <-time.After(d):
		case <-ctx.Done():
		}
	}}
	if err := o.script(ctx, m); err != nil {
		t.Fatal(err)
	}
	if o.never {
		m.pause(needed * interval * 3)
	} else if _, err := p.WaitCorrect(ctx, m.mended[1], needed+20); err != nil {
		t.Fatalf("after the outage: %v", err)
	}
	if err := p.Stop(ctx); err != nil {
		t.Fatal(err)
	}
	return read(m, w, p)
}

func read(m *moments, w watched, p *probe.Prober) result {
	declared := m.broken + max(m.declare, interval).Nanoseconds()
	ended := m.claimed
	if ended == 0 {
		ended = m.mended[1]
	}
	rec := &reports.Record{
		SchemaVersion: reports.Schema, Canaries: w.canaries, Service: reports.Service{IntervalMS: interval.Milliseconds(), Needed: needed},
		Fault:    &reports.Fault{Name: "scripted", InjectNS: m.broken, InjectedNS: m.broken, EffectNS: m.broken, Proven: true},
		Recovery: &reports.Recovery{Name: "scripted", DeclaredNS: declared, EndedNS: max(ended, declared)},
	}
	e := &verify.Evidence{Record: rec, Probe: p.Answers()}
	rec.Checks = verify.Judge(context.Background(), e, []verify.Check{verify.Service{}}, nil)
	verify.Summarise(rec, e)
	r := result{outcome: rec.Checks[0].Outcome, reached: rec.Service.Reached, stalled: len(p.Stalls()) > 0}
	for _, f := range rec.Checks[0].Findings {
		r.says += f.Summary + "; "
	}
	if m.mended[1] > 0 {
		r.trueMS = float64(m.mended[1]-m.broken) / 1e6
	}
	if back := rec.Service.BackNS; back > 0 {
		r.readMS = float64(back-m.broken) / 1e6
		switch {
		case back < m.mended[0]:
			r.errorMS = float64(back-m.mended[0]) / 1e6
		case back > m.mended[1]:
			r.errorMS = float64(back-m.mended[1]) / 1e6
		}
	}
	return r
}

// question is how long one question may take beside the interval. The time of service is when its answer was there.
const question = 10 * time.Millisecond

// calibrate measures an outage until the machine lets it, and wants the clock to be right: no earlier than the truth, and
// later by an interval and a question at most. A machine that is busy makes answers late, never early.
func calibrate(t *testing.T, w func() watched, o outage) {
	t.Helper()
	if o.slow && os.Getenv("GAMEDAY_TESTS") != "all" {
		t.Skip("a long outage: GAMEDAY_TESTS=all")
	}
	t.Parallel()
	calibrateAlone(t, w, o)
}

// calibrateAlone is calibrate for outages of one service, one after another.
func calibrateAlone(t *testing.T, w func() watched, o outage) {
	t.Helper()
	if o.slow && os.Getenv("GAMEDAY_TESTS") != "all" {
		t.Skip("a long outage: GAMEDAY_TESTS=all")
	}
	var r result
	for range 6 {
		r = measure(t, w(), o)
		if o.never {
			break
		}
		if r.errorMS < -float64(o.early.Milliseconds()) {
			t.Fatalf("the clock says that service was back %.1f ms before it was: %+v", -r.errorMS, r)
		}
		if r.reached && !r.stalled && r.errorMS <= float64((interval+question).Milliseconds()) {
			break
		}
		t.Logf("once more: %+v", r)
	}
	switch {
	case o.never && (r.outcome == reports.Passed || r.reached):
		t.Errorf("service never came back, and the clock says %+v", r)
	case o.never:
		note(o.name, "–", "never", r.outcome.String(), "–")
	case !r.reached || r.outcome != reports.Passed || r.errorMS > float64((interval+question).Milliseconds()):
		t.Errorf("want an error of %s and a question at most: %+v", interval, r)
	default:
		note(o.name, fmt.Sprintf("%.0f", r.trueMS), fmt.Sprintf("%.0f", r.readMS), r.outcome.String(), fmt.Sprintf("%+.1f", r.errorMS))
	}
}
