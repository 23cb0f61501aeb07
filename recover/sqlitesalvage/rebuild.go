package sqlitesalvage

import (
	"context"
	"database/sql/driver"
	"errors"
	"fmt"
	"math"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/recoverydrill/gameday/fixtures/sqlite/handle"
	recovery "github.com/recoverydrill/gameday/recover"
)

// object is one entry of the file's schema.
type object struct {
	kind, name, table, sql string
	root                   uint32
}

func (o object) virtual() bool { return o.kind == "table" && o.root == 0 }

// internal objects are made by SQLite itself.
func (o object) internal() bool { return strings.HasPrefix(o.name, "sqlite_") }

// statistics are what ANALYZE has found.
func (o object) statistics() bool { return strings.HasPrefix(o.name, "sqlite_stat") }

var encodings = [...]string{1: "UTF-8", 2: "UTF-16le", 3: "UTF-16be"}

// Report is what a salvage has found.
type Report struct {
	Rows    int64  // in the new file
	Pages   uint32 // of the damaged one
	Adopted int    // pages that nothing led to any more and whose rows are in the new file
	Losses  []Loss
}

// salvage fills a new file with what can be read of a damaged one.
type salvage struct {
	*walk

	to      *handle.Handle
	objects []object
	shapes  map[string]shape
	report  Report
}

// Salvage reads every table of a damaged file page by page, as SQLite's own .recover does, and makes a new file of what it
// finds: schema, rows with their numbers, the numbers that AUTOINCREMENT has given out, user_version, application_id, page
// size, encoding and journal mode. Indexes are made anew; so are full-text indexes where anything is lost. from is held in a
// transaction of the caller's, so that it stands still. A *[recovery.Refused] says that too much is damaged to know
// what belongs where. There is no checksum in a file of SQLite: a value that has changed within itself is taken for good.
func Salvage(ctx context.Context, from *handle.Handle, to string) (Report, error) {
	s, err := inspect(ctx, from)
	if err != nil {
		return Report{}, err
	}
	if err := s.begin(ctx, to); err != nil {
		return Report{}, err
	}
	err = s.fill(ctx)
	if s.to != nil {
		err = errors.Join(err, s.to.Close())
	}
	return s.report, err
}

// inspect reads the header and the schema.
func inspect(ctx context.Context, from *handle.Handle) (*salvage, error) {
	src, err := open(ctx, from)
	if err != nil {
		if ctx.Err() != nil {
			return nil, context.Cause(ctx)
		}
		return nil, recovery.Refuse("the file cannot be opened, so there is nothing to read it by: %v: restore a backup", err)
	}
	s := &salvage{walk: newWalk(src), shapes: map[string]shape{}, report: Report{Pages: src.count}}
	t, err := s.tree(ctx, "sqlite_schema", 1, true)
	if err != nil {
		return nil, err
	}
	holes := t.holes
	for _, at := range t.rows {
		err := s.each(ctx, t, at, func(r row) error {
			o := object{}
			var root int64
			if len(r.values) == 5 {
				o.kind, _ = r.values[0].(string)
				o.name, _ = r.values[1].(string)
				o.table, _ = r.values[2].(string)
				root, _ = r.values[3].(int64)
				o.sql, _ = r.values[4].(string)
			}
			if o.kind == "" || o.name == "" || root < 0 || root > math.MaxUint32 {
				holes = append(holes, Loss{Table: t.name, What: fmt.Sprintf("entry %d makes no sense", r.rowid)})
				return nil
			}
			o.root = uint32(root)
			s.objects = append(s.objects, o)
			return nil
		}, func(l Loss) { holes = append(holes, l) })
		if err != nil {
			return nil, err
		}
	}
	if len(holes) > 0 {
		return nil, recovery.Refuse("the schema is damaged, so nobody knows which tables there were: %s: restore a backup", holes[0])
	}
	if len(s.objects) == 0 {
		return nil, recovery.Refuse("the file has no tables")
	}
	return s, nil
}

// begin makes the new file with the settings of the old one. Until it has an owner and a mode nobody else may read it.
func (s *salvage) begin(ctx context.Context, path string) error {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600) //nolint:gosec // the caller says where
	if err == nil {
		err = f.Close()
	}
	if err != nil {
		return err
	}
	s.to, err = handle.Open(ctx, path, handle.Write,
		fmt.Sprintf("PRAGMA page_size = %d", s.pageSize), "PRAGMA encoding = '"+encodings[s.encoding]+"'", fmt.Sprintf("PRAGMA auto_vacuum = %d", s.autoVacuum),
		"PRAGMA journal_mode = memory", "PRAGMA synchronous = off", "PRAGMA foreign_keys = off", "PRAGMA ignore_check_constraints = off", // until it is complete nobody needs it
		fmt.Sprintf("PRAGMA application_id = %d", s.application), fmt.Sprintf("PRAGMA user_version = %d", s.userVersion))
	return err
}

