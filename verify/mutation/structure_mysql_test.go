package mutation_test

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/recoverydrill/gameday/fixtures"
	"github.com/recoverydrill/gameday/fixtures/dataset"
	"github.com/recoverydrill/gameday/fixtures/mysql"
)

// mysqlCandidates are changes that follow from the catalogue alone: kind, statements, each on a line of its own, and what
// takes them back. F stands for what only one of the two flavours has.
const mysqlCandidates = `
WITH t AS (SELECT TABLE_SCHEMA AS s, TABLE_NAME AS n, CONCAT('${Q}', TABLE_SCHEMA, '${Q}.${Q}', REPLACE(TABLE_NAME, '${Q}', '${Q}${Q}'), '${Q}') AS r, TABLE_COLLATION AS c, COALESCE(TABLE_COMMENT, '') AS remark, CREATE_OPTIONS AS o, AUTO_INCREMENT AS next
  FROM information_schema.TABLES WHERE TABLE_SCHEMA IN ('shop', 'billing', 'archive') AND TABLE_TYPE IN ('BASE TABLE', 'SYSTEM VERSIONED')),
d AS (SELECT SCHEMA_NAME AS s, DEFAULT_CHARACTER_SET_NAME AS c, DEFAULT_COLLATION_NAME AS l FROM information_schema.SCHEMATA WHERE SCHEMA_NAME IN ('shop', 'billing', 'archive')),
col AS (SELECT t.*, COLUMN_NAME AS col, CONCAT('${Q}', REPLACE(COLUMN_NAME, '${Q}', '${Q}${Q}'), '${Q}') AS q, COLUMN_TYPE AS type, DATA_TYPE AS word, IS_NULLABLE AS nullable, COLUMN_DEFAULT AS def, COALESCE(EXTRA, '') AS extra, COLUMN_KEY AS k
  FROM information_schema.COLUMNS JOIN t ON s = TABLE_SCHEMA AND n = TABLE_NAME),
i AS (SELECT DISTINCT t.r, CONCAT('${Q}', INDEX_NAME, '${Q}') AS i, INDEX_NAME AS name, ${IGNORED} AS ignored FROM information_schema.STATISTICS JOIN t ON s = TABLE_SCHEMA AND n = TABLE_NAME),
k AS (SELECT t.r, CONCAT('${Q}', CONSTRAINT_NAME, '${Q}') AS c, CONSTRAINT_TYPE AS type FROM information_schema.TABLE_CONSTRAINTS x JOIN t ON s = x.TABLE_SCHEMA AND n = x.TABLE_NAME),
p AS (SELECT DISTINCT t.r, PARTITION_NAME AS p, PARTITION_METHOD AS method FROM information_schema.PARTITIONS x JOIN t ON s = TABLE_SCHEMA AND n = TABLE_NAME WHERE PARTITION_NAME IS NOT NULL),
e AS (SELECT CONCAT('${Q}', EVENT_SCHEMA, '${Q}.${Q}', EVENT_NAME, '${Q}') AS e, CONCAT('DEFINER = ', REPLACE(CONCAT('${Q}', DEFINER, '${Q}'), '@', '${Q}@${Q}')) AS definer, STATUS AS status, ON_COMPLETION AS done, EVENT_COMMENT AS remark FROM information_schema.EVENTS WHERE EVENT_SCHEMA IN ('shop', 'billing', 'archive')),
f AS (SELECT CONCAT(ROUTINE_TYPE, ' ${Q}', ROUTINE_SCHEMA, '${Q}.${Q}', ROUTINE_NAME, '${Q}') AS f, ROUTINE_TYPE AS type, SECURITY_TYPE AS security, SQL_DATA_ACCESS AS access FROM information_schema.ROUTINES WHERE ROUTINE_SCHEMA IN ('shop', 'billing', 'archive')),
u AS (SELECT CONCAT('${Q}', User, '${Q}@${Q}', Host, '${Q}') AS u, User AS name, ssl_type = '' AS bare, max_questions + max_updates + max_connections + max_user_connections = 0 AS endless FROM mysql.user WHERE User LIKE 'shop!_%' ESCAPE '!' AND Host <> '' AND NOT ${ROLE}),
ro AS (SELECT CONCAT('${Q}', User, '${Q}') AS ro, User AS name FROM mysql.user WHERE ${ROLE} AND User LIKE 'shop!_%' ESCAPE '!'),
who AS (SELECT u AS w FROM u UNION ALL SELECT ro FROM ro),
own AS (SELECT CONCAT('${Q}', REPLACE(REPLACE(GRANTEE, '''', ''), '@', '${Q}@${Q}'), '${Q}') AS g, x.* FROM (
    SELECT GRANTEE, '*.*' AS what, PRIVILEGE_TYPE AS p, IS_GRANTABLE AS more FROM information_schema.USER_PRIVILEGES
    UNION ALL SELECT GRANTEE, CONCAT('${Q}', TABLE_SCHEMA, '${Q}.*'), PRIVILEGE_TYPE, IS_GRANTABLE FROM information_schema.SCHEMA_PRIVILEGES
    UNION ALL SELECT GRANTEE, CONCAT('${Q}', TABLE_SCHEMA, '${Q}.${Q}', TABLE_NAME, '${Q}'), PRIVILEGE_TYPE, IS_GRANTABLE FROM information_schema.TABLE_PRIVILEGES
    UNION ALL SELECT GRANTEE, CONCAT('${Q}', TABLE_SCHEMA, '${Q}.${Q}', TABLE_NAME, '${Q}'), CONCAT(PRIVILEGE_TYPE, ' (${Q}', COLUMN_NAME, '${Q})'), IS_GRANTABLE FROM information_schema.COLUMN_PRIVILEGES) x
  WHERE GRANTEE LIKE '''shop!_%' ESCAPE '!' AND p <> 'USAGE' AND GRANTEE NOT LIKE '%@''''')
SELECT 'index dropped', CONCAT('ALTER TABLE ', r, ' DROP INDEX ', i), '' FROM i WHERE name <> 'PRIMARY'
UNION ALL SELECT 'primary key dropped', CONCAT('ALTER TABLE ', r, ' DROP PRIMARY KEY'), '' FROM i WHERE name = 'PRIMARY'
UNION ALL SELECT 'index renamed', CONCAT('ALTER TABLE ', r, ' RENAME INDEX ', i, ' TO gameday_x'), CONCAT('ALTER TABLE ', r, ' RENAME INDEX gameday_x TO ', i) FROM i WHERE name <> 'PRIMARY'
UNION ALL SELECT 'index not used', CONCAT('ALTER TABLE ', r, ' ALTER INDEX ', i, ' ${UNUSED}'), CONCAT('ALTER TABLE ', r, ' ALTER INDEX ', i, ' ${USED}') FROM i WHERE name <> 'PRIMARY' AND NOT ignored
UNION ALL SELECT 'index used again', CONCAT('ALTER TABLE ', r, ' ALTER INDEX ', i, ' ${USED}'), CONCAT('ALTER TABLE ', r, ' ALTER INDEX ', i, ' ${UNUSED}') FROM i WHERE ignored
UNION ALL SELECT 'index added', CONCAT('ALTER TABLE ', r, ' ADD INDEX gameday_', CRC32(CONCAT(r, q)), ' (', q, ')'), '' FROM col WHERE word NOT LIKE '%text' AND word NOT LIKE '%blob' AND word NOT IN ('json', 'geometry', 'point', 'polygon')
UNION ALL SELECT 'constraint dropped', CONCAT('ALTER TABLE ', r, ' DROP ', IF(type = 'CHECK', 'CONSTRAINT ', 'FOREIGN KEY '), c), '' FROM k WHERE type IN ('CHECK', 'FOREIGN KEY')
UNION ALL SELECT 'check added', CONCAT('ALTER TABLE ', r, ' ADD CONSTRAINT gameday_check CHECK (', q, ' IS NULL OR ', q, ' IS NOT NULL)'), CONCAT('ALTER TABLE ', r, ' DROP CONSTRAINT gameday_check') FROM col WHERE extra NOT LIKE '%auto_increment%'
UNION ALL SELECT 'default lost', CONCAT('ALTER TABLE ', r, ' ALTER COLUMN ', q, ' DROP DEFAULT'), '' FROM col WHERE def IS NOT NULL AND def <> 'NULL' AND extra NOT LIKE '%GENERATED' AND extra NOT LIKE '%ROW %'
UNION ALL SELECT 'default added', CONCAT('ALTER TABLE ', r, ' ALTER COLUMN ', q, ' SET DEFAULT ', IF(word LIKE '%char', '''77''', '77')), CONCAT('ALTER TABLE ', r, ' ALTER COLUMN ', q, ' DROP DEFAULT') FROM col WHERE def IS NULL AND nullable = 'NO' AND extra = '' AND word IN ('char', 'varchar', 'int', 'bigint', 'smallint', 'decimal', 'double')
UNION ALL SELECT 'column renamed', CONCAT('ALTER TABLE ', r, ' RENAME COLUMN ', q, ' TO gameday_x'), CONCAT('ALTER TABLE ', r, ' RENAME COLUMN gameday_x TO ', q) FROM col
UNION ALL SELECT 'column dropped', CONCAT('ALTER TABLE ', r, ' DROP COLUMN ', q), '' FROM col
UNION ALL SELECT 'column added', CONCAT('ALTER TABLE ', r, ' ADD COLUMN gameday_more int'), CONCAT('ALTER TABLE ', r, ' DROP COLUMN gameday_more') FROM t
UNION ALL SELECT 'column added in the middle', CONCAT('ALTER TABLE ', r, ' ADD COLUMN gameday_more int AFTER ', q), CONCAT('ALTER TABLE ', r, ' DROP COLUMN gameday_more') FROM col
UNION ALL SELECT 'table''s comment', CONCAT('ALTER TABLE ', r, ' COMMENT = ''gameday'''), CONCAT('ALTER TABLE ', r, ' COMMENT = ', QUOTE(remark)) FROM t
UNION ALL SELECT 'table''s collation', CONCAT('ALTER TABLE ', r, ' COLLATE = utf8mb4_esperanto_ci'), CONCAT('ALTER TABLE ', r, ' COLLATE = ', c) FROM t
UNION ALL SELECT 'table converted', CONCAT('ALTER TABLE ', r, ' CONVERT TO CHARACTER SET utf8mb4 COLLATE utf8mb4_esperanto_ci'), '' FROM t
UNION ALL SELECT 'row format', CONCAT('ALTER TABLE ', r, ' ROW_FORMAT = COMPACT'), '' FROM t WHERE o NOT LIKE '%row_format=COMPACT%'
UNION ALL SELECT 'table''s statistics', CONCAT('ALTER TABLE ', r, ' STATS_PERSISTENT = 0'), CONCAT('ALTER TABLE ', r, ' STATS_PERSISTENT = DEFAULT') FROM t WHERE o NOT LIKE '%stats_persistent%'
UNION ALL SELECT 'table''s option', CONCAT('ALTER TABLE ', r, ' ', w), '' FROM t, (SELECT 'CHECKSUM = 1' AS w UNION SELECT 'AVG_ROW_LENGTH = 77' UNION SELECT 'MAX_ROWS = 7777' UNION SELECT 'MIN_ROWS = 7' UNION SELECT 'KEY_BLOCK_SIZE = 4' UNION SELECT 'PACK_KEYS = 1' UNION SELECT 'STATS_AUTO_RECALC = 0') w
UNION ALL SELECT 'foreign key added', CONCAT('ALTER TABLE ', r, ' ADD CONSTRAINT gameday_fk FOREIGN KEY (', q, ') REFERENCES ', r, ' (', q, ')'), CONCAT('ALTER TABLE ', r, ' DROP FOREIGN KEY gameday_fk') FROM col WHERE k = 'PRI'
UNION ALL SELECT 'engine', CONCAT('ALTER TABLE ', r, ' ENGINE = MyISAM'), '' FROM t
UNION ALL SELECT 'table renamed', CONCAT('RENAME TABLE ', r, ' TO ${Q}', s, '${Q}.gameday_x'), CONCAT('RENAME TABLE ${Q}', s, '${Q}.gameday_x TO ', r) FROM t
UNION ALL SELECT 'table moved', CONCAT('RENAME TABLE ', r, ' TO billing.gameday_x'), CONCAT('RENAME TABLE billing.gameday_x TO ', r) FROM t WHERE s <> 'billing'
UNION ALL SELECT 'table dropped', CONCAT('DROP TABLE ', r), '' FROM t
UNION ALL SELECT 'table added', CONCAT('CREATE TABLE ${Q}', s, '${Q}.gameday_x LIKE ', r), CONCAT('DROP TABLE ${Q}', s, '${Q}.gameday_x') FROM t
UNION ALL SELECT 'counter set back', CONCAT('DELETE FROM ', r, ' ORDER BY ', q, ' DESC LIMIT 1;;\nALTER TABLE ', r, ' AUTO_INCREMENT = 1'), '' FROM col WHERE extra LIKE '%auto_increment%' AND next > 1
UNION ALL SELECT 'partition dropped', CONCAT('ALTER TABLE ', r, ' DROP PARTITION ', p), '' FROM p WHERE method LIKE 'RANGE%' OR method LIKE 'LIST%'
UNION ALL SELECT 'partition renamed', CONCAT('ALTER TABLE ', r, ' REORGANIZE PARTITION ', p, ' INTO (PARTITION gameday_x VALUES LESS THAN (MAXVALUE))'), '' FROM p WHERE method LIKE 'RANGE%'
UNION ALL SELECT 'fewer partitions', CONCAT('ALTER TABLE ', r, ' COALESCE PARTITION 1'), '' FROM p WHERE method IN ('KEY', 'HASH')
UNION ALL SELECT 'more partitions', CONCAT('ALTER TABLE ', r, ' ADD PARTITION PARTITIONS 1'), '' FROM p WHERE method IN ('KEY', 'HASH')
UNION ALL SELECT 'partitioning lost', CONCAT('ALTER TABLE ', r, ' REMOVE PARTITIONING'), '' FROM p
UNION ALL SELECT 'view dropped', CONCAT('DROP VIEW ${Q}', TABLE_SCHEMA, '${Q}.${Q}', TABLE_NAME, '${Q}'), '' FROM information_schema.VIEWS WHERE TABLE_SCHEMA = 'shop'
UNION ALL SELECT 'view added', CONCAT('CREATE VIEW ${Q}', s, '${Q}.gameday_view AS SELECT * FROM ', r), CONCAT('DROP VIEW ${Q}', s, '${Q}.gameday_view') FROM t
UNION ALL SELECT 'trigger dropped', CONCAT('DROP TRIGGER ${Q}', TRIGGER_SCHEMA, '${Q}.${Q}', TRIGGER_NAME, '${Q}'), '' FROM information_schema.TRIGGERS WHERE TRIGGER_SCHEMA = 'shop'
UNION ALL SELECT 'trigger added', CONCAT('CREATE TRIGGER ${Q}', s, '${Q}.gameday_trigger AFTER DELETE ON ', r, ' FOR EACH ROW SET @gameday = 1'), CONCAT('DROP TRIGGER ${Q}', s, '${Q}.gameday_trigger') FROM t
UNION ALL SELECT 'routine dropped', CONCAT('DROP ', f), '' FROM f WHERE type IN ('FUNCTION', 'PROCEDURE')
UNION ALL SELECT 'routine''s rights', CONCAT('ALTER ', f, ' SQL SECURITY ', IF(security = 'DEFINER', 'INVOKER', 'DEFINER')), CONCAT('ALTER ', f, ' SQL SECURITY ', security) FROM f WHERE type IN ('FUNCTION', 'PROCEDURE')
UNION ALL SELECT 'routine''s comment', CONCAT('ALTER ', f, ' COMMENT ''gameday'''), '' FROM f WHERE type IN ('FUNCTION', 'PROCEDURE')
UNION ALL SELECT 'routine''s access', CONCAT('ALTER ', f, ' ', IF(access = 'NO SQL', 'READS SQL DATA', 'NO SQL')), CONCAT('ALTER ', f, ' ', access) FROM f WHERE type IN ('FUNCTION', 'PROCEDURE')
UNION ALL SELECT 'routine added', CONCAT('CREATE FUNCTION ${Q}', s, '${Q}.gameday_function () RETURNS int DETERMINISTIC RETURN 7'), CONCAT('DROP FUNCTION ${Q}', s, '${Q}.gameday_function') FROM d
UNION ALL SELECT 'event dropped', CONCAT('DROP EVENT ', e), '' FROM e
UNION ALL SELECT 'event switched', CONCAT('ALTER ', definer, ' EVENT ', e, IF(status = 'ENABLED', ' DISABLE', ' ENABLE')), CONCAT('ALTER ', definer, ' EVENT ', e, IF(status = 'ENABLED', ' ENABLE', ' DISABLE')) FROM e
UNION ALL SELECT 'event as on a standby', CONCAT('ALTER ', definer, ' EVENT ', e, ' DISABLE ON SLAVE'), CONCAT('ALTER ', definer, ' EVENT ', e, IF(status = 'ENABLED', ' ENABLE', ' DISABLE')) FROM e
UNION ALL SELECT 'event''s end', CONCAT('ALTER ', definer, ' EVENT ', e, ' ON COMPLETION ', IF(done = 'PRESERVE', 'NOT PRESERVE', 'PRESERVE')), CONCAT('ALTER ', definer, ' EVENT ', e, ' ON COMPLETION ', done) FROM e
UNION ALL SELECT 'event''s comment', CONCAT('ALTER ', definer, ' EVENT ', e, ' COMMENT ''gameday'''), CONCAT('ALTER ', definer, ' EVENT ', e, ' COMMENT ', QUOTE(remark)) FROM e
UNION ALL SELECT 'event''s time', CONCAT('ALTER ', definer, ' EVENT ', e, ' ON SCHEDULE EVERY 7 DAY STARTS ''2037-06-01 00:00:00'''), '' FROM e
UNION ALL SELECT 'event''s work', CONCAT('ALTER ', definer, ' EVENT ', e, ' DO SET @gameday = 1'), '' FROM e
UNION ALL SELECT 'event''s definer', CONCAT('ALTER DEFINER = ', u, ' EVENT ', e, ' COMMENT ', QUOTE(remark)), CONCAT('ALTER ', definer, ' EVENT ', e, ' COMMENT ', QUOTE(remark)) FROM e, u WHERE definer <> CONCAT('DEFINER = ', u)
UNION ALL SELECT 'event added', CONCAT('CREATE EVENT ${Q}', s, '${Q}.gameday_event ON SCHEDULE EVERY 1 DAY STARTS ''2037-06-01 00:00:00'' DO SET @gameday = 1'), CONCAT('DROP EVENT ${Q}', s, '${Q}.gameday_event') FROM d
UNION ALL SELECT 'database''s collation', CONCAT('ALTER DATABASE ', s, ' COLLATE utf8mb4_esperanto_ci'), CONCAT('ALTER DATABASE ', s, ' CHARACTER SET ', c, ' COLLATE ', l) FROM d
UNION ALL SELECT 'database added', 'CREATE DATABASE gameday_more', 'DROP DATABASE gameday_more' FROM d WHERE s = 'shop'
UNION ALL SELECT 'user dropped', CONCAT('DROP USER ', u), '' FROM u
UNION ALL SELECT 'user added', CONCAT('CREATE USER gameday_more@', QUOTE(s)), CONCAT('DROP USER gameday_more@', QUOTE(s)) FROM d
UNION ALL SELECT 'user renamed', CONCAT('RENAME USER ', u, ' TO gameday_x@localhost'), CONCAT('RENAME USER gameday_x@localhost TO ', u) FROM u
UNION ALL SELECT 'user locked', CONCAT('ALTER USER ', u, ' ACCOUNT LOCK'), CONCAT('ALTER USER ', u, ' ACCOUNT UNLOCK') FROM u WHERE u NOT LIKE '%shop_owner%'
UNION ALL SELECT 'password', CONCAT('ALTER USER ', u, ' IDENTIFIED BY ''another'''), '' FROM u
UNION ALL SELECT 'password lost', CONCAT('ALTER USER ', u, ' IDENTIFIED BY '''''), '' FROM u
UNION ALL SELECT 'password expires', CONCAT('ALTER USER ', u, ' PASSWORD EXPIRE INTERVAL 77 DAY'), '' FROM u
UNION ALL SELECT 'encryption required', CONCAT('ALTER USER ', u, ' REQUIRE SSL'), CONCAT('ALTER USER ', u, ' REQUIRE NONE') FROM u WHERE bare
UNION ALL SELECT 'encryption not required', CONCAT('ALTER USER ', u, ' REQUIRE NONE'), '' FROM u WHERE NOT bare
UNION ALL SELECT 'user''s limit', CONCAT('ALTER USER ', u, ' WITH ', l, ' 77'), CONCAT('ALTER USER ', u, ' WITH ', l, ' 0') FROM u, (SELECT 'MAX_QUERIES_PER_HOUR' AS l UNION SELECT 'MAX_UPDATES_PER_HOUR' UNION SELECT 'MAX_CONNECTIONS_PER_HOUR' UNION SELECT 'MAX_USER_CONNECTIONS') l WHERE endless
UNION ALL SELECT 'role dropped', CONCAT('DROP ROLE ', ro), '' FROM ro
UNION ALL SELECT 'role added', 'CREATE ROLE gameday_role', 'DROP ROLE gameday_role' FROM d WHERE s = 'shop'
UNION ALL SELECT 'grant lost', CONCAT('REVOKE ', p, ' ON ', what, ' FROM ', g), '' FROM own
UNION ALL SELECT 'grant lost, and given again', CONCAT('REVOKE ', p, ' ON ', what, ' FROM ', g), CONCAT('GRANT ', p, ' ON ', what, ' TO ', g) FROM own WHERE more = 'NO'
UNION ALL SELECT 'grant option lost', CONCAT('REVOKE GRANT OPTION ON ', what, ' FROM ', g), '' FROM own WHERE more = 'YES' AND p NOT LIKE '%(%'
UNION ALL SELECT 'grant option', CONCAT('GRANT ', p, ' ON ', what, ' TO ', g, ' WITH GRANT OPTION'), CONCAT('REVOKE GRANT OPTION ON ', what, ' FROM ', g) FROM own WHERE more = 'NO' AND p NOT LIKE '%(%'
UNION ALL SELECT 'grant on everything', CONCAT('GRANT ', p, ' ON *.* TO ', w), CONCAT('REVOKE ', p, ' ON *.* FROM ', w) FROM who, (SELECT 'RELOAD' AS p UNION SELECT 'FILE' UNION SELECT 'SUPER' UNION SELECT 'CREATE USER' UNION SELECT 'SHOW DATABASES' UNION SELECT 'TRIGGER') x WHERE NOT EXISTS (SELECT 1 FROM own WHERE g = w AND what = '*.*' AND own.p = x.p)
UNION ALL SELECT 'grant on a database', CONCAT('GRANT ', p, ' ON ${Q}', d.s, '${Q}.* TO ', w), CONCAT('REVOKE ', p, ' ON ${Q}', d.s, '${Q}.* FROM ', w) FROM who, d, (SELECT 'SELECT' AS p UNION SELECT 'DROP' UNION SELECT 'EVENT' UNION SELECT 'CREATE ROUTINE') x WHERE NOT EXISTS (SELECT 1 FROM own WHERE g = w AND what = CONCAT('${Q}', d.s, '${Q}.*') AND own.p = x.p) AND w LIKE '%@%'
UNION ALL SELECT 'grant on a table', CONCAT('GRANT ', p, ' ON ', r, ' TO ', w), CONCAT('REVOKE ', p, ' ON ', r, ' FROM ', w) FROM u, t, (SELECT u AS w, 'SELECT' AS p FROM u UNION SELECT u, 'DELETE' FROM u UNION SELECT u, 'INDEX' FROM u) x WHERE u = w AND NOT EXISTS (SELECT 1 FROM own WHERE g = w AND what = r AND own.p = x.p)
UNION ALL SELECT 'grant on a column', CONCAT('GRANT UPDATE (', q, ') ON ', r, ' TO ', u), CONCAT('REVOKE UPDATE (', q, ') ON ', r, ' FROM ', u) FROM u, col WHERE NOT EXISTS (SELECT 1 FROM own WHERE g = u AND what = r)
UNION ALL SELECT 'grant on a routine', CONCAT('GRANT EXECUTE ON ', f, ' TO ', u), CONCAT('REVOKE EXECUTE ON ', f, ' FROM ', u) FROM u, f WHERE type IN ('FUNCTION', 'PROCEDURE') AND NOT EXISTS (SELECT 1 FROM mysql.procs_priv x WHERE x.User = u.name)
UNION ALL SELECT 'grant on a routine lost', CONCAT('REVOKE EXECUTE ON ', Routine_type, ' ${Q}', Db, '${Q}.${Q}', Routine_name, '${Q} FROM ${Q}', User, '${Q}@${Q}', Host, '${Q}'), '' FROM mysql.procs_priv WHERE User LIKE 'shop!_%' ESCAPE '!' AND Host <> '' AND Proc_priv LIKE '%Execute%'
UNION ALL SELECT 'proxy', CONCAT('GRANT PROXY ON ', a.u, ' TO ', b.u), CONCAT('REVOKE PROXY ON ', a.u, ' FROM ', b.u) FROM u a, u b WHERE a.u <> b.u
UNION ALL SELECT 'server added', 'CREATE SERVER gameday_server FOREIGN DATA WRAPPER mysql OPTIONS (HOST ''192.0.2.1'', USER ''u'', PASSWORD ''p'')', 'DROP SERVER gameday_server'
UNION ALL SELECT 'table of mysql', 'CREATE TABLE mysql.gameday_x (a int)', 'DROP TABLE mysql.gameday_x' FROM d WHERE s = 'shop'
UNION ALL SELECT 'routine in mysql', 'CREATE PROCEDURE mysql.gameday_x () SELECT 1', 'DROP PROCEDURE mysql.gameday_x' FROM d WHERE s = 'shop'
UNION ALL SELECT 'event in mysql', 'CREATE EVENT mysql.gameday_x ON SCHEDULE EVERY 1 DAY STARTS ''2037-06-01 00:00:00'' DO SET @gameday = 1', 'DROP EVENT mysql.gameday_x' FROM d WHERE s = 'shop'
UNION ALL SELECT 'sys setting', 'UPDATE sys.sys_config SET value = ''77'' WHERE variable = ''statement_truncate_len''', 'UPDATE sys.sys_config SET value = ''64'' WHERE variable = ''statement_truncate_len''' FROM d WHERE s = 'shop'
UNION ALL SELECT 'time zone tables', 'INSERT INTO mysql.time_zone_name VALUES (''Gameday/Land'', 1)', 'DELETE FROM mysql.time_zone_name WHERE Name = ''Gameday/Land''' FROM d WHERE s = 'shop' AND NOT EXISTS (SELECT 1 FROM mysql.time_zone_name)
`

