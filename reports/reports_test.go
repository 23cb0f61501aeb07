package reports

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"golang.org/x/net/html"
)

type writer = func(io.Writer, []Drill, ...Option) error

var writers = map[string]writer{JUnitFile: WriteJUnit, HTMLFile: WriteHTML, SummaryFile: WriteMarkdown}

func render(t *testing.T, write writer, drills []Drill, opts ...Option) string {
	t.Helper()
	var b bytes.Buffer
	if err := write(&b, drills, opts...); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// golden compares with a file in testdata: a change of words or numbers is to be seen in review.
func golden(t *testing.T, name, got string) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if got != string(want) {
		t.Errorf("%s differs (go test ./reports -update rewrites it); got:\n%s", path, got)
	}
}

func TestGolden(t *testing.T) {
	drills := sampleDrills()
	opts := []Option{WithSkipped(Skip{"mysql/crash", "no Docker here"}), WithReportURL("https://ci.example.com/8812/report.html")}
	golden(t, JUnitFile, render(t, WriteJUnit, drills, opts...))
	golden(t, SummaryFile, render(t, WriteMarkdown, drills, opts...))
	var lines []string
	for _, d := range drills {
		lines = append(lines, Headline(d.Record))
	}
	golden(t, "headlines.txt", strings.Join(lines, "\n")+"\n")
	golden(t, "page.txt", pageText(t, render(t, WriteHTML, drills, opts...)))
}

// pageText is what a reader without style and script sees.
func pageText(t *testing.T, page string) string {
	t.Helper()
	root, err := html.Parse(strings.NewReader(page))
	if err != nil {
		t.Fatal(err)
	}
	var b strings.Builder
	var walk func(*html.Node)
	walk = func(n *html.Node) {
		if n.Type == html.ElementNode && (n.Data == "script" || n.Data == "style" || n.Data == "svg") {
			return
		}
		if n.Type == html.TextNode && strings.TrimSpace(n.Data) != "" {
			b.WriteString(strings.Join(strings.Fields(n.Data), " ") + "\n")
		}
		for c := n.FirstChild; c != nil; c = c.NextSibling {
			walk(c)
		}
	}
	walk(root)
	return b.String()
}

func TestOneProblemIsOneHeadline(t *testing.T) {
	miss := samplePassed()
	miss.Service.RTAMS = 60_040
	if got := Headline(miss); !strings.Contains(got, "RTA 60.040 s (objective 60 s)") {
		t.Errorf("a miss by 40 ms is rounded away: %s", got)
	}
	hidden := samplePassed()
	hidden.Service.Reached = false
	if got := Headline(hidden); !strings.Contains(got, "RTA not reached") || strings.Contains(got, "6.2 s") {
		t.Errorf("an RTA is printed that was not reached: %s", got)
	}
}

// TestVerdictNeverBetterThanTheRecord tries to get a green report out of records that do not support one.
func TestVerdictNeverBetterThanTheRecord(t *testing.T) {
	for name, c := range map[string]struct {
		change func(*Record)
		want   Outcome
		why    string
	}{
		"sound":               {func(*Record) {}, Passed, ""},
		"failed check":        {func(r *Record) { r.Checks[2].Outcome = Failed }, Failed, "check service failed"},
		"unsure check":        {func(r *Record) { r.Checks[2].Outcome = Inconclusive }, Inconclusive, "check service could not tell"},
		"no checks":           {func(r *Record) { r.Checks = nil }, Inconclusive, "nothing was checked"},
		"error":               {func(r *Record) { r.Error = "take backup: disk full" }, Inconclusive, "take backup: disk full"},
		"unproven fault":      {func(r *Record) { r.Fault.Proven = false }, Inconclusive, "the fault took no effect"},
		"unfinished":          {func(r *Record) { r.Finished = zeroTime }, Inconclusive, "without finishing"},
		"never judged":        {func(r *Record) { r.Outcome = Inconclusive }, Inconclusive, "gives no reason"},
		"calls itself failed": {func(r *Record) { r.Outcome, r.Headline = Failed, "FAILED x: too slow" }, Failed, "too slow"},
		"waived failure":      {func(r *Record) { r.Checks[2].Outcome = Failed; r.Waivers = []Waiver{{"service", "known"}} }, Passed, ""},
		"every check waived": {func(r *Record) {
			r.Waivers = []Waiver{{"contents", ""}, {"ledger", ""}, {"service", ""}, {"objectives", ""}}
		}, Inconclusive, "every check was waived"},
		"unknown outcome":                  {func(r *Record) { r.Checks[2].Outcome = 7 }, Inconclusive, "check service could not tell"},
		"failed beats error":               {func(r *Record) { r.Checks[2].Outcome, r.Error = Failed, "x" }, Failed, "check service failed"},
		"no refusal":                       {func(r *Record) { r.MustRefuse = true }, Inconclusive, "holds no refusal"},
		"a refusal":                        {func(r *Record) { r.MustRefuse, r.Recovery.Refused = true, "it lives" }, Passed, ""},
		"a second fault that never struck": {func(r *Record) { r.Meanwhile[0].Proven = false }, Inconclusive, "did not strike the recovery"},
		"zero value of record":             {func(r *Record) { *r = Record{} }, Inconclusive, "without finishing"},
	} {
		t.Run(name, func(t *testing.T) {
			r := samplePassed()
			c.change(r)
			got, why := Verdict(r)
			if got != c.want || !strings.Contains(why, c.why) {
				t.Errorf("got %v (%s), want %v (%s)", got, why, c.want, c.why)
			}
			word := strings.ToUpper(c.want.String()) + " "
			if h := Headline(r); !strings.HasPrefix(h, word) || strings.Contains(h, "\n") {
				t.Errorf("headline %q, want one line that begins with %q", h, word)
			}
			if page := render(t, WriteHTML, []Drill{{Record: r}}); !strings.Contains(page, "<title>"+symbol(c.want)+" "+c.want.String()) {
				t.Errorf("the page's title does not say %v", c.want)
			}
		})
	}
	if got, _ := Verdict(nil); got != Inconclusive {
		t.Errorf("no record at all is %v", got)
	}
}

