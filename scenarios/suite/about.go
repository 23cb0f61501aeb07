package suite

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/onsi/ginkgo/v2"

	"github.com/recoverydrill/gameday/reports"
	"github.com/recoverydrill/gameday/scenarios/drill"
)

// The beginnings of the labels that [About] makes, by which "gameday list" reads them.
const (
	ownerLabel    = "owner="
	faultLabel    = "fault="
	recoveryLabel = "recovery="
	answersLabel  = "answers=" // the numbers of questions, joined by "+"
	takesLabel    = "takes="   // a duration
	levelLabel    = "level="   // where it is not full
)

// About is the labels of a scenario: its engine, owner, fault, recovery, questions and time, for filters, for "gameday
// list" and for the matrix of drills. The scenario is built beside the It and given to [Begin] inside of it, so that what
// is listed is what is drilled.
func About(s drill.Scenario) ginkgo.Labels {
	var all ginkgo.Labels
	add := func(prefix, value string) {
		if value != "" {
			all = append(all, prefix+value)
		}
	}
	add("", s.Engine)
	add(ownerLabel, s.Owner)
	add(faultLabel, s.Fault)
	add(recoveryLabel, s.Recovery)
	var numbers []string
	for _, q := range s.Answers {
		numbers = append(numbers, strconv.Itoa(int(q)))
	}
	add(answersLabel, strings.Join(numbers, "+"))
	if s.Level != "" && s.Level != reports.Full {
		add(levelLabel, s.Level.String())
	}
	if s.Takes > 0 {
		add(takesLabel, fmt.Sprint(s.Takes))
	}
	return all
}
