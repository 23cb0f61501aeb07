package gameday_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io"
	"os/exec"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

const module = "github.com/recoverydrill/gameday"

// mayImport is what the packages of a top folder may import of ours, apart from their own
// folder.
var mayImport = map[string][]string{
	"":          {},
	"fixtures":  {},
	"faults":    {"fixtures"},
	"recover":   {"fixtures"},
	"reports":   {"fixtures"},
	"verify":    {"fixtures", "reports"},
	"scenarios": {"fixtures", "faults", "recover", "reports", "verify"},
	"cmd":       {"fixtures", "faults", "recover", "reports", "verify", "scenarios"},
}

// contracts are the folders whose root package is on the standard library alone, so that whoever implements one drags
// nothing else along.
var contracts = []string{"fixtures", "faults", "recover", "reports", "verify"}

// heavy are the libraries that exactly one place knows, so that they can be replaced there. Tests count too.
var heavy = []struct{ library, owner, also string }{
	{library: "github.com/testcontainers/testcontainers-go", owner: "fixtures/container"},
	{library: "github.com/moby/moby", owner: "fixtures/container", also: "fixtures/images"},
	{library: "github.com/docker", owner: "fixtures/container", also: "fixtures/images"},
	{library: "github.com/Shopify/toxiproxy", owner: "fixtures/route"},
}

// drivers are the libraries by which an engine is talked to, and engineless the packages that serve every engine: a suite
// that uses one engine is not to carry the others.
var (
	drivers    = []string{"github.com/jackc/pgx", "github.com/go-sql-driver/mysql", "modernc.org/sqlite", "github.com/benbjohnson/litestream"}
	engineless = []string{"fixtures/manifest", "faults", "recover", "reports", "verify", "verify/sabotage", "scenarios/drill", "scenarios/suite"}
)

// ginkgoKnown is the only package whose own code knows Ginkgo or Gomega. Tests may use them, except the command's:
// importing Ginkgo registers some fifty flags in every binary.
const ginkgoKnown = "scenarios/suite"

var ginkgoLibraries = []string{"github.com/onsi/ginkgo", "github.com/onsi/gomega"}

// environmentCalls read or write the environment of the process, which only cmd and scenarios/suite do: everything
// below is told what it needs.
var environmentCalls = []string{"Getenv", "LookupEnv", "Environ", "ExpandEnv", "Setenv", "Unsetenv", "Clearenv"}

// mayUse lists the exceptions by folder: which of those calls, and why.
var mayUse = map[string]struct {
	calls  []string
	reason string
}{
	"fixtures/container/docker": {[]string{"Getenv", "Setenv"}, "testcontainers-go passes over a DOCKER_HOST that does not answer, knows no Podman, and is told by variables only which engine to use and that its Ryuk is not here"},
	"fixtures/images":           {[]string{"Environ"}, "the program that builds an image inherits the environment, with the proxy to reach Debian by"},
	"recover":                   {[]string{"Environ"}, "a team's own command inherits the environment of whoever starts it, as in its shell"},
}

// listed is what a package is and imports, as `go list -json` tells it.
type listed struct {
	ImportPath   string
	Name         string
	Dir          string
	GoFiles      []string
	Imports      []string
	TestImports  []string
	XTestImports []string
	Deps         []string
}

// folder is the package's path below the module, "" for its root.
func (p listed) folder() string {
	return strings.TrimPrefix(strings.TrimPrefix(p.ImportPath, module), "/")
}

func TestPackagesKeepToTheirLayer(t *testing.T) {
	packages := list(t)
	for top := range mayImport {
		if !slices.ContainsFunc(packages, func(p listed) bool { return topOf(p.folder()) == top }) {
			t.Errorf("go list names no package of %q: the table was not looked at", top)
		}
	}
	for _, p := range packages {
		for _, v := range breaches(p) {
			t.Error(v)
		}
	}
}

func TestCodeHasNoRegistriesAndReadsNoEnvironment(t *testing.T) {
	looked := 0
	for _, p := range list(t) {
		for _, name := range p.GoFiles {
			fset := token.NewFileSet()
			f, err := parser.ParseFile(fset, filepath.Join(p.Dir, name), nil, parser.SkipObjectResolution)
			if err != nil {
				t.Fatal(err)
			}
			looked++
			for _, v := range hiddenInputs(p.folder(), f) {
				t.Errorf("%s: %s", fset.Position(v.at), v.what)
			}
		}
	}
	if looked < 20 {
		t.Errorf("looked at %d files only", looked)
	}
}

// list runs go list over the module.
func list(t *testing.T) []listed {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "go", "list", "-json=ImportPath,Name,Dir,GoFiles,Imports,TestImports,XTestImports,Deps", "./...")
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("go list: %v\n%s", err, &stderr)
	}
	var all []listed
	for d := json.NewDecoder(bytes.NewReader(out)); ; {
		var p listed
		if err := d.Decode(&p); errors.Is(err, io.EOF) {
			return all
		} else if err != nil {
			t.Fatalf("read go list: %v", err)
		}
		all = append(all, p)
	}
}

