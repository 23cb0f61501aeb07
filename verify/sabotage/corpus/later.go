package corpus

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path"
	"path/filepath"
	"slices"

	"github.com/recoverydrill/gameday/fixtures"
	"github.com/recoverydrill/gameday/verify/sabotage"
)

const (
	restart = "restart"
	rearmed = "rearmed"
)

// LaterActs are what clients do not feel before the server is started again, or before it is lost again: a drill's default
// checks need not see them. They are done to a store with [Lasting] and a spare machine. What a file without a server
// would lose with its next start, every new connection of today lacks already: of those there are none for SQLite.
func LaterActs() []sabotage.Act { return slices.Concat(untilRestart(), notRearmed()) }

// LaterTwins are their clean twins.
func LaterTwins() []sabotage.Act {
	again := func(ctx context.Context, t sabotage.Target) (func(context.Context) error, error) {
		h, err := hostOf(t)
		if err != nil {
			return nil, err
		}
		return func(context.Context) error { return nil }, h.restart(ctx, func() error { return nil })
	}
	var all []sabotage.Act
	for _, engine := range Engines() {
		all = append(all, sabotage.Act{ID: "M", Title: "the server was restarted in good order", Engines: []string{engine}, Do: again})
	}
	return slices.Concat(all, written("M", "what is set anyway was written down again", "", map[string]string{
		Postgres: "fsync = on\narchive_mode = on\n", MySQL: "[mysqld]\nsync_binlog = 1\n", MariaDB: "[mysqld]\nsync_binlog = 1\n",
	}))
}

// untilRestart are recoveries that hold until the server's next start.
func untilRestart() []sabotage.Act {
	mysqls := func(lines string) map[string]string { return map[string]string{MySQL: lines, MariaDB: lines} }
	return slices.Concat(
		written("F1", "a commit is flushed until the next start only", restart, map[string]string{Postgres: "fsync = off\n"}),
		written("F2", "a commit is flushed until the next start only", restart, mysqls("[mysqld]\nsync_binlog = 0\ninnodb_flush_log_at_trx_commit = 2\n")),
		written("F4", "the log is archived until the next start only", restart, map[string]string{Postgres: "archive_mode = off\n"}),
		written("F8", "there is memory until the next start only", restart, map[string]string{Postgres: "shared_buffers = 1MB\n"}),
		written("G1", "writes are taken until the next start only", restart, mysqls("[mysqld]\nread_only = ON\n")),
		[]sabotage.Act{{ID: "G1", Title: "the next start is that of a standby", Engines: []string{Postgres}, Check: restart, Do: standbyNext}},
		written("H8", "the server runs, and does not start again", restart, map[string]string{
			Postgres: "shared_preload_libraries = 'left_on_the_old_host'\n", MySQL: "[mysqld]\nleft_on_the_old_host = 1\n", MariaDB: "[mysqld]\nleft_on_the_old_host = 1\n",
		}),
	)
}

// notRearmed are recoveries from which there is no way back the next time.
func notRearmed() []sabotage.Act {
	var all []sabotage.Act
	for _, engine := range Engines() {
		all = append(all, sabotage.Act{ID: "F5", Title: "there is no place for backups any more", Engines: []string{engine}, Check: rearmed, Do: noPlaceForBackups})
	}
	command := func(c string) on { // it is read at once
		reload := []string{"SELECT pg_reload_conf()", "SELECT pg_sleep(0.3)"}
		return on{Postgres: {
			do: append([]string{"ALTER SYSTEM SET archive_command = '" + c + "'"}, reload...), undo: append([]string{"ALTER SYSTEM RESET archive_command"}, reload...), sees: "SHOW archive_command",
		}}
	}
	return slices.Concat(all,
		acts("F4", "the archive keeps nothing while its disk is gone, and says that all went well", rearmed, command("test ! -d /mnt/archive || cp %p /mnt/archive/%f")),
		acts("H8", "the log is archived in a form that no restore reads", rearmed, command("gzip -c %p >/vault/wal/%f")),
		acts("H8", "a table is of an engine that the backup does not take", rearmed, on{onlyMySQL: {
			do: statement("ALTER TABLE price ENGINE = MyISAM"), undo: statement("ALTER TABLE price ENGINE = InnoDB"), sees: myTables,
		}}),
		written("H8", "the backup leaves a database out", rearmed, map[string]string{MariaDB: "[mariadb-backup]\ndatabases-exclude = " + Neighbour + "\n"}),
		[]sabotage.Act{{ID: "H8", Title: "the beginning of the replica was thrown away", Engines: []string{SQLite}, Check: rearmed, Do: noBeginning}},
	)
}

// host is the machine of the server that was recovered, and its means.
type host struct {
	sys     fixtures.System
	control fixtures.Controlled
	node    fixtures.Node
	env     map[string]string
}

func hostOf(t sabotage.Target) (host, error) {
	h := host{sys: t.System, node: t.System.Members()[0].Node}
	var ok bool
	if h.control, ok = t.System.(fixtures.Controlled); !ok {
		return h, lacks(t, "fixtures.Controlled")
	}
	r, ok := t.System.(fixtures.Responder)
	if !ok {
		return h, lacks(t, "fixtures.Responder")
	}
	var err error
	h.env, err = r.Environment(context.Background())
	return h, err
}

