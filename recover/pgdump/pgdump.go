// Package pgdump is the reference procedure for a PostgreSQL server of which there are logical backups: pg_dump of each
// database, the roles, and the configuration. It makes a new server of all of them on a spare node, or brings one schema
// back into the damaged database and leaves everything else there as it is.
//
// A dump is a moment: whatever came after it is lost, and there is no log that could be replayed on top. A new server has
// a system identifier of its own (verify.Identity must allow it), and what no dump holds has to come along: the
// configuration files, and what initdb was told. Standbys of the old server cannot follow the new one.
//
// It may be run again after it was killed: a new server that it had not finished is made anew, and one that it had is not
// touched any more; a schema comes back in one transaction. A data directory that it did not fill, and a schema that is
// there and that this run has not brought back, are refused.
package pgdump

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/recoverydrill/gameday/fixtures"
	recovery "github.com/recoverydrill/gameday/recover"
	"github.com/recoverydrill/gameday/recover/pgserver"
)

// Procedure is one recovery from the newest dump that is whole.
type Procedure struct {
	Node string // where to restore; default the system's first spare, of a schema its primary

	// Database and Schema name what alone is to be brought back in place; empty is a new server with everything.
	Database, Schema string
}

var (
	_ recovery.Recovery    = Procedure{}
	_ recovery.Planner     = Procedure{}
	_ recovery.Preflighter = Procedure{}
)

// Server is a recovery into a new server on the spare node.
func Server() Procedure { return Procedure{} }

// Schema is a recovery of one schema that is gone, in place.
func Schema(database, schema string) Procedure { return Procedure{Database: database, Schema: schema} }

// Name is what reports call it.
func (p Procedure) Name() string {
	if p.Schema != "" {
		return "pg_restore of a schema in place"
	}
	return "pg_restore into a new server"
}

// Recover runs the procedure.
func (p Procedure) Recover(ctx context.Context, job recovery.Job) error {
	steps, err := p.steps(job)
	if err != nil {
		return err
	}
	return job.Run(ctx, steps...)
}

// Plan says what Recover would do.
func (p Procedure) Plan(_ context.Context, job recovery.Job) (recovery.Plan, error) {
	steps, err := p.steps(job)
	return recovery.PlanOf(steps...), err
}

func (p Procedure) steps(job recovery.Job) ([]recovery.Step, error) {
	r, err := p.on(job)
	if err != nil {
		return nil, err
	}
	where := r.server.Name()
	choose := recovery.Step{
		Name: "choose the dump", Do: r.choose,
		Does: "take the newest dump whose files are those that were written: their sums are right, and pg_restore can list them",
	}
	if p.Schema != "" {
		return []recovery.Step{
			choose,
			{Name: "restore the schema", Do: r.schema, Does: fmt.Sprintf("pg_restore of schema %s into database %s on %s, in one transaction", p.Schema, p.Database, where)},
			{Name: "check what came back", Do: r.checkSchema, Does: "count the objects of the database against those of the dump, and gather statistics"},
		}, nil
	}
	return []recovery.Step{
		choose,
		{Name: "make a new server", Do: r.initialise, Does: "initdb on " + where + " as the old server was made, with its configuration files, and start it closed to clients"},
		{Name: "restore the roles", Do: r.globals, Does: "roles, memberships and tablespaces by psql, up to the first error"},
		{Name: "restore the databases", Do: r.databases, Does: "each database by pg_restore --create, up to the first error"},
		{Name: "check what came back", Do: r.checkAll, Does: "count the objects of each database against those of its dump, and gather statistics"},
		{Name: "open the server", Do: r.open, Does: "start the server on " + where + " again, open to clients"},
		{Name: "cut over", Does: "send clients to " + where, Do: func(ctx context.Context) error {
			return job.CutOver(ctx, r.server.At())
		}},
	}, nil
}

// run is one run of the procedure.
type run struct {
	Procedure
	server pgserver.Server
	dump   string // the directory of the chosen one
}

func (p Procedure) on(job recovery.Job) (*run, error) {
	if (p.Schema == "") != (p.Database == "") {
		return nil, errors.New("pgdump: a schema needs a database, and a database a schema")
	}
	if job.Env["GAMEDAY_DUMPS"] == "" {
		return nil, errors.New("pgdump: the system is not backed up by dumps: GAMEDAY_DUMPS is empty")
	}
	node, err := p.node(job.System)
	if err != nil {
		return nil, fmt.Errorf("pgdump: %w", err)
	}
	return &run{Procedure: p, server: pgserver.On(job, node)}, nil
}

func (p Procedure) node(sys fixtures.System) (fixtures.Node, error) {
	if p.Node != "" || p.Schema == "" {
		return recovery.SpareNode(sys, p.Node)
	}
	for _, m := range sys.Members() {
		if m.Role == fixtures.Primary {
			return m.Node, nil
		}
	}
	return nil, errors.New("the system has no primary to restore in place")
}

