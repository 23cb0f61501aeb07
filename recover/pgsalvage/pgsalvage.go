// Package pgsalvage is the reference procedure for a PostgreSQL table with blocks that cannot be read, of which there is no
// sound copy: every row that can be read is read around them, saved outside of the server first, and put into a fresh file
// under the same table, with its indexes. The rows on the damaged blocks are lost, and named where an index still knows them.
//
// Use it when there is neither a standby nor a backup: both bring all rows back. It works in place, table by table, each in
// one transaction; other tables and what clients wrote to them are not touched. It refuses where every table can be read,
// and a table that others refer to: their rows would refer to nothing. Run again, it finds what is left to do.
package pgsalvage

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	recovery "github.com/recoverydrill/gameday/recover"
	"github.com/recoverydrill/gameday/recover/pgserver"
)

// Procedure is one salvage.
type Procedure struct {
	// Tables are what is looked at, as schema.table of the main database; empty looks at every table of it.
	Tables []string
}

var (
	_ recovery.Recovery    = Procedure{}
	_ recovery.Planner     = Procedure{}
	_ recovery.Preflighter = Procedure{}
)

// Tables is a salvage of these tables, as schema.table; none looks at every table.
func Tables(names ...string) Procedure { return Procedure{Tables: names} }

// Name is what reports call it.
func (Procedure) Name() string { return "pgsalvage" }

// Recover runs the procedure.
func (p Procedure) Recover(ctx context.Context, job recovery.Job) error {
	s, err := p.salvage(job)
	if err != nil {
		return err
	}
	return job.Run(ctx, s.steps()...)
}

// Plan says what Recover would do.
func (p Procedure) Plan(_ context.Context, job recovery.Job) (recovery.Plan, error) {
	s, err := p.salvage(job)
	if err != nil {
		return recovery.Plan{}, err
	}
	return recovery.PlanOf(s.steps()...), nil
}

// Preflight looks for room for a second copy of the largest table on the server.
func (p Procedure) Preflight(ctx context.Context, job recovery.Job) ([]recovery.Need, error) {
	s, err := p.salvage(job)
	if err != nil {
		return nil, err
	}
	size, err := s.primary.Ask(ctx, s.database(), `SELECT coalesce(max(pg_total_relation_size(oid)), 0) * 2 FROM pg_class WHERE relkind = 'r'`)
	if err != nil {
		return nil, fmt.Errorf("ask the primary for the size of its tables: %w", err)
	}
	free, err := s.primary.Sh(ctx, `echo $(($(df -Pk "$data" | tail -n 1 | awk '{print $4}') * 1024))`, nil)
	if err != nil {
		return nil, fmt.Errorf("look for room on the primary: %w", err)
	}
	n := recovery.Need{Resource: recovery.NeedsDisk, Where: s.primary.Name(), Detail: "the rows of the largest table twice: as they are read, and in their new file"}
	_, _ = fmt.Sscan(size, &n.Needed)
	_, _ = fmt.Sscan(free, &n.Available)
	n.Met = n.Available > 0 && n.Available >= n.Needed
	return []recovery.Need{n}, nil
}

// salvage is one salvage under way.
type salvage struct {
	job     recovery.Job
	primary pgserver.Server
	look    []string // what is looked at; none is everything
	damaged []string // names that are safe in SQL
}

func (p Procedure) salvage(job recovery.Job) (*salvage, error) {
	name, _, _ := strings.Cut(job.Env["GAMEDAY_PRIMARY"], ":")
	primary, err := pgserver.Named(job, name)
	if err != nil {
		return nil, fmt.Errorf("pgsalvage: %w", err)
	}
	return &salvage{job: job, primary: primary, look: p.Tables}, nil
}

func (s *salvage) database() string { return s.job.Env["GAMEDAY_DATABASE"] }

func (s *salvage) steps() []recovery.Step {
	what := "every table"
	if len(s.look) > 0 {
		what = strings.Join(s.look, ", ")
	}
	return []recovery.Step{
		{Name: "find the damage", Does: "read all rows of " + what + ", and refuse if all can be read", Do: s.find},
		{Name: "save what can be read", Does: "copy the readable rows of each damaged table out of the server, and name those that are lost", Do: s.save},
		{Name: "move the rows to a fresh file", Does: "read around the damaged blocks, empty the table and put the rows back, in one transaction for each table", Do: s.move},
		{Name: "read it again", Does: "read all rows of the tables that were damaged", Do: s.again},
	}
}

func literal(s string) string { return "'" + strings.ReplaceAll(s, "'", "''") + "'" }

// unreadable are the errors by which the server says that it cannot read what it holds. Any other ends the procedure.
const unreadable = `data_corrupted OR index_corrupted OR internal_error OR undefined_file`

