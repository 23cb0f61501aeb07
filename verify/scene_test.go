package verify

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"sort"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/recoverydrill/gameday/fixtures"
	"github.com/recoverydrill/gameday/fixtures/ledger"
	"github.com/recoverydrill/gameday/fixtures/probe"
	"github.com/recoverydrill/gameday/fixtures/traffic"
	"github.com/recoverydrill/gameday/reports"
)

// The moments of the drill that every scene plays, on its clock.
const (
	second      int64 = 1_000_000_000
	markNS            = 10 * second
	injectNS          = 14 * second
	injectedNS        = injectNS + second/20
	declaredNS        = 16 * second
	stopNS            = 17 * second       // the damaged server stops taking writes
	startNS           = 19 * second       // the recovered one begins to
	endedNS           = 20 * second       // the recovery's own word
	backNS            = 20*second + 300e6 // the first correct answer
	trafficNS         = 25 * second       // traffic is stopped
	endNS             = 26 * second       // the end of the series
	needCorrect       = 50
)

// plot is what may be different from one scene to the next.
type plot struct {
	seed      uint64
	recoverTo int64 // what was sent until then survives; 0 is the mark
	noTarget  bool  // the recovery was asked to lose as little as possible
	beside    bool  // the recovery works beside the old store and cuts over at startNS; the old one serves until then
	clients   int
	rate      int64  // operations per second of each client
	dead      bool   // the recovered store takes no writes
	refuse    string // the recovery must refuse, and does: on a store that is "healthy" or "damaged"
}

// scene is a drill before it becomes evidence: sabotages change it, build writes it down.
type scene struct {
	t           *testing.T
	plot        plot
	base, found *model
	ops         []ledger.Op
	index       map[uint64]int // of ops, by ID
	mutations   map[uint64][]traffic.Mutation
	survived    map[uint64]bool
	editRows    []func([]traffic.Row) []traffic.Row
	probe       []probe.Answer
	rec         *reports.Record
	after       []fixtures.Setting
	noRowsFiles bool
	deep        bool // the checks of level deep have collected too
	edit        []func(*Evidence)
}

func newScene(t *testing.T, p plot) *scene {
	t.Helper()
	if p.seed == 0 {
		p.seed = 1
	}
	if p.recoverTo == 0 {
		p.recoverTo = markNS
	}
	if p.clients == 0 {
		p.clients, p.rate = 4, 10
	}
	s := &scene{t: t, plot: p, base: shopModel(), found: shopModel(), survived: map[uint64]bool{}, mutations: map[uint64][]traffic.Mutation{}}
	s.found.identity.Branch = "2"
	if p.refuse != "" {
		s.found.identity.Branch, s.plot.recoverTo = "1", endNS
	}
	s.play()
	s.probe = series()
	s.rec = record(p)
	s.after = slices.Clone(s.rec.Settings)
	if p.refuse != "" {
		s.refuses()
	}
	return s
}

func record(p plot) *reports.Record {
	start := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	mark := fixtures.Mark{Label: "before the deploy", Name: "m1", Position: "0/5000000", Timeline: "1", MonotonicNS: markNS, Time: start.Add(time.Duration(markNS))}
	lost := int64(1_000_000)
	rec := &reports.Record{
		SchemaVersion: reports.Schema, Scenario: "postgres/bad-write", Nonce: "c0ffee", Started: start,
		Objective: reports.Objective{RTOMS: 60_000, RPOMS: 60_000, LostWrites: &lost},
		Settings: []fixtures.Setting{
			{Name: "fsync", Value: "on", Wanted: "on", OK: true},
			{Name: "full_page_writes", Value: "on", Wanted: "on", OK: true},
			{Name: "synchronous_commit", Value: "on", Wanted: "on or stronger", OK: true},
			{Name: "archive_mode", Value: "on", Wanted: "on", OK: true},
		},
		Marks: []fixtures.Mark{mark}, Target: &mark,
		Canaries: []probe.Canary{{Name: "shop.customers"}, {Name: "shop.payments"}, {Name: "shop.audit"}},
		Fault:    &reports.Fault{Name: "bad write", Class: "bad write", InjectNS: injectNS, InjectedNS: injectedNS, EffectNS: injectedNS, Proven: true},
		Recovery: &reports.Recovery{Name: "restore.sh", DeclaredNS: declaredNS, EndedNS: endedNS},
		Service:  reports.Service{IntervalMS: 20, Needed: needCorrect},
	}
	if p.noTarget {
		rec.Target = nil
	}
	if p.beside {
		rec.Recovery.CutOvers = []fixtures.RouteChange{{Kind: "cut over", Target: "spare:5432", At: start.Add(time.Duration(startNS))}}
	}
	return rec
}

