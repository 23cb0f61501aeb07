package main

import (
	"bytes"
	"strings"
	"testing"
)

func TestMatrixShowsWhatIsDrilledAndWhatIsOpen(t *testing.T) {
	drill := func(engine string, labels ...string) scenario {
		var s scenario
		for _, l := range append(labels, engine) {
			s.read(l)
		}
		return s
	}
	pending := drill("mysql", "fault=dropped table", "recovery=nothing")
	pending.Pending = true
	var out bytes.Buffer
	err := (&app{out: &out}).printMatrix([]scenario{
		drill("postgres", "fault=bad write", "recovery=b", "takes=5s"), drill("postgres", "fault=bad write", "recovery=a"),
		drill("postgres", "fault=bad write", "recovery=a", "version=15"), drill("sqlite", "fault=dropped table", "recovery=c"),
		drill("sqlite", "flagship"), pending,
	})
	want := "| disaster | mariadb | mysql | postgres | sqlite |\n| --- | --- | --- | --- | --- |\n" +
		"| bad write | open | open | a, b | open |\n" +
		"| dropped table | open | open | open | c |\n\n" +
		"4 drills, 2 disasters, 2 of 8 combinations of disaster and engine drilled.\n"
	if err != nil || out.String() != want {
		t.Errorf("got %v and\n%s\nwant\n%s", err, out.String(), want)
	}
	err = (&app{out: &out}).printMatrix([]scenario{drill("postgres")})
	if err == nil || !strings.Contains(err.Error(), "suite.About") {
		t.Errorf("a list without a single scenario that says what it drills: %v", err)
	}
}
