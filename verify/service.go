package verify

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/recoverydrill/gameday/fixtures/probe"
	"github.com/recoverydrill/gameday/reports"
)

// Service judges by the service clock alone: correct before the damage, seen to be bad during it, correct again after
// the recovery was started, and from then on to the end of the drill. Silent damage (a backup, a standby) is not seen by
// clients: they may have had correct service throughout, and what they lost of it must have come back.
type Service struct {
	// Stall is how long the harness may have lost sight of the service at one time, from the injection on; default
	// 1 s. A longer time makes the result inconclusive.
	Stall time.Duration
}

var _ Check = Service{}

// Name is "service".
func (Service) Name() string { return "service" }

// Promise is what a passed check means.
func (Service) Promise() string {
	return "clients lost correct service through the damage, and had it back for good after the recovery began"
}

// Judge reads the series.
func (s Service) Judge(_ context.Context, e *Evidence) reports.CheckResult {
	const what = "probes"
	switch {
	case e.Record == nil:
		return inconclusive(what, unsure("there is no record: when the damage was done is not known"))
	case len(e.Probe) == 0:
		return inconclusive(what, unsure("the service clock has no answers: nobody watched the service"))
	case e.Record.Fault == nil || e.Record.Fault.InjectNS <= 0:
		return inconclusive(what, unsure("no fault is recorded: there was no outage to watch"))
	case e.Record.Recovery == nil || e.Record.Recovery.DeclaredNS <= 0:
		return inconclusive(what, unsure("no recovery is recorded: nothing could have ended the outage"))
	}
	c := readClock(e)
	j := judging(what)
	j.res.Questions = append([]reports.Question{reports.InService}, quickEnough(e.Record.Objective)...)
	j.res.Covered.Planned, j.res.Covered.Looked = int64(len(e.Probe)), int64(len(e.Probe))
	s.trust(j, c)
	askedSome(j, e.Record)
	if e.Record.MustRefuse {
		undisturbed(j, c, e)
		return j.done()
	}
	if e.Record.Fault.Silent {
		spared(j, c)
	} else {
		lost(j, c)
	}
	back(j, c, e.Record)
	return j.done()
}

// askedSome says of how many tables the service clock knew whether they were back, where those were not all.
func askedSome(j *judgement, rec *reports.Record) {
	if rec.TablesAsked < rec.TablesAskable {
		j.note(reports.Finding{
			Summary:  fmt.Sprintf("the service clock asked about %d of %s: when the others were back it does not know", rec.TablesAsked, plural(int64(rec.TablesAskable), "table")),
			Question: reports.InTime,
		})
	}
}

// trust says why the series itself cannot be judged by.
func (s Service) trust(j *judgement, c clock) {
	limit := s.Stall
	if limit <= 0 {
		limit = time.Second
	}
	if c.Disorder != "" {
		j.unsure(unsure("the service clock's series is out of order: " + c.Disorder))
	}
	var longest probe.Stall
	var total int64
	for _, stall := range c.Stalls {
		if stall.Kind == probe.Jumped {
			j.unsure(unsure(fmt.Sprintf("the wall clock jumped at %s: no time of this drill can be relied on", seconds(stall.FromNS))))
			continue
		}
		length := stall.ToNS - stall.FromNS
		total += length
		if length > longest.ToNS-longest.FromNS {
			longest = stall
		}
	}
	switch length := longest.ToNS - longest.FromNS; {
	case length > limit.Nanoseconds():
		j.unsure(reports.Finding{
			Summary: fmt.Sprintf("the harness itself stood still for %s at %s: nobody watched the service", seconds(length), seconds(longest.FromNS)),
			Hint:    "run the drill on a machine with more room, or with less at the same time", Question: reports.InTime,
		})
	case total > 0:
		j.note(reports.Finding{Summary: fmt.Sprintf("the harness stood still for %s in all: times may be shorter than shown by that much", seconds(total))})
	}
}

