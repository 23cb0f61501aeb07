package sqlitesalvage

import (
	"context"
	"database/sql/driver"
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"slices"
)

// Loss is something of the damaged file that is not in the new one.
type Loss struct {
	Table string // or another object of the schema
	Page  uint32 // the page that could not be read; 0 where it is about one row
	// From and To bound the numbers of the rows that may have been there, both inclusive; of a table whose rows have no
	// numbers, and of an unbounded range, they are the ends of what a number can be.
	From, To int64
	What     string // in words
}

func (l Loss) String() string { return fmt.Sprintf("%s: %s", l.Table, l.What) }

// span is a page of a tree that holds rows, with the numbers that they can have.
type span struct {
	page     uint32
	from, to int64
}

// tree is what could be reached of a table or of an index.
type tree struct {
	name   string
	rowids bool // its rows have numbers
	rows   []span
	holes  []Loss // pages that cannot be read: what lay below is lost, or found elsewhere
}

// walk goes through the pages of a file, each of which can be in one place only.
type walk struct {
	*source

	owner map[uint32]string
}

func newWalk(s *source) *walk { return &walk{source: s, owner: map[uint32]string{}} }

// take makes a page part of a tree, a chain of overflow pages or the list of free pages.
func (w *walk) take(page uint32, owner string) error {
	if page == 0 || page > w.count {
		return fmt.Errorf("there is no page %d: %w", page, errNoPage)
	}
	if was, taken := w.owner[page]; taken {
		return fmt.Errorf("page %d belongs to %s", page, was)
	}
	w.owner[page] = owner
	return nil
}

// depthLimit is more than any tree has: SQLite's own limit is 20.
const depthLimit = 20

// tree finds the pages with rows below a table's root. rowids tells whether the rows have numbers.
func (w *walk) tree(ctx context.Context, name string, root uint32, rowids bool) (*tree, error) {
	t := &tree{name: name, rowids: rowids}
	return t, w.below(ctx, t, span{root, math.MinInt64, math.MaxInt64}, 0)
}

func (w *walk) below(ctx context.Context, t *tree, at span, depth int) error {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	hole := func(err error) error {
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		t.holes = append(t.holes, Loss{Table: t.name, Page: at.page, From: at.from, To: at.to, What: fmt.Sprintf("%v; %s", err, t.range_(at.from, at.to))})
		return nil
	}
	if depth > depthLimit {
		return hole(fmt.Errorf("page %d: the tree is too deep", at.page))
	}
	kinds := []byte{tableInterior, tableLeaf}
	if !t.rowids {
		kinds = []byte{indexInterior, indexLeaf}
	}
	n, err := w.node(ctx, at.page, kinds...)
	if err != nil {
		return hole(err)
	}
	if err := w.take(at.page, t.name); err != nil {
		return hole(err)
	}
	if !n.interior() || n.kind == indexInterior {
		t.rows = append(t.rows, at)
	}
	if !n.interior() {
		return nil
	}
	from := at.from
	for i := range n.cells {
		number, key, err := w.child(n, i)
		if err != nil || t.rowids && (key < from || key > at.to) {
			if err := hole(fmt.Errorf("page %d: %w", at.page, errors.Join(err, errCell))); err != nil {
				return err
			}
			continue
		}
		if !t.rowids {
			key = at.to
		}
		if err := w.below(ctx, t, span{number, from, key}, depth+1); err != nil {
			return err
		}
		if t.rowids && key < math.MaxInt64 {
			from = key + 1
		}
	}
	return w.below(ctx, t, span{n.right, from, at.to}, depth+1)
}

// range_ tells people which rows lay on a page.
func (t *tree) range_(from, to int64) string {
	switch {
	case !t.rowids:
		return "the rows that were below it are lost"
	case from == math.MinInt64 && to == math.MaxInt64:
		return "all rows that were on it or below it are lost"
	case from == math.MinInt64:
		return fmt.Sprintf("the rows up to number %d are lost", to)
	case to == math.MaxInt64:
		return fmt.Sprintf("the rows from number %d on are lost", from)
	}
	return fmt.Sprintf("the rows with the numbers %d to %d are lost", from, to)
}

