package corpus

import (
	"slices"
	"sync"

	"github.com/recoverydrill/gameday/verify/sabotage"
)

// Acts are the acts of the corpus that a drill's default checks must catch: see [LaterActs] for the others. Each has one
// engine, its check is the one that must catch it alone. They are done to a running store with [Dataset], one after another.
func Acts() []sabotage.Act { return slices.Clone(made()) }

var made = sync.OnceValue(func() []sabotage.Act {
	return slices.Concat(lostRows(), neighbours(), wrongValues(), lostStructure(), onTraffic(), onIdentity(), onSettings(), brokenRules(), damagedPages())
})

// onIdentity are acts that put another store in the place of the one that was lost.
func onIdentity() []sabotage.Act {
	token := func(table string) change {
		return change{
			do:   statement("UPDATE " + table + " SET token = CONCAT('other', token)"),
			undo: statement("UPDATE " + table + " SET token = SUBSTR(token, 6)"),
			sees: "SELECT token FROM " + table,
		}
	}
	lite := token("gameday_identity")
	lite.do = statement("UPDATE gameday_identity SET token = 'other' || token")
	return slices.Concat(
		acts("A2", "the store is another environment's", "identity", on{Postgres: token("gameday.identity"), MySQL: token("gameday.identity"), SQLite: lite}),
	)
}
