package realbackup_test

import (
	"testing"

	"github.com/recoverydrill/gameday/scenarios/suite"
)

func TestDrills(t *testing.T) {
	if testing.Short() {
		t.Skip("restores backups")
	}
	suite.Run(t, "realbackup")
}
