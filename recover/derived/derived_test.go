package derived_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/recoverydrill/gameday/fixtures/eventlog"
	recovery "github.com/recoverydrill/gameday/recover"
	"github.com/recoverydrill/gameday/recover/derived"
)

func check(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// list is a derived store: the bodies of all events.
type list struct {
	holds   uint64
	begun   []string
	meant   []string
	served  string
	closed  int
	onApply func()
}

func (l *list) Begin(context.Context, recovery.Job) (uint64, error) {
	l.meant = append([]string(nil), l.begun...)
	return l.holds, nil
}

func (l *list) Apply(_ context.Context, e eventlog.Event) error {
	if l.onApply != nil {
		l.onApply()
	}
	l.meant = append(l.meant, string(e.Body))
	return nil
}

func (l *list) Serve(context.Context, recovery.Job) error {
	l.served = strings.Join(l.meant, " ")
	return nil
}

func (l *list) Close() error { l.closed++; return nil }

func source(t *testing.T, events int) (*eventlog.Log, eventlog.File) {
	t.Helper()
	l, err := eventlog.Create(filepath.Join(t.TempDir(), "events.jsonl"))
	check(t, err)
	t.Cleanup(func() { _ = l.Close() })
	for i := range events {
		_, err := l.Append(t.Context(), "x", i+1, nil)
		check(t, err)
	}
	return l, eventlog.File{Path: l.Path()}
}

func job(t *testing.T) recovery.Job {
	t.Helper()
	return recovery.Job{WorkDir: t.TempDir(), Output: new(bytes.Buffer), Step: func(string) {}}
}

// TestRebuildAndResume: from nothing and from a backup, with what comes while it is replayed, and after a kill.
func TestRebuildAndResume(t *testing.T) {
	for step := range 5 {
		for _, resume := range []bool{false, true} {
			l, file := source(t, 4)
			late := false
			store := &list{}
			store.onApply = func() { // an event that comes during the replay, as its last is applied
				if !late && len(store.meant) == 3 {
					late = true
					_, err := l.Append(t.Context(), "x", 5, nil)
					check(t, err)
				}
			}
			p := derived.Rebuild(file, store)
			if resume {
				store.holds, store.begun = 2, []string{"1", "2"}
				p = derived.Resume(file, store)
			}
			var r recovery.Recovery = p
			if step > 0 {
				r = recovery.Interrupted(p, recovery.Interruption{Step: step})
			}
			check(t, r.Recover(t.Context(), job(t)))
			if store.served != "1 2 3 4 5" || store.closed == 0 {
				t.Errorf("resume %t, killed at step %d: clients find %q", resume, step, store.served)
			}
			plan, err := p.Plan(t.Context(), job(t))
			check(t, err)
			needs, err := p.Preflight(t.Context(), job(t))
			if err != nil || len(plan.Steps) != 4 || len(needs) != 1 || !needs[0].Met {
				t.Errorf("%+v, %+v (%v)", plan, needs, err)
			}
		}
	}
}

// TestTheSourceIsHeldWhileClientsAreLetIn, or an event would fall between the last that was replayed and the first that the
// store gets from clients.
func TestTheSourceIsHeldWhileClientsAreLetIn(t *testing.T) {
	l, file := source(t, 1)
	store := &serving{list: &list{}, try: func(ctx context.Context) error {
		_, err := l.Append(ctx, "x", "between", nil)
		return err
	}}
	check(t, derived.Rebuild(file, store).Recover(t.Context(), job(t)))
	if !errors.Is(store.err, eventlog.ErrNotRecorded) {
		t.Errorf("an event came between: %v", store.err)
	}
	if _, err := l.Append(t.Context(), "x", "after", nil); err != nil {
		t.Errorf("the source is still held: %v", err)
	}
}

type serving struct {
	*list

	try func(context.Context) error
	err error
}

func (s *serving) Serve(ctx context.Context, job recovery.Job) error {
	ended, cancel := context.WithCancel(ctx)
	cancel()
	s.err = s.try(ended)
	return s.list.Serve(ctx, job)
}

// TestRefusals: nothing is made where the source cannot make it whole.
func TestRefusals(t *testing.T) {
	for what, c := range map[string]struct {
		do   func(path string)
		p    func(derived.Source, *list) derived.Procedure
		want string
	}{
		"a hole": {func(path string) { edit(t, path, func(l []string) []string { return append(l[:1], l[2:]...) }) }, rebuild, "after event 1"},
		"a changed event": {func(path string) {
			edit(t, path, func(l []string) []string { l[2] = strings.Replace(l[2], "3", "4", 1); return l })
		}, rebuild, "after event 2"},
		"nothing": {func(path string) { check(t, os.Truncate(path, 0)) }, rebuild, "no events"},
		"a backup of another": {func(string) {}, func(s derived.Source, l *list) derived.Procedure {
			l.holds = 9
			return derived.Resume(s, l)
		}, "the source ends with 4"},
	} {
		_, file := source(t, 4)
		c.do(file.Path)
		store := &list{}
		p := c.p(file, store)
		err := p.Recover(t.Context(), job(t))
		var no *recovery.Refused
		if !errors.As(err, &no) || !strings.Contains(err.Error(), c.want) || store.served != "" {
			t.Errorf("%s: %v; clients find %q", what, err, store.served)
		}
		needs, err := p.Preflight(t.Context(), job(t))
		if err != nil || needs[0].Met != (what == "a backup of another") {
			t.Errorf("%s: needs %+v (%v)", what, needs, err)
		}
	}
	if err := derived.Rebuild(eventlog.File{}, &list{holds: 1}).Recover(t.Context(), job(t)); err == nil {
		t.Error("a rebuild from no source")
	}
}

func rebuild(s derived.Source, l *list) derived.Procedure { return derived.Rebuild(s, l) }

func edit(t *testing.T, path string, change func([]string) []string) {
	t.Helper()
	data, err := os.ReadFile(path)
	check(t, err)
	lines := change(strings.Split(strings.TrimSpace(string(data)), "\n"))
	check(t, os.WriteFile(path, fmt.Appendf(nil, "%s\n", strings.Join(lines, "\n")), 0o600))
}