// lookScript prints "dump DIRECTORY BYTES" for the newest dump that is whole, and "passed DIRECTORY: WHY" for newer ones.
const lookScript = `
sound() {
  cd "$1" || return 1
  for f in globals.sql databases initdb.options SHA256SUMS; do [ -s "$f" ] || { echo "$f is missing"; return 1; }; done
  sha256sum --quiet --strict -c SHA256SUMS 2>/dev/null | head -n 1 | grep . && return 1
  sha256sum --status --strict -c SHA256SUMS 2>/dev/null || { echo "its sums are not right"; return 1; }
  while IFS= read -r db; do
    grep -q "  \./$db.dump$" SHA256SUMS || { echo "the dump of $db is missing"; return 1; }
    "$bin/pg_restore" --list "$db.dump" >/dev/null || { echo "pg_restore cannot list the dump of $db"; return 1; }
  done <databases
}
ls -1td "$GAMEDAY_DUMPS"/* 2>/dev/null | while IFS= read -r dir; do
  if why=$(sound "$dir"); then echo "dump $dir $(($(du -sk "$dir" | cut -f 1) * 1024))"; break; fi
  echo "passed $dir: $why"
done`

// look reads the dumps. It changes nothing.
func (r *run) look(ctx context.Context) (dir string, bytes int64, passed []string, err error) {
	out, err := r.server.Sh(ctx, lookScript, nil)
	if err != nil {
		return "", 0, nil, fmt.Errorf("look at the dumps: %w", err)
	}
	for line := range strings.Lines(out) {
		verb, rest, _ := strings.Cut(strings.TrimSpace(line), " ")
		switch verb {
		case "dump":
			if _, err := fmt.Sscan(rest, &dir, &bytes); err != nil {
				return "", 0, nil, fmt.Errorf("look at the dumps: got %q: %w", line, err)
			}
		case "passed":
			passed = append(passed, rest)
		}
	}
	return dir, bytes, passed, nil
}

func (r *run) choose(ctx context.Context) error {
	dir, _, passed, err := r.look(ctx)
	if err != nil {
		return err
	}
	if dir == "" && len(passed) == 0 {
		return recovery.Refuse("there is no dump in the vault")
	}
	if dir == "" {
		return recovery.Refuse("no dump in the vault is whole: %s", strings.Join(passed, "; "))
	}
	for _, why := range passed {
		r.server.Say("passed over: %s", why)
	}
	r.server.Say("dump %s", dir)
	r.dump = dir
	return nil
}

// kinds are the types of entries in a dump, as pg_dump of PostgreSQL 13 to 18 writes them. The list has no quotes: without
// knowing them, a schema whose name is in capitals looks like a part of the type.
var kinds = strings.Split(`ACCESS METHOD,ACL,ACL LANGUAGE,AGGREGATE,BLOB,BLOB COMMENTS,BLOB METADATA,BLOBS,CAST,CHECK CONSTRAINT,COLLATION,`+
	`COMMENT,CONSTRAINT,CONVERSION,DATABASE,DATABASE PROPERTIES,DEFAULT,DEFAULT ACL,DOMAIN,ENCODING,EVENT TRIGGER,`+
	`EXTENDED STATISTICS DATA,EXTENSION,FK CONSTRAINT,FOREIGN DATA WRAPPER,FOREIGN SERVER,FOREIGN TABLE,FUNCTION,INDEX,INDEX ATTACH,`+
	`LANGUAGE,LARGE OBJECT,MATERIALIZED VIEW,MATERIALIZED VIEW DATA,OPERATOR,OPERATOR CLASS,OPERATOR FAMILY,POLICY,PROCEDURAL LANGUAGE,`+
	`PROCEDURE,PUBLICATION,PUBLICATION TABLE,PUBLICATION TABLES IN SCHEMA,ROW SECURITY,RULE,SCHEMA,SEARCHPATH,SECURITY LABEL,SEQUENCE,`+
	`SEQUENCE OWNED BY,SEQUENCE SET,SERVER,SHELL TYPE,STATISTICS,STATISTICS DATA,STDSTRINGS,SUBSCRIPTION,SUBSCRIPTION TABLE,TABLE,`+
	`TABLE ATTACH,TABLE DATA,TABLESPACE,TEXT SEARCH CONFIGURATION,TEXT SEARCH DICTIONARY,TEXT SEARCH PARSER,TEXT SEARCH TEMPLATE,`+
	`TRANSFORM,TRIGGER,TYPE,USER MAPPING,VIEW`, ",")

