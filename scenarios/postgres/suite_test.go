package postgres_test

import (
	"testing"

	"github.com/recoverydrill/gameday/scenarios/suite"
)

func TestDrills(t *testing.T) { suite.Run(t, "postgres") }
