package reports

import (
	_ "embed"
	"fmt"
	"html/template"
	"io"
	"net/url"
	"slices"
	"strings"
	"time"
)

// The page is one file: what it needs is put into it, and it asks nothing of any server. It stays readable where a
// policy takes its style and script away, as Jenkins does with archived pages.
var (
	//go:embed page.html.tmpl
	pageTemplate string
	//go:embed page.css
	pageCSS string
	//go:embed page.js
	pageJS string

	pageParsed = template.Must(template.New("page").Funcs(template.FuncMap{
		"number": number, "size": size, "duration": duration, "clean": clean, "line": line, "moment": moment,
		"symbol": symbol, "upper": strings.ToUpper,
		"span": func(from, to int64) string { return duration(span(from, to)) },
	}).Parse(pageTemplate))
)

type (
	pageView struct {
		Title, Sentence, Worst string
		Outcome                Outcome
		Facts                  []fact
		Drills                 []drillView
		Skipped                []Skip
		CSS                    template.CSS
		JS                     template.JS
	}
	// fact is a label with its value and, smaller, a remark.
	fact struct{ Label, Value, Note string }
	// tile is a number that is read first.
	tile struct {
		fact
		Outcome Outcome
		Plain   bool // without a judgement of its own
		Bar     *bullet
	}
	drillView struct {
		ID            string
		R             *Record
		Outcome       Outcome
		Why           string
		Headline      string
		Tiles         []tile
		RTA, RPA      tile
		Data          tile
		Open          bool
		Notes         []string
		Believed      []fact
		Runbook       string // only if it is a link
		Whole, Outage *chart
		Events        []event
		Spent         []spentView
		Phases        []phaseView
		Checks        []checkView
		Teeth         string
		Questions     []questionView
		Fault         []fact
		Proof         []findingView
		ProofMore     int
		Recovery      []fact
		Steps         []usageView
		Measured      bool
		Plan          *RecoveryPlan
		PlanSteps     []fact
		Needs         []needView
		Meanwhile     []meanwhileView
		Output        string
		Losses        []fact
		Sabotage      []fact
		Environment   []fact
		Repeat        []fact
		Evidence      []fileView
	}
	spentView struct{ Label, Took, Share string }
	needView  struct {
		What, Where, Needed, There, Detail string
		Met                                bool
	}
	meanwhileView struct {
		Outcome                             Outcome
		Name, At, Struck, Healed, What, Why string
	}
	phaseView struct{ ID, Name, Start, Took, Detail, Error string }
	checkView struct {
		Name, Promise, Looked string
		Outcome               Outcome
		Waived                string
		Findings              []findingView
		More                  int
	}
	findingView struct {
		Outcome                    Outcome
		Summary, Keys              string
		Wanted, Found, Hint, Asked string
		Examples                   string
	}
	fileView struct {
		Path, Link, Bytes, SHA256, What string
	}
)

// WriteHTML writes a run as one page for people: the verdict first, then each drill with what was believed, where the
// time went, what was checked, and the evidence. The records are in it as data, too.
func WriteHTML(w io.Writer, drills []Drill, opts ...Option) error {
	o := collect(opts)
	s := settle(drills, o.skipped)
	p := pageView{
		Outcome: s.outcome(), Sentence: s.sentence(), Skipped: s.skipped,
		CSS: template.CSS(pageCSS), JS: template.JS(pageJS),
	} //nolint:gosec // constants of this package
	p.Title = fmt.Sprintf("%s %s: %s", symbol(p.Outcome), p.Outcome, p.Sentence)
	p.Facts = runFacts(s)
	taken := make(map[string]bool)
	for _, d := range s.drills {
		v := newDrillView(d, o, identifier(scenario(d.Record), taken))
		v.Open = v.Outcome != Passed || len(s.drills) == 1
		p.Drills = append(p.Drills, v)
	}
	if len(p.Drills) > 0 {
		_, headline, _ := strings.Cut(p.Drills[0].Headline, " ") // without its first word, which is there already
		switch {
		case p.Outcome != Passed:
			p.Worst = headline
			p.Title += " — " + headline
		case len(p.Drills) == 1:
			p.Worst = headline
		}
	}
	if err := pageParsed.Execute(w, p); err != nil {
		return fmt.Errorf("write HTML: %w", err)
	}
	return nil
}

func runFacts(s settled) []fact {
	var facts []fact
	add := func(label, value string) {
		if value != "" {
			facts = append(facts, fact{Label: label, Value: value})
		}
	}
	add("Run", line(s.run))
	add("Started", moment(s.started))
	if s.ended.After(s.started) && !s.started.IsZero() {
		add("Took", duration(s.ended.Sub(s.started).Milliseconds()))
	}
	if len(s.drills) > 0 {
		h := s.drills[0].Record.Host
		add("Host", line(h.Name))
		add("Started by", line(h.Started))
		add("gameday", line(h.Gameday))
	}
	return facts
}

// identifier is an anchor: the scenario's ID in letters, digits and dashes.
func identifier(scenario string, taken map[string]bool) string {
	id := strings.Trim(strings.Map(func(c rune) rune {
		if c >= 'a' && c <= 'z' || c >= '0' && c <= '9' {
			return c
		}
		return '-'
	}, strings.ToLower(scenario)), "-")
	if id == "" {
		id = "drill"
	}
	unique := id
	for n := 2; taken[unique]; n++ {
		unique = fmt.Sprintf("%s-%d", id, n)
	}
	taken[unique] = true
	return unique
}

