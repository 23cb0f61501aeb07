package main

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// open is the cell of a disaster that no listed drill has on that engine.
const open = "open"

// printMatrix shows in Markdown which disaster is drilled on which engine with which recovery. A drill stops when its
// fault, recovery or engine is not what its scenario says, so what is shown is what is drilled.
func (a *app) printMatrix(all []scenario) error {
	cells := map[string]map[string][]string{} // by fault and engine
	listed := 0
	for _, s := range all {
		if s.Engine == "" || s.Fault == "" || s.Recovery == "" || s.Pending {
			continue
		}
		listed++
		row := cells[s.Fault]
		if row == nil {
			row = map[string][]string{}
			cells[s.Fault] = row
		}
		if !slices.Contains(row[s.Engine], s.Recovery) {
			row[s.Engine] = append(row[s.Engine], s.Recovery)
		}
	}
	if listed == 0 {
		return usagef("none of the %d drills says its engine, fault and recovery: give them to the scenario, and suite.About to its It", len(all))
	}
	engines := slices.Compact(slices.Sorted(slices.Values(engines())))
	fmt.Fprintf(a.out, "| disaster | %s |\n|%s\n", strings.Join(engines, " | "), strings.Repeat(" --- |", len(engines)+1))
	drilled := 0
	for _, fault := range slices.Sorted(maps.Keys(cells)) {
		fmt.Fprintf(a.out, "| %s |", fault)
		for _, engine := range engines {
			ways := cells[fault][engine]
			slices.Sort(ways)
			drilled += min(1, len(ways))
			fmt.Fprintf(a.out, " %s |", cmp.Or(strings.Join(ways, ", "), open))
		}
		fmt.Fprintln(a.out)
	}
	_, err := fmt.Fprintf(a.out, "\n%d drills, %d disasters, %d of %d combinations of disaster and engine drilled.\n",
		listed, len(cells), drilled, len(cells)*len(engines))
	return err
}
