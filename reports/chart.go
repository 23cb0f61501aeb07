package reports

import (
	"cmp"
	"math"
	"slices"

	"github.com/recoverydrill/gameday/fixtures/probe"
)

// Charts are drawn with presentation attributes only, so that they survive a policy that forbids styles. Every number in
// them is in a table beside them, too.
const (
	chartWidth  = 960.0
	chartLeft   = 270.0 // the labels' column
	chartRight  = 24.0
	chartRow    = 22.0
	chartLane   = 13.0
	chartTop    = 60.0 // for the objective and two lines of numbered marks
	chartBottom = 26.0 // for the axis
	chartLabel  = 42   // characters that fit into it
	chartBins   = 380  // columns that the probe series is reduced to
)

type (
	chart struct {
		ID, Title, Desc string
		Width, Height   float64
		Left, Right     float64 // of the plot
		Top, Bottom     float64
		Ticks           []chartTick
		Bands           []chartRect
		Rows            []chartLine
		Limits          []chartLimit
		Marks           []chartMark

		fromNS, toNS int64
	}
	chartTick struct {
		X     float64
		Label string
	}
	chartRect struct {
		X, Y, W, H  float64
		Class, Fill string
		Title       string
	}
	// chartLine is one row: its bars, and a text behind the last one.
	chartLine struct {
		TextY, TextX float64
		Label        string
		Text, Anchor string
		Bars         []chartRect
	}
	chartLimit struct {
		X      float64 // 0: beyond the right edge
		Label  string
		Anchor string
	}
	chartMark struct {
		X, Y float64
		N    int
	}
	// bar is a row before it has coordinates.
	bar struct {
		label        string
		fromNS, toNS int64
		class        string
		text         string
	}
)

// fills are what the classes look like without a style sheet.
var fills = map[string]string{
	"phase": "#6b7f99", "step": "#3f6fb5", "wait": "#9aa5b1", "broken": "#b3261e",
	"outage": "#f6d5d2", "ok": "#2e7d32", "wrong": "#b3261e", "error": "#b26a00",
}

// newChart lays the rows out; draw with the other methods, top to bottom.
func newChart(id, title, desc string, fromNS, toNS int64) *chart {
	return &chart{
		ID: id, Title: title, Desc: desc, Width: chartWidth, Left: chartLeft, Right: chartWidth - chartRight,
		Top: chartTop, Bottom: chartTop, fromNS: fromNS, toNS: max(toNS, fromNS+1),
	}
}

func (c *chart) x(ns int64) float64 {
	share := float64(ns-c.fromNS) / float64(c.toNS-c.fromNS)
	return tenth(c.Left + min(1, max(0, share))*(c.Right-c.Left))
}

func tenth(x float64) float64 { return math.Round(x*10) / 10 }

func (c *chart) rect(fromNS, toNS int64, y, h float64, class, title string) chartRect {
	x := c.x(fromNS)
	return chartRect{X: x, Y: tenth(y), W: tenth(max(1.5, c.x(toNS)-x)), H: tenth(h), Class: class, Fill: fills[class], Title: title}
}

// add appends a row with one bar.
func (c *chart) add(b bar) {
	y := c.Bottom
	row := chartLine{TextY: tenth(y + 15), Label: cut(b.label, chartLabel), Text: b.text, Anchor: "start"}
	r := c.rect(b.fromNS, b.toNS, y+4, chartRow-8, b.class, b.label+", "+b.text)
	row.Bars = append(row.Bars, r)
	row.TextX = tenth(r.X + r.W + 5)
	if row.TextX+float64(len(b.text))*6.5 > c.Right {
		row.TextX, row.Anchor = tenth(r.X-5), "end"
	}
	c.Rows = append(c.Rows, row)
	c.Bottom += chartRow
}

// lane is a kind of answer with a row of its own, so that the kinds can be told apart without colour.
type lane struct {
	label, class string
	kinds        []probe.Kind
}

var lanes = []lane{
	{"correct answers", "ok", []probe.Kind{probe.Correct}},
	{"wrong answers", "wrong", []probe.Kind{probe.Wrong}},
	{"errors, late", "error", []probe.Kind{probe.Failed, probe.Late}},
}

