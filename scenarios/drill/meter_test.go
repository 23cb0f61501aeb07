package drill

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/recoverydrill/gameday/fixtures"
)

func looks(all ...point) *source { return &source{name: "n", meter: silent{}, points: all} }

type silent struct{}

func (silent) Usage(context.Context) (fixtures.Usage, error) {
	return fixtures.Usage{}, errors.New("no cgroup")
}

func seen(ns int64, cpu time.Duration, written, memory, disk int64) point {
	return point{ns: ns, Usage: fixtures.Usage{CPU: cpu, BytesRead: -1, BytesWritten: written, Memory: memory, Disk: disk}}
}

func TestUseIsDividedBetweenSteps(t *testing.T) {
	s := looks(
		seen(100, 1*time.Second, 0, 50, 1000),
		seen(200, 3*time.Second, 400, 90, 200), // wiped
		seen(300, 3*time.Second, 800, 60, 700), // restored
		seen(400, 4*time.Second, 800, 55, 700),
	)
	for name, c := range map[string]struct {
		from, to                         int64
		cpu, written, memory, disk, grew int64
	}{
		"all of it":             {100, 400, 3000, 800, 90, 1000, 500},
		"from before the first": {0, 400, 3000, 800, 90, 1000, 500},
		"until after the last":  {100, 900, 3000, 800, 90, 1000, 500},
		"half a look":           {100, 150, 1000, 200, 70, 1000, 0},
		"around a look":         {150, 250, 1000, 400, 90, 600, 250},
		"nothing":               {310, 310, 0, 0, 60, 700, 0},
	} {
		u := s.between(c.from, c.to)
		if u.CPUMS != c.cpu || u.BytesWritten != c.written || u.PeakMemoryBytes != c.memory || u.PeakDiskBytes != c.disk || u.DiskGrowthBytes != c.grew {
			t.Errorf("%s: got %+v, want %+v", name, u, c)
		}
		if u.BytesRead != -1 || u.Unmeasured != "" {
			t.Errorf("%s: what nobody tells became %d (%s)", name, u.BytesRead, u.Unmeasured)
		}
	}
	if a, b := s.between(100, 222), s.between(222, 400); a.CPUMS+b.CPUMS != 3000 || a.BytesWritten+b.BytesWritten != 800 {
		t.Errorf("two parts do not make the whole: %+v, %+v", a, b)
	}
}

// A figure that nobody has is never 0.
func TestWhatWasNotLookedAtIsUnknown(t *testing.T) {
	for name, s := range map[string]*source{
		"no ability": {name: "n"}, "no look": looks(), "one look": looks(seen(100, 1, 1, 1, 1)), "errors": {name: "n", meter: silent{}, err: errors.New("no cgroup")},
	} {
		if u := s.between(1, 2); u.Unmeasured == "" || u.CPUMS != -1 || u.BytesWritten != -1 || u.PeakMemoryBytes != -1 || u.PeakDiskBytes != -1 || u.DiskGrowthBytes != -1 {
			t.Errorf("%s: got %+v", name, u)
		}
	}
}
