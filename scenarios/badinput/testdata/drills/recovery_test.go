package drills_test

import (
	"context"
	"fmt"
	"os"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/recoverydrill/gameday/faults"
	"github.com/recoverydrill/gameday/fixtures"
	"github.com/recoverydrill/gameday/fixtures/postgres"
	"github.com/recoverydrill/gameday/fixtures/traffic"
	recovery "github.com/recoverydrill/gameday/recover"
	"github.com/recoverydrill/gameday/scenarios/drill"
	"github.com/recoverydrill/gameday/scenarios/suite"
)

// Each recovery here is wrong in another way, and none touches the system, so that one cluster serves them all.
var _ = Describe("a recovery", Label("recovery"), Ordered, ContinueOnFailure, func() {
	var sys fixtures.System
	BeforeAll(func(ctx SpecContext) {
		sys = suite.Start(ctx, postgres.Cluster{Spares: 1, Dataset: small()})
	}, NodeTimeout(time.Minute))

	for name, r := range map[string]recovery.Recovery{
		"not-executable":       recovery.Command("scripts/not-executable.sh"),
		"does-not-exist":       recovery.Command("scripts/no-such-file.sh"),
		"a-directory":          recovery.Command("./scripts"),
		"not-on-host-for-node": recovery.OnNode("spare", "scripts/no-such-file.sh"),
		"no-such-node":         recovery.OnNode("spare-7", "scripts/status-3.sh"),
		"status":               recovery.OnNode("spare", "scripts/status-3.sh"),
		"hangs":                recovery.Command("scripts/hangs.sh"),
		"hangs-on-node":        recovery.OnNode("spare", "scripts/hangs.sh"),
		"binary":               recovery.Command("scripts/binary.sh"),
		"cutover-elsewhere":    recovery.Command("scripts/says.sh", "gameday: cutover somewhere-else:5432"),
		"cutover-no-port":      recovery.Command("scripts/says.sh", "gameday: cutover spare"),
		"nonsense":             recovery.Command("scripts/says.sh", "gameday: nonsense"),
	} {
		It(name, SpecTimeout(time.Minute), func(ctx SpecContext) {
			s := scenario(name)
			s.RecoveryLimit = 2 * time.Second
			recovered(ctx, sys, s, r)
		})
	}

	for name, r := range map[string]recovery.Recovery{
		"gigabyte":          recovery.Command("scripts/gigabyte.sh", "y"),
		"gigabyte-no-line":  recovery.Command("scripts/gigabyte.sh"),
		"gigabyte-nonsense": recovery.Command("scripts/gigabyte.sh", "gameday: nonsense"),
	} {
		It(name, SpecTimeout(2*time.Minute), func(ctx SpecContext) {
			grown := watchMemory(ctx)
			defer func() { fmt.Fprintf(os.Stderr, "grown: %s %d\n", name, grown()) }()
			recovered(ctx, sys, scenario(name), r)
		})
	}
})

func recovered(ctx context.Context, sys fixtures.System, s drill.Scenario, r recovery.Recovery) {
	GinkgoHelper()
	anew(ctx, sys)
	d := suite.Begin(ctx, sys, s)
	good := broken(ctx, d)
	Expect(d.Recover(ctx, r, drill.To(good))).To(Succeed())
	Expect(d.Verify(ctx)).To(suite.HavePassed())
}

// Calls that do not make a drill.
var _ = Describe("a scenario", Label("scenario"), Ordered, ContinueOnFailure, func() {
	var sys fixtures.System
	BeforeAll(func(ctx SpecContext) {
		sys = suite.Start(ctx, postgres.Cluster{Dataset: small()})
	}, NodeTimeout(time.Minute))
	BeforeEach(func(ctx SpecContext) { anew(ctx, sys) })

	It("verify-without-recover", SpecTimeout(time.Minute), func(ctx SpecContext) {
		d := suite.Begin(ctx, sys, scenario("verify-without-recover"))
		broken(ctx, d)
		Expect(d.Verify(ctx)).To(suite.HavePassed())
	})
	It("break-without-mark", SpecTimeout(time.Minute), func(ctx SpecContext) {
		d := suite.Begin(ctx, sys, scenario("break-without-mark"))
		Expect(d.Traffic(ctx, traffic.Mix{Clients: 1})).To(Succeed())
		Expect(d.Break(ctx, faults.BadWrite(`UPDATE stock SET n = n + 1`))).To(Succeed())
	})
	It("mark-without-traffic", SpecTimeout(time.Minute), func(ctx SpecContext) {
		d := suite.Begin(ctx, sys, scenario("mark-without-traffic"))
		d.Mark(ctx, "good")
	})
	It("mark-never-taken", SpecTimeout(time.Minute), func(ctx SpecContext) {
		d := suite.Begin(ctx, sys, scenario("mark-never-taken"))
		broken(ctx, d)
		Expect(d.Recover(ctx, recovery.Command("true"), drill.To(fixtures.Mark{Label: "perfect"}))).To(Succeed())
	})
	It("nothing-after-begin", SpecTimeout(time.Minute), func(ctx SpecContext) {
		suite.Begin(ctx, sys, scenario("nothing-after-begin"))
	})
	It("bad-statement", SpecTimeout(time.Minute), func(ctx SpecContext) {
		d := suite.Begin(ctx, sys, scenario("bad-statement"))
		Expect(d.Traffic(ctx, traffic.Mix{Clients: 1})).To(Succeed())
		d.Mark(ctx, "good")
		Expect(d.Break(ctx, faults.BadWrite(`UPDATE stok SET n = 0`))).To(Succeed())
	})
	It("says-nothing", SpecTimeout(time.Minute), func(ctx SpecContext) {
		suite.Begin(ctx, sys, drill.Scenario{Name: "badinput/says-nothing"})
	})
})