// breaches returns what a package imports and must not, one line each.
func breaches(p listed) []string {
	var out []string
	breach := func(imported, rule string) {
		out = append(out, fmt.Sprintf("%s imports %s: %s", p.ImportPath, imported, rule))
	}
	folder, tests := p.folder(), slices.Concat(p.TestImports, p.XTestImports)
	top := topOf(folder)
	allowed, known := mayImport[top]
	if !known {
		return []string{fmt.Sprintf("%s: there is no top folder %q in mayImport", p.ImportPath, top)}
	}
	for _, i := range p.Imports {
		ours, isOurs := ourFolder(i)
		switch {
		case isOurs && topOf(ours) != top && !slices.Contains(allowed, topOf(ours)):
			breach(i, fmt.Sprintf("of ours, %s may import %q only", top, allowed))
		case slices.Contains(contracts, folder) && !isOurs && !standard(i):
			breach(i, "the root package of a folder is on the standard library")
		case within(i, ginkgoLibraries...) && folder != ginkgoKnown:
			breach(i, "only "+ginkgoKnown+" and tests know Ginkgo and Gomega")
		case i == "testing" && folder != ginkgoKnown && !strings.HasSuffix(path.Base(folder), "test"):
			breach(i, "only "+ginkgoKnown+" and packages named ...test know it outside tests")
		}
	}
	for _, i := range slices.Concat(p.Imports, tests) {
		for _, h := range heavy {
			if within(i, h.library) && !within(folder, h.owner) && (h.also == "" || !within(folder, h.also)) {
				breach(i, "only these know it: "+strings.TrimSpace(h.owner+" "+h.also))
			}
		}
	}
	if slices.Contains(engineless, folder) {
		for _, i := range p.Deps {
			if within(i, drivers...) {
				breach(i, "it serves every engine, and must know none, not even through another package")
			}
		}
	}
	if top == "cmd" {
		for _, i := range slices.Concat(p.Deps, tests) {
			if within(i, ginkgoLibraries...) {
				breach(i, "the command must not, not even through another package, and neither must its tests")
			}
		}
	}
	for _, word := range []string{"util", "helper", "manager", "common"} {
		if strings.Contains(p.Name, word) {
			out = append(out, fmt.Sprintf("%s: the word %q says nothing about what the package is", p.ImportPath, word))
		}
	}
	return out
}

// topOf is the first element of a folder's path.
func topOf(folder string) string {
	top, _, _ := strings.Cut(folder, "/")
	return top
}

// ourFolder returns the folder of an import path of this module.
func ourFolder(importPath string) (string, bool) {
	if importPath == module {
		return "", true
	}
	return strings.CutPrefix(importPath, module+"/")
}

// within says whether a path is one of the roots or below one, versions (/v2) included.
func within(p string, roots ...string) bool {
	return slices.ContainsFunc(roots, func(root string) bool { return p == root || strings.HasPrefix(p, root+"/") })
}

// standard says whether an import path is the standard library's: its first element has no dot.
func standard(importPath string) bool { return !strings.Contains(topOf(importPath), ".") }

type found struct {
	at   token.Pos
	what string
}

// hiddenInputs finds the init functions of a file, and its use of the environment where the folder may not have it.
func hiddenInputs(folder string, f *ast.File) []found {
	var out []found
	for _, d := range f.Decls {
		if fn, ok := d.(*ast.FuncDecl); ok && fn.Recv == nil && fn.Name.Name == "init" {
			out = append(out, found{fn.Pos(), "func init: constructors are passed as values, nothing registers itself"})
		}
	}
	if topOf(folder) == "cmd" || within(folder, ginkgoKnown) {
		return out
	}
	name := importName(f, "os")
	ast.Inspect(f, func(n ast.Node) bool {
		s, ok := n.(*ast.SelectorExpr)
		if !ok {
			return true
		}
		x, ok := s.X.(*ast.Ident)
		if ok && name != "" && x.Name == name && slices.Contains(environmentCalls, s.Sel.Name) && !slices.Contains(mayUse[folder].calls, s.Sel.Name) {
			out = append(out, found{s.Pos(), "os." + s.Sel.Name + ": only cmd and scenarios/suite use the environment; pass the value in"})
		}
		return true
	})
	return out
}

// importName is the name by which a file knows a standard package, "" if it does not.
func importName(f *ast.File, importPath string) string {
	for _, i := range f.Imports {
		if p, err := strconv.Unquote(i.Path.Value); err != nil || p != importPath {
			continue
		}
		if i.Name != nil {
			return i.Name.Name
		}
		return path.Base(importPath)
	}
	return ""
}

