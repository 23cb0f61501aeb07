// Package reports holds what a drill leaves behind: the record with its findings and verdict, and the writers that turn
// it into files for people and machines. The types here are plain data; judging is done in verify.
package reports

import (
	"encoding/json"
	"fmt"
)

// Outcome is one of three. Inconclusive is the zero value: what was not looked at is never passed.
type Outcome int

// The outcomes, from the least to the most informative. Use [Worst] to combine them, not their numbers.
const (
	Inconclusive Outcome = iota
	Passed
	Failed
)

var outcomeNames = map[Outcome]string{Inconclusive: "inconclusive", Passed: "passed", Failed: "failed"}

func (o Outcome) String() string {
	if s, ok := outcomeNames[o]; ok {
		return s
	}
	return fmt.Sprintf("outcome(%d)", int(o))
}

// MarshalJSON writes the outcome's name.
func (o Outcome) MarshalJSON() ([]byte, error) { return json.Marshal(o.String()) }

// UnmarshalJSON reads the outcome's name. An unknown name is an error, not inconclusive.
func (o *Outcome) UnmarshalJSON(b []byte) error {
	var s string
	if err := json.Unmarshal(b, &s); err != nil {
		return fmt.Errorf("read outcome: %w", err)
	}
	for k, v := range outcomeNames {
		if v == s {
			*o = k
			return nil
		}
	}
	return fmt.Errorf("read outcome: %q is none of passed, failed, inconclusive", s)
}

// Worst combines outcomes: a failure wins over everything, then inconclusive, and passed needs all of them. No outcome
// at all is inconclusive.
func Worst(all ...Outcome) Outcome {
	if len(all) == 0 {
		return Inconclusive
	}
	worst := Passed
	for _, o := range all {
		switch {
		case o == Failed:
			return Failed
		case o != Passed:
			worst = Inconclusive
		}
	}
	return worst
}
