package faults

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"strconv"
	"strings"
	"time"

	"github.com/recoverydrill/gameday/fixtures"
)

// Harm is what is done to a block of a file.
type Harm string

// The harms.
const (
	Overwritten Harm = "overwritten" // bytes of junk in the last quarter of what the block holds
	Flipped     Harm = "bit flip"    // one bit: of a text, where the block holds one
	Zeroed      Harm = "zeroed"      // the whole block is zeroes: a write that never came, a trimmed disk
	Stale       Harm = "stale"       // an older version of the block: a write that was acknowledged and lost. Needs Remember
	Torn        Harm = "torn"        // one half is the older version's: a write that was cut off. Needs Remember
	CutShort    Harm = "cut short"   // the file ends where the block begins
	CutInBlock  Harm = "cut inside"  // the file ends in the middle of the block
)

// When is in which state the server is while its file is damaged.
type When string

// The states.
const (
	Running When = ""        // it has the file open
	Stopped When = "stopped" // it is stopped in good order, and started again afterwards
	Killed  When = "killed"  // it is killed with SIGKILL, and started again afterwards: it recovers from the damaged file
)

// name is the fault's: "bit flip in index".
func (h Harm) name(what string) string {
	switch h {
	case Overwritten, "":
		return "corrupt block in " + what
	case Flipped:
		return "bit flip in " + what
	case Zeroed, Stale, Torn:
		return string(h) + " block in " + what
	case CutShort, CutInBlock:
		return what + " " + string(CutShort)
	}
	return string(h) + " in " + what
}

// older tells whether the harm needs an older version of the block.
func (h Harm) older() bool { return h == Stale || h == Torn }

func (h Harm) cuts() bool { return h == CutShort || h == CutInBlock }

// junk is what is written over a block in the place of what is there.
func junk(n int) []byte { return bytes.Repeat([]byte{0xDE, 0xAD, 0xBE, 0xEF}, (n+3)/4)[:n] }

// errNothingToHarm says that a block would be the same afterwards.
var errNothingToHarm = fmt.Errorf("the block would be as it was: %w", ErrNotSeen)

// change is what the harm writes over a block, and where in it. old is an older version of the block, n how many bytes of
// junk.
func (h Harm) change(block, old []byte, n int, draw *rand.Rand) (at int, data []byte, err error) {
	switch h {
	case Overwritten, "":
		// In PostgreSQL and SQLite rows fill a block from its end. What lies behind its last byte may be nobody's.
		used := len(bytes.TrimRight(block, "\x00"))
		at = used - used/4
		data = junk(min(n, len(block)-at))
	case Flipped:
		at = bitPlace(block, draw)
		data = []byte{block[at] ^ 1<<draw.IntN(5)} // a letter stays one byte of UTF-8
	case Zeroed:
		data = make([]byte, len(block))
	case Stale:
		data = old
	case Torn:
		half := len(block) / 2
		if at, data = half, old[half:]; bytes.Equal(data, block[half:]) {
			at, data = 0, old[:half]
		}
	case CutShort, CutInBlock:
		return 0, nil, errors.New("a cut changes no bytes")
	default:
		return 0, nil, fmt.Errorf("unknown harm %q", h)
	}
	if bytes.Equal(data, block[at:at+len(data)]) {
		return 0, nil, errNothingToHarm
	}
	return at, data, nil
}

// bitPlace chooses the byte whose bit is turned: one inside a text of four letters or more, else one that is not zero.
func bitPlace(block []byte, draw *rand.Rand) int {
	var texts, used []int
	run := 0
	for i, b := range block {
		if b >= ' ' && b <= '~' {
			run++
		} else {
			run = 0
		}
		if run >= 4 {
			texts = append(texts, i-1)
		}
		if b != 0 {
			used = append(used, i)
		}
	}
	switch {
	case len(texts) > 0:
		return texts[draw.IntN(len(texts))]
	case len(used) > 0:
		return used[draw.IntN(len(used))]
	}
	return draw.IntN(len(block))
}

// wound is damage to one place of a file.
type wound struct {
	node fixtures.Node
	path string
	at   int64
	is   []byte // what was written there; nil for a cut
	cut  int64  // the file's size after a cut
	size int64  // and before
}

func (w wound) String() string {
	if w.is == nil {
		return fmt.Sprintf("%s on node %s cut from %d to %d bytes", w.path, w.node.Name(), w.size, w.cut)
	}
	return fmt.Sprintf("bytes %d to %d of %s on node %s", w.at, w.at+int64(len(w.is))-1, w.path, w.node.Name())
}

// wounds are all places of one file that one fault damages.
type wounds []wound

// overwriteScript writes $1's bytes anew in many places: what comes in is parted by the pairs of place and size that follow.
const overwriteScript = `set -eu
f=$1; shift
t=$(mktemp); trap 'rm -f -- "$t"' EXIT
cat >"$t"
from=0
while [ $# -gt 0 ]; do
	dd if="$t" of="$f" iflag=skip_bytes,count_bytes oflag=seek_bytes skip="$from" count="$2" seek="$1" bs=65536 conv=notrunc 2>/dev/null
	from=$((from + $2)); shift 2
done
sync "$f"`

