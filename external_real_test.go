package gameday_test

import (
	"os"
	"os/exec"
	"testing"
)

// TestExternalModule runs a team's own suite: another module, with its own schema, data and recovery script, that uses
// nothing but the exported API.
func TestExternalModule(t *testing.T) {
	if testing.Short() {
		t.Skip("needs Docker")
	}
	cmd := exec.CommandContext(t.Context(), "go", "test", "-count=1", "-timeout=5m", "./...")
	cmd.Dir = "testdata/external"
	cmd.Env = append(os.Environ(), "GAMEDAY_REPORT_DIR="+t.TempDir())
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Errorf("%v\n%s", err, out)
	}
}