// series is the service clock's: one question every 20 ms, a third of them about the damaged table.
func series() []probe.Answer {
	var all []probe.Answer
	canaries := []string{"shop.customers", "shop.payments", "shop.audit"}
	for at, seq := second/10, int64(1); at < endNS; at, seq = at+20e6, seq+1 {
		a := probe.Answer{AtNS: at, DoneNS: at + 3e6, Kind: probe.Correct, Canary: canaries[seq%3], Fresh: seq%10 == 0, Seq: seq, Set: 1, Of: 3}
		if at >= injectNS+second/2 {
			a.Set = 2
		}
		switch {
		case at < injectedNS || at >= backNS:
		case at >= stopNS:
			a.Kind, a.Error = probe.Failed, "connection refused"
		case a.Canary == "shop.payments":
			a.Kind, a.Error = probe.Wrong, "wrong answer"
		}
		all = append(all, a)
	}
	return all
}

// build writes the scene's evidence into a directory.
func (s *scene) build() *Evidence {
	s.t.Helper()
	e := &Evidence{Dir: s.t.TempDir(), Record: s.rec, BaseDir: reports.BaselineDir, FoundDir: reports.FoundDir, Ops: s.ops, Probe: s.probe, After: s.after}
	e.Rows = s.rows(func(id uint64) bool { return s.survived[id] })
	for _, f := range s.editRows {
		e.Rows = f(e.Rows)
	}
	atMark := s.rows(func(id uint64) bool { return s.applied(id) && s.op(id).InvokeNS <= markNS })
	e.Baseline = s.base.manifest(s, filepath.Join(e.Dir, e.BaseDir), atMark, markNS+5e6)
	e.Found = s.found.manifest(s, filepath.Join(e.Dir, e.FoundDir), e.Rows, endNS+second/2)
	e.Extra = examinedSound(e.Baseline)
	if s.deep {
		collectedSound(s.t, e)
	}
	for _, f := range s.edit {
		f(e)
	}
	return e
}

func (s *scene) op(id uint64) *ledger.Op {
	if s.index == nil {
		s.index = map[uint64]int{}
		for i, o := range s.ops {
			s.index[o.ID] = i
		}
	}
	return &s.ops[s.index[id]]
}

// applied says whether the original store had committed the operation: by what its error says, which only the test
// knows.
func (s *scene) applied(id uint64) bool {
	o := s.op(id)
	return o.Outcome == ledger.Acknowledged || o.Error == "lost answer"
}

// rows replays operations whether they fit or not, as a merge of two states would.
func (s *scene) rows(survives func(uint64) bool) []traffic.Row {
	state := traffic.NewState()
	for _, o := range s.ops {
		if !survives(o.ID) {
			continue
		}
		for _, x := range s.mutations[o.ID] {
			if x.Kind == traffic.Delete {
				delete(state[x.Row.Table], x.Row.Key)
				continue
			}
			state[x.Row.Table][x.Row.Key] = x.Row
		}
	}
	rows := []traffic.Row{}
	for _, t := range traffic.Tables() {
		for _, r := range state[t] {
			rows = append(rows, r)
		}
	}
	sort.Slice(rows, func(i, k int) bool { return rows[i].Table+"/"+rows[i].Key < rows[k].Table+"/"+rows[k].Key })
	return rows
}

// play runs the clients against a store that is stopped, put back to s.plot.recoverTo, and started again.
func (s *scene) play() {
	rng := rand.New(rand.NewPCG(s.plot.seed, 7))
	store, old := traffic.NewState(), traffic.NewState()
	clients := make([]*player, s.plot.clients)
	for i := range clients {
		clients[i] = &player{number: i, rng: rng, next: second/5 + int64(i)*7e6}
	}
	every := second / s.plot.rate
	recovered := false
	for {
		c := slices.MinFunc(clients, func(a, b *player) int { return int(a.next - b.next) })
		now := c.next
		if now >= trafficNS || (s.plot.dead && now >= startNS) {
			break
		}
		c.next += every + rng.Int64N(every/4)
		if (now > markNS-20e6 && now < markNS+10e6) || (!s.plot.beside && s.plot.refuse == "" && now >= stopNS && now < startNS) || (s.plot.beside && now >= startNS-10e6 && now < startNS) {
			continue // held at the mark; no connection; closed by the cut-over
		}
		if now >= startNS && !recovered {
			recovered, store = true, old
		}
		op := ledger.Op{ID: ledger.ID(c.number, c.sequence+1), InvokeNS: now, ReturnNS: now + 2e6 + rng.Int64N(3e6)}
		m := c.plan(&op)
		c.sequence++
		s.send(rng, store, &op, m)
		if op.Outcome != ledger.Refused && op.Error != "lost request" && (now <= s.plot.recoverTo || recovered) {
			s.survived[op.ID] = true
			if !recovered {
				if err := old.Apply(m); err != nil {
					s.t.Fatal(err)
				}
			}
		}
		if op.Outcome == ledger.Acknowledged {
			c.settle(m)
		}
		s.ops = append(s.ops, op)
		s.mutations[op.ID] = m
	}
	sort.SliceStable(s.ops, func(i, k int) bool { return s.ops[i].InvokeNS < s.ops[k].InvokeNS })
}

