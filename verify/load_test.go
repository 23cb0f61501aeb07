package verify

import (
	"encoding/json"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/recoverydrill/gameday/fixtures"
	"github.com/recoverydrill/gameday/fixtures/ledger"
	"github.com/recoverydrill/gameday/reports"
)

// save leaves the evidence on disk as a drill does.
func save(t *testing.T, e *Evidence) {
	t.Helper()
	e.Record.SettingsAfter = e.After
	for dir, m := range map[string]any{e.BaseDir: e.Baseline, e.FoundDir: e.Found} {
		b, err := json.Marshal(m)
		must(t, err)
		must(t, os.WriteFile(filepath.Join(e.Dir, dir, reports.ManifestFile), b, 0o600))
	}
	must(t, WriteRows(e.Dir, e.Rows))
	for check, seen := range e.Extra {
		must(t, WriteExtra(e.Dir, check, seen))
	}
	must(t, WriteExtra(e.Dir, "own/check", []byte("seen")))
	lines(t, filepath.Join(e.Dir, reports.ProbeFile), len(e.Probe), func(i int) any { return e.Probe[i] })
	writeLedger(t, filepath.Join(e.Dir, reports.LedgerFile), e.Ops)
	var err error
	e.Record.Evidence, err = reports.Hash(e.Dir)
	must(t, err)
	must(t, reports.WriteRecord(e.Dir, e.Record))
}

func lines(t *testing.T, path string, n int, at func(i int) any) {
	t.Helper()
	var b strings.Builder
	enc := json.NewEncoder(&b)
	for i := range n {
		must(t, enc.Encode(at(i)))
	}
	must(t, os.WriteFile(path, []byte(b.String()), 0o600))
}

// writeLedger writes the ledger through the package that owns it, then sets the times to the scene's.
func writeLedger(t *testing.T, path string, ops []ledger.Op) {
	t.Helper()
	l, err := ledger.Create(path, fixtures.NewClock())
	must(t, err)
	for _, o := range ops {
		sent, err := l.Invoke(ledger.Op{ID: o.ID, Kind: o.Kind, Mutations: o.Mutations})
		must(t, err)
		sent.Outcome, sent.Token, sent.Error = o.Outcome, o.Token, o.Error
		must(t, l.Return(sent))
	}
	must(t, l.Close())
}

func TestLoadEvidence(t *testing.T) {
	e := newScene(t, plot{clients: 2, rate: 3}).build()
	save(t, e)
	got, err := LoadEvidence(e.Dir)
	must(t, err)
	if len(got.Problems) != 0 {
		t.Errorf("problems %+v", got.Problems)
	}
	if !reflect.DeepEqual(got.Baseline, e.Baseline) || !reflect.DeepEqual(got.Found, e.Found) || got.BaseDir != e.BaseDir || got.FoundDir != e.FoundDir {
		t.Error("the manifests are not as written")
	}
	if !reflect.DeepEqual(got.Rows, e.Rows) || !reflect.DeepEqual(got.Probe, e.Probe) || !reflect.DeepEqual(got.After, e.After) {
		t.Error("rows, series or settings are not as written")
	}
	if len(got.Ops) != len(e.Ops) || string(got.Extra["own/check"]) != "seen" {
		t.Errorf("%d operations, extra %v", len(got.Ops), got.Extra)
	}
	got.Ops = e.Ops // the ledger stamps its own times
	if o, r := judged(t, got, Default()); o != reports.Passed {
		t.Errorf("outcome %v%s", o, describeResults(r))
	}
}

