package drill_test

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/recoverydrill/gameday/fixtures"
	"github.com/recoverydrill/gameday/fixtures/dataset"
	"github.com/recoverydrill/gameday/fixtures/sqlite"
	"github.com/recoverydrill/gameday/fixtures/traffic"
	"github.com/recoverydrill/gameday/reports"
	"github.com/recoverydrill/gameday/scenarios/drill"
)

// changed takes a backup and two marks of a file and returns what was done between the backup and the first mark.
func changed(t *testing.T, sys fixtures.System) (details []string, order string, err error) {
	t.Helper()
	run, err := fixtures.NewRun(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	d, err := drill.Begin(t.Context(), sys, drill.Scenario{
		Name: "test/change", Owner: "gameday", Disaster: "A test.", Answers: []reports.Question{reports.Plan}, MinAcknowledged: 5,
	}, drill.Options{Run: run})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { closed(t, d.Finish) })
	err = errors.Join(d.Backup(t.Context()), d.Traffic(t.Context(), traffic.Mix{Clients: 2}))
	for _, label := range []string{"good", "later"} {
		if err == nil {
			_, err = d.Mark(t.Context(), label)
		}
	}
	for _, p := range d.Record().Phases {
		order += p.Name + " "
		if p.Name == "change" {
			details = append(details, p.Detail)
		}
	}
	return details, order, err
}

// A log that holds nothing but traffic's rows would let a recovery pass that brings back nothing else of it.
func TestTheDatasetIsChangedOnceBetweenBackupAndMark(t *testing.T) {
	_, sys := shopOnFile(t)
	details, order, err := changed(t, sys)
	if err != nil {
		t.Fatal(err)
	}
	if len(details) != 1 || !strings.Contains(details[0], "statements in main") || !strings.Contains(order, "backup traffic change mark") {
		t.Errorf("changed %q, in the order %s", details, order)
	}
	if _, err := sys.(fixtures.Querier).Query(t.Context(), "", "", "SELECT remark FROM settings JOIN vouchers"); err != nil {
		t.Error(err)
	}
}

func TestADatasetWithoutLaterChangesIsNamed(t *testing.T) {
	load := func(ctx context.Context, into fixtures.Loader) error {
		return into.Script(ctx, "", strings.NewReader("CREATE TABLE t (i INTEGER)"))
	}
	ours := dataset.Func("ours", "main", load)
	details, _, err := changed(t, started(t, "embedded", sqlite.Store{Dataset: ours}))
	if err != nil || len(details) != 1 || !strings.Contains(details[0], "the dataset has no later changes") {
		t.Errorf("%q, %v", details, err)
	}
	wrong := dataset.Later(ours, dataset.Change{Database: "main", Script: "DROP TABLE missing"})
	_, _, err = changed(t, started(t, "embedded", sqlite.Store{Dataset: wrong}))
	if err == nil || !strings.Contains(err.Error(), `change database "main"`) || !strings.Contains(err.Error(), "no such table: missing") {
		t.Errorf("a change that fails: %v", err)
	}
}
