package faults

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/recoverydrill/gameday/fixtures"
)

// Corruption damages one block with rows of a table, on the disk of the primary, and makes the server read the block
// again. The standbys have disks of their own and stay sound.
type Corruption struct {
	Table    string // schema.table
	Database string // "" is the dataset's main database
	Harm     Harm   // default Overwritten
	When     When   // default Running
	Bytes    int    // of junk, where the harm is Overwritten; default 16
	Pick     uint64 // which block: the engine takes it modulo the number of blocks that hold rows; default 0

	old    *fixtures.Page // as Remember saw it
	before []byte         // its bytes then
	page   *fixtures.Page
	keys   []string
	hurt   wounds
	down   error // why the server does not start or serve
}

var (
	_ Fault   = (*Corruption)(nil)
	_ Locator = (*Corruption)(nil)
	_ Prover  = (*Corruption)(nil)
	_ Outage  = (*Corruption)(nil)
)

// CorruptBlock overwrites 16 bytes of a block of the table, chosen by pick.
func CorruptBlock(table string, pick uint64) *Corruption {
	return &Corruption{Table: table, Pick: pick}
}

// CorruptTable does harm to a block of the table, chosen by pick.
func CorruptTable(harm Harm, table string, pick uint64) *Corruption {
	return &Corruption{Harm: harm, Table: table, Pick: pick}
}

// While says in which state the server is meanwhile.
func (c *Corruption) While(when When) *Corruption {
	c.When = when
	return c
}

// Describe names the block and the rows on it once it is known.
func (c *Corruption) Describe() Description {
	d := Description{Name: c.Harm.name("table"), Class: "corruption", Detail: fmt.Sprintf("%s of %s, on the primary's disk", c.what(), c.Table)}
	if c.Harm == "" || c.Harm == Overwritten {
		d.Name = "corrupt block"
	}
	if c.When != Running {
		d.Detail += ", while the server is " + string(c.When)
	}
	if len(c.hurt) > 0 {
		d.Notes = []string{
			fmt.Sprintf("block %d of %s: %s", c.page.Number, c.page.Table, c.hurt[0]),
			fmt.Sprintf("%d rows lie there, with the keys %s", len(c.keys), few(c.keys, 5)),
		}
	}
	if c.down != nil {
		d.Notes = append(d.Notes, "the server does not serve: "+firstLine(c.down))
	}
	return d
}

func (c *Corruption) what() string {
	switch c.Harm {
	case Overwritten, "":
		return fmt.Sprintf("%d bytes overwritten in a block", c.size())
	case Flipped:
		return "one bit turned in a block"
	case Zeroed:
		return "zeroes over a block"
	case Stale:
		return "an older version in the place of a block"
	case Torn:
		return "half of an older version in a block"
	case CutShort, CutInBlock:
		return string(c.Harm) + " a block near its end: the file"
	}
	return string(c.Harm)
}

// Hit is the rows that lie on the block, and behind it in a file that was cut.
func (c *Corruption) Hit() []Rows {
	if len(c.hurt) == 0 {
		return nil
	}
	return []Rows{{Database: c.page.Database, Table: c.page.Table, Keys: c.keys}}
}

// IsOutage is true when the server did not come back.
func (c *Corruption) IsOutage() bool { return c.down != nil }

// Remember keeps the present version of the block, for a harm that puts it back: what is written to the block between
// Remember and the injection is what will be lost.
func (c *Corruption) Remember(ctx context.Context, sys fixtures.System) error {
	p, block, err := c.find(ctx, sys, c.Pick)
	if err != nil {
		return err
	}
	c.old, c.before = &p, block
	return nil
}

// find finds a block with rows, which the server has written to its disk.
func (c *Corruption) find(ctx context.Context, sys fixtures.System, pick uint64) (fixtures.Page, []byte, error) {
	pm, ok := sys.(fixtures.PageMapper)
	if !ok {
		return fixtures.Page{}, nil, unsupported(sys, "fixtures.PageMapper", "find a block of "+c.Table)
	}
	p, err := pm.Page(ctx, c.Database, c.Table, pick)
	if err != nil {
		return p, nil, fmt.Errorf("find a block of %s: %w", c.Table, err)
	}
	block, err := fixtures.ReadAt(ctx, p.Node, p.Path, p.Offset, p.Size)
	return p, block, err
}

// Inject damages the block, makes the server read it again, and looks whether the damage has stayed.
func (c *Corruption) Inject(ctx context.Context, sys fixtures.System) error {
	if c.Harm.older() && c.old == nil {
		return fmt.Errorf("an older version of a block of %s: call Remember before the writes that are to be lost", c.Table)
	}
	p, keys, hurt, err := c.plan(ctx, sys)
	if err != nil {
		return err
	}
	c.page, c.keys = &p, keys
	down, err := c.When.around(ctx, sys, p.Node, func(ctx context.Context) error {
		c.hurt = hurt
		if err := hurt.inflict(ctx); err != nil {
			return fmt.Errorf("damage block %d of %s: %w", p.Number, c.Table, err)
		}
		return nil
	})
	if err != nil {
		return err
	}
	if c.down = down; down != nil {
		return nil
	}
	if err := c.forget(ctx, sys); err != nil {
		return err
	}
	if _, err := hurt.left(ctx); err != nil {
		return fmt.Errorf("the server has healed block %d of %s: %w", p.Number, c.Table, err)
	}
	return nil
}

