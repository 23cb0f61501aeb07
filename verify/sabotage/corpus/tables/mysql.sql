SET NAMES utf8mb4 COLLATE utf8mb4_general_ci;
CREATE TABLE person (
  id INT NOT NULL AUTO_INCREMENT PRIMARY KEY, first VARCHAR(500) NOT NULL, last VARCHAR(100) NOT NULL, email VARCHAR(200) NOT NULL, city VARCHAR(100), note VARCHAR(1000) NOT NULL DEFAULT '',
  born DATE NOT NULL, active BOOLEAN NOT NULL, balance DECIMAL(14,4) NOT NULL, ratio DOUBLE NOT NULL, narrow FLOAT NOT NULL, number BIGINT NOT NULL,
  counter BIGINT NOT NULL, seen DATETIME(6) NOT NULL, payload BLOB NOT NULL, doc JSON NOT NULL, uid BINARY(16) NOT NULL, secret BLOB NOT NULL,
  label VARCHAR(700) GENERATED ALWAYS AS (CONCAT(last, ', ', first)) STORED
) CHARACTER SET utf8mb4;
CREATE INDEX person_email ON person (email);
CREATE TABLE visit (who VARCHAR(100) NOT NULL, at DATETIME(6) NOT NULL, place VARCHAR(100));
CREATE TABLE customer (id INT NOT NULL PRIMARY KEY, code VARCHAR(20) NOT NULL, name VARCHAR(100) NOT NULL, UNIQUE KEY customer_code (code));
CREATE TABLE payment (
  id INT NOT NULL AUTO_INCREMENT PRIMARY KEY, customer INT NOT NULL, amount DECIMAL(12,2) NOT NULL, memo VARCHAR(200) NOT NULL, status VARCHAR(20) NOT NULL DEFAULT 'new',
  made DATE NOT NULL DEFAULT '2026-01-01', changed TIMESTAMP NOT NULL DEFAULT '2026-01-01 00:00:00' ON UPDATE CURRENT_TIMESTAMP,
  CONSTRAINT payment_customer FOREIGN KEY (customer) REFERENCES customer (id), CONSTRAINT payment_amount CHECK (amount > 0)
);
CREATE INDEX payment_made ON payment (made);
CREATE TABLE payment_log (payment INT NOT NULL, status VARCHAR(20) NOT NULL);
CREATE TRIGGER payment_changed AFTER UPDATE ON payment FOR EACH ROW INSERT INTO payment_log VALUES (NEW.id, NEW.status);
CREATE SQL SECURITY INVOKER VIEW payment_open AS SELECT id, amount FROM payment WHERE status = 'new';
CREATE PROCEDURE pay(p INT) MODIFIES SQL DATA UPDATE payment SET status = 'paid' WHERE id = p;
CREATE TABLE ticket (id INT NOT NULL, region INT NOT NULL, text VARCHAR(100) NOT NULL, PRIMARY KEY (region, id)) PARTITION BY LIST (region) (PARTITION north VALUES IN (1), PARTITION south VALUES IN (2));
CREATE TABLE document (id INT NOT NULL PRIMARY KEY, title VARCHAR(100) NOT NULL, body MEDIUMTEXT NOT NULL);
CREATE TABLE price (id INT NOT NULL PRIMARY KEY, cents INT NOT NULL);
CREATE TABLE total (day DATE NOT NULL PRIMARY KEY, amount DECIMAL(12,2) NOT NULL);
CREATE TABLE cache (id INT NOT NULL PRIMARY KEY, value VARCHAR(100) NOT NULL) ENGINE = MEMORY;
CREATE EVENT tidy ON SCHEDULE EVERY 1 YEAR STARTS '2036-01-01 00:00:00' DO DELETE FROM cache WHERE id < 0;
-- MySQL salts a password by chance: this one can be made again as it was.
CREATE USER bench_reader@'%' IDENTIFIED /*M! BY 'reader' */ /*!80000 WITH caching_sha2_password AS '$A$005$saltsaltsaltsaltsalthashhashhashhashhashhashhashhashhashhashhas' */;
CREATE USER bench_writer@'%' IDENTIFIED BY 'writer' WITH MAX_USER_CONNECTIONS 20;
GRANT SELECT ON bench.person TO bench_reader@'%';
GRANT SELECT, INSERT ON bench.payment TO bench_writer@'%';
GRANT UPDATE (name) ON bench.customer TO bench_writer@'%';
GRANT EXECUTE ON PROCEDURE bench.pay TO bench_writer@'%';
INSERT INTO mysql.time_zone_name (Name, Time_zone_id) VALUES ('Bench/Zone', 90001);
