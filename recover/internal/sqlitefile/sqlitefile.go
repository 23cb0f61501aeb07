// Package sqlitefile is how the procedures for SQLite files make a new file and bring it to clients. It is made under a name
// of its own that nobody opens, gets its real name when it is complete, and takes nothing from the damaged one but its
// owner and mode. So a procedure that was killed can be run again: what it had not finished is made anew, and where it
// cannot tell whether clients have written to what it had finished, it refuses.
package sqlitefile

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"

	"github.com/recoverydrill/gameday/fixtures/sqlite/handle"
	recovery "github.com/recoverydrill/gameday/recover"
)

// New is a file that is to come into the place of a damaged one, or beside it.
type New struct {
	Part string // the name under which it is made

	old   string // the damaged file
	path  string // the name under which clients open the new one
	aside string // in place: the name that the damaged one gets
}

// Beside is a new file in the damaged one's directory. name, which ends with .db, says what it is; a name that the damaged
// file has itself gets a number.
func Beside(old, name string) New {
	n := New{old: old, path: filepath.Join(filepath.Dir(old), name)}
	for i := 2; n.path == old; i++ {
		n.path = filepath.Join(filepath.Dir(old), fmt.Sprintf("%s-%d.db", strings.TrimSuffix(name, ".db"), i))
	}
	n.Part = n.path + ".part"
	return n
}

// InPlace is a new file that takes the damaged one's name in the end. The damaged one is kept as "before-" and name.
func InPlace(old, name string) New {
	n := New{old: old, path: old, aside: filepath.Join(filepath.Dir(old), "before-"+name)}
	n.Part = filepath.Join(filepath.Dir(old), name+".part")
	return n
}

// logs are the files that SQLite, and Litestream's restore, keep beside a file.
var logs = []string{"", "-wal", "-shm", "-journal", ".tmp"}

// Begin takes away what a procedure that was killed has left of the new file. It refuses where such a procedure has
// finished it.
func (n New) Begin() error {
	done := n.path
	if n.aside != "" {
		done = n.aside
	}
	switch _, err := os.Lstat(done); {
	case err == nil && n.aside != "" && !n.there(n.old): // killed between the two names: what is missing is the new file
	case err == nil && n.aside != "":
		return recovery.Refuse("%s has been replaced already: the file before that is %s; move it away to replace the present one", n.old, done)
	case err == nil:
		return recovery.Refuse("%s is there already, and clients may have written to it: let them open it, or move it away", done)
	case !errors.Is(err, fs.ErrNotExist):
		return err
	}
	for _, suffix := range logs {
		if err := os.Remove(n.Part + suffix); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("take away what an earlier run has left: %w", err)
		}
	}
	return nil
}

func (n New) there(path string) bool {
	_, err := os.Lstat(path)
	return err == nil
}

// Adopt gives the new file the damaged one's owner and mode. Where that is lost, only its owner may read the new one.
func (n New) Adopt() error {
	info, err := os.Stat(n.old)
	if errors.Is(err, fs.ErrNotExist) && n.aside != "" {
		info, err = os.Stat(n.aside)
	}
	if errors.Is(err, fs.ErrNotExist) {
		return os.Chmod(n.Part, 0o600)
	}
	if err != nil {
		return err
	}
	if err := os.Chmod(n.Part, info.Mode().Perm()); err != nil { // the umask took something away
		return err
	}
	if st, ok := info.Sys().(*syscall.Stat_t); ok {
		return os.Chown(n.Part, int(st.Uid), int(st.Gid))
	}
	return nil
}

// Check has SQLite read all of a file that nobody writes to. An error that is a *[recovery.Refused] says what is wrong with
// it.
func Check(ctx context.Context, path string) (err error) {
	h, err := handle.Open(ctx, path, handle.Immutable)
	if err != nil {
		return damaged(path, err)
	}
	defer func() { err = errors.Join(err, h.Close()) }()
	said, err := h.Value(ctx, "PRAGMA integrity_check(1)")
	if err != nil {
		return damaged(path, err)
	}
	if said != "ok" {
		return recovery.Refuse("%s is damaged: %s", path, said)
	}
	objects, err := h.Value(ctx, "SELECT count(*) FROM sqlite_schema")
	if err == nil && objects == "0" { // a file of no bytes is a sound database
		return recovery.Refuse("%s is empty", path)
	}
	return err
}

func damaged(path string, err error) error {
	if handle.Is(err, handle.Damaged) {
		return recovery.Refuse("%s is damaged: %v", path, err)
	}
	return err
}

// CutOver gives the new file its name, and lets clients open it. In place, the damaged one is moved away first, before its
// log, which beside the new file would be taken for its own: in between there is no file, never half of one.
func (n New) CutOver(ctx context.Context, job recovery.Job) error {
	if err := flush(n.Part); err != nil {
		return err
	}
	if ctx.Err() != nil { // the last moment at which nothing has changed yet
		return context.Cause(ctx)
	}
	if n.aside != "" {
		for _, suffix := range []string{"", "-wal", "-shm", "-journal"} {
			if err := os.Rename(n.old+suffix, n.aside+suffix); err != nil && !errors.Is(err, fs.ErrNotExist) {
				return err
			}
		}
	}
	if err := os.Rename(n.Part, n.path); err != nil {
		return err
	}
	if err := flush(filepath.Dir(n.path)); err != nil {
		return err
	}
	return job.CutOver(ctx, n.path)
}

// flush makes a file, or the names in a directory, outlive the machine.
func flush(path string) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	return errors.Join(f.Sync(), f.Close())
}

// Room is the need for so many bytes beside the damaged file.
func (n New) Room(bytes int64) recovery.Need {
	dir := filepath.Dir(n.Part)
	need := recovery.Need{Resource: recovery.NeedsDisk, Where: dir, Needed: bytes}
	var fs syscall.Statfs_t
	if err := syscall.Statfs(dir, &fs); err != nil {
		need.Detail = err.Error()
		return need
	}
	need.Available = int64(fs.Bavail) * int64(fs.Bsize) //nolint:gosec,unconvert // the types differ between systems
	need.Met = need.Available >= bytes
	need.Detail = fmt.Sprintf("%d of the %d bytes that the new file takes are free", need.Available, bytes)
	return need
}

// HasRoom refuses where there is no room for so many bytes.
func (n New) HasRoom(bytes int64) error {
	if need := n.Room(bytes); !need.Met {
		return recovery.Refuse("there is no room in %s: %s", need.Where, need.Detail)
	}
	return nil
}

// Writable is the need to make files beside the damaged one.
func (n New) Writable() recovery.Need {
	need := recovery.Need{Resource: recovery.NeedsPermission, Where: filepath.Dir(n.Part), Met: true, Detail: "files can be made there"}
	const writeAndSearch = 3
	if err := syscall.Access(need.Where, writeAndSearch); err != nil {
		need.Met, need.Detail = false, err.Error()
	}
	return need
}
