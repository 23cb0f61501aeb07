package sabotage

import (
	"context"
	"strings"

	"github.com/recoverydrill/gameday/fixtures"
)

var genPostgresDialect = genDialect{
	quote: func(name string) string { return `"` + strings.ReplaceAll(name, `"`, `""`) + `"` },
	text:  func(value string) string { return "'" + strings.ReplaceAll(value, "'", "''") + "'" },
	literal: func(c fixtures.Column) string {
		return `quote_nullable("` + strings.ReplaceAll(c.Name, `"`, `""`) + `"::text)`
	},
	guard:  "SET session_replication_role = replica; ",
	into:   "OVERRIDING SYSTEM VALUE ",
	unsafe: func(fixtures.Column) bool { return false },
	null:   "NULL",
	tell: func(t genTable) string {
		return `"` + strings.ReplaceAll(t.Schema, `"`, `""`) + `"."` + strings.ReplaceAll(t.Name, `"`, `""`) + `"`
	},
	columns: func(ctx context.Context, s *genStore, t genTable) ([]string, error) {
		rows, err := s.query(ctx, t.database, "SELECT attname FROM pg_attribute WHERE attrelid = "+s.text(s.tell(t))+"::regclass AND attnum > 0 AND NOT attisdropped AND attgenerated = ''")
		var names []string
		for _, r := range rows {
			names = append(names, r[0])
		}
		return names, err
	},
}

// genUser is true of the schemas that a team's objects are in. n is pg_namespace.
const genUser = ` n.nspname NOT IN ('information_schema', 'gameday') AND n.nspname !~ '^pg_' `

// genOwn leaves out what an extension brought. The class and the column of the object's number go in.
func genOwn(class, oid string) string {
	return ` AND NOT EXISTS (SELECT FROM pg_depend WHERE classid = '` + class + `'::regclass AND objid = ` + oid + ` AND deptype = 'e') `
}

// genPutBack sets a list of rights as it was, to the letter.
func genPutBack(catalog, column, oid, value string) string {
	return `'SET allow_system_table_mods = on; UPDATE ` + catalog + ` SET ` + column + ` = ' || quote_nullable(` + value + `::text) || '::aclitem[] WHERE oid = ' || ` + oid
}

const genPostgresDrop = `SELECT n.nspname || '.' || c.relname, format('DROP TABLE %I.%I CASCADE', n.nspname, c.relname), ''
	FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE c.relkind = 'r' AND NOT c.relispartition AND c.relpersistence = 'p' AND` + genUser

// genSetting changes a setting of the server that takes effect at once.
func genSetting(id, title, check, name, value string) Act {
	set := "ALTER SYSTEM SET " + name + " = " + value + genThen + "SELECT pg_reload_conf()"
	// What ALTER SYSTEM had written before is written again; what comes from elsewhere comes from there.
	return genDDL{id: id, title: title, check: check, engines: []string{genPostgres}, query: `SELECT name, '` + set + `', CASE WHEN sourcefile LIKE '%postgresql.auto.conf'
		THEN 'ALTER SYSTEM SET ' || name || ' = ' || quote_literal(setting) ELSE 'ALTER SYSTEM RESET ' || name END || '` + genThen + `SELECT pg_reload_conf()'
		FROM pg_settings WHERE name = '` + name + `' AND setting <> '` + value + `'`}.act()
}

