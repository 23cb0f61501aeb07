package catalogue

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"path/filepath"
	"strings"

	"github.com/recoverydrill/gameday/fixtures"
	"github.com/recoverydrill/gameday/fixtures/dataset"
	"github.com/recoverydrill/gameday/fixtures/eventlog"
	"github.com/recoverydrill/gameday/fixtures/postgres"
	"github.com/recoverydrill/gameday/fixtures/sqlite/handle"
	"github.com/recoverydrill/gameday/fixtures/traffic"
	recovery "github.com/recoverydrill/gameday/recover"
	"github.com/recoverydrill/gameday/recover/derived"
)

const postgresSchema = `
CREATE SCHEMA catalogue;
CREATE TABLE catalogue.goods (sku text PRIMARY KEY, name text NOT NULL, words text NOT NULL, stock bigint NOT NULL DEFAULT 0, deliveries bigint NOT NULL DEFAULT 0,
	search tsvector GENERATED ALWAYS AS (to_tsvector('simple', name || ' ' || words)) STORED);
CREATE INDEX goods_search ON catalogue.goods USING gin (search);
CREATE TABLE catalogue.applied (number bigint PRIMARY KEY); -- the last event of the goods that the store holds
INSERT INTO catalogue.applied VALUES (0);
`

// postgresStatements is what an event of the goods does to the store on PostgreSQL, once.
func postgresStatements(e eventlog.Event) (string, error) {
	var g goods
	if err := json.Unmarshal(e.Body, &g); err != nil {
		return "", fmt.Errorf("decode event %d: %w", e.Number, err)
	}
	sku := handle.Literal(g.SKU)
	var sql string
	switch e.Kind {
	case kindListed:
		sql = "INSERT INTO catalogue.goods (sku, name, words) VALUES (" + sku + ", " + handle.Literal(g.Name) + ", " + handle.Literal(g.Words) + ")"
	case kindDelivered:
		sql = fmt.Sprintf("UPDATE catalogue.goods SET stock = stock + %d, deliveries = deliveries + 1 WHERE sku = %s", g.Amount, sku)
	default:
		return "", fmt.Errorf("event %d is of the kind %q", e.Number, e.Kind)
	}
	return fmt.Sprintf("%s; UPDATE catalogue.applied SET number = %d", sql, e.Number), nil
}

// Server describes the same catalogue as a part of a PostgreSQL database. Dir is where the event log lies.
type Server struct {
	Dir     string
	Goods   int // default 300
	Cluster postgres.Cluster
}

var (
	_ fixtures.Blueprint = Server{}
	_ fixtures.Needing   = Server{}
)

// Needs are the cluster's.
func (s Server) Needs() fixtures.Needs { return s.Cluster.Needs() }

// ServerSystem is a running catalogue on PostgreSQL.
type ServerSystem struct {
	*postgres.System

	log      *eventlog.Log
	recorded traffic.Store
}

// Start makes the history, and the store from it.
func (s Server) Start(ctx context.Context, run fixtures.Run, provider fixtures.Provider) (fixtures.System, error) {
	n := cmp.Or(s.Goods, 300)
	log, script, err := record(ctx, s.Dir, n, postgresStatements)
	if err != nil {
		return nil, err
	}
	const database = "catalogue"
	s.Cluster.Dataset = dataset.Func(fmt.Sprintf("catalogue of %d goods", n), database, func(ctx context.Context, into fixtures.Loader) error {
		return into.Script(ctx, database, strings.NewReader(postgresSchema+script))
	})
	store, err := s.Cluster.Open(ctx, run, provider)
	if err != nil {
		return nil, errors.Join(err, log.Close())
	}
	return &ServerSystem{System: store, log: log, recorded: eventlog.Record(store, log)}, nil
}

// Connect opens a client that records what it writes.
func (s *ServerSystem) Connect(ctx context.Context, address string) (traffic.Session, error) {
	return s.recorded.Connect(ctx, address)
}

// Deliver records a delivery of goods, and applies it.
func (s *ServerSystem) Deliver(ctx context.Context, number int, amount int64) error {
	return deliver(ctx, s.log, number, amount, func(ctx context.Context, e eventlog.Event) error {
		sql, err := postgresStatements(e)
		if err != nil {
			return err
		}
		return s.Statement(ctx, "", "", sql)
	})
}

// Close ends the store; the log stays where it is.
func (s *ServerSystem) Close(ctx context.Context) error {
	return errors.Join(s.System.Close(ctx), s.log.Close())
}

// Source is the catalogue's log.
func (s Server) Source() eventlog.File { return eventlog.File{Path: filepath.Join(s.Dir, logFile)} }

// Rebuild makes the goods anew from the log, where they are and under the eyes of clients, who see the old ones until the
// one transaction that it takes is committed.
func (s Server) Rebuild() derived.Procedure { return derived.Rebuild(s.Source(), &inPlace{}) }

// inPlace is a [derived.Projection] onto the primary that serves. What clients have written themselves is there.
type inPlace struct{ script strings.Builder }

// Begin forgets what an earlier run has collected: of that nothing is in the store.
func (p *inPlace) Begin(context.Context, recovery.Job) (uint64, error) {
	p.script.Reset()
	p.script.WriteString("BEGIN;\nDELETE FROM catalogue.goods;\n")
	return 0, nil
}

// Apply collects what the event does.
func (p *inPlace) Apply(_ context.Context, e eventlog.Event) error {
	if e.Kind == eventlog.KindWrite {
		return nil
	}
	sql, err := postgresStatements(e)
	p.script.WriteString(sql + ";\n")
	return err
}

// Serve does all of it in one transaction.
func (p *inPlace) Serve(ctx context.Context, job recovery.Job) error {
	name, _, _ := strings.Cut(job.Env["GAMEDAY_PRIMARY"], ":")
	node, err := recovery.Member(job.System, name)
	if err != nil {
		return err
	}
	p.script.WriteString("COMMIT;\n")
	_, err = node.Exec(ctx, fixtures.Command{
		Args: []string{job.Env["GAMEDAY_PGBIN"] + "/psql", "-h", "/tmp", "-d", job.Env["GAMEDAY_DATABASE"], "-X", "-q", "-v", "ON_ERROR_STOP=1"},
		User: job.Env["GAMEDAY_OSUSER"], Stdin: strings.NewReader(p.script.String()), Stdout: job.Output, Stderr: job.Output,
	})
	return err
}

// Close has nothing to end.
func (p *inPlace) Close() error { return nil }
