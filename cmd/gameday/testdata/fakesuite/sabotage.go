package fakesuite

import (
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/recoverydrill/gameday/reports"
)

// sabotage leaves the record of a drill to which acts were done, as GAMEDAY_SABOTAGE asks for them: A17, B1 and D7 for all,
// of which D7 is left for the next run.
func sabotage(dir, mode string) {
	record(dir, reports.Inconclusive, time.Now())
	drill := filepath.Join(dir, "drill")
	r, err := reports.ReadRecord(drill)
	if err != nil {
		panic(err)
	}
	r.System.Engine, r.System.Version = "fake", "1"
	for _, name := range []string{"contents", "service"} {
		r.Checks = append(r.Checks, reports.CheckResult{Name: name, Outcome: reports.Passed, Covered: reports.Coverage{What: "x", Planned: 1, Looked: 1}})
	}
	s := &reports.Sabotage{Control: reports.Passed}
	asked := os.Getenv("GAMEDAY_SABOTAGE")
	switch {
	case asked == "":
		panic("the suite was not told what to do")
	case mode == "sabotages a drill that fails":
		s.Control, s.Asked, s.Left, s.WhyLeft = reports.Failed, []string{"A17"}, []string{"A17"}, "it did not pass"
		r.Outcome = reports.Failed
	case mode == "sabotages a drill that never begins":
		s.Control, s.Asked = reports.Inconclusive, []string{"A17"}
	case strings.HasPrefix(asked, "control,all"):
		s.Asked = []string{"A17", "B1", "D7"}
		s.Acts = append(s.Acts, act("A17", "contents", reports.Failed), act("B1", "contents", reports.Failed))
		s.Left, s.WhyLeft = []string{"D7"}, "the time for one drill was over"
	case strings.HasPrefix(asked, "fake/drill:") && mode == "sabotages and never gets to D7" && !strings.HasSuffix(asked, "H1"):
		s.Asked, s.Left, s.WhyLeft = []string{"D7"}, []string{"D7"}, "the time for one drill was over"
	default:
		for _, word := range strings.Split(strings.ReplaceAll(asked, "fake/drill:", ""), ",") {
			if word == "control" {
				continue
			}
			s.Asked = append(s.Asked, word)
			outcome := reports.Failed
			switch {
			case word == "H1":
				s.Control = reports.Inconclusive
			case mode == "sabotages and D7 escapes" && word == "D7":
				outcome = reports.Passed
			case mode == "sabotages and D7 is only noticed" && word == "D7":
				outcome = reports.Inconclusive
			}
			s.Acts = append(s.Acts, act(word, "structure", outcome))
		}
	}
	r.Sabotage = s
	if mode == "sabotages two of one name" {
		if err := os.CopyFS(filepath.Join(dir, "drill-2"), os.DirFS(drill)); err != nil {
			panic(err)
		}
		if err := reports.WriteRecord(filepath.Join(dir, "drill-2"), r); err != nil {
			panic(err)
		}
	}
	if mode == "is not sabotaged" {
		r.Sabotage, r.Outcome = nil, reports.Passed
	}
	if err := reports.WriteRecord(drill, r); err != nil {
		panic(err)
	}
}

func act(id, check string, outcome reports.Outcome) reports.SabotageAct {
	a := reports.SabotageAct{ID: id, Title: "title of " + id, Check: check, Did: "did " + id, Outcome: outcome, CaughtBy: []string{}, NotSure: []string{}, Took: 1500}
	switch outcome {
	case reports.Failed:
		a.CaughtBy = []string{check}
	case reports.Inconclusive:
		a.NotSure, a.Finding = []string{check, "collecting"}, "read the store: down\nread the settings: down"
	}
	return a
}
