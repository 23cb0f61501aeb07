package verify

import (
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/recoverydrill/gameday/fixtures"
	"github.com/recoverydrill/gameday/reports"
)

// attacks are those of section Z.
var attacks = []string{"Z1", "Z2", "Z3", "Z4", "Z6", "Z7", "Z8", "Z10", "Z11", "Z12", "Z13", "Z14", "Z15", "–"}

// TestTheTableOfAttacksIsTrue: every attack is in docs/verifier-attacks.md once, none ends passed, and each of the tests that
// it names exists.
func TestTheTableOfAttacksIsTrue(t *testing.T) {
	b, err := os.ReadFile(filepath.Join("..", "docs", "verifier-attacks.md"))
	must(t, err)
	var tests []byte
	must(t, filepath.WalkDir("..", func(path string, d os.DirEntry, err error) error {
		if err != nil || d.IsDir() || !strings.HasSuffix(path, "_test.go") {
			return err
		}
		source, err := os.ReadFile(path)
		tests = append(tests, source...)
		return err
	}))
	var found []string
	for _, line := range strings.Split(string(b), "\n") {
		cells := strings.Split(line, "|")
		if len(cells) != 7 || strings.HasPrefix(cells[1], " #") || strings.HasPrefix(cells[1], "---") {
			continue
		}
		found = append(found, strings.TrimSpace(cells[1]))
		if outcome := cells[4]; strings.Contains(outcome, "passed") || !regexp.MustCompile(`failed|inconclusive`).MatchString(outcome) {
			t.Errorf("%s ends %q", cells[1], outcome)
		}
		names := strings.Split(cells[5], ",")
		for _, name := range names {
			if name = strings.TrimSpace(name); !strings.HasPrefix(name, "Test") || !strings.Contains(string(tests), "\nfunc "+name+"(t *testing.T)") {
				t.Errorf("%s names %q, and there is no such test", cells[1], name)
			}
		}
	}
	if !slices.Equal(found, attacks) {
		t.Errorf("the table has %q, want %q", found, attacks)
	}
}

// TestJudgementThatIsCutShortNeverPasses: neither a time that is over before the checks begin, nor one that ends while one of
// them looks, nor a check that dies, leaves a passed drill.
func TestJudgementThatIsCutShortNeverPasses(t *testing.T) {
	e := newScene(t, plot{}).build()
	over, cancel := context.WithCancel(context.Background())
	cancel()
	during, stop := context.WithCancel(context.Background())
	for name, c := range map[string]struct {
		ctx    context.Context
		checks []Check
	}{
		"over before":    {over, Default()},
		"over meanwhile": {during, append(Default(), stopping{stop})},
		"a worker dies":  {context.Background(), append(Default(), stopping{func() { panic("lost") }})},
	} {
		t.Run(name, func(t *testing.T) {
			results := Judge(c.ctx, e, c.checks, nil)
			if o := Verdict(results, nil); o != reports.Inconclusive {
				t.Errorf("outcome %s%s", o, describeResults(results))
			}
			for _, r := range results {
				if name == "over before" && r.Outcome == reports.Passed {
					t.Errorf("check %s passed after its time was over", r.Name)
				}
			}
		})
	}
}

// stopping is a check during which something ends.
type stopping struct{ end func() }

func (stopping) Name() string    { return "stopping" }
func (stopping) Promise() string { return "it ends well" }
func (s stopping) Judge(context.Context, *Evidence) reports.CheckResult {
	s.end()
	j := judging("ends")
	j.res.Covered.Planned, j.res.Covered.Looked = 1, 1
	return j.done()
}

// TestDigestsAreExact: two digests that are one number to a double differ in the manifest's file and in the verdict, in either
// half and in the sum.
func TestDigestsAreExact(t *testing.T) {
	const large = 1<<53 + 1 // the first that a double does not have
	for name, d := range map[string]fixtures.Digest{"low": {Lo: 1}, "high": {Hi: 1}} {
		t.Run(name, func(t *testing.T) {
			s := newScene(t, plot{})
			s.noRowsFiles = true
			s.edit = append(s.edit, func(e *Evidence) {
				for m, digest := range map[*fixtures.Manifest]fixtures.Digest{
					e.Baseline: {Hi: large - 1, Lo: large - 1}, e.Found: fixtures.Digest{Hi: large - 1, Lo: large - 1}.Add(d),
				} {
					table := tableOf(m, "payments")
					table.Digest, table.Buckets, table.RowsFile = digest, nil, ""
					b, err := json.Marshal(m)
					must(t, err)
					*m = fixtures.Manifest{}
					must(t, json.Unmarshal(b, m))
				}
			})
			if o, r := judged(t, s.build(), []Check{Contents{}}); o != reports.Failed {
				t.Errorf("outcome %s%s", o, describeResults(r))
			}
		})
	}
}