// fill brings over everything.
func (s *salvage) fill(ctx context.Context) error {
	if err := s.exec(ctx, "BEGIN"); err != nil {
		return err
	}
	for _, o := range s.objects {
		if o.kind != "table" || o.virtual() || o.internal() {
			continue
		}
		if err := s.exec(ctx, o.sql); err != nil {
			return fmt.Errorf("make table %s: %w", o.name, err)
		}
	}
	if err := s.tables(ctx); err != nil {
		return err
	}
	if err := s.virtualTables(ctx); err != nil {
		return err
	}
	for _, kind := range []string{"index", "view", "trigger"} {
		for _, o := range s.objects {
			if o.kind != kind || o.sql == "" {
				continue
			}
			if err := s.exec(ctx, o.sql); err != nil {
				s.lose(Loss{Table: o.name, What: fmt.Sprintf("the %s could not be made: %v", kind, err)})
			}
		}
	}
	return s.finish(ctx)
}

func (s *salvage) exec(ctx context.Context, sql string, args ...any) error {
	_, err := s.to.Exec(ctx, sql, args...)
	return err
}

func (s *salvage) lose(l Loss) { s.report.Losses = append(s.report.Losses, l) }

// tables finds the pages of all tables, then the pages that have been cut off from theirs, and copies the rows.
func (s *salvage) tables(ctx context.Context) error {
	var trees []*tree
	columns := map[string]int{}
	for _, o := range s.objects {
		if o.kind != "table" || o.virtual() {
			continue
		}
		shape := statistics
		var err error
		if !o.statistics() {
			shape, err = s.shape(ctx, o.name)
		}
		if err != nil {
			return fmt.Errorf("describe table %s: %w", o.name, err)
		}
		s.shapes[o.name], columns[o.name] = shape, len(shape.stored)
		t, err := s.tree(ctx, o.name, o.root, shape.rowids)
		if err != nil {
			return err
		}
		trees = append(trees, t)
	}
	if err := s.orphans(ctx, trees, columns); err != nil {
		return err
	}
	for _, t := range trees {
		if (object{name: t.name}).statistics() { // made anew: their pages are only not to be taken for another table's
			continue
		}
		for _, hole := range t.holes {
			s.lose(hole)
		}
		if err := s.copy(ctx, t); err != nil {
			return fmt.Errorf("copy table %s: %w", t.name, err)
		}
	}
	return nil
}

func (s *salvage) orphans(ctx context.Context, trees []*tree, columns map[string]int) error {
	whole, err := s.free(ctx)
	if err != nil || !whole {
		return err
	}
	before := 0
	for _, t := range trees {
		before += len(t.rows)
	}
	if err := s.adopt(ctx, trees, columns); err != nil {
		return err
	}
	for _, t := range trees {
		s.report.Adopted += len(t.rows)
	}
	s.report.Adopted -= before
	return nil
}

// shape is how a table's rows are stored, and how they are inserted.
type shape struct {
	rowids bool
	number string   // by which name a row's number is set; "" where a column has it
	alias  int      // the place of the stored column that has the row's number; -1 if none has
	stored []string // the columns in the order of a record; "" is one that is computed
}

// statistics is the shape of the tables of statistics: the widest has so many columns.
var statistics = shape{rowids: true, alias: -1, stored: make([]string, 6)}

