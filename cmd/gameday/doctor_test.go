package main

import (
	"strings"
	"testing"
)

// nowhere is an address where nobody listens.
const nowhere = "tcp://127.0.0.1:1"

// Docker may be lacking where drills can run without it; what was named, or is to be run on, may not.
func TestDoctorFailsForWhatIsNeeded(t *testing.T) {
	t.Setenv("DOCKER_HOST", nowhere)
	for _, c := range []struct {
		on   string
		args []string
		code int
		want string
	}{
		{"", []string{"doctor", "docker"}, 3, "fail  docker  no Docker engine answers at " + nowhere},
		{"", []string{"doctor"}, 0, "warn  docker"},
		{"process", []string{"doctor"}, -1, "warn  docker"},
		{"container", []string{"doctor"}, 3, "fail  docker"},
		{"container", []string{"doctor", "place"}, 3, "fail  place  the system cannot live on container, which was asked for: no Docker engine answers at " + nowhere},
		{"embedded", []string{"doctor", "place"}, 0, "ok  place  drills run on embedded: this process itself, without a server, as was asked for\n"},
	} {
		t.Setenv("GAMEDAY_ON", c.on)
		got := gameday(t, c.args...)
		if c.code >= 0 && got.code != c.code || !strings.Contains(got.out.String(), c.want) {
			t.Errorf("with --on %q: %q ends with %d and does not say %q:\n%s", c.on, c.args, got.code, c.want, got.out.String())
		}
	}
}

// Where drills do not run in containers no image is looked for, let alone pulled.
func TestImagesAreOnlyHadWhereTheyAreNeeded(t *testing.T) {
	t.Setenv("DOCKER_HOST", nowhere)
	for on, want := range map[string]struct {
		code int
		says string
	}{
		"auto":      {0, "gameday: no images are needed: no Docker engine answers at " + nowhere + ", which DOCKER_HOST names\n"},
		"process":   {0, "gameday: no images are needed: drills run on process\n"},
		"embedded":  {0, "gameday: no images are needed: drills run on embedded\n"},
		"container": {3, "gameday: no Docker engine answers at " + nowhere},
	} {
		got := gameday(t, "images", "ensure", "--on", on, "postgres:17")
		if got.code != want.code || !strings.HasPrefix(got.err.String(), want.says) || got.out.String() != "" {
			t.Errorf("--on %s ends with %d and says %q, %q", on, got.code, got.out.String(), got.err.String())
		}
	}
}
