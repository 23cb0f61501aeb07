// Package catalogue is a team's derived store, for scenarios: a catalogue of goods with their stock and a full-text index, in
// a SQLite file that an application writes beside its event log. The log is the source of truth; no line of the file is
// anything but what the log's events have made of it.
package catalogue

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/recoverydrill/gameday/fixtures"
	"github.com/recoverydrill/gameday/fixtures/dataset"
	"github.com/recoverydrill/gameday/fixtures/eventlog"
	"github.com/recoverydrill/gameday/fixtures/sqlite"
	"github.com/recoverydrill/gameday/fixtures/sqlite/handle"
	"github.com/recoverydrill/gameday/fixtures/traffic"
)

// schema is the application's own: its migrations.
const schema = `
CREATE TABLE goods (sku TEXT NOT NULL PRIMARY KEY, name TEXT NOT NULL, words TEXT NOT NULL, stock INTEGER NOT NULL DEFAULT 0, deliveries INTEGER NOT NULL DEFAULT 0) STRICT;
CREATE INDEX goods_stock ON goods (stock, sku);
CREATE VIRTUAL TABLE search USING fts5(name, words);
CREATE TABLE applied (number INTEGER NOT NULL) STRICT; -- the last event of the goods that the store holds
INSERT INTO applied VALUES (0);
PRAGMA user_version = 7;
`

// The kinds of the catalogue's own events, beside those of traffic.
const (
	kindListed    = "listed"
	kindDelivered = "delivered"
)

// goods is the body of such an event.
type goods struct {
	SKU    string `json:"sku"`
	Name   string `json:"name,omitempty"`
	Words  string `json:"words,omitempty"`
	Amount int64  `json:"amount,omitempty"`
}

// statements is what an event does to the store, once.
func statements(e eventlog.Event) (string, error) {
	var g goods
	if err := json.Unmarshal(e.Body, &g); err != nil {
		return "", fmt.Errorf("decode event %d: %w", e.Number, err)
	}
	sku := handle.Literal(g.SKU)
	var sql string
	switch e.Kind {
	case kindListed:
		name, words := handle.Literal(g.Name), handle.Literal(g.Words)
		sql = "INSERT INTO goods (sku, name, words) VALUES (" + sku + ", " + name + ", " + words + "); " +
			"INSERT INTO search (rowid, name, words) SELECT rowid, name, words FROM goods WHERE sku = " + sku
	case kindDelivered:
		sql = fmt.Sprintf("UPDATE goods SET stock = stock + %d, deliveries = deliveries + 1 WHERE sku = %s", g.Amount, sku)
	default:
		return "", fmt.Errorf("event %d is of the kind %q", e.Number, e.Kind)
	}
	return fmt.Sprintf("%s; UPDATE applied SET number = %d", sql, e.Number), nil
}

// Store describes the catalogue. Dir, a directory of this host outside of the store, is where the event log lies, and the
// application's own schema.
type Store struct {
	Dir   string
	Goods int // default 300
}

var (
	_ fixtures.Blueprint = Store{}
	_ fixtures.Needing   = Store{}
)

// Needs are a SQLite store's.
func (s Store) Needs() fixtures.Needs { return sqlite.Store{}.Needs() }

// System is a running catalogue. Whatever writes to it writes to the log first.
type System struct {
	*sqlite.System

	log      *eventlog.Log
	recorded traffic.Store
}

const (
	logFile    = "events.jsonl"
	schemaFile = "schema.sql"
	// positionFile lies beside a backup: the last event that the backup holds with all those before it.
	positionFile = "last-event"
)

// Start makes the history, and the store from it.
func (s Store) Start(ctx context.Context, run fixtures.Run, provider fixtures.Provider) (fixtures.System, error) {
	log, script, err := record(ctx, s.Dir, s.goods(), statements)
	if err != nil {
		return nil, err
	}
	history := dataset.Func(fmt.Sprintf("catalogue of %d goods", s.goods()), "main", func(ctx context.Context, into fixtures.Loader) error {
		return into.Script(ctx, "", strings.NewReader(schema+"BEGIN; "+script+"COMMIT;"))
	})
	store, err := sqlite.Store{Unreplicated: true, Dataset: history}.Open(ctx, run, provider)
	if err != nil {
		return nil, errors.Join(err, log.Close())
	}
	sys := &System{System: store, log: log, recorded: eventlog.Record(store, log)}
	if err := sys.keepSchema(ctx, filepath.Join(s.Dir, schemaFile)); err != nil {
		return nil, errors.Join(err, sys.Close(context.WithoutCancel(ctx)))
	}
	return sys, nil
}

