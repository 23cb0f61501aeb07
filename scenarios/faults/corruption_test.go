package faults_test

import (
	"cmp"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/recoverydrill/gameday/faults"
	"github.com/recoverydrill/gameday/faults/faulttest"
	"github.com/recoverydrill/gameday/fixtures"
)

// corruptible is the table whose blocks are damaged: nobody writes to it during a test.
func corruptible(engine string) string {
	if engine == onSQLite {
		return "payments"
	}
	return "shop.payments"
}

// TestCorruptBlock is the one of make test: damage that is found by contents alone on the engine without checksums.
func TestCorruptBlock(t *testing.T) {
	corruptTable(t, onSQLite, faults.Flipped, faults.Running)
}

// TestZeroedBlock: to the engine with checksums it is an empty block, and a reading of the heap finds it.
func TestZeroedBlock(t *testing.T) {
	full(t)
	corruptTable(t, onPostgres, faults.Zeroed, faults.Running)
}

// TestCorruptTables does every harm to a block with rows on every engine, and the ones that leave a server its start while
// it is stopped.
func TestCorruptTables(t *testing.T) {
	full(t)
	for _, engine := range engines {
		for _, harm := range []faults.Harm{
			faults.Overwritten, faults.Flipped, faults.Zeroed, faults.Stale, faults.Torn, faults.CutShort, faults.CutInBlock,
		} {
			t.Run(fmt.Sprintf("%s/running/%s", engine, harm), func(t *testing.T) { corruptTable(t, engine, harm, faults.Running) })
		}
		for _, harm := range []faults.Harm{faults.Flipped, faults.Zeroed, faults.Stale, faults.CutShort} {
			t.Run(fmt.Sprintf("%s/stopped/%s", engine, harm), func(t *testing.T) { corruptTable(t, engine, harm, faults.Stopped) })
		}
	}
}

