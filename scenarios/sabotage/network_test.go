package sabotage_test

import (
	"cmp"
	"os"
	"path/filepath"
	"strings"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/recoverydrill/gameday/faults"
	"github.com/recoverydrill/gameday/fixtures"
	"github.com/recoverydrill/gameday/fixtures/dataset"
	"github.com/recoverydrill/gameday/fixtures/mysql"
	"github.com/recoverydrill/gameday/fixtures/postgres"
	"github.com/recoverydrill/gameday/fixtures/traffic"
	recovery "github.com/recoverydrill/gameday/recover"
	"github.com/recoverydrill/gameday/reports"
	"github.com/recoverydrill/gameday/scenarios/drill"
	"github.com/recoverydrill/gameday/scenarios/suite"
	"github.com/recoverydrill/gameday/verify"
)

// onOutage is a recovery from something that is no damage to data, broken on purpose.
type onOutage struct {
	does    string
	on      fixtures.Blueprint
	fault   func() faults.Fault
	node    string // where the script runs
	script  string // the good one
	edits   []edit
	refuse  bool // it had to refuse
	backup  bool
	check   string
	finding string
}

var shop = dataset.ShopOptions{Scale: 0.1}

var outages = map[string]onOutage{
	"postgres-alarm": {
		does: "trusts the health check alone and promotes a standby beside a healthy primary", refuse: true,
		on:    postgres.Cluster{Standbys: 1, Dataset: dataset.Shop(shop)},
		fault: func() faults.Fault { return faults.BlindMonitor() },
		node:  "standby-1", script: "../postgres/promote-if-gone.sh", edits: []edit{
			{`seen=$(ask "$GAMEDAY_PRIMARY")`, "seen=nothing"}, {`after=$(received)`, "after=$before"},
		},
		check: "refusal", finding: "had to refuse, and ran to its end",
	},
	"postgres-alarm-refused-late": {
		does: "promotes a standby beside a healthy primary, and refuses afterwards", refuse: true,
		on:    postgres.Cluster{Standbys: 1, Dataset: dataset.Shop(shop)},
		fault: func() faults.Fault { return faults.BlindMonitor() },
		node:  "standby-1", script: "../postgres/promote-if-gone.sh", edits: []edit{
			{`echo "gameday: step ask from here"`, `"$GAMEDAY_PGBIN/pg_ctl" promote --pgdata="$GAMEDAY_PGDATA" --wait --timeout=60 --silent; echo "gameday: step ask from here"`},
		},
		check: "fenced", finding: `standby-1 takes clients' writes as well`,
	},
	"mysql-alarm": {
		does: "trusts the health check alone and promotes a replica beside a healthy primary", refuse: true,
		on:    mysql.Cluster{Standbys: 1, Dataset: dataset.Shop(shop)},
		fault: func() faults.Fault { return faults.BlindMonitor() },
		node:  "standby-1", script: "../mysql/promote-if-gone.sh", edits: []edit{
			{`seen=$(ask "$GAMEDAY_PRIMARY")`, "seen=nothing"}, {`after=$(received)`, "after=$before"},
		},
		check: "refusal", finding: "had to refuse, and ran to its end",
	},
	"refuses-always": {
		does:  "refuses although the server is dead",
		on:    postgres.Cluster{Dataset: dataset.Shop(shop)},
		fault: func() faults.Fault { return faults.KillServer("") },
		node:  "primary", script: "../postgres/restart.sh", edits: []edit{{"then\n", "then :; fi; if true; then\n"}},
		check: "fault", finding: "the recovery refused",
	},
	"log-reset": {
		does:  "throws the log away before it starts a killed server",
		on:    postgres.Cluster{Dataset: dataset.Shop(shop)},
		fault: func() faults.Fault { return faults.KillServer("") },
		node:  "primary", script: "../postgres/restart.sh", edits: []edit{
			{`echo "gameday: step start the server on $(hostname)"`, `rm "$GAMEDAY_PGDATA/postmaster.pid"; "$GAMEDAY_PGBIN/pg_resetwal" -f "$GAMEDAY_PGDATA"; echo "gameday: step start"`},
		},
		check: "contents", finding: `is missing`,
	},
	"unfenced": {
		does:  "promotes beside a frozen primary and leaves it to wake up",
		on:    postgres.Cluster{Standbys: 1, Dataset: dataset.Shop(shop)},
		fault: func() faults.Fault { return faults.FreezeServer("") },
		node:  "standby-1", script: "../postgres/promote-if-gone.sh",
		check: "fenced", finding: `primary takes clients' writes`,
	},
	"flapping": {
		does:  "promotes and sends clients back to the primary whose network flaps",
		on:    postgres.Cluster{Standbys: 1, Dataset: dataset.Shop(shop)},
		fault: func() faults.Fault { return &faults.Flapping{Period: time.Second, Duty: 0.6} },
		node:  "standby-1", script: "../postgres/promote-standby.sh", edits: []edit{
			{`echo "gameday: cutover $(hostname):$GAMEDAY_PORT"`, `echo "gameday: cutover $GAMEDAY_HOST_PRIMARY:$GAMEDAY_PORT"`},
		},
		check: "service", finding: `did not come back`,
	},
	"unarchived": {
		does: "makes room by deleting log that is not archived", backup: true,
		on: smallDisk, fault: func() faults.Fault { return faults.FillLog() },
		node: "primary", script: "../postgres/make-room.sh", edits: []edit{
			{`[ -e "$wal/archive_status/$f.done" ] && [ -e "$vault/$f" ] || continue`, ""},
			{`rm "$wal/$f" "$wal/archive_status/$f.done"`, `rm -f "$wal/$f" "$wal/archive_status/$f.done" "$wal/archive_status/$f.ready"`},
			{"for f in $(waiting); do\n  if", "for f in; do\n  if"},
		},
		check: "archive", finding: `missing in the archive`,
	},
	"true": {
		does: "makes room by calling everything archived, now and for ever", backup: true,
		on: smallDisk, fault: func() faults.Fault { return faults.FillLog() },
		node: "primary", script: "../postgres/make-room.sh", edits: []edit{
			{"for f in $(waiting); do\n  if", `for f in $(waiting); do mv "$wal/archive_status/$f.ready" "$wal/archive_status/$f.done"; continue` + "\n  if"},
			{` && [ -e "$vault/$f" ] || continue`, " || continue"},
			{`echo "gameday: step start the server"`, `echo "archive_command = '/bin/true'" >>"$GAMEDAY_PGDATA/postgresql.auto.conf"`},
			{`[ $i -lt 300 ] || { echo "the archive does not get $f"; exit 1; }`, "[ $i -lt 3 ] || break"},
		},
		check: "archive", finding: `does not reach the archive`,
	},
}