// entry is a line of pg_restore's list: "3456; 0 16405 TABLE DATA billing accounts postgres". Of two types that begin alike
// the longer is tried first.
var entry = func() *regexp.Regexp {
	longest := slices.SortedFunc(slices.Values(kinds), func(a, b string) int { return len(b) - len(a) })
	return regexp.MustCompile(`^\d+; \d+ \d+ (` + strings.Join(longest, "|") + `) (\S+) (.*)$`)
}()

// typeOf is an entry's type, "" of one that is not known.
func typeOf(line string) string {
	if m := entry.FindStringSubmatch(line); m != nil {
		return m[1]
	}
	return ""
}

// contents lists what a dump holds.
func (r *run) contents(ctx context.Context, database string) ([]string, error) {
	out, err := r.server.Sh(ctx, `"$bin/pg_restore" --list "$DUMP/$DATABASE.dump"`, map[string]string{"DUMP": r.dump, "DATABASE": database})
	if err != nil {
		return nil, fmt.Errorf("list the dump of %q: %w", database, err)
	}
	var all []string
	for line := range strings.Lines(out) {
		if line = strings.TrimSpace(line); line != "" && line[0] != ';' {
			all = append(all, line)
		}
	}
	return all, nil
}

// ofSchema keeps the entries of one schema, and those about the schema itself. Of an entry whose type is not known, nobody
// can tell what it belongs to.
func ofSchema(entries []string, schema string) ([]string, error) {
	var some []string
	for _, line := range entries {
		m := entry.FindStringSubmatch(line)
		if m == nil {
			return nil, recovery.Refuse("the dump holds something of a type that is not known, and may belong to schema %s: %q", schema, line)
		}
		kind, in, rest := m[1], m[2], m[3]
		itself := in == "-" && (kind == "SCHEMA" && strings.HasPrefix(rest, schema+" ") || strings.HasPrefix(rest, "SCHEMA "+schema+" "))
		if in == schema || itself {
			some = append(some, line)
		}
	}
	return some, nil
}

// counted are the types of entries whose objects are counted in the restored database.
var counted = []string{"TABLE", "VIEW", "MATERIALIZED VIEW", "SEQUENCE", "FK CONSTRAINT", "TRIGGER"}

// countQuery counts the same in a database: not what belongs to the server or to an extension, and of a partitioned
// table's triggers and foreign keys its own only.
const countQuery = `
WITH own AS (SELECT oid FROM pg_namespace WHERE nspname !~ '^pg_' AND nspname <> 'information_schema'),
  extended AS (SELECT classid, objid FROM pg_depend WHERE deptype = 'e'),
  class AS (SELECT oid, relkind FROM pg_class c WHERE relnamespace IN (TABLE own) AND NOT EXISTS
    (SELECT FROM extended WHERE classid = 'pg_class'::regclass AND objid = c.oid))
SELECT CASE relkind WHEN 'v' THEN 'VIEW' WHEN 'm' THEN 'MATERIALIZED VIEW' WHEN 'S' THEN 'SEQUENCE' ELSE 'TABLE' END || '=' || count(*)
  FROM class WHERE relkind IN ('r', 'p', 'v', 'm', 'S') GROUP BY CASE relkind WHEN 'v' THEN 'VIEW' WHEN 'm' THEN 'MATERIALIZED VIEW' WHEN 'S' THEN 'SEQUENCE' ELSE 'TABLE' END
UNION ALL SELECT 'FK CONSTRAINT=' || count(*) FROM pg_constraint WHERE contype = 'f' AND conparentid = 0 AND conrelid IN (SELECT oid FROM class)
UNION ALL SELECT 'TRIGGER=' || count(*) FROM pg_trigger WHERE NOT tgisinternal AND tgparentid = 0 AND tgrelid IN (SELECT oid FROM class)`

// compare holds the objects of a database against those of its dump.
func (r *run) compare(ctx context.Context, database string) error {
	entries, err := r.contents(ctx, database)
	if err != nil {
		return err
	}
	want := map[string]int{}
	for _, line := range entries {
		want[typeOf(line)]++
	}
	out, err := r.server.Ask(ctx, database, countQuery)
	if err != nil {
		return fmt.Errorf("count the objects of %q: %w", database, err)
	}
	have := map[string]int{}
	for line := range strings.Lines(out) {
		kind, n, _ := strings.Cut(strings.TrimSpace(line), "=")
		if have[kind], err = strconv.Atoi(n); err != nil {
			return fmt.Errorf("count the objects of %q: got %q", database, line)
		}
	}
	var errs []error
	for _, kind := range counted {
		if want[kind] != have[kind] {
			errs = append(errs, fmt.Errorf("database %s: the dump has %d of type %s, the server %d", database, want[kind], kind, have[kind]))
		}
	}
	return errors.Join(errs...)
}
