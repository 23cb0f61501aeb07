package verify

import (
	"fmt"
	"path/filepath"
	"strconv"
	"time"

	"github.com/recoverydrill/gameday/fixtures"
	"github.com/recoverydrill/gameday/fixtures/traffic"
)

// model is what a server holds, before a survey has digested it.
type model struct {
	identity  fixtures.Identity
	databases []*modelDatabase
	objects   []fixtures.Object
}

type modelDatabase struct {
	name    string
	tables  []*modelTable
	objects []fixtures.Object
}

// modelTable has rows of cells; the first cell is the key where keyed.
type modelTable struct {
	fixtures.Table
	cells [][]string
}

func columns(names ...string) []fixtures.Column {
	var all []fixtures.Column
	for _, n := range names {
		all = append(all, fixtures.Column{Name: n, Type: "text"})
	}
	return all
}

func newTable(schema, name string, class fixtures.Class, keyed bool, cols ...string) *modelTable {
	t := &modelTable{Table: fixtures.Table{Schema: schema, Name: name, Kind: "table", Class: class, Columns: columns(cols...)}}
	if keyed {
		t.Key = cols[:1]
	}
	return t
}

// shopModel is a small shop, traffic's schema, and a neighbour on the same server.
func shopModel() *model {
	customers := newTable("public", "customers", fixtures.Fixed, true, "id", "first", "last", "email", "born")
	for i := range 200 {
		customers.cells = append(customers.cells, []string{strconv.Itoa(i + 1), fmt.Sprintf("Åsa%d", i), fmt.Sprintf("O'Neil%d", i), fmt.Sprintf("User%d@Example.com", i), "1970-01-02"})
	}
	payments := newTable("public", "payments", fixtures.Fixed, true, "id", "amount", "at", "note", "ok")
	for i := range 1000 {
		payments.cells = append(payments.cells, []string{strconv.Itoa(i + 1), fmt.Sprintf("%d.10", i), fmt.Sprintf("2026-01-01 00:00:%02d.123456", i%60), "NULL", "true"})
	}
	audit := newTable("public", "audit", fixtures.Fixed, false, "what", "who")
	for i := range 50 {
		audit.cells = append(audit.cells, []string{fmt.Sprintf("login %d", i/2), "🙂"}) // every row twice
	}
	identity := newTable("gameday", "identity", fixtures.Fixed, false, "token")
	identity.cells = [][]string{{"token"}}
	shop := &modelDatabase{name: "shop", tables: []*modelTable{audit, customers, payments, identity}}
	for _, t := range traffic.Tables() {
		shop.tables = append(shop.tables, newTable("gameday", t, fixtures.Traffic, true, "k", "op", "ver", "val", "mac"))
	}
	probe := newTable("gameday", "probe", fixtures.Harness, true, "token", "at")
	probe.cells = [][]string{{"p-1", "now"}}
	shop.tables = append(shop.tables, probe)
	next := int64(1001)
	shop.objects = []fixtures.Object{
		{Kind: "constraint", Name: "public.payments.payments_pkey", Definition: "PRIMARY KEY (id)", Claims: []fixtures.Claim{fixtures.Unique}},
		{Kind: "column", Name: "public.payments.amount", Definition: "numeric(12,2) not null default 0", Claims: []fixtures.Claim{fixtures.NotNull}},
		{Kind: "foreign key", Name: "public.payments.customer", Definition: "FOREIGN KEY (customer) REFERENCES customers", Claims: []fixtures.Claim{fixtures.ForeignKey}},
		{Kind: "function", Name: "public.touch()", Definition: "begin new.at = now(); end"},
		{Kind: "grant", Name: "public.payments app", Definition: "SELECT,INSERT"},
		{Kind: "index", Name: "public.payments_at", Definition: "btree (at) valid"},
		{Kind: "owner", Name: "public.payments", Definition: "shop_owner"},
		{Kind: "policy", Name: "public.customers tenant", Definition: "USING (tenant = current_user)"},
		{Kind: "sequence", Name: "public.payments_id_seq", Definition: "increment 1", AtLeast: &next, Most: new(int64(1<<31 - 1))},
		{Kind: "table", Name: "public.payments", Definition: "permanent heap"},
		{Kind: "trigger", Name: "public.payments touch", Definition: "BEFORE UPDATE enabled"},
	}
	notes := newTable("public", "notes", fixtures.Fixed, true, "id", "text")
	for i := range 20 {
		notes.cells = append(notes.cells, []string{strconv.Itoa(i), fmt.Sprintf("note %d", i)})
	}
	return &model{
		identity:  fixtures.Identity{System: "7301", Branch: "1", Token: "secret-token"},
		databases: []*modelDatabase{{name: "neighbour", tables: []*modelTable{notes}, objects: []fixtures.Object{{Kind: "table", Name: "public.notes", Definition: "permanent heap"}}}, shop},
		objects: []fixtures.Object{
			{Kind: "role", Name: "app", Definition: "login"},
			{Kind: "setting", Name: "max_connections", Definition: "100"},
			{Kind: "database", Name: "shop", Definition: "UTF8 C.UTF-8"},
			{Kind: "logical slot", Name: "cdc", Definition: "database shop; plugin pgoutput"},
		},
	}
}

