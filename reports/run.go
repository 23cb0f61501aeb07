package reports

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/recoverydrill/gameday/fixtures/probe"
)

// Drill is one drill as the writers take it.
type Drill struct {
	Record  *Record        // nil stands for a drill that left none, which is inconclusive
	Dir     string         // its evidence directory, for links; "" where there is none
	Answers []probe.Answer // the service clock's series; may be empty
	Notes   []string       // what could not be read of it
}

// Skip is a drill that was asked for and not run.
type Skip struct {
	Scenario string `json:"scenario"`
	Reason   string `json:"reason"`
}

// SkippedFile keeps the drills that were asked for and not run, in a run's directory: they leave no record of their own.
const SkippedFile = "skipped.json"

// UnfinishedFile lies in the directory of a run that has not come to its end; see [BeginRun].
const UnfinishedFile = "unfinished.json"

type unfinished struct {
	Drills int `json:"drills"` // that were asked for
}

// BeginRun notes in a run's directory, which must exist, how many drills were asked for. Until [EndRun] is called, [ReadRun]
// finds one more there, which is inconclusive and stands for the rest of the run: who is killed writes nothing any more, and
// what was written before must not look like all of it.
func BeginRun(dir string, drills int) error {
	return writeAtomically(filepath.Join(dir, UnfinishedFile), func(w io.Writer) error { return json.NewEncoder(w).Encode(unfinished{drills}) })
}

// EndRun notes that every drill that was asked for has left a record, or is known not to have been run. It is no error where
// [BeginRun] was not called.
func EndRun(dir string) error {
	if err := os.Remove(filepath.Join(dir, UnfinishedFile)); !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}

// rest stands for what is left of a run that has not come to its end; nil where it has.
func rest(dir string, records int) *Record {
	const name = "the rest of the run"
	b, err := os.ReadFile(filepath.Join(dir, UnfinishedFile)) //nolint:gosec // below the run's directory
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	var u unfinished
	if err == nil {
		err = json.Unmarshal(b, &u)
	}
	if err != nil {
		return &Record{Scenario: name, Title: name, Error: fmt.Sprintf("read how many drills were asked for: %v", err)}
	}
	return &Record{Scenario: name, Title: name, Error: fmt.Sprintf("the run has not come to its end: it was asked for %s and has %s", plural(int64(u.Drills), "drill"), plural(int64(records), "record"))}
}

// Option changes what the writers of a run's reports put in.
type Option func(*options)

type options struct {
	base    string // attachments in JUnit are relative to it
	report  string // the directory of the reports themselves
	url     string
	skipped []Skip
}

// WithBaseDir names the root of the repository or CI workspace. Attachments in the JUnit file are given relative to it,
// as Jenkins and GitLab want them. Without it they are relative if the drills' directories are, else absolute.
func WithBaseDir(dir string) Option { return func(o *options) { o.base = dir } }

// WithReportURL is where report.html will be found; it becomes a property of the JUnit file.
func WithReportURL(url string) Option { return func(o *options) { o.url = url } }

// WithSkipped shows drills that were asked for and not run.
func WithSkipped(skipped ...Skip) Option { return func(o *options) { o.skipped = skipped } }

func collect(opts []Option) options {
	var o options
	for _, set := range opts {
		set(&o)
	}
	return o
}

// WriteAll writes a run's junit.xml, report.html and summary.md into dir, which must exist, each atomically. All are
// tried; the error joins what went wrong. What [WithSkipped] has shown is shown again when the reports are written anew.
func WriteAll(dir string, drills []Drill, opts ...Option) error {
	opts = append(slices.Clone(opts), func(o *options) { o.report = dir })
	skipped, err := keepSkipped(filepath.Join(dir, SkippedFile), collect(opts).skipped)
	if err != nil {
		return err
	}
	opts = append(opts, WithSkipped(skipped...))
	write := func(name string, render func(io.Writer, []Drill, ...Option) error) error {
		return writeAtomically(filepath.Join(dir, name), func(w io.Writer) error { return render(w, drills, opts...) })
	}
	return errors.Join(write(JUnitFile, WriteJUnit), write(HTMLFile, WriteHTML), write(SummaryFile, WriteMarkdown))
}

// keepSkipped writes the skipped drills down, or reads those that were written down before where there are none.
func keepSkipped(path string, skipped []Skip) ([]Skip, error) {
	if len(skipped) > 0 {
		b, err := json.MarshalIndent(skipped, "", " ")
		if err != nil {
			return nil, err
		}
		return skipped, writeAtomically(path, func(w io.Writer) error {
			_, err := w.Write(b)
			return err
		})
	}
	b, err := os.ReadFile(path) //nolint:gosec // below the run's directory
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err == nil {
		err = json.Unmarshal(b, &skipped)
	}
	if err != nil {
		return nil, fmt.Errorf("read which drills were not run: %w", err)
	}
	return skipped, nil
}

