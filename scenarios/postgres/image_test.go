package postgres_test

import (
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/recoverydrill/gameday/faults"
	"github.com/recoverydrill/gameday/fixtures/dataset"
	"github.com/recoverydrill/gameday/fixtures/postgres"
	"github.com/recoverydrill/gameday/fixtures/traffic"
	recovery "github.com/recoverydrill/gameday/recover"
	"github.com/recoverydrill/gameday/reports"
	"github.com/recoverydrill/gameday/scenarios/drill"
	"github.com/recoverydrill/gameday/scenarios/suite"
	"github.com/recoverydrill/gameday/verify"
)

// promoteByImage is what a team's own recovery image would have as its entry point. It runs beside the nodes: it reaches the
// standby as any client does, as the responder and with nobody's shell, and asks it to promote itself.
const promoteByImage = `set -eu
ask() { "$GAMEDAY_PGBIN/psql" -h "$GAMEDAY_HOST_STANDBY_1" -p "$GAMEDAY_PORT" -d postgres -Atqc "$1"; }
case "${1-}" in
plan)
	echo "gameday: plan look: ask the standby whether it is one"
	echo "gameday: plan promote: let the standby promote itself"
	echo "gameday: plan cut over: send clients to it"
	exit ;;
needs)
	if [ "$(ask 'SELECT pg_is_in_recovery()')" = t ]; then met=ok; else met=missing; fi
	echo "gameday: need node standby-1 - - $met a standby that answers"
	exit ;;
esac
echo "gameday: step look"
if [ "$(ask 'SELECT pg_is_in_recovery()')" != t ]; then
	echo "gameday: refuse standby-1 is no standby"
	exit 1
fi
echo "gameday: step promote"
[ "$(ask 'SELECT pg_promote(true, 60)')" = t ]
echo "gameday: step cut over"
echo "gameday: cutover standby-1:$GAMEDAY_PORT"
`

// The recovery has no more than a responder: a container of its own on the nodes' network, and a role that may promote and
// nothing else. What it says that it will do is compared with what it does. It is the nodes' own image here, because it has
// a psql; a team's would be another.
var _ = Describe("a recovery image", Label("postgres", "failover", "image", "owner=platform"), func() {
	scenario := drill.Scenario{
		Name:   "postgres/promotion-by-image",
		Owner:  "platform",
		Engine: "postgres", Fault: "network cut", Recovery: "promotion by image", Takes: 20 * time.Second,
		Disaster:  "The primary is cut off the network, and those on call have a recovery image and no shell on any server.",
		Answers:   []reports.Question{reports.InService, reports.Plan, reports.Capacity, reports.Harmless, reports.InTime},
		Objective: drill.Objective{RTO: time.Minute, RPO: 5 * time.Second},
		Checks:    append(verify.Default(), verify.Replicas{MayBeLast: onlyStandby}),
	}
	It("promotes the standby from beside the nodes", Label("full"), suite.About(scenario), SpecTimeout(5*time.Minute), func(ctx SpecContext) {
		sys := suite.Start(ctx, postgres.Cluster{Standbys: 1, Dataset: dataset.Shop(dataset.ShopOptions{Scale: 0.1})})
		d := suite.Begin(ctx, sys, scenario)
		Expect(d.Traffic(ctx, traffic.Mix{})).To(Succeed())
		d.Mark(ctx, "before the cut")
		Expect(d.Break(ctx, faults.CutNetwork())).To(Succeed())
		image := recovery.InImage(sys.Info().Images["primary"].Reference, "sh", "-c", promoteByImage, "promote").Named("promotion by image")
		Expect(d.Recover(ctx, image.WithPlan("plan").WithPreflight("needs"))).To(Succeed())
		Expect(d.Verify(ctx)).To(suite.HavePassed())
	})
})
