package sabotage_test

import (
	"maps"
	"slices"
	"strings"
	"time"

	. "github.com/onsi/ginkgo/v2"

	"github.com/recoverydrill/gameday/fixtures"
	"github.com/recoverydrill/gameday/fixtures/dataset"
	"github.com/recoverydrill/gameday/fixtures/mysql"
)

// The good script looks in the end whether it has arrived at its target; one that is broken on purpose does not.
var believes = edit{`[ "$(sql "SELECT $arrived")" = 1 ] || { echo "the log does not lead to $to_gtids"; exit 1; }`, "true"}

const (
	stopThere    = `--stop-position="$to_bytes"`
	asConfigured = `setsid "$server" --defaults-file="$config"`
)

// flagshipLog are the ways to break the flagship's script for MySQL and MariaDB, as those for PostgreSQL.
var flagshipLog = map[string]broken{
	"restores nothing and exits 0": flagship["restores nothing and exits 0"],
	"stops 30 s too early": {
		edits: []edit{
			{`to_file="${place%:*}"`, `early="$(date -u -d "$GAMEDAY_TARGET_TIME - 30 seconds" '+%F %T')" to_file="${place%:*}"`},
			{stopThere, `--stop-datetime="$early"`},
			believes,
		},
		settle: 35 * time.Second,
		check:  "ledger", finding: `\d+ .*acknowledged before the mark`,
	},
	"replays the bad write as well": {
		edits: []edit{
			{"place=${GAMEDAY_TARGET_POSITION%% *}\n", "place=$($GAMEDAY_NODE_PRIMARY sh -euc \"" +
				"for c in mysql mariadb; do ! command -v \\$c || \\$c --defaults-file=$GAMEDAY_CLIENT_CONFIG -e 'FLUSH LOCAL BINARY LOGS'; done; " +
				"sleep 2; ls $GAMEDAY_BINLOG_DIR\" | tail -n 2 | head -n 1)\n"},
			{stopThere + " ", ""},
			believes,
		},
		check: "contents", finding: `shop\.payments: \d+ of \d+ rows changed`,
	},
	"restores into the wrong place and cuts over to the old server": {
		edits: []edit{
			{cutOver, `echo "gameday: cutover $GAMEDAY_HOST_PRIMARY:$GAMEDAY_PORT"`},
			{"set -eu\n\n:", "set -eu\nGAMEDAY_DATADIR=/data/elsewhere\n:"},
			{asConfigured, asConfigured + ` --datadir="$data"`},
		},
		check: "contents", finding: `shop\.payments: \d+ of \d+ rows changed`,
	},
	"loses one table": {
		edits: []edit{{"\nREMOTE\n\n", "\nsql 'SET foreign_key_checks = 0; DROP TABLE shop.order_lines'\nREMOTE\n\n"}},
		check: "contents", finding: `shop\.order_lines.* missing`,
	},
	// The database that clients write to all day is there to the last row. What a release and the neighbours wrote after the
	// backup is not: nothing but the dataset's later changes tells.
	"replays the log of one database alone": {
		edits: []edit{
			{`"$binlog" --verify`, `"$binlog" --database=gameday --verify`},
			believes,
		},
		check: "contents", finding: `(shop\.vouchers|billing\.reminders|archive\.years).* missing`,
	},
}

// further are ways that only these servers know.
var further = map[string]broken{
	// F2 of the corpus: what makes a restore fast stays when it is over.
	"leaves the server as fast as it was for the restore": {
		edits: []edit{{asConfigured, asConfigured + ` --sync-binlog=0 --innodb-flush-log-at-trx-commit=0`}},
		check: "durability", finding: `sync_binlog`,
	},
	// A23: the end of the log is there, and so is its beginning.
	"passes over a file of the log": {
		before: func(ctx SpecContext, sys fixtures.System) error {
			for range 2 {
				wait(ctx, 2*time.Second)
				if err := sys.(fixtures.Operator).Statement(ctx, "", "", "FLUSH LOCAL BINARY LOGS"); err != nil {
					return err
				}
			}
			return nil
		},
		edits: []edit{
			{`"$binlog" --verify`, `shift; set -- "$archive/$(from binlog_file)" $(echo "$@" | cut -d ' ' -f 2-)` + "\n" + `"$binlog" --idempotent --verify`},
			believes,
		},
		settle: 2 * time.Second,
		check:  "ledger", finding: `acknowledged before the mark`,
	},
}

// Which ways are tried on which server by default. All others are of the full set, which is run when it is asked for by
// its label.
var (
	usual   = map[string][]string{"9.7": {"replays the bad write as well", "loses one table"}, "11.8": {"replays the bad write as well"}}
	servers = []mysql.Cluster{
		{Flavour: mysql.MySQL, Version: "9.7"}, {Flavour: mysql.MariaDB, Version: "11.8"}, {Flavour: mysql.MariaDB, Version: "10.11"},
	}
)

var _ = Describe("the flagship's script for a binary log", Label("sabotage"), func() {
	for _, on := range servers {
		on.Spares, on.Dataset = 1, dataset.Shop(dataset.ShopOptions{Scale: 0.1})
		server := string(on.Flavour) + " " + on.Version
		ways := maps.Clone(flagshipLog)
		if on.Flavour == mysql.MySQL {
			maps.Copy(ways, further)
		}
		for name, b := range ways {
			labels := Label(string(on.Flavour), "version="+on.Version)
			if !slices.Contains(usual[on.Version], name) {
				labels = append(labels, full)
			}
			It("is caught on "+server+" when it "+name, labels, SpecTimeout(4*time.Minute), func(ctx SpecContext) {
				b.caught(ctx, on, "sabotage/"+strings.ReplaceAll(server+" "+name, " ", "-"), "../mysql/restore-payments.sh")
			})
		}
	}

	It("is not asked on MySQL when the bad write is harmless: the drill is void", Label("mysql", full), SpecTimeout(4*time.Minute), func(ctx SpecContext) {
		harmless(ctx, mysql.Cluster{Spares: 1, Dataset: dataset.Shop(dataset.ShopOptions{Scale: 0.1})}, "sabotage/mysql-harmless-fault")
	})
})