// row is one row as it is stored.
type row struct {
	rowid  int64
	values []driver.Value
}

// each reads the rows of a page. A row that cannot be read, or whose number does not belong there, is told to lost.
func (w *walk) each(ctx context.Context, t *tree, at span, use func(row) error, lost func(Loss)) error {
	n, err := w.node(ctx, at.page, tableLeaf, indexLeaf, indexInterior)
	if err != nil {
		return err // it could be read before
	}
	last, some := int64(0), false
	for i := range n.cells {
		rowid, values, err := w.record(ctx, n, i, func(p uint32) error { return w.take(p, t.name) })
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		if err == nil && t.rowids && (rowid < at.from || rowid > at.to || some && rowid <= last) {
			err = fmt.Errorf("it has the number %d, which does not belong there", rowid)
		}
		if err != nil {
			// Its number may be what is damaged: it lay between those of its neighbours.
			l := Loss{Table: t.name, Page: at.page, From: at.from, To: at.to, What: fmt.Sprintf("page %d, row %d of it: %v", at.page, i+1, err)}
			if some && t.rowids {
				l.From = last + 1
			}
			lost(l)
			continue
		}
		last, some = rowid, true
		if err := use(row{rowid, values}); err != nil {
			return err
		}
	}
	return nil
}

// free takes the list of free pages, whose contents are old. It tells whether it is whole: only then is a page that
// nothing leads to one that something has led to.
func (w *walk) free(ctx context.Context) (whole bool, err error) {
	var found uint32
	for trunk := w.freeTrunk; trunk != 0; {
		if err := w.take(trunk, "the free pages"); err != nil {
			return false, nil //nolint:nilerr // it is not whole
		}
		found++
		page, err := w.page(ctx, trunk)
		if ctx.Err() != nil {
			return false, context.Cause(ctx)
		}
		if err != nil {
			return false, nil //nolint:nilerr // as above
		}
		count := int(binary.BigEndian.Uint32(page[4:]))
		if count > (w.usable-8)/4 {
			return false, nil
		}
		for i := range count {
			if err := w.take(binary.BigEndian.Uint32(page[8+4*i:]), "the free pages"); err != nil {
				return false, nil //nolint:nilerr // as above
			}
			found++
		}
		trunk = binary.BigEndian.Uint32(page)
	}
	return found == w.freePages, nil
}

// adopt finds the tables' pages that nothing leads to any more, because the page above them is damaged. A page is a
// table's if its rows' numbers fit into a hole of that table's tree, and into no other's.
func (w *walk) adopt(ctx context.Context, trees []*tree, columns map[string]int) error {
	holes := 0
	for _, t := range trees {
		if t.rowids && columns[t.name] > 0 {
			holes += len(t.holes)
		}
	}
	if holes == 0 {
		return nil
	}
	for number := uint32(2); number <= w.count; number++ {
		if _, taken := w.owner[number]; taken {
			continue
		}
		n, err := w.node(ctx, number, tableLeaf)
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		if err != nil || len(n.cells) == 0 {
			continue
		}
		first, last, width, ok := w.extent(ctx, n)
		if !ok {
			continue
		}
		var owners []*tree
		for _, t := range trees {
			if t.rowids && width <= columns[t.name] && slices.ContainsFunc(t.holes, func(h Loss) bool { return h.From <= first && last <= h.To }) {
				owners = append(owners, t)
			}
		}
		if len(owners) != 1 {
			continue
		}
		if err := w.take(number, owners[0].name); err != nil {
			return err
		}
		owners[0].rows = append(owners[0].rows, span{number, first, last})
	}
	return nil
}

// extent is the first and the last number of a page's rows, and how many values they have at most; not ok where a row
// cannot be read or is out of order.
func (w *walk) extent(ctx context.Context, n node) (first, last int64, width int, ok bool) {
	for i := range n.cells {
		rowid, values, err := w.record(ctx, n, i, func(uint32) error { return nil })
		if err != nil || i > 0 && rowid <= last {
			return 0, 0, 0, false
		}
		if i == 0 {
			first = rowid
		}
		last, width = rowid, max(width, len(values))
	}
	return first, last, width, true
}
