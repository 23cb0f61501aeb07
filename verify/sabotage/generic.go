package sabotage

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"time"

	"github.com/recoverydrill/gameday/fixtures"
)

// The engines by the names of [fixtures.Info].
const (
	genSQLite   = "sqlite"
	genPostgres = "postgres"
	genMySQL    = "mysql"
	genMariaDB  = "mariadb"
)

// Generic returns the acts that fit any team's schema: what they are done to is chosen from the manifest of the mark by the
// seed. The order is the one in which they are tried: those that are taken back first. An ID is that of a row of the
// catalogue.
func Generic() []Act {
	return slices.Concat(genRowActs(), genTrafficActs(), genSQLiteActs(), genPostgresActs(), genMySQLActs(), genPathActs(), genLastActs())
}

// Quick is the IDs of a handful of acts, one for each kind of damage.
func Quick() []string { return []string{"A17", "B1", "B10", "A23", "A19", "D1", "D7", "H1"} }

// genDialect is what acts must know of an engine.
type genDialect struct {
	quote   func(name string) string
	text    func(value string) string      // a literal
	literal func(c fixtures.Column) string // a value as a literal that people can read
	exact   func(c fixtures.Column) string // and as one that is the same to the last bit; nil is literal
	// inexact is true of a value whose literal is another one after all; nil where there is none.
	inexact func(name string) string
	guard   string // keeps foreign keys and triggers away from the statements that follow it
	into    string // between an insert's columns and VALUES
	unsafe  func(c fixtures.Column) bool
	null    string                                                               // what literal gives for NULL
	columns func(ctx context.Context, s *genStore, t genTable) ([]string, error) // that take a value
	tell    func(t genTable) string                                              // the table's name in a statement
}

// genStore is a store on which an act works.
type genStore struct {
	Target
	genDialect
	operator fixtures.Operator
	querier  fixtures.Querier
	random   *rand.Rand
	main     string // the dataset's database
}

// genTable is a table of the manifest.
type genTable struct {
	fixtures.Table
	database string
}

// genAct makes an act of a function.
func genAct(id, title, check string, engines []string, do func(context.Context, *genStore) (func(context.Context) error, error)) Act {
	return Act{ID: id, Title: title, Engines: engines, Check: check, Do: func(ctx context.Context, t Target) (func(context.Context) error, error) {
		s, err := genOpen(ctx, t, id)
		if err != nil {
			return nil, err
		}
		return do(ctx, s)
	}}
}

func genOpen(ctx context.Context, t Target, id string) (*genStore, error) {
	s := &genStore{Target: t}
	lacks := func(need string) error {
		return &fixtures.UnsupportedError{What: "engine " + t.System.Info().Engine, Need: need, For: "make its contents wrong on purpose"}
	}
	var ok bool
	if s.operator, ok = t.System.(fixtures.Operator); !ok {
		return nil, lacks("fixtures.Operator")
	}
	if s.querier, ok = t.System.(fixtures.Querier); !ok {
		return nil, lacks("fixtures.Querier")
	}
	responder, ok := t.System.(fixtures.Responder)
	if !ok {
		return nil, lacks("fixtures.Responder")
	}
	env, err := responder.Environment(ctx)
	if err != nil {
		return nil, fmt.Errorf("find the main database: %w", err)
	}
	s.main = env["GAMEDAY_DATABASE"]
	switch t.System.Info().Engine {
	case genSQLite:
		s.genDialect = genSQLiteDialect
	case genPostgres:
		s.genDialect = genPostgresDialect
	case genMySQL, genMariaDB:
		s.genDialect = genMySQLDialect
	default:
		return nil, fmt.Errorf("%w: engine %q is not known", ErrNotHere, t.System.Info().Engine)
	}
	if s.exact == nil {
		s.exact = s.literal
	}
	seed := uint64(t.Seed) //nolint:gosec // any number is a seed
	for _, c := range id {
		seed = seed*31 + uint64(c)
	}
	s.random = rand.New(rand.NewPCG(seed, 1)) //nolint:gosec // choices, not secrets
	return s, nil
}

func (s *genStore) exec(ctx context.Context, database, statement string) error {
	err := s.operator.Statement(ctx, "", database, statement)
	for tries := 0; err != nil && genBusy(err) && tries < 10; tries++ { // clients write too
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-time.After(100 * time.Millisecond):
		}
		err = s.operator.Statement(ctx, "", database, statement)
	}
	if err != nil {
		return fmt.Errorf("%s: %w", genShort(statement), err)
	}
	return nil
}

// genBusy tells that SQLite did nothing because another client had the lock.
func genBusy(err error) bool {
	const busy, locked = 5, 6
	var coded interface{ Code() int }
	return errors.As(err, &coded) && (coded.Code()&0xff == busy || coded.Code()&0xff == locked)
}

