package faults

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/recoverydrill/gameday/fixtures"
)

// FileCorruption damages a file of the store that holds no rows by itself, on the primary's disk or in the vault: an index,
// overflow, the catalogue, the control file, the log, the archived log, a backup. For the rows of a table there is
// [Corruption].
//
// What reads the file tells when it is seen. Backups, their manifests and the archived log are read by a recovery alone,
// and the log and the control file of a running server by its next start: damage to them is silent, and proven by the
// bytes. An index, overflow and the catalogue are read by the server. A running one is restarted before, so that what it
// has in memory is in the file and does not heal it later, and afterwards, so that it reads the file. Where a server does
// not start again from what was damaged, that is an outage.
type FileCorruption struct {
	Kind     fixtures.FileKind
	Object   string // a table (schema.table), for an index, overflow, or what of a backup is hit; else ""
	Database string // "" is the dataset's main database
	Harm     Harm   // default Overwritten
	When     When   // default Running
	// Back is which file, where there are several: of a log so many before the newest, of anything else so many after the
	// first. The default, 0, is the newest of a log, the primary key's of the indexes, and the largest of a backup.
	Back int
	// Block is the first block that is damaged, counted from 1. The default is 1 for the catalogue, the control file and
	// the log, of which a server must read the beginning, and else one that is chosen by Pick.
	Block int64
	// Blocks is how many are, those that are all zeroes left out. The default is up to 64 where Block is 1 by default,
	// and else 1.
	Blocks int
	Bytes  int    // of junk in each, where the harm is Overwritten; default 16
	Pick   uint64 // chooses block and bit where they are open

	old   []fixtures.File
	older [][]byte // the blocks of old, as Remember saw them
	hurt  wounds
	down  error
}

var (
	_ Fault  = (*FileCorruption)(nil)
	_ Prover = (*FileCorruption)(nil)
	_ Silent = (*FileCorruption)(nil)
	_ Outage = (*FileCorruption)(nil)
)

// CorruptFile does harm to a file of a kind. object names the table whose index, overflow or file in a backup it is; "" for
// all else.
func CorruptFile(harm Harm, kind fixtures.FileKind, object string, pick uint64) *FileCorruption {
	return &FileCorruption{Harm: harm, Kind: kind, Object: object, Pick: pick}
}

// While says in which state the server is meanwhile.
func (c *FileCorruption) While(when When) *FileCorruption {
	c.When = when
	return c
}

// nouns are the kinds as reports call them.
var nouns = map[fixtures.FileKind]string{fixtures.ControlFile: "control file"}

func (c *FileCorruption) noun() string {
	if n, ok := nouns[c.Kind]; ok {
		return n
	}
	return string(c.Kind)
}

// Describe names the places once they are known.
func (c *FileCorruption) Describe() Description {
	d := Description{Name: c.Harm.name(c.noun()), Class: "corruption"}
	d.Detail = d.Name
	if c.Object != "" {
		d.Detail += " of " + c.Object
	}
	if c.When != Running {
		d.Detail += ", while the server is " + string(c.When)
	}
	for i, w := range c.hurt {
		if i == 3 {
			d.Notes = append(d.Notes, fmt.Sprintf("and %d further places", len(c.hurt)-i))
			break
		}
		d.Notes = append(d.Notes, w.String())
	}
	if c.down != nil {
		d.Notes = append(d.Notes, "the server does not serve: "+firstLine(c.down))
	}
	return d
}

// IsOutage is true when the server did not come back.
func (c *FileCorruption) IsOutage() bool { return c.down != nil }

// IsSilent is true for what a serving server does not read.
func (c *FileCorruption) IsSilent() bool {
	unread := []fixtures.FileKind{fixtures.BinlogFile, fixtures.LogFile, fixtures.ControlFile}
	return c.down == nil && (c.vaulted() || slices.Contains(unread, c.Kind))
}

// SeenBy is no shipped check: they want the backups and the archived log to be there, and do not read them to their end.
func (c *FileCorruption) SeenBy() []string { return []string{} }

// vaulted kinds lie where no server reads them.
func (c *FileCorruption) vaulted() bool {
	return slices.Contains([]fixtures.FileKind{fixtures.BackupFile, fixtures.BackupManifest, fixtures.ArchivedLog}, c.Kind)
}

