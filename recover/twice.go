package recovery

import (
	"context"
	"time"

	"github.com/recoverydrill/gameday/fixtures"
)

// settleLimit is how long it may take to ask what an interrupted run has used.
const settleLimit = 5 * time.Second

// unknown is what is used by something that does not tell.
var unknown = fixtures.Usage{CPU: -1, BytesRead: -1, BytesWritten: -1, Memory: -1, Disk: -1}

// Possible is the recovery's own: see [Bound].
func (t *Twice) Possible(sys fixtures.System) error {
	if b, ok := t.Recovery.(Bound); ok {
		return b.Possible(sys)
	}
	return nil
}

// Privilege is the recovery's own: see [Privileged].
func (t *Twice) Privilege() string {
	if p, ok := t.Recovery.(Privileged); ok {
		return p.Privilege()
	}
	return ""
}

// Line is the recovery's own command line; nil where it has none.
func (t *Twice) Line() []string {
	if l, ok := t.Recovery.(interface{ Line() []string }); ok {
		return l.Line()
	}
	return nil
}

// Begin forgets what was used before.
func (t *Twice) Begin() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.spent, t.peak = fixtures.Usage{}, 0
	if b, ok := t.Recovery.(interface{ Begin() }); ok {
		b.Begin()
	}
}

// Usage is what both runs have used. Of a recovery that does not tell, it is -1 throughout.
func (t *Twice) Usage(ctx context.Context) (fixtures.Usage, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	m, ok := t.Recovery.(fixtures.Metered)
	if !ok {
		return unknown, nil
	}
	u, err := m.Usage(ctx)
	return plus(t.spent, u), err
}

// PeakMemory is the larger of both runs' in bytes, -1 of a recovery that does not tell.
func (t *Twice) PeakMemory() int64 {
	t.mu.Lock()
	defer t.mu.Unlock()
	now := t.peakNow()
	if now < 0 {
		return now
	}
	return max(t.peak, now)
}

func (t *Twice) peakNow() int64 {
	if p, ok := t.Recovery.(interface{ PeakMemory() int64 }); ok {
		return p.PeakMemory()
	}
	return -1
}

// settle keeps what the interrupted run has used, before a recovery that begins anew forgets it.
func (t *Twice) settle(ctx context.Context) {
	t.mu.Lock()
	defer t.mu.Unlock()
	m, metered := t.Recovery.(fixtures.Metered)
	b, begins := t.Recovery.(interface{ Begin() })
	if !metered || !begins { // its own figures go on
		return
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), settleLimit)
	defer cancel()
	u, err := m.Usage(ctx)
	if err != nil {
		u = unknown
	}
	t.spent, t.peak = plus(t.spent, u), max(t.peak, t.peakNow())
	b.Begin()
}

// plus adds the counters of two spans. What is unknown of one is unknown of both; memory and disk are those of now.
func plus(before, now fixtures.Usage) fixtures.Usage {
	add := func(a, b int64) int64 {
		if a < 0 || b < 0 {
			return -1
		}
		return a + b
	}
	now.CPU = time.Duration(add(int64(before.CPU), int64(now.CPU)))
	now.BytesRead = add(before.BytesRead, now.BytesRead)
	now.BytesWritten = add(before.BytesWritten, now.BytesWritten)
	return now
}