// shell runs a script on the machine as its superuser, with arguments.
func (h host) shell(ctx context.Context, script string, args ...string) error {
	_, err := h.node.Exec(ctx, fixtures.Command{Args: append([]string{"/bin/sh", "-euc", script, "sh"}, args...)})
	return err
}

// restart does something while the server is down, which it may be already.
func (h host) restart(ctx context.Context, do func() error) error {
	if err := h.control.StopServer(ctx, h.node); err != nil {
		_ = h.control.KillServer(ctx, h.node) // nothing to end is as good
	}
	return errors.Join(do(), h.control.StartServer(ctx, h.node))
}

// configuration is the file that the server reads at its start.
func (h host) configuration() string {
	if h.sys.Info().Engine == Postgres {
		return path.Join(h.env["GAMEDAY_PGDATA"], "postgresql.auto.conf")
	}
	return h.env["GAMEDAY_CONFIG"]
}

// written are acts, by engine, that add lines to the server's configuration while it runs, and leave it running.
func written(id, title, check string, lines map[string]string) []sabotage.Act {
	var all []sabotage.Act
	for _, engine := range Engines() {
		text, ok := lines[engine]
		if !ok {
			continue
		}
		all = append(all, sabotage.Act{ID: id, Title: title, Engines: []string{engine}, Check: check, Do: func(ctx context.Context, t sabotage.Target) (func(context.Context) error, error) {
			h, err := hostOf(t)
			if err != nil {
				return nil, err
			}
			file := h.configuration()
			was, err := fixtures.ReadFile(ctx, h.node, file)
			if err != nil {
				return nil, fmt.Errorf("read the server's configuration: %w", err)
			}
			back := func(ctx context.Context) error {
				return h.restart(ctx, func() error { return inPlace(ctx, h.node, file, was) })
			}
			if err := inPlace(ctx, h.node, file, append(append(slices.Clone(was), '\n'), text...)); err != nil {
				return nil, errors.Join(err, back(context.WithoutCancel(ctx)))
			}
			return back, nil
		}})
	}
	return all
}

// standbyNext leaves behind what makes a server follow another one from its next start on.
func standbyNext(ctx context.Context, t sabotage.Target) (func(context.Context) error, error) {
	h, err := hostOf(t)
	if err != nil {
		return nil, err
	}
	signal := path.Join(h.env["GAMEDAY_PGDATA"], "standby.signal")
	if err := h.shell(ctx, `: >"$1"; chown postgres "$1"`, signal); err != nil {
		return nil, err
	}
	return func(ctx context.Context) error {
		return h.restart(ctx, func() error { return h.shell(ctx, `rm "$1"`, signal) })
	}, nil
}

// noPlaceForBackups puts a file where the directory of the backups was.
func noPlaceForBackups(ctx context.Context, t sabotage.Target) (func(context.Context) error, error) {
	h, err := hostOf(t)
	if err != nil {
		return nil, err
	}
	base := path.Join(h.env["GAMEDAY_VAULT"], "base")
	if h.sys.Info().Engine == SQLite { // which has not needed it yet
		if err := os.MkdirAll(base, 0o700); err != nil {
			return nil, err
		}
		back := func(context.Context) error { return errors.Join(os.Remove(base), os.Rename(base+".gone", base)) }
		return back, errors.Join(os.Rename(base, base+".gone"), os.WriteFile(base, nil, 0o600))
	}
	if err := h.shell(ctx, `mv "$1" "$1.gone"; : >"$1"`, base); err != nil {
		return nil, err
	}
	return func(ctx context.Context) error { return h.shell(ctx, `rm "$1"; mv "$1.gone" "$1"`, base) }, nil
}

// noBeginning moves every file of a replica that there is by now out of it. What comes later leads nowhere without them.
func noBeginning(ctx context.Context, t sabotage.Target) (func(context.Context) error, error) {
	m, ok := t.System.(fixtures.FileMapper)
	if !ok {
		return nil, lacks(t, "fixtures.FileMapper")
	}
	files, err := m.Files(ctx, nil, fixtures.ArchivedLog, "", "")
	if err == nil && len(files) == 0 {
		err = errors.New("the replica has no files")
	}
	if err != nil {
		return nil, err
	}
	away, err := os.MkdirTemp(filepath.Dir(files[0].Path), ".away-")
	if err != nil {
		return nil, err
	}
	var moved []fixtures.File
	place := func(i int) string { return filepath.Join(away, fmt.Sprint(i)) }
	back := func(context.Context) error {
		var errs []error
		for i, f := range moved {
			errs = append(errs, os.Rename(place(i), f.Path))
		}
		return errors.Join(append(errs, os.RemoveAll(away))...)
	}
	for i, f := range files {
		if err := os.Rename(f.Path, place(i)); err != nil {
			return nil, errors.Join(err, back(ctx))
		}
		moved = append(moved, f)
	}
	return back, nil
}
