// Package suites finds the drill suites of a module, compiles them, and runs their binaries. It never runs them by
// go test: a signal to go test kills only go and leaves the suite behind with its faults injected, and go test answers
// from its cache.
package suites

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/url"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
)

// Adapter is the import path by which a package's tests are recognised as drills.
const Adapter = "github.com/recoverydrill/gameday/scenarios/suite"

// Suite is a package whose tests are drills.
type Suite struct {
	Package string // import path
	Dir     string // absolute; its binary runs in it
}

// Find returns the packages among patterns whose tests depend on adapter, directly or through a package of the team's
// own, sorted by import path. Patterns are those of go list, seen from the current directory.
func Find(ctx context.Context, adapter string, patterns []string) ([]Suite, error) {
	args := append([]string{"list", "-test", "-json=ImportPath,Name,Dir,Deps", "--"}, patterns...)
	out, err := goTool(ctx, args...)
	if err != nil {
		return nil, fmt.Errorf("list packages: %w", err)
	}
	var found []Suite
	for d := json.NewDecoder(bytes.NewReader(out)); ; {
		var p struct {
			ImportPath, Name, Dir string
			Deps                  []string
		}
		if err := d.Decode(&p); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			return nil, fmt.Errorf("read the list of packages: %w", err)
		}
		// The main package that go test would make of a package is named after it.
		of, isTest := strings.CutSuffix(p.ImportPath, ".test")
		if isTest && p.Name == "main" && of != adapter && slices.Contains(p.Deps, adapter) {
			found = append(found, Suite{Package: of, Dir: p.Dir})
		}
	}
	slices.SortFunc(found, func(a, b Suite) int { return strings.Compare(a.Package, b.Package) })
	return found, nil
}

// Packages lists the import paths of those patterns that name one package, and no tree of them.
func Packages(ctx context.Context, patterns []string) ([]string, error) {
	args := []string{"list", "--"}
	for _, p := range patterns {
		if !strings.Contains(p, "...") {
			args = append(args, p)
		}
	}
	if len(args) == 2 {
		return nil, nil
	}
	out, err := goTool(ctx, args...)
	if err != nil {
		return nil, fmt.Errorf("list packages: %w", err)
	}
	return strings.Fields(string(out)), nil
}

// Compile makes the suite's binary in dir and returns its path.
func (s Suite) Compile(ctx context.Context, dir string) (string, error) {
	path := filepath.Join(dir, url.PathEscape(s.Package)+".test") // no other package has that name
	if _, err := goTool(ctx, "test", "-c", "-o", path, s.Package); err != nil {
		return "", fmt.Errorf("compile %s: %w", s.Package, err)
	}
	return path, nil
}

// goTool runs the go command. Its error carries what go said.
func goTool(ctx context.Context, args ...string) ([]byte, error) {
	cmd := exec.CommandContext(ctx, "go", args...)
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	err := cmd.Run()
	switch said := strings.TrimSpace(stderr.String()); {
	case err == nil:
		return stdout.Bytes(), nil
	case ctx.Err() != nil:
		return nil, context.Cause(ctx)
	case errors.Is(err, exec.ErrNotFound):
		return nil, errors.New("go is not in PATH: suites are Go packages and are compiled here")
	case said != "":
		return nil, &GoError{Said: said}
	default:
		return nil, err
	}
}

// GoError is what the go command said when it did not succeed.
type GoError struct{ Said string }

func (e *GoError) Error() string { return e.Said }
