// Package idle is a suite that looks at nothing which could change: to go test its result stays what it was.
package idle

import (
	"testing"

	. "github.com/onsi/ginkgo/v2"

	"github.com/recoverydrill/gameday/scenarios/suite"
)

func TestDrills(t *testing.T) { suite.Run(t, "idle") }

var _ = It("does nothing", func() {})
