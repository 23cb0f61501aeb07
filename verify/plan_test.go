package verify

import (
	"strings"
	"testing"

	"github.com/recoverydrill/gameday/reports"
)

// planned gives the scene's recovery a plan, and what it did.
func planned(did ...string) func(*scene) {
	return onRecord(func(r *reports.Record) {
		r.Recovery.Plan = &reports.RecoveryPlan{Digest: "0123456789abcdef", Steps: []reports.PlannedStep{
			{Name: "fetch", Does: "copy the backup"}, {Name: "replay", Does: "replay the log"}, {Name: "open", Does: "promote"},
		}}
		for _, name := range did {
			r.Recovery.Steps = append(r.Recovery.Steps, reports.Step{Name: name, StartNS: declaredNS, EndNS: endedNS})
		}
	})
}

func both(all ...func(*scene)) func(*scene) {
	return func(s *scene) {
		for _, f := range all {
			f(s)
		}
	}
}

func needing(needs ...reports.Need) func(*scene) {
	return onRecord(func(r *reports.Record) { r.Recovery.Preflight = &reports.Preflight{Needs: needs} })
}

var (
	enough = reports.Need{Resource: "disk", Where: "spare:/data", NeededBytes: 2 << 30, AvailableBytes: 9 << 30, Met: true}
	tight  = reports.Need{Resource: "disk", Where: "spare", NeededBytes: 2 << 30, AvailableBytes: 1 << 30, Detail: "df says so"}
)

// unplanned are recoveries that did something else than they said, or could not say what.
func unplanned() []sabotage {
	const f, any = reports.Failed, reports.Inconclusive
	plan := func(edit func(p *reports.RecoveryPlan)) func(*scene) {
		return both(planned("fetch", "replay", "open"), onRecord(func(r *reports.Record) { edit(r.Recovery.Plan) }))
	}
	before := func(edit func(p *reports.Preflight)) func(*scene) {
		return both(needing(enough), onRecord(func(r *reports.Record) { edit(r.Recovery.Preflight) }))
	}
	failed := onRecord(func(r *reports.Record) { r.Recovery.Error, r.Recovery.ExitCode = "disk full", 1 })
	struck := func(m reports.Meanwhile) func(*scene) {
		return onRecord(func(r *reports.Record) { r.Meanwhile = []reports.Meanwhile{m} })
	}
	return []sabotage{
		{"P1", "a step was left out", "plan", plot{}, planned("fetch", "open"), f},
		{"P1", "the last step was left out", "plan", plot{}, planned("fetch", "replay"), f},
		{"P1", "two steps changed places", "plan", plot{}, planned("replay", "fetch", "open"), f},
		{"P1", "a step more", "plan", plot{}, planned("fetch", "replay", "open", "vacuum"), f},
		{"P1", "a step twice", "plan", plot{}, planned("fetch", "replay", "replay", "open"), f},
		{"P1", "another plan than was agreed on", "plan", plot{}, both(planned("fetch", "replay", "open"), onRecord(func(r *reports.Record) { r.PlanDigest = "fedcba9876543210" })), f},
		{"P1", "no plan although one was agreed on", "plan", plot{}, onRecord(func(r *reports.Record) { r.PlanDigest = "fedcba9876543210" }), f},
		{"P1", "it refused to plan and went on", "plan", plot{}, plan(func(p *reports.RecoveryPlan) { p.Steps, p.Refused = nil, "no backup" }), f},
		{"P1", "it failed off its plan", "plan", plot{}, both(planned("fetch", "wipe"), failed), f},
		{"P2", "it could not tell its plan", "plan", plot{}, plan(func(p *reports.RecoveryPlan) { p.Steps, p.Error = nil, "no such file" }), any},
		{"P2", "an empty plan", "plan", plot{}, plan(func(p *reports.RecoveryPlan) { p.Steps = nil }), any},
		{"P3", "it missed disk and failed", "preflight", plot{}, both(needing(enough, tight), failed), f},
		{"P3", "it refused to look and went on", "preflight", plot{}, before(func(p *reports.Preflight) { p.Needs, p.Refused = nil, "no backup" }), f},
		{"P4", "it could not look", "preflight", plot{}, before(func(p *reports.Preflight) { p.Needs, p.Error = nil, "no df" }), any},
		{"P4", "it needs nothing", "preflight", plot{}, before(func(p *reports.Preflight) { p.Needs = nil }), any},
		{"M1", "a second fault never struck", "fault", plot{}, struck(reports.Meanwhile{Name: "cut", At: "after 3 s"}), any},
		{"M1", "a second fault came when the recovery had ended", "fault", plot{}, struck(reports.Meanwhile{Name: "cut", At: "when the step \"start\" began", InjectNS: endedNS, InjectedNS: endedNS + 1, Proven: true}), any},
		{"M1", "a second fault was not seen", "fault", plot{}, struck(reports.Meanwhile{Name: "cut", At: "after 3 s", InjectNS: declaredNS, InjectedNS: declaredNS}), any},
		{"M1", "a second fault could not be healed", "fault", plot{}, struck(reports.Meanwhile{Name: "cut", InjectNS: declaredNS, InjectedNS: declaredNS, Proven: true, Error: "still cut"}), any},
	}
}

