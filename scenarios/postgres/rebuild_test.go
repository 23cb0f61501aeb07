package postgres_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/recoverydrill/gameday/faults"
	"github.com/recoverydrill/gameday/fixtures"
	"github.com/recoverydrill/gameday/fixtures/dataset"
	"github.com/recoverydrill/gameday/fixtures/postgres"
	"github.com/recoverydrill/gameday/fixtures/traffic"
	"github.com/recoverydrill/gameday/recover/pgrebuild"
	"github.com/recoverydrill/gameday/reports"
	"github.com/recoverydrill/gameday/scenarios/drill"
	"github.com/recoverydrill/gameday/scenarios/suite"
	"github.com/recoverydrill/gameday/verify"
)

// corruptStandby overwrites bytes in the first block of a table on a standby's disk, between two starts of its server.
type corruptStandby struct{ node, table string }

func (c corruptStandby) Describe() faults.Description {
	return faults.Description{Name: "corrupt standby", Class: "corruption", Detail: fmt.Sprintf("16 bytes of the first block of %s overwritten on the disk of %s", c.table, c.node)}
}
func (corruptStandby) IsSilent() bool { return true }

func (c corruptStandby) Inject(ctx context.Context, sys fixtures.System) error {
	n := memberOf(sys, c.node)
	files, err := sys.(fixtures.FileMapper).Files(ctx, n, fixtures.TableFile, "", c.table)
	if err != nil {
		return err
	}
	if len(files) == 0 {
		return fmt.Errorf("%s has no file on %s", c.table, c.node)
	}
	servers := sys.(fixtures.Controlled)
	if err := servers.StopServer(ctx, n); err != nil {
		return err
	}
	f := files[0]
	if err := fixtures.Overwrite(ctx, n, f.Path, f.Block-f.Block/4, bytes.Repeat([]byte{0xDE, 0xAD}, 8)); err != nil {
		return err
	}
	return servers.StartServer(ctx, n)
}

// Prove reads the table on the standby.
func (c corruptStandby) Prove(ctx context.Context, sys fixtures.System) (string, error) {
	at, err := memberOf(sys, c.node).Address(ctx, postgres.Port)
	if err != nil {
		return "", err
	}
	err = sys.(fixtures.Operator).Statement(ctx, at.Harness, "", "SELECT count(x) FROM "+c.table+" x")
	var said *pgconn.PgError
	switch {
	case err == nil:
		return "", fmt.Errorf("%s can be read on %s: %w", c.table, c.node, faults.ErrNotSeen)
	case !errors.As(err, &said) || said.Code != "XX001": // data_corrupted: every other error says nothing of the page
		return "", err
	}
	return err.Error(), nil
}

func memberOf(sys fixtures.System, name string) fixtures.Node {
	for _, m := range sys.Members() {
		if m.Node.Name() == name {
			return m.Node
		}
	}
	return nil
}

// Clients never notice: the primary is sound, and serves them. What is broken is the next recovery, which would promote
// that standby. So nothing but the standby's own disk shows the damage, and the verdict rests on the check "replicas", which
// reads every row of every standby and compares it with the primary's.
var _ = Describe("a corrupt standby", Label("postgres", "rebuild", "full", "owner=platform"), func() {
	scenario := drill.Scenario{
		Name: "postgres/corrupt-standby", Owner: "platform",
		Engine: "postgres", Fault: "corrupt standby", Recovery: "pgrebuild", Takes: 25 * time.Second,
		Disaster:  "A block on the disk of the standby is corrupt, and nobody reads it until it would be needed.",
		Answers:   []reports.Question{reports.Plan, reports.Harmless},
		Objective: drill.Objective{LostWrites: drill.NoLoss()},
		Checks:    append(verify.Default(), verify.Replicas{}),
	}

	It("is found, built anew from the primary, and follows it", suite.About(scenario), SpecTimeout(6*time.Minute), func(ctx SpecContext) {
		d := suite.Begin(ctx, suite.Start(ctx, postgres.Cluster{Standbys: 1, Dataset: dataset.Shop(dataset.ShopOptions{Scale: 0.1})}), scenario)
		Expect(d.Traffic(ctx, traffic.Mix{Rate: 100})).To(Succeed())
		d.Mark(ctx, "before the corruption")
		Expect(d.Break(ctx, corruptStandby{"standby-1", "shop.payments"})).To(Succeed())
		Expect(d.Recover(ctx, pgrebuild.Standby(""))).To(Succeed())
		Expect(d.Verify(ctx)).To(suite.HavePassed())
	})
})
