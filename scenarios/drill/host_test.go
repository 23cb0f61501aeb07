package drill

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/recoverydrill/gameday/reports"
)

// TestPressure: each is read from its own line, and what a host does not tell is not 0.
func TestPressure(t *testing.T) {
	file := filepath.Join(t.TempDir(), "io")
	const text = "some avg10=12.80 avg60=10.33 avg300=11.37 total=211716689\nfull avg10=1.81 avg60=2.20 avg300=1.25 total=40655051\n"
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	for line, want := range map[string]time.Duration{"some": 211716689 * time.Microsecond, "full": 40655051 * time.Microsecond} {
		if got, ok := (pressure{file, line}).total(); got != want || !ok {
			t.Errorf("%s: %v, %t", line, got, ok)
		}
	}
	for _, p := range []pressure{{file, "none"}, {file + "x", "some"}} {
		if _, ok := p.total(); ok || p.measure()() != -1 {
			t.Errorf("%v tells", p)
		}
	}
	measure := pressure{file, "full"}.measure()
	if err := os.WriteFile(file, []byte("full avg10=0.00 total=99940655051\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if got := measure(); got != 100 {
		t.Errorf("%v %%", got)
	}
	h := reports.Host{Pressed: -2, Stalled: -2}
	pressed()(&h)
	if h.Pressed < -1 || h.Stalled < -1 {
		t.Errorf("%+v", h)
	}
}
