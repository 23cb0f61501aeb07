// Package drill joins everything else into the story of one drill: begin, back up, run traffic, mark, break, recover,
// verify, finish. It knows nothing of test frameworks: every step returns an error, and what happened is in the record.
package drill

import (
	"cmp"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"time"

	"github.com/recoverydrill/gameday/fixtures"
	"github.com/recoverydrill/gameday/reports"
	"github.com/recoverydrill/gameday/verify"
)

// Scenario says what a drill is about and what is asked of the recovery.
type Scenario struct {
	// Name is the stable ID, the drill's identity over all its runs: "postgres/replicated-bad-write". Letters, digits,
	// dashes, underscores, dots and slashes. Required.
	Name string
	// Title is the scenario in words; default Name.
	Title string
	// Owner is who answers for this recovery: a team. Required.
	Owner string
	// Disaster is what happens, in one sentence. Required.
	Disaster string
	// Engine, Fault and Recovery say what is drilled: the engine of the system's Info, the fault's name, the recovery's
	// name. A drill that does something else stops. They are what lists and the matrix of drills show; a scenario that
	// leaves them out is in no matrix.
	Engine   string
	Fault    string
	Recovery string
	// Takes is how long the drill typically takes, as measured: for whoever plans a run. Not judged.
	Takes time.Duration
	// Answers lists which of the seven questions the drill answers. At least one is required. One that no check speaks to is
	// shown as not answered: Plan takes a recovery that tells its plan or must refuse, Capacity one that tells what it needs,
	// InTime an Objective.RTO.
	Answers []reports.Question
	// Objective is what is asked for.
	Objective Objective
	// MustRefuse says that the right thing to do is nothing: the alarm is false, or the backup is damaged. The drill passes
	// only if the recovery refuses (see recovery.Refused) and the store is then as it was just before the recovery began:
	// as at the mark, or as damaged where the fault has damaged it. An outage is healed before the store is read. There is
	// nothing to bring back, so an Objective.RTO makes no sense.
	MustRefuse bool
	// PlanDigest pins the plan that was agreed on, by the digest that reports and "gameday plan" show. A recovery that tells
	// another plan, or none, fails. "" accepts any.
	PlanDigest string
	// Level is how deep the drill looks; default reports.Full. It names itself in the verdict. At reports.Quick the rows of
	// the recovered store are counted and not read, and the drill cannot pass.
	Level reports.Level
	// Checks judge the recovery beside those of the Level, which every drill gets: see [verify.With]. One with the name of
	// one of these takes its place, as verify.Identity{AllowNewSystem: true} does. To leave one out takes a waiver.
	Checks []verify.Check
	// Waivers switch checks off for a reason that is shown beside the verdict.
	Waivers []reports.Waiver
	// Tolerate are columns that are not compared to the last bit, each with a reason, which reports show. All others are.
	// A tolerance that the store has no column for, or whose rule does not fit the column's type, stops the drill at the
	// first mark.
	Tolerate []fixtures.ColumnTolerance

	// Refreshed are materialized views that the recovery fills anew, as pg_restore does, each with a reason, which reports
	// show: they may hold what their queries give over the rows that came back, instead of what they held at the mark. The
	// service clock does not ask about them. One that the mark does not know makes the drill inconclusive.
	Refreshed []reports.RefreshedView

	// Disposable are tables that lose their rows with the server by their definition, each with a reason, which reports show:
	// unlogged ones of PostgreSQL, and those of the engine MEMORY. They may hold the rows of the mark or none at all. The service
	// clock does not ask about them. One that is of no such kind at the mark, or that the mark does not know, makes the drill
	// inconclusive.
	Disposable []reports.Disposable

	proof []verify.Check // which see the damage: whatever the level, that is read in full

	// MinAcknowledged is how many writes must be acknowledged before a mark, and again between the service's return
	// and the verification, for the drill to mean something; default 50. A drill whose store takes no writes at all
	// (no traffic was started) is inconclusive.
	MinAcknowledged int
	// ServiceLimit is how long Recover waits for correct answers after the automation has ended; default 30 s.
	ServiceLimit time.Duration
	// RecoveryLimit is how long the automation may run before it is stopped; default 10 min, or Objective.RTO where that is
	// longer.
	RecoveryLimit time.Duration
	// Consecutive is how many correct answers in a row end an outage; default 50 (one second), and never fewer than
	// there are canaries.
	Consecutive int
	// CanaryRows is how many rows of each table the service clock asks about; default 3. Of more than 150 tables it asks about
	// so many, chosen by the seed, and about those that are damaged.
	CanaryRows int
	// Seed feeds every random choice; 0 draws one. It is printed.
	Seed int64
	// Runbook is a link or path that the report shows.
	Runbook string
	// File and Line are where the scenario is written; the Ginkgo adapter fills them.
	File string
	Line int
	// Reproduce is the command that repeats the drill; the Ginkgo adapter fills it.
	Reproduce string
}

