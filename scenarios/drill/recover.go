package drill

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/recoverydrill/gameday/fixtures"
	recovery "github.com/recoverydrill/gameday/recover"
	"github.com/recoverydrill/gameday/reports"
)

// RecoverOption changes how Recover asks.
type RecoverOption func(*recoverOptions)

type recoverOptions struct {
	target    fixtures.Mark
	meanwhile []*player
}

// To asks the recovery to return to a mark. Without it the recovery is asked to lose as little as possible.
func To(m fixtures.Mark) RecoverOption { return func(o *recoverOptions) { o.target = m } }

// ErrNotBack is wrapped by the error of Recover when the automation ended without an error and the service does not
// answer correctly.
var ErrNotBack = errors.New("the service is not back")

// Recover runs the recovery, and returns nil once it has ended without an error, the service clock has seen enough
// correct answers in a row, and new writes have been acknowledged. Where the scenario says that it must refuse, it returns
// nil once it has refused and clients have gone on. Whether the data is right, Verify tells.
func (d *Drill) Recover(ctx context.Context, r recovery.Recovery, options ...RecoverOption) error {
	if err := d.before("Recover", "Break", "there is nothing to recover from", d.fault != nil); err != nil {
		return d.refused(err)
	}
	if d.rec.Recovery != nil {
		return d.refused(&OnceError{Call: "Recover", Since: "Recover"})
	}
	if !d.rec.Fault.Proven {
		return d.refused(fmt.Errorf("recover: %w: the drill is void", ErrNoEffect))
	}
	if err := d.scenario.says("recovery", d.scenario.Recovery, r.Name()); err != nil {
		return d.refused(fmt.Errorf("recover: %w", err))
	}
	var o recoverOptions
	for _, f := range options {
		f(&o)
	}
	if o.target != (fixtures.Mark{}) {
		t, ok := d.marks[o.target.Label]
		if !ok || t.mark != o.target {
			return d.refused(fmt.Errorf("recover: the mark %q was not taken in this drill; it has the marks %q", o.target.Label, d.labels()))
		}
		if t != d.latest { // what clients must find is what was there then
			d.latest, d.rec.Canaries = t, d.chosen(t.canaries, d.spoiled)
			if _, err := d.watchRest(d.fault, nil); err != nil {
				return d.refused(fmt.Errorf("recover: %w", err))
			}
			d.watch(d.spoiled)
		}
		d.rec.Target = &t.mark
	}
	if b, ok := r.(recovery.Bound); ok {
		if err := b.Possible(d.sys); err != nil {
			return d.refused(fmt.Errorf("recover: %w", err))
		}
	}
	if err := provable(o.meanwhile); err != nil {
		return d.refused(fmt.Errorf("recover: %w", err))
	}
	return d.phase(ctx, "recover", func(ctx context.Context) error { return d.recover(ctx, r, o) })
}

func (d *Drill) labels() []string {
	var l []string
	for _, m := range d.rec.Marks {
		l = append(l, m.Label)
	}
	return l
}

func (d *Drill) recover(ctx context.Context, r recovery.Recovery, o recoverOptions) error {
	rr := &reports.Recovery{Name: r.Name(), DeclaredNS: d.clock.NowNS()}
	d.rec.Recovery = rr
	d.pressed = pressed()
	if l, ok := r.(interface{ Line() []string }); ok {
		rr.Command = l.Line()
	}
	if s, ok := r.(recovery.Secretive); ok {
		d.withheld = s.Secrets()
	}
	if b, ok := r.(interface{ Begin() }); ok {
		b.Begin()
	}
	if p, ok := r.(recovery.Privileged); ok {
		rr.Privilege = p.Privilege()
	}
	job, err := d.job(ctx, o.target)
	if err != nil {
		return err
	}
	if err := d.announce(ctx, r, rr, job); err != nil {
		return err
	}
	if d.planOnly {
		return ErrPlanned
	}
	meter := startMeter(ctx, d.clock, d.sys, r)
	d.setMeter(meter)
	d.cleanups = append(d.cleanups, func(context.Context) error { meter.stop(); return nil })
	end := d.play(ctx, o.meanwhile)
	err = d.runRecovery(ctx, d.orInstead(r), rr, job)
	rr.EndedNS = d.clock.NowNS()
	d.followRoute(rr)
	d.endStep(rr)
	d.noteEnd(rr, err)
	played := end()
	d.setMeter(nil)
	meter.account(ctx, rr)
	if err := d.save(); err != nil {
		return err
	}
	return errors.Join(d.afterRecovery(ctx, r, rr, err), played)
}

