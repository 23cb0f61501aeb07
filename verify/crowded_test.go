package verify

import (
	"strings"
	"testing"

	"github.com/recoverydrill/gameday/fixtures/probe"
	"github.com/recoverydrill/gameday/reports"
)

// On a machine that is too busy to serve anybody in time, late answers prove nothing about the recovery: not that it is
// sound, and not that it is broken. A wrong answer, or a service that is down, is what it is.
func TestBadAnswersOnACrowdedMachineProveNothing(t *testing.T) {
	late, failed, wrong := is(probe.Late), is(probe.Failed), is(probe.Wrong)
	for name, c := range map[string]struct {
		pressed float64
		stalled float64
		change  func(*scene)
		want    reports.Outcome
		says    string
	}{
		"late, with room":           {60, 0, answers(22*second, 22*second+second, late), reports.Failed, "did not last"},
		"late, nobody tells":        {-1, -1, answers(22*second, 22*second+second, late), reports.Inconclusive, "it does not tell"},
		"late for good, untold":     {-1, -1, answers(20*second, endNS, late), reports.Inconclusive, "it does not tell"},
		"failed, nobody tells":      {-1, -1, answers(22*second, 22*second+second, failed), reports.Failed, "did not last"},
		"wrong, nobody tells":       {-1, -1, answers(22*second, 22*second+second, wrong), reports.Failed, "did not last"},
		"late, disks":               {20, 80, answers(22*second, 22*second+second, late), reports.Inconclusive, "waited for a disk"},
		"late, disks with room":     {20, 60, answers(22*second, 22*second+second, late), reports.Failed, "did not last"},
		"late, disks not told":      {20, -1, answers(22*second, 22*second+second, late), reports.Inconclusive, "it does not tell"},
		"failed, disks":             {20, 99, answers(22*second, 22*second+second, failed), reports.Failed, "did not last"},
		"late, busy":                {80, 0, answers(22*second, 22*second+second, late), reports.Inconclusive, "waited for a processor"},
		"late all the time, busy":   {80, 0, answers(22*second, endNS, late), reports.Inconclusive, "waited for a processor"},
		"failed, busy":              {80, 0, answers(22*second, 22*second+second, failed), reports.Failed, "did not last"},
		"late, crowded":             {97, 0, answers(22*second, 22*second+second, late), reports.Inconclusive, "waited for a processor"},
		"failed, crowded":           {97, 0, answers(22*second, 22*second+second, failed), reports.Inconclusive, "waited for a processor"},
		"wrong, crowded":            {97, 0, answers(22*second, 22*second+second, wrong), reports.Failed, "did not last"},
		"down for good, crowded":    {97, 0, answers(20*second, endNS, failed), reports.Failed, "did not come back"},
		"mostly down, crowded":      {97, 0, answers(21*second+second/2, endNS, failed), reports.Failed, "did not last"},
		"down in the end, crowded":  {97, 0, answers(endNS-2*second, endNS, failed), reports.Failed, "did not last"},
		"late in the end, crowded":  {97, 0, answers(endNS-2*second, endNS, late), reports.Inconclusive, "waited for a processor"},
		"a few refusals, crowded":   {97, 0, answers(endNS-second/2, endNS, failed), reports.Inconclusive, "waited for a processor"},
		"well in spite of all that": {97, 0, func(*scene) {}, reports.Passed, ""},
	} {
		s := newScene(t, plot{beside: true})
		c.change(s)
		s.rec.Host.Pressed, s.rec.Host.Stalled = c.pressed, c.stalled
		outcome, text := judged(t, s.build(), []Check{Service{}})
		if got := describeResults(text); outcome != c.want || !strings.Contains(got, c.says) {
			t.Errorf("%s: want %v and %q, got %v%s", name, c.want, c.says, outcome, got)
		}
	}
}

// On a machine that is busy all the time nothing is said of times; on any other a time beyond its objective is one.
func TestTimesOnACrowdedMachineProveNothing(t *testing.T) {
	for pressed, want := range map[float64]reports.Outcome{-1: reports.Failed, 60: reports.Failed, 97: reports.Inconclusive} {
		for name, asked := range map[string]reports.Objective{"RTO": {RTOMS: 10}, "RPO": {RPOMS: 10}} {
			s := newScene(t, plot{})
			s.rec.Host.Pressed, s.rec.Objective = pressed, asked
			if outcome, text := judged(t, s.build(), []Check{Objectives{}}); outcome != want {
				t.Errorf("%s, pressed %.0f: want %v, got %v%s", name, pressed, want, outcome, describeResults(text))
			}
		}
	}
	s := newScene(t, plot{})
	one := int64(1)
	s.rec.Host.Pressed, s.rec.Objective = 97, reports.Objective{LostWrites: &one}
	if outcome, text := judged(t, s.build(), []Check{Objectives{}}); outcome != reports.Failed {
		t.Errorf("lost writes: got %v%s", outcome, describeResults(text))
	}
}

// Blips come with time: a long drill may have more of them in all than a short one. A service that goes on and off has them
// close together, however long it was well before.
func TestBlipsOfALongDrill(t *testing.T) {
	late := is(probe.Late)
	for name, c := range map[string]struct {
		from, every int64 // seconds after service was back
		times       int64
		want        reports.Outcome
	}{
		"one a minute":            {60, 60, 9, reports.Passed},
		"three at once":           {300, 1, 3, reports.Passed},
		"one every twenty":        {60, 20, 9, reports.Failed},
		"on and off in the end":   {550, 2, 20, reports.Failed},
		"on and off from the day": {5, 2, 280, reports.Failed},
	} {
		s := newScene(t, plot{beside: true})
		last := s.probe[len(s.probe)-1]
		for last.AtNS < endNS+600*second {
			last.AtNS, last.DoneNS, last.Seq, last.Fresh = last.AtNS+20e6, last.DoneNS+20e6, last.Seq+1, last.Seq%10 == 9
			last.Canary = s.probe[len(s.probe)-3].Canary
			s.probe = append(s.probe, last)
		}
		for i := range c.times {
			at := backNS + (c.from+i*c.every)*second
			answers(at, at+30e6, late)(s)
		}
		outcome, text := judged(t, s.build(), []Check{Service{}})
		if outcome != c.want {
			t.Errorf("%s: want %v, got %v%s", name, c.want, outcome, describeResults(text))
		}
	}
}