// cannotRead lists the tables, of those that a query lists, which cannot be read with all that belongs to their rows, each
// with the server's reason.
func (s *salvage) cannotRead(ctx context.Context, list string) ([][2]string, error) {
	out, err := s.primary.Ask(ctx, s.database(), `CREATE TEMP TABLE pgsalvage_damaged (name text, why text);
DO $find$
DECLARE name text; n bigint;
BEGIN
  FOR name IN `+list+` LOOP
    BEGIN
      EXECUTE 'SELECT count(pgsalvage_row::text) FROM ONLY ' || name || ' pgsalvage_row' INTO n;
    EXCEPTION WHEN `+unreadable+` THEN
      INSERT INTO pgsalvage_damaged VALUES (name, SQLERRM);
    END;
  END LOOP;
END $find$;
SELECT name || E'\t' || why FROM pgsalvage_damaged ORDER BY 1;`)
	if err != nil {
		return nil, fmt.Errorf("read the tables: %w", err)
	}
	var all [][2]string
	for line := range strings.Lines(out) {
		name, why, _ := strings.Cut(strings.TrimSpace(line), "\t")
		all = append(all, [2]string{name, why})
	}
	return all, nil
}

// find reads every row of every table.
func (s *salvage) find(ctx context.Context) error {
	which := "true"
	if len(s.look) > 0 {
		var all []string
		for _, t := range s.look {
			all = append(all, literal(t)+"::regclass")
		}
		which = "c.oid IN (" + strings.Join(all, ", ") + ")"
	}
	found, err := s.cannotRead(ctx, `SELECT format('%I.%I', nspname, relname) FROM pg_class c JOIN pg_namespace n ON n.oid = relnamespace
WHERE relkind = 'r' AND relpersistence <> 't' AND nspname NOT IN ('pg_catalog', 'information_schema') AND nspname NOT LIKE 'pg\_toast%' AND `+which+` ORDER BY 1`)
	if err != nil {
		return err
	}
	s.damaged = nil
	var referred []string
	for _, f := range found {
		name := f[0]
		s.primary.Say("%s cannot be read: %s", name, f[1])
		s.damaged = append(s.damaged, name)
		by, err := s.primary.Ask(ctx, s.database(), `SELECT string_agg(conrelid::regclass::text, ', ') FROM pg_constraint
WHERE contype = 'f' AND confrelid = `+literal(name)+`::regclass AND conrelid <> confrelid`)
		if err != nil {
			return err
		}
		if by != "" {
			referred = append(referred, name+" (by "+by+")")
		}
	}
	switch {
	case len(s.damaged) == 0:
		return recovery.Refuse("every row can be read: there is nothing to salvage")
	case len(referred) > 0:
		return recovery.Refuse("other tables refer to %s: rows of theirs would refer to nothing; somebody must say what is to become of them", strings.Join(referred, "; "))
	}
	return nil
}

// around reads all rows of a table that can be read into the table pgsalvage, by ranges of blocks that are halved where one
// cannot be read, and in the last resort row by row. What is left out is in pgsalvage_lost.
//
// A small table would be read whole for each range, and all ranges would fail for one block: seen in a drill, which lost
// every row. So the server is told not to, and asked whether it does.
const around = `
SET LOCAL enable_seqscan = off;
DO $check$
DECLARE line text;
BEGIN
  FOR line IN EXPLAIN SELECT * FROM ONLY TABLE_NAME WHERE ctid >= '(0,0)'::tid AND ctid < '(1,0)'::tid LOOP
    IF line LIKE '%Tid Range Scan%' THEN RETURN; END IF;
  END LOOP;
  RAISE EXCEPTION 'the server does not read the table by ranges of blocks: nothing can be read around';
END $check$;
CREATE TEMP TABLE pgsalvage ON COMMIT DROP AS SELECT * FROM ONLY TABLE_NAME WITH NO DATA;
CREATE TEMP TABLE pgsalvage_lost (block bigint, item int, why text) ON COMMIT DROP;
CREATE FUNCTION pg_temp.salvage(lo bigint, hi bigint) RETURNS void LANGUAGE plpgsql AS $salvage$
BEGIN
  INSERT INTO pgsalvage SELECT * FROM ONLY TABLE_NAME WHERE ctid >= format('(%s,0)', lo)::tid AND ctid < format('(%s,0)', hi + 1)::tid;
EXCEPTION WHEN UNREADABLE THEN
  IF lo < hi THEN
    PERFORM pg_temp.salvage(lo, (lo + hi) / 2);
    PERFORM pg_temp.salvage((lo + hi) / 2 + 1, hi);
    RETURN;
  END IF;
  FOR i IN 1..current_setting('block_size')::int / 28 LOOP
    BEGIN
      INSERT INTO pgsalvage SELECT * FROM ONLY TABLE_NAME WHERE ctid = format('(%s,%s)', lo, i)::tid;
    EXCEPTION WHEN UNREADABLE THEN
      INSERT INTO pgsalvage_lost VALUES (lo, i, SQLERRM);
    END;
  END LOOP;
END $salvage$;
SELECT FROM pg_temp.salvage(0, pg_relation_size('TABLE_NAME') / current_setting('block_size')::bigint - 1);
`