// vital kinds are damaged from their beginning on.
func (c *FileCorruption) vital() bool {
	return slices.Contains([]fixtures.FileKind{fixtures.CatalogFile, fixtures.ControlFile, fixtures.LogFile}, c.Kind)
}

// Remember keeps the present version of the blocks, for a harm that puts it back.
func (c *FileCorruption) Remember(ctx context.Context, sys fixtures.System) error {
	f, err := c.file(ctx, sys)
	if err != nil {
		return err
	}
	blocks, err := c.blocks(ctx, f)
	if err != nil {
		return err
	}
	c.old, c.older = nil, nil
	for _, b := range blocks {
		c.old, c.older = append(c.old, b.file), append(c.older, b.data)
	}
	return nil
}

// Inject damages the file, lets the server read it if it should, and looks whether the damage has stayed.
func (c *FileCorruption) Inject(ctx context.Context, sys fixtures.System) error {
	if c.Harm.older() && c.older == nil {
		return fmt.Errorf("an older version of the %s: call Remember before the writes that are to be lost", c.noun())
	}
	f, err := c.file(ctx, sys) // also before the server is stopped: it knows where its files are
	if err != nil {
		return err
	}
	if c.When == Running && !c.IsSilent() {
		if err := restart(ctx, sys, f.Node); err != nil {
			return err
		}
	}
	down, err := c.When.around(ctx, sys, f.Node, func(ctx context.Context) error { return c.damage(ctx, sys, f) })
	if err != nil {
		return err
	}
	// A running server has what its control file says in memory, and writes the file anew before long: until then only a
	// question about the file itself fails, which no client asks.
	if down == nil && !c.vaulted() && !(c.Kind == fixtures.ControlFile && c.When == Running) {
		down, err = c.reread(ctx, sys, f.Node)
	}
	if err != nil {
		return err
	}
	if c.down = down; down != nil {
		return nil
	}
	if c.When == Stopped && (c.Kind == fixtures.LogFile || c.Kind == fixtures.ControlFile) {
		return fmt.Errorf("the server has started from its %s as if nothing were: %w", c.noun(), ErrNotSeen)
	}
	if _, err := c.hurt.left(ctx); err != nil {
		return fmt.Errorf("the server has healed its %s: %w", c.noun(), err)
	}
	return nil
}

// restart makes a healthy server write everything that it has in memory.
func restart(ctx context.Context, sys fixtures.System, n fixtures.Node) error {
	down, err := Stopped.around(ctx, sys, n, func(context.Context) error { return nil })
	return errors.Join(err, down)
}

// reread restarts a running server that reads such files while it runs, and looks whether the server serves. down is why
// it does not.
func (c *FileCorruption) reread(ctx context.Context, sys fixtures.System, n fixtures.Node) (down, err error) {
	if c.When == Running && !c.IsSilent() {
		down, err = Stopped.around(ctx, sys, n, func(context.Context) error { return nil })
	}
	if down == nil && err == nil {
		down = serves(ctx, sys)
	}
	if ctx.Err() != nil {
		return nil, context.Cause(ctx)
	}
	if errors.Is(down, fixtures.ErrUnsupported) {
		return nil, down
	}
	return down, err
}

func (c *FileCorruption) damage(ctx context.Context, sys fixtures.System, f fixtures.File) error {
	if c.When != Running && c.Kind == fixtures.LogFile { // the end of the server has moved the log's
		var err error
		if f, err = c.file(ctx, sys); err != nil {
			return err
		}
	}
	if c.Harm.cuts() {
		return c.cut(ctx, f)
	}
	blocks, err := c.blocks(ctx, f)
	if err != nil {
		return err
	}
	draw, hurt := drawFrom(c.Pick), wounds(nil)
	for i, b := range blocks {
		var old []byte
		if c.Harm.older() {
			if i >= len(c.older) || c.old[i] != b.file {
				return fmt.Errorf("the %s that was remembered is not the present one: %w", c.noun(), ErrNotSeen)
			}
			old = c.older[i]
		}
		at, data, err := c.Harm.change(b.data, old, c.size(), draw)
		if errors.Is(err, ErrNotSeen) {
			continue
		}
		if err != nil {
			return err
		}
		hurt = append(hurt, wound{node: f.Node, path: f.Path, at: b.at + int64(at), is: data})
	}
	if len(hurt) == 0 {
		return fmt.Errorf("%s: %w", f.Path, errNothingToHarm)
	}
	c.hurt = hurt
	return hurt.inflict(ctx)
}