var smallDisk = postgres.Cluster{Disk: 600 << 20, Dataset: dataset.Shop(shop), Settings: map[string]string{"max_wal_size": "64MB"}}

var _ = Describe("a recovery from an outage", Label("sabotage", full), func() {
	for name, s := range outages {
		engine := "postgres"
		if c, ok := s.on.(mysql.Cluster); ok {
			engine = string(cmp.Or(c.Flavour, mysql.MySQL))
		}
		It("is caught when it "+s.does, Label(engine), SpecTimeout(4*time.Minute), func(ctx SpecContext) {
			by := recovery.OnNode(s.node, s.write(GinkgoT().TempDir()))
			objective := drill.Objective{RTO: time.Minute, RPO: time.Minute}
			if s.refuse {
				objective = drill.Objective{LostWrites: drill.NoLoss()}
			}
			checks := verify.Default()
			switch s.check {
			case "fenced":
				checks = append(checks, verify.Fenced{})
			case "archive":
				checks = append(checks, verify.Archive{})
			}
			d := suite.Begin(ctx, suite.Start(ctx, s.on), drill.Scenario{
				Name: "sabotage/outage-" + name, Owner: "gameday", Disaster: "An outage, and a recovery that is broken on purpose.",
				Answers: []reports.Question{reports.InService, reports.Harmless}, Objective: objective, Checks: checks, MustRefuse: s.refuse,
				ServiceLimit: 5 * time.Second,
			})
			if s.backup {
				Expect(d.Backup(ctx)).To(Succeed())
			}
			Expect(d.Traffic(ctx, traffic.Mix{})).To(Succeed())
			d.Mark(ctx, "before the outage")
			Expect(d.Break(ctx, s.fault())).To(Succeed())
			caughtWithoutTarget(ctx, d, by, s.check, s.finding)
		})
	}
})

// write makes the broken script from the good one.
func (s onOutage) write(dir string) string {
	GinkgoHelper()
	good, err := os.ReadFile(s.script)
	Expect(err).NotTo(HaveOccurred())
	text := string(good)
	for _, e := range s.edits {
		Expect(strings.Count(text, e.old)).To(Equal(1), "the good script must hold %q once", e.old)
		text = strings.Replace(text, e.old, e.new, 1)
	}
	path := filepath.Join(dir, filepath.Base(s.script))
	Expect(os.WriteFile(path, []byte(text), 0o755)).To(Succeed()) //nolint:gosec // a script
	return path
}