// lost wants the service to be good before the damage and bad during it.
func lost(j *judgement, c clock) {
	const hint = "the service clock must ask about what the fault damages: are its canaries among the damaged rows?"
	switch {
	case c.Before < c.Needed || c.Unhealthy:
		j.unsure(unhealthy(c))
	case c.FirstBad == nil:
		j.unsure(reports.Finding{Summary: "the service clock never saw the damage: every answer was correct until the recovery began", Hint: hint, Question: reports.InService})
	case c.OnlyBlips:
		j.unsure(reports.Finding{
			Summary: fmt.Sprintf("clients lost no more than a connection that was kept, or an answer that was late, at %s: there was no outage for the recovery to end", seconds(c.FirstBad.AtNS)),
			Wanted:  "correct service lost until the recovery", Found: fmt.Sprintf("%s: %s", c.FirstBad.Kind, c.FirstBad.Error), Hint: hint, Question: reports.InService,
		})
	case c.EndedEarly > 0:
		j.unsure(reports.Finding{
			Summary: fmt.Sprintf("service was back at %s, before the recovery began: the recovery did not end the outage", seconds(c.EndedEarly)),
			Hint:    hint, Question: reports.InService,
		})
	}
}

// spared wants the service to be good before damage that clients cannot see, and says what they saw all the same.
func spared(j *judgement, c clock) {
	if c.Before < c.Needed || c.Unhealthy {
		j.unsure(unhealthy(c))
	}
	if n := len(c.Outages); n > 0 {
		j.note(reports.Finding{
			Summary: fmt.Sprintf("the damage is of a kind that clients do not see, and they were without correct service for %s in %s since", seconds(c.outageNS()), plural(int64(n), "outage")),
			Hint:    "the recovery may have interrupted a service that was well", Question: reports.InTime,
		})
	}
}

func unhealthy(c clock) reports.Finding {
	return reports.Finding{
		Summary: fmt.Sprintf("the service was not healthy before the damage: %s, %d are needed", plural(int64(c.Before), "correct answer"), c.Needed),
	}
}

// outageNS is how long clients were without correct service in all.
func (c clock) outageNS() int64 {
	var total int64
	for _, o := range c.Outages {
		total += o.ToNS - o.FromNS
	}
	return total
}

// back wants the service to return and to stay.
func back(j *judgement, c clock, rec *reports.Record) {
	switch {
	case (c.BackNS == 0 || len(c.Again) > 0) && crowded(c, rec.Host) != "":
		j.unsure(reports.Finding{
			Summary: "answers were late or failed after the recovery, and " + crowded(c, rec.Host) + ": which of the two it was is not known",
			Found:   lastWords(c), Question: reports.InTime, Hint: "run the drill on a machine with more room, or with less at the same time",
		})
	case c.BackNS == 0 && len(c.Unasked) > 0:
		j.unsure(reports.Finding{Summary: "service seems back but was not asked about everything: " + c.Unasked[0], Question: reports.InService})
	case c.BackNS == 0:
		j.fail(reports.Finding{
			Summary: fmt.Sprintf("service did not come back: never %d correct answers in a row after the recovery began", c.Needed),
			Wanted:  fmt.Sprintf("%d correct answers in a row", c.Needed), Found: lastWords(c), Question: reports.InService,
			Hint: "ask the service as the application does: can it connect, write, and read what it wrote?",
		})
	case len(c.Again) > 0:
		first := c.Again[0]
		j.fail(reports.Finding{
			Summary: fmt.Sprintf("%s after service had been back for %s: it did not last", plural(int64(len(c.Again)), "bad answer"), seconds(first.AtNS-c.BackNS)),
			Wanted:  "correct answers to the end of the drill", Found: fmt.Sprintf("%s: %s", first.Kind, first.Error), Question: reports.InService,
			Hint: "look for a second restart, a failed promotion, or a disk or connection limit that is reached under load",
		})
	}
	if c.BackNS > 0 && c.Blips > 0 {
		j.note(reports.Finding{Summary: plural(int64(c.Blips), "late or broken answer") + " after service was back, between correct ones: not taken for an outage"})
	}
	end, far := rec.Recovery.EndedNS, int64(10*time.Second)
	if c.BackNS > 0 && end-c.BackNS > far && len(rec.Recovery.CutOvers) == 0 && !rec.MustRefuse && !rec.Fault.Silent {
		j.note(reports.Finding{
			Summary: fmt.Sprintf("answers were correct %s before the recovery said that it was done, and it sent no client elsewhere: what it repaired in place until then, clients may have met as it was", seconds(end-c.BackNS)),
			Hint:    "the service clock asks about some of the damaged rows: hold the recovery's end against the objective too", Question: reports.InTime,
		})
	}
	if c.BackNS > end && end > 0 && c.BackNS-end > far {
		j.note(reports.Finding{
			Summary: fmt.Sprintf("the recovery said that it was done %s before service was correct", seconds(c.BackNS-end)),
			Hint:    "let the automation end when clients are served, so that its word can be relied on", Question: reports.InTime,
		})
	}
}

