package drill

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/recoverydrill/gameday/fixtures"
	recovery "github.com/recoverydrill/gameday/recover"
	"github.com/recoverydrill/gameday/reports"
)

const (
	meterInterval = 500 * time.Millisecond // between two looks
	meterShare    = 9                      // times as long as a look takes passes until the next: looking costs a tenth at most
	meterLimit    = 5 * time.Second        // for one look
)

// meter looks at what nodes and a command on this host use while a recovery runs, about twice a second and when a step
// begins. It never makes the recovery wait.
type meter struct {
	clock   fixtures.Clock
	sources []*source
	kick    chan struct{}
	stop    context.CancelFunc
	done    chan struct{}
}

// source is one thing that uses resources.
type source struct {
	name  string
	meter fixtures.Metered // nil cannot be measured
	peak  func() int64     // memory that the operating system remembers; nil where it does not
	err   error            // the last look's

	mu     sync.Mutex
	points []point
}

type point struct {
	ns int64
	fixtures.Usage
}

// startMeter begins to look. account ends it.
func startMeter(ctx context.Context, clock fixtures.Clock, sys fixtures.System, r recovery.Recovery) *meter {
	m := &meter{clock: clock, kick: make(chan struct{}, 1), done: make(chan struct{})}
	for _, member := range sys.Members() {
		s := &source{name: member.Node.Name()}
		s.meter, _ = member.Node.(fixtures.Metered)
		m.sources = append(m.sources, s)
	}
	if metered, ok := r.(fixtures.Metered); ok {
		s := &source{name: reports.HostUsage, meter: metered}
		if p, ok := r.(interface{ PeakMemory() int64 }); ok {
			s.peak = p.PeakMemory
		}
		m.sources = append(m.sources, s)
	}
	ctx, m.stop = context.WithCancel(context.WithoutCancel(ctx))
	go m.run(ctx)
	return m
}

func (m *meter) run(ctx context.Context) {
	defer close(m.done)
	for {
		began := time.Now()
		m.sample(ctx)
		wait := time.NewTimer(max(meterInterval, meterShare*time.Since(began)))
		select {
		case <-ctx.Done():
			wait.Stop()
			return
		case <-m.kick:
		case <-wait.C:
		}
		wait.Stop()
	}
}

// look asks for a look now. It does not wait for it.
func (m *meter) look() {
	select {
	case m.kick <- struct{}{}:
	default:
	}
}

func (m *meter) sample(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, meterLimit)
	defer cancel()
	var all sync.WaitGroup
	for _, s := range m.sources {
		if s.meter == nil {
			continue
		}
		all.Go(func() {
			began := m.clock.NowNS()
			u, err := s.meter.Usage(ctx)
			s.mu.Lock()
			defer s.mu.Unlock()
			if err != nil {
				s.err = err
				return
			}
			s.points = append(s.points, point{ns: (began + m.clock.NowNS()) / 2, Usage: u})
		})
	}
	all.Wait()
}

// account ends the meter with a last look and writes down what the recovery and each of its steps have used.
func (m *meter) account(ctx context.Context, rr *reports.Recovery) {
	m.stop()
	<-m.done
	m.sample(context.WithoutCancel(ctx))
	rr.Usage = m.between(rr.DeclaredNS, rr.EndedNS, true)
	for i := range rr.Steps {
		rr.Steps[i].Usage = m.between(rr.Steps[i].StartNS, rr.Steps[i].EndNS, false)
	}
}

func (m *meter) between(from, to int64, whole bool) []reports.NodeUsage {
	var all []reports.NodeUsage
	for _, s := range m.sources {
		u := s.between(from, to)
		if s.peak != nil && whole && u.Unmeasured == "" {
			u.PeakMemoryBytes = max(u.PeakMemoryBytes, s.peak())
		}
		all = append(all, u)
	}
	return all
}

// between is what was used in a span. Counters are taken between two looks in proportion to the time.
func (s *source) between(from, to int64) reports.NodeUsage {
	s.mu.Lock()
	defer s.mu.Unlock()
	none := reports.NodeUsage{
		Node: s.name, CPUMS: -1, BytesRead: -1, BytesWritten: -1, PeakMemoryBytes: -1, PeakDiskBytes: -1, DiskGrowthBytes: -1,
	}
	switch {
	case s.meter == nil:
		none.Unmeasured = "this place does not tell"
		return none
	case len(s.points) < 2:
		none.Unmeasured = "there were too few looks"
		if s.err != nil && !errors.Is(s.err, context.Canceled) {
			none.Unmeasured = fmt.Sprintf("it could not be looked at: %v", s.err)
		}
		return none
	}
	begin, end := s.at(from), s.at(to)
	u := reports.NodeUsage{
		Node:      s.name,
		CPUMS:     used(int64(begin.CPU), int64(end.CPU)),
		BytesRead: used(begin.BytesRead, end.BytesRead), BytesWritten: used(begin.BytesWritten, end.BytesWritten),
		PeakMemoryBytes: -1, PeakDiskBytes: -1, DiskGrowthBytes: -1,
	}
	if u.CPUMS > 0 {
		u.CPUMS = time.Duration(u.CPUMS).Milliseconds()
	}
	lowest := int64(-1)
	see := func(p point) {
		u.PeakMemoryBytes = max(u.PeakMemoryBytes, p.Memory)
		u.PeakDiskBytes = max(u.PeakDiskBytes, p.Disk)
		if p.Disk < 0 {
			return
		}
		if lowest < 0 || p.Disk < lowest {
			lowest = p.Disk
		}
		u.DiskGrowthBytes = max(u.DiskGrowthBytes, p.Disk-lowest)
	}
	see(begin)
	for _, p := range s.points {
		if p.ns > from && p.ns < to {
			see(p)
		}
	}
	see(end)
	return u
}

// used is the growth of a counter, -1 where it is not known.
func used(from, to int64) int64 {
	if from < 0 || to < 0 {
		return -1
	}
	return max(0, to-from)
}

// at is the state at a moment: what was seen then, or between the looks before and after it.
func (s *source) at(ns int64) point {
	last := s.points[0]
	for _, p := range s.points {
		if p.ns >= ns {
			return between(last, p, ns)
		}
		last = p
	}
	return last
}

func between(a, b point, ns int64) point {
	if b.ns <= a.ns || ns <= a.ns {
		return a
	}
	share := float64(ns-a.ns) / float64(b.ns-a.ns)
	mix := func(x, y int64) int64 {
		if x < 0 || y < 0 {
			return -1
		}
		return x + int64(share*float64(y-x))
	}
	p := point{ns: ns}
	p.CPU = time.Duration(mix(int64(a.CPU), int64(b.CPU)))
	p.BytesRead, p.BytesWritten = mix(a.BytesRead, b.BytesRead), mix(a.BytesWritten, b.BytesWritten)
	p.Memory, p.Disk = mix(a.Memory, b.Memory), mix(a.Disk, b.Disk)
	return p
}

// setMeter makes steps known to a meter; nil ends that.
func (d *Drill) setMeter(m *meter) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.meter = m
}