// inflict does the damage and reads it back.
func (all wounds) inflict(ctx context.Context) error {
	if len(all) == 0 {
		return errNothingToHarm
	}
	first := all[0]
	cmd := fixtures.Command{Args: []string{"truncate", "-s", strconv.FormatInt(first.cut, 10), first.path}}
	if first.is != nil {
		var data bytes.Buffer
		cmd.Args = []string{"/bin/sh", "-c", overwriteScript, "sh", first.path}
		for _, w := range all {
			data.Write(w.is)
			cmd.Args = append(cmd.Args, strconv.FormatInt(w.at, 10), strconv.Itoa(len(w.is)))
		}
		cmd.Stdin = &data
	}
	if _, err := first.node.Exec(ctx, cmd); err != nil {
		return err
	}
	left, err := all.left(ctx)
	if err == nil && len(left) < len(all) {
		err = fmt.Errorf("%d of %d damaged places of %s are not what was written there", len(all)-len(left), len(all), first.path)
	}
	return err
}

// left are those that are still there. That none is wraps ErrNotSeen.
func (all wounds) left(ctx context.Context) (wounds, error) {
	if len(all) == 0 {
		return nil, fmt.Errorf("nothing was damaged: %w", ErrNotSeen)
	}
	first, last := all[0], all[len(all)-1]
	if first.is == nil {
		if _, err := fixtures.ReadAt(ctx, first.node, first.path, first.cut, 1); !errors.Is(err, io.ErrUnexpectedEOF) {
			return nil, errors.Join(fmt.Errorf("%s on node %s is longer than %d bytes: %w", first.path, first.node.Name(), first.cut, ErrNotSeen), err)
		}
		return all, nil
	}
	data, err := fixtures.ReadAt(ctx, first.node, first.path, first.at, last.at+int64(len(last.is))-first.at)
	if err != nil && !errors.Is(err, io.ErrUnexpectedEOF) {
		return nil, err
	}
	var left wounds
	for _, w := range all {
		if from := w.at - first.at; from <= int64(len(data)) && bytes.HasPrefix(data[from:], w.is) {
			left = append(left, w)
		}
	}
	if len(left) == 0 {
		return nil, fmt.Errorf("%s are not what was written there: %w", first, ErrNotSeen)
	}
	return left, nil
}

// prove is the evidence: the damage is where it was put, and the server is down where it is.
func (all wounds) prove(ctx context.Context, down error) (string, error) {
	left, err := all.left(ctx)
	if err != nil {
		return "", err
	}
	evidence := left[0].String()
	if left[0].is != nil {
		evidence += " read back as they were damaged"
	}
	if len(all) > 1 {
		evidence += fmt.Sprintf(", %d of %d places in all", len(left), len(all))
	}
	if down != nil {
		evidence += "; the server does not serve: " + firstLine(down)
	}
	return evidence, nil
}

// firstLine is the line of what a server said that names the cause, or the first.
func firstLine(err error) string {
	lines := strings.Split(strings.TrimSpace(err.Error()), "\n")
	for _, l := range lines {
		if strings.Contains(l, "FATAL") || strings.Contains(l, "PANIC") || strings.Contains(l, "ERROR") {
			return l
		}
	}
	return lines[0]
}

// around damages a file while the server is in the state that was asked for. down is why the server does not start again:
// then that is the effect.
func (w When) around(ctx context.Context, sys fixtures.System, n fixtures.Node, do func(context.Context) error) (down, err error) {
	if w == Running {
		return nil, do(ctx)
	}
	c, ok := sys.(fixtures.Controlled)
	if !ok {
		return nil, unsupported(sys, "fixtures.Controlled", "damage a file while the server is "+string(w))
	}
	end := c.StopServer
	switch w {
	case Stopped:
	case Killed:
		end = c.KillServer
	default:
		return nil, fmt.Errorf("unknown state of the server %q", w)
	}
	if err := end(ctx, n); err != nil {
		return nil, err
	}
	if err := do(ctx); err != nil {
		return nil, errors.Join(err, c.StartServer(context.WithoutCancel(ctx), n))
	}
	down = c.StartServer(ctx, n)
	if ctx.Err() != nil {
		return nil, down
	}
	return down, nil
}

// serveLimit is how long a store may take to say that it is there.
const serveLimit = 15 * time.Second

// serves asks the store who it is, through the route, and whether it can be read.
func serves(ctx context.Context, sys fixtures.System) error {
	ctx, cancel := context.WithTimeout(ctx, serveLimit)
	defer cancel()
	i, ok := sys.(fixtures.Identified)
	if !ok {
		return unsupported(sys, "fixtures.Identified", "see whether it serves")
	}
	if _, err := i.Identity(ctx, ""); err != nil {
		return err
	}
	s, ok := sys.(fixtures.Surveyor)
	if !ok {
		return unsupported(sys, "fixtures.Surveyor", "see whether it serves")
	}
	snapshot, err := s.Snapshot(ctx, "")
	if err != nil {
		return err
	}
	return snapshot.Close(ctx)
}

func drawFrom(seed uint64) *rand.Rand { return rand.New(rand.NewPCG(seed, 1)) } //nolint:gosec // reproducible, not secret
