package drill

import (
	"slices"
	"strings"

	"github.com/recoverydrill/gameday/fixtures/probe"
	"github.com/recoverydrill/gameday/reports"
)

// aboutDisposable tells a question about a table that may be empty after the recovery. Where a schema is a database, the name of
// one of the main database has none before it.
func (d *Drill) aboutDisposable(c probe.Canary) bool {
	name := strings.TrimPrefix(c.Name, c.Database+": ")
	return slices.ContainsFunc(d.scenario.Disposable, func(t reports.Disposable) bool {
		return t.Covers(c.Database, name) || t.Covers(c.Database, c.Database+"."+name)
	})
}