// shape asks the new file, where the table has been made already.
func (s *salvage) shape(ctx context.Context, table string) (shape, error) {
	sh := shape{rowids: true, alias: -1, number: "rowid"}
	kind, err := s.to.Value(ctx, "SELECT coalesce(max(wr), 0) FROM pragma_table_list WHERE schema = 'main' AND name = ?", table)
	if err != nil {
		return sh, err
	}
	sh.rowids = kind == "0"
	taken := map[string]bool{}
	places := map[int64]string{}
	var primary []int
	err = s.to.Query(ctx, "SELECT cid, name, hidden, pk FROM pragma_table_xinfo(?) ORDER BY cid", []any{table}, func(v []driver.Value) error {
		name, hidden := handle.Text(v[1]), v[2].(int64) //nolint:forcetypeassert // the library's
		taken[strings.ToLower(name)] = true
		if hidden == 2 { // computed when it is read
			return nil
		}
		if v[3] != int64(0) {
			primary = append(primary, len(sh.stored))
		}
		if hidden == 3 { // computed when the row is written
			name = ""
		}
		cid, _ := v[0].(int64)
		places[cid] = name
		sh.stored = append(sh.stored, name)
		return nil
	})
	if err != nil {
		return sh, err
	}
	if !sh.rowids {
		return sh, s.keyFirst(ctx, table, &sh, places)
	}
	own, err := s.to.Value(ctx, "SELECT count(*) FROM pragma_index_list(?) WHERE origin = 'pk'", table)
	if len(primary) == 1 && own == "0" {
		sh.alias, sh.number = primary[0], ""
		return sh, err
	}
	for _, name := range []string{"rowid", "_rowid_", "oid"} {
		if !taken[name] {
			sh.number = name
			return sh, err
		}
	}
	sh.number = "" // all its names are taken: the numbers are given anew, and nobody can have used them
	return sh, err
}

// keyFirst is the order of columns in a table that is its own index.
func (s *salvage) keyFirst(ctx context.Context, table string, sh *shape, places map[int64]string) error {
	sh.stored, sh.number = nil, ""
	return s.to.Query(ctx, `SELECT x.cid FROM pragma_index_list(?) l, pragma_index_xinfo(l.name) x WHERE l.origin = 'pk' ORDER BY x.seqno`, []any{table}, func(v []driver.Value) error {
		cid, _ := v[0].(int64)
		sh.stored = append(sh.stored, places[cid])
		return nil
	})
}

// batch is how many rows are inserted by one statement.
const batch = 50

// copy inserts the rows of a table.
func (s *salvage) copy(ctx context.Context, t *tree) error {
	sh := s.shapes[t.name]
	if t.name == "sqlite_sequence" {
		return s.sequences(ctx, t)
	}
	var waiting []row
	flush := func() error {
		err := s.insert(ctx, t.name, sh, waiting)
		waiting = waiting[:0]
		return err
	}
	for _, at := range t.rows {
		err := s.each(ctx, t, at, func(r row) error {
			if len(r.values) > len(sh.stored) {
				s.lose(Loss{Table: t.name, Page: at.page, From: r.rowid, To: r.rowid, What: fmt.Sprintf("page %d, row number %d: it has %d values, the table %d columns", at.page, r.rowid, len(r.values), len(sh.stored))})
				return nil
			}
			if len(waiting) > 0 && len(waiting[0].values) != len(r.values) {
				if err := flush(); err != nil {
					return err
				}
			}
			if waiting = append(waiting, r); len(waiting) < batch || len(waiting)*(len(sh.stored)+1) < 2000 && len(waiting) < 4*batch {
				return nil
			}
			return flush()
		}, s.lose)
		if err != nil {
			return err
		}
	}
	return flush()
}

// insert inserts rows with the same number of values. Columns that were added later and that a row does not hold get their
// default, as SQLite reads them. Where several cannot be inserted at once, one after the other tells which cannot.
func (s *salvage) insert(ctx context.Context, table string, sh shape, rows []row) error {
	if len(rows) == 0 {
		return nil
	}
	var names []string
	if sh.number != "" {
		names = append(names, sh.number)
	}
	var places []int
	for i, name := range sh.stored[:len(rows[0].values)] {
		if name != "" {
			names, places = append(names, handle.Quote(name)), append(places, i)
		}
	}
	one := "(" + strings.TrimSuffix(strings.Repeat("?, ", len(names)), ", ") + ")"
	var args []any
	for _, r := range rows {
		if sh.number != "" {
			args = append(args, r.rowid)
		}
		for _, i := range places {
			v := r.values[i]
			if i == sh.alias {
				v = r.rowid
			}
			args = append(args, v)
		}
	}
	// OR ABORT: a table may say by itself that a row replaces another one.
	sql := "INSERT OR ABORT INTO " + handle.Quote(table) + " (" + strings.Join(names, ", ") + ") VALUES " + one + strings.Repeat(", "+one, len(rows)-1)
	err := s.exec(ctx, sql, args...)
	switch {
	case err == nil:
		s.report.Rows += int64(len(rows))
		return nil
	case ctx.Err() != nil:
		return context.Cause(ctx)
	case len(rows) > 1:
		for _, r := range rows {
			if err := s.insert(ctx, table, sh, []row{r}); err != nil {
				return err
			}
		}
		return nil
	case !handle.Is(err, handle.Constraint, handle.Statement):
		return err
	}
	s.lose(Loss{Table: table, From: rows[0].rowid, To: rows[0].rowid, What: fmt.Sprintf("row number %d: it does not fit into the table: %v", rows[0].rowid, err)})
	return nil
}

