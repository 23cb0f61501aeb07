package sabotage

import (
	"fmt"
	"slices"
	"strings"
)

// Entry is one way in which a recovery looks fine and is wrong, or in which a verifier is led to believe so.
type Entry struct {
	ID      string   // "B7"; the letter is its class
	Title   string   // what is wrong, in a few words
	Engines []string // that it can happen to
	Checks  []string // each of which must catch it alone

	// Drills are whole drills with a broken recovery, by engine the full text of the spec in scenarios/sabotage.
	Drills map[string][]string
	// Scene is the ID of pure scenes in the tests of package verify. A scene has no engine. It counts where no real server
	// can show the entry: for attacks on the verifier, and for evidence that only a broken harness would hand over.
	Scene string
	// Tests are tests with a real server in other packages, by engine "package.TestName".
	Tests map[string][]string
	// Not says why it is not built for an engine, and what comes closest.
	Not map[string]string
}

// Class is the entry's class in words.
func (e Entry) Class() string { return classes[strings.TrimRight(e.ID, "0123456789")] }

var classes = map[string]string{
	"A": "wrong or incomplete data", "B": "values that are wrong", "C": "physical damage that reads as health", "D": "structure and behaviour lost",
	"E": "security", "F": "configuration and durability", "G": "topology, identity and the way to the service", "H": "automation that lies",
	"Z": "attacks on the verifier",
}

// The engines of the catalogue.
const (
	postgres = "postgres"
	mysql    = "mysql"
	mariadb  = "mariadb"
	sqlite   = "sqlite"
)

var (
	everyEngine = []string{postgres, mysql, mariadb, sqlite}
	servers     = []string{postgres, mysql, mariadb}
	mysqls      = []string{mysql, mariadb}
)

// Catalogue lists all entries, by class and number. Which acts there are for one, package corpus tells; they have its ID.
func Catalogue() []Entry {
	all := slices.Concat(classA(), classB(), classC(), classD(), classEF(), classGH(), classZ())
	seen := map[string]bool{}
	for _, e := range all {
		if seen[e.ID] {
			panic(fmt.Sprintf("the catalogue has two entries %q", e.ID))
		}
		seen[e.ID] = true
	}
	return all
}

// entry is one with nothing but what must be said.
func entry(id, title string, engines []string, checks ...string) Entry {
	return Entry{ID: id, Title: title, Engines: engines, Checks: checks}
}

// drill adds a spec for an engine.
func (e Entry) drill(engine string, specs ...string) Entry {
	m := map[string][]string{}
	for k, v := range e.Drills {
		m[k] = v
	}
	m[engine] = append(slices.Clone(m[engine]), specs...)
	e.Drills = m
	return e
}

func (e Entry) scene() Entry {
	e.Scene = e.ID
	return e
}

// test adds a test for an engine.
func (e Entry) test(engine string, names ...string) Entry {
	m := map[string][]string{}
	for k, v := range e.Tests {
		m[k] = v
	}
	m[engine] = append(slices.Clone(m[engine]), names...)
	e.Tests = m
	return e
}

// not says why it is not built for engines.
func (e Entry) not(why string, engines ...string) Entry {
	m := map[string]string{}
	for k, v := range e.Not {
		m[k] = v
	}
	for _, engine := range engines {
		m[engine] = why
	}
	e.Not = m
	return e
}

// Where the specs of scenarios/sabotage are.
const (
	flagshipPG = "the flagship's script is caught on PostgreSQL 17 when it "
	flagshipMy = "the flagship's script for a binary log is caught on mysql 9.7 when it "
	flagshipMa = "the flagship's script for a binary log is caught on mariadb 11.8 when it "
	ofFile     = "the recovery of a file is caught when "
	ofMariaDB  = "the restore of MariaDB is caught when it "
	ofDump     = "the script for a dump is caught when it "
	ofBackRest = "the script for a pgBackRest repository is caught when it "
	fromOutage = "a recovery from an outage is caught when it "
	ofReplay   = "the replay of a source is caught when it "
	promotion  = "a promotion is caught when it "
	promotionM = "a promotion of MariaDB is caught when it "
)

// flagships adds a way to break the recovery of the flagship that every server has.
func (e Entry) flagships(way string) Entry {
	return e.drill(postgres, flagshipPG+way).drill(mysql, flagshipMy+way).drill(mariadb, flagshipMa+way)
}
