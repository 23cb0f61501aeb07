package corpus

import (
	"encoding/json"
	"flag"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/recoverydrill/gameday/verify"
	"github.com/recoverydrill/gameday/verify/sabotage"
)

const (
	docs    = "../../../docs/sabotages.md"
	results = "../../../docs/sabotages.json"
)

func everyAct() []sabotage.Act { return slices.Concat(Acts(), LaterActs()) }

var update = flag.Bool("update", false, "write docs/sabotages.md anew")

// Every entry must be built for each of its engines, or it must be said why it is not.
func TestEveryEntryIsBuiltOrSaysWhyNot(t *testing.T) {
	used := map[string]bool{}
	for _, e := range sabotage.Catalogue() {
		used[e.ID] = true
		if e.Title == "" || e.Class() == "" || len(e.Engines) == 0 || len(e.Checks) == 0 {
			t.Errorf("%s says too little: %+v", e.ID, e)
		}
		for _, engine := range e.Engines {
			acts := slices.ContainsFunc(everyAct(), func(a sabotage.Act) bool { return a.ID == e.ID && slices.Contains(a.Engines, engine) })
			built := acts || len(e.Drills[engine]) > 0 || e.Scene != "" || len(e.Tests[engine]) > 0
			switch {
			case !built && e.Not[engine] == "":
				t.Errorf("%s (%s) is not built for %s, and nobody says why", e.ID, e.Title, engine)
			case acts && e.Not[engine] != "":
				t.Errorf("%s (%s) is built for %s, and says that it is not: %s", e.ID, e.Title, engine, e.Not[engine])
			}
		}
		for engine := range e.Not {
			if !slices.Contains(e.Engines, engine) {
				t.Errorf("%s says why it is not built for %s, which it is not for", e.ID, engine)
			}
		}
	}
	for _, a := range everyAct() {
		if !used[a.ID] {
			t.Errorf("the act %s (%s) is of no entry", a.ID, a.Title)
		}
	}
}

// An act must be caught by a check that its entry names: or the table would promise something else than what was tried.
func TestActsAreCaughtByTheChecksOfTheirEntries(t *testing.T) {
	seen := map[string]bool{}
	for _, e := range sabotage.Catalogue() {
		for _, a := range everyAct() {
			if a.ID == e.ID && !slices.Contains(e.Engines, a.Engines[0]) {
				t.Errorf("%s (%s) is tried on %s, for which its entry is not: the table would leave it out", a.ID, a.Title, a.Engines[0])
			}
			if a.ID == e.ID && !slices.Contains(e.Checks, a.Check) {
				t.Errorf("%s (%s) is to be caught by %s, its entry says %q", a.ID, a.Title, a.Check, e.Checks)
			}
		}
	}
	for _, a := range slices.Concat(everyAct(), Twins(), LaterTwins()) {
		name := strings.Join(append([]string{a.ID, a.Title, a.Check}, a.Engines...), "/")
		if seen[name] || len(a.Engines) != 1 || a.Do == nil {
			t.Errorf("%s: every act has one engine, and a name of its own", name)
		}
		seen[name] = true
	}
}

// An act whose check is not on its bench would be tried by nobody.
func TestActsAreOnTheBenchThatHasTheirCheck(t *testing.T) {
	for _, bench := range []struct {
		acts   []sabotage.Act
		checks []verify.Check
	}{{Acts(), verify.Default()}, {LaterActs(), []verify.Check{verify.Rearmed{}, verify.Restart{}}}} {
		for _, a := range bench.acts {
			if !slices.ContainsFunc(bench.checks, func(c verify.Check) bool { return c.Name() == a.Check }) {
				t.Errorf("%s (%s): its bench has no check %q", a.ID, a.Title, a.Check)
			}
		}
	}
}

