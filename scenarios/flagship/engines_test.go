package flagship_test

import (
	"github.com/recoverydrill/gameday/fixtures"
	"github.com/recoverydrill/gameday/fixtures/dataset"
	"github.com/recoverydrill/gameday/fixtures/mysql"
	"github.com/recoverydrill/gameday/fixtures/postgres"
	"github.com/recoverydrill/gameday/fixtures/sqlite"
	recovery "github.com/recoverydrill/gameday/recover"
	"github.com/recoverydrill/gameday/recover/litestream"
)

// candidates are the systems that the drill can run on, from the one that is liked best. With containers that is the
// first; without, it is a question of which server is installed here, and SQLite needs none.
func candidates() []fixtures.Blueprint {
	shop := dataset.Shop(dataset.ShopOptions{})
	var all []fixtures.Blueprint
	for _, version := range []string{"17", "18", "16", "15"} {
		all = append(all, postgres.Cluster{Version: version, Standbys: 1, Spares: 1, Dataset: shop})
	}
	for _, version := range []string{"11.8", "10.11"} {
		all = append(all, mysql.Cluster{Flavour: mysql.MariaDB, Version: version, Standbys: 1, Spares: 1, Dataset: shop})
	}
	all = append(all, mysql.Cluster{Flavour: mysql.MySQL, Standbys: 1, Spares: 1, Dataset: shop})
	// Less data, for machines that have nothing: they are to be done with it in 20 s.
	return append(all, sqlite.Store{Dataset: dataset.Shop(dataset.ShopOptions{Scale: 0.5})})
}

// engine is what is different about the drill on one of them.
type engine struct {
	badWrite string
	recovery recovery.Recovery
	runbook  string
}

var viaBinlog = engine{
	badWrite: `UPDATE shop.payments SET amount = 0`,
	recovery: recovery.Command("../mysql/restore-payments.sh"), runbook: "scenarios/mysql/restore-payments.sh",
}

// engines are by the name that a system gives in its Info.
var engines = map[string]engine{
	"postgres": {
		badWrite: `UPDATE shop.payments SET amount = 0`,
		recovery: recovery.Command("../postgres/restore-payments.sh"), runbook: "scenarios/postgres/restore-payments.sh",
	},
	"mariadb": viaBinlog, "mysql": viaBinlog,
	"sqlite": {
		badWrite: `UPDATE payments SET amount = 0`,
		recovery: litestream.To(litestream.Position), runbook: "recover/litestream",
	},
}
