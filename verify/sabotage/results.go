package sabotage

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
)

// Way is how a result came about.
type Way string

// The ways.
const (
	ByAct   Way = "act"   // on the result of a good recovery
	ByTwin  Way = "twin"  // a difference that a correct recovery may show: it must pass
	ByDrill Way = "drill" // with a broken recovery
)

// Result is what a run has shown of one act, clean twin or drill.
type Result struct {
	Way      Way      `json:"way"`
	ID       string   `json:"id,omitempty"` // of the catalogue; drills are named there by their title
	Title    string   `json:"title"`
	Engine   string   `json:"engine,omitempty"`
	Version  string   `json:"version,omitempty"`
	Check    string   `json:"check,omitempty"`     // that had to catch it
	Alone    string   `json:"alone,omitempty"`     // what that check said
	Full     string   `json:"full"`                // what all checks together said
	CaughtBy []string `json:"caught_by,omitempty"` // every check that did not pass
}

// Good says that it is as it must be: an act caught by its check and by all together, a twin passed, a drill as its spec
// wants it.
func (r Result) Good() bool {
	const passed = "passed"
	switch r.Way {
	case ByTwin:
		return r.Full == passed
	case ByAct:
		return r.AloneCaught() && r.FullCaught()
	}
	return r.FullCaught()
}

// AloneCaught says that the check named for an act did not pass it.
func (r Result) AloneCaught() bool { return r.Alone == "failed" || r.Alone == "inconclusive" }

// FullCaught says that all checks together did not pass it.
func (r Result) FullCaught() bool { return r.Full == "failed" || r.Full == "inconclusive" }

// what tells results of the same thing.
func (r Result) what() [5]string {
	return [5]string{string(r.Way), r.ID, r.Title, r.Engine + " " + r.Version, r.Check}
}

// ReadResults reads a file of results. One that does not exist has none.
func ReadResults(path string) ([]Result, error) {
	b, err := os.ReadFile(path) //nolint:gosec // the caller's own
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read results: %w", err)
	}
	var all []Result
	if err := json.Unmarshal(b, &all); err != nil {
		return nil, fmt.Errorf("read results from %q: %w", path, err)
	}
	return all, nil
}

// WriteResults puts new results in the place of older ones of the same acts, twins and drills.
func WriteResults(path string, fresh []Result) error {
	all, err := ReadResults(path)
	if err != nil {
		return err
	}
	newer := map[[5]string]bool{}
	for _, r := range fresh {
		newer[r.what()] = true
	}
	all = slices.DeleteFunc(all, func(r Result) bool { return newer[r.what()] })
	all = append(all, fresh...)
	slices.SortFunc(all, func(a, b Result) int {
		x, y := a.what(), b.what()
		return slices.Compare(x[:], y[:])
	})
	b, err := json.MarshalIndent(all, "", " ")
	if err != nil {
		return fmt.Errorf("write results: %w", err)
	}
	if err := os.WriteFile(path, append(b, '\n'), 0o644); err != nil { //nolint:gosec // it is to be read
		return fmt.Errorf("write results: %w", err)
	}
	return nil
}
