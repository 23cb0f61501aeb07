package crash_test

import (
	"testing"

	"github.com/recoverydrill/gameday/scenarios/suite"
)

func TestDrills(t *testing.T) {
	if testing.Short() {
		t.Skip("needs Docker")
	}
	suite.Run(t, "crash matrix")
}
