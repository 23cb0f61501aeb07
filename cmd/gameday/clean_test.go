package main

import (
	"errors"
	"slices"
	"testing"

	"github.com/recoverydrill/gameday/fixtures/container/docker"
)

// On a machine without Docker there is nothing of Docker's to clean up; whatever else goes wrong there is told.
func TestCleaningUpNeedsNoDocker(t *testing.T) {
	nowhere := &docker.AbsentError{} // neither named nor to be found
	lives := errors.New("kill process 7: operation not permitted")
	for name, c := range map[string]struct {
		err, want error
	}{
		"no Docker":                {nowhere, nil},
		"no Docker, in a list":     {errors.Join(nil, nowhere), nil},
		"no Docker, and a process": {errors.Join(lives, nowhere), lives},
		"a process":                {lives, lives},
	} {
		things, err := everywhere(
			func() ([]string, error) { return []string{"a"}, c.err },
			func() ([]string, error) { return []string{"b"}, nil },
		)
		if !errors.Is(err, c.want) || err != nil && errors.Is(err, nowhere) || !slices.Equal(things, []string{"a", "b"}) {
			t.Errorf("%s: got %q, %v", name, things, err)
		}
	}
}
