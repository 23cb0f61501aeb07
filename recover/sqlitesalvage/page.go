package sqlitesalvage

import (
	"context"
	"database/sql/driver"
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"unicode/utf16"

	"github.com/recoverydrill/gameday/fixtures/sqlite/handle"
)

// The file format is described at https://sqlite.org/fileformat2.html.

// The kinds of pages of a tree.
const (
	indexInterior = 0x02
	tableInterior = 0x05
	indexLeaf     = 0x0a
	tableLeaf     = 0x0d
)

// source reads the pages of a file as SQLite sees them: with what its log holds, and as of one moment.
type source struct {
	file *handle.Handle
	header

	count uint32
}

// header is what a file says of itself in its first 100 bytes.
type header struct {
	pageSize, usable         int
	encoding                 uint32 // 1 is UTF-8, 2 and 3 UTF-16
	userVersion, application int32
	autoVacuum               int // 0 none, 1 full, 2 incremental
	wal                      bool
	freeTrunk, freePages     uint32
}

func open(ctx context.Context, file *handle.Handle) (*source, error) {
	s := &source{file: file}
	first, err := s.page(ctx, 1)
	if err != nil {
		return nil, err
	}
	if len(first) < 512 {
		return nil, fmt.Errorf("the first page has %d bytes", len(first))
	}
	u32 := func(at int) uint32 { return binary.BigEndian.Uint32(first[at:]) }
	s.header = header{
		pageSize: len(first), usable: len(first) - int(first[20]), wal: first[18] == 2 || first[19] == 2,
		encoding: u32(56), userVersion: int32(u32(60)), application: int32(u32(68)), //nolint:gosec // signed on the disk
		freeTrunk: u32(32), freePages: u32(36),
	}
	if u32(52) != 0 {
		s.autoVacuum = 1
		if u32(64) != 0 {
			s.autoVacuum = 2
		}
	}
	if s.usable < 480 || s.encoding < 1 || s.encoding > 3 {
		return nil, fmt.Errorf("its header tells of pages with %d usable bytes and of text encoding %d", s.usable, s.encoding)
	}
	text, err := file.Value(ctx, "PRAGMA page_count")
	if err != nil {
		return nil, err
	}
	_, err = fmt.Sscan(text, &s.count)
	return s, err
}

// errNoPage is wrapped by the error of a page that the file does not have.
var errNoPage = errors.New("the file does not have it")

func (s *source) page(ctx context.Context, number uint32) (data []byte, err error) {
	err = s.file.Query(ctx, "SELECT data FROM sqlite_dbpage WHERE pgno = ?", []any{int64(number)}, func(v []driver.Value) error {
		b, _ := v[0].([]byte)
		data = append([]byte(nil), b...)
		return nil
	})
	if err == nil && (data == nil || s.pageSize > 0 && len(data) != s.pageSize) {
		err = errNoPage
	}
	if err != nil {
		return nil, fmt.Errorf("page %d: %w", number, err)
	}
	return data, nil
}

// node is one page of a tree.
type node struct {
	number uint32
	kind   byte
	data   []byte
	cells  []int  // where each begins
	right  uint32 // the last child of an interior page
}

func (n node) interior() bool { return n.kind == tableInterior || n.kind == indexInterior }

// node reads a page of a tree, of the kinds that belong to it.
func (s *source) node(ctx context.Context, number uint32, kinds ...byte) (node, error) {
	data, err := s.page(ctx, number)
	if err != nil {
		return node{}, err
	}
	at := 0
	if number == 1 {
		at = 100
	}
	n := node{number: number, kind: data[at], data: data}
	fits := false
	for _, k := range kinds {
		fits = fits || k == n.kind
	}
	if !fits {
		return n, fmt.Errorf("page %d: it is no page of this tree: it begins with %#02x", number, n.kind)
	}
	count, pointers := int(binary.BigEndian.Uint16(data[at+3:])), at+8
	if n.interior() {
		n.right = binary.BigEndian.Uint32(data[at+8:])
		pointers += 4
	}
	if pointers+2*count > s.usable {
		return n, fmt.Errorf("page %d: it cannot hold the %d cells that it tells of", number, count)
	}
	for i := range count {
		n.cells = append(n.cells, int(binary.BigEndian.Uint16(data[pointers+2*i:])))
	}
	return n, nil
}

// child is what an interior page's cell leads to, and the largest key below it (of a table).
func (s *source) child(n node, cell int) (number uint32, key int64, err error) {
	at := n.cells[cell]
	if at < 8 || at+4 > s.usable {
		return 0, 0, errCell
	}
	number = binary.BigEndian.Uint32(n.data[at:])
	if n.kind == tableInterior {
		k, size := varint(n.data[at+4 : s.usable])
		if size == 0 {
			return 0, 0, errCell
		}
		key = int64(k) //nolint:gosec // as it is stored
	}
	return number, key, nil
}

// errCell is wrapped by the error of a cell that cannot be one.
var errCell = errors.New("the cell is damaged")