// service draws the probe series. A column shows a kind if any answer in it was of that kind: one wrong answer among a
// thousand correct ones is seen.
func (c *chart) service(answers []probe.Answer) {
	if len(answers) == 0 {
		return
	}
	c.Bottom += 4
	for _, l := range lanes {
		row := chartLine{TextY: tenth(c.Bottom + 10), Label: l.label}
		var bins [chartBins]bool
		for _, a := range answers {
			if a.AtNS >= c.fromNS && a.AtNS <= c.toNS && slices.Contains(l.kinds, a.Kind) {
				at := float64(a.AtNS-c.fromNS) / float64(c.toNS-c.fromNS)
				bins[min(chartBins-1, int(at*chartBins))] = true
			}
		}
		width := (c.Right - c.Left) / chartBins
		for from := 0; from < chartBins; from++ {
			if !bins[from] {
				continue
			}
			to := from
			for to < chartBins && bins[to] {
				to++
			}
			row.Bars = append(row.Bars, chartRect{
				X: tenth(c.Left + float64(from)*width), Y: tenth(c.Bottom + 1),
				W: tenth(float64(to-from) * width), H: chartLane - 3, Class: l.class, Fill: fills[l.class],
			})
			from = to
		}
		c.Rows = append(c.Rows, row)
		c.Bottom += chartLane
	}
	c.Bottom += 2
}

// finish draws what depends on the number of rows: axis and bands. zeroNS is where the axis counts from.
func (c *chart) finish(zeroNS int64, outageFromNS, outageToNS int64) {
	for _, ns := range ticks(c.fromNS, c.toNS, zeroNS) {
		c.Ticks = append(c.Ticks, chartTick{X: c.x(ns), Label: since(zeroNS, ns)})
	}
	if outageFromNS > 0 && outageToNS > outageFromNS {
		c.Bands = append(c.Bands, c.rect(outageFromNS, outageToNS, c.Top, c.Bottom-c.Top, "outage", "from the fault's first effect to service back"))
	}
	c.Height = c.Bottom + chartBottom
}

// limit draws the objective. One beyond the right edge is told at the edge.
func (c *chart) limit(ns int64, label string) {
	l := chartLimit{X: c.x(ns), Label: label, Anchor: "end"}
	if ns > c.toNS {
		l.X, l.Label = 0, label+" is "+duration(span(c.toNS, ns))+" further right →"
	} else if l.X < c.Left+200 {
		l.Anchor = "start"
	}
	c.Limits = append(c.Limits, l)
}

// mark draws a numbered event, on a second line where the first one is taken.
func (c *chart) mark(n int, ns int64) {
	if ns < c.fromNS || ns > c.toNS {
		return
	}
	m := chartMark{X: c.x(ns), Y: c.Top - 9, N: n}
	for _, o := range c.Marks {
		if math.Abs(o.X-m.X) < 17 && o.Y == m.Y {
			m.Y -= 17
		}
	}
	for _, o := range c.Marks { // both lines taken: move aside
		if math.Abs(o.X-m.X) < 17 && o.Y == m.Y {
			m.X = o.X + 17
		}
	}
	c.Marks = append(c.Marks, m)
}

// ticks are round moments, at most about eight.
func ticks(fromNS, toNS, zeroNS int64) []int64 {
	step := int64(1_000_000)
	for _, s := range []int64{1, 2, 5, 10, 20, 50, 100, 200, 500, 1e3, 2e3, 5e3, 10e3, 15e3, 30e3, 60e3, 120e3, 300e3, 600e3, 1800e3, 3600e3, 7200e3} {
		step = s * 1_000_000
		if (toNS-fromNS)/step <= 8 {
			break
		}
	}
	for (toNS-fromNS)/step > 40 {
		step *= 2
	}
	var all []int64
	first := (fromNS - zeroNS) / step * step
	for at := first; zeroNS+at <= toNS; at += step {
		if zeroNS+at >= fromNS {
			all = append(all, zeroNS+at)
		}
	}
	return all
}

