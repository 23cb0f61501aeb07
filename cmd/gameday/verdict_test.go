package main

import (
	"strings"
	"testing"

	"github.com/recoverydrill/gameday/cmd/gameday/internal/suites"
	"github.com/recoverydrill/gameday/reports"
)

// TestASpecThatBeginsNoDrillIsSeen: also where another one has begun two, so that there are as many records as specs.
func TestASpecThatBeginsNoDrillIsSeen(t *testing.T) {
	spec := func(text string, drills int) suites.Spec {
		s := suites.Spec{LeafNodeType: "It", LeafNodeText: text, State: "passed"}
		for range drills {
			s.ReportEntries = append(s.ReportEntries, suites.Entry{Name: "drill"})
		}
		return s
	}
	for name, c := range map[string]struct {
		specs []suites.Spec
		says  string
	}{
		"one each":                  {[]suites.Spec{spec("a", 1), spec("b", 1)}, ""},
		"two and none":              {[]suites.Spec{spec("a", 2), spec("b", 0)}, `"b" passed and began no drill`},
		"one and none":              {[]suites.Spec{spec("a", 1), spec("b", 0), spec("c", 0)}, "3 specs passed and only 2 left a record"},
		"drills without the helper": {[]suites.Spec{spec("a", 0), spec("b", 0)}, ""},
	} {
		l := leftBehind{report: &suites.Report{SpecReports: c.specs}, drills: make([]reports.Drill, 2)}
		l.specs(&suiteResult{Outcome: reports.Passed})
		if got := strings.Join(l.problems, "; "); (got == "") != (c.says == "") || !strings.Contains(got, c.says) {
			t.Errorf("%s: %q, want %q", name, got, c.says)
		}
	}
}