// candidatesOf are what only one flavour has, and its words.
var candidatesOf = map[mysql.Flavour]struct {
	words []string
	more  string
}{
	mysql.MariaDB: {
		[]string{"${IGNORED}", "COALESCE(IGNORED, 'NO') = 'YES'", "${UNUSED}", "IGNORED", "${USED}", "NOT IGNORED", "${ROLE}", "(is_role = 'Y')"},
		`UNION ALL SELECT 'database''s comment', CONCAT('ALTER DATABASE ', s, ' COMMENT ''gameday'''), '' FROM d
UNION ALL SELECT 'user''s proof', CONCAT('ALTER USER ', u, ' IDENTIFIED VIA unix_socket'), '' FROM u
UNION ALL SELECT 'replication channel', 'CHANGE MASTER TO MASTER_HOST = ''192.0.2.1'', MASTER_USER = ''gameday''', 'RESET SLAVE ALL' FROM d WHERE s = 'shop'
UNION ALL SELECT 'history lost', CONCAT('ALTER TABLE ', r, ' DROP SYSTEM VERSIONING'), '' FROM t WHERE r LIKE '%leases%' OR r LIKE '%prices%'
UNION ALL SELECT 'history kept', CONCAT('ALTER TABLE ', r, ' ADD SYSTEM VERSIONING'), CONCAT('ALTER TABLE ', r, ' DROP SYSTEM VERSIONING') FROM t
UNION ALL SELECT 'membership', CONCAT('GRANT ', ro, ' TO ', u), CONCAT('REVOKE ', ro, ' FROM ', u) FROM u, ro WHERE NOT EXISTS (SELECT 1 FROM mysql.roles_mapping m WHERE m.User = u.name AND m.Role = ro.name)
UNION ALL SELECT 'membership lost', CONCAT('REVOKE ${Q}', Role, '${Q} FROM ${Q}', User, '${Q}@${Q}', Host, '${Q}'), '' FROM mysql.roles_mapping WHERE Host <> '' AND User LIKE 'shop!_%' ESCAPE '!'
UNION ALL SELECT 'admin option lost', CONCAT('REVOKE ADMIN OPTION FOR ${Q}', Role, '${Q} FROM ${Q}', User, '${Q}@${Q}', Host, '${Q}'), '' FROM mysql.roles_mapping WHERE Host <> '' AND User LIKE 'shop!_%' ESCAPE '!' AND Admin_option = 'Y'
UNION ALL SELECT 'default role', CONCAT('SET DEFAULT ROLE ', IF(m.Role = x.default_role, 'NONE', CONCAT('${Q}', m.Role, '${Q}')), ' FOR ${Q}', m.User, '${Q}@${Q}', m.Host, '${Q}'), '' FROM mysql.roles_mapping m JOIN mysql.user x ON x.User = m.User AND x.Host = m.Host WHERE m.Host <> '' AND m.User LIKE 'shop!_%' ESCAPE '!'
UNION ALL SELECT 'sequence set back', 'ALTER SEQUENCE shop.gameday_up RESTART WITH 101', ''
UNION ALL SELECT 'sequence set back', 'ALTER SEQUENCE shop.gameday_down RESTART WITH 99', ''
UNION ALL SELECT 'sequence cycles', 'ALTER SEQUENCE shop.never_used CYCLE', ''
UNION ALL SELECT 'sequence cycles no more', 'ALTER SEQUENCE shop.invoice_number NOCYCLE', ''
UNION ALL SELECT 'sequence dropped', CONCAT('DROP SEQUENCE shop.', TABLE_NAME), '' FROM information_schema.TABLES WHERE TABLE_SCHEMA = 'shop' AND TABLE_TYPE = 'SEQUENCE'
UNION ALL SELECT CONCAT('sequence''s ', w), CONCAT('ALTER SEQUENCE shop.', TABLE_NAME, ' ', x), '' FROM information_schema.TABLES, (SELECT 'increment' AS w, 'INCREMENT BY 17' AS x UNION SELECT 'cache', 'CACHE 77' UNION SELECT 'end', 'MAXVALUE 7777777' UNION SELECT 'start', 'START WITH 5') x WHERE TABLE_SCHEMA = 'shop' AND TABLE_TYPE = 'SEQUENCE' AND TABLE_NAME NOT LIKE 'gameday%'
`,
	},
	mysql.MySQL: {
		[]string{"${IGNORED}", "IS_VISIBLE = 'NO'", "${UNUSED}", "INVISIBLE", "${USED}", "VISIBLE", "${ROLE}", "(account_locked = 'Y' AND password_expired = 'Y')"},
		`UNION ALL SELECT 'check not enforced', CONCAT('ALTER TABLE ', r, ' ALTER CHECK ', c, ' NOT ENFORCED'), CONCAT('ALTER TABLE ', r, ' ALTER CHECK ', c, ' ENFORCED') FROM k WHERE type = 'CHECK' AND c <> '${Q}payments_round${Q}'
UNION ALL SELECT 'database read-only', CONCAT('ALTER DATABASE ', s, ' READ ONLY = 1'), CONCAT('ALTER DATABASE ', s, ' READ ONLY = 0') FROM d
UNION ALL SELECT 'membership lost', CONCAT('REVOKE ${Q}', FROM_USER, '${Q} FROM ${Q}', TO_USER, '${Q}@${Q}', TO_HOST, '${Q}'), '' FROM mysql.role_edges WHERE TO_USER LIKE 'shop!_%' ESCAPE '!'
UNION ALL SELECT 'membership', CONCAT('GRANT ', ro, ' TO ', u), CONCAT('REVOKE ', ro, ' FROM ', u) FROM u, ro WHERE NOT EXISTS (SELECT 1 FROM mysql.role_edges m WHERE m.TO_USER = u.name AND m.FROM_USER = ro.name)
UNION ALL SELECT 'default role', CONCAT('SET DEFAULT ROLE NONE TO ${Q}', USER, '${Q}@${Q}', HOST, '${Q}'), '' FROM mysql.default_roles
UNION ALL SELECT 'replication channel', 'CHANGE REPLICATION SOURCE TO SOURCE_HOST = ''192.0.2.1'', SOURCE_USER = ''gameday''', 'RESET REPLICA ALL' FROM d WHERE s = 'shop'
UNION ALL SELECT 'persisted setting', 'SET PERSIST_ONLY max_connections = 77', 'RESET PERSIST max_connections' FROM d WHERE s = 'shop'
UNION ALL SELECT 'spatial reference system', 'CREATE SPATIAL REFERENCE SYSTEM 3000000007 NAME ''gameday'' DEFINITION ''GEOGCS["gameday",DATUM["d",SPHEROID["s",6378137,298.25]],PRIMEM["Greenwich",0],UNIT["degree",0.017453292519943278],AXIS["Lat",NORTH],AXIS["Lon",EAST]]''', 'DROP SPATIAL REFERENCE SYSTEM 3000000007' FROM d WHERE s = 'shop'
`,
	},
}