func corruptTable(t *testing.T, engine string, harm faults.Harm, when faults.When) {
	t.Helper()
	sys, guard := start(t, engine, layout{Standbys: 1})
	table := corruptible(engine)
	made := faults.CorruptTable(harm, table, 3).While(when)
	if harm == faults.Stale || harm == faults.Torn {
		if err := made.Remember(t.Context(), sys); err != nil {
			t.Fatal(err)
		}
		// Writes that were good, and are lost with the block's newer version.
		good := "UPDATE " + table + " SET amount = amount + 1"
		if err := sys.(fixtures.Operator).Statement(t.Context(), "", "", good); err != nil {
			t.Fatal(err)
		}
		if err := sys.(fixtures.Replicator).Replicated(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	s := confined(subject(t, sys, guard, func() faults.Fault {
		again := *made
		return &again
	}))
	s.Late = 10 * time.Second
	if engine == onMySQL { // it has ended itself when the block was read
		s.Remains = nil
	}
	faulttest.Fault(t, s)
}

// own are the files that each engine has beside its tables'.
var own = map[string][]fixtures.FileKind{
	onPostgres: {fixtures.IndexFile, fixtures.OverflowFile, fixtures.CatalogFile, fixtures.ControlFile, fixtures.LogFile},
	onMySQL:    {fixtures.CatalogFile, fixtures.ControlFile, fixtures.LogFile, fixtures.BinlogFile},
	onMariaDB:  {fixtures.CatalogFile, fixtures.ControlFile, fixtures.LogFile, fixtures.BinlogFile},
	onSQLite:   {fixtures.LogFile},
}

// TestCorruptFiles does harm to everything else that a store has on its own disk. Each harm is tried in the state of the
// server in which it is worst.
func TestCorruptFiles(t *testing.T) {
	full(t)
	for _, engine := range engines {
		for _, kind := range own[engine] {
			harms := map[faults.When][]faults.Harm{
				faults.Running: {faults.Flipped, faults.Zeroed}, faults.Stopped: {faults.Overwritten, faults.CutInBlock},
			}
			if kind == fixtures.LogFile { // what a killed server recovers from
				harms[faults.Killed] = []faults.Harm{faults.Zeroed}
			}
			if kind == fixtures.ControlFile { // a running server writes it anew with its next checkpoint
				delete(harms, faults.Running)
			}
			if engine == onSQLite {
				delete(harms, faults.Stopped) // its log is empty then: TestCorruptionOfWhatIsNotNeeded
			}
			for _, when := range []faults.When{faults.Running, faults.Stopped, faults.Killed} {
				for _, harm := range harms[when] {
					name := fmt.Sprintf("%s/%s/%s/%s", engine, kind, cmp.Or(string(when), "running"), harm)
					t.Run(name, func(t *testing.T) { corruptFile(t, engine, kind, harm, when) })
				}
			}
		}
	}
}

func corruptFile(t *testing.T, engine string, kind fixtures.FileKind, harm faults.Harm, when faults.When) {
	t.Helper()
	sys, guard := start(t, engine, layout{})
	object := ""
	if kind == fixtures.IndexFile || kind == fixtures.OverflowFile {
		object = "shop.products"
	}
	if kind == fixtures.OverflowFile { // values that do not fit beside their rows
		long := "ALTER TABLE shop.products ALTER description SET STORAGE EXTERNAL; UPDATE shop.products SET description = repeat(sku, 1000)"
		if err := sys.(fixtures.Operator).Statement(t.Context(), "", "", long); err != nil {
			t.Fatal(err)
		}
	}
	s := confined(subject(t, sys, guard, func() faults.Fault { return faults.CorruptFile(harm, kind, object, 3).While(when) }))
	s.Late = 10 * time.Second
	faulttest.Fault(t, s)
}

// TestCorruptBackups damages what only a recovery reads. One system serves for all: nobody sees it.
func TestCorruptBackups(t *testing.T) {
	full(t)
	for _, engine := range engines {
		t.Run(engine, func(t *testing.T) {
			sys, guard := start(t, engine, layout{Backups: 2})
			for _, kind := range []fixtures.FileKind{fixtures.BackupFile, fixtures.BackupManifest, fixtures.ArchivedLog} {
				if engine == onSQLite && kind == fixtures.BackupManifest {
					continue // a single file has none
				}
				for _, harm := range []faults.Harm{faults.Flipped, faults.Zeroed, faults.Overwritten, faults.CutInBlock, faults.CutShort} {
					t.Run(fmt.Sprintf("%s/%s", kind, harm), func(t *testing.T) {
						if kind == fixtures.BackupManifest { // it may be one block, which holds nothing any more when it was zeroed
							if _, err := sys.(fixtures.BackupTaker).Backup(t.Context(), string(harm)); err != nil {
								t.Fatal(err)
							}
						}
						s := subject(t, sys, guard, func() faults.Fault { return faults.CorruptFile(harm, kind, "", 3) })
						s.Gone, s.SpreadsTo = s.SpreadsTo, nil // a replica whose file is damaged cannot be restored to be read
						faulttest.Fault(t, s)
					})
				}
			}
		})
	}
}

// TestCorruptionOfWhatIsNotNeeded: a drill of damage that changes nothing would prove nothing, so the fault says so itself.
func TestCorruptionOfWhatIsNotNeeded(t *testing.T) {
	sys, guard := start(t, onSQLite, layout{})
	for _, harm := range []faults.Harm{faults.Overwritten, faults.CutInBlock} {
		f := faults.CorruptFile(harm, fixtures.LogFile, "", 3).While(faults.Stopped)
		if _, err := faults.Inject(t.Context(), f, sys, guard, fixtures.NewClock()); !errors.Is(err, faults.ErrNotSeen) {
			t.Errorf("the log of an application that was stopped in good order is %s: want ErrNotSeen, got %v", harm, err)
		}
	}
	for _, f := range []*faults.FileCorruption{
		faults.CorruptFile(faults.Zeroed, fixtures.IndexFile, "payments", 3), faults.CorruptFile(faults.Zeroed, fixtures.BackupManifest, "", 3),
	} {
		if _, err := faults.Inject(t.Context(), f, sys, guard, fixtures.NewClock()); !errors.Is(err, fixtures.ErrUnsupported) {
			t.Errorf("%s: want ErrUnsupported, got %v", f.Describe().Name, err)
		}
	}
}