func newDrillView(d Drill, o options, id string) drillView {
	r := d.Record
	v := drillView{ID: id, R: r, Headline: Headline(r), Notes: d.Notes, Questions: questions(r), Events: timeline(r)}
	v.Outcome, v.Why = Verdict(r)
	v.RTA, v.RPA, v.Data = rtaTile(r), rpaTile(r), dataTile(r)
	v.Tiles = []tile{v.RTA, v.Data, v.RPA, checksTile(r)}
	parts := spent(r)
	v.Whole, v.Outage = wholeChart(id, r, d.Answers), outageChart(id, r, d.Answers, parts, v.Events)
	v.Spent = spentViews(r, parts)
	v.Phases = phaseViews(id, r)
	v.Believed = believed(r)
	if linked(r.Runbook) {
		v.Runbook = line(r.Runbook)
	}
	for _, c := range r.Checks {
		v.Checks = append(v.Checks, newCheckView(c, r.Waivers))
	}
	slices.SortStableFunc(v.Checks, func(a, b checkView) int { return rank(a.Outcome) - rank(b.Outcome) })
	v.Teeth = r.Teeth.String()
	v.Fault = faultFacts(r)
	if r.Fault != nil {
		v.Proof = findingViews(r.Fault.Proof)
		v.ProofMore = max(0, r.Fault.ProofTotal-len(r.Fault.Proof))
	}
	v.Recovery, v.Steps, v.Measured = recoveryFacts(r), usageViews(id, r), r.measured()
	v.announced(r)
	if r.Recovery != nil {
		v.Output = clean(strings.Join(r.Recovery.OutputTail, "\n"))
	}
	v.Losses, v.Sabotage = losses(r), sabotageFacts(r)
	v.Environment = environment(r)
	v.Repeat = repeatFacts(r)
	v.Evidence = fileViews(d, o)
	return v
}

func rank(o Outcome) int { return map[Outcome]int{Failed: 0, Inconclusive: 1, Passed: 2}[o] }

func newCheckView(c CheckResult, waivers []Waiver) checkView {
	v := checkView{
		Name: line(c.Name), Promise: line(c.Promise), Looked: c.Covered.String(), Outcome: c.Outcome,
		Findings: findingViews(c.Findings), More: max(0, c.Total-len(c.Findings)),
	}
	for _, w := range waivers {
		if w.Check == c.Name {
			v.Waived = firstText(w.Reason, "no reason given")
		}
	}
	return v
}

func findingViews(all []Finding) []findingView {
	var views []findingView
	for _, f := range all {
		v := findingView{
			Outcome: f.Outcome, Summary: f.line(), Wanted: clean(f.Wanted), Found: clean(f.Found), Hint: line(f.Hint),
			Keys: line(strings.Join(f.Where.Keys, ", ")), Examples: clean(strings.Join(f.Examples, "\n")),
		}
		if f.Question >= BackedUp && f.Question <= InTime {
			v.Asked = fmt.Sprintf("%d. %s", int(f.Question), f.Question)
		}
		views = append(views, v)
	}
	return views
}

func spentViews(r *Record, parts []bar) []spentView {
	whole := r.Service.BackNS - r.effectNS()
	var all []spentView
	for _, p := range parts {
		v := spentView{Label: p.label, Took: p.text}
		if r.Service.BackNS > 0 && whole > 0 {
			inside := max(0, min(p.toNS, r.Service.BackNS)-p.fromNS)
			v.Share = fmt.Sprintf("%.0f %%", 100*float64(inside)/float64(whole))
		}
		all = append(all, v)
	}
	return all
}

func phaseViews(id string, r *Record) []phaseView {
	var all []phaseView
	if len(r.Phases) == 0 {
		return nil
	}
	taken := make(map[string]bool)
	for _, p := range r.Phases {
		all = append(all, phaseView{
			ID: id + "-phase-" + identifier(p.Name, taken), Name: line(p.Name),
			Start: since(r.Phases[0].StartNS, p.StartNS), Took: phaseTime(p), Detail: line(p.Detail), Error: line(p.Error),
		})
	}
	return all
}

func fileViews(d Drill, o options) []fileView {
	files := append([]EvidenceFile{{Path: RecordFile, What: "this drill's record: everything on this page"}}, d.Record.Evidence...)
	if d.Dir == "" {
		files = files[1:]
	}
	var all []fileView
	for _, f := range files {
		v := fileView{Path: line(f.Path), SHA256: line(f.SHA256), What: line(f.What)}
		if f.Path != RecordFile {
			v.Bytes = size(f.Bytes)
		}
		if p := evidencePath(o.report, d, f.Path); p != "" {
			v.Link = (&url.URL{Path: p}).String()
		}
		all = append(all, v)
	}
	return all
}

// took is the drill's length on the wall clock.
func took(r *Record) string {
	if r.Started.IsZero() || r.Finished.Before(r.Started) {
		return ""
	}
	return duration(r.Finished.Sub(r.Started).Round(time.Millisecond).Milliseconds())
}