// cut cuts the file at the block, or where several are meant at the last of them.
func (c *FileCorruption) cut(ctx context.Context, f fixtures.File) error {
	blocks, err := c.blocks(ctx, f)
	if err != nil {
		return err
	}
	last := blocks[len(blocks)-1]
	w := wound{node: f.Node, path: f.Path, cut: last.at, size: f.Size}
	if c.Harm == CutInBlock {
		w.cut += int64(len(last.data)) / 2
	}
	w.at = w.cut
	c.hurt = wounds{w}
	return c.hurt.inflict(ctx)
}

// file chooses the file.
func (c *FileCorruption) file(ctx context.Context, sys fixtures.System) (fixtures.File, error) {
	var none fixtures.File
	fm, ok := sys.(fixtures.FileMapper)
	if !ok {
		return none, unsupported(sys, "fixtures.FileMapper", "find the "+c.noun())
	}
	if c.Kind == fixtures.TableFile {
		return none, errors.New("a table's rows are damaged by faults.CorruptTable, which knows which ones")
	}
	all, err := fm.Files(ctx, nil, c.Kind, c.Database, c.Object)
	if err != nil {
		return none, fmt.Errorf("find the %s: %w", c.noun(), err)
	}
	all = slices.DeleteFunc(all, func(f fixtures.File) bool { return f.Size == 0 })
	if len(all) <= c.Back {
		return none, fmt.Errorf("find the %s: there are %d files, and %d are wanted: %w", c.noun(), len(all), c.Back+1, ErrNotSeen)
	}
	switch {
	case c.Kind == fixtures.LogFile || c.Kind == fixtures.ArchivedLog || c.Kind == fixtures.BinlogFile:
		return all[len(all)-1-c.Back], nil
	case c.Kind == fixtures.BackupFile && c.Object == "" && c.Back == 0:
		return slices.MaxFunc(all, func(a, b fixtures.File) int { return int(a.Size - b.Size) }), nil
	}
	return all[c.Back], nil
}

// block is a part of a file.
type block struct {
	file fixtures.File // what it is of; without its size, which may grow
	at   int64
	data []byte
}

// blocks are those that are to be damaged: never none, and none of zeroes.
func (c *FileCorruption) blocks(ctx context.Context, f fixtures.File) ([]block, error) {
	first, count := c.Block-1, int64(c.Blocks)
	if count < 1 {
		count = 1
		if c.vital() && c.Block == 0 {
			count = 64
		}
	}
	if c.Block == 0 && c.vital() {
		first = 0
	}
	from, size := max(first, 0)*f.Block, count*f.Block
	if first < 0 { // any: the file is read up to where a block can be chosen
		size = f.Size
	}
	data, err := fixtures.ReadAt(ctx, f.Node, f.Path, from, min(size, f.Size-from, largestRead))
	if err != nil {
		return nil, err
	}
	all := split(f, from, data)
	if len(all) == 0 {
		return nil, fmt.Errorf("blocks %d to %d of %s hold nothing: %w", first+1, first+count, f.Path, errNothingToHarm)
	}
	if first < 0 {
		at := int(c.Pick % uint64(len(all)))
		all = all[at:min(at+int(count), len(all))]
	}
	return all, nil
}

// largestRead is how much of a file is looked at to choose a block, in bytes.
const largestRead = 64 << 20

// split parts what was read of a file into its blocks, and leaves out those of zeroes.
func split(f fixtures.File, at int64, data []byte) []block {
	f.Size = 0
	var all []block
	for len(data) > 0 {
		n := min(f.Block, int64(len(data)))
		if slices.ContainsFunc(data[:n], func(b byte) bool { return b != 0 }) {
			all = append(all, block{file: f, at: at, data: data[:n]})
		}
		data, at = data[n:], at+n
	}
	return all
}

// Prove reads the damage back from the file.
func (c *FileCorruption) Prove(ctx context.Context, _ fixtures.System) (string, error) {
	return c.hurt.prove(ctx, c.down)
}

func (c *FileCorruption) size() int {
	if c.Bytes <= 0 {
		return 16
	}
	return c.Bytes
}
