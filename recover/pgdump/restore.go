package pgdump

import (
	"context"
	"errors"
	"fmt"
	"strings"

	recovery "github.com/recoverydrill/gameday/recover"
	"github.com/recoverydrill/gameday/recover/pgserver"
)

// sh runs a script with the stage at hand: a file beside the data directory that says how far this procedure came,
// "restoring" or "restored" and the dump.
func (r *run) sh(ctx context.Context, script string) (string, error) {
	return r.server.Sh(ctx, `stage=$data.pgdump-stage
told() { cat "$stage" 2>/dev/null || :; }
tell() { echo "$1" >"$stage.new"; sync "$stage.new"; mv "$stage.new" "$stage"; }
mine="restored from $DUMP in run ${GAMEDAY_RUN:-no-run}"
restored() { [ -e "$data/PG_VERSION" ] && [ "$(told)" = "$mine" ]; }
`+script, map[string]string{"DUMP": r.dump})
}

// initialise makes an empty server. What an earlier run did not finish is removed first; anything else that lies there is
// refused, a server among it that another run has restored: clients may have written to it since.
func (r *run) initialise(ctx context.Context) error {
	_, err := r.sh(ctx, `
restored && exit 0
case $(told) in
"") [ -z "$(ls -A "$data" 2>/dev/null)" ] || refuse "$data on $(hostname) is not empty, and this procedure did not fill it: move it away first" ;;
restored*) [ -z "$(ls -A "$data" 2>/dev/null)" ] || refuse "$data on $(hostname) is a server that was $(told): move it away first, and $stage" ;;
esac
tell restoring
if running; then "$bin/pg_ctl" stop --pgdata="$data" --mode=immediate --wait --silent; fi
rm -rf "$data"
"$bin/initdb" --pgdata="$data" --auth=peer $(cat "$DUMP/initdb.options") >"$start_log" 2>&1 || { tail -n 5 "$start_log" >&2; exit 1; }
cp "$DUMP"/config/*.conf "$data/"
start -o "-c listen_addresses="`)
	return err
}

// globals leaves out the role that initdb has made. psql by itself would go on after an error, and end with success.
func (r *run) globals(ctx context.Context) error {
	_, err := r.sh(ctx, `
restored && exit 0
owner=$(sql -d postgres -c "SELECT format('CREATE ROLE %I;', rolname) FROM pg_roles WHERE oid = 10")
grep -vxF "$owner" "$DUMP/globals.sql" | sql -d postgres -f - >/dev/null`)
	return err
}

// databases restores those that initdb has made in place of these: each is dropped while nobody is connected to it.
func (r *run) databases(ctx context.Context) error {
	_, err := r.sh(ctx, `
restored && exit 0
while IFS= read -r db; do
  from=postgres again=""
  case $db in postgres) from=template1 again=--clean ;; template1) again=--clean ;; esac
  "$bin/pg_restore" -h /tmp --exit-on-error --create $again --dbname="$from" "$DUMP/$db.dump" </dev/null
done <"$DUMP/databases"`)
	return err
}

func (r *run) checkAll(ctx context.Context) error {
	names, err := r.sh(ctx, `restored || cat "$DUMP/databases"`)
	if err != nil {
		return err
	}
	var errs []error
	for line := range strings.Lines(names) {
		errs = append(errs, r.compare(ctx, strings.TrimSuffix(line, "\n")))
	}
	if err := errors.Join(errs...); err != nil {
		return err
	}
	_, err = r.sh(ctx, `restored || { "$bin/vacuumdb" -h /tmp --all --analyze-only --quiet; tell "$mine"; }`)
	return err
}

// open starts the server again without what has kept clients out.
func (r *run) open(ctx context.Context) error {
	_, err := r.sh(ctx, `
if running && [ -n "$(sql -d postgres -c 'SHOW listen_addresses')" ]; then exit 0; fi
if running; then "$bin/pg_ctl" stop --pgdata="$data" --mode=fast --wait --silent; fi
start`)
	return err
}

// schemaStage is where a run writes down that the schema was gone and that it brings it back, before it does. A schema that
// is there then is this run's work: it comes back whole or not at all.
const schemaStage = `
stage=$data.pgdump-schema
mine="schema $SCHEMA of database $DATABASE from $DUMP in run ${GAMEDAY_RUN:-no-run}"
`

func (r *run) onSchema(ctx context.Context, script, stdin string) (string, error) {
	var out strings.Builder
	err := r.server.Stream(ctx, schemaStage+script, map[string]string{"DUMP": r.dump, "DATABASE": r.Database, "SCHEMA": r.Schema}, strings.NewReader(stdin), &out)
	return strings.TrimSpace(out.String()), err
}

// schema restores in one transaction. A schema that is there is refused unless an earlier run was interrupted: that it has
// as many tables as in the dump says nothing of what is in them.
func (r *run) schema(ctx context.Context) error {
	state, err := r.server.State(ctx)
	if err != nil {
		return err
	}
	if state != pgserver.Serving {
		return recovery.Refuse("the server on %s is %s: there is nothing to restore a schema into", r.server.Name(), state)
	}
	all, err := r.contents(ctx, r.Database)
	if err != nil {
		return err
	}
	list, err := ofSchema(all, r.Schema)
	if err != nil {
		return err
	}
	if len(list) == 0 {
		return recovery.Refuse("the dump of %s has no schema %s", r.Database, r.Schema)
	}
	there, err := r.server.Ask(ctx, r.Database, fmt.Sprintf(`SELECT count(*) FROM pg_namespace WHERE nspname = '%s'`, strings.ReplaceAll(r.Schema, "'", "''")))
	if err != nil {
		return fmt.Errorf("look for the schema: %w", err)
	}
	if there != "0" {
		return r.restoredBefore(ctx)
	}
	_, err = r.onSchema(ctx, `
echo "$mine" >"$stage.new"; sync "$stage.new"; mv "$stage.new" "$stage"
"$bin/pg_restore" -h /tmp --exit-on-error --single-transaction --use-list=/dev/stdin --dbname="dbname='$DATABASE'" "$DUMP/$DATABASE.dump"`, strings.Join(list, "\n")+"\n")
	return err
}

func (r *run) restoredBefore(ctx context.Context) error {
	mine, err := r.onSchema(ctx, `[ "$(cat "$stage" 2>/dev/null)" != "$mine" ] || echo mine`, "")
	if err != nil {
		return err
	}
	if mine == "" {
		return recovery.Refuse("schema %s is there: restore it under another name and compare, or drop it first", r.Schema)
	}
	r.server.Say("the schema was restored already")
	return nil
}

func (r *run) checkSchema(ctx context.Context) error {
	if err := r.compare(ctx, r.Database); err != nil {
		return fmt.Errorf("more was lost than the schema, or has come since the dump: %w", err)
	}
	if _, err := r.server.Ask(ctx, r.Database, "ANALYZE"); err != nil {
		return err
	}
	_, err := r.onSchema(ctx, `rm -f "$stage"`, "") // the next time it is another disaster
	return err
}
