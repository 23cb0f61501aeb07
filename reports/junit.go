package reports

import (
	"encoding/xml"
	"fmt"
	"io"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"
)

// junitStream is the most bytes of one text in the JUnit file.
const junitStream = 64 << 10

type (
	junitSuites struct {
		XMLName   xml.Name     `xml:"testsuites"`
		Name      string       `xml:"name,attr"`
		Tests     int          `xml:"tests,attr"`
		Failures  int          `xml:"failures,attr"`
		Errors    int          `xml:"errors,attr"`
		Skipped   int          `xml:"skipped,attr"`
		Time      string       `xml:"time,attr"`
		Timestamp string       `xml:"timestamp,attr,omitempty"`
		Suites    []junitSuite `xml:"testsuite"`
	}
	junitSuite struct {
		Name       string           `xml:"name,attr"`
		Tests      int              `xml:"tests,attr"`
		Failures   int              `xml:"failures,attr"`
		Errors     int              `xml:"errors,attr"`
		Skipped    int              `xml:"skipped,attr"`
		Time       string           `xml:"time,attr"`
		Timestamp  string           `xml:"timestamp,attr,omitempty"`
		Hostname   string           `xml:"hostname,attr,omitempty"`
		File       string           `xml:"file,attr,omitempty"`
		Properties *junitProperties `xml:"properties"`
		Cases      []junitCase      `xml:"testcase"`

		milliseconds int64
	}
	junitCase struct {
		Class      string           `xml:"classname,attr"`
		Name       string           `xml:"name,attr"`
		Time       string           `xml:"time,attr"`
		Timestamp  string           `xml:"timestamp,attr,omitempty"`
		File       string           `xml:"file,attr,omitempty"`
		Line       int              `xml:"line,attr,omitempty"`
		Owner      string           `xml:"owner,attr,omitempty"`
		Properties *junitProperties `xml:"properties"`
		Failure    *junitAnswer     `xml:"failure"`
		Error      *junitAnswer     `xml:"error"`
		Skipped    *junitAnswer     `xml:"skipped"`
		Out        *junitText       `xml:"system-out"`
	}
	junitAnswer struct {
		Type    string `xml:"type,attr,omitempty"`
		Message string `xml:"message,attr"`
		Body    string `xml:",innerxml"` // escaped by [element]
	}
	junitText struct {
		Body string `xml:",innerxml"` // escaped by [element]
	}
	junitProperties struct {
		All []junitProperty `xml:"property"`
	}
	junitProperty struct {
		Name  string `xml:"name,attr"`
		Value string `xml:"value,attr"`
	}
)

// WriteJUnit writes a run in the form that Jenkins, GitLab and their like read: one flat suite per group of scenarios, a
// test case named by the stable scenario ID. A failed drill is a failure, an inconclusive one an error, and a run
// without a drill one error, so that none of them is green.
func WriteJUnit(w io.Writer, drills []Drill, opts ...Option) error {
	o := collect(opts)
	s := settle(drills, o.skipped)
	all := junitSuites{Name: "recovery drills", Timestamp: stamp(s.started)}
	if len(s.drills) == 0 {
		all.put("gameday", junitCase{
			Class: "gameday", Name: "run", Time: seconds(0),
			Error: &junitAnswer{Type: "inconclusive", Message: s.sentence()},
		}, 0)
	}
	attachable := uniqueNames(s.drills)
	for _, d := range s.drills {
		c, ms := junitCaseOf(d, o, attachable)
		all.put(c.Class, c, ms)
	}
	for _, k := range s.skipped {
		class, name := junitName(line(k.Scenario))
		all.put(class, junitCase{Class: class, Name: name, Time: seconds(0), Skipped: &junitAnswer{Message: line(k.Reason)}}, 0)
	}
	all.total(s, o)
	if _, err := io.WriteString(w, xml.Header); err != nil {
		return fmt.Errorf("write JUnit: %w", err)
	}
	e := xml.NewEncoder(w)
	e.Indent("", "  ")
	if err := e.Encode(all); err != nil {
		return fmt.Errorf("write JUnit: %w", err)
	}
	if _, err := io.WriteString(w, "\n"); err != nil {
		return fmt.Errorf("write JUnit: %w", err)
	}
	return nil
}

// put adds a case to its suite. Consumers overwrite a case by a later one of the same name, so that a repeated scenario
// gets a number; the worst comes first and keeps the plain name.
func (all *junitSuites) put(suite string, c junitCase, ms int64) {
	i := slices.IndexFunc(all.Suites, func(s junitSuite) bool { return s.Name == suite })
	if i < 0 {
		i = len(all.Suites)
		all.Suites = append(all.Suites, junitSuite{Name: suite})
	}
	s := &all.Suites[i]
	name := c.Name
	for n := 2; slices.ContainsFunc(s.Cases, func(o junitCase) bool { return o.Name == c.Name }); n++ {
		c.Name = fmt.Sprintf("%s#%d", name, n)
	}
	s.Cases = append(s.Cases, c)
	s.milliseconds += ms
	s.Tests++
	switch {
	case c.Failure != nil:
		s.Failures++
	case c.Error != nil:
		s.Errors++
	case c.Skipped != nil:
		s.Skipped++
	}
}

