package mysql_test

import (
	"context"
	"fmt"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/recoverydrill/gameday/faults"
	"github.com/recoverydrill/gameday/fixtures"
	"github.com/recoverydrill/gameday/fixtures/dataset"
	"github.com/recoverydrill/gameday/fixtures/mysql"
	"github.com/recoverydrill/gameday/fixtures/traffic"
	"github.com/recoverydrill/gameday/recover/binlog"
	"github.com/recoverydrill/gameday/recover/mariabackup"
	"github.com/recoverydrill/gameday/recover/mysqlhost"
	"github.com/recoverydrill/gameday/recover/mysqlrebuild"
	"github.com/recoverydrill/gameday/reports"
	"github.com/recoverydrill/gameday/scenarios/drill"
	"github.com/recoverydrill/gameday/scenarios/suite"
	"github.com/recoverydrill/gameday/verify"
)

// The primary's files are gone with its log, so what is left is in the vault: a full backup, two increments and the archive
// of the log since the first of them. Traffic runs before each, so that a log that does not go on where what was restored ends
// loses writes that the ledger knows. Who leaves the increments out replays more log, and loses nothing by it.
var _ = Describe("a physical backup", Label("full", "owner=orders"), func() {
	shop := dataset.Shop(dataset.ShopOptions{Scale: 0.1})
	answers := []reports.Question{reports.BackedUp, reports.Findable, reports.InService, reports.Plan, reports.Capacity, reports.Harmless, reports.InTime}

	wiped := drill.Scenario{
		Name: "mariadb/deleted-data-directory", Owner: "orders",
		Engine: "mariadb", Fault: "deleted data directory", Recovery: "mariabackup and binlog to latest", Takes: 45 * time.Second,
		Disaster:  "The primary's whole data directory is deleted, its binary logs with it.",
		Answers:   answers,
		Objective: drill.Objective{RTO: 2 * time.Minute, RPO: 10 * time.Second},
	}
	It("of MariaDB with its increments, and the log after them, bring a deleted data directory back", suite.About(wiped), SpecTimeout(6*time.Minute), func(ctx SpecContext) {
		cluster := mysql.Cluster{Flavour: mysql.MariaDB, Version: "11.8", Spares: 1, Dataset: shop, Backups: mysql.Incremental}
		d := suite.Begin(ctx, suite.Start(ctx, cluster), wiped)
		By("taking a full backup and two incremental ones, with traffic between them")
		Expect(d.Backup(ctx)).To(Succeed())
		Expect(d.Traffic(ctx, traffic.Mix{})).To(Succeed())
		Expect(d.Backup(ctx)).To(Succeed())
		Expect(d.Backup(ctx)).To(Succeed())
		d.Mark(ctx, "before the deletion")
		Expect(d.Break(ctx, faults.DeleteDataDirectory())).To(Succeed())
		Expect(d.Recover(ctx, mariabackup.To(mysqlhost.Latest))).To(Succeed())
		Expect(d.Verify(ctx)).To(suite.HavePassed())
	})

	// A dropped database takes its tables, routines, events and grants' meaning with it, and the clone of the data directory
	// must bring back all of it; its neighbours and the accounts come from the same copy.
	dropped := drill.Scenario{
		Name: "mysql/dropped-database", Owner: "orders",
		Engine: "mysql", Fault: "dropped database", Recovery: "binlog to position", Takes: 40 * time.Second,
		Disaster:  "Somebody drops the database of the archive, and takes it for a test's.",
		Answers:   answers,
		Objective: drill.Objective{RTO: 2 * time.Minute, RPO: 2 * time.Minute},
		Waivers:   standbyLater,
	}
	It("of MySQL, a clone, and the log after it bring a dropped database back", suite.About(dropped), SpecTimeout(5*time.Minute), func(ctx SpecContext) {
		d := suite.Begin(ctx, suite.Start(ctx, mysql.Cluster{Standbys: 1, Spares: 1, Dataset: shop}), dropped)
		Expect(d.Backup(ctx)).To(Succeed())
		Expect(d.Traffic(ctx, traffic.Mix{})).To(Succeed())
		good := d.Mark(ctx, "before the drop")
		Expect(d.Break(ctx, faults.DropDatabase("archive"))).To(Succeed())
		Expect(d.Recover(ctx, binlog.To(binlog.Position), drill.To(good))).To(Succeed())
		Expect(d.Verify(ctx)).To(suite.HavePassed())
	})
})

