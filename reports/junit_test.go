package reports

import (
	"encoding/xml"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// parsedJUnit is what a consumer reads.
type parsedJUnit struct {
	Tests    int `xml:"tests,attr"`
	Failures int `xml:"failures,attr"`
	Errors   int `xml:"errors,attr"`
	Skipped  int `xml:"skipped,attr"`
	Suites   []struct {
		Name  string `xml:"name,attr"`
		Cases []struct {
			Class   string `xml:"classname,attr"`
			Name    string `xml:"name,attr"`
			Out     string `xml:"system-out"`
			Failure *struct {
				Message string `xml:"message,attr"`
				Body    string `xml:",chardata"`
			} `xml:"failure"`
			Error *struct {
				Message string `xml:"message,attr"`
			} `xml:"error"`
		} `xml:"testcase"`
	} `xml:"testsuite"`
}

func parseJUnit(t *testing.T, s string) parsedJUnit {
	t.Helper()
	var p parsedJUnit
	d := xml.NewDecoder(strings.NewReader(s))
	if err := d.Decode(&p); err != nil {
		t.Fatalf("not well-formed: %v\n%s", err, s)
	}
	return p
}

func TestJUnitNames(t *testing.T) {
	drills := sampleDrills()
	repeated := samplePassed()
	repeated.Outcome, repeated.Checks[0].Outcome = Failed, Failed
	drills = append(drills, Drill{Record: repeated})
	p := parseJUnit(t, render(t, WriteJUnit, drills))
	if p.Tests != 5 || p.Failures != 2 || p.Errors != 1 {
		t.Errorf("%d tests, %d failures, %d errors", p.Tests, p.Failures, p.Errors)
	}
	failed := make(map[string]bool)
	for _, c := range p.Suites[0].Cases {
		if _, twice := failed[c.Name]; twice {
			t.Errorf("%s occurs twice: consumers keep one of them", c.Name)
		}
		failed[c.Name] = c.Failure != nil
	}
	if !failed["replicated-bad-write"] || failed["replicated-bad-write#2"] {
		t.Errorf("the worst of two must have the plain name: %v", failed)
	}
}

// TestAttachments: paths relative to the repository, and never one drill's file under another's name.
func TestAttachments(t *testing.T) {
	base := t.TempDir()
	run := filepath.Join(base, "out", "run-1")
	if err := os.MkdirAll(run, 0o755); err != nil {
		t.Fatal(err)
	}
	drills := sampleDrills()
	drills[2].Record.Scenario = "mysql/alone"
	for i := range drills {
		drills[i].Dir = filepath.Join(run, fmt.Sprintf("d%d", i))
	}
	if err := WriteAll(run, drills, WithBaseDir(base)); err != nil {
		t.Fatal(err)
	}
	b, err := os.ReadFile(filepath.Join(run, JUnitFile))
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range parseJUnit(t, string(b)).Suites {
		for _, c := range s.Cases {
			lines := strings.Split(c.Out, "\n")
			if len(lines) < 3 || lines[1] != "[[ATTACHMENT|out/run-1/report.html]]" {
				t.Errorf("%s: first attachment is not the report: %q", c.Name, lines)
			}
			alone := c.Name == "alone"
			if alone != slices.Contains(lines, "[[ATTACHMENT|out/run-1/d2/record.json]]") {
				t.Errorf("%s: %q", c.Name, lines)
			}
		}
	}
	page, err := os.ReadFile(filepath.Join(run, HTMLFile))
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(string(page), `href="d0/recovery.log"`) {
		t.Error("the page does not link to the evidence beside it")
	}
}
