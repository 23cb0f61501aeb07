package drills_test

import (
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/recoverydrill/gameday/fixtures/dataset"
	"github.com/recoverydrill/gameday/fixtures/postgres"
	recovery "github.com/recoverydrill/gameday/recover"
	"github.com/recoverydrill/gameday/scenarios/drill"
	"github.com/recoverydrill/gameday/scenarios/suite"
)

// A system that starts, if there is anything to start it on.
var _ = Describe("a system", func() {
	It("starts", Label("start"), SpecTimeout(time.Minute), func(ctx SpecContext) {
		sys := suite.Start(ctx, postgres.Cluster{Dataset: small()})
		suite.Begin(ctx, sys, scenario("start"))
	})
	It("has an error in its schema", Label("schema"), SpecTimeout(time.Minute), func(ctx SpecContext) {
		sys := suite.Start(ctx, postgres.Cluster{Dataset: dataset.Files("broken", "app", "schema/001-good.sql", "schema/002-bad.sql")})
		suite.Begin(ctx, sys, scenario("schema"))
	})
	It("has no schema file", Label("schema"), SpecTimeout(time.Minute), func(ctx SpecContext) {
		sys := suite.Start(ctx, postgres.Cluster{Dataset: dataset.Files("missing", "app", "schema/003-none.sql")})
		suite.Begin(ctx, sys, scenario("no-schema"))
	})
	It("is described wrongly", Label("schema"), SpecTimeout(time.Minute), func(ctx SpecContext) {
		sys := suite.Start(ctx, postgres.Cluster{Version: "9.6"})
		suite.Begin(ctx, sys, scenario("version"))
	})
	It("is interrupted", Label("interrupt"), SpecTimeout(2*time.Minute), func(ctx SpecContext) {
		sys := suite.Start(ctx, postgres.Cluster{Spares: 1, Dataset: small()})
		d := suite.Begin(ctx, sys, scenario("interrupted"))
		good := broken(ctx, d)
		Expect(d.Recover(ctx, recovery.Command("scripts/hangs.sh"), drill.To(good))).To(Succeed())
	})
})

// The way back is right here; what is full is a disk.
var _ = Describe("a disk is full", func() {
	It("where the evidence goes", Label("full-evidence"), SpecTimeout(2*time.Minute), func(ctx SpecContext) {
		sys := suite.Start(ctx, postgres.Cluster{Spares: 1, Dataset: small()})
		d := suite.Begin(ctx, sys, scenario("full-evidence"))
		Expect(d.Backup(ctx)).To(Succeed())
		good := broken(ctx, d)
		Expect(d.Recover(ctx, recovery.Command("scripts/fills-and-restores.sh"), drill.To(good))).To(Succeed())
		Expect(d.Verify(ctx)).To(suite.HavePassed())
	})
	It("where the evidence goes, from the start", Label("full-from-start"), SpecTimeout(2*time.Minute), func(ctx SpecContext) {
		sys := suite.Start(ctx, postgres.Cluster{Dataset: small()})
		suite.Begin(ctx, sys, scenario("full-from-start"))
	})
	It("on the spare", Label("full-spare"), SpecTimeout(2*time.Minute), func(ctx SpecContext) {
		sys := suite.Start(ctx, postgres.Cluster{Spares: 1, SpareDisk: 24 << 20, Dataset: small()})
		d := suite.Begin(ctx, sys, scenario("full-spare"))
		Expect(d.Backup(ctx)).To(Succeed())
		good := broken(ctx, d)
		Expect(d.Recover(ctx, recovery.OnNode("spare", "scripts/restores.sh"), drill.To(good))).To(Succeed())
		Expect(d.Verify(ctx)).To(suite.HavePassed())
	})
})
