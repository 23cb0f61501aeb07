package main

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/recoverydrill/gameday/cmd/gameday/internal/suites"
	"github.com/recoverydrill/gameday/fixtures/images"
)

// listLimit is for one suite, which only builds its tree of specs.
const listLimit = time.Minute

// scenario is one line of the list.
type scenario struct {
	Package  string   `json:"package"`
	Engine   string   `json:"engine"`   // "" where no label names one
	Fault    string   `json:"fault"`    // this and the following: "" where the scenario does not say (suite.About)
	Recovery string   `json:"recovery"` //
	Answers  string   `json:"answers"`  // numbers of questions, joined by "+"
	Takes    string   `json:"takes"`    // a duration
	Owner    string   `json:"owner"`    //
	Level    string   `json:"level"`    // "" where it is full
	Labels   []string `json:"labels"`   // all of them
	Name     string   `json:"name"`     //
	File     string   `json:"file"`     // relative to the current directory where it lies below it
	Line     int      `json:"line"`     //
	Pending  bool     `json:"pending"`  //
	other    []string // labels that no column shows
}

func (a *app) listCommand() *cobra.Command {
	var s selection
	output := ""
	cmd := &cobra.Command{
		Use:   "list [PACKAGES...]",
		Short: "List the drills there are",
		Long: `List compiles the suites (default ./...) and prints their drills: engine, disaster, recovery,
which of the seven questions each answers, how long it typically takes, its other labels, and
where it is written. Nothing is started. The format matrix shows, in Markdown, which disaster
is drilled on which engine with which recovery, and what is still open.`,
		Example: `  gameday list
  gameday list ./scenarios/... --label 'postgres && fault=bad write'
  gameday list ./scenarios/... --output matrix`,
		RunE: func(cmd *cobra.Command, args []string) error {
			if !slices.Contains([]string{"text", "json", "matrix"}, output) {
				return usagef("option --output does not take %q: it is text, json or matrix", output)
			}
			s.patterns = args
			all, err := a.list(cmd.Context(), s)
			if err != nil {
				return err
			}
			return a.printList(all, output)
		},
	}
	cmd.Flags().SortFlags = false
	s.flags(cmd)
	cmd.Flags().StringVarP(&output, "output", "o", "text", "`format` of what is printed: text, json or matrix")
	return cmd
}

func (a *app) list(ctx context.Context, s selection) ([]scenario, error) {
	found, err := a.find(ctx, s.patterns)
	if err != nil {
		return nil, err
	}
	dir, err := os.MkdirTemp("", "gameday-suites-")
	if err != nil {
		return nil, fmt.Errorf("make a directory for the suites' binaries: %w", err)
	}
	defer func() { _ = os.RemoveAll(dir) }()
	var all []scenario
	var sum summary
	for _, f := range found {
		rep, err := a.dryRun(ctx, f, dir, s)
		if err != nil {
			return nil, err
		}
		sum.add(suiteResult{empty: true, labels: labelsOf(rep)})
		for _, spec := range rep.Specs() {
			// Ginkgo reports pending specs whatever the filters say.
			if spec.Selected() && (spec.State != "pending" || s.String() == "") {
				all = append(all, scenarioOf(f, rep, spec))
			}
		}
	}
	slices.SortFunc(all, func(a, b scenario) int { // Ginkgo shuffles
		return cmp.Or(cmp.Compare(a.File, b.File), cmp.Compare(a.Line, b.Line), cmp.Compare(a.Name, b.Name))
	})
	switch {
	case len(all) > 0:
		return all, nil
	case s.String() == "":
		return nil, usagef("the suites there have no drills: %s", packagesOf(found))
	}
	return nil, usagef("no drill matches %s\n%s", s.String(), sum.labelsText())
}

