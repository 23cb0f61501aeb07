package pgdump

import (
	"slices"
	"strings"
	"testing"

	"github.com/recoverydrill/gameday/fixtures"
	recovery "github.com/recoverydrill/gameday/recover"
)

// What pg_restore --list prints; two schemas have names that contain each other, and one is written like a type.
const list = `;
; Archive created at 2026-11-26 03:13:42 UTC
;     dbname: shop
;
7; 2615 16400 SCHEMA - billing shop_owner
8; 2615 16401 SCHEMA - billing_old shop_owner
4100; 0 0 COMMENT - SCHEMA billing shop_owner
4101; 0 0 ACL - SCHEMA billing shop_owner
4102; 0 0 ACL - SCHEMA billing_old shop_owner
220; 1259 16402 TABLE billing accounts shop_owner
221; 1259 16410 TABLE billing_old accounts shop_owner
222; 1259 16420 TABLE shop billing shop_owner
223; 1259 16430 SEQUENCE billing accounts_id_seq shop_owner
4103; 0 0 SEQUENCE OWNED BY billing accounts_id_seq shop_owner
3900; 0 16402 TABLE DATA billing accounts shop_owner
3700; 2606 16440 CONSTRAINT billing accounts accounts_pkey shop_owner
3800; 2606 16441 FK CONSTRAINT shop orders orders_account_fkey shop_owner
4104; 0 0 DEFAULT ACL billing DEFAULT PRIVILEGES FOR TABLES shop_owner
4105; 0 0 ACL billing TABLE accounts shop_owner
3; 3079 16384 EXTENSION - billing 
4106; 0 0 COMMENT - EXTENSION billing 
9; 2615 16403 SCHEMA - SHOP shop_owner
224; 1259 16450 TABLE SHOP ORDERS shop_owner
225; 1259 16460 SEQUENCE SHOP orders_id_seq shop_owner
4107; 0 0 SEQUENCE OWNED BY SHOP orders_id_seq shop_owner
3901; 0 16450 TABLE DATA SHOP ORDERS shop_owner
3801; 2606 16470 FK CONSTRAINT SHOP ORDERS orders_account_fkey shop_owner
`

// A schema's own entries are taken, and neither those of one whose name begins alike nor of a table or an extension of its
// name.
func TestEntriesOfASchema(t *testing.T) {
	for schema, want := range map[string]string{
		"billing": "7 4100 4101 220 223 4103 3900 3700 4104 4105",
		"SHOP":    "9 224 225 4107 3901 3801",
	} {
		var all, got []string
		for line := range strings.Lines(list) {
			if line[0] != ';' {
				all = append(all, strings.TrimSpace(line))
			}
		}
		some, err := ofSchema(all, schema)
		if err != nil {
			t.Fatal(err)
		}
		for _, line := range some {
			number, _, _ := strings.Cut(line, ";")
			got = append(got, number)
		}
		if want := strings.Fields(want); !slices.Equal(got, want) {
			t.Errorf("entries of %s %v, want %v", schema, got, want)
		}
	}
	if _, err := ofSchema([]string{"4200; 0 16500 PROPERTY GRAPH billing payments shop_owner"}, "billing"); err == nil {
		t.Error("an entry that nobody knows was left out")
	}
	for line, want := range map[string]string{
		"220; 1259 16402 TABLE SHOP accounts shop_owner":                        "TABLE",
		"3901; 0 16402 TABLE DATA SHOP accounts shop_owner":                     "TABLE DATA",
		"230; 1259 16403 MATERIALIZED VIEW SHOP sums shop_owner":                "MATERIALIZED VIEW",
		"3802; 2606 16441 FK CONSTRAINT SHOP ORDERS orders_fkey shop_owner":     "FK CONSTRAINT",
		"4200; 0 16500 PROPERTY GRAPH billing payments shop_owner":              "",
		"4300; 3602 16600 TEXT SEARCH CONFIGURATION SHOP english_us shop_owner": "TEXT SEARCH CONFIGURATION",
	} {
		if got := typeOf(line); got != want {
			t.Errorf("%q is of the type %q", line, got)
		}
	}
}

type nowhere struct{ fixtures.System }

func (nowhere) Members() []fixtures.Member { return nil }

func TestWhatIsMissingIsNamed(t *testing.T) {
	for want, c := range map[string]struct {
		p   Procedure
		env map[string]string
	}{
		"a database a schema":    {Procedure{Database: "shop"}, map[string]string{"GAMEDAY_DUMPS": "/vault/dump"}},
		"GAMEDAY_DUMPS is empty": {Server(), nil},
		"no spare node":          {Server(), map[string]string{"GAMEDAY_DUMPS": "/vault/dump"}},
		"no primary":             {Schema("shop", "billing"), map[string]string{"GAMEDAY_DUMPS": "/vault/dump"}},
	} {
		if _, err := c.p.Plan(t.Context(), recovery.Job{System: nowhere{}, Env: c.env}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %q", err, want)
		}
	}
}
