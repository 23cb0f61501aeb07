package main

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/recoverydrill/gameday/reports"
	"github.com/recoverydrill/gameday/verify"
)

func (a *app) judgeCommand() *cobra.Command {
	write, output := false, ""
	cmd := &cobra.Command{
		Use:   "judge DIR...",
		Short: "Judge a drill again by its evidence, with today's checks",
		Long: `Judge reads the evidence below each directory (a run's, or one drill's), runs today's checks on
it, and prints the verdict with every finding. No server is needed. A check of the scenario's
own cannot be run from here; what it said during the drill counts.

The records are left as they are unless --write is given.`,
		Example: `  gameday judge gameday-report/20260102T030405Z-a1b2c3`,
		Args:    atLeastOne("the directory of a run or a drill"),
		RunE: func(cmd *cobra.Command, args []string) error {
			if output != "text" && output != "json" {
				return usagef("option --output does not take %q: it is text or json", output)
			}
			return a.judgeAll(cmd.Context(), args, write, output)
		},
	}
	cmd.Flags().SortFlags = false
	cmd.Flags().BoolVar(&write, "write", false, "write the new verdict into the record, and the reports anew")
	cmd.Flags().StringVarP(&output, "output", "o", "text", "`format` of what is printed: text or json")
	return cmd
}

func (a *app) judgeAll(ctx context.Context, dirs []string, write bool, output string) error {
	var judged []*reports.Record
	var outcomes []reports.Outcome
	for _, dir := range dirs {
		drills, err := readEvidence(dir)
		if err != nil {
			return err
		}
		for i := range drills {
			before, _ := reports.Verdict(drills[i].Record)
			if drills[i].Record.SchemaVersion != 0 { // else it stands for a record that is missing
				if drills[i].Record, err = judgeAgain(ctx, drills[i].Dir); err != nil {
					return fmt.Errorf("judge %s: %w", drills[i].Dir, err)
				}
			}
			rec := drills[i].Record
			outcome, _ := reports.Verdict(rec)
			judged, outcomes = append(judged, rec), append(outcomes, outcome)
			if output == "text" {
				fmt.Fprint(a.out, explain(rec, before))
			}
			if write && rec.SchemaVersion != 0 {
				if err := reports.WriteRecord(drills[i].Dir, rec); err != nil {
					return err
				}
			}
		}
		if write {
			if err := reports.WriteAll(dir, drills); err != nil {
				return err
			}
		}
	}
	if output == "json" {
		e := json.NewEncoder(a.out)
		e.SetIndent("", "  ")
		if err := e.Encode(judged); err != nil {
			return err
		}
	}
	return &verdict{reports.Worst(outcomes...)}
}

// judgeAgain judges the evidence in a drill's directory.
func judgeAgain(ctx context.Context, dir string) (*reports.Record, error) {
	e, err := verify.LoadEvidence(dir)
	if err != nil {
		return nil, err
	}
	rec := *e.Record
	e.Record = &rec
	checks := checksFor(&rec)
	rec.Checks = verify.Teeth(ctx, e, &rec, checks, verify.Judge(ctx, e, checks, rec.Waivers))
	verify.Summarise(&rec, e)
	verify.Conclude(&rec)
	rec.Headline = reports.Headline(&rec)
	return &rec, ctx.Err()
}

// checksFor are today's checks and, for each check of the scenario's own, what it said during the drill: leaving it out
// could turn a failed drill into a passed one.
func checksFor(rec *reports.Record) []verify.Check {
	checks := verify.At(rec.Level)
	if rec.Restore != nil {
		checks = verify.OfRestore(rec.Restore)
	}
	for _, c := range verify.AddedChecks() {
		if slices.ContainsFunc(rec.Checks, func(r reports.CheckResult) bool { return r.Name == c.Name() }) {
			checks = append(checks, c)
		}
	}
	if rec.Restore == nil {
		checks = verify.Accepting(checks, rec.Accepted)
	}
	known := map[string]bool{"evidence": true, "judging": true, "teeth": true} // which are added anew
	for _, c := range checks {
		known[c.Name()] = true
	}
	for _, r := range rec.Checks {
		if !known[r.Name] {
			checks = append(checks, recorded{r})
		}
	}
	return checks
}

// recorded is a check that cannot be run here; it says what it said during the drill.
type recorded struct{ result reports.CheckResult }

var (
	_ verify.Check   = recorded{}
	_ verify.Toothed = recorded{}
)

// Name is the check's.
func (r recorded) Name() string { return r.result.Name }

// Promise is the check's.
func (r recorded) Promise() string { return r.result.Promise }

// Judge returns the result of the drill.
func (r recorded) Judge(context.Context, *verify.Evidence) reports.CheckResult { return r.result }

// Spoil has no way to: the check does not look at the evidence any more.
func (r recorded) Spoil(*verify.Evidence) (string, bool) { return "", false }

// explain is the verdict with every finding: what was wanted, what was found, and what to do.
func explain(rec *reports.Record, before reports.Outcome) string {
	var b strings.Builder
	fmt.Fprintln(&b, reports.Headline(rec))
	if now, _ := reports.Verdict(rec); now != before {
		fmt.Fprintf(&b, "  the record says %s\n", before)
	}
	for _, c := range rec.Checks {
		if c.Outcome == reports.Passed {
			continue
		}
		fmt.Fprintf(&b, "\n  %s: %s (%s)\n", c.Name, c.Outcome, c.Promise)
		for _, f := range c.Findings {
			fmt.Fprintf(&b, "  - %s\n", strings.TrimPrefix(f.Where.String()+": "+f.Summary, ": "))
			for _, part := range []struct{ name, text string }{{"wanted", f.Wanted}, {"found", f.Found}, {"do", f.Hint}} {
				if part.text != "" {
					fmt.Fprintf(&b, "    %-7s %s\n", part.name+":", part.text)
				}
			}
		}
		if more := c.Total - len(c.Findings); more > 0 {
			fmt.Fprintf(&b, "  … and %d more\n", more)
		}
	}
	return b.String()
}
