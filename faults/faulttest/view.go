package faulttest

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/recoverydrill/gameday/faults"
	"github.com/recoverydrill/gameday/fixtures"
)

// settleLimit is how long standbys and copies may take to be where they should be.
var settleLimit = time.Minute

func newNonce() string {
	b := make([]byte, 16)
	_, _ = rand.Read(b) // never fails
	return hex.EncodeToString(b)
}

func called(place string) string {
	if place == "" {
		return "the store"
	}
	return place
}

// copies are the standbys and the copies that are no nodes.
func (b *bench) copies() []string {
	var all []string
	for _, m := range b.sys.Members() {
		if m.Role == fixtures.Standby {
			all = append(all, m.Node.Name())
		}
	}
	if c, ok := b.sys.(fixtures.Copier); ok {
		all = append(all, c.Copies()...)
	}
	return all
}

// places are those that are looked at beside the store itself.
func (b *bench) places() []string { return slices.Concat(b.SpreadsTo, b.Stays) }

// view reads a store.
func (b *bench) view(ctx context.Context, place string, expect *fixtures.Manifest) (View, error) {
	surveyor, ok := b.sys.(fixtures.Surveyor)
	if !ok {
		return View{}, &fixtures.UnsupportedError{What: "engine " + b.sys.Info().Engine, Need: "fixtures.Surveyor", For: "see what a fault has changed"}
	}
	at, err := b.at(ctx, place)
	if err != nil {
		return View{}, err
	}
	dir, err := os.MkdirTemp(b.dir, "view-")
	if err != nil {
		return View{}, err
	}
	snap, err := surveyor.Snapshot(ctx, at)
	if err != nil {
		return View{}, err
	}
	m, err := snap.Survey(ctx, fixtures.SurveyOptions{Nonce: b.nonce, RowsDir: dir, Expect: expect})
	return View{Manifest: m, Dir: dir}, errors.Join(err, snap.Close(context.WithoutCancel(ctx)))
}

func (b *bench) at(ctx context.Context, place string) (string, error) {
	switch {
	case place == "":
		return "", nil
	case b.At != nil:
		return b.At(ctx, b.sys, place)
	}
	env, err := b.environment(ctx)
	if err != nil {
		return "", err
	}
	name := "GAMEDAY_ADDRESS_" + strings.ToUpper(strings.ReplaceAll(place, "-", "_"))
	if env[name] == "" {
		return "", fmt.Errorf("the environment of a recovery has no %s: say in At where %s is read", name, place)
	}
	return env[name], nil
}

func (b *bench) environment(ctx context.Context) (map[string]string, error) {
	r, ok := b.sys.(fixtures.Responder)
	if !ok {
		return nil, nil
	}
	return r.Environment(ctx)
}

// found is what is to be seen on a store now, compared with before the fault.
func (b *bench) found(ctx context.Context, place string) ([]string, View, error) {
	before := b.before[place]
	after, err := b.view(ctx, place, before.Manifest)
	if err != nil {
		return nil, after, err
	}
	if b.Sees != nil {
		seen, err := b.Sees(ctx, before, after)
		return seen, after, err
	}
	return differences(before.Manifest, after.Manifest), after, nil
}

// damaged wants damage to be seen in a place.
func (b *bench) damaged(ctx context.Context, t *testing.T, place string) {
	t.Helper()
	seen, after, err := b.found(ctx, place)
	switch {
	case err != nil:
		t.Errorf("look for the damage on %s: %v", called(place), err)
		return
	case len(seen) == 0:
		t.Errorf("no check sees the damage on %s", called(place))
	default:
		t.Logf("%s: %d findings, the first: %s", called(place), len(seen), seen[0])
	}
	l, ok := b.fault.(faults.Locator)
	if !ok || b.Unlocated {
		return
	}
	if err := located(l.Hit(), b.before[place], after); err != nil {
		t.Errorf("the rows that it says it has hit, on %s: %v", called(place), err)
	}
}

// sound wants no damage to be seen in the places, at once or soon.
func (b *bench) sound(ctx context.Context, t *testing.T, when string, places []string) {
	t.Helper()
	for _, place := range places {
		var seen []string
		var err error
		for end := time.Now().Add(settleLimit); ; {
			seen, _, err = b.found(ctx, place)
			if err == nil && len(seen) == 0 || time.Now().After(end) || ctx.Err() != nil {
				break
			}
			select {
			case <-ctx.Done():
			case <-time.After(500 * time.Millisecond):
			}
		}
		if err != nil {
			t.Errorf("%s, and %s cannot be read: %v", when, called(place), err)
		}
		if len(seen) > 0 {
			t.Errorf("%s, and there is damage on %s, %d findings: %s", when, called(place), len(seen), strings.Join(seen[:min(3, len(seen))], "; "))
		}
	}
}

