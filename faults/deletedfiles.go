package faults

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/recoverydrill/gameday/fixtures"
)

// startLimit is how long a server may try to start on what was left of its files.
const startLimit = time.Minute

// DeletedFiles are files of a store that were deleted under its running server.
//
// A server holds its files open: it answers from files that have no name any more, and what it writes into them is lost
// when it ends. So the deletion alone changes nothing that anybody sees. The server is made to end then, as the next
// restart of the machine would: if it starts again the damage is in the store and the checks see it; if it does not the
// fault is an outage.
type DeletedFiles struct {
	name, detail string
	choose       func(ctx context.Context, sys fixtures.System, n fixtures.Node) (paths []string, err error)
	all          bool // nothing is left by which a server could end in good order

	paths []string
	down  error // why the server does not start
}

var (
	_ Fault  = (*DeletedFiles)(nil)
	_ Outage = (*DeletedFiles)(nil)
)

// DeleteFile deletes files of one kind on the primary: for [fixtures.TableFile] all those of the table object
// (schema.table) in the main database, for logs the newest one, for any other kind all.
func DeleteFile(kind fixtures.FileKind, object string) *DeletedFiles {
	of := ""
	if object != "" {
		of = " of " + object
	}
	return &DeletedFiles{
		name: "deleted file", detail: fmt.Sprintf("the %s file%s is deleted on the primary", kind, of),
		choose: func(ctx context.Context, sys fixtures.System, n fixtures.Node) ([]string, error) {
			mapper, ok := sys.(fixtures.FileMapper)
			if !ok {
				return nil, unsupported(sys, "fixtures.FileMapper", "find the "+string(kind)+" file"+of)
			}
			files, err := mapper.Files(ctx, n, kind, "", object)
			if err != nil {
				return nil, err
			}
			if kind == fixtures.LogFile || kind == fixtures.BinlogFile {
				files = files[max(0, len(files)-1):]
			}
			var paths []string
			for _, f := range files {
				paths = append(paths, f.Path)
			}
			return paths, nil
		},
	}
}

// DeleteDataDirectory deletes everything in the data directory of the primary: rm -rf in the wrong window. What lies
// elsewhere on the node (its configuration, its log) stays, and so do vault and standbys. For SQLite it is the directory
// of the application's files.
func DeleteDataDirectory() *DeletedFiles {
	return &DeletedFiles{
		name: "deleted data directory", detail: "everything in the primary's data directory is deleted", all: true,
		choose: func(ctx context.Context, sys fixtures.System, n fixtures.Node) ([]string, error) {
			env, err := environment(ctx, sys, "find the data directory")
			if err != nil {
				return nil, err
			}
			for _, name := range []string{"GAMEDAY_PGDATA", "GAMEDAY_DATADIR", "GAMEDAY_DATA"} {
				if dir := env[name]; dir != "" {
					list, err := shell(ctx, n, `find "$1" -mindepth 1 -maxdepth 1 -print0`, dir)
					return below(dir, list), err
				}
			}
			return nil, errors.New("the environment of a recovery names no data directory")
		},
	}
}

// below are the paths of a list, which ends each with a zero byte: names may hold anything else. None of them is outside of
// the directory.
func below(dir, list string) (paths []string) {
	for path := range strings.SplitSeq(list, "\x00") {
		if strings.HasPrefix(path, strings.TrimSuffix(dir, "/")+"/") {
			paths = append(paths, path)
		}
	}
	return paths
}

// Describe names the files once they are known, and says what became of the server.
func (d *DeletedFiles) Describe() Description {
	desc := Description{Name: d.name, Class: deletion, Detail: d.detail}
	if len(d.paths) > 0 {
		desc.Notes = append(desc.Notes, fmt.Sprintf("%d deleted: %s", len(d.paths), few(d.paths, 5)))
	}
	if d.down != nil {
		desc.Notes = append(desc.Notes, "the server does not start again: "+oneLine(d.down))
	}
	return desc
}

