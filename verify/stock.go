package verify

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/recoverydrill/gameday/fixtures"
)

const (
	stockLimit = 20 * time.Second // for one node to list the vault
	sumLimit   = 256 << 20        // bytes of a backup up to which its contents are read too
)

// Stock is what there was to recover from at one moment: the files of each backup and of the archived log.
type Stock struct {
	backups  []fixtures.Backup
	roots    []string          // what is listed: the directories that hold them
	files    map[string]stored // all that lies there, by path
	archive  map[string]int64  // of the archived log: the sizes, by path
	unlisted string            // why the archived log was not listed
	onHost   bool              // the paths are this host's, and no node's

	mu        sync.Mutex
	forgotten map[string]bool // what a fault has changed
}

// stored is one file.
type stored struct {
	size int64
	time string // of its last change, to be compared only
	sum  string // SHA-256; "" where it was not read
}

// StockOf lists, on whichever node answers first, the files of backups and of the archived log, and reads those of small
// backups (256 MiB in all).
func StockOf(ctx context.Context, sys fixtures.System, backups []fixtures.Backup) (*Stock, error) {
	s := &Stock{archive: map[string]int64{}, forgotten: map[string]bool{}}
	vault := ""
	if r, ok := sys.(fixtures.Responder); ok {
		env, err := r.Environment(ctx)
		if err != nil {
			return nil, fmt.Errorf("list the backups: %w", err)
		}
		vault = env["GAMEDAY_VAULT"]
	}
	for _, b := range backups {
		if b.Path != "" {
			s.backups, s.roots = append(s.backups, b), append(s.roots, shelf(vault, b.Path))
		}
	}
	archived, err := archivedFiles(ctx, sys)
	switch {
	case errors.Is(err, fixtures.ErrUnsupported):
		s.unlisted = err.Error()
	case err != nil:
		return nil, fmt.Errorf("list the archived log: %w", err)
	case len(archived) == 0:
		s.unlisted = "the engine lists no files of it"
	}
	for _, f := range archived {
		s.archive[f.Path] = f.Size
		dir := path.Dir(f.Path)
		if transactions.MatchString(path.Base(f.Path)) {
			dir = path.Dir(dir) // they are merged into files of directories that may not be there yet
		}
		s.roots = append(s.roots, dir)
	}
	slices.Sort(s.roots)
	s.roots = slices.Compact(s.roots)
	if s.files, err = s.list(ctx, sys); err != nil {
		return nil, fmt.Errorf("list the backups: %w", err)
	}
	return s, s.read(ctx, sys)
}

// StockAt is the stock of a team's own backup in a directory of this host. Of one of more than 256 MiB no file is read:
// what is kept of it are sizes and times.
func StockAt(dir string) (*Stock, error) {
	s := &Stock{backups: []fixtures.Backup{{Path: dir}}, roots: []string{dir}, unlisted: "the team's own", onHost: true}
	var err error
	if s.files, err = s.list(context.Background(), nil); err != nil {
		return nil, fmt.Errorf("list the backup: %w", err)
	}
	return s, s.read(context.Background(), nil)
}

// shelf is the directory of the vault in which a backup lies among others; outside of a vault it is the backup alone.
func shelf(vault, backup string) string {
	rest, ok := strings.CutPrefix(backup, vault+"/")
	if first, _, deep := strings.Cut(rest, "/"); ok && deep && vault != "" {
		return vault + "/" + first
	}
	return backup
}

// archivedFiles asks each node in turn: the vault is one disk, and the first node may be gone.
func archivedFiles(ctx context.Context, sys fixtures.System) ([]fixtures.File, error) {
	mapper, ok := sys.(fixtures.FileMapper)
	if !ok {
		return nil, &fixtures.UnsupportedError{What: "engine " + sys.Info().Engine, Need: "fixtures.FileMapper", For: "list the archived log"}
	}
	files, err := mapper.Files(ctx, nil, fixtures.ArchivedLog, "", "")
	for _, m := range slices.Backward(sys.Members()) {
		if err == nil || errors.Is(err, fixtures.ErrUnsupported) || ctx.Err() != nil {
			break
		}
		if other, again := mapper.Files(ctx, m.Node, fixtures.ArchivedLog, "", ""); again == nil {
			return other, nil
		}
	}
	return files, err
}

