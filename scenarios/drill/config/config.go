// Package config reads gameday.yaml, the file in which a team writes down where its images come from and how its drills
// run. The command and the suites read the same file with it: the command hands its path on in [Variable].
package config

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"

	"github.com/recoverydrill/gameday/fixtures"
)

const (
	// Version is the only value of the key "version".
	Version = 1
	// FileName is where the command looks when no path is given, in the directory that it is started in.
	FileName = "gameday.yaml"
	// Variable is the environment variable in which a suite finds the absolute path of the file.
	Variable = "GAMEDAY_CONFIG"
)

// Environment variables by which the command tells a suite's binary the rest.
const (
	ReportDirVariable = "GAMEDAY_REPORT_DIR" // absolute; each run gets a directory of its own below it
	OnVariable        = "GAMEDAY_ON"         // one of [Providers]
	ProgressVariable  = "GAMEDAY_PROGRESS"   // not empty: print a line for each phase to standard error
	SeedVariable      = "GAMEDAY_SEED"       // decimal: the seed of drills that name none
	LevelVariable     = "GAMEDAY_LEVEL"      // one of reports.Levels, for every drill; "" leaves each its own
	// PlanVariable ends each drill before its recovery, once that has told its plan. It holds the report directory once
	// more, so that no leftover of it makes a run of tests skip its drills.
	PlanVariable = "GAMEDAY_PLAN"
	// SabotageVariable makes recoveries wrong on purpose and judges whether that is noticed, as "gameday sabotage" does: the
	// IDs of acts, separated by commas, each either for every scenario or "SCENARIO:ID". "control" is none, "all" is every
	// act that does not take the recovery's own place. While it is set no drill passes, whatever its scenario says.
	SabotageVariable = "GAMEDAY_SABOTAGE"
)

// Auto is the one of [Providers] that leaves the choice to what there is.
const Auto = "auto"

// Config is the contents of a gameday.yaml. A field that is not in the file has its zero value, which means "not said".
type Config struct {
	Path      string            // absolute, of the file that was read
	Images    map[string]string // "postgres:17" to the reference that is used for it
	ReportDir string            // absolute; the file names it relative to itself
	On        string            // one of [Providers]
	Timeout   time.Duration     // for each suite
}

// Providers are the values of the key "on" and of the option --on: where the nodes of a drill live. They are [Auto] and
// the places of [fixtures.Place].
func Providers() []string {
	return []string{Auto, string(fixtures.InContainers), string(fixtures.InProcesses), string(fixtures.Embedded)}
}

// keys are those that a file may have, as they are listed to a person who wrote another one.
var keys = []string{"version", "images", "report_dir", "on", "timeout"}

// Error is something wrong in a file: which line, and what would be right.
type Error struct {
	Path    string
	Line    int // 0 where the file as a whole is wrong
	Problem string
}

func (e *Error) Error() string {
	if e.Line == 0 {
		return fmt.Sprintf("%s: %s", e.Path, e.Problem)
	}
	return fmt.Sprintf("%s:%d: %s", e.Path, e.Line, e.Problem)
}

// Load reads the file at path. Whatever the file says that is not understood is an *[Error]: a key that was mistyped
// must not silently mean its default.
func Load(path string) (Config, error) {
	abs, err := filepath.Abs(path)
	if err != nil {
		return Config{}, fmt.Errorf("resolve %q: %w", path, err)
	}
	r, err := os.Open(abs) //nolint:gosec // the caller's own file
	if err != nil {
		return Config{}, fmt.Errorf("read the configuration: %w", err)
	}
	defer func() { _ = r.Close() }()
	c := Config{Path: abs}
	if err := c.read(r, path); err != nil {
		return Config{}, err
	}
	return c, nil
}