// IsOutage is true when the server did not start again.
func (d *DeletedFiles) IsOutage() bool { return d.down != nil }

// Inject deletes the files, ends the server and tries to start it.
func (d *DeletedFiles) Inject(ctx context.Context, sys fixtures.System) error {
	server, ok := sys.(fixtures.Controlled)
	if !ok {
		return unsupported(sys, "fixtures.Controlled", "end the server whose files are deleted")
	}
	n, err := primary(sys)
	if err != nil {
		return err
	}
	if d.paths, err = d.choose(ctx, sys, n); err != nil {
		return err
	}
	if len(d.paths) == 0 {
		return fmt.Errorf("%s: there is none", d.name)
	}
	if err := written(ctx, sys); err != nil {
		return err
	}
	// The file by which a server is found goes last, or nobody could end it.
	var names []string
	for _, p := range d.paths {
		if !strings.HasSuffix(p, "/postmaster.pid") {
			names = append(names, p)
		}
	}
	if _, err := shell(ctx, n, removeScript, names...); err != nil {
		return err
	}
	if err := d.end(ctx, server, n); err != nil {
		return fmt.Errorf("end the server whose files are deleted: %w", err)
	}
	// A name may have come up once more: the server, or whoever copies its log, makes the file again.
	if _, err := shell(ctx, n, removeScript, d.paths...); err != nil {
		return err
	}
	return d.restart(ctx, server, n)
}

// removeScript tries twice: a directory may get a new file while it is emptied.
const removeScript = `rm -rf -- "$@" 2>/dev/null || rm -rf -- "$@"`

// written has everything in the data files, or PostgreSQL's crash recovery would write the deleted one again from the log.
func written(ctx context.Context, sys fixtures.System) error {
	if sys.Info().Engine != enginePostgres {
		return nil
	}
	op, ok := sys.(fixtures.Operator)
	if !ok {
		return unsupported(sys, "fixtures.Operator", "write the data files before one is deleted")
	}
	return op.Statement(ctx, "", "", "CHECKPOINT")
}

// end ends the server in good order, if it still can.
func (d *DeletedFiles) end(ctx context.Context, server fixtures.Controlled, n fixtures.Node) error {
	if !d.all {
		if err := server.StopServer(ctx, n); err == nil || ctx.Err() != nil {
			return err
		}
	}
	return server.KillServer(ctx, n)
}

// restart starts the server, if it will. Of one that hangs half way nothing is left running.
func (d *DeletedFiles) restart(ctx context.Context, server fixtures.Controlled, n fixtures.Node) error {
	limit, cancel := context.WithTimeout(ctx, startLimit)
	defer cancel()
	d.down = server.StartServer(limit, n)
	if ctx.Err() != nil {
		return ctx.Err()
	}
	if d.down != nil {
		_ = server.KillServer(ctx, n) // it may not run at all
	}
	return nil
}

// Vanished is what the vault has lost. Nobody sees it until somebody looks: clients are served, and the store is sound.
type Vanished struct {
	name, detail string
	choose       func(env map[string]string) (path string, err error)

	path         string
	files, bytes int64 // that were deleted
}

var (
	_ Fault  = (*Vanished)(nil)
	_ Prover = (*Vanished)(nil)
	_ Silent = (*Vanished)(nil)
)

// DeleteBackup deletes the newest base backup. Older ones stay, and so does the archived log.
func DeleteBackup() *Vanished {
	return &Vanished{
		name: "deleted backup", detail: "the newest base backup is deleted from the vault",
		choose: func(env map[string]string) (string, error) {
			if env["GAMEDAY_BACKUP"] == "" {
				return "", errors.New("there is no base backup")
			}
			return env["GAMEDAY_BACKUP"], nil
		},
	}
}

