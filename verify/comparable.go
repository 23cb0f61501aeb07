package verify

import (
	"fmt"
	"strings"
	"time"

	"github.com/recoverydrill/gameday/fixtures"
	"github.com/recoverydrill/gameday/reports"
)

// notComparable says why the two manifests cannot be held against each other: one is missing, they were digested
// differently, or they were not taken at the times that they stand for. Nothing may be judged by them then.
func notComparable(e *Evidence) []reports.Finding {
	b, f := e.Baseline, e.Found
	switch {
	case b == nil:
		return []reports.Finding{unsure("there is no manifest of the mark: nothing says what should have come back")}
	case f == nil:
		return []reports.Finding{unsure("there is no manifest of the recovered store: nobody looked at what came back")}
	case b == f:
		return []reports.Finding{unsure("the manifest of the mark was compared with itself")}
	}
	var bad []reports.Finding
	differ := func(what, wanted, found string) {
		bad = append(bad, reports.Finding{
			Summary: "the manifests have different " + what + ": their digests mean nothing to each other", Wanted: wanted, Found: found,
		})
	}
	for _, m := range []*fixtures.Manifest{b, f} {
		if m.SchemaVersion != fixtures.ManifestSchema {
			bad = append(bad, unsure(fmt.Sprintf("a manifest has schema version %d, this program reads %d", m.SchemaVersion, fixtures.ManifestSchema)))
		}
		if m.Nonce == "" || m.Encoding == "" {
			bad = append(bad, unsure("a manifest has no nonce or no encoding: it could be of any store at any time"))
		}
	}
	if b.Nonce != f.Nonce {
		differ("nonces", b.Nonce, f.Nonce)
	}
	if b.Encoding != f.Encoding {
		differ("encodings", b.Encoding, f.Encoding)
	}
	if b.Engine != f.Engine {
		differ("engines", b.Engine, f.Engine)
	}
	if shown := tolerances(b.Tolerate); shown != tolerances(f.Tolerate) {
		differ("tolerances", shown, tolerances(f.Tolerate))
	} else if r := e.Record; r != nil && tolerances(r.Tolerate) != shown {
		bad = append(bad, reports.Finding{
			Summary: "the manifests were taken with other tolerances than the report shows", Wanted: tolerances(r.Tolerate), Found: shown,
		})
	}
	for _, m := range []*fixtures.Manifest{b, f} {
		if hidden := unapplied(m); len(hidden) > 0 {
			bad = append(bad, unsure("a manifest was taken with tolerances that it does not list: "+strings.Join(hidden, "; ")))
		}
	}
	if r := e.Record; r != nil && r.Nonce != "" && r.Nonce != b.Nonce {
		bad = append(bad, reports.Finding{Summary: "the manifest of the mark is from another drill", Wanted: r.Nonce, Found: b.Nonce})
	}
	return append(bad, outOfTime(e)...)
}

// outOfTime holds the manifests' own times (the server's clock) against the drill's: the baseline was taken before the
// damage, the other one after the recovery began. The mark's two times translate from one clock to the other.
func outOfTime(e *Evidence) []reports.Finding {
	b, f := e.Baseline, e.Found
	if b.Taken.IsZero() || f.Taken.IsZero() {
		return []reports.Finding{unsure("a manifest does not say when it was taken")}
	}
	var bad []reports.Finding
	early := func(summary string, wanted, found time.Time) {
		bad = append(bad, reports.Finding{
			Summary: summary, Wanted: wanted.UTC().Format(time.RFC3339Nano), Found: found.UTC().Format(time.RFC3339Nano),
		})
	}
	if !f.Taken.After(b.Taken) {
		early("the manifest of the recovered store is not later than that of the mark", b.Taken, f.Taken)
	}
	m := baselineMark(e)
	if m == nil || m.Time.IsZero() || e.Record.Fault == nil || e.Record.Fault.InjectNS <= 0 {
		return bad
	}
	server := func(ns int64) time.Time { return m.Time.Add(time.Duration(ns - m.MonotonicNS)) }
	injected := server(e.Record.Fault.InjectNS)
	switch {
	case e.asDamaged && b.Taken.Before(injected):
		early("the manifest of the damaged store was taken before the damage", injected, b.Taken)
	case !e.asDamaged && (m.MonotonicNS >= e.Record.Fault.InjectNS || b.Taken.After(injected)):
		early("the manifest of the mark was taken after the damage", injected, b.Taken)
	}
	if r := e.Record.Recovery; r != nil && r.DeclaredNS > 0 {
		if declared := server(r.DeclaredNS).Add(-clockSlack); f.Taken.Before(declared) {
			early("the manifest of the recovered store was taken before the recovery began", declared, f.Taken)
		}
	}
	return bad
}

// clockSlack is how far the clocks of two servers may be apart: a recovery may have moved the store to another machine.
const clockSlack = 2 * time.Second

// baselineMark is the mark that the baseline belongs to: the recovery's target, or without one the mark by whose label
// the baseline goes. It is nil when the record does not hold it.
func baselineMark(e *Evidence) *fixtures.Mark {
	if e.Record == nil {
		return nil
	}
	if t := e.Record.Target; t != nil && t.MonotonicNS > 0 && (e.Baseline == nil || e.Baseline.Mark == "" || e.Baseline.Mark == t.Label) {
		return t
	}
	if e.Baseline == nil || e.Baseline.Mark == "" {
		return nil
	}
	for i := range e.Record.Marks {
		if m := &e.Record.Marks[i]; m.Label == e.Baseline.Mark && m.MonotonicNS > 0 {
			return m
		}
	}
	return nil
}