func TestNoDrills(t *testing.T) {
	for name, write := range writers {
		got := render(t, write, nil)
		if !strings.Contains(strings.ToUpper(got), "INCONCLUSIVE") || !strings.Contains(got, "nothing was drilled") {
			t.Errorf("%s of a run without drills:\n%s", name, got)
		}
	}
	if got := parseJUnit(t, render(t, WriteJUnit, nil)); got.Errors != 1 || got.Tests != 1 {
		t.Errorf("JUnit of a run without drills has %d tests and %d errors: a CI would show green", got.Tests, got.Errors)
	}
}

func TestZeroRecord(t *testing.T) {
	for _, d := range []Drill{{}, {Record: &Record{}}, {Record: &Record{Fault: &Fault{}, Recovery: &Recovery{}, Checks: make([]CheckResult, 1), Phases: make([]Phase, 1)}}} {
		for name, write := range writers {
			got := render(t, write, []Drill{d})
			if !strings.Contains(strings.ToLower(got), "inconclusive") || strings.Contains(got, "✓ passed") {
				t.Errorf("%s of an empty record is not inconclusive", name)
			}
		}
		wellFormed(t, render(t, WriteHTML, []Drill{d}))
	}
}

// wellFormed checks that every element that must be closed is, in order, and that ids are unique.
func wellFormed(t *testing.T, page string) {
	t.Helper()
	var open []string
	ids := make(map[string]bool)
	z := html.NewTokenizer(strings.NewReader(page))
	for {
		kind := z.Next()
		token := z.Token()
		switch kind {
		case html.ErrorToken:
			if !errors.Is(z.Err(), io.EOF) || len(open) > 0 {
				t.Fatalf("page ends with %v, open %v", z.Err(), open)
			}
			return
		case html.StartTagToken, html.SelfClosingTagToken:
			for _, a := range token.Attr {
				switch {
				case a.Key == "style", strings.HasPrefix(a.Key, "on"):
					t.Errorf("attribute %s on <%s>", a.Key, token.Data)
				case a.Key == "src", a.Key == "href" && token.Data == "link" && a.Val != "data:,":
					t.Errorf("<%s> asks for %s", token.Data, a.Val)
				case a.Key == "id" && ids[a.Val]:
					t.Errorf("id %s occurs twice", a.Val)
				case a.Key == "id":
					ids[a.Val] = true
				}
			}
			if kind == html.StartTagToken && !slices.Contains([]string{"meta", "link", "br"}, token.Data) {
				open = append(open, token.Data)
			}
		case html.EndTagToken:
			if len(open) == 0 || open[len(open)-1] != token.Data {
				t.Fatalf("</%s> closes %v", token.Data, open)
			}
			open = open[:len(open)-1]
		}
	}
}

func TestPage(t *testing.T) {
	drills := append(sampleDrills(), sampleDrills()[0]) // one scenario twice
	page := render(t, WriteHTML, drills)
	wellFormed(t, page)
	if strings.Contains(page, "<script>alert") {
		t.Error("text from outside became markup")
	}
	if n := strings.Count(page, "&lt;script&gt;alert"); n < 3 {
		t.Errorf("the hostile texts are not shown: %d", n)
	}
	for _, id := range []string{`id="postgres-corrupt-page"`, `id="postgres-replicated-bad-write-2"`, `id="postgres-pitr-after-drop-table-phase-recover"`} {
		if !strings.Contains(page, id) {
			t.Errorf("no %s to link to", id)
		}
	}
	order := []string{`id="postgres-pitr-after-drop-table"`, `id="postgres-corrupt-page"`, `id="postgres-replicated-bad-write"`}
	if a, b, c := strings.Index(page, order[0]), strings.Index(page, order[1]), strings.Index(page, order[2]); a > b || b > c {
		t.Error("drills are not in the order failed, inconclusive, passed")
	}
	if regexp.MustCompile(`https?://`).FindAllString(strings.ReplaceAll(page, "https://runbooks.example.com/pitr", ""), -1) != nil {
		t.Error("the page names an address that no record holds")
	}
}

