package reports

import "fmt"

// Level is how deep a verdict looks. Every verdict names its own.
type Level string

// The levels. The zero value is [Full]: so are records that name none.
const (
	// Quick asks what answers in seconds: whether it is the right store, its structure, how many rows each table has,
	// traffic's rows against the ledger, the service and the objectives. The rows of the other tables are counted and not
	// read, so that it can fail a drill and never pass one: at best it is inconclusive.
	Quick Level = "quick"
	// Full reads every row of every table.
	Full Level = "full"
	// Deep is full, and then asks whether the next disaster would be survived as well: by the standbys, the archive, a new
	// backup and one more restart.
	Deep Level = "deep"
)

// Levels are all of them, from the shallowest on.
func Levels() []Level { return []Level{Quick, Full, Deep} }

// ParseLevel reads a level's name; "" is [Full].
func ParseLevel(name string) (Level, error) {
	if name == "" {
		return Full, nil
	}
	for _, l := range Levels() {
		if name == string(l) {
			return l, nil
		}
	}
	return "", fmt.Errorf("%q is no level: it is quick, full or deep", name)
}

// named is the level, full where there is none.
func (l Level) named() Level {
	if l == "" {
		return Full
	}
	return l
}

// String is its name.
func (l Level) String() string { return string(l.named()) }

// notProven is why a quick drill in which nothing failed is not passed.
const notProven = "nothing failed at level quick; integrity was not looked at: rows were counted and not read"
