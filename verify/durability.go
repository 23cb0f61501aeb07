package verify

import (
	"context"
	"fmt"

	"github.com/recoverydrill/gameday/reports"
)

// Durability wants the settings on which "acknowledged" rests to be in force after the recovery as they were before the
// fault. A fast restore that leaves them off passes everything else and loses data in the next crash.
type Durability struct{}

var _ Check = Durability{}

// Name is "durability".
func (Durability) Name() string { return "durability" }

// Promise is what a passed check means.
func (Durability) Promise() string {
	return "the settings on which an acknowledgement rests are in force again, as they were before the fault"
}

// Judge compares the settings as they were read back.
func (Durability) Judge(_ context.Context, e *Evidence) reports.CheckResult {
	const what = "settings"
	switch {
	case e.Record == nil || len(e.Record.Settings) == 0:
		return inconclusive(what, unsure("the durability settings were not read before the fault"))
	case len(e.After) == 0:
		return inconclusive(what, unsure("the durability settings were not read after the recovery"))
	}
	j := judging(what)
	j.res.Questions = []reports.Question{reports.Harmless}
	after, before := settingsByName(e.After), settingsByName(e.Record.Settings)
	if len(after) != len(e.After) || len(before) != len(e.Record.Settings) {
		j.unsure(unsure("a durability setting is listed twice"))
	}
	const hint = "set it back at the end of the recovery, and restart the server if it needs that"
	for _, want := range e.Record.Settings {
		j.res.Covered.Planned++
		got, ok := after[want.Name]
		if !want.OK {
			j.unsure(reports.Finding{
				Summary: fmt.Sprintf("%s was %q before the fault and durability needs %s: an acknowledgement meant little", want.Name, want.Value, want.Wanted),
				Hint:    "run the drill on a store with durable settings",
			})
			continue
		}
		switch {
		case !ok:
			j.unsure(unsure(fmt.Sprintf("%s was not read after the recovery", want.Name)))
			continue
		case got.OK && got.Wanted != want.Wanted:
			j.unsure(reports.Finding{
				Summary: fmt.Sprintf("%s was held against different rules before and after", want.Name), Wanted: want.Wanted, Found: got.Wanted,
			})
		case !got.OK:
			j.fail(reports.Finding{
				Summary: fmt.Sprintf("%s is %q after the recovery: durability needs %s", want.Name, got.Value, want.Wanted),
				Where:   reports.Place{Object: "setting " + want.Name}, Wanted: want.Value, Found: got.Value, Hint: hint, Question: reports.Harmless,
			})
		}
		j.res.Covered.Looked++
	}
	for _, got := range e.After {
		if _, known := before[got.Name]; !known && !got.OK {
			j.fail(reports.Finding{
				Summary: fmt.Sprintf("%s is %q after the recovery: durability needs %s", got.Name, got.Value, got.Wanted),
				Where:   reports.Place{Object: "setting " + got.Name}, Wanted: got.Wanted, Found: got.Value, Hint: hint, Question: reports.Harmless,
			})
		}
	}
	return j.done()
}