func TestWhatIsPlannedAndPredicted(t *testing.T) {
	usage := func(disk int64) func(*scene) {
		return onRecord(func(r *reports.Record) {
			r.Recovery.Usage = []reports.NodeUsage{{Node: "primary", Unmeasured: "gone"}, {Node: "spare", DiskGrowthBytes: disk, PeakMemoryBytes: -1}}
		})
	}
	refused := func(s *scene) { s.refuses() }
	for name, c := range map[string]struct {
		do   func(*scene)
		says string // a note of a passed drill; "" wants none beside those of what was not declared
	}{
		"it kept to its plan":           {planned("fetch", "replay", "open"), ""},
		"it kept to the plan agreed on": {both(planned("fetch", "replay", "open"), onRecord(func(r *reports.Record) { r.PlanDigest = "0123456789abcdef" })), ""},
		"it has no plan":                {nil, "tells no plan"},
		"it does not say what it needs": {nil, "does not say what it needs"},
		"it had what it needs":          {both(needing(enough), usage(3<<30)), ""},
		"it used far more than it said": {both(needing(enough), usage(5<<30)), "off by a factor of 2.5"},
		"it used far less than it said": {both(needing(enough), usage(1<<29)), "off by a factor of 4.0"},
		"nobody measured":               {needing(enough), ""},
		"it missed disk and managed":    {needing(tight), "wrong prediction: it said that it misses what it needs, and succeeded: disk at spare: df says so"},
		"a second fault struck and was seen": {onRecord(func(r *reports.Record) {
			r.Meanwhile = []reports.Meanwhile{{InjectNS: declaredNS, InjectedNS: declaredNS, Proven: true}}
		}), ""},
	} {
		t.Run(name, func(t *testing.T) {
			s := newScene(t, plot{})
			if c.do != nil {
				c.do(s)
			}
			o, r := judged(t, s.build(), Default())
			text := describeResults(r)
			if o != reports.Passed || !strings.Contains(text, c.says) || (c.says == "" && strings.Contains(text, "factor")) {
				t.Errorf("outcome %v, want %q%s", o, c.says, text)
			}
		})
	}
	t.Run("it refused half way through its plan, missing what it needs", func(t *testing.T) {
		s := newScene(t, plot{refuse: "healthy"})
		both(refused, planned("fetch"), needing(tight))(s)
		if o, r := judged(t, s.build(), Default()); o != reports.Passed {
			t.Errorf("outcome %v%s", o, describeResults(r))
		}
	})
	t.Run("it refused when it was asked", func(t *testing.T) {
		s := newScene(t, plot{refuse: "healthy"})
		s.rec.Recovery.Plan, s.rec.Recovery.Preflight = &reports.RecoveryPlan{Refused: "no"}, &reports.Preflight{Refused: "no"}
		if o, r := judged(t, s.build(), Default()); o != reports.Passed {
			t.Errorf("outcome %v%s", o, describeResults(r))
		}
	})
}

// What was missing comes before how it failed.
func TestAMissingNeedIsNamedFirst(t *testing.T) {
	s := newScene(t, plot{})
	both(needing(tight), onRecord(func(r *reports.Record) { r.Recovery.Error, r.Recovery.ExitCode = "no space left", 1 }))(s)
	e := s.build()
	e.Record.Checks = Judge(t.Context(), e, Default(), nil)
	e.Record.Outcome = Verdict(e.Record.Checks, nil)
	if got := reports.Headline(e.Record); !strings.Contains(got, "missed what it needs, and failed: disk at spare: df says so") {
		t.Errorf("headline %q", got)
	}
}
