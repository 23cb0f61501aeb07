package verify

import (
	"fmt"
	"slices"
	"sort"

	"github.com/recoverydrill/gameday/fixtures/probe"
	"github.com/recoverydrill/gameday/reports"
)

// clock is what the service clock's series says about one outage.
type clock struct {
	Needed                        int
	Asked, Correct, Wrong, Errors int64

	Before     int           // correct answers before the injection
	Unhealthy  bool          // most of the last ones before it were not correct
	FirstBad   *probe.Answer // at or after the injection and not after the recovery's start
	LastBadNS  int64         // the last one before service was back
	OnlyBlips  bool          // what was bad then is what is no outage after a recovery either
	EndedEarly int64         // when the outage ended, if that was before the recovery began; 0 if it did not
	BackNS     int64         // the first of the correct answers that ended the outage, after the recovery's start; 0 if none
	Again      []probe.Answer
	Blips      int // of BackNS to the end of the series: see blipLength
	Unasked    []string
	After      tally
	Down       int    // refusals at the end of the series, after the recovery, without a correct answer among them
	Outages    []loss // from the injection to the end, blips left out
	Stalls     []probe.Stall
	EndNS      int64
	Disorder   string
}

// Up to blipLength bad answers in a row are no outage when correct ones follow and they are either late (a busy machine
// makes one) or came over a kept connection (which may have died in the outage and lain in the pool since). More than
// blipLimit of that kind within blipWindow answers, a minute and a half, are one: a long drill has more of them than a short
// one, and a service that goes on and off has them close together.
const (
	blipLength = 2
	blipLimit  = 3
	blipWindow = 4500
)

// sparedBlips are those of a series that are taken for none, by their place in it.
type sparedBlips []int

// spare tells whether one more may be, at a place behind those that were.
func (s *sparedBlips) spare(at int) bool {
	*s = slices.DeleteFunc(*s, func(was int) bool { return was <= at-blipWindow })
	if len(*s) == blipLimit {
		return false
	}
	*s = append(*s, at)
	return true
}

// tally counts the answers since the recovery's end by its own word. Bad are all that were not correct.
type tally struct{ Correct, Wrong, Late, Bad int }

func count(series []probe.Answer) tally {
	var t tally
	for _, a := range series {
		switch {
		case !bad(a):
			t.Correct++
		case a.Kind == probe.Wrong:
			t.Wrong++
			t.Bad++
		case a.Kind == probe.Late:
			t.Late++
			t.Bad++
		default:
			t.Bad++
		}
	}
	return t
}

// down counts the answers that are errors since the last correct one. Late ones are passed over: a service that is down on a
// busy machine has some of them too.
func down(series []probe.Answer) (n int) {
	for _, a := range slices.Backward(series) {
		switch {
		case a.Kind == probe.Correct:
			return n
		case a.Kind == probe.Failed && bad(a):
			n++
		}
	}
	return n
}

// readClock reads the series. Everything is 0 where the evidence for it is missing.
func readClock(e *Evidence) clock {
	var c clock
	if e.Record == nil {
		return c
	}
	c.Needed = needed(e.Record)
	series := watched(e)
	if len(series) == 0 {
		return c
	}
	for _, a := range series {
		c.Asked++
		switch a.Kind {
		case probe.Correct:
			c.Correct++
		case probe.Wrong:
			c.Wrong++
		default:
			c.Errors++
		}
		c.EndNS = max(c.EndNS, a.DoneNS)
	}
	c.Disorder = disorder(series)
	f, r := e.Record.Fault, e.Record.Recovery
	if f == nil || f.InjectNS <= 0 {
		return c
	}
	c.before(series, f.InjectNS)
	if r == nil || r.DeclaredNS <= 0 {
		return c
	}
	c.during(series, f.InjectNS, r.DeclaredNS)
	c.after(series, r)
	ended := between(series, max(r.DeclaredNS, r.EndedNS), c.EndNS)
	c.After, c.Down = count(ended), down(ended)
	c.Outages = outages(between(series, f.InjectNS-1, c.EndNS), c.Needed)
	for _, s := range probe.Stalls(series) {
		if s.ToNS >= f.InjectNS {
			c.Stalls = append(c.Stalls, s)
		}
	}
	return c
}

// needed is how many correct answers in a row end an outage: what the record says, and each canary once.
func needed(rec *reports.Record) int {
	return max(rec.Service.Needed, len(rec.Canaries), 1)
}

// HoldPhase is the name of a phase in which the harness stops the service on purpose after the recovery. Answers due in
// such a phase are left out of the series.
const HoldPhase = "hold"

func watched(e *Evidence) []probe.Answer {
	var holds []reports.Phase
	for _, p := range e.Record.Phases {
		if p.Name == HoldPhase && p.EndNS > p.StartNS {
			holds = append(holds, p)
		}
	}
	series := make([]probe.Answer, 0, len(e.Probe))
	for _, a := range e.Probe {
		held := false
		for _, p := range holds {
			held = held || (a.AtNS >= p.StartNS && a.AtNS <= p.EndNS)
		}
		if !held {
			series = append(series, a)
		}
	}
	sort.SliceStable(series, func(i, k int) bool { return series[i].AtNS < series[k].AtNS })
	return series
}

