// Package filestore is a team's own engine, in a module of its own: a directory in which every transaction is a file.
package filestore

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"

	"github.com/recoverydrill/gameday/fixtures"
	"github.com/recoverydrill/gameday/fixtures/keyvalue"
)

// Engine describes a system of it. Unsafe leaves out what a power cut does not forgive.
func Engine(unsafe bool) keyvalue.Blueprint {
	return keyvalue.Blueprint{
		Engine: "filestore",
		Open:   func(dir string) (keyvalue.Store, error) { return open(dir, !unsafe) },
		Durability: func() []fixtures.Setting {
			return []fixtures.Setting{{Name: "sync", Value: fmt.Sprint(!unsafe), Wanted: "true", OK: !unsafe}}
		},
		Data: map[string]string{"stock/bolt": "120", "stock/nut": "95", "price/bolt": "0.10"},
	}
}

type store struct {
	dir  string
	sync bool
	last int // the number of the last transaction
	data map[string][]byte
}

// open reads all transactions in their order. One that was not renamed to its place was not acknowledged.
func open(dir string, sync bool) (*store, error) {
	s := &store{dir: dir, sync: sync, data: map[string][]byte{}}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, err
	}
	names, err := filepath.Glob(filepath.Join(dir, "*.tx"))
	if err != nil {
		return nil, err
	}
	slices.Sort(names)
	for _, name := range names {
		text, err := os.ReadFile(name)
		if err != nil {
			return nil, err
		}
		var writes []keyvalue.Write
		if err := json.Unmarshal(text, &writes); err != nil {
			return nil, fmt.Errorf("read %s: %w", name, err)
		}
		s.apply(writes)
	}
	return s, s.flush(filepath.Dir(dir))
}

func (s *store) apply(writes []keyvalue.Write) {
	s.last++
	for _, w := range writes {
		if s.data[w.Key] = w.Value; w.Value == nil {
			delete(s.data, w.Key)
		}
	}
}

// Commit writes a file beside its place, flushes it, renames it, and flushes the directory.
func (s *store) Commit(writes []keyvalue.Write) error {
	text, err := json.Marshal(writes)
	if err != nil {
		return err
	}
	place := filepath.Join(s.dir, fmt.Sprintf("%012d.tx", s.last+1))
	if err := errors.Join(os.WriteFile(place+".new", text, 0o600), s.flush(place+".new")); err != nil {
		return err
	}
	if err := errors.Join(os.Rename(place+".new", place), s.flush(s.dir)); err != nil {
		return err
	}
	s.apply(writes)
	return nil
}

func (s *store) flush(path string) error {
	if !s.sync {
		return nil
	}
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	return errors.Join(f.Sync(), f.Close())
}

func (s *store) Get(key string) ([]byte, bool, error) {
	value, there := s.data[key]
	return value, there, nil
}

func (s *store) Scan(each func(key string, value []byte) error) error {
	for key, value := range s.data {
		if err := each(key, value); err != nil {
			return err
		}
	}
	return nil
}

func (s *store) Close() error { return nil }
