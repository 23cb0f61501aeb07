package verify

import (
	"slices"
	"strings"

	"github.com/recoverydrill/gameday/fixtures"
	"github.com/recoverydrill/gameday/reports"
)

// lostSets are whole sets of data that are missing, too many, or of another time or place.
func lostSets() []sabotage {
	const f = reports.Failed
	rows := func(table string, edit func(t *modelTable)) func(*scene) {
		return func(s *scene) { edit(s.found.table(table)) }
	}
	return []sabotage{
		{"A1", "yesterday's backup: the newest rows are missing", "contents", plot{}, rows("payments", func(t *modelTable) { t.cells = t.cells[:900] }), f},
		{"A1", "yesterday's backup: the newest writes are missing", "ledger", plot{recoverTo: 3 * second}, nil, f},
		{"A2", "another environment's backup", "identity", plot{}, func(s *scene) { s.found.identity = fixtures.Identity{System: "9999", Branch: "1", Token: "other"} }, f},
		{"A2", "another system of the same team", "identity", plot{}, func(s *scene) { s.found.identity.System = "9999" }, f},
		{"A3", "an empty database with the full schema", "contents", plot{}, func(s *scene) {
			for _, t := range s.found.database("shop").tables {
				t.cells = nil
			}
		}, f},
		{"A3", "traffic's tables are empty", "ledger", plot{}, func(s *scene) { clear(s.survived) }, f},
		{"A4", "the last log segment is missing", "ledger", plot{recoverTo: markNS - second/4}, nil, f},
		{"A5", "a target five seconds too early", "ledger", plot{recoverTo: markNS - 5*second}, nil, f},
		{"A6", "a target too late: the bad write was replayed too", "contents", plot{recoverTo: stopNS}, rows("payments", func(t *modelTable) {
			for _, c := range t.cells {
				c[1] = "0.00"
			}
		}), f},
		{"A12", "one table was left out", "contents", plot{}, func(s *scene) { s.found.drop("customers") }, f},
		{"A12", "one table was left out and the survey does not list it", "contents", plot{}, func(s *scene) {
			d := s.found.database("shop")
			d.tables = slices.DeleteFunc(d.tables, func(t *modelTable) bool { return t.Name == "customers" })
		}, f},
		{"A12", "one of traffic's tables was left out", "contents", plot{}, func(s *scene) { s.found.drop("entry") }, f},
		{"A13", "a database was left out", "structure", plot{}, func(s *scene) { s.found.databases = s.found.databases[1:] }, f},
		{"A13", "a database was left out and listed as missing", "contents", plot{}, func(s *scene) { s.found.drop("notes"); s.found.database("neighbour").objects = nil }, f},
		{"A14", "the load stopped: a later table is empty", "contents", plot{}, rows("payments", func(t *modelTable) { t.cells = nil }), f},
		{"A15", "a table without a key was loaded twice", "contents", plot{}, rows("audit", func(t *modelTable) { t.cells = append(t.cells, t.cells...) }), f},
		{"A15", "one pair of equal rows became another pair", "contents", plot{}, rows("audit", func(t *modelTable) { t.cells[0], t.cells[1] = t.cells[2], t.cells[2] }), f},
		{"A17", "one row deleted, another invented", "contents", plot{}, rows("payments", func(t *modelTable) { t.cells[500] = slices.Clone(t.cells[500]); t.cells[500][0] = "5001" }), f},
		{"A24", "an unlogged table was emptied", "contents", plot{}, rows("audit", func(t *modelTable) { t.cells = nil }), f},
		{"C1", "a zeroed page: rows gone", "contents", plot{}, rows("payments", func(t *modelTable) { t.cells = append(t.cells[:100:100], t.cells[285:]...) }), f},
		{"C10", "a page that fails its checksum", "contents", plot{}, rows("payments", func(t *modelTable) { t.Error, t.Damaged = "invalid page in block 100", true }), f},
		{"C10", "a page of traffic's tables that fails its checksum", "contents", plot{}, rows("item", func(t *modelTable) { t.Error, t.Damaged = "invalid page in block 1", true }), f},
		{"G11", "the neighbour on the same server was rolled back", "contents", plot{}, rows("notes", func(t *modelTable) { t.cells[3][1] = "older" }), f},
		{"G12", "a restore left a table of its own behind", "contents", plot{}, func(s *scene) {
			d := s.found.database("shop")
			d.tables = append(d.tables, newTable("public", "payments_old", fixtures.Fixed, true, "id"))
		}, f},
		{"H3", "the recovery deleted the failing row", "contents", plot{}, rows("payments", func(t *modelTable) { t.cells = append(t.cells[:7:7], t.cells[8:]...) }), f},
	}
}

