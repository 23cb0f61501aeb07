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
	h := reports.Host{Name: name, OS: runtime.GOOS + "/" + runtime.GOARCH, CPUs: runtime.NumCPU(), Go: runtime.Version(), Gameday: revision(), Pressed: -1}
	h.CPU = procField("/proc/cpuinfo", "model name")
	if kb, err := strconv.ParseInt(strings.TrimSuffix(procField("/proc/meminfo", "MemTotal"), " kB"), 10, 64); err == nil {
		h.MemoryMB = kb / 1024
	}
	return h
}

// pressure is how long, since the host was started, something on it has waited for a processor; ok is false where the host
// does not tell. See the kernel's documentation on pressure stall information, "some".
func pressure() (total time.Duration, ok bool) {
	b, err := os.ReadFile("/proc/pressure/cpu")
	if err != nil {
		return 0, false
	}
	some, _, _ := strings.Cut(string(b), "\n")
	_, us, found := strings.Cut(some, "total=")
	n, err := strconv.ParseInt(strings.TrimSpace(us), 10, 64)
	return time.Duration(n) * time.Microsecond, found && err == nil
}

// pressed measures from now on; what it returns tells the share in percent, -1 where the host does not tell.
func pressed() func() float64 {
	began := time.Now()
	first, ok := pressure()
	return func() float64 {
		last, still := pressure()
		if !ok || !still {
			return -1
		}
		return 100 * min(1, float64(last-first)/float64(time.Since(began)))
	}
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
