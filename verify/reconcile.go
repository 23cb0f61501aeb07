package verify

import (
	"fmt"
	"slices"
	"strconv"

	"github.com/recoverydrill/gameday/fixtures/ledger"
	"github.com/recoverydrill/gameday/fixtures/traffic"
)

// ReconcileOptions are the moments of a drill, on the ledger's clock. A moment that is 0 is not known, and what depends
// on it is not judged.
type ReconcileOptions struct {
	MarkNS     int64 // the mark to return to: what was acknowledged until then must be there
	FaultNS    int64 // the fault's first effect
	DeclaredNS int64 // the recovery was started
	CutNS      int64 // the first cut-over: until then clients wrote to the old store; 0 takes DeclaredNS
	TakenNS    int64 // after the last cut-over: the recovered store took what was sent then; 0 without one
	AfterNS    int64 // the service was back for good: what was sent after that and acknowledged must be there
}

// Reconciliation holds the recovered rows against the ledger.
type Reconciliation struct {
	Clients                                    int
	Attempted, Acknowledged, Refused, Unknown  int64
	AcknowledgedBeforeMark                     int64
	AcknowledgedBeforeFault, AcknowledgedAfter int64

	Lost           int64 // acknowledged, and the operation's row is gone
	LostBeforeMark int64
	Recovered      int64 // outcome unknown, and the row is there: legal
	AbsentUnknown  int64 // outcome unknown, and the row is not there: legal
	RPANS          int64 // from the oldest lost acknowledgement to the fault or the last lost one, the later; 0 without loss

	OldestLostNS, LastLostNS int64 // when the clients were told
	LastAckNS                int64 // the last acknowledgement before the fault

	Violations []Violation // what no recovery may show, in the order of [Classes]
	Unreadable []string    // why the ledger itself cannot be judged by; everything else is then worth nothing
}

// Class is a kind of violation.
type Class string

// The classes of what no recovery may show, whatever its objective.
const (
	LostBefore     Class = "lost before the mark"    // acknowledged before the mark and gone
	LostAfter      Class = "lost after the recovery" // acknowledged by the recovered store and gone
	Hole           Class = "hole"                    // lost, while something that was sent after its acknowledgement survived
	AbortedVisible Class = "aborted but visible"     // the server said that it did not happen, and it is there
	Unexpected     Class = "unexpected"              // nobody ever sent it
	Duplicated     Class = "duplicated"              // there more than once
	Stale          Class = "stale"                   // an older version than the last one that survived
	Future         Class = "future version"          // a version that nobody ever wrote
	Resurrected    Class = "resurrected"             // deleted by a surviving operation, and there again
	Corrupt        Class = "corrupt"                 // the row does not certify itself
	Torn           Class = "torn"                    // some rows of a transaction are there and others are not
)

// Classes lists all violations in the order in which they are shown: losses first.
func Classes() []Class {
	return []Class{LostBefore, LostAfter, Hole, Torn, Stale, Resurrected, Duplicated, AbortedVisible, Unexpected, Future, Corrupt}
}

// Violation is how often a class was found, with the first examples.
type Violation struct {
	Class    Class
	Total    int64
	Table    string   // of traffic's tables, "" where it is about whole operations or several tables
	Keys     []string // of the first rows or operations
	Examples []string
}

// Reconcile judges the rows of traffic's tables by the ledger. It replays, client by client, the operations that
// survived, and wants exactly the rows that this gives: each in its place, none more, none less. An operation survived
// when its row in table "op" is there. Operations with an unknown outcome may have survived or not.
func Reconcile(ops []ledger.Op, rows []traffic.Row, o ReconcileOptions) Reconciliation {
	c := &reconciler{o: o, violations: map[Class]*Violation{}, holes: map[uint64]bool{}}
	c.readLedger(ops)
	if len(c.r.Unreadable) > 0 {
		return c.r
	}
	c.survivors(rows)
	c.count()
	c.replay()
	c.compare(rows)
	c.cleanCut()
	for _, class := range Classes() {
		if v := c.violations[class]; v != nil {
			c.r.Violations = append(c.r.Violations, *v)
		}
	}
	return c.r
}

