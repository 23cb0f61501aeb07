package verify

import (
	"context"
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/recoverydrill/gameday/fixtures"
	"github.com/recoverydrill/gameday/fixtures/probe"
	"github.com/recoverydrill/gameday/reports"
)

// replicated is evidence with two standbys that hold what the primary holds.
func replicated(t *testing.T) (*Evidence, *replicas) {
	t.Helper()
	e := newScene(t, plot{}).build()
	return e, &replicas{Primary: e.Found, Standbys: []replica{soundStandby(t, e, "standby-1"), soundStandby(t, e, "standby-2")}}
}

func soundStandby(t *testing.T, e *Evidence, node string) replica {
	t.Helper()
	return replica{Node: node, Manifest: again(t, e.Found), Writes: &fenced{Node: node, Refused: "read-only"}}
}

func again(t *testing.T, m *fixtures.Manifest) *fixtures.Manifest {
	t.Helper()
	b, err := json.Marshal(m)
	if err != nil {
		t.Fatal(err)
	}
	own := new(fixtures.Manifest)
	if err := json.Unmarshal(b, own); err != nil {
		t.Fatal(err)
	}
	return own
}

// one finds a table of a class with rows.
func one(t *testing.T, m *fixtures.Manifest, class fixtures.Class) *fixtures.Table {
	t.Helper()
	for d := range m.Databases {
		for i := range m.Databases[d].Tables {
			if tab := &m.Databases[d].Tables[i]; tab.Class == class && tab.Rows > 1 {
				return tab
			}
		}
	}
	t.Fatalf("no table of class %s", class)
	return nil
}

func objectOf(t *testing.T, m *fixtures.Manifest, kind string) *fixtures.Object {
	t.Helper()
	for d := range m.Databases {
		for i := range m.Databases[d].Objects {
			if o := &m.Databases[d].Objects[i]; o.Kind == kind {
				return o
			}
		}
	}
	t.Fatalf("no %s", kind)
	return nil
}

func lose(t *testing.T, m *fixtures.Manifest, kind string) {
	t.Helper()
	lost := *objectOf(t, m, kind)
	for d := range m.Databases {
		m.Databases[d].Objects = slices.DeleteFunc(m.Databases[d].Objects, func(o fixtures.Object) bool { return o.Kind == lost.Kind && o.Name == lost.Name })
	}
}

// TestEventsOfAReplica: what a replica disables because it is one is no difference, and what differs besides is.
func TestEventsOfAReplica(t *testing.T) {
	const (
		runs    = "enabled; CREATE DEFINER=`o`@`%` EVENT `e` ON SCHEDULE EVERY 1 DAY STARTS '2037-12-31' ON COMPLETION PRESERVE ENABLE COMMENT 'x' DO SELECT 'ON COMPLETION PRESERVE ENABLE'; utf8mb4"
		replica = "slaveside_disabled; CREATE DEFINER=`o`@`%` EVENT `e` ON SCHEDULE EVERY 1 DAY STARTS '2037-12-31' ON COMPLETION PRESERVE DISABLE ON SLAVE COMMENT 'x' DO SELECT 'ON COMPLETION PRESERVE ENABLE'; utf8mb4"
	)
	mysql := strings.NewReplacer("slaveside_disabled", "replica_side_disabled", "ON SLAVE", "ON REPLICA").Replace(replica)
	off := strings.NewReplacer("enabled;", "disabled;", "ENABLE COMMENT", "DISABLE COMMENT").Replace(runs)
	for _, c := range []struct {
		what, primary, standby string
		same                   bool
	}{
		{"as on the primary", runs, runs, true}, {"disabled on a replica of MariaDB", runs, replica, true}, {"disabled on a replica of MySQL", runs, mysql, true},
		{"disabled everywhere", off, off, true}, {"disabled by hand on the replica", runs, off, false}, {"disabled on the primary", off, replica, true}, {"held back on the primary alone", replica, runs, false},
		{"another schedule", runs, strings.Replace(replica, "1 DAY", "2 DAY", 1), false}, {"another body", runs, strings.Replace(replica, "SELECT 'ON COMPLETION PRESERVE ENABLE'", "SELECT 'ON COMPLETION PRESERVE DISABLE ON SLAVE'", 1), false},
	} {
		event := func(definition string) []fixtures.Object {
			return []fixtures.Object{{Kind: "event", Name: "shop.e", Definition: definition}}
		}
		want, got := likeObjects("mysql", event(c.primary), event(c.standby))
		if same := want[0].Definition == got[0].Definition; same != c.same {
			t.Errorf("%s: the same is %t:\n%s\n%s", c.what, same, want[0].Definition, got[0].Definition)
		}
	}
}