// DeleteVault deletes everything in the vault: base backups, archived log, replicas, dumps, and the lists of them. The
// directory itself stays. What the server archives later comes to lie there again, if it makes its directories.
func DeleteVault() *Vanished {
	return &Vanished{
		name: "deleted vault", detail: "everything in the vault is deleted",
		choose: func(env map[string]string) (string, error) {
			if env["GAMEDAY_VAULT"] == "" {
				return "", errors.New("the environment of a recovery names no vault")
			}
			return env["GAMEDAY_VAULT"] + "/.", nil
		},
	}
}

// Describe says what is deleted, and afterwards how much.
func (v *Vanished) Describe() Description {
	d := Description{Name: v.name, Class: deletion, Detail: v.detail}
	if v.path != "" {
		d.Notes = []string{fmt.Sprintf("%s: %d files with %d bytes are gone", strings.TrimSuffix(v.path, "/."), v.files, v.bytes)}
	}
	return d
}

// IsSilent is true: only who looks into the vault sees it.
func (v *Vanished) IsSilent() bool { return true }

// SeenBy is no shipped check: a backup more or less is for whoever knows how many there are to be.
func (v *Vanished) SeenBy() []string { return []string{} }

// Inject deletes it from whichever node still has the vault.
func (v *Vanished) Inject(ctx context.Context, sys fixtures.System) error {
	env, err := environment(ctx, sys, "find what the vault holds")
	if err != nil {
		return err
	}
	path, err := v.choose(env)
	if err != nil {
		return err
	}
	said, err := anywhere(ctx, sys, countScript, path)
	if err != nil {
		return err
	}
	if v.files, v.bytes, err = counts(said); err != nil {
		return err
	}
	if v.files == 0 {
		return fmt.Errorf("%s: %q holds no file", v.name, path)
	}
	v.path = path
	_, err = anywhere(ctx, sys, `case "$1" in */.) find "$1" -mindepth 1 -maxdepth 1 -exec rm -rf -- {} +;; *) rm -rf -- "$1";; esac`, path)
	return err
}

// countScript prints the number of files below a path and of their bytes.
const countScript = `find "$1" -type f -exec stat -c %s -- {} + 2>/dev/null | awk '{ n++; b += $1 } END { printf "%d %.0f\n", n, b }'`

func counts(said string) (files, bytes int64, err error) {
	one, other, _ := strings.Cut(strings.TrimSpace(said), " ")
	files, err = strconv.ParseInt(one, 10, 64)
	if err == nil {
		bytes, err = strconv.ParseInt(other, 10, 64)
	}
	if err != nil {
		return 0, 0, fmt.Errorf("count files: %q: %w", said, err)
	}
	return files, bytes, nil
}

// Prove looks for what was deleted. Files that the server has archived since are younger and do not count.
func (v *Vanished) Prove(ctx context.Context, sys fixtures.System) (string, error) {
	if v.path == "" {
		return "", fmt.Errorf("%w: nothing was deleted", ErrNotSeen)
	}
	said, err := anywhere(ctx, sys, countScript, v.path)
	if err != nil {
		return "", err
	}
	files, bytes, err := counts(said)
	if err != nil {
		return "", err
	}
	if files >= v.files || bytes >= v.bytes {
		return "", fmt.Errorf("%w: %q holds %d files with %d bytes, it held %d with %d", ErrNotSeen, v.path, files, bytes, v.files, v.bytes)
	}
	return fmt.Sprintf("%s held %d files with %d bytes and holds %d with %d", strings.TrimSuffix(v.path, "/."), v.files, v.bytes, files, bytes), nil
}

// anywhere runs a script on the first node that runs commands.
func anywhere(ctx context.Context, sys fixtures.System, script string, args ...string) (string, error) {
	var errs []error
	for _, m := range sys.Members() {
		said, err := shell(ctx, m.Node, script, args...)
		if err == nil {
			return said, nil
		}
		errs = append(errs, err)
		if exit := (*fixtures.ExitError)(nil); errors.As(err, &exit) || ctx.Err() != nil {
			break
		}
	}
	return "", errors.Join(errs...)
}
