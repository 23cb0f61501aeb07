package mutation_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/recoverydrill/gameday/fixtures"
	"github.com/recoverydrill/gameday/fixtures/dataset"
	"github.com/recoverydrill/gameday/fixtures/postgres"
	"github.com/recoverydrill/gameday/fixtures/postgres/postgrestest"
)

// postgresCandidates are changes of the main database and of the server's roles. What is there is read from the
// catalogue: each of them changes something.
const postgresCandidates = `
WITH ns AS (SELECT oid, nspname FROM pg_namespace WHERE nspname NOT IN ('pg_catalog', 'information_schema', 'pg_toast', 'gameday') AND nspname !~ '^pg_'),
rel AS (SELECT c.*, c.oid::regclass::text AS r FROM pg_class c JOIN ns ON ns.oid = c.relnamespace WHERE NOT EXISTS (SELECT FROM pg_depend d WHERE d.classid = 'pg_class'::regclass AND d.objid = c.oid AND d.deptype = 'e')),
tab AS (SELECT * FROM rel WHERE relkind IN ('r', 'p')),
col AS (SELECT tab.r, tab.relkind, tab.oid, a.attname, quote_ident(a.attname) AS c, a.attnum, a.atttypid, a.atttypmod, format_type(a.atttypid, a.atttypmod) AS type, a.attnotnull, a.atthasdef, a.attidentity, a.attgenerated, a.attstorage, a.attstattarget, a.attinhcount
	FROM tab JOIN pg_attribute a ON a.attrelid = tab.oid AND a.attnum > 0 AND NOT a.attisdropped),
fun AS (SELECT p.*, p.oid::regprocedure::text AS f FROM pg_proc p JOIN ns ON ns.oid = p.pronamespace WHERE p.prokind IN ('f', 'p') AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.classid = 'pg_proc'::regclass AND d.objid = p.oid AND d.deptype = 'e')),
usr AS (SELECT oid, rolname, quote_ident(rolname) AS u FROM pg_roles WHERE rolname !~ '^pg_' AND NOT rolsuper AND rolname !~ '^gameday_(repl|responder)'),
seq AS (SELECT rel.r, s.*, rel.oid, pg_sequence_last_value(rel.oid) AS last FROM rel JOIN pg_sequence s ON s.seqrelid = rel.oid)
SELECT 'index dropped', format('DROP INDEX %s', r), '' FROM rel WHERE relkind = 'i' AND NOT EXISTS (SELECT FROM pg_constraint WHERE conindid = rel.oid)
UNION ALL SELECT 'index option', format('ALTER INDEX %s SET (fillfactor = 61)', r), format('ALTER INDEX %s RESET (fillfactor)', r) FROM rel WHERE relkind = 'i' AND reloptions IS NULL
UNION ALL SELECT 'index invalid', format('UPDATE pg_index SET indisvalid = false WHERE indexrelid = %s', oid), format('UPDATE pg_index SET indisvalid = true WHERE indexrelid = %s', oid) FROM rel WHERE relkind = 'i'
UNION ALL SELECT 'index renamed', format('ALTER INDEX %s RENAME TO %I', r, relname || '_x'), '' FROM rel WHERE relkind = 'i'
UNION ALL SELECT 'index added', format('CREATE INDEX ON %s (%s)', r, c), '' FROM col
UNION ALL SELECT 'constraint dropped', format('ALTER TABLE %s DROP CONSTRAINT %I CASCADE', tab.r, conname), '' FROM pg_constraint JOIN tab ON tab.oid = conrelid
UNION ALL SELECT 'constraint renamed', format('ALTER TABLE %s RENAME CONSTRAINT %I TO %I', tab.r, conname, conname || '_x'), '' FROM pg_constraint JOIN tab ON tab.oid = conrelid
UNION ALL SELECT 'constraint deferrable', format('ALTER TABLE %s ALTER CONSTRAINT %I DEFERRABLE', tab.r, conname), format('ALTER TABLE %s ALTER CONSTRAINT %I NOT DEFERRABLE', tab.r, conname) FROM pg_constraint JOIN tab ON tab.oid = conrelid WHERE contype = 'f' AND NOT condeferrable
UNION ALL SELECT 'constraint not valid', format('UPDATE pg_constraint SET convalidated = false WHERE oid = %s', c.oid), format('UPDATE pg_constraint SET convalidated = true WHERE oid = %s', c.oid) FROM pg_constraint c JOIN tab ON tab.oid = conrelid WHERE contype IN ('f', 'c') AND convalidated
UNION ALL SELECT 'check added', format('ALTER TABLE %s ADD CHECK (%s IS NULL OR true) NOT VALID', r, c), '' FROM col
UNION ALL SELECT 'trigger dropped', format('DROP TRIGGER %I ON %s', tgname, rel.r), '' FROM pg_trigger t JOIN rel ON rel.oid = tgrelid WHERE NOT tgisinternal AND tgparentid = 0
UNION ALL SELECT 'trigger disabled', format('ALTER TABLE %s DISABLE TRIGGER %I', tab.r, tgname), format('ALTER TABLE %s ENABLE TRIGGER %I', tab.r, tgname) FROM pg_trigger t JOIN tab ON tab.oid = tgrelid WHERE NOT tgisinternal AND tgenabled = 'O'
UNION ALL SELECT 'trigger always', format('ALTER TABLE %s ENABLE ALWAYS TRIGGER %I', tab.r, tgname), format('ALTER TABLE %s ENABLE TRIGGER %I', tab.r, tgname) FROM pg_trigger t JOIN tab ON tab.oid = tgrelid WHERE NOT tgisinternal AND tgenabled = 'O'
UNION ALL SELECT 'triggers all disabled', format('ALTER TABLE %s DISABLE TRIGGER ALL', r), '' FROM tab WHERE EXISTS (SELECT FROM pg_trigger WHERE tgrelid = tab.oid AND tgenabled = 'O')
UNION ALL SELECT 'rule dropped', format('DROP RULE %I ON %s', rulename, rel.r), '' FROM pg_rewrite JOIN rel ON rel.oid = ev_class WHERE rulename <> '_RETURN'
UNION ALL SELECT 'policy dropped', format('DROP POLICY %I ON %s', polname, rel.r), '' FROM pg_policy JOIN rel ON rel.oid = polrelid
UNION ALL SELECT 'policy permissive', format('ALTER POLICY %I ON %s USING (true)', polname, rel.r), '' FROM pg_policy JOIN rel ON rel.oid = polrelid WHERE polqual IS NOT NULL
UNION ALL SELECT 'default lost', format('ALTER TABLE %s ALTER %s DROP DEFAULT', r, c), '' FROM col WHERE atthasdef AND attgenerated = ''
UNION ALL SELECT 'default added', format('ALTER TABLE %s ALTER %s SET DEFAULT ''4711''', r, c), format('ALTER TABLE %s ALTER %s DROP DEFAULT', r, c) FROM col WHERE NOT atthasdef AND attidentity = '' AND type ~ '^(text|integer|bigint|character varying|numeric)'
UNION ALL SELECT 'identity lost', format('ALTER TABLE %s ALTER %s DROP IDENTITY', r, c), '' FROM col WHERE attidentity <> ''
UNION ALL SELECT 'identity of the other kind', format('ALTER TABLE %s ALTER %s SET GENERATED %s', r, c, CASE attidentity WHEN 'a' THEN 'BY DEFAULT' ELSE 'ALWAYS' END), '' FROM col WHERE attidentity <> ''
UNION ALL SELECT 'generated lost', format('ALTER TABLE %s ALTER %s DROP EXPRESSION', r, c), '' FROM col WHERE attgenerated <> ''
UNION ALL SELECT 'not null lost', format('ALTER TABLE %s ALTER %s DROP NOT NULL', r, c), format('ALTER TABLE %s ALTER %s SET NOT NULL', r, c) FROM col WHERE attnotnull AND attidentity = ''
UNION ALL SELECT 'not null added', format('ALTER TABLE %s ALTER %s SET NOT NULL', r, c), format('ALTER TABLE %s ALTER %s DROP NOT NULL', r, c) FROM col WHERE NOT attnotnull
UNION ALL SELECT 'statistics target', format('ALTER TABLE %s ALTER %s SET STATISTICS 77', r, c), format('ALTER TABLE %s ALTER %s SET STATISTICS -1', r, c) FROM col WHERE attstattarget = -1
UNION ALL SELECT 'storage', format('ALTER TABLE %s ALTER %s SET STORAGE MAIN', r, c), format('ALTER TABLE %s ALTER %s SET STORAGE EXTENDED', r, c) FROM col WHERE attstorage = 'x'
UNION ALL SELECT 'column option', format('ALTER TABLE %s ALTER %s SET (n_distinct = 7)', r, c), format('ALTER TABLE %s ALTER %s RESET (n_distinct)', r, c) FROM col
UNION ALL SELECT 'type widened', format('ALTER TABLE %s ALTER %s TYPE varchar(%s)', r, c, atttypmod - 4 + 1), '' FROM col WHERE type ~ '^character varying\('
UNION ALL SELECT 'type to bigint', format('ALTER TABLE %s ALTER %s TYPE bigint', r, c), '' FROM col WHERE type = 'integer'
UNION ALL SELECT 'collation', format('ALTER TABLE %s ALTER %s TYPE text COLLATE "POSIX"', r, c), '' FROM col WHERE type = 'text'
UNION ALL SELECT 'column renamed', format('ALTER TABLE %s RENAME %s TO %I', r, c, attname || '_x'), '' FROM col
UNION ALL SELECT 'column added', format('ALTER TABLE %s ADD gameday_more int', r), format('ALTER TABLE %s DROP gameday_more', r) FROM tab
UNION ALL SELECT 'column dropped', format('ALTER TABLE %s DROP %s CASCADE', r, c), '' FROM col
UNION ALL SELECT 'comment on a column', format('COMMENT ON COLUMN %s.%s IS ''gameday''', r, c), '' FROM col
UNION ALL SELECT 'comment on a table', format('COMMENT ON TABLE %s IS ''gameday''', r), '' FROM tab
UNION ALL SELECT 'unlogged', format('ALTER TABLE %s SET UNLOGGED', r), format('ALTER TABLE %s SET LOGGED', r) FROM tab WHERE relkind = 'r' AND relpersistence = 'p'
UNION ALL SELECT 'table option', format('ALTER TABLE %s SET (fillfactor = 61, autovacuum_enabled = false)', r), format('ALTER TABLE %s RESET (fillfactor, autovacuum_enabled)', r) FROM tab WHERE relkind = 'r' AND reloptions IS NULL
UNION ALL SELECT 'row security', format('ALTER TABLE %s %s ROW LEVEL SECURITY', r, CASE WHEN relrowsecurity THEN 'DISABLE' ELSE 'ENABLE' END), format('ALTER TABLE %s %s ROW LEVEL SECURITY', r, CASE WHEN relrowsecurity THEN 'ENABLE' ELSE 'DISABLE' END) FROM tab
UNION ALL SELECT 'row security forced', format('ALTER TABLE %s %s ROW LEVEL SECURITY', r, CASE WHEN relforcerowsecurity THEN 'NO FORCE' ELSE 'FORCE' END), format('ALTER TABLE %s %s ROW LEVEL SECURITY', r, CASE WHEN relforcerowsecurity THEN 'FORCE' ELSE 'NO FORCE' END) FROM tab
UNION ALL SELECT 'replica identity', format('ALTER TABLE %s REPLICA IDENTITY FULL', r), format('ALTER TABLE %s REPLICA IDENTITY DEFAULT', r) FROM tab WHERE relreplident = 'd'
UNION ALL SELECT 'owner of a table', format('ALTER TABLE %s OWNER TO %s', r, u), '' FROM tab, usr WHERE relowner <> usr.oid
UNION ALL SELECT 'partition detached', format('ALTER TABLE %s DETACH PARTITION %s', inhparent::regclass, inhrelid::regclass), '' FROM pg_inherits JOIN rel ON rel.oid = inhrelid AND relkind IN ('r', 'p') AND relispartition
UNION ALL SELECT 'table renamed', format('ALTER TABLE %s RENAME TO %I', r, relname || '_x'), format('ALTER TABLE %I.%I RENAME TO %I', relnamespace::regnamespace, relname || '_x', relname) FROM tab
UNION ALL SELECT 'view option', format('ALTER VIEW %s SET (security_barrier = %s)', r, NOT coalesce('security_barrier=true' = ANY (reloptions), false)), '' FROM rel WHERE relkind = 'v'
UNION ALL SELECT 'view dropped', format('DROP %s %s', CASE relkind WHEN 'v' THEN 'VIEW' ELSE 'MATERIALIZED VIEW' END, r), '' FROM rel WHERE relkind IN ('v', 'm')
UNION ALL SELECT 'owner of a view', format('ALTER VIEW %s OWNER TO %s', r, u), '' FROM rel, usr WHERE relkind = 'v' AND relowner <> usr.oid
UNION ALL SELECT 'routine dropped', format('DROP ROUTINE %s', f), '' FROM fun
UNION ALL SELECT 'routine''s rights', format('ALTER ROUTINE %s SECURITY %s', f, CASE WHEN prosecdef THEN 'INVOKER' ELSE 'DEFINER' END), format('ALTER ROUTINE %s SECURITY %s', f, CASE WHEN prosecdef THEN 'DEFINER' ELSE 'INVOKER' END) FROM fun
UNION ALL SELECT 'routine''s setting', format('ALTER ROUTINE %s SET work_mem = ''7MB''', f), format('ALTER ROUTINE %s RESET work_mem', f) FROM fun
UNION ALL SELECT 'function''s volatility', format('ALTER FUNCTION %s %s', f, CASE provolatile WHEN 'v' THEN 'STABLE' ELSE 'VOLATILE' END), '' FROM fun WHERE prokind = 'f'
UNION ALL SELECT 'function''s cost', format('ALTER FUNCTION %s COST 77', f), format('ALTER FUNCTION %s COST %s', f, procost) FROM fun WHERE prokind = 'f' AND procost <> 77
UNION ALL SELECT 'function strict', format('ALTER FUNCTION %s %s', f, CASE WHEN proisstrict THEN 'CALLED ON NULL INPUT' ELSE 'STRICT' END), format('ALTER FUNCTION %s %s', f, CASE WHEN proisstrict THEN 'STRICT' ELSE 'CALLED ON NULL INPUT' END) FROM fun WHERE prokind = 'f'
UNION ALL SELECT 'function''s body', format('UPDATE pg_proc SET prosrc = prosrc || '' '' WHERE oid = %s', oid), '' FROM fun WHERE prosqlbody IS NULL
UNION ALL SELECT 'sequence set back', format('SELECT setval(%L, %s)', r, last - seqincrement), format('SELECT setval(%L, %s)', r, last) FROM seq WHERE last - seqincrement BETWEEN seqmin AND seqmax
UNION ALL SELECT 'sequence''s increment', format('ALTER SEQUENCE %s INCREMENT %s', r, seqincrement * 7), format('ALTER SEQUENCE %s INCREMENT %s', r, seqincrement) FROM seq
UNION ALL SELECT 'sequence cycles', format('ALTER SEQUENCE %s %s', r, CASE WHEN seqcycle THEN 'NO CYCLE' ELSE 'CYCLE' END), format('ALTER SEQUENCE %s %s', r, CASE WHEN seqcycle THEN 'CYCLE' ELSE 'NO CYCLE' END) FROM seq
UNION ALL SELECT 'sequence''s cache', format('ALTER SEQUENCE %s CACHE %s', r, seqcache + 7), format('ALTER SEQUENCE %s CACHE %s', r, seqcache) FROM seq
UNION ALL SELECT 'sequence''s end', format('ALTER SEQUENCE %s MAXVALUE %s', r, seqmax - 7), format('ALTER SEQUENCE %s MAXVALUE %s', r, seqmax) FROM seq WHERE seqincrement > 0
UNION ALL SELECT 'enum label', format('ALTER TYPE %s ADD VALUE ''gameday''', t.oid::regtype), '' FROM pg_type t JOIN ns ON ns.oid = typnamespace WHERE typtype = 'e'
UNION ALL SELECT 'enum label renamed', format('ALTER TYPE %s RENAME VALUE %L TO %L', t.oid::regtype, enumlabel, enumlabel || '_x'), format('ALTER TYPE %s RENAME VALUE %L TO %L', t.oid::regtype, enumlabel || '_x', enumlabel) FROM pg_type t JOIN ns ON ns.oid = typnamespace JOIN pg_enum e ON e.enumtypid = t.oid
UNION ALL SELECT 'domain check', format('ALTER DOMAIN %s ADD CHECK (VALUE IS NOT NULL OR true)', t.oid::regtype), '' FROM pg_type t JOIN ns ON ns.oid = typnamespace WHERE typtype = 'd'
UNION ALL SELECT 'domain constraint lost', format('ALTER DOMAIN %s DROP CONSTRAINT %I', contypid::regtype, conname), '' FROM pg_constraint c JOIN pg_type t ON t.oid = contypid JOIN ns ON ns.oid = typnamespace
UNION ALL SELECT 'grant lost on ' || kind, format('REVOKE %s ON %s %s FROM %s', privilege_type, kind, name, CASE grantee WHEN 0 THEN 'PUBLIC' ELSE quote_ident(pg_get_userbyid(grantee)) END) || CASE WHEN kind = 'ROUTINE' THEN ' CASCADE' ELSE '' END, ''
	FROM (SELECT 'TABLE' AS kind, r AS name, (aclexplode(relacl)).* FROM rel WHERE relkind IN ('r', 'p', 'v', 'm') UNION ALL SELECT 'SEQUENCE', r, (aclexplode(relacl)).* FROM rel WHERE relkind = 'S'
		UNION ALL SELECT 'SCHEMA', quote_ident(n.nspname), (aclexplode(nspacl)).* FROM pg_namespace n JOIN ns USING (oid)
		UNION ALL SELECT 'ROUTINE', f, (aclexplode(proacl)).* FROM fun UNION ALL SELECT 'DATABASE', quote_ident(datname), (aclexplode(datacl)).* FROM pg_database WHERE datname = current_database()
		UNION ALL SELECT 'TYPE', t.oid::regtype::text, (aclexplode(typacl)).* FROM pg_type t JOIN ns ON ns.oid = typnamespace) acl
	WHERE NOT (kind = 'DATABASE' AND privilege_type = 'CONNECT')
UNION ALL SELECT 'grant lost on a column', format('REVOKE %s (%I) ON %s FROM %s', a.privilege_type, attname, r, CASE grantee WHEN 0 THEN 'PUBLIC' ELSE quote_ident(pg_get_userbyid(grantee)) END), '' FROM (SELECT r, attname, (aclexplode(attacl)).* FROM rel JOIN pg_attribute ON attrelid = rel.oid) a
UNION ALL SELECT 'grant on a table', format('GRANT %s ON %s TO %s', p, r, u), format('REVOKE %s ON %s FROM %s', p, r, u) FROM tab, usr, unnest(ARRAY['SELECT', 'INSERT', 'UPDATE', 'DELETE', 'TRUNCATE', 'REFERENCES', 'TRIGGER']) p
	WHERE relacl IS NOT NULL AND relowner <> usr.oid AND NOT EXISTS (SELECT FROM aclexplode(relacl) x WHERE x.grantee = usr.oid AND x.privilege_type = p)
UNION ALL SELECT 'grant on a column', format('GRANT UPDATE (%s) ON %s TO %s', c, r, u), format('REVOKE UPDATE (%s) ON %s FROM %s', c, r, u) FROM col, usr
	WHERE NOT EXISTS (SELECT FROM pg_attribute a, aclexplode(a.attacl) x WHERE a.attrelid = col.oid AND a.attnum = col.attnum AND x.grantee = usr.oid AND x.privilege_type = 'UPDATE')
UNION ALL SELECT 'grant on a sequence', format('GRANT %s ON SEQUENCE %s TO %s', p, r, u), '' FROM rel, usr, unnest(ARRAY['SELECT', 'UPDATE', 'USAGE']) p WHERE relkind = 'S' AND relowner <> usr.oid AND NOT EXISTS (SELECT FROM aclexplode(relacl) x WHERE x.grantee = usr.oid AND x.privilege_type = p)
UNION ALL SELECT 'grant on a schema', format('GRANT CREATE ON SCHEMA %I TO %s', nspname, u), '' FROM ns, usr
	WHERE NOT EXISTS (SELECT FROM pg_namespace n, aclexplode(n.nspacl) x WHERE n.oid = ns.oid AND x.grantee = usr.oid AND x.privilege_type = 'CREATE') AND NOT EXISTS (SELECT FROM pg_namespace n WHERE n.oid = ns.oid AND n.nspowner = usr.oid)
UNION ALL SELECT 'default privileges', format('ALTER DEFAULT PRIVILEGES IN SCHEMA %I GRANT TRUNCATE ON TABLES TO %s', nspname, u), format('ALTER DEFAULT PRIVILEGES IN SCHEMA %I REVOKE TRUNCATE ON TABLES FROM %s', nspname, u) FROM ns, usr
UNION ALL SELECT 'schema''s owner', format('ALTER SCHEMA %I OWNER TO %s', ns.nspname, u), '' FROM ns JOIN pg_namespace n USING (oid), usr WHERE n.nspowner <> usr.oid
UNION ALL SELECT 'extension dropped', format('DROP EXTENSION %I', extname), '' FROM pg_extension WHERE extname <> 'plpgsql'
UNION ALL SELECT 'publication dropped', format('DROP PUBLICATION %I', pubname), '' FROM pg_publication
UNION ALL SELECT 'publication''s operations', format('ALTER PUBLICATION %I SET (publish = ''truncate'')', pubname), '' FROM pg_publication WHERE pubinsert
UNION ALL SELECT 'statistics object', format('ALTER STATISTICS %I.%I SET STATISTICS 7', ns.nspname, stxname), '' FROM pg_statistic_ext JOIN ns ON ns.oid = stxnamespace
UNION ALL SELECT 'text search of the server''s own', format('ALTER TEXT SEARCH CONFIGURATION pg_catalog.%I ALTER MAPPING FOR word WITH pg_catalog.english_stem', cfgname), format('ALTER TEXT SEARCH CONFIGURATION pg_catalog.%I ALTER MAPPING FOR word WITH pg_catalog.simple', cfgname) FROM pg_ts_config WHERE cfgname = 'simple'
UNION ALL SELECT 'collation''s version', format('UPDATE pg_collation SET collversion = ''another'' WHERE oid = %s', oid), format('UPDATE pg_collation SET collversion = %L WHERE oid = %s', collversion, oid) FROM pg_collation c
	WHERE collprovider <> 'd' AND EXISTS (SELECT FROM pg_attribute WHERE attcollation = c.oid AND attrelid >= 16384)
UNION ALL SELECT 'event trigger disabled', format('ALTER EVENT TRIGGER %I DISABLE', evtname), format('ALTER EVENT TRIGGER %I ENABLE', evtname) FROM pg_event_trigger WHERE evtenabled = 'O'
UNION ALL SELECT 'database''s setting', format('ALTER DATABASE %I SET %s', current_database(), s), format('ALTER DATABASE %I RESET %s', current_database(), split_part(s, ' ', 1)) FROM unnest(ARRAY['work_mem = ''7MB''', 'default_transaction_isolation = ''serializable''', 'temp_buffers = ''7MB''']) s
UNION ALL SELECT 'database''s limit', format('ALTER DATABASE %I CONNECTION LIMIT 77', current_database()), format('ALTER DATABASE %I CONNECTION LIMIT -1', current_database())
UNION ALL SELECT 'role''s attribute', format('ALTER ROLE %s %s', u, a[1]), format('ALTER ROLE %s %s', u, a[2]) FROM usr JOIN pg_roles USING (oid), LATERAL (VALUES
	(ARRAY[CASE WHEN rolcreatedb THEN 'NOCREATEDB' ELSE 'CREATEDB' END, CASE WHEN rolcreatedb THEN 'CREATEDB' ELSE 'NOCREATEDB' END]), (ARRAY[CASE WHEN rolcreaterole THEN 'NOCREATEROLE' ELSE 'CREATEROLE' END, CASE WHEN rolcreaterole THEN 'CREATEROLE' ELSE 'NOCREATEROLE' END]),
	(ARRAY[CASE WHEN rolinherit THEN 'NOINHERIT' ELSE 'INHERIT' END, CASE WHEN rolinherit THEN 'INHERIT' ELSE 'NOINHERIT' END]), (ARRAY[CASE WHEN rolbypassrls THEN 'NOBYPASSRLS' ELSE 'BYPASSRLS' END, CASE WHEN rolbypassrls THEN 'BYPASSRLS' ELSE 'NOBYPASSRLS' END]),
	(ARRAY[CASE WHEN rolcanlogin THEN 'NOLOGIN' ELSE 'LOGIN' END, CASE WHEN rolcanlogin THEN 'LOGIN' ELSE 'NOLOGIN' END]), (ARRAY[CASE WHEN rolreplication THEN 'NOREPLICATION' ELSE 'REPLICATION' END, CASE WHEN rolreplication THEN 'REPLICATION' ELSE 'NOREPLICATION' END]),
	(ARRAY['SUPERUSER', 'NOSUPERUSER']), (ARRAY['CONNECTION LIMIT 77', 'CONNECTION LIMIT ' || rolconnlimit]), (ARRAY['VALID UNTIL ''2041-01-01''', 'VALID UNTIL ' || quote_literal(coalesce(rolvaliduntil, 'infinity')::text)])) v (a) WHERE NOT (a[1] LIKE 'VALID%' AND rolvaliduntil IS NULL)
UNION ALL SELECT 'role''s setting', format('ALTER ROLE %s SET work_mem = ''7MB''', u), format('ALTER ROLE %s RESET work_mem', u) FROM usr JOIN pg_roles r USING (oid) WHERE NOT coalesce(r.rolconfig::text LIKE '%work_mem%', false)
UNION ALL SELECT 'role''s password', format('ALTER ROLE %s PASSWORD ''another''', u), '' FROM usr WHERE rolname !~ '^gameday'
UNION ALL SELECT 'membership', format('GRANT %s TO %s', a.u, b.u), format('REVOKE %s FROM %s', a.u, b.u) FROM usr a, usr b WHERE a.oid <> b.oid AND NOT pg_has_role(a.oid, b.oid, 'member') AND NOT pg_has_role(b.oid, a.oid, 'member')
UNION ALL SELECT 'membership lost', format('REVOKE %I FROM %I', pg_get_userbyid(roleid), pg_get_userbyid(member)), '' FROM pg_auth_members JOIN usr ON usr.oid = roleid
UNION ALL SELECT 'role added', 'CREATE ROLE gameday_more', 'DROP ROLE gameday_more'
UNION ALL SELECT 'comment on a role', format('COMMENT ON ROLE %s IS ''gameday''', u), '' FROM usr
UNION ALL SELECT 'parameter', format('GRANT SET ON PARAMETER %s TO %s', p, u), format('REVOKE SET ON PARAMETER %s FROM %s', p, u) FROM usr, unnest(ARRAY['log_min_messages', 'session_replication_role']) p
UNION ALL SELECT 'setting', format('ALTER SYSTEM SET %s = %s', name, CASE vartype WHEN 'bool' THEN CASE setting WHEN 'on' THEN 'off' ELSE 'on' END
		WHEN 'enum' THEN quote_literal((SELECT v FROM unnest(enumvals) v WHERE v <> setting AND v <> boot_val LIMIT 1)) WHEN 'integer' THEN CASE WHEN setting::numeric + 7 <= max_val::numeric THEN (setting::numeric + 7)::text ELSE (setting::numeric - 7)::text END ELSE (CASE WHEN setting::numeric * 2 + 0.25 <= max_val::numeric THEN setting::numeric * 2 + 0.25 ELSE setting::numeric / 2 END)::text END),
	format('ALTER SYSTEM RESET %s', name)
	FROM pg_settings WHERE context IN ('sighup', 'user', 'superuser') AND vartype IN ('bool', 'enum', 'integer', 'real') AND source IN ('default') AND NOT (vartype = 'enum' AND NOT EXISTS (SELECT FROM unnest(enumvals) v WHERE v <> setting AND v <> boot_val))
	AND category NOT IN ('Write-Ahead Log / Recovery Target', 'Write-Ahead Log / Archive Recovery', 'Write-Ahead Log / Recovery', 'Replication / Standby Servers', 'File Locations')
	AND category NOT LIKE 'Reporting and Logging%' AND name NOT IN ('transaction_deferrable', 'transaction_isolation', 'transaction_read_only', 'max_stack_depth', 'client_encoding', 'restart_after_crash', 'session_replication_role', 'default_transaction_read_only', 'ssl', 'krb_caseins_users', 'authentication_timeout')`

