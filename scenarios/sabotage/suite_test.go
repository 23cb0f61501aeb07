package sabotage_test

import (
	"testing"

	"github.com/recoverydrill/gameday/scenarios/suite"
)

func TestSabotage(t *testing.T) {
	if testing.Short() {
		t.Skip("needs Docker")
	}
	suite.Run(t, "sabotage")
}
