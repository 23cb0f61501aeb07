package gameday_test

import (
	"bytes"
	"os"
	"os/exec"
	"strings"
	"testing"
)

// The matrix in the documentation is what "make matrix" makes of the scenarios that there are.
func TestMatrixIsThatOfTheScenarios(t *testing.T) {
	if testing.Short() {
		t.Skip("compiles every suite")
	}
	cmd := exec.CommandContext(t.Context(), "make", "-s", "print-matrix")
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	want, err := cmd.Output()
	if err != nil {
		t.Fatalf("list the scenarios: %v\n%s", err, stderr.String())
	}
	got, err := os.ReadFile("docs/matrix.md")
	if err != nil {
		t.Fatal(err)
	}
	if _, table, _ := strings.Cut(string(got), "\n\n|"); "|"+table != string(want) {
		t.Errorf("docs/matrix.md is not of these scenarios; `make matrix` writes it anew. Wanted:\n%s", want)
	}
}