// ReadRun reads every drill below a run's directory, sorted by path; a drill's own directory is a run of one. A
// directory that holds evidence and no finished record that can be read is a drill too: it comes back inconclusive
// (failed, if an unfinished record says so) and says why. So does what is left of a run that was begun ([BeginRun]) and has not
// ended. Only a run's directory that cannot be listed is an error.
func ReadRun(dir string) ([]Drill, error) {
	if _, err := os.Stat(filepath.Join(dir, RecordFile)); err == nil {
		return []Drill{readDrill(dir, filepath.Base(dir))}, nil
	}
	var drills []Drill
	err := filepath.WalkDir(dir, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || !entry.IsDir() || path == dir {
			return err
		}
		if strings.HasPrefix(entry.Name(), ".") {
			return filepath.SkipDir
		}
		is, err := holdsEvidence(path)
		if err != nil || !is {
			return err
		}
		name, err := filepath.Rel(dir, path)
		if err != nil {
			return err
		}
		drills = append(drills, readDrill(path, filepath.ToSlash(name)))
		return filepath.SkipDir
	})
	if err != nil {
		return nil, fmt.Errorf("read run: %w", err)
	}
	if r := rest(dir, len(drills)); r != nil {
		drills = append(drills, Drill{Record: r})
	}
	return drills, nil
}

// holdsEvidence tells a drill's directory from one that only groups drills.
func holdsEvidence(dir string) (bool, error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return false, err
	}
	return slices.ContainsFunc(entries, func(e fs.DirEntry) bool {
		if !e.IsDir() {
			return true
		}
		return e.Name() == BaselineDir || e.Name() == DamagedDir || e.Name() == FoundDir
	}), nil
}

func readDrill(dir, name string) Drill {
	d := Drill{Dir: dir}
	r, err := ReadRecord(dir)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		r = &Record{Scenario: name, Title: name, Error: "the drill ended without a record"}
	case err != nil:
		r = &Record{Scenario: name, Title: name, Error: err.Error()}
	}
	d.Record = r
	d.Answers, err = probe.Read(filepath.Join(dir, ProbeFile))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		// The series is only drawn here; verify judges it, from the file.
		d.Notes = append(d.Notes, "the answers of the service clock are not drawn: "+err.Error())
	}
	return d
}

// settled is a run sorted for people, with no record missing.
type settled struct {
	drills  []Drill
	skipped []Skip
	passed  int
	failed  int
	unsure  int
	run     string
	started time.Time // the earliest
	ended   time.Time // the latest
}

// settle puts failed drills first, then inconclusive, then passed ones, each sorted by scenario.
func settle(drills []Drill, skipped []Skip) settled {
	s := settled{drills: slices.Clone(drills), skipped: skipped}
	for i := range s.drills {
		d := &s.drills[i]
		if d.Record == nil {
			d.Record = &Record{Error: "the drill ended without a record"}
		}
		r := d.Record
		switch outcome, _ := Verdict(r); outcome {
		case Passed:
			s.passed++
		case Failed:
			s.failed++
		default:
			s.unsure++
		}
		s.run = cmp.Or(s.run, r.Run)
		if !r.Started.IsZero() && (s.started.IsZero() || r.Started.Before(s.started)) {
			s.started = r.Started
		}
		if r.Finished.After(s.ended) {
			s.ended = r.Finished
		}
	}
	slices.SortStableFunc(s.drills, func(a, b Drill) int {
		return cmp.Or(cmp.Compare(urgency(a.Record), urgency(b.Record)), cmp.Compare(a.Record.Scenario, b.Record.Scenario))
	})
	return s
}

func urgency(r *Record) int {
	outcome, _ := Verdict(r)
	return map[Outcome]int{Failed: 0, Inconclusive: 1, Passed: 2}[outcome]
}

// outcome of a run. One without a drill is inconclusive.
func (s settled) outcome() Outcome {
	switch {
	case s.failed > 0:
		return Failed
	case s.unsure > 0 || s.passed == 0:
		return Inconclusive
	}
	return Passed
}

// sentence is the run's verdict in words.
func (s settled) sentence() string {
	n := int64(len(s.drills))
	var text string
	switch {
	case n == 0:
		text = "nothing was drilled"
	case n == 1:
		text = map[Outcome]string{Passed: "the drill passed", Failed: "the drill failed", Inconclusive: "the drill could not tell"}[s.outcome()]
	case s.passed == len(s.drills):
		text = "all " + plural(n, "drill") + " passed"
	default:
		var parts []string
		if s.failed > 0 {
			parts = append(parts, fmt.Sprintf("%d of %s failed", s.failed, plural(n, "drill")))
		}
		if s.unsure > 0 && s.failed > 0 {
			parts = append(parts, fmt.Sprintf("%d inconclusive", s.unsure))
		} else if s.unsure > 0 {
			parts = append(parts, fmt.Sprintf("%d of %s inconclusive", s.unsure, plural(n, "drill")))
		}
		if s.passed > 0 {
			parts = append(parts, fmt.Sprintf("%d passed", s.passed))
		}
		text = strings.Join(parts, ", ")
	}
	if k := len(s.skipped); k > 0 {
		text += fmt.Sprintf(", %d not run", k)
	}
	return text
}

// evidencePath is how a file of a drill is named in a report that lies in dir; "" where that cannot be told.
func evidencePath(dir string, d Drill, file string) string {
	switch {
	case d.Dir == "":
		return ""
	case dir == "":
		return filepath.ToSlash(filepath.Join(d.Dir, file))
	}
	from, err1 := filepath.Abs(dir)
	to, err2 := filepath.Abs(filepath.Join(d.Dir, file))
	if err1 != nil || err2 != nil {
		return ""
	}
	rel, err := filepath.Rel(from, to)
	if err != nil {
		return ""
	}
	return filepath.ToSlash(rel)
}
