package pgbackrest

import (
	"context"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// branch is a part of a history: a timeline, and the position from which on it is the current one.
type branch struct {
	timeline uint32
	begin    uint64 // 0 of the first
}

var historyName = regexp.MustCompile(`^[^/]+/[0-9A-F]{8}\.history$`)

func historyFile(id string, timeline uint32) string {
	return fmt.Sprintf("%s/%08X.history", id, timeline)
}

// readHistories reads the files that the listing names. The first timeline has none.
func (r *run) readHistories(ctx context.Context, repo *repository) error {
	if len(repo.histories) == 0 {
		return nil
	}
	out, err := r.server.Sh(ctx, `
for file in $FILES; do
  echo "file $file"
  `+command+` repo-get archive/"$GAMEDAY_PGBACKREST_STANZA/$file"
done`, map[string]string{"FILES": strings.Join(slices.Sorted(maps.Keys(repo.histories)), " ")})
	if err != nil {
		return fmt.Errorf("read the histories of the archive's timelines: %w", err)
	}
	return repo.readHistories(out)
}

// readHistories takes the histories from what the server has written into their files: a line for each timeline that led
// to this one, with the position at which it was left.
func (r *repository) readHistories(text string) error {
	name, begin := "", uint64(0)
	for line := range strings.Lines(text) {
		fields := strings.Fields(line)
		switch {
		case len(fields) == 2 && fields[0] == "file":
			name, begin = fields[1], 0
			of, err := strconv.ParseUint(strings.TrimSuffix(name[strings.LastIndexByte(name, '/')+1:], ".history"), 16, 32)
			if err != nil {
				return fmt.Errorf("%q is no history of a timeline: %w", name, err)
			}
			r.histories[name] = []branch{{timeline: uint32(of)}} //nolint:gosec // 32 bits were asked for
		case len(fields) >= 2 && !strings.HasPrefix(line, "#"):
			parent, err := strconv.ParseUint(fields[0], 10, 32)
			if err != nil {
				return fmt.Errorf("read the history %s: %w", name, err)
			}
			h := r.histories[name]
			own := len(h) - 1
			h = append(h, h[own])
			h[own] = branch{timeline: uint32(parent), begin: begin} //nolint:gosec // 32 bits were asked for
			if begin, err = position(fields[1]); err != nil {
				return fmt.Errorf("read the history %s: %w", name, err)
			}
			h[own+1].begin = begin
			r.histories[name] = h
		}
	}
	return nil
}

// way is the history that a server follows from a backup on one timeline to the target, or why there is none. Without a
// target it probes for one history after the other and takes the last.
func (r repository) way(id string, from uint32, want target) (h []branch, why string) {
	until := want.timeline
	if want.position == "" {
		for until = from; r.histories[historyFile(id, until+1)] != nil; {
			until++
		}
	}
	h = r.histories[historyFile(id, until)]
	switch {
	case len(h) > 0:
	case until == 1 || (want.position == "" && until == from):
		h = []branch{{timeline: until}}
	default:
		return nil, fmt.Sprintf("needs the history %08X.history, which is missing", until)
	}
	return h, ""
}

// archived leaves out the timelines at the end of a history that have archived nothing: a server finds there the log of
// what they came from.
func (r repository) archived(id string, from uint32, h []branch) []branch {
	for len(h) > 1 && h[len(h)-1].timeline != from && r.last(id, h[len(h)-1].timeline) == 0 {
		h = h[:len(h)-1]
	}
	return h
}

// leads tells why a backup is not on the way.
func (s set) leads(from uint32, h []branch) (why string) {
	i := slices.IndexFunc(h, func(b branch) bool { return b.timeline == from })
	if i < 0 {
		return fmt.Sprintf("is of timeline %d, which does not lead to the target's, %d", from, h[len(h)-1].timeline)
	}
	end, err := position(s.LSN.Stop)
	if err != nil {
		return err.Error()
	}
	if i+1 < len(h) && end > h[i+1].begin {
		return fmt.Sprintf("ends at %s on timeline %d, which the target's had left at %X/%X", s.LSN.Stop, from, h[i+1].begin>>32, uint32(h[i+1].begin)) //nolint:gosec // its lower half
	}
	return ""
}

// current is the timeline whose segment a server reads: where one is left in the middle of a segment, the next one's begins
// with a copy of what lies before.
func current(h []branch, n uint64) uint32 {
	for _, b := range slices.Backward(h) {
		if b.begin/segmentSize <= n {
			return b.timeline
		}
	}
	return h[0].timeline
}

// last is the number of the last segment that the archive holds of a timeline, 0 if there is none.
func (r repository) last(id string, timeline uint32) (last uint64) {
	for name := range r.segments {
		if of, seg, ok := strings.Cut(name, "/"); ok && of == id {
			if tl, n, err := segment(seg); err == nil && tl == timeline {
				last = max(last, n)
			}
		}
	}
	return last
}
