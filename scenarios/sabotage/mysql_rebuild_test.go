package sabotage_test

import (
	"context"
	"strings"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/recoverydrill/gameday/faults"
	"github.com/recoverydrill/gameday/fixtures"
	"github.com/recoverydrill/gameday/fixtures/dataset"
	"github.com/recoverydrill/gameday/fixtures/mysql"
	"github.com/recoverydrill/gameday/fixtures/traffic"
	recovery "github.com/recoverydrill/gameday/recover"
	"github.com/recoverydrill/gameday/recover/mysqlrebuild"
	"github.com/recoverydrill/gameday/reports"
	"github.com/recoverydrill/gameday/scenarios/drill"
	"github.com/recoverydrill/gameday/scenarios/suite"
	"github.com/recoverydrill/gameday/verify"
)

// otherRows changes rows of a replica past its log.
type otherRows struct{ node string }

func (otherRows) Describe() faults.Description {
	return faults.Description{Name: "other rows", Class: "bad write", Detail: "every quantity is raised by one on a replica alone"}
}
func (otherRows) IsSilent() bool { return true }
func (f otherRows) Inject(ctx context.Context, sys fixtures.System) error {
	return pastTheLog(ctx, sys, f.node, "UPDATE shop.order_lines SET quantity = quantity + 1", readOnly)
}
func (f otherRows) Prove(context.Context, fixtures.System) (string, error) {
	return "the statement changed rows on " + f.node, nil
}

const readOnly = "SET GLOBAL read_only = ON"

// pastTheLog runs statements on a replica alone, which takes writes from then on.
func pastTheLog(ctx context.Context, sys fixtures.System, node string, statements ...string) error {
	n, err := recovery.Member(sys, node)
	if err != nil {
		return err
	}
	at, err := n.Address(ctx, mysql.Port)
	if err != nil {
		return err
	}
	all := "SET GLOBAL read_only = OFF; SET SESSION sql_log_bin = 0; " + strings.Join(statements, "; ")
	return sys.(fixtures.Operator).Statement(ctx, at.Harness, "", all)
}

// What a dump leaves out that was made without its options, every row of the replica is right without. Nobody misses it
// before the replica takes over.
var _ = Describe("the rebuild of a replica", Label("mariadb", "version=10.11", "sabotage", full), func() {
	for name, s := range map[string]struct {
		then    []string // on the replica, after a good rebuild
		finding string
	}{
		"leaves triggers, an index and an account out": {
			[]string{"DROP TRIGGER shop.products_audit", "DROP INDEX orders_latest ON shop.orders", "DROP USER shop_support@localhost", readOnly},
			`standby-1: shop: (trigger|index) shop\..* missing`,
		},
		"leaves the replica open for writes": {nil, `standby-1 takes writes of clients`},
	} {
		It("is caught when it "+name, SpecTimeout(6*time.Minute), func(ctx SpecContext) {
			sys := suite.Start(ctx, mysql.Cluster{Flavour: mysql.MariaDB, Version: "10.11", Standbys: 1, Dataset: dataset.Shop(dataset.ShopOptions{Scale: 0.1})})
			d := suite.Begin(ctx, sys, drill.Scenario{
				Owner: "gameday", Disaster: "A replica holds other rows, and the rebuild is broken on purpose.",
				Answers: []reports.Question{reports.Harmless}, Objective: drill.Objective{LostWrites: drill.NoLoss()},
				Checks: append(verify.Default(), verify.Replicas{}),
			})
			Expect(d.Traffic(ctx, traffic.Mix{Rate: 100})).To(Succeed())
			mark := d.Mark(ctx, "before the change")
			Expect(d.Break(ctx, otherRows{"standby-1"})).To(Succeed())
			caught(ctx, d, recovery.Func("broken rebuild", func(ctx context.Context, job recovery.Job) error {
				if err := mysqlrebuild.Replica("standby-1").Recover(ctx, job); err != nil {
					return err
				}
				return pastTheLog(ctx, sys, "standby-1", s.then...)
			}), mark, "replicas", s.finding)
		})
	}
})
