// Package derived is the reference procedure for a store that is derived from a source of truth elsewhere: a search index, a
// read model, a cache. It is made anew from the source alone (Rebuild), or from a backup and the events that the source
// has recorded since (Resume), which loses nothing either and is quicker. What an event does to the store is the team's
// own code, the same that applies it when it happens: a [Projection].
//
// Both end in the same way: the source is held for the moment in which the last events are applied and clients are let in, so
// that no event falls between the two.
package derived

import (
	"context"
	"errors"
	"fmt"

	"github.com/recoverydrill/gameday/fixtures/eventlog"
	recovery "github.com/recoverydrill/gameday/recover"
)

// Source is where the truth is. [eventlog.File] is one.
type Source interface {
	// Events calls each for every event after a given number, in order, up to the end as it is now, and returns the
	// number of the last event of the source. An *[eventlog.DamageError] says that one is missing or damaged.
	Events(ctx context.Context, after uint64, each func(eventlog.Event) error) (last uint64, err error)
	// Hold keeps the source from taking further events until release.
	Hold(ctx context.Context) (release func() error, err error)
}

// Projection is the store that is made, and what events do to it. It is the team's own.
type Projection interface {
	// Begin makes the store to fill, empty or from a backup, and returns the number of the last event that it is known to
	// hold with all those before. It takes away what an earlier run has left, and does not touch what clients use.
	Begin(ctx context.Context, job recovery.Job) (holds uint64, err error)
	// Apply applies an event once: one that the store holds already is passed over.
	Apply(ctx context.Context, e eventlog.Event) error
	// Serve makes what was applied durable and lets clients use the store.
	Serve(ctx context.Context, job recovery.Job) error
	// Close lets go of the store, whatever became of it. Closing one that was never begun is no error.
	Close() error
}

// Procedure is one recovery. It refuses, with everything as it was, where the source has a hole, is damaged, or ends before
// the backup.
type Procedure struct {
	source Source
	into   Projection
	resume bool
}

var (
	_ recovery.Recovery    = Procedure{}
	_ recovery.Planner     = Procedure{}
	_ recovery.Preflighter = Procedure{}
)

// Rebuild makes the store anew from the source's first event on. into begins with an empty store.
func Rebuild(source Source, into Projection) Procedure { return Procedure{source: source, into: into} }

// Resume restores a backup, and applies the events that the source has recorded since.
func Resume(source Source, into Projection) Procedure {
	return Procedure{source: source, into: into, resume: true}
}

// Name is what reports call it.
func (p Procedure) Name() string {
	if p.resume {
		return "backup and replay of the source"
	}
	return "rebuild from the source"
}

// Recover runs the procedure.
func (p Procedure) Recover(ctx context.Context, job recovery.Job) (err error) {
	if p.source == nil || p.into == nil {
		return errors.New("derived: a source and a projection are required")
	}
	defer func() { err = errors.Join(err, p.into.Close()) }()
	return job.Run(ctx, (&replay{Procedure: p, job: job}).steps()...)
}

// Plan says what Recover would do.
func (p Procedure) Plan(_ context.Context, job recovery.Job) (recovery.Plan, error) {
	return recovery.PlanOf((&replay{Procedure: p, job: job}).steps()...), nil
}

// Preflight looks whether the source is whole, and asks the projection where it is a [recovery.Preflighter].
func (p Procedure) Preflight(ctx context.Context, job recovery.Job) ([]recovery.Need, error) {
	need := recovery.Need{Resource: recovery.NeedsLog, Where: "the source"}
	last, err := p.whole(ctx)
	var no *recovery.Refused
	switch {
	case errors.As(err, &no):
		need.Detail = no.Reason
	case err != nil:
		return nil, fmt.Errorf("derived: look at the source: %w", err)
	default:
		need.Met, need.Detail = true, fmt.Sprintf("%d events, without a hole", last)
	}
	needs := []recovery.Need{need}
	if f, ok := p.into.(recovery.Preflighter); ok {
		more, err := f.Preflight(ctx, job)
		if err != nil {
			return nil, fmt.Errorf("derived: %w", err)
		}
		needs = append(needs, more...)
	}
	return needs, nil
}

// whole reads the source to its end.
func (p Procedure) whole(ctx context.Context) (uint64, error) {
	last, err := p.source.Events(ctx, 0, func(eventlog.Event) error { return nil })
	var damage *eventlog.DamageError
	switch {
	case errors.As(err, &damage):
		return last, recovery.Refuse("%v", damage)
	case err == nil && last == 0:
		return 0, recovery.Refuse("the source has no events")
	}
	return last, err
}

type replay struct {
	Procedure

	job  recovery.Job
	ends uint64 // of the source, when it was looked at
	at   uint64 // the last event that the store holds
}

func (r *replay) steps() []recovery.Step {
	begin := recovery.Step{Name: "make an empty store", Does: "make an empty store with its structure, beside the one that clients use", Do: r.begin}
	if r.resume {
		begin = recovery.Step{Name: "restore the backup", Does: "restore the newest backup beside the store that clients use", Do: r.begin}
	}
	return []recovery.Step{
		{Name: "look at the source", Does: "read the source from its first event to its end, and refuse if there is a hole in it", Do: r.look},
		begin,
		{Name: "replay the source", Does: "apply every event after the last that the store holds", Do: r.catchUp},
		{Name: "catch up and cut over", Does: "hold the source, apply what has come meanwhile, and let clients use the store", Do: r.cutOver},
	}
}

func (r *replay) look(ctx context.Context) (err error) {
	r.ends, err = r.whole(ctx)
	return err
}

func (r *replay) begin(ctx context.Context) error {
	holds, err := r.into.Begin(ctx, r.job)
	switch {
	case err != nil:
		return err
	case !r.resume && holds > 0:
		return fmt.Errorf("the store is to be empty, and holds the events up to %d", holds)
	case holds > r.ends:
		return recovery.Refuse("the backup holds the events up to %d, and the source ends with %d: one of them is not of this store", holds, r.ends)
	}
	r.at = holds
	return nil
}

// catchUp applies events up to the end of the source as it is now.
func (r *replay) catchUp(ctx context.Context) error {
	from := r.at
	_, err := r.source.Events(ctx, r.at, func(e eventlog.Event) error {
		if err := r.into.Apply(ctx, e); err != nil {
			return fmt.Errorf("apply event %d: %w", e.Number, err)
		}
		r.at = e.Number
		return nil
	})
	_, _ = fmt.Fprintf(r.job.Output, "%d events were replayed, from %d on\n", r.at-from, from+1)
	return err
}

func (r *replay) cutOver(ctx context.Context) (err error) {
	release, err := r.source.Hold(ctx)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, release()) }()
	if err := r.catchUp(ctx); err != nil {
		return err
	}
	return r.into.Serve(ctx, r.job)
}