// The specs and tests that the catalogue names must be there.
func TestWhatTheCatalogueNamesIsThere(t *testing.T) {
	if testing.Short() {
		t.Skip("compiles the suite of sabotages")
	}
	specs := specsOf(t)
	for _, e := range sabotage.Catalogue() {
		for engine, names := range e.Drills {
			for _, name := range names {
				labels, there := specs[name]
				if !there {
					t.Errorf("%s on %s: there is no spec %q", e.ID, engine, name)
				} else if !slices.Contains(labels, engine) {
					t.Errorf("%s: the spec %q is said to be on %s, its labels are %q", e.ID, name, engine, labels)
				}
			}
		}
		for _, names := range e.Tests {
			for _, name := range names {
				dir, test, _ := strings.Cut(strings.TrimPrefix(name, "github.com/recoverydrill/gameday/"), ".")
				if !hasTest(t, filepath.Join("../../..", dir), test) {
					t.Errorf("%s: there is no test %s", e.ID, name)
				}
			}
		}
	}
}

// specsOf lists the specs of scenarios/sabotage with their labels.
func specsOf(t *testing.T) map[string][]string {
	t.Helper()
	report := filepath.Join(t.TempDir(), "specs.json")
	cmd := exec.CommandContext(t.Context(), "go", "test", "../../../scenarios/sabotage", "-count=1", "-ginkgo.dry-run", "-ginkgo.label-filter=full || !full", "-ginkgo.json-report="+report) //nolint:gosec // our own
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("list the specs: %v\n%s", err, out)
	}
	b, err := os.ReadFile(report) //nolint:gosec // made above
	if err != nil {
		t.Fatal(err)
	}
	var suites []struct {
		SpecReports []struct {
			ContainerHierarchyTexts    []string
			LeafNodeType, LeafNodeText string
			ContainerHierarchyLabels   [][]string
			LeafNodeLabels             []string
		}
	}
	if err := json.Unmarshal(b, &suites); err != nil {
		t.Fatal(err)
	}
	all := map[string][]string{}
	for _, s := range suites {
		for _, r := range s.SpecReports {
			if r.LeafNodeType == "It" {
				all[strings.Join(append(r.ContainerHierarchyTexts, r.LeafNodeText), " ")] = slices.Concat(append(r.ContainerHierarchyLabels, r.LeafNodeLabels)...)
			}
		}
	}
	if len(all) < 50 {
		t.Fatalf("only %d specs", len(all))
	}
	return all
}

func hasTest(t *testing.T, dir, name string) bool {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(dir, "*_test.go"))
	if err != nil {
		t.Fatal(err)
	}
	is := regexp.MustCompile(`(?m)^func ` + name + `\(t \*testing\.T\)`)
	for _, f := range files {
		b, err := os.ReadFile(f) //nolint:gosec // our own
		if err != nil {
			t.Fatal(err)
		}
		if is.Match(b) {
			return true
		}
	}
	return false
}

// The table in the documentation is what "make sabotage-table" makes of the catalogue and the results of the runs, and no
// result in it is of an act that there is not any more.
func TestTableIsOfTheseResults(t *testing.T) {
	all, err := sabotage.ReadResults(results)
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range all {
		if r.Way == sabotage.ByDrill {
			continue
		}
		known := slices.ContainsFunc(slices.Concat(everyAct(), Twins(), LaterTwins()), func(a sabotage.Act) bool {
			return a.ID == r.ID && a.Title == r.Title && a.Check == r.Check && slices.Contains(a.Engines, r.Engine)
		})
		if !known {
			t.Errorf("there is a result of %s %q on %s, which the corpus does not have", r.ID, r.Title, r.Engine)
		}
		if !r.Good() {
			t.Errorf("%s %q on %s %s: check %q said %q, all together %q", r.ID, r.Title, r.Engine, r.Version, r.Check, r.Alone, r.Full)
		}
	}
	got, err := os.ReadFile(docs)
	if err != nil {
		t.Fatal(err)
	}
	head, table, _ := strings.Cut(string(got), "\n\n| |")
	want := Table(all)
	if *update {
		if err := os.WriteFile(docs, []byte(head+"\n\n"+want), 0o644); err != nil { //nolint:gosec // it is to be read
			t.Fatal(err)
		}
		return
	}
	if "| |"+table != want {
		t.Errorf("docs/sabotages.md is not of these results; `make sabotage-table` writes it anew. Wanted:\n%s", want)
	}
}
