package litestream

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"slices"
	"time"

	upstream "github.com/benbjohnson/litestream"
	"github.com/benbjohnson/litestream/file"
	"github.com/superfly/ltx"

	recovery "github.com/recoverydrill/gameday/recover"
)

// replica is Litestream's client to the replica without the files that are damaged, and with the time that each file has
// in its header: the time of a file on the disk, which Litestream goes by, is another one after a copy or a bad sector.
type replica struct {
	*file.ReplicaClient

	log     *slog.Logger
	unsound map[string]error // files that must not be used, and why
}

var _ upstream.ReplicaClient = (*replica)(nil)

// levels are those of single transactions and of those merged, and of snapshots.
const levels = upstream.SnapshotLevel + 1

func name(f *ltx.FileInfo) string {
	return fmt.Sprintf("%d/%s", f.Level, ltx.FormatFilename(f.MinTXID, f.MaxTXID))
}

// LTXFiles lists the files of a level that can be used.
func (r *replica) LTXFiles(ctx context.Context, level int, seek ltx.TXID, metadata bool) (ltx.FileIterator, error) {
	all, err := r.list(ctx, level, seek, metadata)
	if err != nil {
		return nil, err
	}
	all = slices.DeleteFunc(all, func(f *ltx.FileInfo) bool { return r.unsound[name(f)] != nil })
	return ltx.NewFileInfoSliceIterator(all), nil
}

// list lists all files of a level. A file whose header cannot be read is damaged.
func (r *replica) list(ctx context.Context, level int, seek ltx.TXID, metadata bool) ([]*ltx.FileInfo, error) {
	all, err := upstream.FindLTXFiles(ctx, &from{r.ReplicaClient, seek}, level, metadata, func(*ltx.FileInfo) (bool, error) { return true, nil })
	if err != nil {
		return nil, err
	}
	there := all[:0]
	for _, f := range all {
		header, err := r.header(ctx, f)
		switch {
		case errors.Is(err, fs.ErrNotExist): // merged meanwhile
			continue
		case err != nil:
			r.unsound[name(f)] = err
		default:
			f.CreatedAt = time.UnixMilli(header.Timestamp).UTC()
		}
		there = append(there, f)
	}
	return there, nil
}

// from lists a level's files from a transaction on.
type from struct {
	*file.ReplicaClient

	seek ltx.TXID
}

func (f *from) LTXFiles(ctx context.Context, level int, _ ltx.TXID, metadata bool) (ltx.FileIterator, error) {
	return f.ReplicaClient.LTXFiles(ctx, level, f.seek, metadata)
}

func (r *replica) header(ctx context.Context, f *ltx.FileInfo) (h ltx.Header, err error) {
	in, err := r.OpenLTXFile(ctx, f.Level, f.MinTXID, f.MaxTXID, 0, 0)
	if err != nil {
		return h, err
	}
	defer in.Close() //nolint:errcheck // read only
	h, _, err = ltx.PeekHeader(in)
	if err == nil && (h.MinTXID != f.MinTXID || h.MaxTXID != f.MaxTXID) {
		err = fmt.Errorf("it holds the transactions %s to %s", h.MinTXID, h.MaxTXID)
	}
	return h, err
}

// verify reads a file to its end and holds it to its checksums.
func (r *replica) verify(ctx context.Context, f *ltx.FileInfo) error {
	in, err := r.OpenLTXFile(ctx, f.Level, f.MinTXID, f.MaxTXID, 0, 0)
	if err != nil {
		return err
	}
	defer in.Close() //nolint:errcheck // read only
	if err := ltx.NewDecoder(in).Verify(); err != nil {
		return err
	}
	return ctx.Err()
}

// route is the way from a snapshot to where a restore ends.
type route struct {
	files  []*ltx.FileInfo
	end    ltx.TXID // where it ends
	bytes  int64    // of the file then
	passed []string // damaged files that it does without
	short  string   // why it ends before the target; "" if it does not
}

// plan finds the files that a restore to the target reads, all of them sound. It is a refusal when there are none.
func (r *replica) plan(ctx context.Context, t target) (route, error) {
	w := route{}
	for {
		files, err := upstream.CalcRestorePlan(ctx, r, t.txid, t.time, r.log)
		if err != nil && ctx.Err() == nil && t.last() {
			// It says that there is a hole, not what lies before it.
			files, err = r.upToTheHole(ctx)
		}
		if err != nil && ctx.Err() == nil && t.txid != 0 {
			files, err = r.before(ctx, t.txid)
		}
		switch {
		case ctx.Err() != nil:
			return w, context.Cause(ctx)
		case errors.Is(err, upstream.ErrTxNotAvailable), errors.Is(err, upstream.ErrNoSnapshots):
			return w, r.nothing(ctx, t)
		case err != nil:
			return w, err
		}
		bad, err := r.firstUnsound(ctx, files)
		if err != nil {
			return w, err
		}
		if bad == nil {
			w.files, w.end = files, files[len(files)-1].MaxTXID
			break
		}
	}
	for n, err := range r.unsound {
		w.passed = append(w.passed, fmt.Sprintf("%s (%v)", n, err))
	}
	slices.Sort(w.passed)
	h, err := r.header(ctx, w.files[len(w.files)-1])
	if err != nil {
		return w, err
	}
	w.bytes = int64(h.Commit) * int64(h.PageSize)
	w.short, err = r.missing(ctx, t, w.end)
	return w, err
}