func readAround(name string) string {
	return strings.NewReplacer("'TABLE_NAME'", literal(name), "TABLE_NAME", name, "UNREADABLE", unreadable).Replace(around)
}

// save keeps what can be read outside of the server before anything is changed, and says what cannot.
func (s *salvage) save(ctx context.Context) error {
	for i, name := range s.damaged {
		out, err := s.primary.Ask(ctx, s.database(), "BEGIN;\n"+readAround(name)+`
SELECT 'saved ' || count(*) || ' rows' FROM pgsalvage;
SELECT 'lost: block ' || block || ': ' || min(why) FROM pgsalvage_lost GROUP BY block ORDER BY block;
ROLLBACK;`)
		if err != nil {
			return fmt.Errorf("read around the damage of %s: %w", name, err)
		}
		s.primary.Say("%s: %s", name, strings.ReplaceAll(out, "\n", "\n  "))
		path := filepath.Join(s.job.WorkDir, fmt.Sprintf("pgsalvage-%d.copy", i+1))
		if err := s.export(ctx, name, path); err != nil {
			return fmt.Errorf("save the readable rows of %s: %w", name, err)
		}
		s.primary.Say("%s: they are in %s, as COPY reads them", name, filepath.Base(path))
		s.name(ctx, name)
	}
	return nil
}

func (s *salvage) export(ctx context.Context, name, path string) (err error) {
	file, err := os.Create(path) //nolint:gosec // below the job's own directory
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, file.Close()) }()
	return s.primary.Stream(ctx, `sql -d "$GAMEDAY_DATABASE" -f -`, nil, strings.NewReader("BEGIN;\n"+readAround(name)+"COPY pgsalvage TO STDOUT;\nROLLBACK;\n"), file)
}

// name lists the keys that the primary key's index knows and that could not be read. That takes an index which is sound and
// blocks that are marked all-visible; where it cannot be done, nothing else is lost by that.
func (s *salvage) name(ctx context.Context, table string) {
	key, err := s.primary.Ask(ctx, s.database(), `SELECT string_agg(quote_ident(attname), ', ' ORDER BY array_position(indkey::int2[], attnum))
FROM pg_index JOIN pg_attribute ON attrelid = indrelid AND attnum = ANY (indkey[0:indnkeyatts - 1]) WHERE indisprimary AND indrelid = `+literal(table)+`::regclass`)
	if err != nil || key == "" {
		s.primary.Say("%s: it has no primary key to name the lost rows by", table)
		return
	}
	out, err := s.primary.Ask(ctx, s.database(), "BEGIN;\n"+readAround(table)+`
SET LOCAL enable_seqscan = off; SET LOCAL enable_bitmapscan = off; SET LOCAL max_parallel_workers_per_gather = 0;
SELECT `+key+` FROM ONLY `+table+` EXCEPT SELECT `+key+` FROM pgsalvage ORDER BY 1;
ROLLBACK;`)
	if err != nil {
		s.primary.Say("%s: the index does not tell which rows are lost (%v)", table, err)
		return
	}
	keys := strings.Fields(out)
	s.primary.Say("%s: %d rows are lost, with the keys (%s): %s", table, len(keys), key, strings.Join(keys, " "))
}

// move gives each table a fresh file with the rows that can be read. Nobody reads or writes the table meanwhile.
func (s *salvage) move(ctx context.Context) error {
	for _, name := range s.damaged {
		columns, err := s.primary.Ask(ctx, s.database(), `SELECT string_agg(quote_ident(attname), ', ' ORDER BY attnum) FROM pg_attribute
WHERE attrelid = `+literal(name)+`::regclass AND attnum > 0 AND NOT attisdropped AND attgenerated = ''`)
		if err != nil {
			return fmt.Errorf("list the columns of %s: %w", name, err)
		}
		out, err := s.primary.Ask(ctx, s.database(), "BEGIN;\nSET LOCAL lock_timeout = '30s';\nLOCK TABLE ONLY "+name+" IN ACCESS EXCLUSIVE MODE;\nSET LOCAL session_replication_role = replica;\n"+
			readAround(name)+"TRUNCATE ONLY "+name+";\nINSERT INTO "+name+" ("+columns+") OVERRIDING SYSTEM VALUE SELECT "+columns+" FROM pgsalvage;\n"+
			"SELECT count(*) FROM pgsalvage;\nCOMMIT;")
		if err != nil {
			return fmt.Errorf("%s stays as it is: %w", name, err)
		}
		s.primary.Say("%s: %s rows are in its new file", name, strings.TrimSpace(out))
	}
	return nil
}

func (s *salvage) again(ctx context.Context) error {
	var all []string
	for _, name := range s.damaged {
		all = append(all, "("+literal(name)+")")
	}
	left, err := s.cannotRead(ctx, "SELECT * FROM (VALUES "+strings.Join(all, ", ")+") x")
	if err == nil && len(left) > 0 {
		err = fmt.Errorf("%d tables cannot be read still, the first is %s: %s", len(left), left[0][0], left[0][1])
	}
	return err
}