// forget makes the server read the block again. One that does not come up any more is down.
func (c *Corruption) forget(ctx context.Context, sys fixtures.System) error {
	if c.When != Running {
		return nil // its memory is new
	}
	err := sys.(fixtures.PageMapper).Forget(ctx, *c.page) // find has seen that it can
	if err == nil {
		return nil
	}
	if ctx.Err() == nil && serves(ctx, sys) != nil {
		c.down = err
		return nil
	}
	return fmt.Errorf("make the server read block %d of %s again: %w", c.page.Number, c.Table, err)
}

// plan decides what is damaged, and which rows that hits.
func (c *Corruption) plan(ctx context.Context, sys fixtures.System) (p fixtures.Page, keys []string, hurt wounds, err error) {
	p, block, err := c.find(ctx, sys, c.Pick)
	if err != nil {
		return p, nil, nil, err
	}
	switch {
	case c.Harm.cuts():
		return c.planCut(ctx, sys, p)
	case c.Harm.older():
		if p, keys, err = c.lost(ctx, sys, p); err != nil {
			return p, nil, nil, err
		}
		if block, err = fixtures.ReadAt(ctx, p.Node, p.Path, p.Offset, p.Size); err != nil {
			return p, nil, nil, err
		}
	default:
		keys = p.Keys
	}
	at, data, err := c.Harm.change(block, c.before, c.size(), drawFrom(c.Pick))
	if err != nil {
		return p, nil, nil, fmt.Errorf("block %d of %s: %w", p.Number, c.Table, err)
	}
	return p, keys, wounds{{node: p.Node, path: p.Path, at: p.Offset + int64(at), is: data}}, nil
}

// lost is the block that was remembered, with the rows that lay on it and those that do so now: they may be on it since.
func (c *Corruption) lost(ctx context.Context, sys fixtures.System, p fixtures.Page) (fixtures.Page, []string, error) {
	keys := slices.Clone(c.old.Keys)
	for _, pick := range []uint64{c.Pick, c.Pick + 1, c.Pick + 2, c.Pick - 1, c.Pick - 2} {
		now, _, err := c.find(ctx, sys, pick)
		if err != nil {
			return p, nil, err
		}
		if now.Path != p.Path {
			break
		}
		if now.Number == c.old.Number {
			keys = append(keys, now.Keys...)
			break
		}
	}
	if c.old.Path != p.Path || c.old.Node.Name() != p.Node.Name() {
		return p, nil, fmt.Errorf("%s has another file by now: nothing of the version that was remembered fits: %w", c.Table, ErrNotSeen)
	}
	slices.Sort(keys)
	return *c.old, slices.Compact(keys), nil
}

// nearEnd is before how many of its last blocks a file is cut.
const nearEnd = 4

// planCut cuts the file at one of its last blocks with rows, or where the engine keeps no such order, at any.
func (c *Corruption) planCut(ctx context.Context, sys fixtures.System, p fixtures.Page) (fixtures.Page, []string, wounds, error) {
	size, err := sizeOf(ctx, p.Node, p.Path)
	if err != nil {
		return p, nil, nil, err
	}
	last := max(uint64(size/p.Size), 1) - 1 //nolint:gosec // a size
	first := last - min(c.Pick%nearEnd, last)
	var keys []string
	for pick := first; pick <= last; pick++ {
		next, _, err := c.find(ctx, sys, pick)
		if err != nil {
			return p, nil, nil, err
		}
		if pick == first {
			p = next
		}
		if next.Path == p.Path && next.Offset >= p.Offset {
			keys = append(keys, next.Keys...)
		}
	}
	slices.Sort(keys)
	cut := p.Offset
	if c.Harm == CutInBlock {
		cut += p.Size / 2
	}
	return p, slices.Compact(keys), wounds{{node: p.Node, path: p.Path, at: cut, cut: cut, size: size}}, nil
}

// Prove reads the damage back from the file.
func (c *Corruption) Prove(ctx context.Context, _ fixtures.System) (string, error) {
	return c.hurt.prove(ctx, c.down)
}

func (c *Corruption) size() int {
	if c.Bytes <= 0 {
		return 16
	}
	return c.Bytes
}

func sizeOf(ctx context.Context, n fixtures.Node, path string) (int64, error) {
	r, err := n.Exec(ctx, fixtures.Command{Args: []string{"stat", "-L", "-c", "%s", path}})
	if err != nil {
		return 0, err
	}
	var size int64
	if _, err := fmt.Sscan(string(r.Stdout), &size); err != nil {
		return 0, fmt.Errorf("read the size of %s on node %s: %w", path, n.Name(), err)
	}
	return size, nil
}

func few(list []string, n int) string {
	if len(list) > n {
		return strings.Join(list[:n], ", ") + fmt.Sprintf(" and %d more", len(list)-n)
	}
	return strings.Join(list, ", ")
}
