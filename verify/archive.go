package verify

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"path"
	"regexp"
	"slices"
	"strconv"

	"github.com/recoverydrill/gameday/fixtures"
	"github.com/recoverydrill/gameday/reports"
)

// Archive wants the archived log, of each server that has an archive, to be without a gap, and that of the server that clients
// reach to get what is written after the recovery: a recovery may bring
// service back and break the next one, by throwing away log that was not archived yet or by leaving the archive stuck. It
// is for scenarios whose recovery touches the log; name it beside the default checks.
type Archive struct{}

var (
	_ Check     = Archive{}
	_ Collector = Archive{}
	_ Later     = Archive{}
)

// Name is "archive".
func (Archive) Name() string { return "archive" }

// Promise is what a passed check means.
func (Archive) Promise() string {
	return "the archived log has no gap, and what is written after the recovery reaches it"
}

// archived is what the check observes.
type archived struct {
	Files []string `json:"files"`           // of all archives, by path; of older evidence, by name
	Empty []string `json:"empty,omitempty"` // of them, those without a byte
	Stuck string   `json:"stuck,omitempty"` // why the archive did not get what was written last
}

// Collect takes a mark, waits until the archive holds it, and lists the archive.
func (Archive) Collect(ctx context.Context, sys fixtures.System) ([]byte, error) {
	marker, ok := sys.(fixtures.Marker)
	if !ok {
		return nil, &fixtures.UnsupportedError{What: "engine " + sys.Info().Engine, Need: "fixtures.Marker", For: "see that the log reaches its archive"}
	}
	var a archived
	before, err := archivedFiles(ctx, sys)
	if err != nil {
		return nil, fmt.Errorf("list the archived log: %w", err)
	}
	m, err := marker.Mark(ctx, "after the recovery")
	if err == nil {
		err = marker.Archived(ctx, m)
	}
	if ctx.Err() != nil {
		return nil, ctx.Err()
	}
	if err != nil {
		a.Stuck = err.Error()
	}
	files, err := archivedFiles(ctx, sys)
	if err != nil {
		return nil, fmt.Errorf("list the archived log: %w", err)
	}
	if !grew(before, files) && a.Stuck == "" { // the server may believe whatever it likes
		a.Stuck = fmt.Sprintf("the archive has %s as before the mark", plural(int64(len(files)), "file"))
	}
	for _, f := range files {
		a.Files = append(a.Files, f.Path)
		if f.Size == 0 {
			a.Empty = append(a.Empty, f.Path)
		}
	}
	return json.Marshal(a)
}

// grew says that there is a file that was not there before, or one that is longer now. Others may have been merged and
// removed meanwhile. Of several archives of binary logs it asks the last: another server's may grow for itself.
func grew(before, now []fixtures.File) bool {
	if n := len(now); n > 0 && binlog.MatchString(path.Base(now[n-1].Path)) {
		serving := path.Dir(now[n-1].Path)
		now = slices.DeleteFunc(slices.Clone(now), func(f fixtures.File) bool { return path.Dir(f.Path) != serving })
	}
	size := map[string]int64{}
	for _, f := range before {
		size[f.Path] = f.Size
	}
	for _, f := range now {
		if was, ok := size[f.Path]; f.Size > 0 && (!ok || f.Size > was) {
			return true
		}
	}
	return false
}

// CollectLater is Collect: a mark after everything else disturbs nobody.
func (a Archive) CollectLater(ctx context.Context, sys fixtures.System, _ *fixtures.Manifest) ([]byte, error) {
	return a.Collect(ctx, sys)
}

// Judge looks for gaps.
func (Archive) Judge(_ context.Context, e *Evidence) reports.CheckResult {
	const what = "archived files"
	data := e.Extra[Archive{}.Name()]
	if len(data) == 0 {
		return inconclusive(what, unsure("nobody looked into the archive"))
	}
	var a archived
	if err := json.Unmarshal(data, &a); err != nil {
		return inconclusive(what, unsure("what was seen in the archive cannot be read: "+err.Error()))
	}
	j := judging(what)
	j.res.Questions = []reports.Question{reports.BackedUp}
	j.res.Covered.Planned, j.res.Covered.Looked = int64(len(a.Files)), int64(len(a.Files))
	if a.Stuck != "" {
		j.fail(reports.Finding{
			Summary: "what was written after the recovery does not reach the archive", Wanted: "the log up to a mark of now", Found: a.Stuck, Question: reports.BackedUp,
			Hint: "the recovery must remove what the archive is stuck on, and see it work",
		})
	}
	for _, name := range a.Empty {
		j.fail(reports.Finding{Summary: "the archived file " + name + " is empty", Wanted: "the log of its name", Found: "0 bytes", Question: reports.BackedUp})
	}
	numbered := inSeries(a.Files)
	merged := j.mergedGaps(a.Files)
	if len(numbered) == 0 && !merged && a.Stuck == "" {
		j.unsure(unsure("the archive holds no log that could be told to be whole"))
	}
	for series, numbers := range numbered {
		for i := 1; i < len(numbers); i++ {
			if gap := numbers[i] - numbers[i-1] - 1; gap > 0 {
				j.fail(reports.Finding{
					Summary: fmt.Sprintf("%s of the log %s missing in the archive: nothing can be recovered across the gap", plural(int64(gap), "file"), are(gap)), //nolint:gosec // counts files
					Wanted:  "every file from the first to the last", Found: fmt.Sprintf("none between number %d and %d of %q", numbers[i-1], numbers[i], series), Question: reports.BackedUp,
					Hint: "log goes from a server's disk only when the archive has it",
				})
			}
		}
	}
	j.timelineGaps(a.Files)
	return j.done()
}

