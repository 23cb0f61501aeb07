package corpus

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"slices"

	"github.com/recoverydrill/gameday/fixtures"
	"github.com/recoverydrill/gameday/verify/sabotage"
)

const durability = "durability"

// reload makes PostgreSQL read its files again, which every process does in its own time.
var reload = []string{"SELECT pg_reload_conf()", "SELECT pg_sleep(0.3)"}

// onSettings are acts on how the server runs. What it reads from its configuration at once is changed there; what needs a
// restart is left to whole drills.
func onSettings() []sabotage.Act {
	system := func(name, value string) on {
		return on{Postgres: {
			do:   append([]string{"ALTER SYSTEM SET " + name + " = " + value}, reload...),
			undo: append([]string{"ALTER SYSTEM RESET " + name}, reload...), sees: "SHOW " + name,
		}}
	}
	global := func(name, value, was string) on {
		return on{MySQL: {do: statement("SET GLOBAL " + name + " = " + value), undo: statement("SET GLOBAL " + name + " = " + was), sees: "SELECT @@GLOBAL." + name}}
	}
	only := func(o on) on { return on{onlyMySQL: o[MySQL]} }
	return slices.Concat(
		acts("F1", "a commit is not flushed", durability, system("fsync", "off")),
		acts("F1", "pages can be torn", durability, system("full_page_writes", "off")),
		acts("F1", "a commit does not wait", durability, system("synchronous_commit", "off")),
		acts("F1", "damaged pages are read as empty", durability, system("zero_damaged_pages", "on")),
		acts("F2", "a commit is written and not flushed", durability, global("innodb_flush_log_at_trx_commit", "2", "1")),
		acts("F2", "a commit is not even written", durability, global("innodb_flush_log_at_trx_commit", "0", "1")),
		acts("F2", "the binary log is not flushed", durability, global("sync_binlog", "0", "1")),
		acts("F2", "there is no redo log", durability, on{onlyMySQL: {
			do: statement("ALTER INSTANCE DISABLE INNODB REDO_LOG"), undo: statement("ALTER INSTANCE ENABLE INNODB REDO_LOG"),
			sees: "SELECT variable_value FROM performance_schema.global_status WHERE variable_name = 'Innodb_redo_log_enabled'",
		}}),
		acts("F4", "the archive throws everything away", durability, system("archive_command", "'/bin/true'")),
		acts("F4", "the binary log keeps statements and not rows", durability, global("binlog_format", "'STATEMENT'", "'ROW'")),
		acts("F4", "the binary log has no checksums", durability, global("binlog_checksum", "'NONE'", "'CRC32'")),
		acts("F8", "no query gets memory", structure, system("work_mem", "'64kB'")),
		acts("F8", "a statement has a moment", structure, system("statement_timeout", "'900ms'")),
		acts("F8", "there are few connections", structure, global("max_connections", "40", "100")),
		acts("F8", "packets are small", structure, only(global("max_allowed_packet", "1048576", "67108864"))),
		acts("F9", "nothing is vacuumed", structure, system("autovacuum", "off")),
		acts("F9", "statistics are not kept", structure, global("innodb_stats_auto_recalc", "OFF", "ON")),
		acts("G1", "every transaction begins read-only", structure, on{Postgres: {
			do:   statement("ALTER DATABASE bench SET default_transaction_read_only = on"),
			undo: statement("BEGIN READ WRITE", "ALTER DATABASE bench RESET default_transaction_read_only", "COMMIT"), sees: "SELECT setconfig FROM pg_db_role_setting",
		}}),
		acts("D9", "the server reads statements in another way", structure, global("sql_mode", "''", "DEFAULT")),
		acts("D9", "no event runs", structure, only(global("event_scheduler", "OFF", "ON"))),
		[]sabotage.Act{
			{ID: "E7", Title: "whoever comes from the network is let in", Engines: []string{Postgres}, Check: structure, Do: trustEverybody},
			{ID: "E8", Title: "everybody may read the file", Engines: []string{SQLite}, Check: structure, Do: readableByAll},
		},
	)
}

// trustEverybody puts a line before the server's rules of access, of which the first that fits counts.
func trustEverybody(ctx context.Context, t sabotage.Target) (func(context.Context) error, error) {
	s, err := storeOf(t)
	if err != nil {
		return nil, err
	}
	rows, err := s.Query(ctx, "", "", "SHOW hba_file")
	if err != nil {
		return nil, fmt.Errorf("find the rules of access: %w", err)
	}
	path, node := rows[0][0], s.Members()[0].Node
	was, err := fixtures.ReadFile(ctx, node, path)
	if err != nil {
		return nil, err
	}
	write := func(ctx context.Context, text []byte) error {
		if err := inPlace(ctx, node, path, text); err != nil {
			return err
		}
		for _, sql := range reload {
			if err := s.Statement(ctx, "", "", sql); err != nil {
				return err
			}
		}
		return nil
	}
	undo := func(ctx context.Context) error { return write(ctx, was) }
	if err := write(ctx, append([]byte("host all all all trust\n"), was...)); err != nil {
		return nil, errors.Join(err, undo(context.WithoutCancel(ctx)))
	}
	return undo, nil
}

// inPlace writes a file over, so that its owner and mode stay.
func inPlace(ctx context.Context, node fixtures.Node, path string, text []byte) error {
	_, err := node.Exec(ctx, fixtures.Command{Args: []string{"/bin/sh", "-c", `exec cat >"$1"`, "sh", path}, Stdin: bytes.NewReader(text)})
	return err
}

// readableByAll opens the file of a store to every account of its host.
func readableByAll(ctx context.Context, t sabotage.Target) (func(context.Context) error, error) {
	r, ok := t.System.(fixtures.Responder)
	if !ok {
		return nil, &fixtures.UnsupportedError{What: "engine " + t.System.Info().Engine, Need: "fixtures.Responder", For: "find the file"}
	}
	env, err := r.Environment(ctx)
	if err != nil {
		return nil, err
	}
	info, err := os.Stat(env["GAMEDAY_FILE"])
	if err != nil {
		return nil, fmt.Errorf("find the file: %w", err)
	}
	if info.Mode().Perm() == 0o644 {
		return nil, errors.New("it changed nothing")
	}
	return func(context.Context) error { return os.Chmod(env["GAMEDAY_FILE"], info.Mode()) }, os.Chmod(env["GAMEDAY_FILE"], 0o644) //nolint:gosec // that is the act
}
