package recovery

import (
	"context"
	"os"
	"syscall"
	"time"

	"github.com/recoverydrill/gameday/fixtures"
)

// Usage is what the command's process group has used on this host, with the children that its processes have awaited; after
// its end, what the operating system says of it, and never less than was seen before; before its start, nothing. What it runs
// on nodes that are processes of this host is its child too, and counted here. Disk is never known: it is this host's.
func (c *HostCommand) Usage(context.Context) (fixtures.Usage, error) {
	c.mu.Lock()
	group, used := c.group, c.used
	c.mu.Unlock()
	if used != (fixtures.Usage{}) {
		return used, nil
	}
	if group == 0 { // not started: all that it will use is still to come
		return fixtures.Usage{Disk: -1}, nil
	}
	u := fixtures.ProcessesUsage(fixtures.ProcessGroup(group))
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.used != (fixtures.Usage{}) { // it has ended meanwhile
		return c.used, nil
	}
	u.CPU, u.BytesRead, u.BytesWritten = max(u.CPU, c.seen.CPU), max(u.BytesRead, c.seen.BytesRead), max(u.BytesWritten, c.seen.BytesWritten)
	c.seen = u
	return u, nil
}

// Begin forgets what the command has used before: one command may be the recovery of several drills.
func (c *HostCommand) Begin() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.used, c.seen, c.peak = fixtures.Usage{}, fixtures.Usage{}, 0
}

// ended keeps what the operating system says of a command that has ended, with the children that it awaited.
func (c *HostCommand) ended(state *os.ProcessState) {
	if state == nil {
		return
	}
	u := fixtures.Usage{CPU: max(state.UserTime()+state.SystemTime(), time.Nanosecond), BytesRead: -1, BytesWritten: -1, Memory: 0, Disk: -1}
	if r, ok := state.SysUsage().(*syscall.Rusage); ok {
		u.BytesRead, u.BytesWritten = int64(r.Inblock)*512, int64(r.Oublock)*512 //nolint:unconvert,nolintlint // the type differs between systems
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	u.CPU, u.BytesRead, u.BytesWritten = max(u.CPU, c.seen.CPU), max(u.BytesRead, c.seen.BytesRead), max(u.BytesWritten, c.seen.BytesWritten)
	c.used = u
	if r, ok := state.SysUsage().(*syscall.Rusage); ok {
		c.peak = int64(r.Maxrss) * 1024 //nolint:unconvert,nolintlint // kilobytes on Linux
	}
}

// PeakMemory is the largest memory that one process of the command had, in bytes; 0 before its end.
func (c *HostCommand) PeakMemory() int64 {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.peak
}
