package pgrepair

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	recovery "github.com/recoverydrill/gameday/recover"
)

func (r *repair) database() string { return r.job.Env["GAMEDAY_DATABASE"] }

// find reads which rows fulfil the signature of the damage. Some of them may always have: the copy tells.
func (r *repair) find(ctx context.Context) error {
	found, deleted := 0, false
	r.suspects = map[string]bool{}
	for _, t := range r.tables {
		if err := t.describe(ctx, r.primary, r.database()); err != nil {
			return err
		}
		xids, err := t.look(ctx, r.primary, r.database())
		if err != nil {
			return err
		}
		for _, x := range xids {
			r.suspects[x] = true
		}
		found += t.suspects
		deleted = deleted || t.Deleted != ""
		if t.Poison != "" {
			r.primary.Say("%s: %d rows look damaged, written by %d transactions", t.Table, t.suspects, len(xids))
		}
	}
	if found > 0 || deleted {
		return nil
	}
	left, err := r.copy.Left(ctx)
	if err == nil && !left {
		return recovery.Refuse("no row of any table looks damaged: nothing was changed")
	}
	r.primary.Say("no row looks damaged any more: an earlier run has left its copy, and has got that far")
	return err
}

// archive waits for the log up to now: the bad transactions are in it.
func (r *repair) archive(ctx context.Context) (err error) {
	r.end, err = r.primary.Sh(ctx, `
end=$(sql -d postgres -c 'SELECT pg_switch_wal()')
file=$(sql -d postgres -c "SELECT pg_walfile_name('$end')")
i=0
until [ -s "$GAMEDAY_VAULT/wal/$file" ]; do
  i=$((i + 1)); [ $i -lt 1200 ] || { echo "segment $file is not archived after 2 min" >&2; exit 1; }
  sleep 0.1
done
echo "$end"`, nil)
	return err
}

// mark brings the copy to the mark.
func (r *repair) mark(ctx context.Context) error {
	if err := r.copy.Replay(ctx); err != nil {
		return err
	}
	return r.copy.Reached(ctx)
}

// deleters adds the transactions that have deleted rows of tables whose deleted rows are wanted: no row tells them.
func (r *repair) deleters(ctx context.Context) error {
	wanted := map[string]bool{}
	for _, t := range r.tables {
		if t.Deleted == "" {
			continue
		}
		then, err := t.files(ctx, r.copy.Server, r.database())
		if err != nil {
			return err
		}
		now, err := t.files(ctx, r.primary, r.database())
		if err != nil {
			return err
		}
		if !slices.Equal(then, now) {
			return recovery.Refuse("%s was rewritten since the mark, as TRUNCATE does: what its rows were last cannot be told. Nothing was changed", t.Table)
		}
		for _, f := range now {
			wanted[f] = true
		}
	}
	if len(wanted) == 0 {
		return nil
	}
	out, err := r.log(ctx, "Heap", `s|^.* tx: *\([0-9]*\), .*desc: DELETE .*blkref #0: rel \([0-9/]*\) .*$|\1 \2|p`, "sort -u")
	if err != nil {
		return err
	}
	for line := range strings.Lines(out) {
		if xid, file, _ := strings.Cut(strings.TrimSpace(line), " "); wanted[file] {
			r.suspects[xid] = true
		}
	}
	return nil
}

// log reads the archived log from the mark on: what sed makes of the records of one kind, and a further command of that.
func (r *repair) log(ctx context.Context, kind, sed, then string) (string, error) {
	out, err := r.copy.Server.Sh(ctx, `
read=$(mktemp)
{ "$bin/pg_waldump" --path="$GAMEDAY_VAULT/wal" --timeline="$GAMEDAY_TARGET_TIMELINE" --start="$GAMEDAY_TARGET_POSITION" --end="$END" --rmgr="$KIND" && echo all >"$read"; } | sed -n "$SED" | `+then+`
all=$(cat "$read")
rm -f "$read"
[ "$all" = all ]`, map[string]string{"END": r.end, "KIND": kind, "SED": sed})
	if err != nil {
		return "", fmt.Errorf("read the archived log from the mark to %s: %w", r.end, err)
	}
	return out, nil
}

