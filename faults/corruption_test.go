package faults

import (
	"bytes"
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/recoverydrill/gameday/fixtures"
)

// TestHarmsChangeWhatTheySay: nothing outside of a block, always something inside of it, and the same for the same seed.
func TestHarmsChangeWhatTheySay(t *testing.T) {
	block := append(bytes.Repeat([]byte{0, 1, 0, 7}, 100), "a text of some letters"...)
	block = append(block, make([]byte, 512-len(block))...)
	old := bytes.ToUpper(block)
	for _, h := range []Harm{"", Overwritten, Flipped, Zeroed, Stale, Torn} {
		for seed := range uint64(50) {
			at, data, err := h.change(block, old, 16, drawFrom(seed))
			if err != nil {
				t.Fatalf("%s: %v", h, err)
			}
			if at < 0 || at+len(data) > len(block) || len(data) == 0 || bytes.Equal(data, block[at:at+len(data)]) {
				t.Errorf("%s: writes %d bytes at %d, the same as before: %v", h, len(data), at, bytes.Equal(data, block[at:at+len(data)]))
			}
			again, same, _ := h.change(block, old, 16, drawFrom(seed))
			if again != at || !bytes.Equal(same, data) {
				t.Errorf("%s: another damage for the same seed", h)
			}
			if h == Flipped && (len(data) != 1 || !strings.ContainsRune("a text of some letters", rune(block[at]))) {
				t.Errorf("%s: not one byte of the text, but %q at %d", h, data, at)
			}
		}
	}
	for _, h := range []Harm{Zeroed, Stale, Torn} {
		if _, _, err := h.change(make([]byte, 512), make([]byte, 512), 16, drawFrom(0)); !errors.Is(err, ErrNotSeen) {
			t.Errorf("%s of a block that stays as it is: want ErrNotSeen, got %v", h, err)
		}
	}
	// A block of which a part is not used, as that of a control file is, is not overwritten there.
	if at, data, err := Overwritten.change(append(bytes.Repeat([]byte{1}, 296), make([]byte, 216)...), nil, 16, drawFrom(0)); err != nil || at+len(data) > 296 {
		t.Errorf("%d bytes at %d of 296 are overwritten, %v", len(data), at, err)
	}
	// Where only the first half differs, the first half is the older one.
	half := bytes.Clone(block)
	half[3] ^= 0xff
	if at, data, err := Torn.change(block, half, 0, drawFrom(0)); err != nil || at != 0 || len(data) != 256 || data[3] != half[3] {
		t.Errorf("torn: %d bytes at %d, %v", len(data), at, err)
	}
	if _, _, err := Harm("painted").change(block, nil, 0, drawFrom(0)); err == nil {
		t.Error("a harm that nobody knows was done")
	}
}

// diskNode is a node whose files are this host's.
type diskNode struct{ fixtures.Node }

func (diskNode) Name() string { return "primary" }
func (diskNode) Exec(ctx context.Context, c fixtures.Command) (fixtures.Result, error) {
	cmd := exec.CommandContext(ctx, c.Args[0], c.Args[1:]...) //nolint:gosec // the test's own
	cmd.Stdin, cmd.Stdout = c.Stdin, c.Stdout
	if c.Stdout != nil {
		return fixtures.Result{}, cmd.Run()
	}
	out, err := cmd.Output()
	return fixtures.Result{Stdout: out}, err
}

// diskSystem has one file of each kind, and a server that can be told to fail.
type diskSystem struct {
	fakeSystem
	file     fixtures.File
	noStart  error
	silent   error // what Identity says
	heal     []byte
	state    []string
	snapshot error
}

func (s *diskSystem) Files(_ context.Context, _ fixtures.Node, kind fixtures.FileKind, _, _ string) ([]fixtures.File, error) {
	f := s.file
	f.Kind = kind
	return []fixtures.File{f}, nil
}

func (s *diskSystem) StopServer(context.Context, fixtures.Node) error {
	s.state = append(s.state, "stop")
	return nil
}

func (s *diskSystem) KillServer(context.Context, fixtures.Node) error {
	s.state = append(s.state, "kill")
	return nil
}

func (s *diskSystem) StartServer(context.Context, fixtures.Node) error {
	s.state = append(s.state, "start")
	if s.heal != nil {
		return errors.Join(s.noStart, os.WriteFile(s.file.Path, s.heal, 0o600))
	}
	return s.noStart
}

func (s *diskSystem) Identity(context.Context, string) (fixtures.Identity, error) {
	return fixtures.Identity{}, s.silent
}

func (s *diskSystem) Snapshot(context.Context, string) (fixtures.Snapshot, error) {
	return closed{}, s.snapshot
}

type closed struct{ fixtures.Snapshot }

func (closed) Close(context.Context) error { return nil }

func newDisk(t *testing.T) (*diskSystem, []byte) {
	t.Helper()
	data := append(make([]byte, 512), bytes.Repeat([]byte("written "), 128)...)
	path := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(path, data, 0o600); err != nil {
		t.Fatal(err)
	}
	return &diskSystem{file: fixtures.File{Node: diskNode{}, Path: path, Size: int64(len(data)), Block: 512}}, data
}

