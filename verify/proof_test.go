package verify

import (
	"context"
	"reflect"
	"strings"
	"testing"

	"github.com/recoverydrill/gameday/reports"
)

// damaged is the evidence as a drill has it after the injection: no recovery yet, the damaged store as found.
func damaged(t *testing.T, damage func(m *model)) *Evidence {
	s := newScene(t, plot{clients: 1, rate: 1})
	s.found.identity.Branch = "1"
	damage(s.found)
	s.rec.Recovery = nil
	e := s.build()
	e.Ops, e.Rows, e.Probe, e.After = nil, nil, nil, nil
	return e
}

func TestDamageProof(t *testing.T) {
	e := damaged(t, func(m *model) {
		for _, c := range m.table("payments").cells {
			c[1] = "0"
		}
	})
	findings, err := DamageProof(context.Background(), e, Default())
	if err != nil || len(findings) != 1 || findings[0].Summary != "shop.payments: 1000 of 1000 rows changed" {
		t.Fatalf("findings %+v, error %v", findings, err)
	}
	rows := DamagedRows(findings)
	if len(rows) != keyLimit || rows[0] != (RowRef{"shop", "public.payments", "1"}) {
		t.Errorf("damaged rows %v", rows)
	}
}

func TestDamageProofOfADroppedTable(t *testing.T) {
	findings, err := DamageProof(context.Background(), damaged(t, func(m *model) { m.drop("payments") }), Default())
	if err != nil || len(findings) != 1 || findings[0].Summary != "table shop.payments is missing (1000 rows)" {
		t.Fatalf("findings %+v, error %v", findings, err)
	}
	if rows := DamagedRows(findings); len(rows) != keyLimit {
		t.Errorf("damaged rows %v", rows)
	}
}

func TestDamagedRowsHaveARightValue(t *testing.T) {
	findings, err := DamageProof(context.Background(), damaged(t, func(m *model) {
		p := m.table("payments")
		p.cells[4][1] = "0"
		p.cells[7] = []string{"7777", "1", "2", "3", "4"}
	}), Default())
	if err != nil {
		t.Fatal(err)
	}
	want := []RowRef{{"shop", "public.payments", "5"}, {"shop", "public.payments", "8"}}
	if rows := DamagedRows(append(findings, findings...)); !reflect.DeepEqual(rows, want) {
		t.Errorf("damaged rows %v, want %v: the invented row 7777 has none", rows, want)
	}
}

// TestNoDamageNoProof: on a sound store the proof must fail, and without an error, so that the drill can say that the
// fault took no effect.
func TestNoDamageNoProof(t *testing.T) {
	findings, err := DamageProof(context.Background(), damaged(t, func(*model) {}), Default())
	if err != nil || len(findings) != 0 {
		t.Errorf("findings %+v, error %v", findings, err)
	}
}

func TestDamageProofThatCouldNotLook(t *testing.T) {
	e := damaged(t, func(*model) {})
	e.Found.Nonce = "other"
	if _, err := DamageProof(context.Background(), e, Default()); err == nil || !strings.Contains(err.Error(), "nonces") {
		t.Errorf("error %v", err)
	}
	e = damaged(t, func(*model) {})
	e.Found.Taken = e.Baseline.Taken
	if _, err := DamageProof(context.Background(), e, Default()); err == nil || !strings.Contains(err.Error(), "not later than") {
		t.Errorf("error %v", err)
	}
	if _, err := DamageProof(context.Background(), e, []Check{Ledger{}}); err == nil || !strings.Contains(err.Error(), "no check of this drill can see damage") {
		t.Errorf("error %v", err)
	}
}

func TestDamagedRowsIgnoresWhatIsNoDamage(t *testing.T) {
	f := reports.Finding{Outcome: reports.Inconclusive, Where: reports.Place{Database: "d", Table: "t", Keys: []string{"1"}}}
	if rows := DamagedRows([]reports.Finding{f}); len(rows) != 0 {
		t.Errorf("rows %v", rows)
	}
}