func TestStandbysMustHoldWhatThePrimaryHolds(t *testing.T) {
	for _, c := range []struct {
		name    string
		harm    func(r *replicas)
		outcome reports.Outcome
		finding string
	}{
		{"nothing", func(*replicas) {}, reports.Passed, ""},
		{"a row has changed", func(r *replicas) { one(t, r.Standbys[1].Manifest, fixtures.Fixed).Digest.Lo++ }, reports.Failed, "standby-2: neighbour.notes: some of 20 rows changed"},
		{"a row of traffic's is missing", func(r *replicas) { one(t, r.Standbys[0].Manifest, fixtures.Traffic).Rows-- }, reports.Failed, "standby-1: "},
		{"a block cannot be read", func(r *replicas) {
			tab := one(t, r.Standbys[0].Manifest, fixtures.Fixed)
			tab.Error, tab.Damaged = "invalid page in block 3", true
		}, reports.Failed, "is damaged and cannot be read to its end: invalid page in block 3"},
		{"a table is missing", func(r *replicas) { one(t, r.Standbys[0].Manifest, fixtures.Fixed).Name = "other" }, reports.Failed, "is missing"},
		{"a column is another", func(r *replicas) {
			one(t, r.Standbys[0].Manifest, fixtures.Fixed).Columns[0].Type = "money"
		}, reports.Failed, "has other columns"},
		{"an index is missing", func(r *replicas) { lose(t, r.Standbys[1].Manifest, "index") }, reports.Failed, "standby-2: shop: index public.payments_at is missing"},
		{"a trigger is another", func(r *replicas) { objectOf(t, r.Standbys[0].Manifest, "trigger").Definition = "disabled" }, reports.Failed, "standby-1: shop: trigger"},
		{"an account is missing", func(r *replicas) { r.Standbys[0].Manifest.Objects = r.Standbys[0].Manifest.Objects[1:] }, reports.Failed, "standby-1: role app is missing"},
		{"an account is not the primary's", func(r *replicas) {
			r.Standbys[0].Manifest.Objects = append(r.Standbys[0].Manifest.Objects, fixtures.Object{Kind: "role", Name: "sync", Definition: "superuser"})
		}, reports.Failed, "standby-1: role sync is not on the primary"},
		{"a database without tables is missing", func(r *replicas) {
			r.Primary.Databases = append(slices.Clone(r.Primary.Databases), fixtures.Database{Name: "later", Objects: []fixtures.Object{{Kind: "schema", Name: "public"}}})
		}, reports.Failed, "standby-1: database later is missing"},
		{"a database is not the primary's", func(r *replicas) {
			r.Standbys[1].Manifest.Databases = append(r.Standbys[1].Manifest.Databases, fixtures.Database{Name: "old"})
		}, reports.Failed, "standby-2: database old is not on the primary"},
		{"objects of a kind could not be listed", func(r *replicas) {
			db := &r.Standbys[0].Manifest.Databases[0]
			db.Objects = append(db.Objects, fixtures.Object{Kind: "policy", Name: fixtures.UnreadableObject, Definition: "timeout"})
		}, reports.Inconclusive, "objects of kind policy could not be read: timeout"},
		{"a sequence went back", func(r *replicas) { objectOf(t, r.Standbys[0].Manifest, "sequence").AtLeast = new(int64(1)) }, reports.Failed, "went back by"},
		{"a sequence is as far as the log", func(r *replicas) { *objectOf(t, r.Standbys[0].Manifest, "sequence").AtLeast += 32 }, reports.Passed, ""},
		{"a counter of MySQL forgot what it skipped", func(r *replicas) {
			r.Primary.Engine = "mysql"
			objectOf(t, r.Standbys[0].Manifest, "sequence").AtLeast = new(int64(1))
		}, reports.Passed, ""},
		{"settings are a standby's own", func(r *replicas) {
			r.Standbys[0].Manifest.Objects = append(r.Standbys[0].Manifest.Objects, fixtures.Object{Kind: "setting", Name: "relay_log_recovery", Definition: "ON"})
		}, reports.Passed, ""},
		{"it takes writes", func(r *replicas) { r.Standbys[1].Writes = &fenced{Accepted: true} }, reports.Failed, "standby-2 takes writes of clients"},
		{"nobody could tell whether it takes writes", func(r *replicas) { r.Standbys[1].Writes = &fenced{Unclear: "timeout"} }, reports.Inconclusive, "is not known: timeout"},
		{"nobody asked whether it takes writes", func(r *replicas) { r.Standbys[1].Writes = nil }, reports.Inconclusive, "nobody asked whether standby-2 takes writes"},
		{"nothing is known of a write", func(r *replicas) { r.Standbys[1].Writes = &fenced{} }, reports.Inconclusive, "nobody knows what became of a write"},
		{"a table could not be read for another reason", func(r *replicas) {
			one(t, r.Standbys[0].Manifest, fixtures.Fixed).Error = "connection lost"
		}, reports.Inconclusive, "could not be read: connection lost"},
		{"a standby does not answer", func(r *replicas) {
			r.Standbys[1].Manifest, r.Standbys[1].Error = nil, "connection refused"
		}, reports.Failed, "standby-2 cannot be read: connection refused"},
		{"a standby lags for ever", func(r *replicas) { r.Follow = "standby-2 has applied 0/1" }, reports.Failed, "not every standby follows: standby-2"},
		{"the only standby serves now", func(r *replicas) { r.Standbys, r.Serving = nil, "standby-1" }, reports.Inconclusive, "was the only standby"},
		{"there is no standby", func(r *replicas) { r.Standbys = nil }, reports.Inconclusive, "has no standby"},
		{"one is lost and replaced", func(r *replicas) { r.Replaced = []string{"standby-0"} }, reports.Passed, "standby-0 does not answer, and another standby follows in its place"},
		{"the primary was not read", func(r *replicas) { r.Primary = nil }, reports.Inconclusive, "no manifest of the primary"},
		{"they were compared with another primary", func(r *replicas) {
			r.Primary = again(t, r.Primary)
			for _, m := range []*fixtures.Manifest{r.Primary, r.Standbys[0].Manifest, r.Standbys[1].Manifest} {
				one(t, m, fixtures.Fixed).Rows--
			}
		}, reports.Inconclusive, "differs between two readings of the primary"},
	} {
		e, r := replicated(t)
		c.harm(r)
		b, err := json.Marshal(r)
		if err != nil {
			t.Fatal(err)
		}
		e.Extra = map[string][]byte{"replicas": b}
		wants(t, c.name, e, Replicas{}, c.outcome, c.finding)
	}
	e, _ := replicated(t)
	b := marshalled(t, replicas{Primary: e.Found, Serving: "standby-1"})
	e.Extra = map[string][]byte{"replicas": b}
	wants(t, "the only standby may serve", e, Replicas{MayBeLast: "built anew on Monday"}, reports.Passed, "which is accepted: built anew on Monday")
	wants(t, "a reason without words", e, Replicas{MayBeLast: " "}, reports.Inconclusive, "was the only standby")
	e, r := replicated(t)
	lose(t, r.Standbys[1].Manifest, "index")
	e.Extra = map[string][]byte{"replicas": marshalled(t, r)}
	meant := Tolerance{Kind: "index", Name: "public.payments_at", Reason: "nobody sorts there"}
	wants(t, "a standby is meant to be so", e, Replicas{Allow: []Tolerance{meant}}, reports.Passed, "is missing, which is accepted: nobody sorts there")
	meant.Name = "public.orders_at"
	wants(t, "another difference is accepted", e, Replicas{Allow: []Tolerance{meant}}, reports.Failed, "index public.payments_at is missing")
	meant.Reason = ""
	wants(t, "without a reason", e, Replicas{Allow: []Tolerance{meant}}, reports.Inconclusive, "needs a kind, a valid pattern and a reason")
	e.Extra = nil
	wants(t, "nobody looked", e, Replicas{}, reports.Inconclusive, "nobody looked")
}

