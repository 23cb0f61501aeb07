package config_test

import (
	"errors"
	"os"
	"path/filepath"
	"reflect"
	"testing"
	"time"

	"github.com/recoverydrill/gameday/scenarios/drill/config"
)

func write(t *testing.T, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), config.FileName)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestLoadReadsEveryKey(t *testing.T) {
	path := write(t, `version: 1
images:
  "postgres:17": registry.example/postgres:17.4
  postgres:16: local/pg16
report_dir: out/drills
on: container
timeout: 1h30m
`)
	got, err := config.Load(path)
	if err != nil {
		t.Fatal(err)
	}
	want := config.Config{
		Path:      path,
		Images:    map[string]string{"postgres:17": "registry.example/postgres:17.4", "postgres:16": "local/pg16"},
		ReportDir: filepath.Join(filepath.Dir(path), "out/drills"),
		On:        "container",
		Timeout:   90 * time.Minute,
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got  %+v\nwant %+v", got, want)
	}
}

// A file that is not understood to its last word is refused: a mistyped key would otherwise run the drill with another
// image, or without the limit, that its author believes in.
func TestLoadRefuses(t *testing.T) {
	for name, c := range map[string]struct {
		text string
		line int
		want string
	}{
		"an unknown key":       {"version: 1\nimage: {}\n", 2, `unknown key "image"; known are version, images, report_dir, on, timeout`},
		"a key twice":          {"version: 1\non: auto\non: process\n", 3, `key "on" occurs twice`},
		"no version":           {"on: auto\n", 0, `the key "version" is missing; write "version: 1"`},
		"a later version":      {"version: 2\n", 1, `version: this gameday reads version 1, not "2"`},
		"a version as text":    {"version: one\n", 1, `version: this gameday reads version 1, not "one"`},
		"an empty file":        {"", 0, `the file is empty; it begins with "version: 1"`},
		"a list":               {"- version\n", 1, "is no mapping of keys to values; known keys are version, images, report_dir, on, timeout"},
		"two documents":        {"version: 1\n---\nversion: 1\n", 0, "holds more than one document"},
		"an unknown provider":  {"version: 1\non: docker\n", 2, `on: "docker" is none of auto, container, process, embedded`},
		"a number as timeout":  {"version: 1\ntimeout: 30\n", 2, `timeout: "30" is no duration such as 30m or 1h30m`},
		"a negative timeout":   {"version: 1\ntimeout: -1m\n", 2, `timeout: "-1m" is no duration such as 30m or 1h30m`},
		"a key without value":  {"version: 1\nreport_dir:\n", 2, "report_dir: needs a value"},
		"images as a list":     {"version: 1\nimages: [a]\n", 2, "images: is no mapping such as \"postgres:17\": registry.example/postgres:17.4"},
		"an image, no version": {"version: 1\nimages:\n  postgres: x\n", 3, `images: "postgres" is no engine:version such as postgres:17`},
		"an image without ref": {"version: 1\nimages:\n  postgres:17:\n", 3, `images: "postgres:17" needs an image reference`},
		"an image twice":       {"version: 1\nimages:\n  postgres:17: a\n  postgres:17: b\n", 4, `images: "postgres:17" occurs twice`},
	} {
		t.Run(name, func(t *testing.T) {
			path := write(t, c.text)
			f, err := config.Load(path)
			var got *config.Error
			if !errors.As(err, &got) {
				t.Fatalf("got %+v and error %v, want a *config.Error", f, err)
			}
			if want := (config.Error{Path: path, Line: c.line, Problem: c.want}); *got != want {
				t.Errorf("got  %+v\nwant %+v", *got, want)
			}
		})
	}
}

func TestLoadSaysThatTheFileIsMissing(t *testing.T) {
	if _, err := config.Load(filepath.Join(t.TempDir(), "no.yaml")); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("got %v, want one that wraps os.ErrNotExist", err)
	}
}
