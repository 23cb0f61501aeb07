package derived_test

import (
	"testing"

	"github.com/recoverydrill/gameday/scenarios/suite"
)

func TestDrills(t *testing.T) {
	if testing.Short() {
		t.Skip("takes seconds")
	}
	suite.Run(t, "derived")
}
