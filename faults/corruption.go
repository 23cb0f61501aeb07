package faults

import (
	"bytes"
	"context"
	"fmt"
	"strings"

	"github.com/recoverydrill/gameday/fixtures"
)

// Corruption overwrites bytes inside one block of a table's file on the primary's disk, under the running server, and
// makes the server read the block again. The standbys have disks of their own and stay sound.
type Corruption struct {
	Database string // "" is the dataset's main database
	Table    string // schema.table
	Bytes    int    // how many bytes; default 16
	Pick     uint64 // which block: the engine takes it modulo the number of blocks that hold rows; default 0

	page *fixtures.Page
	at   int64
}

var (
	_ Fault   = (*Corruption)(nil)
	_ Locator = (*Corruption)(nil)
)

// CorruptBlock overwrites 16 bytes of a block of the table, chosen by pick.
func CorruptBlock(table string, pick uint64) *Corruption {
	return &Corruption{Table: table, Pick: pick}
}

// Describe names the block and the rows on it once it is known.
func (c *Corruption) Describe() Description {
	d := Description{Name: "corrupt block", Class: "corruption", Detail: fmt.Sprintf("%d bytes of a heap block of %s overwritten on the primary's disk", c.size(), c.Table)}
	if c.page != nil {
		d.Notes = []string{
			fmt.Sprintf("block %d of %s: bytes %d to %d of %s on node %s", c.page.Number, c.page.Table, c.at, c.at+int64(c.size())-1, c.page.Path, c.page.Node.Name()),
			fmt.Sprintf("%d rows lie on it, with the keys %s", len(c.page.Keys), few(c.page.Keys, 5)),
		}
	}
	return d
}

// Hit is the rows that lie on the block.
func (c *Corruption) Hit() []Rows {
	if c.page == nil {
		return nil
	}
	return []Rows{{Database: c.page.Database, Table: c.page.Table, Keys: c.page.Keys}}
}

// Inject overwrites the bytes in the middle of the block and reads them back.
func (c *Corruption) Inject(ctx context.Context, sys fixtures.System) error {
	pm, ok := sys.(fixtures.PageMapper)
	if !ok {
		return unsupported(sys, "fixtures.PageMapper", "find a block of "+c.Table)
	}
	p, err := pm.Page(ctx, c.Database, c.Table, c.Pick)
	if err != nil {
		return fmt.Errorf("find a block of %s: %w", c.Table, err)
	}
	// Rows fill a block from its end: the last quarter holds tuple data, not the header and not free space.
	c.page, c.at = &p, p.Offset+p.Size-p.Size/4
	junk := bytes.Repeat([]byte{0xDE, 0xAD, 0xBE, 0xEF}, (c.size()+3)/4)[:c.size()]
	if err := fixtures.Overwrite(ctx, p.Node, p.Path, c.at, junk); err != nil {
		return fmt.Errorf("overwrite block %d of %s: %w", p.Number, c.Table, err)
	}
	back, err := fixtures.ReadAt(ctx, p.Node, p.Path, c.at, int64(len(junk)))
	if err != nil {
		return fmt.Errorf("read the overwritten block back: %w", err)
	}
	if !bytes.Equal(back, junk) {
		return fmt.Errorf("block %d of %s does not hold what was written to it", p.Number, c.Table)
	}
	if err := pm.Forget(ctx, p); err != nil {
		return fmt.Errorf("make the server read block %d of %s again: %w", p.Number, c.Table, err)
	}
	return nil
}

func (c *Corruption) size() int {
	if c.Bytes <= 0 {
		return 16
	}
	return c.Bytes
}

func few(list []string, n int) string {
	if len(list) > n {
		return strings.Join(list[:n], ", ") + fmt.Sprintf(" and %d more", len(list)-n)
	}
	return strings.Join(list, ", ")
}