// known is one operation with what it wrote and whether it survived.
type known struct {
	ledger.Op
	mutations []traffic.Mutation
	survived  bool
}

// lost says whether a client was told of it and it is gone.
func (k *known) lost() bool { return k.Outcome == ledger.Acknowledged && !k.survived }

// counts says whether its effects are expected: it is there, and may be.
func (k *known) counts() bool { return k.survived && k.Outcome != ledger.Refused }

// settledNS is when nothing of the operation could reach a store any more.
func (k *known) settledNS() int64 {
	if k.ReturnNS > 0 {
		return k.ReturnNS
	}
	return k.InvokeNS + longestOperationNS
}

// longestOperationNS is how long an operation that never returned may have been under way: its client died. Clients
// give up after seconds.
const longestOperationNS = 60_000_000_000

// rowID names a row of traffic's tables.
type rowID struct{ table, key string }

type reconciler struct {
	o          ReconcileOptions
	r          Reconciliation
	ops        []*known // by client and sequence
	byID       map[uint64]*known
	writers    map[rowID][]*known // every operation that touches the row, in the order of its client
	expected   traffic.State
	holes      map[uint64]bool // operations that are counted as one already
	violations map[Class]*Violation
}

func (c *reconciler) unreadable(format string, args ...any) {
	if len(c.r.Unreadable) < exampleLimit {
		c.r.Unreadable = append(c.r.Unreadable, fmt.Sprintf(format, args...))
	}
}

func (c *reconciler) violate(class Class, table, key, example string) {
	v := c.violations[class]
	if v == nil {
		v = &Violation{Class: class, Table: table}
		c.violations[class] = v
	}
	v.Total++
	if v.Table != table {
		v.Table = ""
	}
	if len(v.Keys) < keyLimit {
		v.Keys = append(v.Keys, key)
	}
	if len(v.Examples) < exampleLimit {
		v.Examples = append(v.Examples, example)
	}
}

// readLedger decodes every operation and checks what all else rests on: each client had one operation in flight,
// numbered without gaps, and no two clients touched the same row.
func (c *reconciler) readLedger(ops []ledger.Op) {
	c.byID = make(map[uint64]*known, len(ops))
	c.writers = map[rowID][]*known{}
	for i := range ops {
		m, err := traffic.Decode(ops[i])
		if err != nil {
			c.unreadable("%v", err)
			continue
		}
		k := &known{Op: ops[i], mutations: m}
		if c.byID[k.ID] != nil {
			c.unreadable("operation %d is in the ledger twice", k.ID)
		}
		c.byID[k.ID] = k
		c.ops = append(c.ops, k)
	}
	slices.SortStableFunc(c.ops, func(a, b *known) int { return compareID(a.ID, b.ID) })
	var last *known
	for _, k := range c.ops {
		if last == nil || last.Client() != k.Client() {
			c.r.Clients++
			last = nil
		}
		c.inOrder(last, k)
		last = k
		for _, m := range k.mutations {
			id := rowID{m.Row.Table, m.Row.Key}
			w := c.writers[id]
			if len(w) > 0 && w[0].Client() != k.Client() {
				c.unreadable("clients %d and %d both wrote to %s/%s", w[0].Client(), k.Client(), id.table, id.key)
			}
			c.writers[id] = append(w, k)
		}
	}
}