// mysqlSettings are the dynamic settings with their limits: name, type, value, least, most, step, choices.
var mysqlSettings = map[mysql.Flavour]string{
	mysql.MariaDB: `SELECT LOWER(VARIABLE_NAME), VARIABLE_TYPE, GLOBAL_VALUE, COALESCE(NUMERIC_MAX_VALUE, ''), COALESCE(NUMERIC_BLOCK_SIZE, ''), COALESCE(ENUM_VALUE_LIST, '')
FROM information_schema.SYSTEM_VARIABLES WHERE READ_ONLY = 'NO' AND VARIABLE_SCOPE <> 'SESSION ONLY' AND GLOBAL_VALUE IS NOT NULL ORDER BY 1`,
	mysql.MySQL: `SELECT LOWER(i.VARIABLE_NAME), IF(i.MAX_VALUE <> '0', 'BIGINT UNSIGNED', IF(g.VARIABLE_VALUE IN ('ON', 'OFF'), 'BOOLEAN', 'VARCHAR')), g.VARIABLE_VALUE, i.MAX_VALUE, '1', ''
FROM performance_schema.variables_info i JOIN performance_schema.global_variables g USING (VARIABLE_NAME) ORDER BY 1`,
}

// noSettings are left out: what a correct recovery changes (of the machine, of paths, of standbys, logs that change no
// answer), states, what cannot be taken back, and what the server would not outlive.
var noSettings = regexp.MustCompile(`^(.*_(now|abort|dir|dirs|file|filename|path|basename)|(relay|replica|slave|master|report|replicate|rpl|general_log|slow|performance_schema|wsrep|ssl|mysqlx|admin|debug|clone|sync_relay|sync_master|server)_?.*|` +
	`log_(error|output|raw|slow|timestamps|warnings|queries|throttle|disabled|tc).*|gtid_(slave_pos|binlog_state|domain_id|mode)|default_master_connection|init_(slave|replica)|sql_(slave|replica|log_).*|max_relay.*|read_binlog.*|(super_)?read_only|offline_mode|require_secure_transport|` +
	`innodb_(fast_shutdown|force.*|status_output.*|monitor.*|print.*|buffer_pool.*|log_file_size|log_write_ahead.*|open_files|page_cleaners|purge_threads|read_io.*|write_io.*|saved_page.*|undo_log_truncate|redo_log.*|parallel_read.*)|` +
	`min_examined.*|long_query_time|userstat|table_(open|definition).*|thread_(cache_size|pool_size|stack)|default_week.*|rand_seed.*|pseudo.*|timestamp|insert_id|last_insert.*|identity|tmpdir|host_cache_size|keyring.*|mandatory_roles|partial_revokes|proxy_protocol.*|temptable_max_ram)$`)