// Objective is what the business asks for. A zero field asks for nothing.
type Objective struct {
	RTO        time.Duration // from the fault's first effect to correct service
	RPO        time.Duration // the longest period whose acknowledged writes may be gone
	LostWrites *int64        // the most acknowledged writes that may be gone; NoLoss allows none

	// LostRows may be gone although they were there at the mark: rows on damaged storage of which there is no copy. The
	// fault must be a [faults.Locator]: only what it has hit may be gone.
	LostRows []reports.LostRows
}

// NoLoss is an Objective.LostWrites that allows no loss.
func NoLoss() *int64 { return new(int64) }

var validName = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._/-]*$`)

// complete checks what must be said and fills what may be left out.
func (s Scenario) complete() (Scenario, error) {
	var errs []error
	if !validName.MatchString(s.Name) {
		errs = append(errs, fmt.Errorf("Scenario.Name %q: want letters, digits, dashes, underscores, dots and slashes", s.Name))
	}
	if s.Owner == "" {
		errs = append(errs, errors.New("Scenario.Owner is empty: who answers for this recovery?"))
	}
	if s.Disaster == "" {
		errs = append(errs, errors.New("Scenario.Disaster is empty: what happens?"))
	}
	if len(s.Answers) == 0 {
		errs = append(errs, errors.New("Scenario.Answers is empty: which of the seven questions does the drill answer?"))
	}
	if s.MustRefuse && s.Objective.RTO != 0 {
		errs = append(errs, errors.New("Scenario.Objective.RTO: a recovery that must refuse brings nothing back, so there is no time to hold it to"))
	}
	for _, l := range s.Objective.LostRows {
		if l.Database == "" || l.Table == "" || l.Most <= 0 || l.Reason == "" {
			errs = append(errs, fmt.Errorf("Scenario.Objective.LostRows: %+v: want a database, a table, how many rows at most, and why", l))
		}
	}
	for _, w := range s.Waivers {
		if w.Reason == "" {
			errs = append(errs, fmt.Errorf("Scenario.Waivers: the waiver of check %q has no reason", w.Check))
		}
	}
	for _, t := range s.Tolerate {
		if err := t.Valid(); err != nil {
			errs = append(errs, fmt.Errorf("Scenario.Tolerate: %w", err))
		}
	}
	for _, v := range s.Refreshed {
		if v.Database == "" || v.View == "" || strings.TrimSpace(v.Reason) == "" {
			errs = append(errs, fmt.Errorf("Scenario.Refreshed: %+v: want a database, a view (schema.view), and why a refresh is right", v))
		}
	}
	for _, t := range s.Disposable {
		if err := t.Valid(); err != nil {
			errs = append(errs, fmt.Errorf("Scenario.Disposable: %w", err))
		}
	}
	s.Title = cmp.Or(s.Title, s.Name)
	s.MinAcknowledged = cmp.Or(s.MinAcknowledged, 50)
	s.ServiceLimit = cmp.Or(s.ServiceLimit, 30*time.Second)
	s.RecoveryLimit = cmp.Or(s.RecoveryLimit, max(10*time.Minute, s.Objective.RTO))
	s.Consecutive = cmp.Or(s.Consecutive, 50)
	s.CanaryRows = cmp.Or(s.CanaryRows, 3)
	level, err := reports.ParseLevel(string(s.Level))
	if err != nil {
		errs = append(errs, fmt.Errorf("Scenario.Level: %w", err))
	}
	s.Level = level
	s.Checks, s.proof = verify.With(level, s.Checks), verify.With(reports.Full, s.Checks)
	return s, errors.Join(errs...)
}

// says refuses a drill of something else than the scenario says it drills.
func (s Scenario) says(what, declared, is string) error {
	if declared == "" || declared == is {
		return nil
	}
	return fmt.Errorf("the scenario says that its %s is %q, it is %q: lists and the matrix of drills would lie", what, declared, is)
}

// slug is the scenario's directory below the run's; a second drill of the same name gets a number.
func slug(run fixtures.Run, name string) (string, error) {
	base := strings.ReplaceAll(name, "/", ".")
	for i := 1; ; i++ {
		dir := filepath.Join(run.Dir, base)
		if i > 1 {
			dir = fmt.Sprintf("%s.%d", dir, i)
		}
		err := os.Mkdir(dir, 0o755)
		if err == nil {
			return dir, nil
		}
		if !errors.Is(err, os.ErrExist) {
			return "", fmt.Errorf("create the evidence directory: %w", err)
		}
	}
}