// differences lists in what a store differs from what it was.
func differences(before, after *fixtures.Manifest) []string {
	var out []string
	objects := func(where string, before, after []fixtures.Object) {
		was, is := byName(before), byName(after)
		for _, name := range slices.Sorted(maps.Keys(was)) {
			a, there := is[name]
			w := was[name]
			switch {
			case !there:
				out = append(out, where+name+" is gone")
			case w.Definition != a.Definition:
				out = append(out, fmt.Sprintf("%s%s was %q and is %q", where, name, w.Definition, a.Definition))
			case w.AtLeast != nil && (a.AtLeast == nil || *a.AtLeast < *w.AtLeast):
				out = append(out, where+name+" went back")
			}
		}
		for _, name := range slices.Sorted(maps.Keys(is)) {
			if _, there := was[name]; !there {
				out = append(out, where+name+" is new")
			}
		}
	}
	objects("", before.Objects, after.Objects)
	databases := map[string]fixtures.Database{}
	for _, d := range after.Databases {
		databases[d.Name] = d
	}
	for _, was := range before.Databases {
		is, there := databases[was.Name]
		if !there {
			out = append(out, fmt.Sprintf("database %s is gone", was.Name))
			continue
		}
		out = append(out, tables(was, is)...)
		objects(was.Name+": ", was.Objects, is.Objects)
	}
	return out
}

func byName(list []fixtures.Object) map[string]fixtures.Object {
	m := map[string]fixtures.Object{}
	for _, o := range list {
		m[o.Kind+" "+o.Name] = o
	}
	return m
}

func tables(before, after fixtures.Database) []string {
	var out []string
	is := map[string]fixtures.Table{}
	for _, t := range after.Tables {
		is[t.FullName()] = t
	}
	for _, w := range before.Tables {
		if w.Class == fixtures.Harness {
			continue
		}
		name := before.Name + "." + w.FullName()
		switch t, there := is[w.FullName()]; {
		case !there:
			out = append(out, name+" is gone")
		case t.Error != "" && w.Error == "":
			out = append(out, name+" cannot be read: "+t.Error)
		case t.Rows != w.Rows || t.Digest != w.Digest:
			out = append(out, fmt.Sprintf("%s had %d rows and has %d, or others", name, w.Rows, t.Rows))
		}
	}
	return out
}

// located holds what a fault says of the rows that it has hit against those that have changed: none may be missing.
func located(hit []faults.Rows, before, after View) error {
	if len(hit) == 0 {
		return errors.New("it names none")
	}
	changes, unread := 0, false
	var errs []error
	for _, h := range hit {
		was, is := table(before.Manifest, h), table(after.Manifest, h)
		if was == nil {
			errs = append(errs, fmt.Errorf("there was no table %s in database %q", h.Table, h.Database))
			continue
		}
		if is == nil || is.Error != "" || is.RowsFile == "" || was.RowsFile == "" || was.Class != fixtures.Fixed || !slices.Equal(was.Columns, is.Columns) {
			unread = true // the rows cannot be compared one by one
			continue
		}
		changed, err := changedRows(filepath.Join(before.Dir, was.RowsFile), filepath.Join(after.Dir, is.RowsFile))
		if err != nil {
			return err
		}
		changes += len(changed)
		var missed []string
		for _, key := range changed {
			if !slices.Contains(h.Keys, key) {
				missed = append(missed, key)
			}
		}
		if len(missed) > 0 {
			errs = append(errs, fmt.Errorf("%d of %d rows of %s have changed and are not among the %d: %v", len(missed), len(changed), h.Table, len(h.Keys), missed[:min(5, len(missed))]))
		}
	}
	if changes == 0 && !unread {
		errs = append(errs, errors.New("none of them has changed"))
	}
	return errors.Join(errs...)
}

// table finds what the rows are of: "" is the first database that has such a table.
func table(m *fixtures.Manifest, r faults.Rows) *fixtures.Table {
	for i, d := range m.Databases {
		if r.Database != "" && d.Name != r.Database {
			continue
		}
		for j, t := range d.Tables {
			if t.FullName() == r.Table || t.Name == r.Table {
				return &m.Databases[i].Tables[j]
			}
		}
	}
	return nil
}

// changedRows are the keys whose rows are not the same in both files.
func changedRows(before, after string) ([]string, error) {
	was := map[string][]fixtures.Digest{}
	err := fixtures.ReadRows(before, func(key []byte, d fixtures.Digest) error {
		was[string(key)] = append(was[string(key)], d)
		return nil
	})
	if err != nil {
		return nil, err
	}
	var changed []string
	err = fixtures.ReadRows(after, func(key []byte, d fixtures.Digest) error {
		k := string(key)
		if i := slices.Index(was[k], d); i >= 0 {
			was[k] = slices.Delete(was[k], i, i+1)
			if len(was[k]) == 0 {
				delete(was, k)
			}
			return nil
		}
		delete(was, k)
		changed = append(changed, k)
		return nil
	})
	if err != nil {
		return nil, err
	}
	return append(changed, slices.Sorted(maps.Keys(was))...), nil
}
