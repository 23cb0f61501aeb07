// Package drill joins everything else into the story of one drill: begin, back up, run traffic, mark, break, recover,
// verify, finish. It knows nothing of test frameworks: every step returns an error, and what happened is in the record.
package drill

import (
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
	// Answers lists which of the seven questions the drill answers. At least one is required.
	Answers []reports.Question
	// Objective is what is asked for.
	Objective Objective
	// Checks judge the recovery; default verify.Default().
	Checks []verify.Check
	// Waivers switch checks off for a reason that is shown beside the verdict.
	Waivers []reports.Waiver
	// MinAcknowledged is how many writes must be acknowledged before a mark, and again between the service's return
	// and the verification, for the drill to mean something; default 50. A drill whose store takes no writes at all
	// (no traffic was started) is inconclusive.
	MinAcknowledged int
	// ServiceLimit is how long Recover waits for correct answers after the automation has ended; default 30 s.
	ServiceLimit time.Duration
	// RecoveryLimit is how long the automation may run before it is stopped; default 10 min.
	RecoveryLimit time.Duration
	// Consecutive is how many correct answers in a row end an outage; default 50 (one second), and never fewer than
	// there are canaries.
	Consecutive int
	// CanaryRows is how many rows of each table the service clock asks about; default 3.
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
	for _, w := range s.Waivers {
		if w.Reason == "" {
			errs = append(errs, fmt.Errorf("Scenario.Waivers: the waiver of check %q has no reason", w.Check))
		}
	}
	s.Title = or(s.Title, s.Name)
	s.MinAcknowledged = or(s.MinAcknowledged, 50)
	s.ServiceLimit = or(s.ServiceLimit, 30*time.Second)
	s.RecoveryLimit = or(s.RecoveryLimit, 10*time.Minute)
	s.Consecutive = or(s.Consecutive, 50)
	s.CanaryRows = or(s.CanaryRows, 3)
	if s.Checks == nil {
		s.Checks = verify.Default()
	}
	return s, errors.Join(errs...)
}

func or[T comparable](v, otherwise T) T {
	var zero T
	if v == zero {
		return otherwise
	}
	return v
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
