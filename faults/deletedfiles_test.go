package faults

import (
	"slices"
	"testing"
)

// Names may hold blanks and line ends, and nothing outside of the directory is ever deleted.
func TestOnlyWhatIsBelowADirectory(t *testing.T) {
	got := below("/data/ci builds/store/", "/data/ci builds/store/a b\x00/data/ci builds/store/c\nd\x00/data/ci\x00/data/ci builds/storehouse\x00\x00")
	if want := []string{"/data/ci builds/store/a b", "/data/ci builds/store/c\nd"}; !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}
