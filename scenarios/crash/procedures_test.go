package crash_test

import (
	"github.com/recoverydrill/gameday/fixtures/dataset"
	"github.com/recoverydrill/gameday/fixtures/mysql"
	"github.com/recoverydrill/gameday/fixtures/postgres"
	"github.com/recoverydrill/gameday/recover/binlog"
	"github.com/recoverydrill/gameday/recover/mysqldump"
	"github.com/recoverydrill/gameday/recover/mysqlhost"
	"github.com/recoverydrill/gameday/recover/pgbackrest"
	"github.com/recoverydrill/gameday/recover/pgpitr"
)

var (
	shop     = dataset.Shop(dataset.ShopOptions{Scale: 0.1})
	dumpable = dataset.Shop(dataset.ShopOptions{Scale: 0.1, Dumpable: true}) // a dump rounds FLOATs
)

// small is the spare's disk where it is to be filled: room for a restore, and little more.
const small = 2 << 30

var _ = procedure{
	name:      "pgpitr",
	blueprint: postgres.Cluster{Standbys: 1, Spares: 1, Dataset: shop},
	limited:   postgres.Cluster{Standbys: 1, Spares: 1, Dataset: shop, SpareDisk: small},
	recovery:  pgpitr.To(pgpitr.Name),
	steps:     []string{"fetch the base backup", "replay the log", "wait for the promotion", "cut over"},
	full:      1,
}.describe()

var _ = procedure{
	name:      "pgbackrest",
	blueprint: postgres.Cluster{Standbys: 1, Spares: 1, Dataset: shop, Backups: postgres.PgBackRest{}},
	limited:   postgres.Cluster{Standbys: 1, Spares: 1, Dataset: shop, Backups: postgres.PgBackRest{}, SpareDisk: small},
	recovery:  pgbackrest.To(pgbackrest.Name),
	steps:     []string{"choose the backup", "restore", "replay the log", "wait for the promotion", "cut over"},
	full:      2,
}.describe()

var _ = procedure{
	name:      "mysqldump and binlog",
	blueprint: mysql.Cluster{Standbys: 1, Spares: 1, Dataset: dumpable, Backups: mysql.Dump},
	limited:   mysql.Cluster{Standbys: 1, Spares: 1, Dataset: dumpable, Backups: mysql.Dump, SpareDisk: small},
	recovery:  mysqldump.To(mysqlhost.Position),
	steps:     []string{"check the dump", "make an empty server", "load the dump", "replay the binary log", "start it for clients", "cut over"},
	full:      3,
}.describe()

var _ = procedure{
	name:      "binlog on MariaDB",
	blueprint: mysql.Cluster{Flavour: mysql.MariaDB, Standbys: 1, Spares: 1, Dataset: shop},
	limited:   mysql.Cluster{Flavour: mysql.MariaDB, Standbys: 1, Spares: 1, Dataset: shop, SpareDisk: small},
	recovery:  binlog.To(binlog.Position),
	steps:     []string{"fetch the base backup", "start a server that clients cannot reach", "replay the binary log", "start it for clients", "cut over"},
	full:      1,
}.describe()
