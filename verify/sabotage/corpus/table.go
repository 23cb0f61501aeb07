package corpus

import (
	"fmt"
	"slices"
	"strings"

	"github.com/recoverydrill/gameday/verify/sabotage"
)

// Engines lists those of the corpus, in the order of the table.
func Engines() []string { return []string{Postgres, MySQL, MariaDB, SQLite} }

// Table is the catalogue with what the runs have shown, as the documentation has it.
func Table(results []sabotage.Result) string {
	t := table{results: results, acts: slices.Concat(Acts(), LaterActs()), twins: slices.Concat(Twins(), LaterTwins()), totals: map[string]*total{}}
	for _, e := range Engines() {
		t.totals[e] = &total{}
	}
	t.countTwins()
	var rows, missing strings.Builder
	class := ""
	for _, e := range sabotage.Catalogue() {
		if c := e.Class(); c != class {
			class = c
			fmt.Fprintf(&rows, "| **%s** | **%s** |  |  |  |  |  |\n", e.ID[:1], c)
		}
		fmt.Fprintf(&rows, "| %s | %s | %s |", e.ID, e.Title, strings.Join(e.Checks, ", "))
		for _, engine := range Engines() {
			fmt.Fprintf(&rows, " %s |", t.cell(e, engine))
		}
		rows.WriteString("\n")
		for _, r := range reasons(e) {
			fmt.Fprintf(&missing, "- %s, %s (%s): %s.\n", e.ID, e.Title, strings.Join(r.engines, ", "), r.why)
		}
	}
	var b strings.Builder
	b.WriteString("| | " + strings.Join(Engines(), " | ") + " |\n|---|" + strings.Repeat("---|", len(Engines())) + "\n")
	line := func(what string, of func(t *total) string) {
		fmt.Fprintf(&b, "| %s |", what)
		for _, e := range Engines() {
			fmt.Fprintf(&b, " %s |", of(t.totals[e]))
		}
		b.WriteString("\n")
	}
	line("entries that apply", func(t *total) string { return fmt.Sprint(t.entries) })
	line("of them built", func(t *total) string { return fmt.Sprint(t.built) })
	line("acts run", func(t *total) string { return fmt.Sprintf("%d of %d", t.run, t.acts) })
	line("caught by the check named for it alone", func(t *total) string { return share(t.alone, t.run) })
	line("caught by all checks together", func(t *total) string { return share(t.full, t.run) })
	line("drills with a broken recovery, run and caught", func(t *total) string { return fmt.Sprintf("%d of %d", t.drillsCaught, t.drills) })
	line("clean twins that pass", func(t *total) string { return fmt.Sprintf("%d of %d", t.twinsPassed, t.twins) })
	b.WriteString("\n| | what is wrong | must be caught alone by | " + strings.Join(Engines(), " | ") + " |\n|---|---|---|" + strings.Repeat("---|", len(Engines())) + "\n")
	b.WriteString(rows.String())
	b.WriteString("\nNot built, and why:\n\n" + missing.String())
	return b.String()
}

func share(n, of int) string {
	if of == 0 {
		return "–"
	}
	return fmt.Sprintf("%d (%.0f %%)", n, 100*float64(n)/float64(of))
}

// total is what the table adds up for an engine.
type total struct {
	entries, built, acts, run, alone, full, drills, drillsCaught, twins, twinsPassed int
}

type table struct {
	results []sabotage.Result
	acts    []sabotage.Act
	twins   []sabotage.Act
	totals  map[string]*total
}

func (t *table) countTwins() {
	for _, a := range t.twins {
		for _, engine := range a.Engines {
			ran, good := false, true
			for _, r := range t.results {
				if r.Way == sabotage.ByTwin && r.Title == a.Title && r.Engine == engine {
					ran, good = true, good && r.Good()
				}
			}
			t.totals[engine].twins++
			if ran && good {
				t.totals[engine].twinsPassed++
			}
		}
	}
}

// cell says how an entry is built for an engine, and what came of it.
func (t *table) cell(e sabotage.Entry, engine string) string {
	if !slices.Contains(e.Engines, engine) {
		return ""
	}
	sum := t.totals[engine]
	sum.entries++
	var parts []string
	var acts, run, good int
	for _, a := range t.acts {
		if a.ID != e.ID || !slices.Contains(a.Engines, engine) {
			continue
		}
		acts++
		alone, full, ran := t.outcome(a, engine)
		if ran {
			run++
		}
		if alone {
			sum.alone++
		}
		if full {
			sum.full++
		}
		if alone && full {
			good++
		}
	}
	sum.acts, sum.run = sum.acts+acts, sum.run+run
	if acts > 0 {
		parts = append(parts, counted(good, acts, run, "act"))
	}
	caught, ran := 0, 0
	for _, spec := range e.Drills[engine] {
		sum.drills++
		for _, r := range t.results {
			if r.Way == sabotage.ByDrill && r.Title == spec {
				ran++
				if r.Good() {
					caught++
					sum.drillsCaught++
				}
				break
			}
		}
	}
	if n := len(e.Drills[engine]); n > 0 {
		parts = append(parts, counted(caught, n, ran, "drill"))
	}
	if e.Scene != "" {
		parts = append(parts, "scene")
	}
	if len(e.Tests[engine]) > 0 {
		parts = append(parts, "test")
	}
	if len(parts) == 0 {
		return "no"
	}
	sum.built++
	return strings.Join(parts, ", ")
}

// counted is "3 acts" where all were caught, and says it where not.
func counted(good, all, run int, what string) string {
	s := fmt.Sprintf("%d %s", all, what)
	if all > 1 {
		s += "s"
	}
	if run < all {
		s += fmt.Sprintf(" (%d not run)", all-run)
	}
	if good < run {
		s += fmt.Sprintf(" (**%d escaped**)", run-good)
	}
	return s
}

// outcome is the worst of all versions that it was tried on.
func (t *table) outcome(a sabotage.Act, engine string) (alone, full, ran bool) {
	alone, full = true, true
	for _, r := range t.results {
		if r.Way == sabotage.ByAct && r.ID == a.ID && r.Title == a.Title && r.Engine == engine && r.Check == a.Check {
			ran, alone, full = true, alone && r.AloneCaught(), full && r.FullCaught()
		}
	}
	return alone && ran, full && ran, ran
}

// reason is why an entry is not built for some engines.
type reason struct {
	why     string
	engines []string
}

func reasons(e sabotage.Entry) []reason {
	var all []reason
	for _, engine := range Engines() {
		why := e.Not[engine]
		if why == "" {
			continue
		}
		i := slices.IndexFunc(all, func(r reason) bool { return r.why == why })
		if i < 0 {
			i, all = len(all), append(all, reason{why: why})
		}
		all[i].engines = append(all[i].engines, engine)
	}
	return all
}