func wants(t *testing.T, name string, e *Evidence, c Check, outcome reports.Outcome, finding string) {
	t.Helper()
	_, results := judged(t, e, []Check{c})
	said := ""
	for _, f := range results[0].Findings {
		said += f.Summary + "\n"
	}
	if results[0].Outcome != outcome || !strings.Contains(said, finding) || (finding == "" && said != "") {
		t.Errorf("%s: %s, %q; want %s and %q", name, results[0].Outcome, said, outcome, finding)
	}
}

func TestOnlyOneServerMayTakeWrites(t *testing.T) {
	for _, c := range []struct {
		name    string
		servers []fenced
		outcome reports.Outcome
		finding string
	}{
		{"fenced", []fenced{{Node: "primary", Refused: "read-only", Started: true}, {Node: "standby-1", Serving: true, Accepted: true}}, reports.Passed, ""},
		{"it does not start", []fenced{{Node: "primary", Down: "no such file"}, {Node: "standby-1", Serving: true, Accepted: true}}, reports.Passed, "does not start"},
		{"the old primary lives", []fenced{{Node: "primary", Accepted: true}, {Node: "standby-1", Serving: true, Accepted: true}}, reports.Failed, "primary takes clients' writes as well: two primaries"},
		{"it lives again", []fenced{{Node: "primary", Accepted: true, Started: true}, {Node: "standby-1", Serving: true, Accepted: true}}, reports.Failed, "once it is started again"},
		{"it cannot be asked", []fenced{{Node: "primary", Unclear: "timeout"}, {Node: "standby-1", Serving: true, Accepted: true}}, reports.Inconclusive, "is not known: timeout"},
		{"the question is broken", []fenced{{Node: "primary", Refused: "no"}, {Node: "standby-1", Serving: true, Refused: "no"}}, reports.Inconclusive, "mean nothing"},
		{"nobody serves", []fenced{{Node: "primary", Refused: "no"}, {Node: "standby-1", Refused: "no"}}, reports.Inconclusive, "clients are sent to 0"},
		{"there is nobody else", []fenced{{Node: "primary", Serving: true, Accepted: true}}, reports.Inconclusive, "0 are others"},
	} {
		b, err := json.Marshal(c.servers)
		if err != nil {
			t.Fatal(err)
		}
		wants(t, c.name, &Evidence{Extra: map[string][]byte{"fenced": b}}, Fenced{}, c.outcome, c.finding)
	}
	wants(t, "nobody asked", &Evidence{}, Fenced{}, reports.Inconclusive, "nobody asked")
}

