package other

import (
	"testing"

	_ "github.com/recoverydrill/gameday/cmd/gameday/testdata/adapter"
	"github.com/recoverydrill/gameday/cmd/gameday/testdata/fakesuite"
)

func TestMain(*testing.M) { fakesuite.Main("FAKE_OTHER", "slow") }
