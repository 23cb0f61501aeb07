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

// standbyLater is for recoveries that bring back service on another machine.
var standbyLater = []reports.Waiver{{Check: "replicas", Reason: "the recovery brings back service; the standby is built anew by another runbook (recover/pgrebuild)"}}
