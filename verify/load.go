package verify

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"

	"github.com/recoverydrill/gameday/fixtures"
	"github.com/recoverydrill/gameday/fixtures/ledger"
	"github.com/recoverydrill/gameday/fixtures/probe"
	"github.com/recoverydrill/gameday/fixtures/traffic"
	"github.com/recoverydrill/gameday/reports"
)

// ExtraDir holds what a [Collector] observed, one file for each check: see [ExtraFile].
const ExtraDir = "extra"

// ExtraFile is the path of what a check's Collect returned, relative to the drill's directory.
func ExtraFile(check string) string { return filepath.Join(ExtraDir, url.PathEscape(check)) }

// LoadEvidence reads a drill's directory back. A file that is not there leaves its field nil, and the checks that need
// it inconclusive. One that cannot be read, or that differs from the hash in the record, is listed in
// [Evidence.Problems] as well. Only a record that cannot be read is an error.
func LoadEvidence(dir string) (*Evidence, error) {
	rec, err := reports.ReadRecord(dir)
	if err != nil {
		return nil, fmt.Errorf("load evidence: %w", err)
	}
	l := &loader{dir: dir, e: &Evidence{Dir: dir, Record: rec, After: rec.SettingsAfter}, listed: map[string]bool{}}
	l.hashes()
	l.baseline()
	l.found()
	l.e.Damaged = l.manifest(reports.DamagedDir)
	l.ledger()
	l.series()
	l.rows()
	l.extra()
	return l.e, nil
}

type loader struct {
	dir    string
	e      *Evidence
	listed map[string]bool // by path with slashes; empty where the record lists no evidence
}

func (l *loader) problem(format string, args ...any) {
	l.e.Problems = append(l.e.Problems, unsure(fmt.Sprintf(format, args...)))
}

// present says whether there is such a file, and complains about one that came after the record was closed.
func (l *loader) present(name string) bool {
	if _, err := os.Lstat(filepath.Join(l.dir, name)); errors.Is(err, fs.ErrNotExist) {
		return false
	}
	if len(l.listed) > 0 && !l.listed[filepath.ToSlash(name)] {
		l.problem("%s is not among the evidence that the record lists: it was added afterwards", name)
	}
	return true
}

// hashes holds every listed file against its hash.
func (l *loader) hashes() {
	for _, f := range l.e.Record.Evidence {
		l.listed[f.Path] = true
		if f.SHA256 == "" { // not a regular file
			continue
		}
		if !filepath.IsLocal(filepath.FromSlash(f.Path)) {
			l.problem("the record lists %q, which is not below the drill's directory", f.Path)
			continue
		}
		sum, n, err := hash(filepath.Join(l.dir, filepath.FromSlash(f.Path)))
		switch {
		case err != nil:
			l.problem("%s is listed in the record and cannot be read: %v", f.Path, err)
		case sum != f.SHA256 || n != f.Bytes:
			l.problem("%s was changed after the drill: it has %d bytes with SHA-256 %.12s…, the record says %d with %.12s…", f.Path, n, sum, f.Bytes, f.SHA256)
		}
	}
}

func hash(path string) (sum string, n int64, err error) {
	f, err := os.Open(path) //nolint:gosec // below the directory that the caller names
	if err != nil {
		return "", 0, err
	}
	defer f.Close() //nolint:errcheck // only read
	h := sha256.New()
	if n, err = io.Copy(h, f); err != nil {
		return "", n, err
	}
	return hex.EncodeToString(h.Sum(nil)), n, nil
}

// baseline picks the manifest of the target, or without one that of the last mark. Each mark's manifest has a directory
// of its own: baseline, baseline-2, …
func (l *loader) baseline() {
	dirs, err := filepath.Glob(filepath.Join(l.dir, reports.BaselineDir+"*"))
	if err != nil {
		l.problem("list the manifests of the marks: %v", err)
	}
	rank := map[string]int{}
	for i, m := range l.e.Record.Marks {
		rank[m.Label] = i + 1
	}
	best := -1
	for _, d := range dirs {
		rel := filepath.Base(d)
		m := l.manifest(rel)
		if m == nil {
			continue
		}
		r := rank[m.Mark]
		if t := l.e.Record.Target; t != nil && t.Label != "" {
			if m.Mark != t.Label {
				continue
			}
			r = len(rank) + 1
		}
		if r == best {
			l.problem("two manifests are of the mark %q", m.Mark)
		}
		if r > best {
			best, l.e.Baseline, l.e.BaseDir = r, m, rel
		}
	}
}

func (l *loader) found() {
	if m := l.manifest(reports.FoundDir); m != nil {
		l.e.Found, l.e.FoundDir = m, reports.FoundDir
	}
}

