package verify

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"path"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/recoverydrill/gameday/fixtures"
	"github.com/recoverydrill/gameday/reports"
)

// Kept wants a recovery to leave what it recovers from: every backup that the fault has left is there afterwards as it was,
// and so is the archived log from the oldest backup's start on. A recovery may expire old backups and log once it has taken
// a new one: that is noted. A drill adds it by itself, from level full on, when it has taken a backup, and a restore of a real
// backup that lies in a directory of this host.
//
// A file is as it was when it has its size and the time of its last change, or where that time is another, its SHA-256. Of
// backups of more than 256 MiB there is none, and a file that was written to makes the check inconclusive.
type Kept struct {
	// Before is what there was just before the recovery; nil is not known.
	Before *Stock
}

var (
	_ Check     = Kept{}
	_ Collector = Kept{}
)

// Name is "kept".
func (Kept) Name() string { return "kept" }

// Promise is what a passed check means.
func (Kept) Promise() string {
	return "the backups, and the archived log behind them, are as the recovery found them"
}

// keeping is what was collected.
type keeping struct {
	Backups   []keptBackup `json:"backups"`
	New       []string     `json:"new,omitempty"`      // backups that were not there before
	Archive   int          `json:"archive"`            // files of the log that were there
	Lost      some         `json:"lost"`               // of them, and needed, those that are gone or shorter
	NotListed string       `json:"unlisted,omitempty"` // why the archive was not looked at
}

// keptBackup is what became of one backup.
type keptBackup struct {
	Path    string `json:"path"`
	Files   int    `json:"files"` // that were there; 0 where nobody could list them
	Gone    some   `json:"gone"`
	Changed some   `json:"changed"` // to other contents
	Touched some   `json:"touched"` // written to, and to what is not known
	Added   some   `json:"added"`
}

// some are files, of which the first are named.
type some struct {
	Count int      `json:"count"`
	First []string `json:"first,omitempty"`
}

func (s *some) add(name string) {
	if s.Count++; len(s.First) < exampleLimit {
		s.First = append(s.First, name)
	}
}

// Collect lists what there is now.
func (k Kept) Collect(ctx context.Context, sys fixtures.System) ([]byte, error) {
	was := k.Before
	if was == nil {
		return nil, fmt.Errorf("nobody listed the backups before the recovery")
	}
	now, err := was.list(ctx, sys)
	if err != nil {
		return nil, fmt.Errorf("list the backups: %w", err)
	}
	got := keeping{Archive: len(was.archive), NotListed: was.unlisted}
	sums := map[string]string{}
	if was.rewritten(now) {
		if sums, err = was.sums(ctx, sys, now); err != nil {
			return nil, fmt.Errorf("read the backups: %w", err)
		}
	}
	for _, b := range was.backups {
		got.Backups = append(got.Backups, was.keptBackup(b.Path, now, sums))
	}
	got.New = was.newBackups(now)
	for _, name := range was.lostLog(now) {
		got.Lost.add(name)
	}
	return json.Marshal(got)
}

// rewritten says whether a file has its size and another time: only its contents tell.
func (s *Stock) rewritten(now map[string]stored) bool {
	for name, was := range s.files {
		if is, there := now[name]; there && is.size == was.size && is.time != was.time && s.within(name) {
			return true
		}
	}
	return false
}

