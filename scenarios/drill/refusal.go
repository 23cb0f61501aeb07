package drill

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/recoverydrill/gameday/faults"
	recovery "github.com/recoverydrill/gameday/recover"
	"github.com/recoverydrill/gameday/reports"
)

// ErrRefused is wrapped by the error of Recover when the recovery refused and the scenario does not want that.
var ErrRefused = errors.New("the recovery refused")

// ErrNotRefused is wrapped by the error of Recover when the recovery had to refuse (Scenario.MustRefuse) and did not.
var ErrNotRefused = errors.New("the recovery had to refuse and did not")

// noteEnd keeps how a recovery ended. A refusal is an error of its own, or what a command printed before it exited with
// another status than 0: one that prints it and goes on has not refused.
func (d *Drill) noteEnd(rr *reports.Recovery, err error) {
	said := rr.Refused // by a line of output
	rr.Refused = ""
	if err == nil {
		if said != "" {
			rr.Error = "it said that it refuses (" + said + ") and ended with success: a command that refuses exits with another status than 0"
		}
		return
	}
	if errors.Is(err, recovery.ErrNotStruck) { // which says nothing of the recovery
		d.rec.Error = cmp.Or(d.rec.Error, d.mask(err.Error()))
		return
	}
	rr.Error = d.mask(err.Error())
	var exit *recovery.ExitStatus
	if errors.As(err, &exit) {
		rr.ExitCode, rr.Refused = exit.Code, said
	}
	var refused *recovery.Refused
	if errors.As(err, &refused) {
		rr.Refused = d.mask(refused.Reason)
	}
}

// heardRefusal takes the line "gameday: refuse REASON". The first counts.
func (d *Drill) heardRefusal(rr *reports.Recovery, reason string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if rr.Refused == "" {
		rr.Refused = d.mask(reason)
	}
}

// afterRefusal is what is left of a drill whose recovery had to refuse, whether it did or not. Clients go on for a while
// on the store as it is, so that damage which the recovery did all the same is seen.
func (d *Drill) afterRefusal(ctx context.Context, rr *reports.Recovery, err error) error {
	var wrong error
	switch {
	case rr.Refused != "":
		d.detail("refused: %s", rr.Refused)
	case err == nil:
		wrong = fmt.Errorf("%w: %s ran to its end", ErrNotRefused, rr.Name)
	default:
		wrong = fmt.Errorf("%w: %w (its output: %s)", ErrNotRefused, err, d.path(reports.OutputFile))
	}
	return errors.Join(wrong, d.watchOn(ctx))
}

func (d *Drill) watchOn(ctx context.Context) error {
	if faults.SeenByClock(d.fault) {
		if err := d.heal(ctx); err != nil {
			return err
		}
		if err := d.waitCorrect(ctx, d.rec.Fault.HealedNS, d.scenario.ServiceLimit); err != nil {
			return fmt.Errorf("%w %s after the fault was healed: %w", ErrNotBack, d.scenario.ServiceLimit, err)
		}
	}
	if err := d.acknowledged(ctx, int64(d.scenario.MinAcknowledged)); err != nil {
		return fmt.Errorf("writes after the recovery refused: %w", err)
	}
	watch := time.Duration(d.scenario.Consecutive) * time.Duration(d.rec.Service.IntervalMS) * time.Millisecond
	select {
	case <-ctx.Done():
		return context.Cause(ctx)
	case <-time.After(watch):
	}
	return nil
}

// heal ends an outage before the drill's end.
func (d *Drill) heal(ctx context.Context) error {
	if err := faults.Heal(ctx, d.fault, d.sys); err != nil {
		return err
	}
	d.rec.Fault.HealedNS = d.clock.NowNS()
	return d.save()
}