func (l *loader) manifest(dir string) *fixtures.Manifest {
	name := filepath.Join(dir, reports.ManifestFile)
	if !l.present(name) {
		return nil
	}
	b, err := os.ReadFile(filepath.Join(l.dir, name))
	if err != nil {
		l.problem("%s cannot be read: %v", name, err)
		return nil
	}
	m := new(fixtures.Manifest)
	if err := json.Unmarshal(b, m); err != nil {
		l.problem("%s is no manifest: %v", name, err)
		return nil
	}
	for _, db := range m.Databases {
		for _, t := range db.Tables {
			if t.RowsFile == "" {
				continue
			}
			rows := filepath.Join(dir, filepath.FromSlash(t.RowsFile))
			if !filepath.IsLocal(filepath.FromSlash(t.RowsFile)) || !l.present(rows) {
				l.problem("%s names the rows file %q, which is not there", name, t.RowsFile)
			}
		}
	}
	return m
}

func (l *loader) ledger() {
	if !l.present(reports.LedgerFile) {
		return
	}
	log, err := ledger.Load(filepath.Join(l.dir, reports.LedgerFile))
	switch {
	case err != nil:
		l.problem("%v", err)
	case log.Torn:
		l.problem("%s ends in the middle of a line: the harness was killed", reports.LedgerFile)
		l.e.Ops = append([]ledger.Op{}, log.Ops...)
	default:
		l.e.Ops = append([]ledger.Op{}, log.Ops...)
	}
}

func (l *loader) series() {
	if !l.present(reports.ProbeFile) {
		return
	}
	series, err := probe.Read(filepath.Join(l.dir, reports.ProbeFile))
	if err != nil {
		l.problem("%v", err)
		return
	}
	l.e.Probe = series
}

func (l *loader) rows() {
	if !l.present(reports.RowsFile) {
		return
	}
	b, err := os.ReadFile(filepath.Join(l.dir, reports.RowsFile))
	if err != nil {
		l.problem("%s cannot be read: %v", reports.RowsFile, err)
		return
	}
	rows := []traffic.Row{}
	for line := 1; len(b) > 0; line++ {
		end := bytes.IndexByte(b, '\n')
		if end < 0 {
			l.problem("%s ends in the middle of a line", reports.RowsFile)
			return
		}
		var r traffic.Row
		if err := json.Unmarshal(b[:end], &r); err != nil {
			l.problem("%s line %d: %v", reports.RowsFile, line, err)
			return
		}
		rows = append(rows, r)
		b = b[end+1:]
	}
	l.e.Rows = rows
}

func (l *loader) extra() {
	files, err := os.ReadDir(filepath.Join(l.dir, ExtraDir))
	if errors.Is(err, fs.ErrNotExist) {
		return
	}
	if err != nil {
		l.problem("%s cannot be read: %v", ExtraDir, err)
	}
	for _, f := range files {
		name, err := url.PathUnescape(f.Name())
		if err != nil || f.IsDir() || !l.present(filepath.Join(ExtraDir, f.Name())) {
			continue
		}
		b, err := os.ReadFile(filepath.Join(l.dir, ExtraDir, f.Name()))
		if err != nil {
			l.problem("%s cannot be read: %v", filepath.Join(ExtraDir, f.Name()), err)
			continue
		}
		if l.e.Extra == nil {
			l.e.Extra = map[string][]byte{}
		}
		l.e.Extra[name] = b
	}
}

// WriteRows writes traffic's rows as [LoadEvidence] reads them, one JSON value for each line.
func WriteRows(dir string, rows []traffic.Row) error {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	for _, r := range rows {
		if err := enc.Encode(r); err != nil {
			return fmt.Errorf("write traffic's rows: %w", err)
		}
	}
	if err := os.WriteFile(filepath.Join(dir, reports.RowsFile), b.Bytes(), 0o644); err != nil { //nolint:gosec // evidence is to be read
		return fmt.Errorf("write traffic's rows: %w", err)
	}
	return nil
}

// WriteExtra keeps what a check's Collect returned, as [LoadEvidence] reads it.
func WriteExtra(dir, check string, data []byte) error {
	if err := os.MkdirAll(filepath.Join(dir, ExtraDir), 0o755); err != nil { //nolint:gosec // evidence is to be read
		return fmt.Errorf("keep what check %q observed: %w", check, err)
	}
	if err := os.WriteFile(filepath.Join(dir, ExtraFile(check)), data, 0o644); err != nil { //nolint:gosec // evidence is to be read
		return fmt.Errorf("keep what check %q observed: %w", check, err)
	}
	return nil
}
