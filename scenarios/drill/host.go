package drill

import (
	"bufio"
	"os"
	"runtime"
	"runtime/debug"
	"strconv"
	"strings"
	"time"

	"github.com/recoverydrill/gameday/reports"
)

// host says where the harness runs, as far as the machine tells.
func host() reports.Host {
	name, _ := os.Hostname() // an empty name is shown as such
	h := reports.Host{Name: name, OS: runtime.GOOS + "/" + runtime.GOARCH, CPUs: runtime.NumCPU(), Go: runtime.Version(), Gameday: revision(), Pressed: -1, Stalled: -1}
	h.CPU = procField("/proc/cpuinfo", "model name")
	if kb, err := strconv.ParseInt(strings.TrimSuffix(procField("/proc/meminfo", "MemTotal"), " kB"), 10, 64); err == nil {
		h.MemoryMB = kb / 1024
	}
	return h
}

// The pressures that are measured, each with the line of the kernel's that tells it; see its documentation on pressure stall
// information. Of processors that something had to wait is told ("some"); of disks that nothing else ran either ("full"): a
// database that commits always waits for a disk, on a machine that has nothing else to do as well.
var (
	onProcessors = pressure{"/proc/pressure/cpu", "some"}
	onDisks      = pressure{"/proc/pressure/io", "full"}
)

type pressure struct{ file, line string }

// total is how long it was so since the host was started; ok is false where the host does not tell.
func (p pressure) total() (total time.Duration, ok bool) {
	b, err := os.ReadFile(p.file)
	if err != nil {
		return 0, false
	}
	for line := range strings.Lines(string(b)) {
		if _, us, found := strings.Cut(line, "total="); found && strings.HasPrefix(line, p.line+" ") {
			n, err := strconv.ParseInt(strings.TrimSpace(us), 10, 64)
			return time.Duration(n) * time.Microsecond, err == nil
		}
	}
	return 0, false
}

// measure begins now; what it returns tells the share in percent, -1 where the host does not tell.
func (p pressure) measure() func() float64 {
	began := time.Now()
	first, ok := p.total()
	return func() float64 {
		last, still := p.total()
		if !ok || !still {
			return -1
		}
		return 100 * min(1, float64(last-first)/float64(time.Since(began)))
	}
}

// pressed measures from now on; what it returns writes the shares into the record.
func pressed() func(*reports.Host) {
	processors, disks := onProcessors.measure(), onDisks.measure()
	return func(h *reports.Host) { h.Pressed, h.Stalled = processors(), disks() }
}

func procField(file, field string) string {
	f, err := os.Open(file)
	if err != nil {
		return ""
	}
	defer f.Close() //nolint:errcheck // read only
	for sc := bufio.NewScanner(f); sc.Scan(); {
		if k, v, ok := strings.Cut(sc.Text(), ":"); ok && strings.TrimSpace(k) == field {
			return strings.TrimSpace(v)
		}
	}
	return ""
}

// revision is this module's version in the running binary, or the revision it was built from.
func revision() string {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return "unknown"
	}
	const path = "github.com/recoverydrill/gameday"
	for _, m := range info.Deps {
		if m.Path == path {
			return m.Version
		}
	}
	v := info.Main.Version
	for _, s := range info.Settings {
		if s.Key == "vcs.revision" {
			v = s.Value
		}
	}
	return v
}