// since is a point of the clock relative to another: +6.2 s.
func since(zeroNS, ns int64) string {
	ms := (ns - zeroNS) / 1_000_000
	switch {
	case ms < 0:
		return "−" + duration(-ms)
	case ms == 0:
		return "0"
	}
	return "+" + duration(ms)
}

// cut shortens a label to so many characters.
func cut(s string, limit int) string {
	if r := []rune(s); len(r) > limit {
		return string(r[:limit-1]) + "…"
	}
	return s
}

// wholeChart is the drill from end to end, one row a phase; nil if it has no phases.
func wholeChart(id string, r *Record, answers []probe.Answer) *chart {
	if len(r.Phases) == 0 {
		return nil
	}
	from, to := r.Phases[0].StartNS, int64(0)
	for _, p := range r.Phases {
		from = min(from, p.StartNS)
		to = max(to, p.StartNS, p.EndNS)
	}
	for _, a := range answers {
		to = max(to, a.AtNS)
	}
	c := newChart(id+"-phases-chart", "Phases of the drill", "One bar a phase, then the answers of the service clock. The same numbers are in the table below.", from, to)
	c.Top, c.Bottom = 22, 22
	for _, p := range r.Phases {
		class := "phase"
		if p.Error != "" {
			class = "broken"
		}
		end := p.EndNS
		if end == 0 {
			end = to
		}
		c.add(bar{label: line(p.Name), fromNS: p.StartNS, toNS: end, class: class, text: phaseTime(p)})
	}
	c.service(answers)
	if fault := r.effectNS(); fault > 0 {
		c.finish(from, fault, cmp.Or(r.Service.BackNS, to))
		if r.Objective.RTOMS > 0 {
			c.limit(fault+r.Objective.RTOMS*1_000_000, objective(r.Objective.RTOMS))
		}
		return c
	}
	c.finish(from, 0, 0)
	return c
}

// outageChart is the part from the fault to the service's return; nil without a fault or a recovery.
func outageChart(id string, r *Record, answers []probe.Answer, parts []bar, events []event) *chart {
	zero := r.effectNS()
	if zero == 0 {
		return nil
	}
	from, to := zero, zero
	for _, e := range events {
		from, to = min(from, e.ns), max(to, e.ns)
	}
	for _, p := range parts {
		to = max(to, p.toNS)
	}
	if limit := zero + r.Objective.RTOMS*1_000_000; r.Objective.RTOMS > 0 && limit-zero < (to-zero)*8/5 {
		to = max(to, limit)
	}
	margin := max((to-from)/16, 20_000_000)
	c := newChart(id+"-outage-chart", "From the fault to service back", "Where the time went between the fault and the first of the correct answers. Numbers are explained in the list below.", from-margin, to+margin)
	for _, p := range parts {
		c.add(p)
	}
	c.service(answers)
	c.finish(zero, zero, cmp.Or(r.Service.BackNS, to+margin))
	if r.Objective.RTOMS > 0 {
		c.limit(zero+r.Objective.RTOMS*1_000_000, objective(r.Objective.RTOMS))
	}
	for i, e := range events {
		c.mark(i+1, e.ns)
	}
	return c
}

// bullet is a number against its objective in one line.
type bullet struct {
	Value, Limit float64 // in pixels; Limit 0 draws none
	Width        float64
	Class, Fill  string
	Title        string
}

// newBullet scales to the larger of the two; nil without a value.
func newBullet(ms, limitMS int64, reached bool, title string) *bullet {
	if ms <= 0 {
		return nil
	}
	const width = 150.0
	scale := width / (float64(max(ms, limitMS)) * 1.08)
	b := &bullet{Width: width, Value: tenth(max(2, float64(ms)*scale)), Class: "ok", Title: title}
	if limitMS > 0 {
		b.Limit = tenth(float64(limitMS) * scale)
	}
	switch {
	case !reached:
		b.Class = "wait"
	case limitMS > 0 && ms > limitMS:
		b.Class = "wrong"
	}
	b.Fill = fills[b.Class]
	return b
}