// read fills the configuration. shown is its path as the person wrote it.
func (c *Config) read(r io.Reader, shown string) error {
	top, err := mapping(r, shown)
	if err != nil {
		return err
	}
	seen := map[string]bool{}
	for i := 0; i+1 < len(top.Content); i += 2 {
		key, value := top.Content[i], top.Content[i+1]
		wrong := func(n *yaml.Node, format string, args ...any) error {
			return &Error{Path: shown, Line: n.Line, Problem: fmt.Sprintf(format, args...)}
		}
		if !slices.Contains(keys, key.Value) {
			return wrong(key, "unknown key %q; known are %s", key.Value, strings.Join(keys, ", "))
		}
		if seen[key.Value] {
			return wrong(key, "key %q occurs twice", key.Value)
		}
		seen[key.Value] = true
		if bad, problem := c.set(key.Value, value); problem != "" {
			return wrong(bad, "%s: %s", key.Value, problem)
		}
	}
	if !seen["version"] {
		return &Error{Path: shown, Problem: fmt.Sprintf("the key \"version\" is missing; write \"version: %d\"", Version)}
	}
	return nil
}

// mapping returns the one document of a file, which must be a mapping.
func mapping(r io.Reader, shown string) (*yaml.Node, error) {
	d := yaml.NewDecoder(r)
	var doc, second yaml.Node
	if err := d.Decode(&doc); errors.Is(err, io.EOF) {
		return nil, &Error{Path: shown, Problem: fmt.Sprintf("the file is empty; it begins with \"version: %d\"", Version)}
	} else if err != nil {
		return nil, &Error{Path: shown, Problem: err.Error()}
	}
	if err := d.Decode(&second); !errors.Is(err, io.EOF) {
		return nil, &Error{Path: shown, Problem: "holds more than one document"}
	}
	top := doc.Content[0]
	if top.Kind != yaml.MappingNode {
		return nil, &Error{Path: shown, Line: top.Line, Problem: "is no mapping of keys to values; known keys are " + strings.Join(keys, ", ")}
	}
	return top, nil
}

// set takes over one value. A problem is returned with the node that it lies in.
func (c *Config) set(key string, value *yaml.Node) (*yaml.Node, string) {
	if key == "images" {
		return c.setImages(value)
	}
	if value.Kind != yaml.ScalarNode || value.Tag == "!!null" || value.Value == "" {
		return value, "needs a value"
	}
	switch key {
	case "version":
		if value.Value != fmt.Sprint(Version) {
			return value, fmt.Sprintf("this gameday reads version %d, not %q", Version, value.Value)
		}
	case "report_dir":
		c.ReportDir = value.Value
		if !filepath.IsAbs(c.ReportDir) {
			c.ReportDir = filepath.Join(filepath.Dir(c.Path), c.ReportDir)
		}
	case "on":
		if err := CheckProvider(value.Value); err != nil {
			return value, err.Error()
		}
		c.On = value.Value
	case "timeout":
		d, err := time.ParseDuration(value.Value)
		if err != nil || d <= 0 {
			return value, fmt.Sprintf("%q is no duration such as 30m or 1h30m", value.Value)
		}
		c.Timeout = d
	}
	return nil, ""
}

func (c *Config) setImages(value *yaml.Node) (*yaml.Node, string) {
	if value.Kind != yaml.MappingNode {
		return value, "is no mapping such as \"postgres:17\": registry.example/postgres:17.4"
	}
	c.Images = map[string]string{}
	for i := 0; i+1 < len(value.Content); i += 2 {
		k, v := value.Content[i], value.Content[i+1]
		if _, ok := c.Images[k.Value]; ok {
			return k, fmt.Sprintf("%q occurs twice", k.Value)
		}
		if engine, version, ok := strings.Cut(k.Value, ":"); !ok || engine == "" || version == "" {
			return k, fmt.Sprintf("%q is no engine:version such as postgres:17", k.Value)
		}
		if v.Kind != yaml.ScalarNode || v.Tag == "!!null" || strings.TrimSpace(v.Value) == "" {
			return v, fmt.Sprintf("%q needs an image reference", k.Value)
		}
		c.Images[k.Value] = strings.TrimSpace(v.Value)
	}
	return nil, ""
}

// CheckProvider returns an error that lists the words which are understood, unless name is one of them.
func CheckProvider(name string) error {
	if slices.Contains(Providers(), name) {
		return nil
	}
	return fmt.Errorf("%q is none of %s", name, strings.Join(Providers(), ", "))
}
