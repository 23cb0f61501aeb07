package drill

import (
	"fmt"
	"slices"
	"testing"

	"github.com/recoverydrill/gameday/faults"
	"github.com/recoverydrill/gameday/fixtures/probe"
)

// TestOfManyTablesSomeAreAskedAbout: those that are damaged among them, the others from everywhere, the same for one seed.
func TestOfManyTablesSomeAreAskedAbout(t *testing.T) {
	var all []probe.Canary
	for i := range 3000 {
		all = append(all, probe.Canary{Database: "shop", Name: fmt.Sprintf("public.t%d", i)})
	}
	damaged := []faults.Rows{{Database: "shop", Table: "public.t1234"}, {Database: "shop", Table: "public.t7"}, {Database: "other", Table: "public.t8"}}
	some := chosen(all, damaged, 1)
	if len(some) != askedLimit || some[0].Name != "public.t7" || some[1].Name != "public.t1234" {
		t.Errorf("%d are asked about, first %s and %s", len(some), some[0].Name, some[1].Name)
	}
	for from := 0; from < len(all); from += 300 {
		if !slices.ContainsFunc(some, func(c probe.Canary) bool { return slices.Contains(all[from:from+300], c) }) {
			t.Errorf("none of the tables from %d on", from)
		}
	}
	if !slices.Equal(some, chosen(all, damaged, 1)) || slices.Equal(some, chosen(all, damaged, 2)) {
		t.Error("not by the seed")
	}
	damaged = nil
	for _, c := range all {
		damaged = append(damaged, faults.Rows{Database: c.Database, Table: c.Name})
	}
	if n := len(chosen(all, damaged, 1)); n != damagedLimit {
		t.Errorf("%d are asked about where all are damaged", n)
	}
	if few := all[:askedLimit]; len(chosen(few, damaged[:3], 1)) != askedLimit {
		t.Error("not all of few")
	}
}