func (s *scene) send(rng *rand.Rand, store traffic.State, op *ledger.Op, m []traffic.Mutation) {
	switch p := rng.IntN(200); p {
	case 0:
		op.Error = "lost request"
		return
	case 1:
		op.Outcome, op.Error = ledger.Refused, "serialisation failure"
		return
	default:
		if err := store.Apply(m); err != nil {
			op.Outcome, op.Error = ledger.Refused, err.Error()
			return
		}
		if p == 2 || p == 3 {
			op.Error = "lost answer"
			return
		}
		op.Outcome = ledger.Acknowledged
	}
}

// player is one client.
type player struct {
	number   int
	sequence uint64
	rng      *rand.Rand
	next     int64
	items    []traffic.Row
	accounts []traffic.Row
	keys     int
}

func (c *player) key(kind string) string {
	c.keys++
	return fmt.Sprintf("c%d/%s%d", c.number, kind, c.keys)
}

// plan makes an operation; the rows that it touches are out of the client's hands until it is acknowledged.
func (c *player) plan(op *ledger.Op) []traffic.Mutation {
	var m []traffic.Mutation
	add := func(kind traffic.Kind, table, key string, ver, was int64, val string) {
		r := traffic.Row{Table: table, Key: key, Op: op.ID, Ver: ver, Val: val}
		if kind == traffic.Delete {
			r.Ver, r.Val = 0, ""
		} else {
			r.MAC = traffic.MAC(r)
		}
		m = append(m, traffic.Mutation{Kind: kind, Row: r, Was: was})
	}
	add(traffic.Insert, traffic.TableOp, strconv.FormatUint(op.ID, 10), 1, 0, "op")
	pick := c.rng.IntN(100)
	switch {
	case len(c.accounts) < 2:
		op.Kind = "accounts"
		for range 4 {
			add(traffic.Insert, traffic.TableAccount, c.key("a"), 1, 0, "1000")
		}
	case pick < 15:
		op.Kind = "transfer"
		for _, d := range []int{-5, 5} {
			a := takeRow(c.rng, &c.accounts)
			n, _ := strconv.Atoi(a.Val)
			add(traffic.Update, traffic.TableAccount, a.Key, a.Ver+1, a.Ver, strconv.Itoa(n+d))
			add(traffic.Insert, traffic.TableEntry, c.key("e"), 1, 0, fmt.Sprint(d))
		}
	case pick < 45 && len(c.items) > 0:
		op.Kind = "update"
		it := takeRow(c.rng, &c.items)
		add(traffic.Update, traffic.TableItem, it.Key, it.Ver+1, it.Ver, fmt.Sprintf("value %d", op.ID))
	case pick < 53 && len(c.items) > 0:
		op.Kind = "delete"
		it := takeRow(c.rng, &c.items)
		add(traffic.Delete, traffic.TableItem, it.Key, 0, it.Ver, "")
	default:
		op.Kind = "insert"
		add(traffic.Insert, traffic.TableItem, c.key("i"), 1, 0, fmt.Sprintf("value %d", op.ID))
	}
	b, _ := json.Marshal(m)
	op.Mutations = b
	return m
}

func (c *player) settle(m []traffic.Mutation) {
	for _, x := range m {
		switch {
		case x.Kind == traffic.Delete:
		case x.Row.Table == traffic.TableItem:
			c.items = append(c.items, x.Row)
		case x.Row.Table == traffic.TableAccount:
			c.accounts = append(c.accounts, x.Row)
		}
	}
}

func takeRow(rng *rand.Rand, from *[]traffic.Row) traffic.Row {
	i := rng.IntN(len(*from))
	r := (*from)[i]
	*from = slices.Delete(*from, i, i+1)
	return r
}

// digestOfRow is a row's digest as a survey would make it: over everything that the row holds, with the table's seeds.
func digestOfRow(seed int64, cells []string) fixtures.Digest {
	h := sha256.New()
	fmt.Fprintf(h, "%d", seed)
	for _, c := range cells {
		fmt.Fprintf(h, "%d:%s,", len(c), c)
	}
	sum := h.Sum(nil)
	return fixtures.Digest{Hi: binary.BigEndian.Uint64(sum[:8]), Lo: binary.BigEndian.Uint64(sum[8:16])}
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func rowsFileName(database, table string) string {
	return strings.ReplaceAll(database+"-"+table, ".", "_") + ".rows"
}

func makeDir(t *testing.T, dir string) {
	t.Helper()
	must(t, os.MkdirAll(dir, 0o755))
}
