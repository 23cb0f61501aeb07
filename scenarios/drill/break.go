package drill

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/recoverydrill/gameday/faults"
	"github.com/recoverydrill/gameday/fixtures"
	"github.com/recoverydrill/gameday/fixtures/probe"
	"github.com/recoverydrill/gameday/reports"
	"github.com/recoverydrill/gameday/verify"
)

const (
	proofLimit  = 20               // findings of the proof that the record keeps
	canaryLimit = 50               // damaged rows of each table that the service clock asks about, in one question
	seenLimit   = 10 * time.Second // for the service clock to see the damage
	// wellLimit is how long a service may take to be well before the drill and before the fault. A sound one is well at once; on
	// a machine that has much else to do it is now and then for a second.
	wellLimit = 45 * time.Second
	goodAfter = 20 // writes acknowledged on the damaged store before the drill goes on
)

// unasked is the note of a drill whose damage the checks saw and the service clock did not.
const unasked = "the service clock did not see the damage: no canary asks about what it hit"

// ErrNoEffect is wrapped by the error of Break when the damage could not be seen: the drill is void.
var ErrNoEffect = errors.New("the fault took no effect")

// Break damages the system, proves that the damage is there, waits until it has spread to where the fault says it goes,
// and lets traffic go on for a while on the damaged store where it can.
func (d *Drill) Break(ctx context.Context, f faults.Fault) error {
	if err := errors.Join(
		d.before("Break", "Traffic", "without traffic nobody knows what must survive", d.driver != nil),
		d.before("Break", "Mark", "without a mark there is nothing to compare with", d.latest != nil || d.driver == nil),
	); err != nil {
		return d.refused(err)
	}
	if d.fault != nil {
		return d.refused(&OnceError{Call: "Break", Since: "Break"})
	}
	if err := d.scenario.says("fault", d.scenario.Fault, f.Describe().Name); err != nil {
		return d.refused(fmt.Errorf("break: %w", err))
	}
	return d.phase(ctx, "break", func(ctx context.Context) error { return d.breakIt(ctx, f) })
}

func (d *Drill) breakIt(ctx context.Context, f faults.Fault) error {
	if err := d.waitCorrect(ctx, d.clock.NowNS(), wellLimit); err != nil {
		return fmt.Errorf("the service is not healthy before the fault: %w", err)
	}
	// The clean-up first: whatever happens from here on, what can be healed is healed.
	d.cleanups = append(d.cleanups, func(ctx context.Context) error { return faults.Heal(ctx, f, d.sys) })
	d.fault, d.rec.Fault = f, &reports.Fault{}
	if err := d.takeStock(ctx); err != nil {
		return err
	}
	var in faults.Injection
	unseen, err := d.aroundStock(ctx, func() (err error) {
		in, err = faults.Inject(ctx, f, d.sys, d.guard, d.clock)
		return err
	})
	desc := f.Describe()
	desc.Notes = append(desc.Notes, unseen...)
	*d.rec.Fault = reports.Fault{
		Name: desc.Name, Class: desc.Class, Description: desc.Detail, Notes: desc.Notes,
		InjectNS: in.StartNS, InjectedNS: in.EndNS, EffectNS: d.firstEffect(f, in.EndNS),
	}
	if err != nil {
		return err
	}
	if err := d.prove(ctx, f); err != nil {
		return err
	}
	return d.spread(ctx, f)
}

// prove sees the damage: an outage by the service clock, any other by the checks and then by the service clock too.
func (d *Drill) prove(ctx context.Context, f faults.Fault) error {
	rf := d.rec.Fault
	if p, ok := f.(faults.Prover); ok {
		evidence, err := p.Prove(ctx, d.sys)
		if errors.Is(err, faults.ErrNotSeen) {
			return fmt.Errorf("%w: %s: %w", ErrNoEffect, rf.Description, err)
		}
		if err != nil {
			return fmt.Errorf("prove the fault: %w", err)
		}
		rf.Notes = append(rf.Notes, "proof: "+evidence)
		rf.Silent = faults.IsSilent(f) // known only now: a server may not have come back
		if rf.Silent {
			if err := d.looksBeyond(ctx, f); err != nil {
				return err
			}
		}
		rf.Proven = rf.Silent
	}
	if rf.Proven {
		return d.save()
	}
	if !faults.SeenByClock(f) {
		findings, err := d.damage(ctx, f)
		if err != nil {
			return err
		}
		rf.ProofTotal, rf.Proof = len(findings), findings[:min(len(findings), proofLimit)]
		if len(findings) == 0 {
			return fmt.Errorf("%w: %s ran, and no check sees any difference on the damaged store (evidence: %s); a drill of it would prove nothing",
				ErrNoEffect, d.rec.Fault.Description, d.path(reports.DamagedDir))
		}
		rf.Proven = true
	}
	bad, err := d.waitBad(ctx, rf.InjectNS)
	switch {
	case err == nil:
		rf.Proven = true
		rf.EffectNS = min(rf.EffectNS, max(bad.AtNS, rf.InjectNS))
		_, proves := f.(faults.Prover)
		watch := func(context.Context, int64) error { return nil }
		switch {
		case faults.EndsByItself(f):
			watch = d.outlasts
		case faults.SeenByClock(f) && !proves:
			watch = d.lasts
		case !faults.SeenByClock(f):
			watch = d.shows
		}
		if err := watch(ctx, rf.InjectNS); err != nil {
			rf.Proven = false
			return fmt.Errorf("%w: %s: %w", ErrNoEffect, rf.Description, err)
		}
		return d.save()
	case faults.SeenByClock(f):
		return fmt.Errorf("%w: %s, and the service clock saw no failed or wrong answer: %w", ErrNoEffect, rf.Description, err)
	default:
		// The checks saw it, the clock did not: Service will be inconclusive, and the record says why.
		rf.Notes = append(rf.Notes, unasked)
		return d.save()
	}
}