// firstUnsound is the first file that is damaged, from then on not used any more; nil if all are sound.
func (r *replica) firstUnsound(ctx context.Context, files []*ltx.FileInfo) (*ltx.FileInfo, error) {
	for _, f := range files {
		err := r.verify(ctx, f)
		switch {
		case ctx.Err() != nil:
			return nil, context.Cause(ctx)
		case errors.Is(err, fs.ErrNotExist): // merged meanwhile: look again
			return f, nil
		case err != nil:
			r.unsound[name(f)] = err
			return f, nil
		}
	}
	return nil, nil
}

// upToTheHole is the way to the last transaction that can be reached at all.
func (r *replica) upToTheHole(ctx context.Context) ([]*ltx.FileInfo, error) {
	return r.before(ctx, ^ltx.TXID(0))
}

// before is the way to the last transaction up to a given one that can be reached.
func (r *replica) before(ctx context.Context, limit ltx.TXID) ([]*ltx.FileInfo, error) {
	var all []*ltx.FileInfo
	for level := range levels {
		files, err := r.list(ctx, level, 0, false)
		if err != nil {
			return nil, err
		}
		for _, f := range files {
			if r.unsound[name(f)] == nil && f.MaxTXID <= limit {
				all = append(all, f)
			}
		}
	}
	var end ltx.TXID
	for grown := true; grown; {
		grown = false
		for _, f := range all {
			if f.MinTXID <= end+1 && f.MaxTXID > end {
				end, grown = f.MaxTXID, true
			}
		}
	}
	if end == 0 {
		return nil, upstream.ErrTxNotAvailable
	}
	return upstream.CalcRestorePlan(ctx, r, end, time.Time{}, r.log)
}

// missing says what the target has and the way does not reach: a restore that ended there would pass for one to the target.
// Transactions that have come since the way was found are none of that.
func (r *replica) missing(ctx context.Context, t target, end ltx.TXID) (string, error) {
	if t.txid != 0 {
		if end < t.txid {
			return fmt.Sprintf("the replica is whole up to transaction %s, the target is %s", end, t.txid), nil
		}
		return "", nil
	}
	later, err := r.after(ctx, end)
	if err != nil {
		return "", err
	}
	if !t.last() && len(later) > 0 {
		return r.around(ctx, later, end)
	}
	for _, f := range later {
		if f.MinTXID > end+1 {
			return hole(end, f), nil
		}
		damage, err := r.damage(ctx, f)
		if damage != "" || err != nil {
			return fmt.Sprintf("the replica is whole up to transaction %s, and what it has of the next ones, %s", end, damage), err
		}
		end = max(end, f.MaxTXID)
	}
	return "", ctx.Err()
}

// around looks at the transaction after the last that is restored: only a file of its own tells that it is not older than the
// target.
func (r *replica) around(ctx context.Context, later []*ltx.FileInfo, end ltx.TXID) (string, error) {
	next := slices.IndexFunc(later, func(f *ltx.FileInfo) bool { return f.MinTXID == end+1 && f.MaxTXID == end+1 })
	if next < 0 {
		next = slices.IndexFunc(later, func(f *ltx.FileInfo) bool { return f.MinTXID <= end+1 })
	}
	if next < 0 {
		return hole(end, later[0]), nil
	}
	f := later[next]
	damage, err := r.damage(ctx, f)
	switch {
	case damage != "" || err != nil:
		return fmt.Sprintf("the replica is whole up to transaction %s, and what it has of the next ones, %s", end, damage), err
	case f.MinTXID != f.MaxTXID:
		return fmt.Sprintf("the replica has merged the transactions after %s into %s: which of them are older than the target is not kept", end, name(f)), nil
	}
	return "", nil
}

func hole(end ltx.TXID, next *ltx.FileInfo) string {
	return fmt.Sprintf("the replica is whole up to transaction %s, and the next that it has begins with %s", end, next.MinTXID)
}

// damage says what is wrong with a file; "" for one that is sound, or is gone by now.
func (r *replica) damage(ctx context.Context, f *ltx.FileInfo) (string, error) {
	if r.unsound[name(f)] == nil {
		if err := r.verify(ctx, f); ctx.Err() != nil {
			return "", context.Cause(ctx)
		} else if err != nil && !errors.Is(err, fs.ErrNotExist) {
			r.unsound[name(f)] = err
		}
	}
	if err := r.unsound[name(f)]; err != nil {
		return fmt.Sprintf("%s, is damaged: %v", name(f), err), nil
	}
	return "", nil
}

// after are the files with transactions after a given one, by their first one.
func (r *replica) after(ctx context.Context, end ltx.TXID) ([]*ltx.FileInfo, error) {
	var later []*ltx.FileInfo
	for level := range levels {
		files, err := r.list(ctx, level, 0, true)
		if err != nil {
			return nil, err
		}
		for _, f := range files {
			if f.MaxTXID > end {
				later = append(later, f)
			}
		}
	}
	slices.SortFunc(later, func(a, b *ltx.FileInfo) int {
		return cmp.Or(cmp.Compare(a.MinTXID, b.MinTXID), cmp.Compare(a.MaxTXID, b.MaxTXID), cmp.Compare(a.Level, b.Level))
	})
	return later, nil
}

// nothing refuses: no state up to the target can be restored.
func (r *replica) nothing(ctx context.Context, t target) error {
	found, damaged := 0, ""
	for level := range levels {
		files, err := r.list(ctx, level, 0, false)
		if err != nil {
			return err
		}
		found += len(files)
	}
	for n, err := range r.unsound {
		damaged += fmt.Sprintf("; %s is damaged: %v", n, err)
	}
	if found == 0 {
		return recovery.Refuse("there is nothing in the replica %s", r.Path())
	}
	return recovery.Refuse("the replica holds no whole state that is as old as the target %s%s", t, damaged)
}
