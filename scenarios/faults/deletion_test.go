package faults_test

import (
	"strings"
	"testing"

	"github.com/recoverydrill/gameday/faults"
	"github.com/recoverydrill/gameday/faults/faulttest"
	"github.com/recoverydrill/gameday/fixtures"
)

// TestDeletedFiles runs what takes files away, one after the other on one system of each engine, from the vault to the data
// directory.
func TestDeletedFiles(t *testing.T) {
	full(t)
	for _, engine := range engines {
		t.Run(engine, func(t *testing.T) {
			sys, guard := start(t, engine, layout{Standbys: 1, Backups: 2})
			with := func(t *testing.T, stays bool, fault func() faults.Fault) faulttest.Subject {
				s := subject(t, sys, guard, fault)
				if engine == onSQLite { // the replica is part of the vault
					s.Gone, s.SpreadsTo = s.SpreadsTo, nil
				} else if stays {
					s = confined(s)
				}
				return s
			}
			t.Run("deleted backup", func(t *testing.T) {
				faulttest.Fault(t, with(t, true, func() faults.Fault { return faults.DeleteBackup() }))
			})
			t.Run("dropped table and deleted backup", func(t *testing.T) {
				backup(t, sys)
				s := with(t, false, func() faults.Fault {
					return faults.Together(faults.DropTable(in(engine, "shop.payments")), faults.DeleteBackup())
				})
				s.Unlocated = true
				faulttest.Fault(t, s)
			})
			t.Run("deleted vault", func(t *testing.T) {
				faulttest.Fault(t, with(t, true, func() faults.Fault { return faults.DeleteVault() }))
			})
			t.Run("deleted file", func(t *testing.T) {
				faulttest.Fault(t, with(t, true, func() faults.Fault {
					return faults.DeleteFile(fixtures.TableFile, in(engine, "shop.order_lines"))
				}))
			})
			t.Run("deleted data directory", func(t *testing.T) {
				sys, guard = start(t, engine, layout{Standbys: 1}) // the former one has a table that cannot be read
				faulttest.Fault(t, with(t, true, func() faults.Fault { return faults.DeleteDataDirectory() }))
			})
		})
	}
}

// backup takes another base backup.
func backup(t *testing.T, sys fixtures.System) {
	t.Helper()
	if _, err := sys.(fixtures.BackupTaker).Backup(t.Context(), "one more"); err != nil {
		t.Fatal(err)
	}
}

// TestLostNode takes the machine with its disk: a standby, which nobody notices, and then the primary of another system.
func TestLostNode(t *testing.T) {
	full(t)
	for _, engine := range servers {
		t.Run(engine, func(t *testing.T) {
			for _, name := range []string{"standby-1", "primary"} {
				t.Run(name, func(t *testing.T) {
					sys, guard := start(t, engine, layout{Standbys: 1})
					s := confined(subject(t, sys, guard, func() faults.Fault { return faults.LoseNode(name) }))
					if name == "standby-1" {
						s.Gone, s.Stays = s.Stays, nil
					}
					faulttest.Fault(t, s)
				})
			}
		})
	}
}

// TestTogetherIsProvenOnlyIfEachPartIs: the backup is gone, the table is not; and two parts that only the checks see.
func TestTogetherIsProvenOnlyIfEachPartIs(t *testing.T) {
	sys, guard := start(t, onSQLite, layout{Backups: 1})
	clock := fixtures.NewClock()
	two := faults.Together(faults.BadWrite("UPDATE payments SET amount = 0"), faults.DeleteRows("payments"))
	if _, err := faults.Inject(t.Context(), two, sys, guard, clock); err == nil || !strings.Contains(err.Error(), "nobody could tell which") {
		t.Errorf("two parts that only the checks see: %v", err)
	}
	harmless := faults.Together(faults.BadWrite("UPDATE payments SET amount = amount"), faults.DeleteBackup())
	if _, err := faults.Inject(t.Context(), harmless, sys, guard, clock); err != nil {
		t.Fatal(err)
	}
	if faults.IsSilent(harmless) {
		t.Error("a bad write is not silent because the deleted backup beside it is")
	}
	if evidence, err := harmless.(faults.Prover).Prove(t.Context(), sys); err != nil || evidence == "" {
		t.Errorf("the deleted backup: %q, %v", evidence, err)
	}
}