// wrongValues are changes of values that counts and eyes do not see.
func wrongValues() []sabotage {
	all := []struct {
		id, what, table string
		rows            int // how many rows; 0 is all
		edit            func(c []string)
	}{
		{"B3", "first and last name swapped", "customers", 0, func(c []string) { c[1], c[2] = c[2], c[1] }},
		{"B4", "text cut off", "customers", 1, func(c []string) { c[3] = c[3][:5] }},
		{"B5", "UTF-8 read as Latin-1", "customers", 0, func(c []string) { c[1] = "Ã…" + c[1][2:] }},
		{"B6", "four-byte characters became question marks", "audit", 0, func(c []string) { c[1] = "?" }},
		{"B7", "every time shifted by an hour", "payments", 0, func(c []string) { c[2] = strings.Replace(c[2], " 00:", " 01:", 1) }},
		{"B8", "fractions of a second lost", "payments", 0, func(c []string) { c[2], _, _ = strings.Cut(c[2], ".") }},
		{"B10", "NULL became the empty string", "payments", 0, func(c []string) { c[3] = "" }},
		{"B13", "numbers lost their scale", "payments", 0, func(c []string) { c[1] = strings.TrimSuffix(c[1], "0") }},
		{"B18", "mail addresses in lower case", "customers", 0, func(c []string) { c[3] = strings.ToLower(c[3]) }},
		{"B20", "booleans inverted in two rows", "payments", 2, func(c []string) { c[4] = "false" }},
		{"B30", "dates became the epoch", "customers", 0, func(c []string) { c[4] = "1970-01-01" }},
		{"B31", "a masked backup", "customers", 0, func(c []string) { c[3] = "x@example.com" }},
		{"C4", "one bit in one row, with a right checksum", "payments", 1, func(c []string) { c[1] = "1.10" }},
	}
	var out []sabotage
	for _, x := range all {
		out = append(out, sabotage{x.id, x.what, "contents", plot{}, func(s *scene) {
			t := s.found.table(x.table)
			n := x.rows
			if n == 0 {
				n = len(t.cells)
			}
			for i := range n {
				x.edit(t.cells[i])
			}
		}, reports.Failed})
	}
	swap := func(s *scene) {
		a, b := s.found.table("payments").cells[10], s.found.table("payments").cells[20]
		a[1], b[1] = b[1], a[1]
	}
	return append(out, sabotage{"B1", "two rows exchanged their values", "contents", plot{}, swap, reports.Failed},
		sabotage{"B1", "two rows exchanged their keys", "contents", plot{}, func(s *scene) {
			a, b := s.found.table("payments").cells[10], s.found.table("payments").cells[20]
			a[0], b[0] = b[0], a[0]
		}, reports.Failed},
		sabotage{"B1", "two tables exchanged their rows", "contents", plot{}, func(s *scene) {
			a, b := s.found.table("customers"), s.found.table("payments")
			a.cells, b.cells = b.cells, a.cells
		}, reports.Failed},
		sabotage{"D13", "a column became narrower", "contents", plot{}, func(s *scene) { s.found.table("payments").Columns[1].Type = "integer" }, reports.Failed},
		sabotage{"D14", "two columns changed places", "contents", plot{}, func(s *scene) {
			c := s.found.table("payments").Columns
			c[1], c[2] = c[2], c[1]
		}, reports.Failed})
}