// record reads what a cell holds: the row's number (of a table) and its values.
func (s *source) record(ctx context.Context, n node, cell int, used func(uint32) error) (rowid int64, values []driver.Value, err error) {
	at := n.cells[cell]
	if n.kind == indexInterior {
		at += 4
	}
	if at < 8 || at >= s.usable {
		return 0, nil, errCell
	}
	length, size := varint(n.data[at:s.usable])
	at += size
	if n.kind == tableLeaf && size > 0 {
		var k uint64
		k, size = varint(n.data[at:s.usable])
		rowid = int64(k) //nolint:gosec // as it is stored
		at += size
	}
	if size == 0 || length > uint64(s.count)*uint64(s.usable) { //nolint:gosec // it is positive
		return rowid, nil, errCell
	}
	payload, err := s.payload(ctx, n, at, int(length), used) //nolint:gosec // checked above
	if err != nil {
		return rowid, nil, err
	}
	values, err = s.values(payload)
	return rowid, values, err
}

// payload joins the part of a record that is in its cell with the rest on overflow pages.
func (s *source) payload(ctx context.Context, n node, at, length int, used func(uint32) error) ([]byte, error) {
	most := s.usable - 35
	if n.kind != tableLeaf {
		most = (s.usable-12)*64/255 - 23
	}
	local := length
	if length > most {
		least := (s.usable-12)*32/255 - 23
		if local = least + (length-least)%(s.usable-4); local > most {
			local = least
		}
	}
	end := at + local
	if end > s.usable || length > local && end+4 > s.usable {
		return nil, errCell
	}
	out := append(make([]byte, 0, length), n.data[at:end]...)
	if length == local {
		return out, nil
	}
	for next := binary.BigEndian.Uint32(n.data[end:]); len(out) < length; {
		if err := used(next); err != nil {
			return nil, fmt.Errorf("overflow page %d: %w", next, err)
		}
		page, err := s.page(ctx, next)
		if err != nil {
			return nil, fmt.Errorf("overflow %w", err)
		}
		next = binary.BigEndian.Uint32(page)
		out = append(out, page[4:4+min(length-len(out), s.usable-4)]...)
		if (next == 0) != (len(out) == length) {
			return nil, fmt.Errorf("overflow pages: the chain ends at the wrong place: %w", errCell)
		}
	}
	return out, nil
}

// values takes a record apart. Nothing may be left over.
func (s *source) values(record []byte) ([]driver.Value, error) {
	head, size := varint(record)
	if size == 0 || head > uint64(len(record)) || head < uint64(size) { //nolint:gosec // lengths are positive
		return nil, errCell
	}
	types, body := record[size:head], record[head:]
	var all []driver.Value
	for len(types) > 0 {
		kind, size := varint(types)
		if size == 0 {
			return nil, errCell
		}
		types = types[size:]
		v, used, err := s.value(kind, body)
		if err != nil {
			return nil, err
		}
		all, body = append(all, v), body[used:]
	}
	if len(body) > 0 {
		return nil, errCell
	}
	return all, nil
}

var integerSizes = [...]int{1: 1, 2: 2, 3: 3, 4: 4, 5: 6, 6: 8}

func (s *source) value(kind uint64, body []byte) (v driver.Value, used int, err error) {
	switch {
	case kind == 0:
		return nil, 0, nil
	case kind == 8 || kind == 9:
		return int64(kind - 8), 0, nil //nolint:gosec // 0 or 1
	case kind == 10 || kind == 11:
		return nil, 0, errCell
	case kind >= 12:
		length := (kind - 12) / 2
		if length > uint64(len(body)) {
			return nil, 0, errCell
		}
		b := append([]byte{}, body[:length]...)
		if kind%2 == 0 {
			return b, len(b), nil
		}
		text, err := s.text(b)
		return text, len(b), err
	}
	size := 8
	if kind < 7 {
		size = integerSizes[kind]
	}
	if size > len(body) {
		return nil, 0, errCell
	}
	if kind == 7 {
		return math.Float64frombits(binary.BigEndian.Uint64(body)), size, nil
	}
	n := int64(int8(body[0])) //nolint:gosec // the sign is in the first byte
	for _, b := range body[1:size] {
		n = n<<8 | int64(b)
	}
	return n, size, nil
}

func (s *source) text(b []byte) (string, error) {
	if s.encoding == 1 {
		return string(b), nil
	}
	if len(b)%2 != 0 {
		return "", errCell
	}
	units := make([]uint16, len(b)/2)
	for i := range units {
		units[i] = binary.LittleEndian.Uint16(b[2*i:])
		if s.encoding == 3 {
			units[i] = binary.BigEndian.Uint16(b[2*i:])
		}
	}
	return string(utf16.Decode(units)), nil
}

// varint reads a number of up to nine bytes; size is 0 where there is none.
func varint(b []byte) (v uint64, size int) {
	for i := range min(len(b), 9) {
		if i == 8 {
			return v<<8 | uint64(b[i]), 9
		}
		if v = v<<7 | uint64(b[i]&0x7f); b[i] < 0x80 {
			return v, i + 1
		}
	}
	return 0, 0
}