func (all *junitSuites) total(run settled, o options) {
	var ms int64
	for i := range all.Suites {
		s := &all.Suites[i]
		s.Time, s.Timestamp = seconds(s.milliseconds), stamp(run.started)
		ms += s.milliseconds
		all.Tests += s.Tests
		all.Failures += s.Failures
		all.Errors += s.Errors
		all.Skipped += s.Skipped
		for _, d := range run.drills {
			if class, _ := junitName(scenario(d.Record)); class == s.Name {
				s.Hostname, s.File = line(d.Record.Host.Name), line(d.Record.File)
				break
			}
		}
		var p junitProperties
		p.add("gameday.run_id", line(run.run))
		p.add("gameday.schema", strconv.Itoa(Schema))
		p.add("gameday.report_url", line(o.url))
		s.Properties = &p
	}
	all.Time = seconds(ms)
}

func (p *junitProperties) add(name, value string) {
	if value != "" {
		p.All = append(p.All, junitProperty{Name: name, Value: value})
	}
}

// junitName makes the class, which must have a dot to be shown as a package, and the name.
func junitName(scenario string) (class, name string) {
	parts := strings.FieldsFunc(strings.ReplaceAll(scenario, ".", "_"), func(c rune) bool { return c == '/' })
	if len(parts) == 0 {
		return "gameday", "unnamed"
	}
	last := path.Base(scenario)
	return strings.Join(append([]string{"gameday"}, parts[:len(parts)-1]...), "."), last
}

func junitCaseOf(d Drill, o options, attachable map[string]bool) (junitCase, int64) {
	r := d.Record
	outcome, why := Verdict(r)
	ms := max(0, r.Finished.Sub(r.Started).Milliseconds())
	if r.Started.IsZero() || r.Finished.IsZero() {
		ms = 0
	}
	class, name := junitName(scenario(r))
	c := junitCase{
		Class: class, Name: name, Time: seconds(ms), Timestamp: stamp(r.Started),
		File: line(r.File), Line: r.Line, Owner: line(r.Owner), Properties: junitNumbers(r, outcome),
	}
	switch outcome {
	case Failed:
		c.Failure = &junitAnswer{Type: junitType(r), Message: why, Body: element(junitBody(r))}
	case Inconclusive:
		c.Error = &junitAnswer{Type: "inconclusive", Message: why, Body: element(junitBody(r))}
	}
	out := Headline(r) + "\n" + strings.Join(attachments(d, o, attachable), "\n")
	c.Out = &junitText{Body: element(shorten(out, junitStream))}
	return c, ms
}

// junitType is the name of the first check that failed.
func junitType(r *Record) string {
	for _, c := range r.counted() {
		if c.Outcome == Failed && c.Name != "" {
			return line(c.Name)
		}
	}
	return "failed"
}

func junitNumbers(r *Record, outcome Outcome) *junitProperties {
	var p junitProperties
	p.add("gameday.verdict", outcome.String())
	p.add("gameday.level", line(r.Level.String()))
	p.add("gameday.engine", line(strings.TrimSpace(r.System.Engine+" "+r.System.Version)))
	p.add("gameday.provider", line(r.System.Provider))
	p.add("gameday.disaster", line(r.Disaster))
	p.add("gameday.seed", strconv.FormatInt(r.Seed, 10))
	if r.Service.Reached {
		p.add("gameday.rta_seconds", seconds(r.Service.RTAMS))
		p.add("gameday.from_declared_seconds", seconds(r.Service.FromDeclaredMS))
	}
	if r.Objective.RTOMS > 0 {
		p.add("gameday.rto_objective_seconds", seconds(r.Objective.RTOMS))
	}
	if r.Service.ClaimedMS > 0 {
		p.add("gameday.claimed_seconds", seconds(r.Service.ClaimedMS))
	}
	if r.Traffic.Judged {
		p.add("gameday.rpa_writes", strconv.FormatInt(r.Traffic.Lost, 10))
		p.add("gameday.rpa_seconds", seconds(r.Traffic.RPAMS))
		p.add("gameday.lost_before_mark_writes", strconv.FormatInt(r.Traffic.LostBeforeMark, 10))
	}
	if r.Objective.RPOMS > 0 {
		p.add("gameday.rpo_objective_seconds", seconds(r.Objective.RPOMS))
	}
	if n := r.Objective.LostWrites; n != nil {
		p.add("gameday.rpo_objective_writes", strconv.FormatInt(*n, 10))
	}
	p.add("gameday.rows_verified", strconv.FormatInt(r.rowsVerified(), 10))
	return &p
}