// afterRecovery waits for what must be seen once the automation has ended.
func (d *Drill) afterRecovery(ctx context.Context, r recovery.Recovery, rr *reports.Recovery, err error) error {
	switch {
	case d.restored != nil && err == nil && rr.Refused == "" && rr.Error == "":
		return nil // Restore waits for the store: nobody uses it
	case d.scenario.MustRefuse:
		return d.afterRefusal(ctx, rr, err)
	case rr.Refused != "":
		return fmt.Errorf("%w: %s (its output: %s)", ErrRefused, rr.Refused, d.path(reports.OutputFile))
	case err != nil:
		return fmt.Errorf("%w (its output: %s)", err, d.path(reports.OutputFile))
	case rr.Error != "":
		return errors.New(rr.Error)
	}
	if err := d.waitCorrect(ctx, rr.DeclaredNS, d.scenario.ServiceLimit); err != nil {
		return fmt.Errorf("%w %s after %s ended: %w", ErrNotBack, d.scenario.ServiceLimit, r.Name(), err)
	}
	if err := d.acknowledged(ctx, int64(d.scenario.MinAcknowledged)); err != nil {
		return fmt.Errorf("writes on the recovered store: %w", err)
	}
	return nil
}

// overdue is why a recovery was stopped: the scenario's own limit, not that of the spec around it.
type overdue time.Duration

func (o overdue) Error() string { return fmt.Sprintf("Scenario.RecoveryLimit is %s", time.Duration(o)) }

// Unwrap makes it a deadline like any other.
func (o overdue) Unwrap() error { return context.DeadlineExceeded }

// job is what the recovery is given, but for what it does with it.
func (d *Drill) job(ctx context.Context, target fixtures.Mark) (recovery.Job, error) {
	responder, ok := d.sys.(fixtures.Responder)
	if !ok {
		return recovery.Job{}, d.lacks("fixtures.Responder", "tell the recovery what it recovers")
	}
	engine, err := responder.Environment(ctx)
	if d.restored != nil {
		engine, err = d.environment(ctx)
	}
	if err != nil {
		return recovery.Job{}, fmt.Errorf("build the recovery's environment: %w", err)
	}
	work := d.path("work")
	if err := os.MkdirAll(work, 0o755); err != nil {
		return recovery.Job{}, fmt.Errorf("create the work directory: %w", err)
	}
	return recovery.Job{
		System: d.sys, Target: target, WorkDir: work,
		Env: recovery.Environment(engine, d.run, d.rec.Scenario, work, target),
	}, nil
}

// runRecovery runs the recovery and understands its output.
func (d *Drill) runRecovery(ctx context.Context, r recovery.Recovery, rr *reports.Recovery, job recovery.Job) (err error) {
	log, err := os.Create(d.path(reports.OutputFile))
	if err != nil {
		return fmt.Errorf("keep the recovery's output: %w", err)
	}
	masked := reports.NewMasker(log, d.secrets())
	ctx, cancel := context.WithTimeoutCause(ctx, d.scenario.RecoveryLimit, overdue(d.scenario.RecoveryLimit))
	defer cancel()
	out := recovery.NewOutput(masked, func(line string) error { return d.directive(ctx, rr, line) })
	job.Output = out
	job.Step = func(name string) { d.step(rr, name) }
	job.CutOver = func(ctx context.Context, hostport string) error { return d.cutOver(ctx, rr, hostport) }
	if c, ok := r.(recovery.Cleaner); ok {
		d.cleanups = append(d.cleanups, func(ctx context.Context) error { return c.Cleanup(ctx, job) })
	}
	err = r.Recover(ctx, job)
	err = errors.Join(err, out.Close(), masked.Close(), log.Close())
	rr.OutputBytes, rr.OutputTail = out.Total(), lastLines(d.path(reports.OutputFile), 20)
	return err
}

// directive understands a line "gameday: ..." of the recovery's output.
func (d *Drill) directive(ctx context.Context, rr *reports.Recovery, line string) error {
	verb, rest, _ := strings.Cut(line, " ")
	rest = strings.TrimSpace(rest)
	switch {
	case verb == "step" && rest != "":
		d.step(rr, rest)
		return nil
	case verb == "cutover" && rest != "":
		return d.cutOver(ctx, rr, rest)
	case verb == "refuse" && rest != "":
		d.heardRefusal(rr, rest)
		return nil
	}
	return fmt.Errorf("the recovery printed %q: want \"gameday: step NAME\", \"gameday: cutover HOST:PORT\" (a PATH where there is no server) or \"gameday: refuse REASON\"", "gameday: "+line)
}

