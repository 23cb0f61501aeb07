package verify

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/recoverydrill/gameday/fixtures"
	"github.com/recoverydrill/gameday/reports"
)

// CollectorFor is a [Collector] that needs to know what was there at the mark: what is to be looked at comes from the
// evidence, never from the recovered store. A drill calls CollectFor instead of Collect. e holds the manifests of the mark and
// of the recovered store, as far as they could be read.
type CollectorFor interface {
	CollectFor(ctx context.Context, sys fixtures.System, e *Evidence) ([]byte, error)
}

// errNoBaseline is why nothing can be collected by what the mark holds.
var errNoBaseline = errors.New("there is no manifest of the mark: what to look at is not known")

// examined is what an engine's [fixtures.Revalidator] or [fixtures.Examiner] has shown.
type examined struct {
	Engine  string              `json:"engine"`
	Nonce   string              `json:"nonce,omitempty"`  // of the manifest by which it looked
	Unable  bool                `json:"unable,omitempty"` // the engine has not the ability
	Entries []fixtures.Examined `json:"entries"`
}

// examine asks the engine, if it can be asked.
func examine[Ability any](sys fixtures.System, e *Evidence, look func(Ability) ([]fixtures.Examined, error)) ([]byte, error) {
	seen := examined{Engine: sys.Info().Engine}
	x, ok := sys.(Ability)
	switch {
	case !ok:
		seen.Unable = true
	case e == nil || e.Baseline == nil:
		return nil, errNoBaseline
	case e.untouched().asDamaged: // a checker may bring down a server that was to be left as it is
	default:
		var err error
		seen.Nonce = e.Baseline.Nonce
		if seen.Entries, err = look(x); err != nil {
			return nil, err
		}
	}
	return json.Marshal(seen)
}

// readExamined is what was collected for a check, with the evidence that it is to be judged by. A result that is not nil
// says why it need not or cannot be judged.
func readExamined(e *Evidence, check, what string) (*examined, *Evidence, *reports.CheckResult) {
	stop := func(f ...reports.Finding) (*examined, *Evidence, *reports.CheckResult) {
		r := inconclusive(what, f...)
		return nil, nil, &r
	}
	if e = e.untouched(); e.asDamaged {
		r := noted("stores", "the store is as the fault has left it, and the recovery had to leave it so: whether it is sound is not asked")
		return nil, nil, &r
	}
	data := e.Extra[check]
	if len(data) == 0 {
		return stop(unsure("nobody looked: there is nothing that was collected for this check"))
	}
	seen := new(examined)
	if err := json.Unmarshal(data, seen); err != nil {
		return stop(unsure("what was seen cannot be read: " + err.Error()))
	}
	if bad := notComparable(e); len(bad) > 0 {
		return stop(bad...)
	}
	if seen.Unable {
		r := noted("abilities", fmt.Sprintf("not looked at: engine %s cannot examine %s (it lacks an optional ability, see fixtures.Revalidator and fixtures.Examiner)", seen.Engine, what))
		return nil, nil, &r
	}
	if seen.Nonce != e.Baseline.Nonce {
		return stop(reports.Finding{Summary: "what was seen is from another drill", Wanted: e.Baseline.Nonce, Found: seen.Nonce})
	}
	return seen, e, nil
}

// noted is the result of a check that there is no occasion for, which is said.
func noted(what, summary string) reports.CheckResult {
	j := judging(what)
	j.res.Covered.Planned, j.res.Covered.Looked = 1, 1
	j.note(reports.Finding{Summary: summary})
	return j.done()
}

// notLooked notes once for each kind and reason what the engine has no way to look at.
func (j *judgement) notLooked(entries []fixtures.Examined, name func(fixtures.Examined) string) {
	type reason struct{ what, why string }
	count := map[reason]int64{}
	var order []reason
	first := map[reason]fixtures.Examined{}
	for _, x := range entries {
		if x.NotLooked == "" {
			continue
		}
		r := reason{name(x), x.NotLooked}
		if count[r]++; count[r] == 1 {
			order, first[r] = append(order, r), x
		}
	}
	for _, r := range order {
		times := ""
		if count[r] > 1 {
			times = fmt.Sprintf(" (%d times)", count[r])
		}
		x := first[r]
		j.note(reports.Finding{
			Summary: fmt.Sprintf("not looked at: %s%s: %s", r.what, times, r.why), Where: reports.Place{Database: x.Database, Table: x.Table, Object: x.Name},
		})
	}
}