// crowdedFrom is the share of the time, in percent, from which on a machine is too busy to tell a bad service by answers
// that come late or fail. A drill alone on two processors presses them for a third to two thirds of the time. Where all the
// bad answers were late and none failed, less of it explains them.
const (
	crowdedFrom = 90
	busyFrom    = 75
)

// crowded says why the machine may be to blame for answers that were bad after the recovery, "" where it is not: it was busy
// all the time, most of the answers were correct all the same, none was wrong, and the service was not down in the end: one that
// refuses as often in a row as correct answers are needed does so on any machine. For answers that were late and nothing else,
// its disks may be to blame too, and whether they were is to be known.
func crowded(c clock, h reports.Host) string {
	late := c.onlyLate()
	switch {
	case late && h.Pressed >= busyFrom, h.Pressed >= crowdedFrom && c.After.Wrong == 0 && c.After.Correct >= c.After.Bad && c.Down < c.Needed:
		return fmt.Sprintf("for %.0f %% of that time something on this machine waited for a processor", h.Pressed)
	case late && h.Stalled >= busyFrom:
		return fmt.Sprintf("for %.0f %% of that time everything on this machine waited for a disk", h.Stalled)
	case late && (h.Pressed < 0 || h.Stalled < 0) && (c.After.Late > 0 || len(c.Again) > 0):
		return "whether this machine was busy it does not tell"
	}
	return ""
}

// onlyLate says that no answer failed or was wrong: since service was back, or since the recovery's end where it was not.
func (c clock) onlyLate() bool {
	if c.BackNS == 0 {
		return c.After.Late == c.After.Bad
	}
	return !slices.ContainsFunc(c.Again, func(a probe.Answer) bool { return a.Kind != probe.Late })
}

func lastWords(c clock) string {
	return fmt.Sprintf("%s in all, %d correct, %d wrong, %d failed or late", plural(c.Asked, "answer"), c.Correct, c.Wrong, c.Errors)
}

// rtaNS is the time from the fault's first effect to correct service; ok is false where service did not come back for
// good, or where it was not lost. After silent damage it is the time without correct service, which may be 0.
func rtaNS(e *Evidence) (ns int64, ok bool) {
	c, effect := readClock(e), effectNS(e.Record)
	if e.Record != nil && e.Record.Fault != nil && e.Record.Fault.Silent {
		return c.outageNS(), c.BackNS > 0 && len(c.Again) == 0
	}
	if c.BackNS == 0 || len(c.Again) > 0 || c.FirstBad == nil || c.EndedEarly > 0 || effect <= 0 || c.BackNS < effect {
		return 0, false
	}
	return c.BackNS - effect, true
}