func (s *genStore) query(ctx context.Context, database, query string) ([][]string, error) {
	rows, err := s.querier.Query(ctx, "", database, query)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", genShort(query), err)
	}
	return rows, nil
}

func genShort(s string) string {
	if s = strings.Join(strings.Fields(s), " "); len(s) > 120 {
		return s[:120] + "…"
	}
	return s
}

// errNext says that one candidate gives no occasion: another may.
var errNext = errors.New("no occasion")

// genEach tries candidates in the order of the seed until one can be used. Those that give no occasion are passed over, and so
// are those that the store refuses; where all that could be tried were refused, the last refusal is told.
func genEach[T any](s *genStore, what string, all []T, do func(T) (func(context.Context) error, error)) (func(context.Context) error, error) {
	const most = 40
	all = slices.Clone(all)
	s.random.Shuffle(len(all), func(i, k int) { all[i], all[k] = all[k], all[i] })
	var refused error
	for _, c := range all[:min(len(all), most)] {
		undo, err := do(c)
		switch {
		case err == nil || undo != nil: // an error after it was done in part
			return undo, err
		case !errors.Is(err, errNext):
			refused = err
		}
	}
	if refused != nil {
		return nil, fmt.Errorf("no %s of %d could be used, the last: %w", what, len(all), refused)
	}
	return nil, fmt.Errorf("%w: no %s among %d", ErrNotHere, what, len(all))
}

// tables are those whose contents are to be as at the mark, and that have rows and a key: those of the main database, or of
// all others. Those that no trigger speaks of come first.
func (s *genStore) tables(mainOnly bool, most int64) []genTable {
	var quiet, loud []genTable
	for _, db := range s.Baseline.Databases {
		if (db.Name == s.main) != mainOnly {
			continue
		}
		for _, t := range db.Tables {
			if t.Class != fixtures.Fixed || t.Kind != "table" || t.Rows == 0 || t.Rows > most || t.Error != "" || len(t.Key) == 0 {
				continue
			}
			if genTriggered(db, t) {
				loud = append(loud, genTable{t, db.Name})
			} else {
				quiet = append(quiet, genTable{t, db.Name})
			}
		}
	}
	if len(quiet) > 0 {
		return quiet
	}
	return loud
}

func genTriggered(db fixtures.Database, t fixtures.Table) bool {
	return slices.ContainsFunc(db.Objects, func(o fixtures.Object) bool {
		return o.Kind == "trigger" && strings.Contains(o.Name+" "+o.Definition, t.Name)
	})
}

// genThen stands between statements that are sent one after another. It occurs in none.
const genThen = "\x1e"

// genDDL is an act of statements. Its query lists candidates in the main database: name, statement, and the statement that
// takes it back ("" where nothing does); list does the same where one query cannot. Several statements are separated by [genThen]: each is sent on its own.
type genDDL struct {
	id, title, check string
	engines          []string
	query            string
	list             func(context.Context, *genStore) ([][]string, error)
}

func (g genDDL) act() Act {
	return genAct(g.id, g.title, g.check, g.engines, func(ctx context.Context, s *genStore) (func(context.Context) error, error) {
		list := g.list
		if list == nil {
			list = func(ctx context.Context, s *genStore) ([][]string, error) { return s.query(ctx, "", g.query) }
		}
		rows, err := list(ctx, s)
		if err != nil {
			return nil, err
		}
		return genEach(s, g.title, rows, func(row []string) (func(context.Context) error, error) {
			return s.run(ctx, list, row[0], row[1], row[2])
		})
	})
}

// run does one candidate and sees that it is gone, or another, in the list that it came from.
func (s *genStore) run(ctx context.Context, list func(context.Context, *genStore) ([][]string, error), name, do, back string) (func(context.Context) error, error) {
	send := func(ctx context.Context, statements string) error {
		for _, one := range strings.Split(statements, genThen) {
			if err := s.exec(ctx, "", one); err != nil {
				return err
			}
		}
		return nil
	}
	undo := func(ctx context.Context) error { return send(ctx, back) }
	if err := send(ctx, do); err != nil {
		return nil, err
	}
	for tries := 0; ; tries++ { // a setting takes a moment
		rows, err := list(ctx, s)
		if err != nil {
			return undo, err
		}
		if !slices.ContainsFunc(rows, func(r []string) bool { return r[0] == name && r[1] == do && r[2] == back }) {
			break
		}
		if tries == 25 {
			return undo, fmt.Errorf("%s changed nothing", genShort(do))
		}
		select {
		case <-ctx.Done():
			return undo, context.Cause(ctx)
		case <-time.After(200 * time.Millisecond):
		}
	}
	first, _, _ := strings.Cut(do, genThen)
	s.Did("%s: %s", name, genShort(first))
	if back == "" {
		undo = nil
	}
	return undo, nil
}
