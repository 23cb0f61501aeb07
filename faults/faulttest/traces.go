package faulttest

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/recoverydrill/gameday/faults"
	"github.com/recoverydrill/gameday/fixtures"
)

// traces are what a fault could leave behind: processes and files of a node, toxics, and what the subject knows of.
type traces map[string]bool

// tracesScript lists on a node: processes by program and arguments, without the server's own (whose titles and number
// change by themselves), but those that are stopped; and files. What lies where the server itself makes files counts only
// if it has gameday in its name, as whatever a fault puts there must.
const tracesScript = `
run=$1; shift
all=$(echo /proc/[0-9]*)
[ -z "$run" ] || all=$(grep -lzxF "GAMEDAY_RUN=$run" /proc/[0-9]*/environ 2>/dev/null | sed 's|/environ$||')
for p in $all; do
	[ "${p#/proc/}" != $$ ] || continue
	comm=$(cat "$p/comm" 2>/dev/null) || continue # what it runs is only shown to its own user
	stat=$(cat "$p/stat" 2>/dev/null) || continue
	stat=${stat##*) }
	case $stat in T*|t*) echo "stopped process $comm" ;; esac
	[ "$(echo "$stat" | cut -d ' ' -f 2)" != $$ ] || continue
	case $comm in
	postgres|mysqld|mariadbd|mysqlbinlog|mariadb-binlog) ;; # these two copy the log, from wherever it is
	*) echo "process $comm $(tr '\0' ' ' <"$p/cmdline" 2>/dev/null | head -c 200 | tr '\n' ' ')" ;;
	esac
done
places= none="-path /proc"
for d; do
	[ -d "$d" ] || continue
	places="$places $d"
	none="$none -o -path $d"
	find "$d" -name '*gameday*' 2>/dev/null | sed 's/^/file /'
done
[ -n "$run" ] || find / -xdev \( $none -o -path /sys -o -path /dev \) -prune -o \( -type f -o -type p -o -type l \) -print 2>/dev/null | sed 's/^/file /'
for d in /data /vault /dev/shm; do
	[ -n "$run" ] || find $d \( $none \) -prune -o \( -type f -o -type p -o -type l \) ! -name 'PostgreSQL.*' -print 2>/dev/null | sed 's/^/file /'
done
exit 0`

func (b *bench) trace(ctx context.Context) (traces, error) {
	all := traces{}
	dirs, err := b.dirs(ctx)
	if err != nil {
		return nil, err
	}
	for _, m := range b.sys.Members() {
		if slices.Contains(b.Gone, m.Node.Name()) {
			continue
		}
		run := ""
		if _, ok := m.Node.(fixtures.Hosted); ok {
			run = b.guard.Run.ID // its processes are among this host's
		}
		res, err := m.Node.Exec(ctx, fixtures.Command{Args: append([]string{"/bin/sh", "-c", tracesScript, "sh", run}, dirs...)})
		if err != nil {
			return nil, fmt.Errorf("look at node %q: %w", m.Node.Name(), err)
		}
		for line := range strings.Lines(string(res.Stdout)) {
			all[m.Node.Name()+": "+strings.TrimSpace(line)] = true
		}
	}
	toxics, err := b.toxics(ctx)
	if err != nil {
		return nil, err
	}
	for _, t := range toxics {
		all[t] = true
	}
	if b.Remains == nil {
		return all, nil
	}
	remains, err := b.Remains(ctx, b.sys)
	for _, r := range remains {
		all[r] = true
	}
	return all, err
}

// dirs are the directories where the store's files lie.
func (b *bench) dirs(ctx context.Context) ([]string, error) {
	if b.Dirs != nil {
		return b.Dirs, nil
	}
	env, err := b.environment(ctx)
	var all []string
	for _, name := range []string{"GAMEDAY_PGDATA", "GAMEDAY_DATADIR", "GAMEDAY_DATA", "GAMEDAY_VAULT"} {
		if env[name] != "" {
			all = append(all, env[name])
		}
	}
	return all, err
}

// toxics lists what lies on the routes, as toxiproxy's own interface tells it.
func (b *bench) toxics(ctx context.Context) ([]string, error) {
	env, err := b.environment(ctx)
	if err != nil || env["GAMEDAY_ROUTE_API"] == "" {
		return nil, err
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+env["GAMEDAY_ROUTE_API"]+"/proxies", http.NoBody)
	if err != nil {
		return nil, err
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return nil, fmt.Errorf("list the toxics: %w", err)
	}
	defer res.Body.Close() //nolint:errcheck // read only
	var proxies map[string]struct {
		Enabled bool `json:"enabled"`
		Toxics  []struct {
			Name string `json:"name"`
			Type string `json:"type"`
		} `json:"toxics"`
	}
	if err := json.NewDecoder(res.Body).Decode(&proxies); err != nil {
		return nil, fmt.Errorf("list the toxics: %w", err)
	}
	var all []string
	for _, name := range slices.Sorted(maps.Keys(proxies)) {
		if !proxies[name].Enabled {
			all = append(all, fmt.Sprintf("route %s: cut", name))
		}
		for _, t := range proxies[name].Toxics {
			all = append(all, fmt.Sprintf("route %s: toxic %s (%s)", name, t.Name, t.Type))
		}
	}
	return all, nil
}

