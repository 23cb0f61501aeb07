package main

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/recoverydrill/gameday/reports"
)

// drillDir writes the record of a drill that says of itself that it passed, and no other evidence.
func drillDir(t *testing.T, run, name string, own ...reports.CheckResult) string {
	t.Helper()
	dir := filepath.Join(run, name)
	if err := os.MkdirAll(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	now := time.Now().UTC()
	r := &reports.Record{
		Run: "r", Scenario: "fake/" + name, Started: now, Finished: now, Outcome: reports.Passed,
		Checks: append(own, reports.CheckResult{Name: "contents", Outcome: reports.Passed, Covered: reports.Coverage{What: "tables", Planned: 1, Looked: 1}}),
	}
	if err := reports.WriteRecord(dir, r); err != nil {
		t.Fatal(err)
	}
	return dir
}

// What a record says of itself counts for nothing: without the evidence it is inconclusive.
func TestJudgeDoesNotTakeTheRecordsWord(t *testing.T) {
	dir := drillDir(t, t.TempDir(), "a")
	before, err := os.ReadFile(filepath.Join(dir, reports.RecordFile))
	if err != nil {
		t.Fatal(err)
	}
	c := gameday(t, "judge", dir)
	if c.code != 3 || !strings.HasPrefix(c.out.String(), "INCONCLUSIVE fake/a (level full): ") || !strings.Contains(c.out.String(), "the record says passed") {
		t.Errorf("exit code %d, want 3; standard output:\n%s\nstandard error:\n%s", c.code, c.out.String(), c.err.String())
	}
	after, err := os.ReadFile(filepath.Join(dir, reports.RecordFile))
	if err != nil || !bytes.Equal(before, after) {
		t.Errorf("the record was changed without --write (%v)", err)
	}
}

func TestJudgeWritesTheNewVerdict(t *testing.T) {
	run := t.TempDir()
	dir := drillDir(t, run, "a")
	if c := gameday(t, "judge", "--write", run); c.code != 3 {
		t.Errorf("exit code %d, want 3; standard error:\n%s", c.code, c.err.String())
	}
	r, err := reports.ReadRecord(dir)
	if err != nil || r.Outcome != reports.Inconclusive || len(r.Checks) < 5 || !strings.HasPrefix(r.Headline, "INCONCLUSIVE") {
		t.Errorf("read %+v, %v", r, err)
	}
	if _, err := os.Stat(filepath.Join(run, reports.HTMLFile)); err != nil {
		t.Errorf("the run's report: %v", err)
	}
}

// Judging twice comes to the same, and what judging adds by itself is not taken for a check of the scenario's own, whose
// word would then stand for ever.
func TestJudgeForgetsItsOwnComplaints(t *testing.T) {
	dir := drillDir(t, t.TempDir(), "a")
	r, err := reports.ReadRecord(dir)
	if err != nil {
		t.Fatal(err)
	}
	notes := filepath.Join(dir, "notes.txt")
	if err := os.WriteFile(notes, []byte("x"), 0o600); err != nil {
		t.Fatal(err)
	}
	if r.Evidence, err = reports.Hash(dir); err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(reports.WriteRecord(dir, r), os.WriteFile(notes, []byte("y"), 0o600)); err != nil {
		t.Fatal(err)
	}
	const complaint = "notes.txt was changed after the drill"
	if c := gameday(t, "judge", "--write", dir); !strings.Contains(c.out.String(), complaint) {
		t.Errorf("changed evidence was not noticed:\n%s", c.out.String())
	}
	if err := os.WriteFile(notes, []byte("x"), 0o600); err != nil {
		t.Fatal(err)
	}
	c := gameday(t, "judge", dir)
	if c.code != 3 || strings.Contains(c.out.String(), complaint) || strings.Contains(c.out.String(), "the record says") {
		t.Errorf("exit code %d; standard output:\n%s", c.code, c.out.String())
	}
}

// A check of the scenario's own cannot be run again. If it failed, the drill has failed.
func TestJudgeKeepsWhatOwnChecksSaid(t *testing.T) {
	dir := drillDir(t, t.TempDir(), "a", reports.CheckResult{
		Name: "invoices add up", Promise: "invoices equal payments", Outcome: reports.Failed, Total: 1,
		Findings: []reports.Finding{{Outcome: reports.Failed, Summary: "3 invoices are unpaid", Hint: "look at the import"}},
	})
	c := gameday(t, "judge", dir)
	for _, want := range []string{"FAILED fake/a (level full): 3 invoices are unpaid", "invoices add up: failed (invoices equal payments)", "do:     look at the import"} {
		if !strings.Contains(c.out.String(), want) {
			t.Errorf("standard output does not say %q", want)
		}
	}
	if c.code != 1 {
		t.Errorf("exit code %d, want 1; standard output:\n%s", c.code, c.out.String())
	}
}

// A drill of a run that left files and no record is counted, not passed over.
func TestJudgeCountsADrillWithoutARecord(t *testing.T) {
	run := t.TempDir()
	drillDir(t, run, "a")
	lost := filepath.Join(run, "b")
	if err := os.MkdirAll(lost, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(lost, reports.LedgerFile), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	c := gameday(t, "judge", run)
	if c.code != 3 || !strings.Contains(c.out.String(), "INCONCLUSIVE b: the drill ended without a record") {
		t.Errorf("exit code %d, want 3; standard output:\n%s", c.code, c.out.String())
	}
}

func TestReportWritesTheReportsAnew(t *testing.T) {
	run := t.TempDir()
	drillDir(t, run, "a")
	c := gameday(t, "report", run)
	if want := filepath.Join(run, reports.HTMLFile) + "\n"; c.code != 0 || c.out.String() != want {
		t.Errorf("exit code %d, standard output %q, want %q; standard error:\n%s", c.code, c.out.String(), want, c.err.String())
	}
	for _, name := range []string{reports.HTMLFile, reports.JUnitFile, reports.SummaryFile} {
		if _, err := os.Stat(filepath.Join(run, name)); err != nil {
			t.Error(err)
		}
	}
}
