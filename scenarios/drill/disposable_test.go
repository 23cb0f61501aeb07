package drill

import (
	"strings"
	"testing"

	"github.com/recoverydrill/gameday/fixtures/probe"
	"github.com/recoverydrill/gameday/reports"
	"github.com/recoverydrill/gameday/verify"
)

// TestNobodyAsksAboutDisposableTables: each engine names a table of the main database in its own way.
func TestNobodyAsksAboutDisposableTables(t *testing.T) {
	d := &Drill{scenario: Scenario{Disposable: []reports.Disposable{
		{Database: "shop", Table: "public.cache_*", Reason: "it fills itself"}, {Database: "store", Table: "store.session", Reason: "people log in again"},
	}}}
	for _, c := range []struct {
		database, name string
		want           bool
	}{
		{"shop", "public.cache_a", true}, {"shop", "shop: public.cache_a", true}, {"shop", "public.orders", false}, {"other", "other: public.cache_a", false},
		{"store", "session", true}, {"store", "store.session", true}, {"store", "session#p#p0", true}, {"store", "sessions", false},
	} {
		if got := d.aboutDisposable(probe.Canary{Database: c.database, Name: c.name}); got != c.want {
			t.Errorf("%s of %s: %t", c.name, c.database, got)
		}
	}
}

func TestADisposableTableNeedsAReason(t *testing.T) {
	s := Scenario{
		Name: "a/b", Owner: "shop", Disaster: "it is gone", Answers: []reports.Question{reports.BackedUp}, Checks: []verify.Check{verify.Contents{}},
		Disposable: []reports.Disposable{{Database: "shop", Table: "public.cache", Reason: "it fills itself"}},
	}
	if _, err := s.complete(); err != nil {
		t.Error(err)
	}
	for _, bad := range []reports.Disposable{
		{Database: "shop", Table: "public.cache", Reason: " "}, {Table: "public.cache", Reason: "why"}, {Database: "shop", Reason: "why"}, {Database: "shop", Table: "[", Reason: "why"},
	} {
		s.Disposable = []reports.Disposable{bad}
		if _, err := s.complete(); err == nil || !strings.Contains(err.Error(), "Scenario.Disposable: the disposable table") {
			t.Errorf("%+v: %v", bad, err)
		}
	}
}