// settingChanges are changes of settings. A number moves by seven steps, a choice to another one.
func settingChanges(ctx context.Context, conn *sql.Conn, flavour mysql.Flavour) (all []candidate, err error) {
	rows, err := textsOf(ctx, conn, mysqlSettings[flavour])
	for _, r := range rows {
		name, kind, value, most, step, choices := r[0], r[1], r[2], r[3], r[4], r[5]
		if noSettings.MatchString(name) {
			continue
		}
		to := ""
		switch {
		case kind == "BOOLEAN" && (value == "ON" || value == "OFF"):
			to = map[string]string{"ON": "OFF", "OFF": "ON"}[value]
		case kind == "ENUM":
			for c := range strings.SplitSeq(choices, ",") {
				if c != value && c != "" {
					to = "'" + c + "'"
				}
			}
		case strings.Contains(kind, "INT"):
			to = fmt.Sprintf("IF(%[1]s + 7 * GREATEST(%[3]s, 1) <= %[2]s, %[1]s + 7 * GREATEST(%[3]s, 1), %[1]s - 7 * GREATEST(%[3]s, 1))", value, most, step)
			if step == "" || most == "" {
				to = value + " + 7"
			}
			number, err := textsOf(ctx, conn, "SELECT "+to)
			if err != nil {
				continue // it is unsigned, and has no room below
			}
			to = number[0][0]
		}
		if to != "" {
			back := value
			if kind == "ENUM" {
				back = "'" + value + "'"
			}
			all = append(all, candidate{"setting", "SET GLOBAL " + name + " = " + to, "SET GLOBAL " + name + " = " + back})
		}
	}
	for _, s := range []string{"sql_mode = 'ANSI'", "time_zone = '+03:00'", "init_connect = 'SELECT 1'", "character_set_server = 'cp1251'", "collation_server = 'utf8mb4_esperanto_ci'", "optimizer_switch = 'mrr=off,index_merge=off'", "default_storage_engine = 'MyISAM'"} {
		name, _, _ := strings.Cut(s, " ")
		now, err := textsOf(ctx, conn, "SELECT QUOTE(@@global."+name+")")
		if err != nil {
			return nil, err
		}
		all = append(all, candidate{"setting of text", "SET GLOBAL " + s, "SET GLOBAL " + name + " = " + now[0][0]})
	}
	return all, err
}

