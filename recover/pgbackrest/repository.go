package pgbackrest

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"path"
	"regexp"
	"slices"
	"strconv"
	"strings"

	recovery "github.com/recoverydrill/gameday/recover"
)

// repository is what a stanza holds.
type repository struct {
	sets      []set
	segments  map[string]bool     // by archive ID and name: whether a segment that is there is sound
	histories map[string][]branch // by the file's archive ID and name: the timelines up to that one, the first first
	archive   map[int]string      // archive IDs by the number of the database in the repository
	trouble   string              // why there is nothing to choose from
}

// set is one backup, as pgBackRest tells of it.
type set struct {
	Label    string
	Type     string
	Archive  struct{ Start, Stop string }
	LSN      struct{ Start, Stop string }
	Database struct{ ID int }
	Info     struct{ Size int64 } // bytes of all files, restored

	whole bool
}

const command = `pgbackrest --config="$GAMEDAY_PGBACKREST_CONFIG" --stanza="$GAMEDAY_PGBACKREST_STANZA" --log-level-stderr=error`

// look reads the repository. It changes nothing.
func (r *run) look(ctx context.Context) (repository, error) {
	out, err := r.server.Sh(ctx, `command -v pgbackrest >/dev/null || { echo "there is no pgbackrest on $(hostname)" >&2; exit 1; }
`+command+` info --output=json`, nil)
	if err != nil {
		return repository{}, fmt.Errorf("ask pgbackrest for its backups: %w", err)
	}
	repo, err := readInfo([]byte(out))
	if err != nil || repo.trouble != "" {
		return repo, err
	}
	if out, err = r.server.Sh(ctx, command+` repo-ls archive/"$GAMEDAY_PGBACKREST_STANZA" --recurse --output=json`, nil); err != nil {
		return repository{}, fmt.Errorf("list the archive: %w", err)
	}
	if err := repo.readListing([]byte(out)); err != nil {
		return repository{}, err
	}
	if err := r.readHistories(ctx, &repo); err != nil {
		return repository{}, err
	}
	if r.Unverified {
		for i := range repo.sets {
			repo.sets[i].whole = true
		}
		return repo, nil
	}
	// It ends with 0 whatever it finds: what it prints is its verdict.
	if out, err = r.server.Sh(ctx, command+` verify --output=text --verbose --log-level-console=info`, nil); err != nil {
		return repository{}, fmt.Errorf("verify the repository: %w", err)
	}
	repo.readVerdict(out)
	return repo, nil
}

func readInfo(b []byte) (repository, error) {
	var stanzas []struct {
		Backup []set
		DB     []struct {
			ID      int
			Version string
		}
		Status struct{ Message string }
		Repo   []struct{ Status struct{ Message string } }
	}
	if err := json.Unmarshal(b, &stanzas); err != nil {
		return repository{}, fmt.Errorf("read what pgbackrest tells of its backups: %w", err)
	}
	repo := repository{segments: map[string]bool{}, histories: map[string][]branch{}, archive: map[int]string{}}
	if len(stanzas) != 1 {
		repo.trouble = "the repository does not know the stanza"
		return repo, nil
	}
	s := stanzas[0]
	repo.sets = s.Backup
	for _, db := range s.DB {
		repo.archive[db.ID] = fmt.Sprintf("%s-%d", db.Version, db.ID)
	}
	if len(s.Backup) == 0 {
		repo.trouble = "the repository holds no backup: " + s.Status.Message
		for _, r := range s.Repo {
			first, _, _ := strings.Cut(r.Status.Message, "\n")
			repo.trouble += " (" + first + ")"
		}
	}
	return repo, nil
}

var segmentName = regexp.MustCompile(`^([0-9A-F]{24})-[0-9a-f]{40}`)

// readListing takes the segments and histories that there are from what repo-ls prints.
func (r *repository) readListing(b []byte) error {
	var files map[string]struct{ Size int64 }
	if err := json.Unmarshal(b, &files); err != nil {
		return fmt.Errorf("read the listing of the archive: %w", err)
	}
	for name, f := range files {
		if m := segmentName.FindStringSubmatch(path.Base(name)); m != nil && f.Size > 0 {
			id, _, _ := strings.Cut(name, "/")
			r.segments[id+"/"+m[1]] = true
		}
		if historyName.MatchString(name) {
			r.histories[name] = nil
		}
	}
	return nil
}

var (
	backupVerdict = regexp.MustCompile(`(?m)^\s*backup: (\S+), status: (\w+)`)
	archiveTotals = regexp.MustCompile(`archiveId: (\S+), total WAL checked: (\d+), total valid WAL: (\d+)`)
	badSegment    = regexp.MustCompile(`(?m)(?:invalid|missing)\b.*?(\d[\d.]*-\d+)/[0-9A-F]{16}/([0-9A-F]{24})-`)
)

// readVerdict takes from what verify prints which backups are whole and which segments are damaged. A backup that it does
// not speak of has no files any more.
func (r *repository) readVerdict(text string) {
	valid := map[string]bool{}
	for _, m := range backupVerdict.FindAllStringSubmatch(text, -1) {
		valid[m[1]] = m[2] == "valid"
	}
	for i := range r.sets {
		r.sets[i].whole = valid[r.sets[i].Label]
	}
	for _, m := range badSegment.FindAllStringSubmatch(text, -1) {
		r.segments[m[1]+"/"+m[2]] = false
	}
	for _, m := range archiveTotals.FindAllStringSubmatch(text, -1) {
		checked, _ := strconv.Atoi(m[2])
		valid, _ := strconv.Atoi(m[3])
		if r.damaged(m[1]) < checked-valid {
			r.trouble = fmt.Sprintf("verify finds %d of %d segments of archive %s valid, and does not name the others", valid, checked, m[1])
		}
	}
}