func (s *Stock) keptBackup(dir string, now map[string]stored, sums map[string]string) keptBackup {
	k := keptBackup{Path: dir}
	for _, name := range slices.Sorted(maps.Keys(s.files)) {
		if !ofBackup(dir, name) {
			continue
		}
		k.Files++
		was := s.files[name]
		is, there := now[name]
		switch {
		case !there:
			k.Gone.add(name)
		case is.size == was.size && is.time == was.time:
		case is.size != was.size, was.sum != "" && sums[name] != "" && sums[name] != was.sum:
			k.Changed.add(name)
		case was.sum == "" || sums[name] == "":
			k.Touched.add(name)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(now)) {
		if _, there := s.files[name]; !there && !s.forgotten[name] && ofBackup(dir, name) {
			k.Added.add(name)
		}
	}
	return k
}

// newBackups are the directories, or the files, that were not there, lie where a backup of before lay among others, and are no
// such backup under another name.
func (s *Stock) newBackups(now map[string]stored) (fresh []string) {
	mine := map[string]map[string]stored{} // by place
	old := map[string]bool{}
	for _, b := range s.backups {
		for name := range s.files {
			old[placeLike(b.Path, name)] = true
		}
		for name, f := range now {
			if at := placeLike(b.Path, name); at != "" && !s.within(name) && !s.forgotten[name] {
				if mine[at] == nil {
					mine[at] = map[string]stored{}
				}
				mine[at][strings.TrimPrefix(name, at)] = f
			}
		}
	}
	for at, files := range mine {
		bytes := int64(0)
		for _, f := range files {
			bytes += f.size
		}
		if !old[at] && bytes > 0 && !s.moved(files) {
			fresh = append(fresh, at)
		}
	}
	slices.Sort(fresh)
	return fresh
}

// placeLike is the beginning of a path that differs from a backup's in one name, as another backup beside it does; "" where it
// has none. A hidden one is not finished.
func placeLike(backup, name string) string {
	like, parts := strings.Split(backup, "/"), strings.Split(name, "/")
	if len(parts) < len(like) {
		return ""
	}
	parts = parts[:len(like)]
	differ := 0
	for i := range like {
		if like[i] != parts[i] {
			differ++
			if strings.HasPrefix(parts[i], ".") {
				return ""
			}
		}
	}
	if differ != 1 {
		return ""
	}
	return strings.Join(parts, "/")
}

// moved says whether files are those of a backup of before, for the greater part.
func (s *Stock) moved(files map[string]stored) bool {
	for _, b := range s.backups {
		same, all := 0, 0
		for name, was := range s.files {
			if rest, ok := strings.CutPrefix(name, b.Path); ok && ofBackup(b.Path, name) {
				all++
				if is, there := files[rest]; there && is.size == was.size && is.time == was.time {
					same++
				}
			}
		}
		if all > 0 && same*2 > all {
			return true
		}
	}
	return false
}

var (
	lsn       = regexp.MustCompile(`^([0-9A-F]{1,8})/([0-9A-F]{1,8})$`) // PostgreSQL
	binlogPos = regexp.MustCompile(`^.*\.([0-9]{6,}):`)                 // MySQL: a file and a place in it
)

// lostLog are the files of the archived log that are gone or shorter, of those that the oldest backup needs or that came
// later. Files of Litestream are merged: of those the transactions count.
func (s *Stock) lostLog(now map[string]stored) (lost []string) {
	from, dirs := s.start(), map[string]bool{}
	for name := range s.archive {
		dirs[path.Dir(name)] = true
	}
	var kept []string
	for name := range now {
		kept = append(kept, path.Base(name))
	}
	held := spans(kept)
	for name, size := range s.archive {
		base := path.Base(name)
		number, isSegment := uint64(0), false
		if _, number, isSegment = segmentOf(base); !isSegment {
			if m := binlog.FindStringSubmatch(base); m != nil && len(dirs) == 1 { // of another server's nobody knows which are old
				number, _ = strconv.ParseUint(m[2], 10, 63)
				isSegment = true
			}
		}
		is, there := now[name]
		switch {
		case isSegment && number < from, there && is.size >= size:
		case transactions.MatchString(base) && holdsAll(held, spans([]string{base})[0]):
		default:
			lost = append(lost, name)
		}
	}
	slices.Sort(lost)
	return lost
}

// start is the number of the first file of the log that a backup needs; 0 where that is not known.
func (s *Stock) start() uint64 {
	var first *uint64
	for _, b := range s.backups {
		n := uint64(0)
		if m := lsn.FindStringSubmatch(b.Start); m != nil {
			high, _ := strconv.ParseUint(m[1], 16, 64) // the pattern holds digits only, few enough
			low, _ := strconv.ParseUint(m[2], 16, 64)
			n = high<<8 | low>>24
		} else if m := binlogPos.FindStringSubmatch(b.Start); m != nil {
			n, _ = strconv.ParseUint(m[1], 10, 63)
		}
		if first == nil || n < *first {
			first = &n
		}
	}
	if first == nil {
		return 0
	}
	return *first
}

// Judge names what is gone.
func (k Kept) Judge(_ context.Context, e *Evidence) reports.CheckResult {
	const what = "backups and files of the archived log"
	data := e.Extra[k.Name()]
	if len(data) == 0 {
		return inconclusive(what, unsure("nobody looked whether the backups are still there"))
	}
	var got keeping
	if err := json.Unmarshal(data, &got); err != nil {
		return inconclusive(what, unsure("what was seen of the backups cannot be read: "+err.Error()))
	}
	j := judging(what)
	j.res.Questions = []reports.Question{reports.Harmless}
	for _, b := range got.Backups {
		j.keptBackup(b, got.New)
		j.res.Covered.Planned += int64(min(b.Files, 1))
	}
	j.res.Covered.Planned += int64(got.Archive)
	j.res.Covered.Looked = j.res.Covered.Planned
	if j.res.Covered.Planned == 0 {
		return noted(what, "the recovery found no file of a backup: there was nothing to keep")
	}
	f := reports.Finding{
		Wanted: "every file from the oldest backup's start on", Found: strings.Join(got.Lost.First, ", "), Question: reports.Harmless,
		Hint: "log goes from the archive when no backup that is kept needs it any more",
	}
	switch n := got.Lost.Count; {
	case n > 0 && len(got.New) > 0:
		f.Summary = fmt.Sprintf("%s of the archived log %s gone: the recovery has taken a new backup, %s", plural(int64(n), "file"), are(uint64(n)), strings.Join(got.New, ", ")) //nolint:gosec // counts files
		f.Hint = ""
		j.note(f)
	case n > 0:
		f.Summary = fmt.Sprintf("%s of the archived log that %s there before the recovery %s gone, or shorter: the backups lead no further than that", plural(int64(n), "file"), were(n), are(uint64(n))) //nolint:gosec // counts files
		j.fail(f)
	}
	if got.NotListed != "" && e.Record != nil && e.Record.Restore == nil {
		j.note(reports.Finding{Summary: "whether the archived log is still there was not looked at: " + got.NotListed})
	}
	return j.done()
}

func were(n int) string {
	if n == 1 {
		return "was"
	}
	return "were"
}

// keptBackup judges one backup.
func (j *judgement) keptBackup(b keptBackup, fresh []string) {
	f := reports.Finding{Wanted: plural(int64(b.Files), "file") + ", as they were", Question: reports.Harmless, Hint: "copy what is restored, and leave the backup: it may be needed once more, and today"}
	tell := func(count some, what string) {
		f.Summary = fmt.Sprintf("the backup %s: %s %s", b.Path, plural(int64(count.Count), "file"), what)
		f.Found = strings.Join(count.First, ", ")
	}
	switch {
	case b.Files == 0:
		j.note(reports.Finding{Summary: "the backup " + b.Path + " was not looked at: the recovery found no file of it"})
		return
	case b.Gone.Count == b.Files && len(fresh) > 0:
		j.note(reports.Finding{Summary: "the backup " + b.Path + " is gone: the recovery has taken a new one, " + strings.Join(fresh, ", ")})
		return
	case b.Gone.Count == b.Files:
		f.Summary, f.Found = "the backup "+b.Path+" is gone", "no file of it"
		j.fail(f)
		return
	}
	if b.Gone.Count > 0 {
		tell(b.Gone, "gone")
		j.fail(f)
	}
	if b.Changed.Count > 0 {
		tell(b.Changed, "with other contents")
		j.fail(f)
	}
	if b.Touched.Count > 0 {
		tell(b.Touched, "written to: what it holds now nobody has read, for it is large")
		j.unsure(f)
	}
	if b.Added.Count > 0 {
		tell(b.Added, "more than before: what a restore of it brings now is not known")
		j.unsure(f)
	}
}
