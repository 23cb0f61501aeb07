package drill

import (
	"fmt"
	"slices"
	"testing"

	"github.com/recoverydrill/gameday/faults"
	"github.com/recoverydrill/gameday/reports"
)

// located is a fault that says what it has hit.
type located struct {
	faults.Fault
	hit []faults.Rows
}

func (l located) Hit() []faults.Rows { return l.hit }

// TestDamagedRowsAreAskedAboutAcrossTheTable: those that the checks name do not keep out those that the fault names, and of
// the latter the last ones are asked about too.
func TestDamagedRowsAreAskedAboutAcrossTheTable(t *testing.T) {
	finding := reports.Finding{Outcome: reports.Failed, Where: reports.Place{Database: "shop", Table: "public.payments"}}
	for i := range 20 {
		finding.Where.Keys = append(finding.Where.Keys, fmt.Sprint(i))
	}
	var hit []string
	for i := range 2000 {
		hit = append(hit, fmt.Sprint(i))
	}
	f := located{hit: []faults.Rows{
		{Database: "shop", Table: "public.payments", Keys: hit[:1000]}, {Database: "shop", Table: "public.payments", Keys: hit[1000:]},
		{Database: "shop", Table: "public.orders", Keys: []string{"7"}},
	}}
	rows := damagedRows(f, []reports.Finding{finding})
	if len(rows) != 2 || len(rows[0].Keys) != canaryLimit || !slices.Equal(rows[1].Keys, []string{"7"}) {
		t.Fatalf("%d tables, %d rows of the first", len(rows), len(rows[0].Keys))
	}
	for _, want := range append(slices.Clone(finding.Where.Keys), "1999") {
		if !slices.Contains(rows[0].Keys, want) {
			t.Errorf("row %s is not asked about", want)
		}
	}
	for from := 0; from < 2000; from += 200 {
		if !slices.ContainsFunc(rows[0].Keys, func(k string) bool { return slices.Contains(hit[from:from+200], k) }) {
			t.Errorf("no row of %d to %d is asked about", from, from+199)
		}
	}
}