func (d *Drill) step(rr *reports.Recovery, name string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	now := d.clock.NowNS()
	if n := len(rr.Steps); n > 0 && rr.Steps[n-1].EndNS == 0 {
		rr.Steps[n-1].EndNS = now
	}
	rr.Steps = append(rr.Steps, reports.Step{Name: d.mask(name), StartNS: now})
	d.stepBegan(name)
	if d.meter != nil {
		d.meter.look()
	}
	fmt.Fprintf(d.progress, "gameday: step %s\n", d.mask(name))
}

func (d *Drill) endStep(rr *reports.Recovery) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if n := len(rr.Steps); n > 0 && rr.Steps[n-1].EndNS == 0 {
		rr.Steps[n-1].EndNS = rr.EndedNS
	}
}

// cutOver sends clients to one of the system's nodes, or lets them open a file of an embedded store. Anything else is
// refused: a drill moves its own clients only within what the run has created.
func (d *Drill) cutOver(ctx context.Context, rr *reports.Recovery, to string) error {
	at := time.Now() // clients may reach the new store long before the call returns
	if err := d.sendClients(ctx, to); err != nil {
		d.mu.Lock()
		defer d.mu.Unlock()
		rr.Tried = append(rr.Tried, d.mask(to))
		return fmt.Errorf("cut over to %q: %w", to, err)
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	rr.CutOvers = append(rr.CutOvers, fixtures.RouteChange{At: at, Kind: "cut over", Target: to})
	return nil
}

// followRoute adds the cut-overs that were made, or tried, through the route's HTTP API since the recovery was declared: a
// script that speaks it need not say so in its output, and it has moved the clients all the same.
func (d *Drill) followRoute(rr *reports.Recovery) {
	route := d.sys.Route()
	if route == nil {
		return
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, c := range route.History() {
		known := slices.ContainsFunc(rr.CutOvers, func(k fixtures.RouteChange) bool { return k.API && k.At.Equal(c.At) })
		if !c.API || c.Kind != "cut over" || d.clock.NS(c.At) < rr.DeclaredNS || known {
			continue
		}
		rr.CutOvers = append(rr.CutOvers, c)
	}
	if refuser, ok := route.(interface{ Refused() []fixtures.RouteChange }); ok {
		for _, c := range refuser.Refused() {
			if to := d.mask(c.Target); d.clock.NS(c.At) >= rr.DeclaredNS && !slices.Contains(rr.Tried, to) {
				rr.Tried = append(rr.Tried, to)
			}
		}
	}
	slices.SortStableFunc(rr.CutOvers, func(a, b fixtures.RouteChange) int { return a.At.Compare(b.At) })
}

func (d *Drill) sendClients(ctx context.Context, to string) error {
	route := d.sys.Route()
	if route == nil && d.restored != nil {
		return d.sendToFile(ctx, to)
	}
	if route == nil {
		store, ok := d.sys.(fixtures.Reopener)
		if !ok {
			return d.lacks("route and no fixtures.Reopener", "send clients to another store")
		}
		return store.Reopen(ctx, to)
	}
	target, err := d.reach(ctx, to)
	if err != nil {
		return err
	}
	return route.CutOver(ctx, target)
}

// reach turns HOST:PORT, as nodes or the harness know it, into an address for the harness.
func (d *Drill) reach(ctx context.Context, hostport string) (string, error) {
	host, port, err := net.SplitHostPort(hostport)
	if err != nil {
		return "", fmt.Errorf("want HOST:PORT: %w", err)
	}
	number, err := strconv.Atoi(port)
	if err != nil {
		return "", fmt.Errorf("want HOST:PORT: %w", err)
	}
	var names []string
	for _, m := range d.sys.Members() {
		names = append(names, m.Node.Name())
		a, err := m.Node.Address(ctx, number)
		if err != nil {
			if m.Node.Name() == host {
				return "", err
			}
			continue
		}
		if m.Node.Name() == host || a.Peer == hostport || a.Harness == hostport {
			return a.Harness, nil
		}
	}
	return "", fmt.Errorf("it is none of the system's nodes %q", names)
}

// lastLines reads the end of a text file, for the record.
func lastLines(path string, n int) []string {
	f, err := os.Open(path)
	if err != nil {
		return nil
	}
	defer f.Close() //nolint:errcheck // read only
	if st, err := f.Stat(); err == nil && st.Size() > 64<<10 {
		_, _ = f.Seek(-64<<10, 2)
	}
	var lines []string
	sc := bufio.NewScanner(f)
	sc.Buffer(nil, 128<<10)
	for sc.Scan() {
		lines = append(lines, sc.Text())
		if len(lines) > n {
			lines = lines[1:]
		}
	}
	return lines
}