// order finds the commits of the suspects in the archived log from the mark on. A row may have been written by a part of a
// transaction, whose own number is in the commit of the whole. What had committed before the mark is no suspect.
func (r *repair) order(ctx context.Context) error {
	r.bad = nil
	out, err := r.log(ctx, "Transaction", `s/^.* tx: *\([0-9]*\), lsn: \([0-9A-F/]*\), .*desc: COMMIT [^;]*\(.*\)$/\1 \2 \3/p`, "cat")
	if err != nil {
		return err
	}
	for line := range strings.Lines(out) {
		fields := strings.Fields(line)
		if len(fields) < 2 {
			continue
		}
		hit := r.suspects[fields[0]]
		if _, subs, ok := strings.Cut(line, "subxacts:"); ok {
			subs, _, _ = strings.Cut(subs, ";")
			for x := range strings.FieldsSeq(subs) {
				hit = hit || r.suspects[x]
			}
		}
		if hit {
			r.bad = append(r.bad, stop{xid: fields[0], position: fields[1]})
		}
	}
	if len(r.bad) > r.stops {
		return recovery.Refuse("%d transactions since the mark have written rows that look damaged, or deleted rows, more than %d: the signature is too wide, or the damage needs a point-in-time recovery", len(r.bad), r.stops)
	}
	return nil
}

// collect reads the good versions at the mark and before each bad transaction; the later one replaces the earlier. It does
// so again from the mark on while the rows in the copy name transactions that it was not read before, or rows that it was
// not asked for.
func (r *repair) collect(ctx context.Context) error {
	if err := r.deleters(ctx); err != nil {
		return err
	}
	if err := r.read(ctx); err != nil {
		return err
	}
	if err := r.order(ctx); err != nil {
		return err
	}
	for {
		passed, asked := len(r.bad), r.late()
		for _, s := range r.bad {
			if err := r.copy.Advance(ctx, "recovery_target_lsn = '"+s.position+"'\nrecovery_target_inclusive = 'off'"); err != nil {
				return fmt.Errorf("lead the copy to just before transaction %s at %s: %w", s.xid, s.position, err)
			}
			if err := r.read(ctx); err != nil {
				return err
			}
		}
		r.copy.Server.Say("the copy was read at the mark and before %d transactions", len(r.bad))
		if err := r.order(ctx); err != nil || (len(r.bad) == passed && r.late() == asked) {
			return err
		}
		r.copy.Server.Say("rows were damaged there already, by %d transactions more, and %d before they were deleted: from the mark once more",
			len(r.bad)-passed, r.late()-asked)
		for _, again := range []func(context.Context) error{r.copy.Fetch, r.mark, r.read} {
			if err := again(ctx); err != nil {
				return err
			}
		}
	}
}

// late is how many rows looked damaged before they were deleted.
func (r *repair) late() (n int) {
	for _, t := range r.tables {
		n += len(t.late)
	}
	return n
}

// read asks for the rows of all tables at once. Between two answers stands a line that no row can be: COPY writes a
// backslash as two.
func (r *repair) read(ctx context.Context) error {
	var all []question
	var sql []string
	for _, t := range r.tables {
		all = append(all, t.reading(r.suspects)...)
	}
	for _, q := range all {
		sql = append(sql, q.sql)
	}
	out, err := r.copy.Server.Ask(ctx, r.database(), strings.Join(sql, "\n\\echo '\\\\.'\n"))
	if err != nil {
		return fmt.Errorf("read the damaged rows on %s: %w", r.copy.Server.Name(), err)
	}
	at := 0
	for line := range strings.Lines(out) {
		switch line = strings.TrimSuffix(line, "\n"); {
		case line == `\.`:
			at++
		case at < len(all) && line != "":
			all[at].take(line)
		}
	}
	if len(all) > 0 && at != len(all)-1 {
		return fmt.Errorf("read the damaged rows on %s: %d of %d answers", r.copy.Server.Name(), at+1, len(all))
	}
	return nil
}

