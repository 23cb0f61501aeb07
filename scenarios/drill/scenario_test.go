package drill

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/recoverydrill/gameday/reports"
	"github.com/recoverydrill/gameday/verify"
)

// A short list meant as an addition, or as enough, takes no check away: neither from the verdict nor from the proof of the damage.
func TestChecksOfAScenarioAreAddedToThoseOfItsLevel(t *testing.T) {
	has := func(checks []verify.Check, name string) bool {
		return slices.ContainsFunc(checks, func(c verify.Check) bool { return c.Name() == name })
	}
	s := Scenario{Name: "a/b", Owner: "shop", Disaster: "it is gone", Answers: []reports.Question{reports.BackedUp}}
	for _, own := range [][]verify.Check{nil, {verify.FaultProven{}, verify.Structure{}, verify.Ledger{}, verify.Identity{}}, {verify.Fenced{}}} {
		for _, level := range []reports.Level{reports.Quick, reports.Full, reports.Deep} {
			s.Checks, s.Level = own, level
			got, err := s.complete()
			if err != nil {
				t.Fatal(err)
			}
			for _, c := range slices.Concat(verify.At(level), own) {
				if !has(got.Checks, c.Name()) {
					t.Errorf("level %s, Checks %v: %s is not looked at", level, own, c.Name())
				}
			}
			if !has(got.proof, "contents") {
				t.Errorf("level %s, Checks %v: the damage is not looked for in the rows", level, own)
			}
		}
	}
}

// What a restore says by default that it answers is what something in it speaks to.
func TestARestoreClaimsOnlyWhatItLooksAt(t *testing.T) {
	invariants := []verify.Invariant{{Name: "n", SQL: "SELECT 1", Reason: "r", Breaks: "DELETE FROM t"}}
	for want, s := range map[string]RestoreScenario{
		"[1 2 3]":   {Manifest: "m"},
		"[1 3]":     {Invariants: invariants},
		"[1 2 3 7]": {Invariants: invariants, Freshness: []verify.Fresh{{Name: "f"}}, Scenario: Scenario{Objective: Objective{RTO: time.Minute}}},
	} {
		if got, _ := s.complete(); fmt.Sprintf("%d", got.Answers) != want {
			t.Errorf("answers %d, want %s", got.Answers, want)
		}
	}
}

// Without a manifest something must be held against what came back that is known to be able to fail.
func TestARestoreWithoutAManifestNeedsAnInvariantThatCanFail(t *testing.T) {
	of := verify.Invariant{Name: "n", SQL: "SELECT 1", Reason: "r", Of: "SELECT count(*) FROM t"}
	breaks := verify.Invariant{Name: "n", SQL: "SELECT 1", Reason: "r", Breaks: "DELETE FROM t"}
	for _, c := range []struct {
		s  RestoreScenario
		ok bool
	}{
		{RestoreScenario{}, false}, {RestoreScenario{Invariants: []verify.Invariant{of}}, false},
		{RestoreScenario{Invariants: []verify.Invariant{of, breaks}}, true}, {RestoreScenario{Manifest: "m", Invariants: []verify.Invariant{of}}, true},
	} {
		_, err := c.s.complete()
		if refused := strings.Contains(fmt.Sprint(err), "nor one of the Invariants that has Breaks"); refused == c.ok {
			t.Errorf("%+v: %v", c.s, err)
		}
	}
}