// sequences keeps the largest numbers that AUTOINCREMENT has given out. Where they are lost, those of the rows are left.
func (s *salvage) sequences(ctx context.Context, t *tree) error {
	for _, at := range t.rows {
		err := s.each(ctx, t, at, func(r row) error {
			if len(r.values) != 2 {
				s.lose(Loss{Table: t.name, Page: at.page, From: r.rowid, To: r.rowid, What: fmt.Sprintf("page %d: an entry makes no sense", at.page)})
				return nil
			}
			changed, err := s.to.Exec(ctx, "UPDATE sqlite_sequence SET seq = max(seq, ?) WHERE name = ?", r.values[1], r.values[0])
			if handle.Is(err, handle.Statement) { // no table has such numbers any more
				return nil
			}
			if err == nil && changed == 0 {
				err = s.exec(ctx, "INSERT INTO sqlite_sequence (name, seq) VALUES (?, ?)", r.values[0], r.values[1])
			}
			return err
		}, s.lose)
		if err != nil {
			return err
		}
	}
	return nil
}

// virtualTables enters them into the schema. What they hold lies in tables of their own, which have been copied.
func (s *salvage) virtualTables(ctx context.Context) error {
	if !slices.ContainsFunc(s.objects, object.virtual) {
		return nil
	}
	if err := s.exec(ctx, "PRAGMA writable_schema = on"); err != nil {
		return err
	}
	for _, o := range s.objects {
		if !o.virtual() {
			continue
		}
		if err := s.exec(ctx, "INSERT INTO sqlite_schema (type, name, tbl_name, rootpage, sql) VALUES ('table', ?, ?, 0, ?)", o.name, o.table, o.sql); err != nil {
			return fmt.Errorf("make virtual table %s: %w", o.name, err)
		}
	}
	// Only another connection reads the schema anew.
	path := s.to.Path()
	if err := errors.Join(s.exec(ctx, "COMMIT"), s.to.Close()); err != nil {
		return err
	}
	var err error
	s.to, err = handle.Open(ctx, path, handle.Write, "PRAGMA journal_mode = memory", "PRAGMA synchronous = off", "PRAGMA foreign_keys = off")
	if err != nil {
		return err
	}
	return s.exec(ctx, "BEGIN")
}

var fullText = regexp.MustCompile(`(?is)\bUSING\s+["'\x60\[]?fts[345]\b`)

// finish makes full-text indexes anew where anything is lost, and what statistics there were, and sets the journal mode.
func (s *salvage) finish(ctx context.Context) error {
	analyzed := false
	for _, o := range s.objects {
		analyzed = analyzed || o.statistics()
		if !o.virtual() || len(s.report.Losses) == 0 || !fullText.MatchString(o.sql) {
			continue
		}
		name := handle.Quote(o.name)
		if err := s.exec(ctx, "INSERT INTO "+name+" ("+name+") VALUES ('rebuild')"); err != nil {
			s.lose(Loss{Table: o.name, What: fmt.Sprintf("the full-text index could not be made anew: %v", err)})
		}
	}
	if err := s.orphaned(ctx); err != nil {
		return err
	}
	statements := []string{"COMMIT"}
	if analyzed {
		statements = append(statements, "ANALYZE")
	}
	if s.wal {
		statements = append(statements, "PRAGMA journal_mode = wal", "PRAGMA wal_checkpoint(truncate)")
	}
	for _, sql := range statements {
		if err := s.exec(ctx, sql); err != nil {
			return fmt.Errorf("%s: %w", sql, err)
		}
	}
	return nil
}

// orphaned tells of rows that refer to lost ones. They are kept: what becomes of them is for people to say.
func (s *salvage) orphaned(ctx context.Context) error {
	if len(s.report.Losses) == 0 {
		return nil
	}
	err := s.to.Query(ctx, `SELECT "table", "parent", count(*) FROM pragma_foreign_key_check GROUP BY 1, 2`, nil, func(v []driver.Value) error {
		n, _ := strconv.Atoi(handle.Text(v[2]))
		s.lose(Loss{Table: handle.Text(v[0]), What: fmt.Sprintf("%d rows have no parent in %s any more, or had none before", n, handle.Text(v[1]))})
		return nil
	})
	if handle.Is(err, handle.Statement) { // a parent that is no key of its table
		return nil
	}
	return err
}