func (s Store) goods() int { return cmp.Or(s.Goods, 300) }

// record begins a log with what has happened before the drill: every good is listed and delivered some times. script is what
// that does to a store.
func record(ctx context.Context, dir string, n int, statements func(eventlog.Event) (string, error)) (log *eventlog.Log, script string, err error) {
	if log, err = eventlog.Create(filepath.Join(dir, logFile)); err != nil {
		return nil, "", err
	}
	event := func(kind string, g goods) {
		if err != nil {
			return
		}
		var e eventlog.Event
		if e, err = log.Append(ctx, kind, g, nil); err != nil {
			return
		}
		var sql string
		sql, err = statements(e)
		script += sql + ";\n"
	}
	for i := range n {
		sku := fmt.Sprintf("G-%04d", i)
		event(kindListed, goods{SKU: sku, Name: "good " + sku, Words: strings.Repeat(fmt.Sprintf("word%d ", i%37), 5)})
		for k := range i % 4 {
			event(kindDelivered, goods{SKU: sku, Amount: int64(i%11 + k + 1)})
		}
	}
	if err != nil {
		return nil, "", errors.Join(err, log.Close())
	}
	return log, script, nil
}

// keepSchema keeps the text of the harness's own tables with the application's, as its migrations, and who the store is.
func (s *System) keepSchema(ctx context.Context, path string) error {
	h, err := handle.Open(ctx, s.file(ctx), handle.Write)
	if err != nil {
		return err
	}
	tables, err := h.Value(ctx, "SELECT group_concat(sql, '; ') FROM sqlite_schema WHERE name LIKE 'gameday\\_%' ESCAPE '\\' AND sql IS NOT NULL")
	if err = errors.Join(err, h.Close()); err != nil {
		return fmt.Errorf("keep the schema: %w", err)
	}
	id, err := s.Identity(ctx, "")
	if err != nil {
		return err
	}
	text := schema + tables + "; INSERT INTO gameday_identity VALUES (" + handle.Literal(id.System) + ", " + handle.Literal(id.Token) + ");\n"
	return os.WriteFile(path, []byte(text), 0o600)
}

func (s *System) file(ctx context.Context) string {
	env, err := s.Environment(ctx)
	if err != nil {
		return ""
	}
	return env["GAMEDAY_FILE"]
}

// Connect opens a client that records what it writes.
func (s *System) Connect(ctx context.Context, address string) (traffic.Session, error) {
	return s.recorded.Connect(ctx, address)
}

// Deliver records a delivery of goods, and applies it.
func (s *System) Deliver(ctx context.Context, number int, amount int64) error {
	return deliver(ctx, s.log, number, amount, func(ctx context.Context, e eventlog.Event) error {
		sql, err := statements(e)
		if err != nil {
			return err
		}
		return s.Statement(ctx, "", "", "BEGIN IMMEDIATE; "+sql+"; COMMIT")
	})
}

func deliver(ctx context.Context, log *eventlog.Log, number int, amount int64, apply func(context.Context, eventlog.Event) error) error {
	_, err := log.Append(ctx, kindDelivered, goods{SKU: fmt.Sprintf("G-%04d", number), Amount: amount}, apply)
	return err
}

// Backup takes a backup, and writes beside it from which event on it must be followed by the source.
func (s *System) Backup(ctx context.Context, label string) (fixtures.Backup, error) {
	last := s.log.Last() // what the backup holds beyond that is passed over
	b, err := s.System.Backup(ctx, label)
	if err != nil {
		return b, err
	}
	return b, os.WriteFile(filepath.Join(filepath.Dir(b.Path), positionFile), fmt.Append(nil, last), 0o600)
}

// Close ends the store; the log stays where it is.
func (s *System) Close(ctx context.Context) error {
	return errors.Join(s.System.Close(ctx), s.log.Close())
}
