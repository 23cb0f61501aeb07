package reports

import (
	"bytes"
	"errors"
	"io"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"
)

var zeroTime time.Time

func TestRecordRoundTrip(t *testing.T) {
	dir := t.TempDir()
	want := sampleFailed()
	want.SchemaVersion = 0 // the writer states it
	if err := WriteRecord(dir, want); err != nil {
		t.Fatal(err)
	}
	got, err := ReadRecord(dir)
	if err != nil {
		t.Fatal(err)
	}
	want.SchemaVersion = Schema
	if !reflect.DeepEqual(got, want) {
		t.Errorf("read back:\n%+v\nwant:\n%+v", got, want)
	}
}

func TestReadRecordRefuses(t *testing.T) {
	for name, c := range map[string]struct{ text, want string }{
		"newer":   {`{"schema_version": 2, "outcome": "passed"}`, "schema version 2 and this gameday reads up to 1"},
		"none":    {`{"outcome": "passed"}`, "no schema_version"},
		"torn":    {`{"schema_version": 1, "outcome": "pas`, "unexpected end"},
		"outcome": {`{"schema_version": 1, "outcome": "green"}`, "none of passed, failed, inconclusive"},
	} {
		dir := t.TempDir()
		if err := os.WriteFile(filepath.Join(dir, RecordFile), []byte(c.text), 0o600); err != nil {
			t.Fatal(err)
		}
		if r, err := ReadRecord(dir); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: got %v, %v; want an error with %q", name, r, err, c.want)
		}
		drills, err := ReadRun(filepath.Dir(dir))
		if err != nil {
			t.Fatal(err)
		}
		if o, _ := Verdict(drills[len(drills)-1].Record); o != Inconclusive {
			t.Errorf("%s: a record that cannot be read counts as %v", name, o)
		}
	}
}

func TestWriteAtomically(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "file")
	if err := os.WriteFile(path, []byte("old"), 0o600); err != nil {
		t.Fatal(err)
	}
	boom := errors.New("boom")
	err := writeAtomically(path, func(w io.Writer) error {
		if _, err := w.Write([]byte("half")); err != nil {
			return err
		}
		return boom
	})
	if !errors.Is(err, boom) {
		t.Errorf("got %v", err)
	}
	if b, _ := os.ReadFile(path); string(b) != "old" {
		t.Errorf("the old file is gone: %q", b)
	}
	if entries, _ := os.ReadDir(dir); len(entries) != 1 {
		t.Errorf("left behind: %v", entries)
	}
}

func TestHash(t *testing.T) {
	dir := t.TempDir()
	for name, text := range map[string]string{
		LedgerFile: "abc", "baseline/manifest.json": "", RecordFile: "x", HTMLFile: "x",
		temporaryPrefix + "record.json-1": "x", "found/record.json": "y",
	} {
		path := filepath.Join(dir, name)
		if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o755), os.WriteFile(path, []byte(text), 0o600)); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Symlink("/etc/hostname", filepath.Join(dir, "link")); err != nil {
		t.Fatal(err)
	}
	got, err := Hash(dir)
	if err != nil {
		t.Fatal(err)
	}
	want := []EvidenceFile{
		{Path: "baseline/manifest.json", SHA256: "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855", What: evidenceWords["baseline/manifest.json"]},
		{Path: "found/record.json", Bytes: 1, SHA256: "a1fce4363854ff888cff4b8e7875d600c2682390412a8cf79b37d0b11148b0fa"},
		{Path: LedgerFile, Bytes: 3, SHA256: "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad", What: evidenceWords[LedgerFile]},
		{Path: "link", What: "not a regular file: not hashed"},
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got  %+v\nwant %+v", got, want)
	}
}

// TestReadRunMissesNothing: a drill that was killed leaves a directory and must be counted.
func TestReadRunMissesNothing(t *testing.T) {
	run := t.TempDir()
	write := func(name, text string) {
		t.Helper()
		path := filepath.Join(run, name)
		if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o755), os.WriteFile(path, []byte(text), 0o600)); err != nil {
			t.Fatal(err)
		}
	}
	record := func(name string, r *Record) {
		t.Helper()
		write(filepath.Join(name, LedgerFile), "")
		if err := WriteRecord(filepath.Join(run, name), r); err != nil {
			t.Fatal(err)
		}
	}
	write(JUnitFile, "of the run")
	record("a-good", samplePassed())
	write("a-good/probe.jsonl", `{"at":5,"done":6,"k":"ok"}`+"\n"+`{"at":2`)
	write("b-killed/ledger.jsonl", "")
	write("c-killed/baseline/manifest.json", "{}")
	unfinished := samplePassed()
	unfinished.Finished = zeroTime
	record("d-unfinished", unfinished)
	record("group/e-nested", samplePassed())
	write("f-broken/record.json", "{")
	drills, err := ReadRun(run)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, d := range drills {
		o, why := Verdict(d.Record)
		rel, _ := filepath.Rel(run, d.Dir)
		got = append(got, rel+" "+o.String()+" "+why)
	}
	want := []string{
		"a-good passed ", "b-killed inconclusive the drill ended without a record", "c-killed inconclusive the drill ended without a record",
		"d-unfinished inconclusive the drill ended without finishing its record", "f-broken inconclusive read record", "group/e-nested passed ",
	}
	if len(got) != len(want) {
		t.Fatalf("got %q", got)
	}
	for i := range want {
		if !strings.HasPrefix(got[i], want[i]) {
			t.Errorf("got %q, want %q", got[i], want[i])
		}
	}
	if len(drills[0].Answers) != 1 {
		t.Errorf("%d answers read, want the one that is whole", len(drills[0].Answers))
	}
	if _, err := ReadRun(filepath.Join(run, "nowhere")); err == nil {
		t.Error("a run that is not there has no error")
	}
	if one, err := ReadRun(filepath.Join(run, "a-good")); err != nil || len(one) != 1 {
		t.Errorf("a drill's own directory: %v, %v", one, err)
	}
}