func disorder(series []probe.Answer) string {
	for i, a := range series {
		switch {
		case a.AtNS <= 0 || a.DoneNS < a.AtNS:
			return fmt.Sprintf("answer %d came at %s to a question due at %s", i+1, seconds(a.DoneNS), seconds(a.AtNS))
		case a.Kind != probe.Correct && a.Kind != probe.Wrong && a.Kind != probe.Failed && a.Kind != probe.Late:
			return fmt.Sprintf("answer %d is of the unknown kind %q", i+1, a.Kind)
		case i > 0 && a.Seq != 0 && a.Seq <= series[i-1].Seq:
			return fmt.Sprintf("answer %d has number %d after %d", i+1, a.Seq, series[i-1].Seq)
		}
	}
	return ""
}

func bad(a probe.Answer) bool { return a.Kind != probe.Correct && a.Stall != probe.Stopped }

// between returns the answers whose questions were due in (from, to].
func between(series []probe.Answer, from, to int64) []probe.Answer {
	i := sort.Search(len(series), func(i int) bool { return series[i].AtNS > from })
	k := sort.Search(len(series), func(i int) bool { return series[i].AtNS > to })
	return series[i:max(i, k)]
}

func (c *clock) before(series []probe.Answer, inject int64) {
	healthy := between(series, 0, inject-1)
	for _, a := range healthy {
		if a.Kind == probe.Correct {
			c.Before++
		}
	}
	recent := healthy[max(0, len(healthy)-c.Needed):]
	wrong := 0
	for _, a := range recent {
		if bad(a) {
			wrong++
		}
	}
	c.Unhealthy = 2*wrong >= len(recent)
}

func (c *clock) during(series []probe.Answer, inject, declared int64) {
	damaged := between(series, inject-1, declared)
	for i := range damaged {
		if bad(damaged[i]) {
			if c.FirstBad == nil {
				c.FirstBad = &damaged[i]
			}
			c.LastBadNS = damaged[i].AtNS
		}
	}
	if c.FirstBad == nil {
		return
	}
	c.OnlyBlips = !Lost(damaged, c.Needed)
	if at, ok := probe.Back(between(damaged, c.LastBadNS, declared), c.LastBadNS+1, c.Needed); ok {
		c.EndedEarly = at
	}
}

// after finds the end of the outage: the first run of correct answers that is followed by no loss of service. A loss
// while the recovery was still running moves it (a server may be started twice); a later one is an outage of its own.
func (c *clock) after(series []probe.Answer, r *reports.Recovery) {
	since := r.DeclaredNS
	for {
		at, ok := probe.Back(series, since, c.Needed)
		if !ok {
			c.missing(series, since)
			return
		}
		c.BackNS = at
		rest := between(series, at, c.EndNS)
		c.Blips = 0
		var blips sparedBlips
		lost := -1
		for i := 0; i < len(rest); i++ {
			switch n := blip(rest[i:]); {
			case !bad(rest[i]):
			case n > 0 && blips.spare(i):
				c.Blips++
				i += n - 1
			default:
				lost = i
			}
			if lost >= 0 {
				break
			}
		}
		if lost < 0 {
			c.lastBad(series, r.DeclaredNS)
			return
		}
		if rest[lost].AtNS > r.EndedNS {
			c.again(rest[lost:])
			c.lastBad(series, r.DeclaredNS)
			return
		}
		c.BackNS, since = 0, rest[lost].AtNS+1
	}
}

// loss is a time without correct service: from its first bad answer to the first of many correct ones in a row, or to
// the end of the series.
type loss struct{ FromNS, ToNS int64 }

// outages finds them in a series. Of blips the first few are none.
func outages(series []probe.Answer, needed int) []loss {
	var all []loss
	var blips sparedBlips
	for i := 0; i < len(series); i++ {
		if !bad(series[i]) {
			continue
		}
		if n := blip(series[i:]); n > 0 && blips.spare(i) {
			i += n - 1
			continue
		}
		lost := loss{FromNS: series[i].AtNS, ToNS: series[len(series)-1].DoneNS}
		if at, ok := probe.Back(series[i:], series[i].AtNS+1, needed); ok {
			lost.ToNS = at
		}
		all = append(all, lost)
		for i+1 < len(series) && series[i+1].AtNS < lost.ToNS {
			i++
		}
	}
	return all
}

// Lost says whether a series of the service clock's answers holds an outage: more than a late answer or two, or one that
// came over a connection which was kept. needed is how many correct answers in a row end one.
func Lost(series []probe.Answer, needed int) bool { return len(outages(series, needed)) > 0 }

// blip returns the length of a blip at the beginning of the series, 0 if there is an outage instead.
func blip(series []probe.Answer) int {
	n := 0
	for n < len(series) && bad(series[n]) && (series[n].Kind == probe.Late || (series[n].Kind == probe.Failed && !series[n].Fresh)) {
		n++
	}
	if n > blipLength || n == len(series) || bad(series[n]) {
		return 0
	}
	return n
}

func (c *clock) again(rest []probe.Answer) {
	for _, a := range rest {
		if bad(a) {
			c.Again = append(c.Again, a)
		}
	}
}

// lastBad dates the last bad answer before service was back.
func (c *clock) lastBad(series []probe.Answer, declared int64) {
	for _, a := range between(series, declared, c.BackNS) {
		if bad(a) && a.DoneNS <= c.BackNS {
			c.LastBadNS = a.AtNS
		}
	}
}

// missing names what the last run of correct answers did not ask, in case service is fine and the questions are not.
func (c *clock) missing(series []probe.Answer, since int64) {
	run := between(series, since-1, c.EndNS)
	for i := len(run) - 1; i >= 0; i-- {
		if bad(run[i]) {
			run = run[i+1:]
			break
		}
	}
	if len(run) < c.Needed {
		return
	}
	c.Unasked = []string{fmt.Sprintf("the last %d answers were correct, but did not ask every canary over new and kept connections without a gap", len(run))}
}