// shows waits until clients have lost more than a connection that the injection has cost them: a recovery that is quick would
// else be over before anybody has asked about the damage. Where nobody does within the limit, the record says so.
func (d *Drill) shows(ctx context.Context, since int64) error {
	limited, cancel := context.WithTimeout(ctx, seenLimit)
	defer cancel()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for !verify.Lost(answersSince(d.prober.Answers(), since), d.scenario.Consecutive) {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-limited.Done():
			d.rec.Fault.Notes = append(d.rec.Fault.Notes, unasked)
			return nil
		case <-tick.C:
		}
	}
	return nil
}

// lasts waits until an outage is more than a connection that broke or an answer that was late. One that is over by itself
// before that leaves the recovery nothing to end: it would be credited with what it did not do.
func (d *Drill) lasts(ctx context.Context, since int64) error {
	ctx, cancel := context.WithTimeout(ctx, seenLimit)
	defer cancel()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		series := answersSince(d.prober.Answers(), since)
		tail := 0 // answers of the same sort at the end
		for tail < len(series) && (series[len(series)-1-tail].Kind == probe.Correct) == (series[len(series)-1].Kind == probe.Correct) {
			tail++
		}
		well := len(series) > 0 && series[len(series)-1].Kind == probe.Correct
		switch {
		case !well && tail > 2, well && verify.Lost(series, d.scenario.Consecutive):
			return nil
		case well && tail >= d.scenario.Consecutive:
			return errors.New("the service was well again by itself: clients lost no more than a connection that was kept, or an answer that was late")
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("clients lost too little to tell an outage: %w", ctx.Err())
		case <-tick.C:
		}
	}
}

// outlasts watches an outage that may end by itself: one that does so within the limit is nothing that a recovery could end.
func (d *Drill) outlasts(ctx context.Context, since int64) error {
	ctx, cancel := context.WithTimeout(ctx, seenLimit)
	defer cancel()
	_, err := d.prober.WaitCorrect(ctx, since, d.scenario.Consecutive)
	switch {
	case err == nil:
		return errors.New("the service was well again by itself, without any recovery")
	case errors.Is(ctx.Err(), context.DeadlineExceeded):
		return nil
	}
	return err
}

// firstEffect is when a fault began to do damage: with the end of its injection, unless it says that it was earlier.
func (d *Drill) firstEffect(f faults.Fault, endNS int64) int64 {
	if g, ok := f.(faults.Gradual); ok {
		if at := g.FirstEffect(); !at.IsZero() {
			return min(endNS, d.clock.NS(at))
		}
	}
	return endNS
}

func answersSince(series []probe.Answer, ns int64) []probe.Answer {
	return slices.DeleteFunc(series, func(a probe.Answer) bool { return a.AtNS < ns })
}

// damage surveys the damaged store, runs the checks that see damage, and points the service clock at the damaged rows.
func (d *Drill) damage(ctx context.Context, f faults.Fault) ([]reports.Finding, error) {
	found, err := d.surveyAt(ctx, reports.DamagedDir, false)
	if err != nil {
		return nil, fmt.Errorf("survey the damaged store: %w", err)
	}
	d.damaged = found
	e := &verify.Evidence{Dir: d.dir, Record: d.rec, Baseline: d.latest.manifest, BaseDir: d.latest.dir, Found: found, FoundDir: reports.DamagedDir}
	findings, err := verify.DamageProof(ctx, e, d.scenario.proof)
	if err != nil {
		return nil, fmt.Errorf("check the damaged store: %w", err)
	}
	rows := damagedRows(f, findings)
	d.rec.Canaries = d.chosen(d.latest.canaries, rows)
	if rows, err = d.watchRest(f, rows); err != nil {
		return nil, err
	}
	d.spoiled = rows
	d.watch(rows)
	return findings, nil
}

