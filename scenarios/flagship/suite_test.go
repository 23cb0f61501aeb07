package flagship_test

import (
	"testing"

	"github.com/recoverydrill/gameday/scenarios/suite"
)

func TestDrills(t *testing.T) {
	if testing.Short() {
		t.Skip("takes a minute")
	}
	suite.Run(t, "flagship")
}