// newStructuredPostgres makes the shop.
func newStructuredPostgres(t *testing.T) *structured {
	t.Helper()
	s := postgrestest.Local(t, postgres.Cluster{Dataset: dataset.Shop(dataset.ShopOptions{Scale: 0.001})})
	connect := func(ctx context.Context) (*pgx.Conn, error) {
		return pgx.Connect(ctx, s.DSN("", "shop", postgres.RoleOwner))
	}
	conn, err := connect(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close(context.Background()) })
	exec := func(ctx context.Context, statement string) error {
		_, err := conn.PgConn().Exec(ctx, statement).ReadAll()
		return err
	}
	for _, prepare := range []string{"SET search_path = ''", "SET allow_system_table_mods = on", "SET lock_timeout = '10s'"} {
		if err := exec(t.Context(), prepare); err != nil {
			t.Fatal(err)
		}
	}
	return &structured{
		name:     "PostgreSQL " + s.Info().Version,
		snapshot: func(ctx context.Context) (fixtures.Snapshot, error) { return s.Snapshot(ctx, "") },
		exec: func(ctx context.Context, statement string) error {
			if err := exec(ctx, statement); err != nil || !strings.HasPrefix(statement, "ALTER SYSTEM") {
				return err
			}
			return reloaded(ctx, connect)
		},
		candidates: func(ctx context.Context) ([]candidate, error) {
			results, err := conn.PgConn().Exec(ctx, postgresCandidates).ReadAll()
			if err != nil {
				return nil, err
			}
			var all []candidate
			for _, row := range results[0].Rows {
				if row[1] == nil {
					return nil, fmt.Errorf("a change of kind %q is null", row[0])
				}
				all = append(all, candidate{kind: string(row[0]), do: string(row[1]), undo: string(row[2])})
			}
			return all, nil
		},
	}
}

// reloaded makes the server read its settings and waits until a new session has them.
func reloaded(ctx context.Context, connect func(context.Context) (*pgx.Conn, error)) error {
	ask := func(query string) (answer string, err error) {
		conn, err := connect(ctx)
		if err != nil {
			return "", err
		}
		defer conn.Close(ctx) //nolint:errcheck // a test's
		err = conn.QueryRow(ctx, query).Scan(&answer)
		return answer, err
	}
	before, err := ask("SELECT pg_conf_load_time()::text FROM pg_sleep(0.002)")
	if err != nil {
		return err
	}
	if _, err := ask("SELECT pg_reload_conf()::text"); err != nil {
		return err
	}
	for range 500 {
		if now, err := ask("SELECT pg_conf_load_time()::text"); err != nil || now != before {
			return err
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(5 * time.Millisecond):
		}
	}
	return errors.New("the server does not read its settings")
}

func TestStructureOfPostgres(t *testing.T) {
	onStructure(t, newStructuredPostgres, size(12, 200))
}