// dryRun lets a suite build its tree of specs and report it, without running any.
func (a *app) dryRun(ctx context.Context, f suites.Suite, dir string, s selection) (*suites.Report, error) {
	binary, err := a.compile(ctx, f, dir)
	if err != nil {
		return nil, err
	}
	report := filepath.Join(dir, strings.ReplaceAll(f.Package, "/", "_")+".json")
	var said bytes.Buffer
	ended, err := suites.Execution{
		Binary: binary, Dir: f.Dir, Env: os.Environ(), Stdout: &said, Stderr: &said,
		Args: append(s.args(), "-ginkgo.dry-run", "-ginkgo.no-color", "-ginkgo.json-report="+report),
		Kill: a.kill, Limit: listLimit, Grace: 5 * time.Second,
	}.Run(ctx)
	if err != nil {
		return nil, err
	}
	rep, err := suites.ReadReport(report)
	if why, ok := suites.Refused(said.String()); ok && err != nil {
		return nil, usagef("the suite does not take %s:\n%s", s.String(), head(why, 2))
	}
	if err != nil {
		return nil, fmt.Errorf("%s could not list its drills (it %s): %w\n%s", f.Package, ended, err, head(said.String(), 10))
	}
	return rep, nil
}

func scenarioOf(f suites.Suite, rep *suites.Report, spec suites.Spec) scenario {
	s := scenario{Package: f.Package, Labels: spec.Labels(), Name: spec.Text(), Pending: spec.State == "pending"}
	for _, l := range rep.SuiteLabels {
		if !slices.Contains(s.Labels, l) {
			s.Labels = append(s.Labels, l)
		}
	}
	for _, l := range s.Labels {
		s.read(l)
	}
	s.File, s.Line = spec.LeafNodeLocation.FileName, spec.LeafNodeLocation.LineNumber
	if here, err := os.Getwd(); err == nil {
		if rel, err := filepath.Rel(here, s.File); err == nil && filepath.IsLocal(rel) {
			s.File = rel
		}
	}
	return s
}

// read takes a label for what it says of the scenario: see [suite.About].
func (s *scenario) read(label string) {
	key, value, _ := strings.Cut(label, "=")
	switch to := map[string]*string{"owner": &s.Owner, "fault": &s.Fault, "recovery": &s.Recovery, "answers": &s.Answers, "takes": &s.Takes, "level": &s.Level}[key]; {
	case to != nil:
		*to = value
	case slices.Contains(engines(), label):
		s.Engine = label
	default:
		s.other = append(s.other, label)
	}
}

// engines are the labels that name one.
func engines() []string {
	all := []string{"sqlite"} // needs no image
	for _, known := range images.Known() {
		all = append(all, known.Engine)
	}
	return all
}

func (a *app) printList(all []scenario, format string) error {
	if format == "json" {
		e := json.NewEncoder(a.out)
		e.SetIndent("", "  ")
		return e.Encode(map[string]any{"schema_version": 1, "drills": all})
	}
	if format == "matrix" {
		return a.printMatrix(all)
	}
	w := tabwriter.NewWriter(a.out, 0, 4, 2, ' ', 0)
	fmt.Fprintln(w, "ENGINE\tDISASTER\tRECOVERY\tANSWERS\tTAKES\tLEVEL\tOWNER\tLABELS\tDRILL\tWHERE")
	for _, s := range all {
		name := s.Name
		if s.Pending {
			name += " (pending)"
		}
		for _, column := range []string{s.Engine, s.Fault, s.Recovery, s.Answers, s.Takes, cmp.Or(s.Level, "full"), s.Owner, strings.Join(s.other, ",")} {
			fmt.Fprintf(w, "%s\t", cmp.Or(column, "-"))
		}
		fmt.Fprintf(w, "%s\t%s:%d\n", name, s.File, s.Line)
	}
	return w.Flush()
}

func packagesOf(found []suites.Suite) string {
	var names []string
	for _, f := range found {
		names = append(names, f.Package)
	}
	return strings.Join(names, ", ")
}