func (m *model) database(name string) *modelDatabase {
	for _, d := range m.databases {
		if d.name == name {
			return d
		}
	}
	panic("no database " + name)
}

func (m *model) table(name string) *modelTable {
	for _, d := range m.databases {
		for _, t := range d.tables {
			if t.Name == name {
				return t
			}
		}
	}
	panic("no table " + name)
}

// drop removes a table as a restore that left it out would; a survey told to expect it lists it as missing.
func (m *model) drop(name string) {
	t := m.table(name)
	t.Error, t.Damaged, t.cells = "table is missing", true, nil
}

func (d *modelDatabase) object(kind string) *fixtures.Object {
	for i := range d.objects {
		if d.objects[i].Kind == kind {
			return &d.objects[i]
		}
	}
	panic("no object " + kind)
}

// remove takes away what belongs to the server as a whole.
func (m *model) remove(kind string) {
	server := modelDatabase{objects: m.objects}
	server.remove(kind)
	m.objects = server.objects
}

func (d *modelDatabase) remove(kind string) {
	for i := range d.objects {
		if d.objects[i].Kind == kind {
			d.objects = append(d.objects[:i:i], d.objects[i+1:]...)
			return
		}
	}
	panic("no object " + kind)
}

// manifest surveys the model. Traffic's rows come from outside it.
func (m *model) manifest(s *scene, dir string, rows []traffic.Row, at int64) *fixtures.Manifest {
	makeDir(s.t, dir)
	out := &fixtures.Manifest{
		SchemaVersion: fixtures.ManifestSchema, Encoding: "test/1", Nonce: s.rec.Nonce, Engine: "postgres", ServerVersion: "17.2",
		Taken: s.rec.Started.Add(time.Duration(at)), Position: "0/6000000", Mark: "before the deploy", Identity: m.identity, Objects: m.objects,
	}
	for _, d := range m.databases {
		db := fixtures.Database{Name: d.name, Objects: d.objects}
		for _, t := range d.tables {
			if t.Class == fixtures.Traffic && t.cells == nil && t.Error == "" {
				for _, r := range rows {
					if r.Table == t.Name {
						t.cells = append(t.cells, []string{r.Key, fmt.Sprint(r.Op), fmt.Sprint(r.Ver), r.Val, r.MAC})
					}
				}
			}
			db.Tables = append(db.Tables, t.survey(s, out, d.name, dir))
		}
		out.Databases = append(out.Databases, db)
	}
	return out
}

func (t *modelTable) survey(s *scene, m *fixtures.Manifest, database, dir string) fixtures.Table {
	out := t.Table
	if out.Error != "" {
		return out
	}
	seed, _ := fixtures.Seeds(m.Nonce, m.Encoding, database, t.FullName(), t.Columns)
	out.Buckets = make([]fixtures.Bucket, fixtures.BucketCount)
	out.Bytes = 8192
	var w *fixtures.RowsWriter
	if !s.noRowsFiles {
		out.RowsFile = rowsFileName(database, t.FullName())
		var err error
		w, err = fixtures.CreateRows(filepath.Join(dir, out.RowsFile))
		must(s.t, err)
		defer func() { must(s.t, w.Close()) }()
	}
	for _, cells := range t.cells {
		d := digestOfRow(seed, cells)
		var key []byte
		bytes := d.Bytes()
		bucket := bytes[:]
		if len(t.Key) > 0 {
			key = []byte(cells[0])
			bucket = key
		}
		b := &out.Buckets[fixtures.BucketOf(bucket)]
		b.Rows++
		b.Digest = b.Digest.Add(d)
		out.Rows++
		out.Digest = out.Digest.Add(d)
		if w != nil {
			must(s.t, w.Add(key, d))
		}
	}
	return out
}