// TestFileCorruptionKnowsWhoSeesIt: silent in the vault, an outage where the server does not come back, and no effect where
// nothing came of it.
func TestFileCorruptionKnowsWhoSeesIt(t *testing.T) {
	down := errors.New("no server\nand more")
	for _, c := range []struct {
		name           string
		kind           fixtures.FileKind
		when           When
		noStart, mute  error
		heal           bool
		silent, outage bool
		void           bool
		state          string
	}{
		{name: "in the vault", kind: fixtures.BackupFile, silent: true},
		{name: "in the vault, though the server is gone", kind: fixtures.ArchivedLog, mute: down, silent: true},
		{name: "log of a running server", kind: fixtures.LogFile, silent: true},
		{name: "log that nobody gets past", kind: fixtures.LogFile, mute: down, outage: true},
		{name: "log of a killed server", kind: fixtures.LogFile, when: Killed, silent: true, state: "kill start"},
		{name: "control file, and no start", kind: fixtures.ControlFile, when: Stopped, noStart: down, outage: true, state: "stop start"},
		{name: "control file, and a start", kind: fixtures.ControlFile, when: Stopped, void: true, state: "stop start"},
		{name: "control file of a running server", kind: fixtures.ControlFile, mute: down, silent: true},
		{name: "index", kind: fixtures.IndexFile, state: "stop start stop start"},
		{name: "index, and no start", kind: fixtures.IndexFile, when: Stopped, noStart: down, outage: true, state: "stop start"},
		{name: "index that is healed", kind: fixtures.IndexFile, heal: true, void: true, state: "stop start stop start"},
		{name: "catalogue that nobody gets past", kind: fixtures.CatalogFile, mute: down, outage: true, state: "stop start stop start"},
	} {
		t.Run(c.name, func(t *testing.T) {
			sys, data := newDisk(t)
			sys.noStart, sys.silent = c.noStart, c.mute
			if c.heal {
				sys.heal = data
			}
			f := CorruptFile(Zeroed, c.kind, "", 0).While(c.when)
			if _, err := f.Prove(t.Context(), sys); !errors.Is(err, ErrNotSeen) {
				t.Errorf("before: want ErrNotSeen, got %v", err)
			}
			name := f.Describe().Name
			err := f.Inject(t.Context(), sys)
			if got := strings.Join(sys.state, " "); got != c.state {
				t.Errorf("the server was told %q, want %q", got, c.state)
			}
			if c.void {
				if !errors.Is(err, ErrNotSeen) {
					t.Errorf("want ErrNotSeen, got %v", err)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if IsSilent(f) != c.silent || SeenByClock(f) != c.outage || f.Describe().Name != name {
				t.Errorf("silent %v, outage %v, name %q", IsSilent(f), SeenByClock(f), f.Describe().Name)
			}
			evidence, err := f.Prove(t.Context(), sys)
			if err != nil || strings.Contains(evidence, "\n") || strings.Contains(evidence, "no server") != c.outage {
				t.Errorf("evidence %q, %v", evidence, err)
			}
			now, err := os.ReadFile(sys.file.Path)
			if err != nil || bytes.Equal(now, data) || len(now) != len(data) {
				t.Errorf("the file is as it was (%v)", err)
			}
			if err := os.WriteFile(sys.file.Path, data, 0o600); err != nil {
				t.Fatal(err)
			}
			if _, err := f.Prove(t.Context(), sys); !errors.Is(err, ErrNotSeen) {
				t.Errorf("with the file as it was: want ErrNotSeen, got %v", err)
			}
		})
	}
}

func TestCuts(t *testing.T) {
	for harm, want := range map[Harm]int64{CutShort: 1024, CutInBlock: 1280} {
		sys, _ := newDisk(t)
		f := CorruptFile(harm, fixtures.BackupFile, "", 1)
		if err := f.Inject(t.Context(), sys); err != nil {
			t.Fatal(err)
		}
		info, err := os.Stat(sys.file.Path)
		if err != nil || info.Size() != want {
			t.Errorf("%s: the file has %d bytes, want %d (%v)", harm, info.Size(), want, err)
		}
		if _, err := f.Prove(t.Context(), sys); err != nil {
			t.Error(err)
		}
	}
}

// TestOlderVersions: they need Remember, and something that was written since.
func TestOlderVersions(t *testing.T) {
	sys, data := newDisk(t)
	f := CorruptFile(Stale, fixtures.BackupFile, "", 1)
	if err := f.Inject(t.Context(), sys); err == nil || !strings.Contains(err.Error(), "call Remember") {
		t.Errorf("got %v", err)
	}
	if err := CorruptTable(Torn, "t", 0).Inject(t.Context(), sys); err == nil || !strings.Contains(err.Error(), "call Remember") {
		t.Errorf("got %v", err)
	}
	if err := f.Remember(t.Context(), sys); err != nil {
		t.Fatal(err)
	}
	if err := f.Inject(t.Context(), sys); !errors.Is(err, ErrNotSeen) {
		t.Errorf("nothing was written since: want ErrNotSeen, got %v", err)
	}
	if err := os.WriteFile(sys.file.Path, bytes.ToUpper(data), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := f.Inject(t.Context(), sys); err != nil {
		t.Fatal(err)
	}
	now, err := os.ReadFile(sys.file.Path)
	if want := string(bytes.ToUpper(data)[:1024]) + string(data[1024:]); err != nil || string(now) != want {
		t.Errorf("the file is %q (%v)", now, err)
	}
}

func TestTablesAreNotDamagedAsFiles(t *testing.T) {
	sys, _ := newDisk(t)
	if err := CorruptFile(Zeroed, fixtures.TableFile, "t", 0).Inject(t.Context(), sys); err == nil || !strings.Contains(err.Error(), "CorruptTable") {
		t.Errorf("got %v", err)
	}
}