func TestLoadedEvidenceThatWasTouched(t *testing.T) {
	for what, touch := range map[string]func(t *testing.T, dir string){
		"a changed manifest": func(t *testing.T, dir string) {
			path := filepath.Join(dir, reports.FoundDir, reports.ManifestFile)
			b, err := os.ReadFile(path)
			must(t, err)
			must(t, os.WriteFile(path, append(b, ' '), 0o600))
		},
		"a removed ledger":   func(t *testing.T, dir string) { must(t, os.Remove(filepath.Join(dir, reports.LedgerFile))) },
		"a removed series":   func(t *testing.T, dir string) { must(t, os.Remove(filepath.Join(dir, reports.ProbeFile))) },
		"a removed baseline": func(t *testing.T, dir string) { must(t, os.RemoveAll(filepath.Join(dir, reports.BaselineDir))) },
		"a removed rows file": func(t *testing.T, dir string) {
			must(t, os.Remove(filepath.Join(dir, reports.FoundDir, rowsFileName("shop", "public.payments"))))
		},
		"an added check's file": func(t *testing.T, dir string) { must(t, WriteExtra(dir, "forged", []byte("fine"))) },
		"a second baseline": func(t *testing.T, dir string) {
			must(t, os.CopyFS(filepath.Join(dir, "baseline-2"), os.DirFS(filepath.Join(dir, reports.BaselineDir))))
		},
		"a torn row": func(t *testing.T, dir string) { cut(t, filepath.Join(dir, reports.RowsFile)) },
	} {
		t.Run(what, func(t *testing.T) {
			e := newScene(t, plot{clients: 1, rate: 8}).build()
			save(t, e)
			touch(t, e.Dir)
			got, err := LoadEvidence(e.Dir)
			must(t, err)
			if len(got.Problems) == 0 {
				t.Error("no problem is listed")
			}
			if o, r := judged(t, got, []Check{Structure{}}); o == reports.Passed {
				t.Errorf("a check that does not need the file passes%s", describeResults(r))
			}
		})
	}
}

// TestDamagedFilesWithoutHashes: the files themselves are held to their form too.
func TestDamagedFilesWithoutHashes(t *testing.T) {
	for _, name := range []string{reports.LedgerFile, reports.RowsFile, filepath.Join(reports.FoundDir, reports.ManifestFile)} {
		e := newScene(t, plot{clients: 1, rate: 8}).build()
		save(t, e)
		cut(t, filepath.Join(e.Dir, name))
		e.Record.Evidence = nil
		must(t, reports.WriteRecord(e.Dir, e.Record))
		got, err := LoadEvidence(e.Dir)
		must(t, err)
		if len(got.Problems) == 0 {
			t.Errorf("%s: no problem is listed", name)
		}
	}
}

func cut(t *testing.T, path string) {
	t.Helper()
	b, err := os.ReadFile(path)
	must(t, err)
	must(t, os.WriteFile(path, b[:len(b)-5], 0o600))
}

func TestLoadEvidencePicksTheTargetsManifest(t *testing.T) {
	e := newScene(t, plot{clients: 1, rate: 1}).build()
	save(t, e)
	other := *e.Baseline
	other.Mark = "later"
	must(t, os.Mkdir(filepath.Join(e.Dir, "baseline-2"), 0o755))
	b, err := json.Marshal(other)
	must(t, err)
	must(t, os.WriteFile(filepath.Join(e.Dir, "baseline-2", reports.ManifestFile), b, 0o600))
	e.Record.Marks = append(e.Record.Marks, fixtures.Mark{Label: "later", MonotonicNS: 12 * second})
	for _, target := range []string{e.Record.Target.Label, "later", ""} {
		want := target
		e.Record.Target = nil
		if target == "" {
			want = "later" // the last mark
		} else {
			e.Record.Target = &fixtures.Mark{Label: target, MonotonicNS: 1}
		}
		must(t, reports.WriteRecord(e.Dir, e.Record))
		got, err := LoadEvidence(e.Dir)
		must(t, err)
		if got.Baseline == nil || got.Baseline.Mark != want {
			t.Errorf("target %q: picked %+v", target, got.BaseDir)
		}
	}
}

func TestLoadEvidenceWithoutARecord(t *testing.T) {
	if _, err := LoadEvidence(t.TempDir()); err == nil {
		t.Error("no error")
	}
}

func TestLoadNothingButARecord(t *testing.T) {
	dir := t.TempDir()
	must(t, reports.WriteRecord(dir, &reports.Record{Scenario: "s"}))
	e, err := LoadEvidence(dir)
	must(t, err)
	if o, r := judged(t, e, Default()); o != reports.Inconclusive {
		t.Errorf("outcome %v%s", o, describeResults(r))
	}
}
