package drill

import (
	"slices"
	"testing"

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
