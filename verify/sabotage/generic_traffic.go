package sabotage

import (
	"context"
	"fmt"
	"slices"
	"strconv"

	"github.com/recoverydrill/gameday/fixtures"
	"github.com/recoverydrill/gameday/fixtures/ledger"
	"github.com/recoverydrill/gameday/fixtures/traffic"
)

func genTrafficActs() []Act {
	return []Act{
		genAct("A23", "one write that clients were told of is missing, and later ones are there", "ledger", genAll, genLose),
		genAct("A19", "a row has an older version than the last one that clients were told of", "ledger", genAll, genStale),
		genAct("A18", "a row that was deleted is there again", "ledger", genAll, genResurrect),
	}
}

// traffic finds traffic's tables, by the names without a prefix.
func (s *genStore) traffic() map[string]genTable {
	all := map[string]genTable{}
	for _, db := range s.Baseline.Databases {
		for _, t := range db.Tables {
			for _, name := range traffic.Tables() {
				if t.Class == fixtures.Traffic && (t.Name == name || t.Name == traffic.TablePrefix+name) {
					all[name] = genTable{t, db.Name}
				}
			}
		}
	}
	return all
}

// there reads which operations and which rows survived: the version of each row by table and key.
func (s *genStore) there(ctx context.Context) (map[string]genTable, map[string]map[string]string, error) {
	tables := s.traffic()
	if len(tables) != len(traffic.Tables()) || len(s.Ops) == 0 {
		return nil, nil, fmt.Errorf("%w: nothing is known of clients' writes", ErrNotHere)
	}
	found := map[string]map[string]string{}
	for name, t := range tables {
		rows, err := s.query(ctx, t.database, "SELECT k, ver FROM "+s.tell(t))
		if err != nil {
			return nil, nil, err
		}
		found[name] = map[string]string{}
		for _, r := range rows {
			found[name][r[0]] = r[1]
		}
	}
	return tables, found, nil
}

func genLose(ctx context.Context, s *genStore) (undoFunc, error) {
	tables, found, err := s.there(ctx)
	if err != nil {
		return nil, err
	}
	var told []ledger.Op
	for _, op := range s.Ops {
		if _, ok := found[traffic.TableOp][strconv.FormatUint(op.ID, 10)]; ok && op.Outcome == ledger.Acknowledged {
			told = append(told, op)
		}
	}
	told = told[:len(told)*3/4] // not the last ones
	var list []genTable
	for _, name := range traffic.Tables() {
		list = append(list, tables[name])
	}
	return genEach(s, "acknowledged write", told, func(op ledger.Op) (undoFunc, error) {
		return s.take(ctx, list, fmt.Sprintf("op = %d", op.ID), fmt.Sprintf("operation %d, which was acknowledged, is gone", op.ID))
	})
}

// genVersions are two versions of one row, the later one last, and the operation that wrote that or deleted the row.
type genVersions struct {
	before, last traffic.Mutation
}

// versions lists what surviving writes made of the rows of a table that were written at least twice.
func (s *genStore) versions(found map[string]map[string]string, last traffic.Kind) []genVersions {
	type row struct{ table, key string }
	latest := map[row][]traffic.Mutation{}
	for _, op := range s.Ops {
		if _, ok := found[traffic.TableOp][strconv.FormatUint(op.ID, 10)]; !ok || op.Outcome != ledger.Acknowledged {
			continue
		}
		mutations, err := traffic.Decode(op)
		if err != nil {
			continue
		}
		for _, m := range mutations {
			r := row{m.Row.Table, m.Row.Key}
			latest[r] = append(latest[r], m)
		}
	}
	var all []genVersions
	for _, m := range latest {
		if n := len(m); n >= 2 && m[n-1].Kind == last && m[n-2].Kind != traffic.Delete {
			all = append(all, genVersions{m[n-2], m[n-1]})
		}
	}
	slices.SortFunc(all, func(a, b genVersions) int { // maps have no order, and the seed is to choose
		if a.last.Row.Op < b.last.Row.Op || (a.last.Row.Op == b.last.Row.Op && a.last.Row.Key < b.last.Row.Key) {
			return -1
		}
		return 1
	})
	return all
}

func genStale(ctx context.Context, s *genStore) (undoFunc, error) {
	tables, found, err := s.there(ctx)
	if err != nil {
		return nil, err
	}
	return genEach(s, "row that was written twice", s.versions(found, traffic.Update), func(v genVersions) (undoFunc, error) {
		t, key := tables[v.last.Row.Table], v.last.Row.Key
		if found[v.last.Row.Table][key] != strconv.FormatInt(v.last.Row.Ver, 10) {
			return nil, errNext
		}
		put := func(ctx context.Context, r traffic.Row) error {
			return s.exec(ctx, t.database, fmt.Sprintf("UPDATE %s SET op = %d, ver = %d, val = %s, mac = %s WHERE k = %s",
				s.tell(t), r.Op, r.Ver, s.text(r.Val), s.text(r.MAC), s.text(key)))
		}
		if err := put(ctx, v.before.Row); err != nil {
			return nil, err
		}
		s.Did("%s: row %s has version %d, the last one was %d", t.FullName(), key, v.before.Row.Ver, v.last.Row.Ver)
		return func(ctx context.Context) error { return put(ctx, v.last.Row) }, s.has(ctx, t, key, v.before.Row.Ver)
	})
}

func genResurrect(ctx context.Context, s *genStore) (undoFunc, error) {
	tables, found, err := s.there(ctx)
	if err != nil {
		return nil, err
	}
	return genEach(s, "row that was deleted", s.versions(found, traffic.Delete), func(v genVersions) (undoFunc, error) {
		r := v.before.Row
		t := tables[r.Table]
		if _, ok := found[r.Table][r.Key]; ok {
			return nil, errNext
		}
		if err := s.exec(ctx, t.database, fmt.Sprintf("INSERT INTO %s (k, op, ver, val, mac) VALUES (%s, %d, %d, %s, %s)",
			s.tell(t), s.text(r.Key), r.Op, r.Ver, s.text(r.Val), s.text(r.MAC))); err != nil {
			return nil, err
		}
		s.Did("%s: row %s, which was deleted, is there again", t.FullName(), r.Key)
		return func(ctx context.Context) error {
			return s.exec(ctx, t.database, "DELETE FROM "+s.tell(t)+" WHERE k = "+s.text(r.Key))
		}, s.has(ctx, t, r.Key, r.Ver)
	})
}

// has sees that a row is there in a version.
func (s *genStore) has(ctx context.Context, t genTable, key string, version int64) error {
	rows, err := s.query(ctx, t.database, "SELECT ver FROM "+s.tell(t)+" WHERE k = "+s.text(key))
	if err != nil {
		return err
	}
	if len(rows) != 1 || rows[0][0] != strconv.FormatInt(version, 10) {
		return fmt.Errorf("row %s of %s is not there in version %d", key, t.FullName(), version)
	}
	return nil
}
