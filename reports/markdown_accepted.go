package reports

import (
	"fmt"
	"strings"
)

// markdownAccepted is what the drills did not compare exactly, and what their passed checks noted, in at most so many
// bytes: a passed drill is as good as these are.
func markdownAccepted(drills []Drill, limit int) string {
	var b strings.Builder
	for i, d := range drills {
		part := markdownAcceptedBy(d.Record)
		if part == "" {
			continue
		}
		if b.Len()+len(part) > limit-200 {
			fmt.Fprintf(&b, "\n… the notes on %s are left out here: see report.html.\n", plural(int64(len(drills)-i), "more drill"))
			break
		}
		b.WriteString(part)
	}
	return b.String()
}

func markdownAcceptedBy(r *Record) string {
	var lines []string
	for _, t := range r.Tolerate {
		lines = append(lines, "compared with a tolerance: "+t.String())
	}
	for _, v := range r.Refreshed {
		lines = append(lines, "may be refreshed: "+v.String())
	}
	for _, d := range r.Disposable {
		lines = append(lines, "may be empty: "+d.String())
	}
	for _, c := range r.Checks {
		if c.Outcome != Passed {
			continue // its findings are above
		}
		for _, f := range c.Findings {
			lines = append(lines, c.Name+": "+f.line())
		}
		if rest := c.Total - len(c.Findings); rest > 0 {
			lines = append(lines, c.Name+": and "+plural(int64(rest), "more note"))
		}
	}
	if len(lines) == 0 {
		return ""
	}
	var b strings.Builder
	fmt.Fprintf(&b, "\nNotes on %s:\n\n", markdown(shorten(line(r.Scenario), 200)))
	for _, l := range lines {
		fmt.Fprintf(&b, "- %s\n", markdown(shorten(line(l), 500)))
	}
	return b.String()
}
