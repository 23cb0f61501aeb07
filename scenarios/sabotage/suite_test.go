package sabotage_test

import (
	"flag"
	"testing"

	"github.com/recoverydrill/gameday/scenarios/suite"
)

// The full set takes half an hour: it is run when labels are asked for, as with -ginkgo.label-filter=full.
func TestSabotage(t *testing.T) {
	if testing.Short() {
		t.Skip("needs Docker")
	}
	if f := flag.Lookup("ginkgo.label-filter"); f.Value.String() == "" {
		if err := f.Value.Set("!full"); err != nil {
			t.Fatal(err)
		}
	}
	suite.Run(t, "sabotage")
}
