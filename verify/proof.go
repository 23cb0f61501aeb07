package verify

import (
	"context"
	"errors"
	"fmt"

	"github.com/recoverydrill/gameday/reports"
)

// DamageProof runs the checks that see damage (see [Damage]) on the evidence of a damaged store: e.Found is its manifest.
// It returns every finding that proves damage. No finding and no error means that the checks looked and the store is
// sound: the fault took no effect. An error says why nobody could look; it is nil as soon as damage is proven.
func DamageProof(ctx context.Context, e *Evidence, checks []Check) ([]reports.Finding, error) {
	var findings []reports.Finding
	var errs []error
	looked := 0
	for _, c := range checks {
		d, ok := c.(Damage)
		if !ok || !d.SeesDamage() {
			continue
		}
		looked++
		r := judgeOne(ctx, e, c)
		if r.Outcome == reports.Inconclusive {
			errs = append(errs, fmt.Errorf("check %s could not tell: %s", r.Name, firstSummary(r)))
		}
		for _, f := range r.Findings {
			if f.Outcome == reports.Failed {
				findings = append(findings, f)
			}
		}
	}
	switch {
	case len(findings) > 0:
		return findings, nil
	case looked == 0:
		return nil, errors.New("prove the damage: no check of this drill can see damage: add verify.Contents")
	case len(errs) > 0:
		return nil, fmt.Errorf("prove the damage: %w", errors.Join(errs...))
	}
	return nil, nil
}

func firstSummary(r reports.CheckResult) string {
	if len(r.Findings) == 0 {
		return "it gave no reason"
	}
	return r.Findings[0].Summary
}

// RowRef names one row: Table is schema.name, Key the form of a rows file.
type RowRef struct {
	Database string
	Table    string
	Key      string
}

// DamagedRows lists the rows that findings name, each once, in their order: rows of the mark that were lost or changed,
// of which the right value is known. Each finding names at most 20 of them.
func DamagedRows(findings []reports.Finding) []RowRef {
	var rows []RowRef
	seen := map[RowRef]bool{}
	for _, f := range findings {
		if f.Outcome != reports.Failed || f.Where.Database == "" || f.Where.Table == "" {
			continue
		}
		for _, key := range f.Where.Keys {
			r := RowRef{Database: f.Where.Database, Table: f.Where.Table, Key: key}
			if !seen[r] {
				seen[r] = true
				rows = append(rows, r)
			}
		}
	}
	return rows
}