// references fails the transaction when a row of a repaired table refers to nothing, or something refers to a row of it
// that is not there: without triggers nobody else has looked.
const references = `
DO $check$
DECLARE c record; n bigint;
BEGIN
  FOR c IN SELECT conname, conrelid::regclass AS child, confrelid::regclass AS parent,
      (SELECT string_agg(format('c.%I = p.%I', a.attname, b.attname), ' AND ') FROM unnest(conkey, confkey) AS k(x, y)
        JOIN pg_attribute a ON a.attrelid = conrelid AND a.attnum = k.x JOIN pg_attribute b ON b.attrelid = confrelid AND b.attnum = k.y) AS same,
      (SELECT string_agg(format('c.%I IS NOT NULL', attname), ' AND ') FROM pg_attribute WHERE attrelid = conrelid AND attnum = ANY (conkey)) AS given
    FROM pg_constraint WHERE contype = 'f' AND convalidated AND (conrelid = ANY (TABLES) OR confrelid = ANY (TABLES))
  LOOP
    EXECUTE format('SELECT count(*) FROM %s c WHERE %s AND NOT EXISTS (SELECT FROM %s p WHERE %s)', c.child, c.given, c.parent, c.same) INTO n;
    IF n > 0 THEN RAISE EXCEPTION '% rows of % would refer to nothing (constraint %)', n, c.child, c.conname; END IF;
  END LOOP;
END $check$;
`

// apply puts the rows back, in one transaction.
func (r *repair) apply(ctx context.Context) error {
	var b strings.Builder
	// Writers wait for the moment that it takes: neither can one be overtaken, nor stand in each other's way.
	b.WriteString("BEGIN;\nSET LOCAL session_replication_role = replica;\nSET LOCAL lock_timeout = '30s';\n")
	var all []string
	for _, t := range r.tables {
		b.WriteString("LOCK TABLE " + t.Table + " IN SHARE ROW EXCLUSIVE MODE;\n")
	}
	for n, t := range r.tables {
		b.WriteString(t.script(n))
		all = append(all, literal(t.Table)+"::regclass::oid")
	}
	b.WriteString(strings.ReplaceAll(references, "TABLES", "ARRAY["+strings.Join(all, ", ")+"]"))
	b.WriteString("COMMIT;\n")
	out, err := r.primary.Ask(ctx, r.database(), b.String())
	if err != nil {
		return fmt.Errorf("nothing was changed: %w", err)
	}
	return r.keep(out)
}

// keep counts and writes down which rows were put back. One that was deleted and healed is named twice.
func (r *repair) keep(out string) error {
	var b strings.Builder
	known := map[string]bool{}
	for line := range strings.Lines(out) {
		line = strings.TrimSpace(line)
		f := strings.SplitN(line, "|", 3)
		if len(f) != 3 || f[0] != "row" || known[line] {
			continue
		}
		known[line] = true
		if n, err := strconv.Atoi(f[1]); err == nil && n < len(r.tables) {
			r.tables[n].done++
			fmt.Fprintf(&b, "%s\t%s\n", r.tables[n].Table, f[2])
		}
	}
	for _, t := range r.tables {
		r.primary.Say("%s: %d rows put back", t.Table, t.done)
	}
	path := filepath.Join(r.job.WorkDir, "pgrepair-rows.txt")
	if err := os.WriteFile(path, []byte(b.String()), 0o644); err != nil { //nolint:gosec // a list of keys, to be read
		return fmt.Errorf("write down which rows were put back: %w", err)
	}
	r.primary.Say("their keys are in %s", filepath.Base(path))
	return nil
}

// again looks for rows that are still damaged, or have come to look so since the repair began.
func (r *repair) again(ctx context.Context) error {
	for _, t := range r.tables {
		before := t.damaged
		if _, err := t.look(ctx, r.primary, r.database()); err != nil {
			return err
		}
		left, err := t.left(before)
		if err != nil {
			return err
		}
		if len(left) > 0 {
			return fmt.Errorf("%s: %d rows are damaged still or again, the first with the key %s: is the damage still being done?", t.Table, len(left), left[0])
		}
		if t.Poison != "" {
			r.primary.Say("%s: 0 damaged rows left; %d look like it and always have", t.Table, t.suspects)
		}
	}
	return nil
}