// Whoever is killed writes nothing any more: what was written before must not look like all of a run.
func TestARunThatDidNotEndIsNotPassed(t *testing.T) {
	dir := t.TempDir()
	passed := filepath.Join(dir, "a")
	if err := errors.Join(BeginRun(dir, 2), os.Mkdir(passed, 0o700), WriteRecord(passed, samplePassed())); err != nil {
		t.Fatal(err)
	}
	for _, ended := range []bool{false, true} {
		drills, err := ReadRun(dir)
		if err != nil {
			t.Fatal(err)
		}
		if err := WriteAll(dir, drills); err != nil {
			t.Fatal(err)
		}
		junit, err := os.ReadFile(filepath.Join(dir, JUnitFile))
		if err != nil {
			t.Fatal(err)
		}
		says := strings.Contains(string(junit), "the run has not come to its end: it was asked for 2 drills and has 1 record")
		if got := settle(drills, nil).outcome(); (got == Passed) != ended || says == ended {
			t.Errorf("ended %t: %s, JUnit says\n%s", ended, got, junit)
		}
		if err := EndRun(dir); err != nil {
			t.Fatal(err)
		}
	}
}

func TestMaskerAcrossWrites(t *testing.T) {
	secrets := []string{"s3cret-pass", "s3cret-pass-longer", "p@ss/word 1", "abcdef", "defghi", "short", ""}
	text := "s3cret-pas s3cret-pass s3cret-pass-longer url p%40ss%2Fword+1 or p%40ss%2Fword%201 plain p@ss/word 1 abcdefghi short s3cret-pass"
	want := "s3cret-pas *** *** url *** or *** plain *** *** short ***"
	for size := 1; size <= len(text); size++ {
		var b bytes.Buffer
		m := NewMasker(&b, secrets)
		for rest := text; rest != ""; {
			n := min(size, len(rest))
			if k, err := m.Write([]byte(rest[:n])); err != nil || k != n {
				t.Fatal(k, err)
			}
			rest = rest[n:]
		}
		if err := m.Close(); err != nil {
			t.Fatal(err)
		}
		if b.String() != want {
			t.Fatalf("in pieces of %d:\ngot  %s\nwant %s", size, b.String(), want)
		}
	}
	if got := MaskString(text, secrets); got != want {
		t.Errorf("MaskString: %s", got)
	}
	var b bytes.Buffer
	if _, err := NewMasker(&b, secrets).Write([]byte("ready\nnow s3c")); err != nil || b.String() != "ready\nnow " {
		t.Errorf("held back more than the beginning of a secret: %q, %v", b.String(), err)
	}
}

// TestNoSecretInAnyReport puts the secret into every text of a record.
func TestNoSecretInAnyReport(t *testing.T) {
	const secret = "hunter2-hunter2"
	r := sampleFailed()
	fill(reflect.ValueOf(r).Elem(), secret)
	if got := render(t, WriteHTML, []Drill{{Record: r}}); strings.Count(got, secret) < 50 {
		t.Fatal("the secret was not put into the record: this test would prove nothing")
	}
	MaskRecord(r, []string{secret})
	for name, write := range writers {
		if got := render(t, write, []Drill{{Record: r, Dir: "d"}}); strings.Contains(got, secret) {
			t.Errorf("%s holds the secret", name)
		}
	}
	dir := t.TempDir()
	if err := WriteRecord(dir, r); err != nil {
		t.Fatal(err)
	}
	if b, err := os.ReadFile(filepath.Join(dir, RecordFile)); err != nil || bytes.Contains(b, []byte(secret)) {
		t.Errorf("the record holds the secret (%v)", err)
	}
	if !strings.Contains(r.Title, "brings a dropped table back") || r.System.Images["primary "+masked].Origin == "" {
		t.Errorf("masking took more than the secret: %q, %v", r.Title, r.System.Images)
	}
}

func fill(v reflect.Value, secret string) {
	switch v.Kind() {
	case reflect.String:
		v.SetString(v.String() + " " + secret)
	case reflect.Pointer:
		if !v.IsNil() {
			fill(v.Elem(), secret)
		}
	case reflect.Struct:
		if v.Type() == reflect.TypeFor[time.Time]() {
			return
		}
		for i := range v.NumField() {
			fill(v.Field(i), secret)
		}
	case reflect.Slice:
		for i := range v.Len() {
			fill(v.Index(i), secret)
		}
	case reflect.Map:
		for _, k := range v.MapKeys() {
			e := reflect.New(v.Type().Elem()).Elem()
			e.Set(v.MapIndex(k))
			fill(e, secret)
			v.SetMapIndex(k, reflect.Value{})
			v.SetMapIndex(reflect.ValueOf(k.String()+" "+secret), e)
		}
	}
}
