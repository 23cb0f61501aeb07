CREATE TABLE person (
  id INTEGER PRIMARY KEY AUTOINCREMENT, first TEXT NOT NULL, last TEXT NOT NULL, email TEXT NOT NULL, city TEXT, note TEXT NOT NULL DEFAULT '',
  born TEXT NOT NULL, active INTEGER NOT NULL CHECK (active IN (0, 1)), balance NUMERIC NOT NULL, ratio REAL NOT NULL, number INTEGER NOT NULL,
  counter INTEGER NOT NULL, seen TEXT NOT NULL, payload BLOB NOT NULL, doc TEXT NOT NULL, uid BLOB NOT NULL, secret BLOB NOT NULL,
  label TEXT GENERATED ALWAYS AS (last || ', ' || first) STORED
);
CREATE UNIQUE INDEX person_email ON person (email);
CREATE TABLE visit (who TEXT NOT NULL, at TEXT NOT NULL, place TEXT);
CREATE TABLE customer (id INTEGER PRIMARY KEY, code TEXT NOT NULL, name TEXT NOT NULL, UNIQUE (code));
CREATE TABLE payment (
  id INTEGER PRIMARY KEY AUTOINCREMENT, customer INTEGER NOT NULL REFERENCES customer (id), amount NUMERIC NOT NULL CHECK (amount > 0),
  memo TEXT NOT NULL, status TEXT NOT NULL DEFAULT 'new', made TEXT NOT NULL DEFAULT '2026-01-01'
);
CREATE INDEX payment_made ON payment (made);
CREATE TABLE payment_log (payment INTEGER NOT NULL, status TEXT NOT NULL);
CREATE TRIGGER payment_changed AFTER UPDATE OF status ON payment BEGIN INSERT INTO payment_log VALUES (new.id, new.status); END;
CREATE VIEW payment_open AS SELECT id, amount FROM payment WHERE status = 'new';
CREATE TABLE ticket (id INTEGER NOT NULL, region TEXT NOT NULL, text TEXT NOT NULL, PRIMARY KEY (region, id)) WITHOUT ROWID, STRICT;
CREATE TABLE document (id INTEGER PRIMARY KEY, title TEXT NOT NULL, body TEXT NOT NULL) STRICT;
CREATE TABLE price (id INTEGER PRIMARY KEY, cents INTEGER NOT NULL);
CREATE TABLE total (day TEXT PRIMARY KEY, amount NUMERIC NOT NULL);
CREATE VIRTUAL TABLE search USING fts5 (title, body);
PRAGMA user_version = 7;
PRAGMA application_id = 4711;