// lostStructure is everything that no digest of rows sees.
func lostStructure() []sabotage {
	lose := func(kind string) func(*scene) {
		return func(s *scene) { s.found.database("shop").remove(kind) }
	}
	change := func(kind, definition string) func(*scene) {
		return func(s *scene) { s.found.database("shop").object(kind).Definition = definition }
	}
	server := func(edit func(m *model)) func(*scene) { return func(s *scene) { edit(s.found) } }
	all := []sabotage{
		{id: "D1", what: "an index is missing", do: lose("index")},
		{id: "D1", what: "an index is invalid", do: change("index", "btree (at) invalid")},
		{id: "D2", what: "the primary key is gone", do: lose("constraint")},
		{id: "D3", what: "a foreign key is gone", do: lose("foreign key")},
		{id: "D3", what: "a foreign key is not valid", do: change("foreign key", "FOREIGN KEY (customer) REFERENCES customers NOT VALID")},
		{id: "D6", what: "a default is gone", do: change("column", "numeric(12,2) not null")},
		{id: "D7", what: "a trigger is missing", do: lose("trigger")},
		{id: "D7", what: "a trigger is disabled", do: change("trigger", "BEFORE UPDATE disabled")},
		{id: "D9", what: "a routine is missing", do: lose("function")},
		{id: "D11", what: "a sequence went back", do: func(s *scene) {
			n := int64(1000)
			s.found.database("shop").object("sequence").AtLeast = &n
		}},
		{id: "D11", what: "a sequence is nearly used up", do: func(s *scene) { s.found.database("shop").object("sequence").AtLeast = new(int64(1<<31 - 2)) }},
		{id: "D11", what: "a sequence's column holds less", do: func(s *scene) { s.found.database("shop").object("sequence").Most = new(int64(1<<15 - 1)) }},
		{id: "D11", what: "a sequence lost its position", do: func(s *scene) { s.found.database("shop").object("sequence").AtLeast = nil }},
		{id: "D15", what: "a collation changed", do: server(func(m *model) { m.objects[2].Definition = "UTF8 en_US.UTF-8" })},
		{id: "D17", what: "a table became unlogged", do: change("table", "unlogged heap")},
		{id: "D19", what: "a row policy is missing", do: lose("policy")},
		{id: "D21", what: "a server that was mended in its place has lost a consumer's slot", do: func(s *scene) {
			s.found.identity.Branch = s.base.identity.Branch
			s.found.remove("logical slot")
		}},
		{id: "D21", what: "a restored server has a slot that nobody reads", do: server(func(m *model) {
			m.objects = append(m.objects, fixtures.Object{Kind: "logical slot", Name: "left", Definition: "database shop; plugin pgoutput"})
		})},
		{id: "E1", what: "a role is missing", do: server(func(m *model) { m.objects = m.objects[1:] })},
		{id: "E2", what: "a grant is missing", do: change("grant", "SELECT")},
		{id: "E4", what: "the restoring user owns a table", do: change("owner", "postgres")},
		{id: "E7", what: "somebody can log in who could not", do: server(func(m *model) {
			m.objects = append(m.objects, fixtures.Object{Kind: "role", Name: "restore", Definition: "superuser"})
		})},
		{id: "F8", what: "a setting is tiny", do: server(func(m *model) { m.objects[1].Definition = "10" })},
		{id: "G12", what: "a restore left a database behind", do: server(func(m *model) { m.databases = append(m.databases, &modelDatabase{name: "shop_restored"}) })},
		{id: "Z3", what: "the indexes could not be listed", do: func(s *scene) {
			o := s.found.database("shop").object("index")
			*o = fixtures.Object{Kind: "index", Name: "unreadable", Definition: "permission denied"}
		}},
	}
	for i := range all {
		all[i].check, all[i].only = "structure", reports.Failed
		if all[i].id == "Z3" {
			all[i].only = reports.Inconclusive
		}
	}
	return all
}
