package drill

import (
	"context"
	"crypto/rand"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/recoverydrill/gameday/faults"
	"github.com/recoverydrill/gameday/fixtures"
	"github.com/recoverydrill/gameday/fixtures/ledger"
	"github.com/recoverydrill/gameday/fixtures/probe"
	"github.com/recoverydrill/gameday/fixtures/traffic"
	"github.com/recoverydrill/gameday/reports"
	"github.com/recoverydrill/gameday/verify"
	"github.com/recoverydrill/gameday/verify/sabotage"
)

// Drill is one drill on one system. Its methods are called from one goroutine, in the order of the story.
type Drill struct {
	scenario Scenario
	sys      fixtures.System
	run      fixtures.Run
	clock    fixtures.Clock
	progress io.Writer

	dir    string
	rec    *reports.Record
	guard  faults.Guard
	ledger *ledger.Ledger
	driver *traffic.Driver
	prober *probe.Prober

	marks    map[string]*taken
	changed  bool               // the dataset, after the backup
	latest   *taken             // the last mark before the fault: what proof and verification compare with
	spoiled  []faults.Rows      // what was damaged, as far as the service clock can ask about it
	damaged  *fixtures.Manifest // what the proof of the damage found; nil where nobody surveyed
	stock    *verify.Stock      // the backups, as the fault has left them; nil where there is none
	fault    faults.Fault
	restored *restoring                    // nil but in a drill that restores a real backup
	cleanups []func(context.Context) error // run in reverse order by Finish
	planOnly bool
	acts     []sabotage.Act      // what is done to the recovered store on purpose
	playing  []*player           // faults that wait for their moment during the recovery
	meter    *meter              // of the recovery that runs
	pressed  func(*reports.Host) // since the recovery began; nil before
	verified bool
	withheld []string             // secrets that the recovery was given by the scenario
	own      *reports.CheckResult // what the scenario itself had to say; nil is nothing
	finished bool
	mu       sync.Mutex // guards the recovery's part of the record, which its output fills
}

// taken is a mark with the manifest of exactly its moment.
type taken struct {
	mark     fixtures.Mark
	manifest *fixtures.Manifest
	dir      string // of its rows files, relative to the evidence directory
	canaries []probe.Canary
}

// Options are what a drill gets from whoever runs it.
type Options struct {
	Run      fixtures.Run
	Progress io.Writer // one line for each phase; nil prints nothing
	Started  time.Time // when the system's start began, so that the report shows it; zero leaves that phase out
	PlanOnly bool      // end before the recovery is run, once it has told its plan and its needs: Recover returns ErrPlanned

	// Sabotage makes the recovery's result wrong on purpose, to see whether the scenario's checks notice: see
	// [reports.Sabotage]. nil is a drill; an empty list judges the recovery as it is, and is none either.
	Sabotage []sabotage.Act
}

// Begin starts a drill on a running system: it reads back the identity and the durability settings, opens the ledger and
// starts the service clock. The caller calls Finish, whatever happens afterwards.
func Begin(ctx context.Context, sys fixtures.System, s Scenario, o Options) (*Drill, error) {
	s, err := s.complete()
	if err == nil {
		err = s.says("engine", s.Engine, sys.Info().Engine)
	}
	if err != nil {
		return nil, fmt.Errorf("begin: %w", err)
	}
	dir, err := slug(o.Run, s.Name)
	if err != nil {
		return nil, fmt.Errorf("begin %s: %w", s.Name, err)
	}
	d := &Drill{scenario: s, sys: sys, run: o.Run, clock: fixtures.NewClock(), progress: o.Progress, dir: dir, marks: map[string]*taken{}, planOnly: o.PlanOnly, acts: o.Sabotage}
	if d.progress == nil {
		d.progress = io.Discard
	}
	if d.rec, err = d.newRecord(); err != nil {
		return nil, fmt.Errorf("begin %s: %w", s.Name, err)
	}
	if err := d.announceSabotage(); err != nil {
		return nil, fmt.Errorf("begin %s: %w", s.Name, err)
	}
	if err := d.phase(ctx, "begin", d.begin); err != nil {
		return d, err
	}
	return d, nil
}

func (d *Drill) newRecord() (*reports.Record, error) {
	s := d.scenario
	nonce := make([]byte, 16)
	if _, err := rand.Read(nonce); err != nil {
		return nil, fmt.Errorf("draw a nonce: %w", err)
	}
	if s.Seed == 0 {
		s.Seed = int64(binary.BigEndian.Uint32(nonce)) + 1
		d.scenario.Seed = s.Seed
	}
	if s.Reproduce != "" && !strings.Contains(s.Reproduce, "--seed") {
		s.Reproduce += fmt.Sprintf(" --seed %d", s.Seed)
	}
	return &reports.Record{
		SchemaVersion: reports.Schema, Run: d.run.ID, Dir: d.dir, Scenario: s.Name, Title: s.Title, Owner: s.Owner, Disaster: s.Disaster,
		Runbook: s.Runbook, File: s.File, Line: s.Line, Reproduce: s.Reproduce, Seed: s.Seed, Nonce: hex.EncodeToString(nonce),
		Level: s.Level, Started: d.clock.Zero().UTC(), Host: host(), System: d.sys.Info(), Answers: s.Answers, Waivers: s.Waivers, Tolerate: s.Tolerate, Refreshed: s.Refreshed, Disposable: s.Disposable, Accepted: verify.Accepts(s.Checks), MustRefuse: s.MustRefuse, PlanDigest: s.PlanDigest,
		Objective: reports.Objective{RTOMS: s.Objective.RTO.Milliseconds(), RPOMS: s.Objective.RPO.Milliseconds(), LostWrites: s.Objective.LostWrites, LostRows: s.Objective.LostRows},
		Service:   reports.Service{IntervalMS: 20, Needed: s.Consecutive},
	}, nil
}

