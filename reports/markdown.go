package reports

import (
	"bytes"
	"fmt"
	"io"
	"strings"
)

// summaryLimit is below the 1 MiB at which GitHub drops a step's summary altogether.
const summaryLimit = 900 << 10

// WriteMarkdown writes a run's summary for a CI step or a chat: the verdict, a table of drills, and the findings of
// those that did not pass. It stays below 900 KiB and says what it left out.
func WriteMarkdown(w io.Writer, drills []Drill, opts ...Option) error {
	o := collect(opts)
	s := settle(drills, o.skipped)
	var b bytes.Buffer
	fmt.Fprintf(&b, "## %s %s: %s\n\n", symbol(s.outcome()), strings.ToUpper(s.outcome().String()), s.sentence())
	if s.run != "" {
		fmt.Fprintf(&b, "Run `%s`, started %s.", strings.ReplaceAll(line(s.run), "`", "'"), moment(s.started))
		if o.url != "" {
			fmt.Fprintf(&b, " [Report](<%s>)", strings.NewReplacer("<", "%3C", ">", "%3E").Replace(line(o.url)))
		}
		b.WriteString("\n\n")
	}
	if len(s.drills)+len(s.skipped) > 0 {
		b.WriteString("| | Drill | Level | Ran on | Disaster | RTA (objective) | RPA (objective) | Rows verified |\n|---|---|---|---|---|---|---|---|\n")
	}
	for i, d := range s.drills {
		if b.Len() > summaryLimit/2 {
			fmt.Fprintf(&b, "| | … and %s | | | | | | |\n", plural(int64(len(s.drills)-i), "more drill"))
			break
		}
		b.WriteString(markdownRow(d.Record))
	}
	for _, k := range s.skipped {
		fmt.Fprintf(&b, "| – not run | %s | | | %s | | | |\n", markdown(shorten(line(k.Scenario), 200)), markdown(shorten(line(k.Reason), 200)))
	}
	for i, d := range s.drills {
		if outcome, _ := Verdict(d.Record); outcome == Passed {
			break // they are sorted
		}
		part := markdownFindings(d.Record)
		if b.Len()+len(part) > summaryLimit {
			fmt.Fprintf(&b, "\n… the findings of %s are left out here: see report.html.\n", plural(int64(s.failed+s.unsure-i), "drill"))
			break
		}
		b.WriteString(part)
	}
	b.WriteString(markdownAccepted(s.drills, (summaryLimit-b.Len())/2))
	b.WriteString(markdownTeeth(s.drills, summaryLimit-b.Len()))
	b.WriteString(markdownUsages(s.drills, summaryLimit-b.Len()))
	if _, err := w.Write(b.Bytes()); err != nil {
		return fmt.Errorf("write summary: %w", err)
	}
	return nil
}

// markdownTeeth is one line for each drill whose checks were tried, folded up, in at most so many bytes.
func markdownTeeth(drills []Drill, limit int) string {
	var b strings.Builder
	for _, d := range drills {
		if teeth := d.Record.Teeth.String(); teeth != "" && b.Len() < limit-2000 {
			if b.Len() == 0 {
				b.WriteString("\n<details><summary>Whether the checks notice what is wrong</summary>\n\n")
			}
			fmt.Fprintf(&b, "- %s: %s\n", markdown(shorten(scenario(d.Record), 200)), markdown(shorten(teeth, 500)))
		}
	}
	if b.Len() > 0 {
		b.WriteString("\n</details>\n")
	}
	return b.String()
}

// markdownUsages is what the recoveries used, folded up, in at most so many bytes.
func markdownUsages(drills []Drill, limit int) string {
	var b strings.Builder
	for i, d := range drills {
		part := markdownUsage(d.Record)
		if part == "" {
			continue
		}
		if b.Len() == 0 {
			b.WriteString("\n<details><summary>What the recoveries used</summary>\n")
		}
		if b.Len()+len(part) > limit-200 {
			fmt.Fprintf(&b, "\n… what %s used is left out here: see report.html.\n", plural(int64(len(drills)-i), "more drill"))
			break
		}
		b.WriteString(part)
	}
	if b.Len() > 0 {
		b.WriteString("\n</details>\n")
	}
	return b.String()
}

func markdownRow(r *Record) string {
	outcome, _ := Verdict(r)
	rows := "–"
	if n := r.rowsVerified(); n > 0 {
		rows = number(n)
	}
	rta, rpa := strings.TrimPrefix(rtaText(r), "RTA "), strings.TrimPrefix(rpaText(r), "RPA ")
	if r.Restore != nil {
		rta, rpa = r.tookText(), "–"
	}
	return fmt.Sprintf("| %s %s | %s | %s | %s | %s | %s | %s | %s |\n", symbol(outcome), outcome,
		markdown(shorten(scenario(r), 200)), markdown(line(r.Level.String())), markdown(ranOn(r)), markdown(shorten(line(r.Disaster), 200)),
		markdown(rta), markdown(rpa), rows)
}

// ranOn is the engine and where it lived: "postgres 17.11, container".
func ranOn(r *Record) string {
	s := line(strings.TrimSpace(r.System.Engine + " " + r.System.Version))
	if p := line(r.System.Provider); p != "" {
		s = strings.TrimPrefix(s+", "+p, ", ")
	}
	return firstText(s, "–")
}

func markdownFindings(r *Record) string {
	var b strings.Builder
	fmt.Fprintf(&b, "\n### %s\n\n", markdown(shorten(Headline(r), 500)))
	for _, c := range r.Checks {
		if c.Outcome == Passed {
			continue
		}
		fmt.Fprintf(&b, "- **%s** %s: %s (looked at %s)\n", markdown(line(c.Name)), c.Outcome, markdown(line(c.Promise)), markdown(c.Covered.String()))
		for _, f := range c.Findings {
			for i, l := range findingLines(f) {
				fmt.Fprintf(&b, "%s%s\n", map[bool]string{true: "  - ", false: "    <br>"}[i == 0], markdown(shorten(l, 500)))
			}
		}
		if rest := c.Total - len(c.Findings); rest > 0 {
			fmt.Fprintf(&b, "  - and %s\n", plural(int64(rest), "more finding"))
		}
	}
	for _, w := range r.Waivers {
		fmt.Fprintf(&b, "- **%s** waived: %s\n", markdown(line(w.Check)), markdown(line(w.Reason)))
	}
	if r.Reproduce != "" {
		fmt.Fprintf(&b, "\nRepeat: `%s`\n", strings.ReplaceAll(line(r.Reproduce), "`", "'"))
	}
	return b.String()
}

// symbol stands beside the word, never alone.
func symbol(o Outcome) string {
	return map[Outcome]string{Passed: "✓", Failed: "✗"}[o] + map[bool]string{true: "?"}[o != Passed && o != Failed]
}

// markdown makes text inert: no markup, no HTML, no new cell.
var markdownEscapes = strings.NewReplacer(
	"&", "&amp;", "<", "&lt;", ">", "&gt;", "|", `\|`, "`", "\\`", "*", `\*`, "_", `\_`, "[", `\[`, "]", `\]`,
	`\`, `\\`, "~", `\~`, "\n", " ", "@", "&#64;")

func markdown(s string) string { return markdownEscapes.Replace(s) }
