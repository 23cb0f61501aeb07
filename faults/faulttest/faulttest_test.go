package faulttest

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/recoverydrill/gameday/faults"
	"github.com/recoverydrill/gameday/fixtures"
	"github.com/recoverydrill/gameday/fixtures/embedded"
	"github.com/recoverydrill/gameday/fixtures/keyvalue"
)

// shelf is a store in memory: enough for what is not about the store.
type shelf map[string][]byte

func (s shelf) Get(key string) ([]byte, bool, error) {
	value, there := s[key]
	return value, there, nil
}

func (s shelf) Commit(writes []keyvalue.Write) error {
	for _, w := range writes {
		if s[w.Key] = w.Value; w.Value == nil {
			delete(s, w.Key)
		}
	}
	return nil
}

func (s shelf) Scan(each func(key string, value []byte) error) error {
	for key, value := range s {
		if err := each(key, value); err != nil {
			return err
		}
	}
	return nil
}

func (s shelf) Close() error { return nil }

// emptied is a fault that keeps the contract: it takes what is in stock, and can give it back. Its fields break it.
type emptied struct {
	description faults.Description
	idle        bool              // it does nothing
	stays       bool              // healing does nothing
	once        bool              // healing a second time fails
	late        bool              // what is needed for healing is only known at the end
	outage      bool              // it says that it is one
	silent      bool              // it says that it is
	proves      bool              // it proves anything
	keys        []string          // that it says it has hit
	leaves      fixtures.FileKind // "file", "process"

	renamed  bool
	injected bool
	healed   int
}

func (e *emptied) Describe() faults.Description {
	d := e.description
	if e.renamed && e.injected {
		d.Name += " once more"
	}
	return d
}

func (e *emptied) Inject(ctx context.Context, sys fixtures.System) error {
	op := sys.(fixtures.Operator)
	if !e.late {
		e.injected = true
	}
	if !e.idle {
		if err := op.Statement(context.WithoutCancel(ctx), "", "", "put stock/bolt 0"); err != nil {
			return err
		}
	}
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(100 * time.Millisecond):
	}
	e.injected = true
	node := sys.Members()[0].Node
	env, err := sys.(fixtures.Responder).Environment(ctx)
	if err != nil {
		return err
	}
	switch e.leaves {
	case "file":
		return fixtures.WriteFile(ctx, node, filepath.Join(env["GAMEDAY_DATA"], "gameday-left"), []byte("x"), fixtures.FileOptions{})
	case "process":
		_, err = node.Exec(ctx, fixtures.Command{Args: []string{"/bin/sh", "-c", "sleep 40 >/dev/null 2>&1 </dev/null &"}})
	}
	return err
}

func (e *emptied) Heal(ctx context.Context, sys fixtures.System) error {
	if !e.injected || e.stays {
		return nil
	}
	if e.healed++; e.once && e.healed > 1 {
		return errors.New("it has been healed")
	}
	return sys.(fixtures.Operator).Statement(ctx, "", "", "put stock/bolt 12")
}

func (e *emptied) IsOutage() bool { return e.outage }
func (e *emptied) IsSilent() bool { return e.silent }

func (e *emptied) Prove(context.Context, fixtures.System) (string, error) {
	if e.proves || e.injected && e.healed == 0 {
		return "the stock is empty", nil
	}
	return "", faults.ErrNotSeen
}

func (e *emptied) Hit() []faults.Rows {
	if !e.injected || e.keys == nil {
		return nil
	}
	return []faults.Rows{{Table: "stock", Keys: e.keys}}
}

func (e *emptied) Propagate(context.Context, fixtures.System) (string, error) { return "copy", nil }