// Nobody notices a replica whose data is another until it is promoted: it follows without an error. The fault writes to it
// past the log, as a person on the wrong console does, and the check "replicas" compares every row with the primary's.
var _ = Describe("a replica whose data is not the primary's", Label("full", "owner=platform"), func() {
	shop := dataset.Shop(dataset.ShopOptions{Scale: 0.1})
	for flavour, takes := range map[mysql.Flavour]time.Duration{mysql.MySQL: 85 * time.Second, mysql.MariaDB: 45 * time.Second} {
		scenario := drill.Scenario{
			Name: string(flavour) + "/divergent-replica", Owner: "platform",
			Engine: string(flavour), Fault: "divergent replica", Recovery: "mysqlrebuild", Takes: takes,
			Disaster:  "Somebody takes a replica for the primary, and changes quantities on it.",
			Answers:   []reports.Question{reports.InService, reports.Plan, reports.Capacity, reports.Harmless},
			Objective: drill.Objective{LostWrites: drill.NoLoss()},
			Checks:    append(verify.Default(), verify.Replicas{}),
		}
		It("is rebuilt from the primary on "+string(flavour)+" and follows again", suite.About(scenario), SpecTimeout(5*time.Minute), func(ctx SpecContext) {
			d := suite.Begin(ctx, suite.Start(ctx, mysql.Cluster{Flavour: flavour, Standbys: 1, Dataset: shop}), scenario)
			Expect(d.Traffic(ctx, traffic.Mix{})).To(Succeed())
			d.Mark(ctx, "before the change")
			Expect(d.Break(ctx, &divergence{standby: "standby-1"})).To(Succeed())
			Expect(d.Recover(ctx, mysqlrebuild.Replica("standby-1"))).To(Succeed())
			Expect(d.Verify(ctx)).To(suite.HavePassed())
		})
	}
})

// divergence changes rows on a standby alone, past its log.
type divergence struct{ standby string }

var (
	_ faults.Fault  = (*divergence)(nil)
	_ faults.Prover = (*divergence)(nil)
	_ faults.Silent = (*divergence)(nil)
)

func (f *divergence) Describe() faults.Description {
	return faults.Description{Name: "divergent replica", Class: "bad write", Detail: "every quantity in shop.order_lines is raised by one on " + f.standby + " alone"}
}

func (f *divergence) IsSilent() bool { return true }

func (f *divergence) at(ctx context.Context, sys fixtures.System) (string, error) {
	for _, m := range sys.Members() {
		if m.Node.Name() == f.standby {
			a, err := m.Node.Address(ctx, mysql.Port)
			return a.Harness, err
		}
	}
	return "", fmt.Errorf("no standby %s", f.standby)
}

func (f *divergence) Inject(ctx context.Context, sys fixtures.System) error {
	at, err := f.at(ctx, sys)
	if err != nil {
		return err
	}
	off, on := "SET GLOBAL super_read_only = OFF", "SET GLOBAL super_read_only = ON"
	if sys.Info().Engine == string(mysql.MariaDB) {
		off, on = "SET GLOBAL read_only = OFF", "SET GLOBAL read_only = ON"
	}
	return sys.(fixtures.Operator).Statement(ctx, at, "shop", off+"; SET SESSION sql_log_bin = 0; UPDATE order_lines SET quantity = quantity + 1; "+on)
}

// Prove compares the sum on the standby with the primary's.
func (f *divergence) Prove(ctx context.Context, sys fixtures.System) (string, error) {
	at, err := f.at(ctx, sys)
	if err != nil {
		return "", err
	}
	const sum = "SELECT sum(quantity) FROM shop.order_lines"
	var sums []string
	for _, where := range []string{"", at} {
		rows, err := sys.(fixtures.Querier).Query(ctx, where, "shop", sum)
		if err != nil {
			return "", err
		}
		sums = append(sums, rows[0][0])
	}
	if sums[0] == sums[1] {
		return "", fmt.Errorf("%w: the sum of the quantities is %s on both", faults.ErrNotSeen, sums[0])
	}
	return fmt.Sprintf("the sum of the quantities is %s on the primary and %s on %s", sums[0], sums[1], f.standby), nil
}
