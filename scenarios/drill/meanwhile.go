package drill

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/recoverydrill/gameday/faults"
	"github.com/recoverydrill/gameday/reports"
)

// Moment is a point in the course of a recovery: see [AtStep] and [After].
type Moment struct {
	step  string
	after time.Duration
}

// AtStep is when the recovery says that a step of exactly this name begins.
func AtStep(name string) Moment { return Moment{step: name} }

// After is a time after the recovery's start; in [Until], after the injection.
func After(d time.Duration) Moment { return Moment{after: d} }

func (m Moment) String() string {
	if m.step != "" {
		return fmt.Sprintf("when the step %q began", m.step)
	}
	return fmt.Sprintf("after %s", m.after)
}

// Ending is when a fault is healed: see [Until].
type Ending struct{ moment Moment }

// Until heals the fault at this moment of the recovery rather than at its end.
func Until(m Moment) Ending { return Ending{m} }

// Meanwhile injects a fault while the recovery runs, with the same guard as [Drill.Break] has, and heals it when the
// recovery has ended, if it can be healed. The fault proves its own effect (faults.Prover), for the service is down anyway.
// A moment that never comes, or an effect that is not seen, makes the drill inconclusive. More than one may be given.
func Meanwhile(f faults.Fault, at Moment, until ...Ending) RecoverOption {
	return func(o *recoverOptions) {
		p := &player{fault: f, at: at, begin: make(chan struct{}), end: make(chan struct{})}
		if len(until) > 0 {
			p.until = &until[len(until)-1].moment
		}
		o.meanwhile = append(o.meanwhile, p)
	}
}

// provable refuses faults whose effect nobody could see while the service is down.
func provable(all []*player) error {
	for _, p := range all {
		if _, ok := p.fault.(faults.Prover); !ok {
			return fmt.Errorf("meanwhile: the fault %q proves no effect of its own (faults.Prover), and during a recovery nobody else can", p.fault.Describe().Name)
		}
	}
	return nil
}

// player waits for the moment of one fault, injects and heals it.
type player struct {
	fault       faults.Fault
	at          Moment
	until       *Moment
	begin, end  chan struct{} // closed when the steps of at and until begin
	begun, over bool          // the channels are closed; under the drill's lock
	done        chan struct{}
}

// play starts the players; the returned function ends them when the recovery has ended, and says what went wrong.
func (d *Drill) play(ctx context.Context, all []*player) (end func() error) {
	if len(all) == 0 {
		return func() error { return nil }
	}
	ctx, stop := context.WithCancel(ctx)
	d.mu.Lock()
	d.playing = all
	for _, p := range all {
		desc := p.fault.Describe()
		m := reports.Meanwhile{Name: desc.Name, Class: desc.Class, Description: desc.Detail, At: p.at.String()}
		if p.until != nil {
			m.Until = p.until.String()
		}
		d.rec.Meanwhile = append(d.rec.Meanwhile, m)
	}
	d.mu.Unlock()
	for i, p := range all {
		p.done = make(chan struct{})
		// Whatever happens, what can be healed is healed.
		d.cleanups = append(d.cleanups, func(ctx context.Context) error { return d.healLeft(ctx, p, i) })
		go func() {
			defer close(p.done)
			d.perform(ctx, p, i)
		}()
	}
	return func() error {
		stop()
		var errs []error
		for i, p := range all {
			<-p.done
			if m := d.rec.Meanwhile[i]; m.Error != "" {
				errs = append(errs, fmt.Errorf("meanwhile, %s: %s", m.Name, m.Error))
			}
		}
		return errors.Join(errs...)
	}
}