// faulty are the ways in which a fault does not keep the contract, and the part that must see each.
var faulty = map[string]struct {
	part  string
	fault func(*emptied)
	hooks func(*Subject)
}{
	"nothing":                        {},
	"it does not say what it is":     {part: "describes itself", fault: func(e *emptied) { e.description.Detail = "" }},
	"its name is two lines":          {part: "describes itself", fault: func(e *emptied) { e.description.Name = "a\nb" }},
	"it is silent and an outage":     {part: "describes itself", fault: func(e *emptied) { e.silent, e.outage = true, true }},
	"it proves what it has not done": {part: "a no-op is noticed", fault: func(e *emptied) { e.proves = true }},
	"the checks see what is not": {part: "a no-op is noticed", hooks: func(s *Subject) {
		s.Sees = func(context.Context, View, View) ([]string, error) { return []string{"damage"}, nil }
	}},
	"it does nothing":              {part: "takes effect and is seen", fault: func(e *emptied) { e.idle = true }},
	"it is no outage":              {part: "takes effect and is seen", fault: func(e *emptied) { e.outage = true }},
	"it is not silent":             {part: "takes effect and is seen", fault: func(e *emptied) { e.silent = true }},
	"it has another name then":     {part: "takes effect and is seen", fault: func(e *emptied) { e.renamed = true }},
	"it names rows that it missed": {part: "takes effect and is seen", fault: func(e *emptied) { e.keys = []string{"nut"} }},
	"it names no rows":             {part: "takes effect and is seen", fault: func(e *emptied) { e.keys = []string{} }},
	"it has not spread": {part: "spreads as declared", hooks: func(s *Subject) {
		s.SpreadsTo, s.At, s.System = []string{"copy"}, sound, withStill(s.System)
	}},
	"it does not say where": {part: "spreads as declared", hooks: func(s *Subject) {
		s.SpreadsTo, s.At = []string{"another"}, damaged
	}},
	"it has spread": {part: "spreads as declared", hooks: func(s *Subject) {
		s.Stays, s.At = []string{"copy"}, damaged
	}},
	"it does not heal":              {part: "heals", fault: func(e *emptied) { e.stays = true }},
	"it heals only once":            {part: "heals", fault: func(e *emptied) { e.once = true }},
	"it does not heal half of it":   {part: "heals", fault: func(e *emptied) { e.late = true }},
	"it leaves a file":              {part: "leaves nothing", fault: func(e *emptied) { e.leaves = "file" }},
	"it leaves a process":           {part: "leaves nothing", fault: func(e *emptied) { e.leaves = "process" }},
	"it leaves a session":           {part: "leaves nothing", hooks: func(s *Subject) { s.Remains = grows() }},
	"the guard is of another run":   {part: "baseline", hooks: func(s *Subject) { s.System = another(s.System) }},
	"a copy is not spoken of":       {part: "baseline", hooks: func(s *Subject) { s.System = withCopy(s.System) }},
	"a file changes when refused":   {part: "is refused on what this run did not create", hooks: func(s *Subject) { s.Fault = restless(s.Fault) }},
	"a clean-up fails at the end":   {part: "heals", fault: func(e *emptied) { e.once = true }},
	"the service is not well first": {part: "baseline", hooks: func(s *Subject) { s.Serves = func(context.Context, fixtures.System) error { return errors.New("no") } }},
}

// sound is a copy that nothing changes, damaged the store itself.
func sound(context.Context, fixtures.System, string) (string, error) { return "still", nil }

// still is a system with a copy that stays what it was when it was first read.
type still struct {
	*keyvalue.System
	was *fixtures.Manifest
}

func (s *still) Snapshot(ctx context.Context, at string) (fixtures.Snapshot, error) {
	snap, err := s.System.Snapshot(ctx, "")
	if at == "still" {
		return &stillSnapshot{snap, s}, err
	}
	return snap, err
}

type stillSnapshot struct {
	fixtures.Snapshot
	of *still
}

func (s *stillSnapshot) Survey(ctx context.Context, o fixtures.SurveyOptions) (*fixtures.Manifest, error) {
	if s.of.was != nil {
		return s.of.was, nil
	}
	var err error
	s.of.was, err = s.Snapshot.Survey(ctx, o)
	return s.of.was, err
}

func withStill(system func(*testing.T) (fixtures.System, faults.Guard)) func(*testing.T) (fixtures.System, faults.Guard) {
	return func(t *testing.T) (fixtures.System, faults.Guard) {
		sys, guard := system(t)
		return &still{System: sys.(*keyvalue.System)}, guard
	}
}

func damaged(context.Context, fixtures.System, string) (string, error) { return "", nil }

// grows finds one more session each time.
func grows() func(context.Context, fixtures.System) ([]string, error) {
	n := ""
	return func(context.Context, fixtures.System) ([]string, error) {
		n += "x"
		return []string{"session " + n}, nil
	}
}

func another(system func(*testing.T) (fixtures.System, faults.Guard)) func(*testing.T) (fixtures.System, faults.Guard) {
	return func(t *testing.T) (fixtures.System, faults.Guard) {
		sys, guard := system(t)
		guard.Token += "x"
		return sys, guard
	}
}