func genPostgresActs() []Act {
	ddl := func(id, title, query string) Act {
		return genDDL{id: id, title: title, check: "structure", engines: []string{genPostgres}, query: query}.act()
	}
	return []Act{
		ddl("D1", "an index is gone", `SELECT n.nspname || '.' || x.relname, format('DROP INDEX %I.%I', n.nspname, x.relname), pg_get_indexdef(x.oid)
			FROM pg_index i JOIN pg_class x ON x.oid = i.indexrelid JOIN pg_class c ON c.oid = i.indrelid JOIN pg_namespace n ON n.oid = x.relnamespace
			WHERE x.relkind = 'i' AND NOT x.relispartition AND NOT i.indisclustered AND NOT i.indisreplident AND i.indisvalid AND c.relkind = 'r'
				AND NOT EXISTS (SELECT FROM pg_constraint WHERE conindid = x.oid)
				AND NOT EXISTS (SELECT FROM pg_attribute WHERE attrelid = x.oid AND attstattarget >= 0) AND`+genUser+genOwn("pg_class", "x.oid")),
		ddl("D2", "a unique key is gone", genConstraints("u")),
		ddl("D3", "a foreign key is gone", genConstraints("f")),
		ddl("D5", "a check is gone", genConstraints("c")),
		ddl("D6", "a default is gone", `SELECT n.nspname || '.' || c.relname || '.' || a.attname, format('ALTER TABLE %I.%I ALTER %I DROP DEFAULT', n.nspname, c.relname, a.attname),
				format('ALTER TABLE %I.%I ALTER %I SET DEFAULT %s', n.nspname, c.relname, a.attname, pg_get_expr(d.adbin, d.adrelid))
			FROM pg_attrdef d JOIN pg_class c ON c.oid = d.adrelid JOIN pg_namespace n ON n.oid = c.relnamespace JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum = d.adnum
			WHERE a.attgenerated = '' AND c.relkind = 'r' AND NOT c.relispartition AND`+genUser),
		ddl("D7", "a trigger is switched off", `SELECT n.nspname || '.' || c.relname || '.' || t.tgname, format('ALTER TABLE %I.%I DISABLE TRIGGER %I', n.nspname, c.relname, t.tgname),
				format('ALTER TABLE %I.%I ENABLE TRIGGER %I', n.nspname, c.relname, t.tgname)
			FROM pg_trigger t JOIN pg_class c ON c.oid = t.tgrelid JOIN pg_namespace n ON n.oid = c.relnamespace
			WHERE NOT t.tgisinternal AND t.tgenabled = 'O' AND c.relkind = 'r' AND NOT c.relispartition AND`+genUser),
		ddl("D9", "a routine is gone", `SELECT n.nspname || '.' || p.proname || '(' || pg_get_function_identity_arguments(p.oid) || ')',
				format('DROP ROUTINE %s', p.oid::regprocedure), pg_get_functiondef(p.oid) || format('`+genThen+`ALTER ROUTINE %s OWNER TO %I', p.oid::regprocedure, pg_get_userbyid(p.proowner))
				|| format('`+genThen+`SET allow_system_table_mods = on; UPDATE pg_proc SET proacl = %L::aclitem[] WHERE oid = %L::regprocedure', p.proacl::text, p.oid::regprocedure::text)
			FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace WHERE p.prokind IN ('f', 'p') AND`+genUser+genOwn("pg_proc", "p.oid")),
		ddl("D10", "a view is gone", `SELECT n.nspname || '.' || c.relname, format('DROP VIEW %I.%I', n.nspname, c.relname),
				format('CREATE VIEW %I.%I %s AS %s', n.nspname, c.relname, 'WITH (' || array_to_string(c.reloptions, ', ') || ')', rtrim(pg_get_viewdef(c.oid), ';'))
				|| format('`+genThen+`ALTER VIEW %I.%I OWNER TO %I', n.nspname, c.relname, pg_get_userbyid(c.relowner))
				|| format('`+genThen+`SET allow_system_table_mods = on; UPDATE pg_class SET relacl = %L::aclitem[] WHERE oid = %L::regclass', c.relacl::text, c.oid::regclass::text)
			FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE c.relkind = 'v'
				AND NOT EXISTS (SELECT FROM pg_rewrite WHERE ev_class = c.oid AND rulename <> '_RETURN') AND NOT EXISTS (SELECT FROM pg_trigger WHERE tgrelid = c.oid)
				AND NOT EXISTS (SELECT FROM pg_attrdef WHERE adrelid = c.oid)
				AND NOT EXISTS (SELECT FROM pg_attribute WHERE attrelid = c.oid AND attacl IS NOT NULL) AND`+genUser+genOwn("pg_class", "c.oid")),
		// The log is up to 32 numbers and a cache ahead of what was given out, and so is a sequence that was recovered from it.
		ddl("D11", "a number is given out again", `SELECT schemaname || '.' || sequencename, format('SELECT setval(%L, %s)', format('%I.%I', schemaname, sequencename), back),
				format('SELECT setval(%L, %s)', format('%I.%I', schemaname, sequencename), last_value)
			FROM (SELECT *, last_value - (33 + cache_size) * increment_by AS back FROM pg_sequences) s
			WHERE back BETWEEN min_value AND max_value AND NOT cycle AND schemaname <> 'gameday'`),
		ddl("E1", "a role is gone: it has another name", `SELECT rolname, format('ALTER ROLE %I RENAME TO %I', rolname, rolname || '_gone'), format('ALTER ROLE %I RENAME TO %I', rolname || '_gone', rolname)
			FROM pg_roles WHERE rolname !~ '^pg_|^gameday|_gone$' AND NOT rolsuper AND NOT rolreplication`),
		ddl("E2", "a role lost its rights to a table", `SELECT n.nspname || '.' || c.relname || ' to ' || r.rolname, format('REVOKE ALL ON %I.%I FROM %I', n.nspname, c.relname, r.rolname), `+
			genPutBack("pg_class", "relacl", "c.oid", "c.relacl")+`
			FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace, LATERAL (SELECT DISTINCT grantee FROM aclexplode(c.relacl) WHERE grantor = c.relowner) a JOIN pg_roles r ON r.oid = a.grantee
			WHERE c.relkind IN ('r', 'v', 'S') AND a.grantee <> c.relowner AND NOT EXISTS (SELECT FROM pg_attribute WHERE attrelid = c.oid AND attacl IS NOT NULL) AND`+genUser),
		ddl("E4", "a table belongs to whoever restored it", `SELECT n.nspname || '.' || c.relname, format('ALTER TABLE %I.%I OWNER TO CURRENT_USER', n.nspname, c.relname),
				format('ALTER TABLE %I.%I OWNER TO %I', n.nspname, c.relname, pg_get_userbyid(c.relowner)) || '`+genThen+`' || `+genPutBack("pg_class", "relacl", "c.oid", "c.relacl")+`
			FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE c.relkind = 'r' AND NOT c.relispartition AND pg_get_userbyid(c.relowner) <> current_user AND`+genUser),
		genSetting("F1", "the server does not wait for its disk (fsync)", "durability", "fsync", "off"),
		genSetting("F1c", "the server does not wait for its disk (synchronous_commit)", "durability", "synchronous_commit", "off"),
		genSetting("G1", "the server takes no writes", "service", "default_transaction_read_only", "on"),
	}
}

func genConstraints(kind string) string {
	return `SELECT n.nspname || '.' || c.relname || '.' || k.conname, format('ALTER TABLE %I.%I DROP CONSTRAINT %I', n.nspname, c.relname, k.conname),
			format('ALTER TABLE %I.%I ADD CONSTRAINT %I %s', n.nspname, c.relname, k.conname, pg_get_constraintdef(k.oid))
		FROM pg_constraint k JOIN pg_class c ON c.oid = k.conrelid JOIN pg_namespace n ON n.oid = c.relnamespace
		WHERE k.contype = '` + kind + `' AND c.relkind = 'r' AND NOT c.relispartition AND k.conparentid = 0 AND k.coninhcount = 0 AND` + genUser
}