// perform is the life of one player. The recovery's end ends the wait, not the injection.
func (d *Drill) perform(ctx context.Context, p *player, i int) {
	defer d.healOnce(ctx, p, i)
	if !await(ctx, p.at, p.begin) {
		d.noteMeanwhile(i, func(m *reports.Meanwhile) {
			m.Error = "the moment never came: the recovery ended before (" + m.At + ")"
		})
		return
	}
	limit, cancel := context.WithTimeout(context.WithoutCancel(ctx), injectLimit)
	defer cancel()
	guard := d.guard
	guard.Recovering = true
	var in faults.Injection
	unseen, err := d.aroundStock(limit, func() (err error) {
		in, err = faults.Inject(limit, p.fault, d.sys, guard, d.clock)
		return err
	})
	var proof string
	if err == nil {
		proof, err = p.fault.(faults.Prover).Prove(limit, d.sys) //nolint:forcetypeassert // see provable
	}
	desc := p.fault.Describe()
	d.noteMeanwhile(i, func(m *reports.Meanwhile) {
		m.Description, m.InjectNS, m.InjectedNS, m.Proof, m.Proven = strings.Join(append([]string{desc.Detail}, unseen...), "; "), in.StartNS, in.EndNS, proof, err == nil
		if err != nil {
			m.Error = err.Error()
		}
	})
	if p.until == nil {
		<-ctx.Done()
		return
	}
	select {
	case <-p.end:
		d.noteMeanwhile(i, func(m *reports.Meanwhile) {
			m.Error = cmp.Or(m.Error, "the step at which it was to be healed began before it had taken effect: the recovery withstood nothing")
		})
	default:
		await(ctx, *p.until, p.end)
	}
}

// injectLimit is how long an injection and its proof may take while a recovery runs.
const injectLimit = 30 * time.Second

// await returns whether the moment came before ctx ended.
func await(ctx context.Context, m Moment, step <-chan struct{}) bool {
	var timer <-chan time.Time
	if m.step == "" {
		step = nil
		t := time.NewTimer(m.after)
		defer t.Stop()
		timer = t.C
	}
	select {
	case <-step:
		return true
	case <-timer:
		return true
	case <-ctx.Done():
		select {
		case <-step: // both came
			return true
		default:
			return false
		}
	}
}

// healOnce heals what a player has injected, once.
func (d *Drill) healOnce(ctx context.Context, p *player, i int) {
	d.mu.Lock()
	tried := d.rec.Meanwhile[i].InjectNS > 0
	d.mu.Unlock()
	if _, ok := p.fault.(faults.Healer); !ok || !tried {
		return
	}
	limit, cancel := context.WithTimeout(context.WithoutCancel(ctx), injectLimit)
	defer cancel()
	err := faults.Heal(limit, p.fault, d.sys)
	d.noteMeanwhile(i, func(m *reports.Meanwhile) {
		if err != nil {
			m.Error = errors.Join(errors.New(m.Error), err).Error()
			return
		}
		m.HealedNS = d.clock.NowNS()
	})
}

// healLeft heals what could not be healed when its time came.
func (d *Drill) healLeft(ctx context.Context, p *player, i int) error {
	d.mu.Lock()
	m := d.rec.Meanwhile[i]
	d.mu.Unlock()
	if m.InjectNS == 0 || m.HealedNS > 0 {
		return nil
	}
	return faults.Heal(ctx, p.fault, d.sys)
}

func (d *Drill) noteMeanwhile(i int, edit func(m *reports.Meanwhile)) {
	d.mu.Lock()
	defer d.mu.Unlock()
	edit(&d.rec.Meanwhile[i])
	fmt.Fprintf(d.progress, "gameday: meanwhile %s\n", d.mask(d.rec.Meanwhile[i].Name))
}

// stepBegan tells the players. The drill's lock is held.
func (d *Drill) stepBegan(name string) {
	for _, p := range d.playing {
		if !p.begun && p.at.step == name && name != "" {
			p.begun = true
			close(p.begin)
		}
		if p.until != nil && !p.over && p.until.step == name && name != "" && (p.begun || p.at.step == "") { // not one before it
			p.over = true
			close(p.end)
		}
	}
}
