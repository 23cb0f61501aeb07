package reports

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
)

// WriteRecord writes a drill's record into its evidence directory, which must exist. A reader sees the old record or
// the new one, never half of one, whatever kills this process or its host. The record's schema version is written as
// [Schema].
func WriteRecord(dir string, r *Record) error {
	if r == nil {
		return errors.New("write record: there is none")
	}
	current := *r
	current.SchemaVersion = Schema
	b, err := json.MarshalIndent(&current, "", "  ")
	if err != nil {
		return fmt.Errorf("write record of %q: %w", r.Scenario, err)
	}
	return writeAtomically(filepath.Join(dir, RecordFile), func(w io.Writer) error {
		_, err := w.Write(append(b, '\n'))
		return err
	})
}

// ReadRecord reads the record in a drill's evidence directory. A record of a newer schema is an error, because fields
// that it does not know could change what the others mean; so is one that does not state its schema.
func ReadRecord(dir string) (*Record, error) {
	path := filepath.Join(dir, RecordFile)
	b, err := os.ReadFile(path) //nolint:gosec // the caller names the directory
	if err != nil {
		return nil, fmt.Errorf("read record: %w", err)
	}
	var head struct {
		SchemaVersion int `json:"schema_version"`
	}
	if err := json.Unmarshal(b, &head); err != nil {
		return nil, fmt.Errorf("read record %q: %w", path, err)
	}
	switch {
	case head.SchemaVersion > Schema:
		return nil, fmt.Errorf("read record %q: it has schema version %d and this gameday reads up to %d: use the gameday that wrote it, or a newer one",
			path, head.SchemaVersion, Schema)
	case head.SchemaVersion < 1:
		return nil, fmt.Errorf("read record %q: no schema_version: it is not a drill's record", path)
	}
	r := new(Record)
	if err := json.Unmarshal(b, r); err != nil {
		return nil, fmt.Errorf("read record %q: %w", path, err)
	}
	return r, nil
}

// writeAtomically makes a file appear under its name only when it is complete and on disk.
func writeAtomically(path string, write func(io.Writer) error) (err error) {
	dir := filepath.Dir(path)
	f, err := os.CreateTemp(dir, temporaryPrefix+filepath.Base(path)+"-*")
	if err != nil {
		return fmt.Errorf("write %q: %w", path, err)
	}
	defer func() {
		if err != nil {
			err = errors.Join(fmt.Errorf("write %q: %w", path, err), ignoreClosed(f.Close()), os.Remove(f.Name()))
		}
	}()
	if err := write(f); err != nil {
		return err
	}
	if err := f.Chmod(0o644); err != nil {
		return err
	}
	if err := f.Sync(); err != nil {
		return err
	}
	if err := f.Close(); err != nil {
		return err
	}
	if err := os.Rename(f.Name(), path); err != nil {
		return err
	}
	return syncDir(dir)
}

// temporaryPrefix begins the names of files that are being written. What is left of one after a crash is not evidence.
const temporaryPrefix = ".writing-"

func ignoreClosed(err error) error {
	if errors.Is(err, os.ErrClosed) {
		return nil
	}
	return err
}

// syncDir makes a rename durable.
func syncDir(dir string) error {
	if runtime.GOOS == "windows" { // cannot sync a directory, and does not need to
		return nil
	}
	d, err := os.Open(dir) //nolint:gosec // the caller names the directory
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}