// serverIs is one server as a client meets it.
type serverIs struct {
	refuses, dead  bool
	full           bool // of errors that say nothing of writes
	start          error
	started, asked int
}

type oneServer struct {
	fixtures.System
	*serverIs
}

func (s oneServer) StopServer(context.Context, fixtures.Node) error { return nil }
func (s oneServer) KillServer(context.Context, fixtures.Node) error { return nil }
func (s oneServer) StartServer(context.Context, fixtures.Node) error {
	s.started++
	s.dead = s.start != nil
	return s.start
}

func (s oneServer) Dial(context.Context, string) (probe.Asker, error) {
	if s.dead {
		return nil, errors.New("connection refused")
	}
	return asks{s.serverIs}, nil
}

type asks struct{ *serverIs }

func (s asks) Ask(context.Context, string, probe.Canary) error {
	s.asked++
	switch {
	case s.full:
		return errors.New("no space left on device")
	case s.refuses:
		return errReadOnly
	}
	return nil
}

var errReadOnly = errors.New("read-only")

func (s oneServer) TakesNoWrites(err error) bool { return errors.Is(err, errReadOnly) }

func (asks) Close() error { return nil }

// A server that is down is started before it is asked: an old primary that only died is not fenced.
func TestAServerThatIsDownIsStartedAndAsked(t *testing.T) {
	for _, c := range []struct {
		name string
		is   serverIs
		want fenced
	}{
		{"lives", serverIs{}, fenced{Accepted: true}},
		{"standby", serverIs{refuses: true}, fenced{Refused: "read-only"}},
		{"dead and not fenced", serverIs{dead: true}, fenced{Accepted: true, Started: true}},
		{"dead and fenced", serverIs{dead: true, refuses: true}, fenced{Refused: "read-only", Started: true}},
		{"does not start", serverIs{dead: true, start: &fixtures.ExitError{Node: "n"}}, fenced{Down: "`` on node \"n\": exit status 0 without a word"}},
		{"cannot write for another reason", serverIs{full: true}, fenced{Unclear: "it failed, and not because it takes no writes: no space left on device"}},
		{"does not start on a full disk", serverIs{dead: true, start: errors.New("No space left on device")}, fenced{Unclear: "its disk is full, which is no fence: No space left on device"}},
		{"nobody could try", serverIs{dead: true, start: errors.New("no docker")}, fenced{Unclear: "it could not be started: no docker"}},
	} {
		f, sys := fenced{Address: "a:1"}, oneServer{serverIs: &c.is}
		f.ask(t.Context(), sys, sys, nil)
		c.want.Address = f.Address
		if f != c.want {
			t.Errorf("%s: got %+v, want %+v", c.name, f, c.want)
		}
	}
}
