package corpus

func lostInMySQL() []lostObject {
	const (
		grants  = "SELECT * FROM information_schema.TABLE_PRIVILEGES WHERE TABLE_SCHEMA = 'bench'"
		routine = "SELECT ROUTINE_NAME, TRIM(TRAILING ';' FROM ROUTINE_DEFINITION), SECURITY_TYPE, SQL_MODE, DEFINER FROM information_schema.ROUTINES WHERE ROUTINE_SCHEMA = 'bench'"
		trigger = "SELECT TRIGGER_NAME, TRIM(TRAILING ';' FROM ACTION_STATEMENT), DEFINER FROM information_schema.TRIGGERS WHERE TRIGGER_SCHEMA = 'bench'"
		views   = "SELECT TABLE_NAME, SECURITY_TYPE, VIEW_DEFINITION FROM information_schema.VIEWS WHERE TABLE_SCHEMA = 'bench'"
		users   = "SELECT User, Host FROM mysql.user"
		makePay = "CREATE PROCEDURE pay(p INT) MODIFIES SQL DATA UPDATE payment SET status = 'paid' WHERE id = p"
		log     = "CREATE TRIGGER payment_changed AFTER UPDATE ON payment FOR EACH ROW INSERT INTO payment_log VALUES (NEW.id, NEW.status)"
		open    = "SQL SECURITY INVOKER VIEW payment_open AS SELECT id, amount FROM payment WHERE status = 'new'"
		fk      = "ALTER TABLE payment ADD CONSTRAINT payment_customer FOREIGN KEY (customer) REFERENCES customer (id)"
		event   = "SELECT EVENT_NAME, STATUS FROM information_schema.EVENTS WHERE EVENT_SCHEMA = 'bench'"
		next    = "SHOW CREATE TABLE payment"
	)
	m := func(id, title, do, undo, sees string) lostObject {
		return lostObject{MySQL, id, title, lost{do, undo, sees}}
	}
	return []lostObject{
		m("A12", "a partition is missing", "ALTER TABLE ticket DROP PARTITION south", "ALTER TABLE ticket ADD PARTITION (PARTITION south VALUES IN (2)); DELETE FROM ticket; "+values("ticket", MySQL), "SELECT count(*) FROM ticket"),
		m("A13", "a database was left out", "DROP DATABASE neighbour", "CREATE DATABASE neighbour CHARACTER SET utf8mb4; USE neighbour; "+note+values("note", MySQL), "SHOW DATABASES"),
		m("D1", "an index is missing", "DROP INDEX payment_made ON payment", "CREATE INDEX payment_made ON payment (made)", myIndexes),
		{onlyMySQL, "D1", "an index is invisible", lost{"ALTER TABLE payment ALTER INDEX payment_made INVISIBLE", "ALTER TABLE payment ALTER INDEX payment_made VISIBLE", "SHOW CREATE TABLE payment"}},
		{MariaDB, "D1", "an index is ignored", lost{"ALTER TABLE payment ALTER INDEX payment_made IGNORED", "ALTER TABLE payment ALTER INDEX payment_made NOT IGNORED", "SHOW CREATE TABLE payment"}},
		{onlyMySQL, "D5", "a check is not enforced", lost{"ALTER TABLE payment ALTER CHECK payment_amount NOT ENFORCED", "ALTER TABLE payment ALTER CHECK payment_amount ENFORCED", "SHOW CREATE TABLE payment"}},
		m("D2", "a primary key is missing", "ALTER TABLE price DROP PRIMARY KEY", "ALTER TABLE price ADD PRIMARY KEY (id)", myConstraints),
		m("D2", "a unique key is a mere index", "ALTER TABLE customer DROP INDEX customer_code, ADD INDEX customer_code (code)", "ALTER TABLE customer DROP INDEX customer_code, ADD UNIQUE KEY customer_code (code)", myConstraints),
		m("D3", "a foreign key is missing", "ALTER TABLE payment DROP FOREIGN KEY payment_customer", fk, myConstraints),
		m("D5", "a check is missing", "ALTER TABLE payment DROP CONSTRAINT payment_amount", "ALTER TABLE payment ADD CONSTRAINT payment_amount CHECK (amount > 0)", myConstraints),
		m("D5", "a column may be NULL", "ALTER TABLE payment MODIFY memo VARCHAR(200) NULL", "ALTER TABLE payment MODIFY memo VARCHAR(200) NOT NULL", myColumns),
		m("D6", "a default is missing", "ALTER TABLE payment ALTER status DROP DEFAULT", "ALTER TABLE payment ALTER status SET DEFAULT 'new'", myColumns),
		m("D6", "a key is not numbered by itself any more", "ALTER TABLE payment MODIFY id INT NOT NULL", "ALTER TABLE payment MODIFY id INT NOT NULL AUTO_INCREMENT, AUTO_INCREMENT = 3001", myColumns),
		m("D6", "a time does not change with its row any more", "ALTER TABLE payment MODIFY changed TIMESTAMP NOT NULL DEFAULT '2026-01-01 00:00:00'", "ALTER TABLE payment MODIFY changed TIMESTAMP NOT NULL DEFAULT '2026-01-01 00:00:00' ON UPDATE CURRENT_TIMESTAMP", myColumns),
		m("D7", "a trigger is missing", "DROP TRIGGER payment_changed", log, trigger),
		m("D9", "a routine is missing", "DROP PROCEDURE pay", makePay+"; GRANT EXECUTE ON PROCEDURE bench.pay TO bench_writer@'%'", routine),
		m("D9", "a routine has another body", "DROP PROCEDURE pay; CREATE PROCEDURE pay(p INT) MODIFIES SQL DATA UPDATE payment SET status = 'paid' WHERE id <> p", "DROP PROCEDURE pay; "+makePay+"; GRANT EXECUTE ON PROCEDURE bench.pay TO bench_writer@'%'", routine),
		m("D9", "an event is missing", "DROP EVENT tidy", "CREATE EVENT tidy ON SCHEDULE EVERY 1 YEAR STARTS '2036-01-01 00:00:00' DO DELETE FROM cache WHERE id < 0", event),
		m("D9", "an event is disabled", "ALTER EVENT tidy DISABLE", "ALTER EVENT tidy ENABLE", event),
		m("D10", "a view is missing", "DROP VIEW payment_open", "CREATE "+open, views),
		m("D10", "a view runs with its definer's rights", "ALTER SQL SECURITY DEFINER VIEW payment_open AS SELECT id, amount FROM payment WHERE status = 'new'", "ALTER "+open, views),
		m("D11", "numbering goes on too early", "ALTER TABLE payment AUTO_INCREMENT = 201", "ALTER TABLE payment AUTO_INCREMENT = 3001", next),
		m("D13", "a column is wider", "ALTER TABLE payment MODIFY status VARCHAR(40) NOT NULL DEFAULT 'new'", "ALTER TABLE payment MODIFY status VARCHAR(20) NOT NULL DEFAULT 'new'", myColumns),
		m("D13", "a column has another type", "ALTER TABLE payment_log MODIFY payment BIGINT NOT NULL", "ALTER TABLE payment_log MODIFY payment INT NOT NULL", myColumns),
		m("D14", "columns have another order", "ALTER TABLE payment_log MODIFY payment INT NOT NULL AFTER status", "ALTER TABLE payment_log MODIFY payment INT NOT NULL FIRST", myColumns),
		m("D15", "a column has another collation", "ALTER TABLE customer MODIFY name VARCHAR(100) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL", "ALTER TABLE customer MODIFY name VARCHAR(100) NOT NULL", myColumns),
		m("D15", "a database has another character set", "ALTER DATABASE neighbour CHARACTER SET latin1", "ALTER DATABASE neighbour CHARACTER SET utf8mb4", "SELECT DEFAULT_CHARACTER_SET_NAME FROM information_schema.SCHEMATA WHERE SCHEMA_NAME = 'neighbour'"),
		m("D17", "a table has another engine", "ALTER TABLE price ENGINE = MyISAM", "ALTER TABLE price ENGINE = InnoDB", myTables),
		m("D17", "a table has another row format", "ALTER TABLE price ROW_FORMAT = COMPACT", "ALTER TABLE price ROW_FORMAT = DEFAULT", myTables),
		m("D22", "the time-zone tables are empty", "DELETE FROM mysql.time_zone_name", "INSERT INTO mysql.time_zone_name (Name, Time_zone_id) VALUES ('Bench/Zone', 90001)", "SELECT count(*) FROM mysql.time_zone_name"),
		m("E1", "an account is missing", "DROP USER bench_reader@'%'", "CREATE USER bench_reader@'%' IDENTIFIED /*M! BY 'reader' */ /*!80000 WITH caching_sha2_password AS '$A$005$saltsaltsaltsaltsalthashhashhashhashhashhashhashhashhashhashhas' */; GRANT SELECT ON bench.person TO bench_reader@'%'", users),
		m("E1", "an account has lost its limits", "ALTER USER bench_writer@'%' WITH MAX_USER_CONNECTIONS 0", "ALTER USER bench_writer@'%' WITH MAX_USER_CONNECTIONS 20", "SELECT User, max_user_connections FROM mysql.user"),
		m("E2", "a grant on a table is missing", "REVOKE INSERT ON bench.payment FROM bench_writer@'%'", "GRANT INSERT ON bench.payment TO bench_writer@'%'", grants),
		m("E2", "a grant on a column is missing", "REVOKE UPDATE (name) ON bench.customer FROM bench_writer@'%'", "GRANT UPDATE (name) ON bench.customer TO bench_writer@'%'", "SELECT * FROM information_schema.COLUMN_PRIVILEGES WHERE TABLE_SCHEMA = 'bench'"),
		m("E2", "a grant on a routine is missing", "REVOKE EXECUTE ON PROCEDURE bench.pay FROM bench_writer@'%'", "GRANT EXECUTE ON PROCEDURE bench.pay TO bench_writer@'%'", "SELECT count(*) FROM mysql.procs_priv"),
		m("E2", "an account may do everything", "GRANT ALL ON *.* TO bench_reader@'%'", "REVOKE ALL ON *.* FROM bench_reader@'%'; GRANT SELECT ON bench.person TO bench_reader@'%'", "SELECT * FROM information_schema.USER_PRIVILEGES"),
		m("E4", "a routine is the restoring account's", "DROP PROCEDURE pay; CREATE DEFINER = bench_reader@'%' PROCEDURE pay(p INT) MODIFIES SQL DATA UPDATE payment SET status = 'paid' WHERE id = p", "DROP PROCEDURE pay; "+makePay+"; GRANT EXECUTE ON PROCEDURE bench.pay TO bench_writer@'%'", routine),
		m("E7", "an account needs no password", "CREATE USER hole@'%'", "DROP USER hole@'%'", users),
		{onlyMySQL, "G1", "it is a replica of another server", lost{"CHANGE REPLICATION SOURCE TO SOURCE_HOST = '192.0.2.1', SOURCE_USER = 'u'", "RESET REPLICA ALL", "SELECT HOST FROM performance_schema.replication_connection_configuration"}},
		{MariaDB, "G1", "it is a replica of another server", lost{"CHANGE MASTER TO MASTER_HOST = '192.0.2.1', MASTER_USER = 'u'", "RESET SLAVE ALL", "SHOW ALL SLAVES STATUS"}},
		m("G17", "the application's account is locked", "ALTER USER bench_writer@'%' ACCOUNT LOCK", "ALTER USER bench_writer@'%' ACCOUNT UNLOCK", "SHOW CREATE USER bench_writer@'%'"),
	}
}