// textsOf are the rows of an answer.
func textsOf(ctx context.Context, conn *sql.Conn, query string) (all [][]string, err error) {
	rows, err := conn.QueryContext(ctx, query)
	if err != nil {
		return nil, err
	}
	defer rows.Close() //nolint:errcheck // only read
	names, err := rows.Columns()
	if err != nil {
		return nil, err
	}
	for rows.Next() {
		values, into := make([]sql.NullString, len(names)), make([]any, len(names))
		for i := range values {
			into[i] = &values[i]
		}
		if err := rows.Scan(into...); err != nil {
			return nil, err
		}
		row := make([]string, len(names))
		for i, v := range values {
			row[i] = v.String
		}
		all = append(all, row)
	}
	return all, rows.Err()
}

var settingOf = regexp.MustCompile(`^SET GLOBAL (\w+) = `)

// newStructuredMySQL makes the shop.
func newStructuredMySQL(t *testing.T, flavour mysql.Flavour) *structured {
	t.Helper()
	s := openMySQL(t, flavour, dataset.Shop(dataset.ShopOptions{Scale: 0.001}))
	conn := mysqlSession(t, s, "shop")
	run := func(ctx context.Context, statement string) error {
		_, err := conn.ExecContext(ctx, statement)
		return err
	}
	prepare := []string{"SET NAMES utf8mb4 COLLATE utf8mb4_general_ci", "SET sql_mode = 'STRICT_ALL_TABLES,NO_ENGINE_SUBSTITUTION'", "SET lock_wait_timeout = 10"}
	if flavour == mysql.MariaDB {
		prepare = append(prepare, "SET system_versioning_alter_history = KEEP",
			"CREATE SEQUENCE shop.gameday_up START WITH 100 NOCACHE", "CREATE SEQUENCE shop.gameday_down START WITH 100 INCREMENT BY -1 MINVALUE -1000 MAXVALUE 1000 NOCACHE",
			"DO NEXTVAL(shop.gameday_up), NEXTVAL(shop.gameday_up), NEXTVAL(shop.gameday_down), NEXTVAL(shop.gameday_down)")
	}
	for _, p := range prepare {
		if err := run(t.Context(), p); err != nil {
			t.Fatal(err)
		}
	}
	of := candidatesOf[flavour]
	query := strings.NewReplacer(append(slices.Clone(of.words), "${Q}", "`")...).Replace(mysqlCandidates + of.more)
	return &structured{
		name:     s.Info().Engine + " " + s.Info().Version,
		snapshot: func(ctx context.Context) (fixtures.Snapshot, error) { return s.Snapshot(ctx, "") },
		exec: func(ctx context.Context, statements string) error {
			for statement := range strings.SplitSeq(statements, then) {
				value := func() string { return "" }
				if set := settingOf.FindStringSubmatch(statement); set != nil {
					value = func() string {
						rows, err := textsOf(ctx, conn, "SELECT @@global."+set[1])
						if err != nil {
							return err.Error()
						}
						return rows[0][0]
					}
				}
				before := value()
				if err := run(ctx, statement); err != nil {
					return fmt.Errorf("%s: %w", statement, err)
				}
				if strings.HasPrefix(statement, "SET GLOBAL ") && value() == before {
					return errNothingChanged
				}
			}
			return nil
		},
		candidates: func(ctx context.Context) ([]candidate, error) {
			rows, err := textsOf(ctx, conn, query)
			if err != nil {
				return nil, fmt.Errorf("read the catalogue: %w", err)
			}
			all, err := asCandidates(rows)
			if err != nil {
				return nil, err
			}
			shown, err := shownChanges(ctx, conn)
			if err != nil {
				return nil, err
			}
			settings, err := settingChanges(ctx, conn, flavour)
			return append(append(all, shown...), settings...), err
		},
	}
}

// errNothingChanged is of a setting that the server took and left as it was.
var errNothingChanged = errors.New("the server has the same value as before")

func TestStructureOfMySQL(t *testing.T) {
	for _, flavour := range []mysql.Flavour{mysql.MySQL, mysql.MariaDB} {
		t.Run(string(flavour), func(t *testing.T) {
			onStructure(t, func(t *testing.T) *structured { return newStructuredMySQL(t, flavour) }, size(12, 200))
		})
	}
}