type copied struct{ *keyvalue.System }

func (copied) Copies() []string { return []string{"copy"} }

func withCopy(system func(*testing.T) (fixtures.System, faults.Guard)) func(*testing.T) (fixtures.System, faults.Guard) {
	return func(t *testing.T) (fixtures.System, faults.Guard) {
		sys, guard := system(t)
		return copied{sys.(*keyvalue.System)}, guard
	}
}

// restless faults write to the store's disk when they are asked for their description.
func restless(fault func() faults.Fault) func() faults.Fault {
	n := 0
	return func() faults.Fault {
		if n++; n > 2 {
			dir := os.Getenv("FAULTY_DIR")
			found, _ := filepath.Glob(filepath.Join(dir, "gameday-*", "system-*", "primary-*", "*"))
			for _, d := range found {
				_ = os.WriteFile(filepath.Join(d, "restless"), []byte(strings.Repeat("x", n)), 0o600)
			}
		}
		return fault()
	}
}

// TestContractSeesFaultyFaults runs the contract, each time in a process of its own, against faults that break it, and
// against one that does not. They wait more than they work, so they all run at once.
func TestContractSeesFaultyFaults(t *testing.T) {
	type result struct {
		out []byte
		err error
	}
	results := map[string]chan result{}
	for name := range faulty {
		to, dir := make(chan result, 1), t.TempDir()
		results[name] = to
		go func() {
			ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
			defer cancel()
			cmd := exec.CommandContext(ctx, os.Args[0], "-test.v", "-test.run", "^TestFaultyFault$", "-test.timeout=100s") //nolint:gosec // this binary
			cmd.Env = append(os.Environ(), "FAULTY="+name, "FAULTY_DIR="+dir, "TMPDIR="+dir)
			out, err := cmd.CombinedOutput()
			to <- result{out, err}
		}()
	}
	for name, f := range faulty {
		t.Run(name, func(t *testing.T) {
			r := <-results[name]
			switch want := "--- FAIL: TestFaultyFault/" + strings.ReplaceAll(f.part, " ", "_") + " "; {
			case f.part == "" && r.err != nil:
				t.Errorf("the contract fails of itself:\n%s", r.out)
			case f.part != "" && r.err == nil:
				t.Errorf("the contract does not see it:\n%s", r.out)
			case f.part != "" && !strings.Contains(string(r.out), want):
				t.Errorf("it failed elsewhere than in %q:\n%s", f.part, r.out)
			}
		})
	}
}

func TestFaultyFault(t *testing.T) {
	name := os.Getenv("FAULTY")
	if name == "" {
		t.Skip("a part of TestContractSeesFaultyFaults")
	}
	settleLimit, healthyLimit, seenLimit = time.Second, 2*time.Second, 2*time.Second
	s := Subject{
		Fault: func() faults.Fault {
			e := &emptied{description: faults.Description{Name: "emptied", Class: "deletion", Detail: "put stock/bolt 0"}, keys: []string{"bolt"}}
			if f := faulty[name].fault; f != nil {
				f(e)
			}
			return e
		},
		System: startShelf,
	}
	if h := faulty[name].hooks; h != nil {
		h(&s)
	}
	Fault(t, s)
}

func startShelf(t *testing.T) (fixtures.System, faults.Guard) {
	run, err := fixtures.NewRun(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	p, err := embedded.New(t.Context(), run, embedded.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = p.Close(context.Background()) })
	stores := map[string]shelf{}
	sys, err := keyvalue.Blueprint{
		Engine: "shelf", Data: map[string]string{"stock/bolt": "12", "stock/nut": "9"},
		Open: func(dir string) (keyvalue.Store, error) {
			if stores[dir] == nil {
				stores[dir] = shelf{"stock/bolt": []byte("12"), "stock/nut": []byte("9")}
			}
			return stores[dir], os.MkdirAll(dir, 0o700)
		},
	}.Start(t.Context(), run, p)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := sys.(fixtures.BackupTaker).Backup(t.Context(), "first"); err != nil {
		t.Fatal(err)
	}
	id, err := sys.(fixtures.Identified).Identity(t.Context(), "")
	if err != nil {
		t.Fatal(err)
	}
	return sys, faults.Guard{Run: run, Token: id.Token}
}
