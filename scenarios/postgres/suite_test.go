package postgres_test

import (
	"testing"

	"github.com/recoverydrill/gameday/reports"
	"github.com/recoverydrill/gameday/scenarios/suite"
)

func TestDrills(t *testing.T) {
	if testing.Short() {
		t.Skip("needs Docker")
	}
	suite.Run(t, "postgres")
}

// onlyStandby is why none may be left where the only one takes over.
const onlyStandby = "it is the only one that there is, and clients come first: another is built by another runbook (recover/pgrebuild)"

// standbyLater is for recoveries that bring back service on another machine.
var standbyLater = []reports.Waiver{{Check: "replicas", Reason: "the recovery brings back service; the standby is built anew by another runbook (recover/pgrebuild)"}}