// damaged counts the segments of an archive that are there and not sound.
func (r *repository) damaged(id string) int {
	n := 0
	for name, sound := range r.segments {
		if strings.HasPrefix(name, id+"/") && !sound {
			n++
		}
	}
	return n
}

// choice is the newest backup that serves, or why none does.
type choice struct {
	set
	segments int      // from its first to the target's
	passed   []string // why newer ones do not serve, the newest first
	gap      bool     // one is whole and lies before the target, and the log is not
}

// pick looks for the newest backup that is whole, ends before the target, and has all of the log from it on.
func (r repository) pick(want target, label string) (choice, bool) {
	var c choice
	if r.trouble != "" {
		c.passed = append(c.passed, r.trouble)
		return c, false
	}
	for _, s := range slices.Backward(r.sets) {
		if label != "" && s.Label != label {
			continue
		}
		why, log := "", false
		switch {
		case !s.whole:
			why = "is damaged or gone"
		case want.position != "" && !precedes(s.LSN.Stop, want.position):
			why = fmt.Sprintf("ends at %s, after the target at %s", s.LSN.Stop, want.position)
		default:
			c.segments, why = r.gap(s, want)
			log = true
		}
		if why == "" {
			c.set = s
			return c, true
		}
		c.gap = c.gap || log
		c.passed = append(c.passed, s.Label+" "+why)
	}
	if len(c.passed) == 0 {
		c.passed = append(c.passed, fmt.Sprintf("the repository has no backup %q", label))
	}
	return c, false
}

// segmentSize is that of a server which was not built or initialised with another.
const segmentSize = 16 << 20

const perFile = (1 << 32) / segmentSize

// gap counts the segments that a restore of a set to a target needs, and says which is the first that is not there or is
// damaged. Each must be of the timeline that was current there: the same segment of a branch that was left holds something
// else, and a server takes it where the right one is missing.
func (r repository) gap(s set, want target) (needed int, why string) {
	id := r.archive[s.Database.ID]
	from, first, err := segment(s.Archive.Start)
	if err != nil {
		return 0, "does not tell where its log begins"
	}
	h, why := r.way(id, from, want)
	if why == "" {
		why = s.leads(from, h)
	}
	if why != "" {
		return 0, why
	}
	last := uint64(0)
	if want.position == "" {
		h = r.archived(id, from, h)
		last = r.last(id, h[len(h)-1].timeline)
	} else {
		at, err := position(want.position)
		if err != nil {
			return 0, err.Error()
		}
		last = (at - 1) / segmentSize
	}
	if last < first {
		return 0, "has no log after it"
	}
	needed = int(last - first + 1) //nolint:gosec // a number of files
	for n := first; n <= last; n++ {
		if why := r.lacks(id, current(h, n), n); why != "" {
			return needed, why
		}
	}
	return needed, ""
}

func (r repository) lacks(id string, timeline uint32, n uint64) string {
	name := fmt.Sprintf("%08X%08X%08X", timeline, n/perFile, n%perFile)
	switch sound, there := r.segments[id+"/"+name]; {
	case sound:
		return ""
	case there:
		return fmt.Sprintf("needs segment %s, which is damaged", name)
	}
	return fmt.Sprintf("needs segment %s, which is missing", name)
}

// segment takes a segment's name apart: its timeline, and its number from the log's beginning.
func segment(name string) (timeline uint32, number uint64, err error) {
	if len(name) != 24 {
		return 0, 0, fmt.Errorf("%q is no segment of the log", name)
	}
	tl, err1 := strconv.ParseUint(name[:8], 16, 32)
	high, err2 := strconv.ParseUint(name[8:16], 16, 32)
	low, err3 := strconv.ParseUint(name[16:], 16, 32)
	return uint32(tl), high*perFile + low, errors.Join(err1, err2, err3) //nolint:gosec // 32 bits were asked for
}

// position reads a position of the log.
func position(s string) (uint64, error) {
	high, low, _ := strings.Cut(s, "/")
	h, err1 := strconv.ParseUint(high, 16, 32)
	l, err2 := strconv.ParseUint(low, 16, 32)
	if err := errors.Join(err1, err2); err != nil {
		return 0, fmt.Errorf("%q is no position of the log: %w", s, err)
	}
	return h<<32 | l, nil
}

// precedes tells whether one position is not after another.
func precedes(one, other string) bool {
	a, err1 := position(one)
	b, err2 := position(other)
	return err1 == nil && err2 == nil && a <= b
}

// choose looks, and refuses where nothing in the repository leads to the target.
func (r *run) choose(ctx context.Context) error {
	repo, err := r.look(ctx)
	if err != nil {
		return err
	}
	c, ok := repo.pick(r.want, r.Set)
	if !ok {
		return recovery.Refuse("no backup in the repository leads to the target: %s", strings.Join(c.passed, "; "))
	}
	for _, why := range c.passed {
		r.server.Say("passed over: %s", why)
	}
	r.server.Say("%s backup %s, %d segments of the log", c.Type, c.Label, c.segments)
	r.chosen = c.set
	return nil
}