// Around lets a fault strike, and leaves out what it changed: that is not the recovery's doing, nor is a recovery held to
// bring it back. The first error is the fault's; the second says why nobody could see what it did.
func (s *Stock) Around(ctx context.Context, sys fixtures.System, strike func() error) (struck, unseen error) {
	before, unseen := s.list(ctx, sys)
	if struck = strike(); struck != nil || unseen != nil {
		return struck, unseen
	}
	after, unseen := s.list(ctx, sys)
	if unseen != nil {
		return nil, unseen
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for name, was := range before {
		if is, there := after[name]; !there || is.size < was.size || s.within(name) && (is.size != was.size || is.time != was.time) {
			s.forgotten[name] = true
		}
	}
	for name := range after {
		if _, there := before[name]; !there {
			s.forgotten[name] = true
		}
	}
	for name := range s.forgotten {
		delete(s.files, name)
		delete(s.archive, name)
	}
	return nil, nil
}

// within says whether a file is of one of the backups.
func (s *Stock) within(name string) bool {
	return slices.ContainsFunc(s.backups, func(b fixtures.Backup) bool { return ofBackup(b.Path, name) })
}

// ofBackup takes the files below a backup's directory, and where it is one file that, and those that a store keeps beside it.
func ofBackup(backup, name string) bool {
	rest, ok := strings.CutPrefix(name, backup)
	return ok && (rest == "" || rest[0] == '/' || strings.HasPrefix(rest, "-wal") || strings.HasPrefix(rest, "-journal"))
}

// listScript prints size, time and path of each file below its arguments, and sumScript their sums. What is not there has none.
const (
	listScript = `for d in "$@"; do
  for f in "$d" "$d"-wal "$d"-journal; do test ! -e "$f" || find "$f" ! -type d -printf '%s %T@ %p\0' || exit 1; done
done`
	sumScript = `for d in "$@"; do test ! -e "$d" || find "$d" -type f -exec sha256sum -z -- {} + || exit 1; done`
)

// list finds all files that there are now.
func (s *Stock) list(ctx context.Context, sys fixtures.System) (map[string]stored, error) {
	all := map[string]stored{}
	if s.onHost {
		return all, filepath.WalkDir(s.roots[0]+"/", func(name string, e fs.DirEntry, err error) error {
			if errors.Is(err, fs.ErrNotExist) {
				return nil
			}
			if err != nil || e.IsDir() {
				return err
			}
			info, err := e.Info()
			if err != nil {
				return err
			}
			all[name] = stored{size: info.Size(), time: strconv.FormatInt(info.ModTime().UnixNano(), 10)}
			return nil
		})
	}
	said, err := anyNode(ctx, sys, listScript, s.roots)
	for line := range strings.SplitSeq(said, "\x00") {
		size, rest, _ := strings.Cut(line, " ")
		at, name, ok := strings.Cut(rest, " ")
		if !ok {
			continue
		}
		n, bad := strconv.ParseInt(size, 10, 64)
		err = errors.Join(err, bad)
		all[name] = stored{size: n, time: at}
	}
	return all, err
}

// read sums up the files of backups that are small.
func (s *Stock) read(ctx context.Context, sys fixtures.System) error {
	sums, err := s.sums(ctx, sys, s.files)
	for name, sum := range sums {
		if f, there := s.files[name]; there {
			f.sum = sum
			s.files[name] = f
		}
	}
	return err
}

func (s *Stock) sums(ctx context.Context, sys fixtures.System, files map[string]stored) (map[string]string, error) {
	all := map[string]string{}
	var paths []string
	for _, b := range s.backups {
		bytes := int64(0)
		for name, f := range files {
			if ofBackup(b.Path, name) {
				bytes += f.size
			}
		}
		if bytes <= sumLimit {
			paths = append(paths, b.Path)
		}
	}
	if len(paths) == 0 {
		return all, nil
	}
	if s.onHost {
		for name := range files {
			if info, err := os.Lstat(name); err != nil || !info.Mode().IsRegular() {
				continue
			}
			sum, _, err := hash(name)
			if err != nil {
				return nil, fmt.Errorf("read the backup: %w", err)
			}
			all[name] = sum
		}
		return all, nil
	}
	said, err := anyNode(ctx, sys, sumScript, paths)
	for line := range strings.SplitSeq(said, "\x00") {
		if sum, name, ok := strings.Cut(line, "  "); ok {
			all[name] = sum
		}
	}
	return all, err
}

// anyNode runs a script on the first node that answers, spare ones first: faults hit the others.
func anyNode(ctx context.Context, sys fixtures.System, script string, args []string) (string, error) {
	var errs []error
	for _, m := range slices.Backward(sys.Members()) {
		limited, cancel := context.WithTimeout(ctx, stockLimit)
		var out bytes.Buffer
		_, err := m.Node.Exec(limited, fixtures.Command{Args: append([]string{"sh", "-c", script, "sh"}, args...), Stdout: &out})
		cancel()
		if err == nil {
			return out.String(), nil
		}
		if errs = append(errs, err); ctx.Err() != nil {
			break
		}
	}
	return "", errors.Join(errs...)
}
