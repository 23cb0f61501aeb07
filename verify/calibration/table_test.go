package calibration_test

import (
	"flag"
	"fmt"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
)

var write = flag.Bool("write", false, "write the table into docs/clock-calibration.md")

const page = "../../docs/clock-calibration.md"

// measured are the rows of the table, in the order in which the cases ended.
var measured struct {
	sync.Mutex
	rows map[string]string
}

func note(name string, cells ...string) {
	measured.Lock()
	defer measured.Unlock()
	if measured.rows == nil {
		measured.rows = map[string]string{}
	}
	measured.rows[name] = "| " + strings.Join(append([]string{name}, cells...), " | ") + " |"
}

// names are all cases, in the order of the table.
func names() []string {
	var all []string
	for _, c := range scripted() {
		all = append(all, c.name)
	}
	all = append(all, "a pool pins a dead host: 1s without any answer, then new connections are served")
	return append(all, realNames...)
}

const header = "| outage | true length, ms | measured, ms | verdict of service | error, ms |\n| --- | ---: | ---: | --- | ---: |\n"

func TestMain(m *testing.M) {
	flag.Parse()
	code := m.Run()
	if *write { // a case that failed has no new row
		if err := rewrite(); err != nil {
			fmt.Fprintln(os.Stderr, err)
			code = 1
		}
	}
	os.Exit(code)
}

// rewrite puts the measured rows in place of the table's; a case that was not run keeps the row that it has.
func rewrite() error {
	text, err := os.ReadFile(page)
	if err != nil {
		return err
	}
	head, _, _ := strings.Cut(string(text), "| outage |")
	old := rowsOf(string(text))
	table := header
	for _, name := range names() {
		row := measured.rows[name]
		if row == "" {
			row = old[name]
		}
		if row != "" {
			table += row + "\n"
		}
	}
	return os.WriteFile(page, []byte(head+table), 0o644) //nolint:gosec // a document
}

func rowsOf(text string) map[string]string {
	rows := map[string]string{}
	for line := range strings.Lines(text) {
		line = strings.TrimSpace(line)
		if cells := strings.Split(strings.Trim(line, "|"), "|"); strings.HasPrefix(line, "| ") && len(cells) == 5 {
			rows[strings.TrimSpace(cells[0])] = line
		}
	}
	return rows
}

// TestTableListsEveryCase: a case that was added and not measured, and a row of one that is gone.
func TestTableListsEveryCase(t *testing.T) {
	if *write {
		t.Skip("it is being written")
	}
	text, err := os.ReadFile(page)
	if err != nil {
		t.Fatal(err)
	}
	rows := rowsOf(string(text))
	for _, name := range names() {
		if rows[name] == "" && !slices.Contains(realNames, name) { // those need a machine of their own
			t.Errorf("%s has no row %q: make calibration", page, name)
		}
		delete(rows, name)
	}
	delete(rows, "outage")
	delete(rows, "---")
	for name := range rows {
		t.Errorf("%s has a row %q of no case", page, name)
	}
}