// leavesNothing compares with the traces that were there before. What the server itself is about to end gets some time.
func (b *bench) leavesNothing(ctx context.Context, t *testing.T) {
	if _, ok := b.fault.(faults.Healer); !ok && faults.SeenByClock(b.fault) {
		t.Log("what it has taken away cannot be asked")
		return
	}
	var left []string
	for end := time.Now().Add(seenLimit); ; pause(ctx) {
		now, err := b.trace(ctx)
		if err != nil {
			t.Fatal(err)
		}
		left = left[:0]
		for _, what := range slices.Sorted(maps.Keys(now)) {
			if !b.there[what] {
				left = append(left, what)
			}
		}
		if len(left) == 0 {
			return
		}
		if time.Now().After(end) || ctx.Err() != nil {
			t.Fatalf("it leaves behind:\n%s", strings.Join(left, "\n"))
		}
	}
}

// refused tries the fault on a system that is another run's, with every server frozen so that no byte may change, and on one
// with another store in it, which the server must be asked for.
func (b *bench) refused(ctx context.Context, t *testing.T) {
	other := b.guard
	other.Run.ID += "-other"
	unknown := b.guard
	unknown.Token += "-other"
	if err := b.untouched(ctx, func() error { return b.refuses(ctx, "the nodes are another run's", other) }); err != nil {
		t.Error(err)
	}
	if err := b.refuses(ctx, "the store is another one", unknown); err != nil {
		t.Error(err)
	}
}

func (b *bench) refuses(ctx context.Context, what string, guard faults.Guard) error {
	spy := &spy{Fault: b.Fault()}
	_, err := faults.Inject(ctx, spy, b.sys, guard, fixtures.NewClock())
	switch {
	case spy.injected:
		return fmt.Errorf("%s, and it was injected", what)
	case !errors.Is(err, faults.ErrForeign):
		return fmt.Errorf("%s: want a refusal that wraps faults.ErrForeign, got: %w", what, err)
	}
	return nil
}

// spy remembers whether it was injected.
type spy struct {
	faults.Fault
	injected bool
}

func (s *spy) Inject(ctx context.Context, sys fixtures.System) error {
	s.injected = true
	return s.Fault.Inject(ctx, sys)
}

const digestScript = `for d; do [ ! -d "$d" ] || find "$d" -type f -exec sha256sum {} + 2>/dev/null; done; exit 0`

// signalScript signals every process of a server that is known by name. One without is not frozen.
// It goes round twice: a process that was begun meanwhile is reached the second time, when who begins them is frozen.
const signalScript = `for round in 1 2; do
	for p in /proc/[0-9]*; do
		comm=$(cat "$p/comm" 2>/dev/null) || continue
		case $comm in postgres|mysqld|mariadbd) kill "-$1" "${p#/proc/}" 2>/dev/null ;; esac
	done
done
exit 0`

// signal reaches the servers of all nodes that are machines.
func (b *bench) signal(ctx context.Context, name string) error {
	var errs []error
	for _, m := range b.sys.Members() {
		if _, ok := m.Node.(fixtures.Hosted); ok { // this host's processes are not the node's
			continue
		}
		_, err := m.Node.Exec(ctx, fixtures.Command{Args: []string{"/bin/sh", "-c", signalScript, "sh", name}})
		errs = append(errs, err)
	}
	return errors.Join(errs...)
}

// untouched wants no byte of the store's files to change while something is tried. A server that could not be frozen, and
// has things of its own to write, gets three chances to be quiet.
func (b *bench) untouched(ctx context.Context, try func() error) (err error) {
	dirs, err := b.dirs(ctx)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, b.signal(context.WithoutCancel(ctx), "CONT")) }()
	if err := b.signal(ctx, "STOP"); err != nil {
		return err
	}
	var changed []string
	for range 3 {
		before, err := b.bytes(ctx, dirs)
		if err != nil {
			return err
		}
		if err := try(); err != nil {
			return err
		}
		after, err := b.bytes(ctx, dirs)
		if err != nil {
			return err
		}
		if maps.Equal(before, after) {
			return nil
		}
		changed = unequal(before, after)
	}
	return fmt.Errorf("%d files of the store have changed: %s", len(changed), strings.Join(changed[:min(5, len(changed))], "; "))
}

// unequal lists what is in one of two maps only.
func unequal(before, after map[string]bool) []string {
	var all []string
	for what := range before {
		if !after[what] {
			all = append(all, "before: "+what)
		}
	}
	for what := range after {
		if !before[what] {
			all = append(all, "after: "+what)
		}
	}
	slices.Sort(all)
	return all
}

// bytes are the digests of all files below the directories, on all nodes, and what lies on the routes.
func (b *bench) bytes(ctx context.Context, dirs []string) (map[string]bool, error) {
	all := map[string]bool{}
	for _, m := range b.sys.Members() {
		var out bytes.Buffer
		_, err := m.Node.Exec(ctx, fixtures.Command{Args: append([]string{"/bin/sh", "-c", digestScript, "sh"}, dirs...), Stdout: &out})
		if err != nil {
			return nil, err
		}
		for line := range strings.Lines(out.String()) {
			all[m.Node.Name()+": "+strings.TrimSpace(line)] = true
		}
	}
	toxics, err := b.toxics(ctx)
	for _, t := range toxics {
		all[t] = true
	}
	return all, err
}
