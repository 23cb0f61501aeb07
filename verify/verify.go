// Package verify judges a recovery by its evidence. Every check is a pure function of what was collected: it needs no
// server, so that a drill can be judged again, with today's checks, from its directory alone.
package verify

import (
	"context"

	"github.com/recoverydrill/gameday/fixtures"
	"github.com/recoverydrill/gameday/fixtures/ledger"
	"github.com/recoverydrill/gameday/fixtures/probe"
	"github.com/recoverydrill/gameday/fixtures/traffic"
	"github.com/recoverydrill/gameday/reports"
)

// Evidence is what checks judge by. A field that is nil or empty was not collected; a check that needs it is then
// inconclusive.
type Evidence struct {
	Dir    string          // the drill's directory; rows files are below it
	Record *reports.Record // times, marks, fault, recovery, objective, settings before the fault

	Baseline *fixtures.Manifest // at the mark that the recovery was asked to return to
	Found    *fixtures.Manifest // of the store that clients reach after the recovery (or of the damaged one, as proof)
	FoundDir string             // the directory of Found's rows files, relative to Dir
	BaseDir  string             // the directory of Baseline's rows files, relative to Dir

	// Damaged is of the store as the fault left it, nil where nobody surveyed it: what a recovery that had to refuse must
	// have left as it was. Its rows files are in reports.DamagedDir.
	Damaged *fixtures.Manifest

	Ops   []ledger.Op        // the whole ledger, in the order of invocation
	Rows  []traffic.Row      // traffic's tables as found after the recovery
	Probe []probe.Answer     // the whole series, in the order of schedule
	Extra map[string][]byte  // what a [Collector] observed, by the check's name
	After []fixtures.Setting // durability as read back after the recovery

	// Problems say what was collected but could not be read back, or was changed since. Any makes the verdict
	// inconclusive at best: see [LoadEvidence].
	Problems []reports.Finding

	asDamaged bool // Baseline is the damaged store: see untouched
}

// Check is one way of looking at the evidence. It must never pass without having looked: a missing piece of evidence,
// an empty one, or one that covers less than the baseline is inconclusive.
type Check interface {
	// Name is short and unique: "contents".
	Name() string
	// Promise says in one sentence what holds when the check passes.
	Promise() string
	// Judge fills outcome, coverage and findings of the result; name, promise and duration are filled by [Judge].
	Judge(ctx context.Context, e *Evidence) reports.CheckResult
}

// Collector is an optional ability of a check that needs to ask the recovered store something of its own. The drill
// calls Collect after the recovery with traffic held, keeps the bytes beside the other evidence, and puts them into
// [Evidence.Extra] under the check's name.
type Collector interface {
	Collect(ctx context.Context, sys fixtures.System) ([]byte, error)
}

// Later is an optional ability of a [Collector] that changes the store, stops it, or takes long: the drill calls CollectLater
// in place of Collect once everything else has been collected and the service clock has stopped, in the order of the
// checks. found is the survey of the recovered store, nil where there is none.
type Later interface {
	CollectLater(ctx context.Context, sys fixtures.System, found *fixtures.Manifest) ([]byte, error)
}

// Damage is an optional ability of a check that can also tell damage from health on a store that was damaged and not
// yet recovered. Only such checks prove a fault.
type Damage interface {
	SeesDamage() bool
}
