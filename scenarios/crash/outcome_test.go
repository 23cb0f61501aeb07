package crash_test

import (
	"cmp"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/recoverydrill/gameday/fixtures"
	recovery "github.com/recoverydrill/gameday/recover"
	"github.com/recoverydrill/gameday/reports"
)

// What became of a recovery that was interrupted and run again. Only the first two are good.
const (
	converged = "converged" // the right data is in service
	refused   = "refused"   // it said why it does not go on, and sent clients nowhere
	stopped   = "stopped"   // it failed without refusing: nobody knows what to do next
	halfState = "HALF STATE SERVED"
	wrong     = "could not be judged"
	late      = "ended before it was struck"
)

// outcomeOf tells it from what the second run returned and the verdict on what is in service.
func outcomeOf(err error, rec *reports.Record) string {
	switch {
	case errors.Is(err, recovery.ErrNotStruck):
		return late
	case rec.Outcome == reports.Passed && err == nil:
		return converged
	case err == nil || len(rec.Recovery.CutOvers) > 0:
		if rec.Outcome == reports.Failed {
			return halfState
		}
		return wrong
	case rec.Recovery.Refused != "":
		return refused
	}
	return stopped
}

func TestOutcomes(t *testing.T) {
	served := &reports.Record{Outcome: reports.Failed, Recovery: &reports.Recovery{CutOvers: make([]fixtures.RouteChange, 1)}}
	said := &reports.Record{Outcome: reports.Failed, Recovery: &reports.Recovery{Refused: "half a restore is there"}}
	still := &reports.Record{Outcome: reports.Failed, Recovery: &reports.Recovery{}}
	for want, c := range map[string]struct {
		err error
		rec *reports.Record
	}{
		converged:            {nil, &reports.Record{Outcome: reports.Passed, Recovery: &reports.Recovery{}}},
		refused:              {errors.New("the recovery refused"), said},
		stopped:              {errors.New("exit status 1"), still},
		halfState:            {nil, still},
		halfState + " again": {errors.New("refused: too late, clients are there"), served},
		halfState + " error": {errors.New("exit status 1"), served},
		wrong:                {nil, &reports.Record{Recovery: &reports.Recovery{}}},
		late:                 {recovery.ErrNotStruck, still},
	} {
		if got := outcomeOf(c.err, c.rec); !strings.HasPrefix(want, got) {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}

// cell is one line of the matrix.
type cell struct {
	procedure string
	order     int
	point     string
	outcome   string
	said      string
	rta       string
}

var matrix []cell

// add puts a line into the matrix of this run, which lies beside the run's reports.
func add(c cell, dir string) error {
	matrix = append(matrix, c)
	slices.SortStableFunc(matrix, func(a, b cell) int {
		return cmp.Or(strings.Compare(a.procedure, b.procedure), cmp.Compare(a.order, b.order))
	})
	var b strings.Builder
	b.WriteString("| procedure | interrupted | outcome | RTA | the first run ended with |\n| --- | --- | --- | --- | --- |\n")
	for _, c := range matrix {
		fmt.Fprintf(&b, "| %s | %s | %s | %s | %s |\n", c.procedure, c.point, c.outcome, c.rta, strings.ReplaceAll(c.said, "|", "/"))
	}
	return os.WriteFile(filepath.Join(filepath.Dir(dir), "crash-matrix.md"), []byte(b.String()), 0o600)
}