// junitBody is what a person reads under a red test: findings, where time went, where the scenario is, how to repeat it.
func junitBody(r *Record) string {
	var b strings.Builder
	b.WriteString("\n")
	for _, c := range r.Checks {
		if c.Outcome == Passed {
			continue
		}
		fmt.Fprintf(&b, "%s %s: %s (looked at %s)\n", strings.ToUpper(c.Outcome.String()), line(c.Name), line(c.Promise), c.Covered)
		for _, f := range c.Findings {
			for i, l := range findingLines(f) {
				fmt.Fprintf(&b, "  %s%s\n", map[bool]string{true: "- ", false: "  "}[i == 0], l)
			}
		}
		if rest := c.Total - len(c.Findings); rest > 0 {
			fmt.Fprintf(&b, "  - and %s\n", plural(int64(rest), "more finding"))
		}
	}
	if r.Error != "" {
		fmt.Fprintf(&b, "the drill could not go on: %s\n", line(r.Error))
	}
	for _, p := range r.Phases {
		fmt.Fprintf(&b, "phase %-10s %10s  %s\n", line(p.Name), phaseTime(p), line(p.Error))
	}
	if r.File != "" {
		fmt.Fprintf(&b, "%s:%d\n", line(r.File), r.Line)
	}
	if r.Reproduce != "" {
		fmt.Fprintf(&b, "repeat: %s\n", line(r.Reproduce))
	}
	return shorten(b.String(), junitStream)
}

// findingLines is a finding as plain lines, the summary first.
func findingLines(f Finding) []string {
	lines := []string{f.line()}
	add := func(label, text string) {
		if text = line(text); text != "" {
			lines = append(lines, label+text)
		}
	}
	add("wanted: ", f.Wanted)
	add("found:  ", f.Found)
	for _, e := range f.Examples {
		add("e.g. ", e)
	}
	add("do: ", f.Hint)
	return lines
}

func phaseTime(p Phase) string {
	if p.EndNS == 0 {
		return "not ended"
	}
	return duration(span(p.StartNS, p.EndNS))
}

// uniqueNames are the base names of evidence files that occur once in a class: Jenkins keeps one file of a name in each
// class, and would show one drill's log beside another.
func uniqueNames(drills []Drill) map[string]bool {
	count := make(map[string]int)
	for _, d := range drills {
		class, _ := junitName(scenario(d.Record))
		for _, f := range attachedFiles(d.Record) {
			count[class+"\x00"+path.Base(f)]++
		}
	}
	unique := make(map[string]bool)
	for k, n := range count {
		unique[k] = n == 1
	}
	return unique
}

// attachedFiles are the files of a drill worth attaching, the one that most people want first.
func attachedFiles(r *Record) []string {
	files := []string{RecordFile}
	for _, name := range []string{OutputFile, ProbeFile} {
		if slices.ContainsFunc(r.Evidence, func(f EvidenceFile) bool { return f.Path == name }) {
			files = append(files, name)
		}
	}
	return files
}

// attachments are lines in the form that Jenkins and GitLab find in a test's output. GitLab shows only the first: the
// run's report.
func attachments(d Drill, o options, attachable map[string]bool) []string {
	var lines []string
	if o.report != "" {
		if p := attachmentPath(o.base, filepath.Join(o.report, HTMLFile)); p != "" {
			lines = append(lines, "[[ATTACHMENT|"+p+"]]")
		}
	}
	if d.Dir == "" {
		return lines
	}
	class, _ := junitName(scenario(d.Record))
	for _, f := range attachedFiles(d.Record) {
		p := attachmentPath(o.base, filepath.Join(d.Dir, f))
		switch {
		case p == "":
		case attachable[class+"\x00"+path.Base(f)]:
			lines = append(lines, "[[ATTACHMENT|"+p+"]]")
		default:
			lines = append(lines, "evidence: "+p)
		}
	}
	return lines
}

// attachmentPath makes a path relative to base; outside of base, and without one, it stays as it is.
func attachmentPath(base, file string) string {
	if base != "" {
		from, err1 := filepath.Abs(base)
		to, err2 := filepath.Abs(file)
		if err1 == nil && err2 == nil {
			if rel, err := filepath.Rel(from, to); err == nil && filepath.IsLocal(rel) {
				return line(filepath.ToSlash(rel))
			}
		}
	}
	return line(filepath.ToSlash(file))
}

// element escapes the text of an element and leaves its lines apart, which package xml does not: an attachment has to
// stand alone on its line.
func element(s string) string {
	var b strings.Builder
	if err := xml.EscapeText(&b, []byte(s)); err != nil {
		return "" // a strings.Builder does not fail
	}
	return strings.NewReplacer("&#xA;", "\n", "&#x9;", "\t", "&#39;", "'", "&#34;", `"`).Replace(b.String())
}

// stamp is a time as JUnit consumers read it, in UTC; "" where there is none.
func stamp(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.UTC().Format("2006-01-02T15:04:05Z")
}