func (c *reconciler) inOrder(last, k *known) {
	want := uint64(1)
	if last != nil {
		want = last.Sequence() + 1
	}
	switch {
	case k.Sequence() != want:
		c.unreadable("client %d: operation %d follows %d: lines are missing", k.Client(), k.Sequence(), want-1)
	case k.InvokeNS <= 0 || (k.ReturnNS != 0 && k.ReturnNS < k.InvokeNS):
		c.unreadable("operation %d returned before it was sent", k.ID)
	case k.Outcome != ledger.Unknown && k.ReturnNS == 0:
		c.unreadable("operation %d has an outcome and no time of return", k.ID)
	case k.Outcome != ledger.Unknown && k.Outcome != ledger.Acknowledged && k.Outcome != ledger.Refused:
		c.unreadable("operation %d has the unknown outcome %q", k.ID, k.Outcome)
	case last != nil && k.InvokeNS < max(last.InvokeNS, last.ReturnNS):
		c.unreadable("client %d sent operation %d before %d had returned", k.Client(), k.Sequence(), last.Sequence())
	}
}

func compareID(a, b uint64) int {
	switch {
	case a < b:
		return -1
	case a > b:
		return 1
	}
	return 0
}

func (c *reconciler) survivors(rows []traffic.Row) {
	for _, r := range rows {
		if r.Table != traffic.TableOp {
			continue
		}
		if id, err := strconv.ParseUint(r.Key, 10, 64); err == nil {
			if k := c.byID[id]; k != nil {
				k.survived = true
			}
		}
	}
}

// count sums up and finds the losses that no objective allows.
func (c *reconciler) count() {
	r, o := &c.r, c.o
	for _, k := range c.ops {
		r.Attempted++
		switch k.Outcome {
		case ledger.Acknowledged:
			r.Acknowledged++
		case ledger.Refused:
			r.Refused++
		default:
			r.Unknown++
			if k.survived {
				r.Recovered++
			} else {
				r.AbsentUnknown++
			}
		}
		if k.Outcome != ledger.Acknowledged {
			continue
		}
		if k.ReturnNS <= o.MarkNS {
			r.AcknowledgedBeforeMark++
		}
		if o.FaultNS > 0 && k.ReturnNS <= o.FaultNS {
			r.AcknowledgedBeforeFault++
			r.LastAckNS = max(r.LastAckNS, k.ReturnNS)
		}
		if o.AfterNS > 0 && k.InvokeNS > o.AfterNS {
			r.AcknowledgedAfter++
		}
		if k.lost() {
			c.lose(k)
		}
	}
	if r.Lost > 0 {
		r.RPANS = max(o.FaultNS, r.LastLostNS) - r.OldestLostNS
	}
}

// after is from when on nothing that is acknowledged may be lost; 0 is not known.
func (o ReconcileOptions) after() int64 {
	if o.TakenNS > 0 && (o.AfterNS == 0 || o.TakenNS < o.AfterNS) {
		return o.TakenNS
	}
	return o.AfterNS
}

func (c *reconciler) lose(k *known) {
	r := &c.r
	r.Lost++
	if r.OldestLostNS == 0 || k.ReturnNS < r.OldestLostNS {
		r.OldestLostNS = k.ReturnNS
	}
	r.LastLostNS = max(r.LastLostNS, k.ReturnNS)
	if k.ReturnNS <= c.o.MarkNS {
		r.LostBeforeMark++
		c.violate(LostBefore, "", strconv.FormatUint(k.ID, 10), describe(k))
	}
	if after := c.o.after(); after > 0 && k.InvokeNS > after {
		c.violate(LostAfter, "", strconv.FormatUint(k.ID, 10), describe(k))
	}
}

// describe names an operation as a person can find it: client, number and times.
func describe(k *known) string {
	end := "with unknown outcome"
	switch k.Outcome {
	case ledger.Acknowledged:
		end = "acknowledged at " + seconds(k.ReturnNS)
	case ledger.Refused:
		end = "refused at " + seconds(k.ReturnNS)
	}
	return fmt.Sprintf("operation %d (client %d number %d, %s, sent at %s, %s)",
		k.ID, k.Client(), k.Sequence(), k.Kind, seconds(k.InvokeNS), end)
}