// timelineGaps looks for segments of PostgreSQL's log that no timeline has: a server that was promoted goes on where the old
// one's archive may not have ended yet.
func (j *judgement) timelineGaps(names []string) {
	var all []uint64
	timelines := map[string]bool{}
	for _, name := range names {
		if timeline, number, ok := segmentOf(name); ok {
			timelines[timeline] = true
			all = append(all, number)
		}
	}
	if len(timelines) < 2 {
		return // what is missing of one is told already
	}
	slices.Sort(all)
	all = slices.Compact(all)
	for i := 1; i < len(all); i++ {
		if gap := all[i] - all[i-1] - 1; gap > 0 {
			j.fail(reports.Finding{
				Summary: fmt.Sprintf("%s of the log %s missing in the archive where the timeline changed: no backup from before can be recovered across the gap", plural(int64(gap), "file"), are(gap)), //nolint:gosec // counts files
				Wanted:  "every file from the first to the last, on one timeline or another", Found: fmt.Sprintf("none between number %d and %d", all[i-1], all[i]), Question: reports.BackedUp,
				Hint: "a standby archives what it was sent only with archive_mode = always: take a new backup after a promotion, or let standbys archive",
			})
		}
	}
}

// span is a run of transactions.
type span struct{ from, to uint64 }

// spans are the transactions that files of a Litestream replica hold, in order.
func spans(names []string) (all []span) {
	for _, name := range names {
		if m := transactions.FindStringSubmatch(path.Base(name)); m != nil {
			from, _ := strconv.ParseUint(m[1], 16, 64) // the pattern holds digits only, few enough
			to, _ := strconv.ParseUint(m[2], 16, 64)
			all = append(all, span{from, to})
		}
	}
	slices.SortFunc(all, func(a, b span) int { return cmp.Compare(a.from, b.from) })
	return all
}

// holdsAll says whether files in order hold all of a run of transactions.
func holdsAll(all []span, want span) bool {
	next := want.from
	for _, s := range all {
		if s.from <= next && s.to >= next {
			next = s.to + 1
		}
	}
	return next > want.to
}

// mergedGaps looks for transactions that no file of a Litestream replica holds; false where it has no such files.
func (j *judgement) mergedGaps(names []string) bool {
	all := spans(names)
	for i, last := 1, uint64(0); i < len(all); i++ {
		if last = max(last, all[i-1].to); all[i].from > last+1 {
			j.fail(reports.Finding{
				Summary: fmt.Sprintf("the transactions %016x to %016x are missing in the replica: nothing can be recovered across the gap", last+1, all[i].from-1),
				Wanted:  "every transaction from the first to the last", Question: reports.BackedUp,
			})
		}
	}
	return len(all) > 0
}

func are(n uint64) string {
	if n == 1 {
		return "is"
	}
	return "are"
}

var (
	segment      = regexp.MustCompile(`^([0-9A-F]{8})([0-9A-F]{8})000000([0-9A-F]{2})$`) // PostgreSQL: timeline, log, 16 MiB of it
	transactions = regexp.MustCompile(`^([0-9a-f]{16})-([0-9a-f]{16})\.ltx$`)            // Litestream: the first and the last of a file
	binlog       = regexp.MustCompile(`^(.*\.)([0-9]{6,})$`)                             // MySQL: a name that ends in a number
)

// segmentOf is the timeline of a file of PostgreSQL's log and its number, if it is one.
func segmentOf(name string) (timeline string, number uint64, ok bool) {
	m := segment.FindStringSubmatch(path.Base(name))
	if m == nil {
		return "", 0, false
	}
	log, _ := strconv.ParseUint(m[2], 16, 32) // the pattern holds digits only, few enough
	part, _ := strconv.ParseUint(m[3], 16, 8)
	return m[1], log<<8 | part, true
}

// inSeries sorts the numbers of archived files by the series that they belong to: a directory, and in it a timeline or a base
// name. What has no number is left out.
func inSeries(names []string) map[string][]uint64 {
	all := map[string][]uint64{}
	for _, name := range names {
		series, number := path.Dir(name)+"/", uint64(0)
		if timeline, n, ok := segmentOf(name); ok {
			series, number = series+timeline, n
		} else if m := binlog.FindStringSubmatch(path.Base(name)); m != nil {
			series += m[1]
			number, _ = strconv.ParseUint(m[2], 10, 63)
		} else {
			continue
		}
		all[series] = append(all[series], number)
	}
	for _, numbers := range all {
		slices.Sort(numbers)
	}
	return all
}