// The rules themselves, on packages that do not exist: each breach is found, and what is allowed is not.
func TestBreachesAreFound(t *testing.T) {
	ours := func(folder string) string { return module + "/" + folder }
	for name, c := range map[string]struct {
		p    listed
		want string // "" is none
	}{
		"fixtures import a fault":          {listed{ImportPath: ours("fixtures/postgres"), Imports: []string{ours("faults")}}, "of ours, fixtures may import [] only"},
		"faults import verify":             {listed{ImportPath: ours("faults"), Imports: []string{ours("verify")}}, `of ours, faults may import ["fixtures"] only`},
		"verify imports recover":           {listed{ImportPath: ours("verify"), Imports: []string{ours("recover/pgpitr")}}, "of ours, verify may import"},
		"a new top folder":                 {listed{ImportPath: ours("lib/x")}, `no top folder "lib"`},
		"a contract imports a library":     {listed{ImportPath: ours("verify"), Imports: []string{"github.com/jackc/pgx/v5"}}, "standard library"},
		"a driver imports testcontainers":  {listed{ImportPath: ours("fixtures/postgres"), Imports: []string{"github.com/testcontainers/testcontainers-go/wait"}}, "only these know it: fixtures/container"},
		"a test imports testcontainers":    {listed{ImportPath: ours("faults"), XTestImports: []string{"github.com/testcontainers/testcontainers-go"}}, "only these know it: fixtures/container"},
		"a scenario imports toxiproxy":     {listed{ImportPath: ours("scenarios/drill"), TestImports: []string{"github.com/Shopify/toxiproxy/v2"}}, "only these know it: fixtures/route"},
		"a container client in cmd":        {listed{ImportPath: ours("cmd/gameday"), Imports: []string{"github.com/moby/moby/client"}}, "only these know it: fixtures/container fixtures/images"},
		"ginkgo in drill":                  {listed{ImportPath: ours("scenarios/drill"), Imports: []string{"github.com/onsi/gomega"}}, "know Ginkgo and Gomega"},
		"ginkgo in cmd, through another":   {listed{ImportPath: ours("cmd/gameday"), Deps: []string{"github.com/onsi/ginkgo/v2/types"}}, "the command must not"},
		"ginkgo in the command's tests":    {listed{ImportPath: ours("cmd/gameday"), XTestImports: []string{"github.com/onsi/gomega"}}, "the command must not"},
		"drills know a driver, by another": {listed{ImportPath: ours("scenarios/drill"), Deps: []string{"github.com/jackc/pgx/v5/pgconn"}}, "it serves every engine"},
		"a suite knows its driver":         {listed{ImportPath: ours("scenarios/postgres"), Deps: []string{"github.com/jackc/pgx/v5"}}, ""},
		"testing in a fault":               {listed{ImportPath: ours("faults"), Imports: []string{"testing"}}, "packages named ...test know it"},
		"testing in drill":                 {listed{ImportPath: ours("scenarios/drill"), Imports: []string{"testing"}}, "packages named ...test know it"},
		"a package of nothing":             {listed{ImportPath: ours("fixtures/x"), Name: "pgutil"}, `the word "util" says nothing`},
		"drills import everything":         {listed{ImportPath: ours("scenarios/drill"), Imports: []string{ours("fixtures/route"), ours("recover"), ours("verify"), "context"}}, ""},
		"a suite's tests import ginkgo":    {listed{ImportPath: ours("scenarios/postgres"), XTestImports: []string{"github.com/onsi/ginkgo/v2"}}, ""},
		"the adapter imports ginkgo":       {listed{ImportPath: ours("scenarios/suite"), Imports: []string{"github.com/onsi/ginkgo/v2", "testing"}}, ""},
		"a contract test imports testing":  {listed{ImportPath: ours("fixtures/fixturetest"), Imports: []string{"testing", ours("fixtures")}}, ""},
		"the owner imports testcontainers": {listed{ImportPath: ours("fixtures/container"), Imports: []string{"github.com/testcontainers/testcontainers-go", "github.com/moby/moby/client"}}, ""},
		"images import the client":         {listed{ImportPath: ours("fixtures/images"), Imports: []string{"github.com/moby/moby/client"}}, ""},
		"a similar name is no breach":      {listed{ImportPath: ours("fixtures/postgres"), Imports: []string{"github.com/Shopify/toxiproxylike"}}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			got := breaches(c.p)
			switch {
			case c.want == "" && len(got) > 0:
				t.Errorf("got %q, want none", got)
			case c.want != "" && (len(got) != 1 || !strings.Contains(got[0], c.want)):
				t.Errorf("got %q, want one that says %q", got, c.want)
			}
		})
	}
}

func TestHiddenInputsAreFound(t *testing.T) {
	const src = `package x
import sys "os"
type t struct{}
func (t) init() {}
func init() { _ = sys.Getenv("A") }
var v, _ = sys.LookupEnv("B")
var f = sys.ReadFile
`
	f, err := parser.ParseFile(token.NewFileSet(), "x.go", src, parser.SkipObjectResolution)
	if err != nil {
		t.Fatal(err)
	}
	for folder, want := range map[string]int{"faults": 3, "cmd/gameday": 1, "scenarios/suite": 1, "scenarios/drill": 3, "fixtures/images": 3, "fixtures/container/docker": 2} {
		if got := hiddenInputs(folder, f); len(got) != want {
			t.Errorf("%s: found %v, want %d", folder, got, want)
		}
	}
}