// damagedRows are rows of each table to ask about, spread over all that are damaged: those that the checks name, and of what
// the fault says it has hit as many more. The former are sure to be wrong; of a block with an older version of its rows only
// some are. A repair in the order of the keys, or of the blocks, is done with a few neighbours long before it is done.
func damagedRows(f faults.Fault, findings []reports.Finding) []faults.Rows {
	var all []faults.Rows
	index := map[[2]string]int{}
	of := func(database, table string) *faults.Rows {
		k := [2]string{database, table}
		if _, ok := index[k]; !ok {
			index[k] = len(all)
			all = append(all, faults.Rows{Database: database, Table: table})
		}
		return &all[index[k]]
	}
	for _, f := range findings { // of a table without a key no row is named
		if f.Outcome == reports.Failed && f.Where.Database != "" && f.Where.Table != "" {
			of(f.Where.Database, f.Where.Table)
		}
	}
	for _, r := range verify.DamagedRows(findings) {
		rows := of(r.Database, r.Table)
		rows.Keys = append(rows.Keys, r.Key)
	}
	hit := map[[2]string][]string{}
	if l, ok := f.(faults.Locator); ok {
		for _, r := range l.Hit() {
			of(r.Database, r.Table)
			k := [2]string{r.Database, r.Table}
			hit[k] = append(hit[k], r.Keys...)
		}
	}
	for i := range all {
		r := &all[i]
		r.Keys = append(r.Keys, verify.Spread(hit[[2]string{r.Database, r.Table}], max(0, canaryLimit-len(r.Keys)))...)
	}
	return all
}

// surveyAt reads the store behind the route, or counts its rows only.
func (d *Drill) surveyAt(ctx context.Context, dir string, countOnly bool) (*fixtures.Manifest, error) {
	snap, err := d.sys.(fixtures.Surveyor).Snapshot(ctx, "") // Mark has seen that it can
	if err != nil {
		return nil, err
	}
	defer closeQuietly(ctx, snap)
	return d.survey(ctx, snap, dir, d.latest.mark.Label, fixtures.SurveyOptions{Expect: d.latest.manifest, CountOnly: countOnly})
}

// RowCanaryMaker is an optional ability of a system: canaries for given rows, whose right answers come from a manifest.
type RowCanaryMaker interface {
	RowCanaries(m *fixtures.Manifest, dir, database, table string, keys []string) ([]probe.Canary, error)
}

// watch points the service clock at damaged rows, of many tables at those of some. A table whose rows it cannot ask about is
// noted: if nothing else shows the damage to it, the verdict says so.
func (d *Drill) watch(damaged []faults.Rows) {
	maker, ok := d.sys.(RowCanaryMaker)
	if !ok {
		d.askAbout(d.rec.Canaries)
		return
	}
	canaries := slices.Clone(d.rec.Canaries)
	named := slices.DeleteFunc(slices.Clone(damaged), func(r faults.Rows) bool { return len(r.Keys) == 0 })
	for _, r := range evenly(named, damagedLimit, d.scenario.Seed) {
		more, err := maker.RowCanaries(d.latest.manifest, d.path(d.latest.dir), r.Database, r.Table, r.Keys)
		if err != nil {
			d.rec.Fault.Notes = append(d.rec.Fault.Notes, fmt.Sprintf("the service clock cannot ask about the damaged rows of %s: %v", r.Table, err))
			continue
		}
		canaries = append(canaries, more...)
	}
	d.askAbout(canaries)
}

// spread waits for the damage to be where the fault says it goes, and for traffic to go on on top of it.
func (d *Drill) spread(ctx context.Context, f faults.Fault) error {
	s, ok := f.(faults.Spreader)
	if !ok {
		d.rec.Fault.Propagated = ""
		return d.save()
	}
	where, err := s.Propagate(ctx, d.sys)
	if err != nil {
		return err
	}
	d.rec.Fault.Propagated, d.rec.Fault.PropagatedNS = where, d.clock.NowNS()
	if faults.SeenByClock(f) { // a store that is out takes no writes: the main database is dropped
		return d.save()
	}
	if err := d.acknowledged(ctx, goodAfter); err != nil {
		return fmt.Errorf("good writes on the damaged store: %w", err)
	}
	return d.save()
}

func (d *Drill) waitCorrect(ctx context.Context, since int64, limit time.Duration) error {
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	_, err := d.prober.WaitCorrect(ctx, since, d.scenario.Consecutive)
	return err
}

func (d *Drill) waitBad(ctx context.Context, since int64) (probe.Answer, error) {
	ctx, cancel := context.WithTimeout(ctx, seenLimit)
	defer cancel()
	return d.prober.WaitBad(ctx, since)
}