func (d *Drill) begin(ctx context.Context) error {
	d.planTeeth()
	id, err := d.identity(ctx)
	if err != nil {
		return err
	}
	d.guard = faults.Guard{Run: d.run, Token: id.Token}
	dur, ok := d.sys.(fixtures.Durable)
	if !ok {
		return d.lacks("fixtures.Durable", "read back the durability settings")
	}
	if d.rec.Settings, err = dur.Durability(ctx, ""); err != nil {
		return fmt.Errorf("read back the durability settings: %w", err)
	}
	for _, s := range d.rec.Settings {
		if !s.OK {
			return fmt.Errorf("the setting %s is %q, durability needs %s: nothing that this store acknowledges can be relied on", s.Name, s.Value, s.Wanted)
		}
	}
	if d.ledger, err = ledger.Create(d.path(reports.LedgerFile), d.clock); err != nil {
		return fmt.Errorf("open the ledger: %w", err)
	}
	d.cleanups = append(d.cleanups, func(context.Context) error { return d.ledger.Close() })
	return d.startProbe(ctx)
}

// Dialer is the ability of a system to be asked by the service clock.
type Dialer interface {
	Dial(ctx context.Context, address string) (probe.Asker, error)
}

func (d *Drill) startProbe(ctx context.Context) error {
	dialer, ok := d.sys.(Dialer)
	if !ok {
		return d.lacks("drill.Dialer", "keep the service clock")
	}
	var err error
	d.prober, err = probe.Start(ctx, probe.Options{
		Dial: dialer.Dial, Address: d.address, Clock: d.clock, Path: d.path(reports.ProbeFile),
		Interval: time.Duration(d.rec.Service.IntervalMS) * time.Millisecond,
	})
	if err != nil {
		return fmt.Errorf("start the service clock: %w", err)
	}
	d.cleanups = append(d.cleanups, d.prober.Stop)
	if err := d.waitCorrect(ctx, d.clock.NowNS(), wellLimit); err != nil {
		return fmt.Errorf("the service is not healthy before the drill: %w", err)
	}
	return nil
}

func (d *Drill) identity(ctx context.Context) (fixtures.Identity, error) {
	i, ok := d.sys.(fixtures.Identified)
	if !ok {
		return fixtures.Identity{}, d.lacks("fixtures.Identified", "tell the store from others")
	}
	id, err := i.Identity(ctx, "")
	if err != nil {
		return id, fmt.Errorf("read the store's identity: %w", err)
	}
	if id.Token == "" {
		return id, errors.New("the store has no identity token: it was not made by this run")
	}
	return id, nil
}

// address is the service's address as clients use it; "" for an embedded store.
func (d *Drill) address() string {
	if r := d.sys.Route(); r != nil {
		return r.Address()
	}
	return ""
}

func (d *Drill) lacks(need, purpose string) error {
	return &fixtures.UnsupportedError{What: "engine " + d.sys.Info().Engine, Need: need, For: purpose}
}

func (d *Drill) path(parts ...string) string {
	return filepath.Join(append([]string{d.dir}, parts...)...)
}

// Dir is the directory of the drill's evidence.
func (d *Drill) Dir() string { return d.dir }

// System is what the drill runs against.
func (d *Drill) System() fixtures.System { return d.sys }

// Record is the drill's record so far.
func (d *Drill) Record() *reports.Record { return d.rec }

// Route is the address that clients use.
func (d *Drill) Route() fixtures.Route { return d.sys.Route() }

// phase runs one step of the story, with its span in the record and a line of progress.
func (d *Drill) phase(ctx context.Context, name string, do func(context.Context) error) error {
	d.rec.Phases = append(d.rec.Phases, reports.Phase{Name: name, StartNS: d.clock.NowNS()})
	i := len(d.rec.Phases) - 1 // not a pointer: a phase within a phase may move the list
	fmt.Fprintf(d.progress, "gameday: phase %s %s\n", name, d.rec.Scenario)
	err := do(ctx)
	d.rec.Phases[i].EndNS = d.clock.NowNS()
	if err != nil {
		d.rec.Phases[i].Error = d.mask(fmt.Sprintf("%s: %v", name, err))
		if d.rec.Error == "" {
			d.rec.Error = d.rec.Phases[i].Error
		}
	}
	if err = errors.Join(err, d.save()); err != nil {
		return &StepError{Step: name, Err: err, Evidence: d.dir}
	}
	return nil
}

// save writes the record as it is, so that a killed harness leaves what is known.
func (d *Drill) save() error {
	d.mu.Lock()
	defer d.mu.Unlock()
	reports.MaskRecord(d.rec, d.secrets())
	return reports.WriteRecord(d.dir, d.rec)
}

func (d *Drill) mask(s string) string { return reports.MaskString(s, d.secrets()) }

func (d *Drill) secrets() []string {
	var all []string
	if d.restored != nil {
		all = d.restored.Store.Secrets()
	}
	if r, ok := d.sys.(fixtures.Responder); ok {
		all = append(all, r.Secrets()...)
	}
	return append(all, d.withheld...)
}

// detail says more about the phase that runs.
func (d *Drill) detail(format string, args ...any) {
	d.rec.Phases[len(d.rec.Phases)-1].Detail = d.mask(fmt.Sprintf(format, args...))
}

// Phase spans work of the scenario's own, so that it shows in the report.
func (d *Drill) Phase(ctx context.Context, name string, do func(context.Context) error) error {
	if name == verify.HoldPhase {
		return d.refused(fmt.Errorf("phase %q: the name is the harness's own: answers in it do not count", name))
	}
	return d.phase(ctx, name, do)
}