// TestEmbeddedRecord reads back what tools would.
func TestEmbeddedRecord(t *testing.T) {
	want := sampleFailed()
	page := render(t, WriteHTML, []Drill{{Record: want}})
	m := regexp.MustCompile(`(?s)<script type="application/json" id="postgres-pitr-after-drop-table-record">(.*?)</script>`).FindStringSubmatch(page)
	if m == nil {
		t.Fatal("no embedded record")
	}
	got := new(Record)
	if err := json.Unmarshal([]byte(m[1]), got); err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(got, want) {
		t.Error("the embedded record differs from the record")
	}
}

// TestOneWrongAnswerIsDrawn: reducing the series must not hide the rare answer.
func TestOneWrongAnswerIsDrawn(t *testing.T) {
	r, answers := samplePassed(), sampleAnswers()
	for i := range answers {
		answers[i].Kind = "ok"
	}
	wrong := func() int {
		return strings.Count(render(t, WriteHTML, []Drill{{Record: r, Answers: answers}}), `class="wrong"`)
	}
	if n := wrong(); n != 0 {
		t.Fatalf("%d wrong answers drawn of none", n)
	}
	answers[550].Kind = "wrong" // 25 s: between the fault and service back, and so in both charts
	if n := wrong(); n != 2 {
		t.Errorf("one wrong answer among %d is drawn %d times, want 2", len(answers), n)
	}
}

func TestHostileText(t *testing.T) {
	r := sampleFailed()
	hostile := "\x1b[31mred\x1b[0m \x00\x01\x0b\uFFFE\uD7FF 🚒 ]]> <b>&\xff\r\nnext \u202Egnp"
	r.Checks[0].Findings[0].Summary, r.Error, r.Title = hostile, hostile, hostile
	r.Scenario = "postgres/a.b\x1b[1mc🚒"
	r.Recovery.OutputTail = []string{hostile}
	r.Phases[0].Error, r.Host.Name = hostile, hostile
	for name, write := range writers {
		got := render(t, write, []Drill{{Record: r}})
		if !utf8.ValidString(got) {
			t.Errorf("%s is not UTF-8", name)
		}
		shown := regexp.MustCompile(`(?s)<script.*?</script>`).ReplaceAllString(got, "") // the record itself is kept as it is, escaped
		if i := strings.IndexFunc(shown, func(c rune) bool { return c < 0x20 && c != '\n' && c != '\t' || c == 0x202E || c == 0xFFFE }); i >= 0 {
			t.Errorf("%s holds character %q", name, shown[i])
		}
		if strings.Contains(got, "[31m") && !strings.Contains(got, `\u001b[31m`) || !strings.Contains(got, "🚒") {
			t.Errorf("%s: terminal codes kept or text lost", name)
		}
	}
	p := parseJUnit(t, render(t, WriteJUnit, []Drill{{Record: r}}))
	if c := p.Suites[0].Cases[0]; c.Class != "gameday.postgres" || strings.Contains(c.Failure.Message, "\n") {
		t.Errorf("class %q, message %q", c.Class, c.Failure.Message)
	}
}

func TestStreamsAreCut(t *testing.T) {
	r := sampleFailed()
	for range 40 {
		r.Checks[0].Findings = append(r.Checks[0].Findings, Finding{Outcome: Failed, Summary: strings.Repeat("длинно ", 2_000)})
	}
	p := parseJUnit(t, render(t, WriteJUnit, []Drill{{Record: r}}))
	if n := len(p.Suites[0].Cases[0].Failure.Body); n > junitStream+100 || !strings.Contains(p.Suites[0].Cases[0].Failure.Body, "cut off here") {
		t.Errorf("the body is %d bytes", n)
	}
	var many []Drill
	for i := range 4_000 {
		d := sampleFailed()
		d.Scenario = fmt.Sprintf("%s-%d", d.Scenario, i)
		many = append(many, Drill{Record: d})
	}
	s := render(t, WriteMarkdown, many)
	if len(s) > summaryLimit+1_000 || !strings.Contains(s, "are left out here") {
		t.Errorf("the summary is %d bytes and does not say what it left out", len(s))
	}
}
