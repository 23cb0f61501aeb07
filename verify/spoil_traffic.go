package verify

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"

	"github.com/recoverydrill/gameday/fixtures"
	"github.com/recoverydrill/gameday/fixtures/ledger"
	"github.com/recoverydrill/gameday/fixtures/probe"
	"github.com/recoverydrill/gameday/fixtures/traffic"
)

// lostWrite takes out the row of an operation that clients were told of: one of before the mark, where there is one.
func lostWrite(e *Evidence) (string, bool) {
	there := map[string]bool{}
	for _, r := range e.Rows {
		if r.Table == traffic.TableOp {
			there[r.Key] = true
		}
	}
	mark := reconcileOptions(e).MarkNS
	key := ""
	for _, op := range e.Ops {
		k := strconv.FormatUint(op.ID, 10)
		if op.Outcome == ledger.Acknowledged && there[k] && (key == "" || (mark > 0 && op.ReturnNS <= mark)) {
			key = k
		}
	}
	if key == "" {
		return "", false
	}
	e.Rows = slices.DeleteFunc(e.Rows, func(r traffic.Row) bool { return r.Table == traffic.TableOp && r.Key == key })
	return fmt.Sprintf("that the acknowledged write %s is gone", key), true
}

// staleRow puts a row back to the version before its last.
func staleRow(e *Evidence) (string, bool) {
	for i, r := range e.Rows {
		if r.Table == traffic.TableOp || r.Ver < 2 {
			continue
		}
		if was, ok := versionBefore(e.Ops, r); ok {
			e.Rows[i] = was
			return fmt.Sprintf("row %s of %s in version %d instead of %d", r.Key, r.Table, was.Ver, r.Ver), true
		}
	}
	return "", false
}

func versionBefore(ops []ledger.Op, r traffic.Row) (traffic.Row, bool) {
	key, err := json.Marshal(r.Key)
	if err != nil {
		return r, false
	}
	for _, op := range ops {
		if op.Client() != int(r.Op>>40) || op.ID >= r.Op || !bytes.Contains(op.Mutations, key) { //nolint:gosec // as [ledger.Op.Client]
			continue
		}
		mutations, err := traffic.Decode(op)
		if err != nil {
			continue
		}
		for _, m := range mutations {
			if m.Kind != traffic.Delete && m.Row.Table == r.Table && m.Row.Key == r.Key && m.Row.Ver == r.Ver-1 {
				return m.Row, true
			}
		}
	}
	return r, false
}

// strangeRow adds a row that certifies itself and that no operation wrote.
func strangeRow(e *Evidence) (string, bool) {
	if e.Rows == nil {
		return "", false
	}
	r := traffic.Row{Table: traffic.TableItem, Key: "spoiled", Op: ledger.ID(1<<20, 1), Ver: 1, Val: "spoiled"}
	r.MAC = traffic.MAC(r)
	e.Rows = append(e.Rows, r)
	return "a row that nobody ever wrote", true
}

func leftCut(e *Evidence) (string, bool) {
	if e.Record.Recovery == nil {
		return "", false
	}
	e.Record.Recovery.CutOvers = append(e.Record.Recovery.CutOvers, fixtures.RouteChange{Kind: "cut", At: e.Record.Started})
	return "a route that was cut and never restored", true
}

// wrongAnswer makes one answer of the service clock wrong that came when service was back. Where a recovery had to refuse
// wrong answers may be nothing new: there the service fails.
func wrongAnswer(e *Evidence) (string, bool) {
	if e.Record.Recovery == nil || len(e.Probe) == 0 {
		return "", false
	}
	if e.Record.MustRefuse {
		n := 0
		for i := range e.Probe {
			if a := &e.Probe[i]; a.AtNS > e.Record.Recovery.DeclaredNS {
				a.Kind, a.Error, a.Stall, a.Fresh = probe.Failed, "spoiled", "", true
				n++
			}
		}
		return "a service that failed after the recovery began", n > 0
	}
	back := readClock(e).BackNS
	after := between(watched(e), max(back, e.Record.Recovery.EndedNS), 1<<63-1) // what is bad before that only moves the return
	if back == 0 || len(after) == 0 {
		return "", false
	}
	pick := after[len(after)/2].Seq
	for i := range e.Probe {
		if a := &e.Probe[i]; a.Seq == pick {
			a.Kind, a.Error, a.Stall = probe.Wrong, "spoiled", ""
			return fmt.Sprintf("a wrong answer at %s, after service was back", seconds(a.AtNS)), true
		}
	}
	return "", false
}

func nobodyAsked(e *Evidence) (string, bool) {
	e.Probe = nil
	return "a service clock without answers", true
}

func tooLate(e *Evidence) (string, bool) {
	rta, ok := rtaNS(e)
	if !ok || milliseconds(rta) < 2 {
		return "", false
	}
	e.Record.Objective.RTOMS = milliseconds(rta) - 1
	return fmt.Sprintf("an RTA 1 ms over an RTO of %d ms", e.Record.Objective.RTOMS), true
}

func tooMuchLost(e *Evidence) (string, bool) {
	what, ok := lostWrite(e)
	e.Record.Objective.LostWrites = new(int64)
	return what + ", where none may be", ok && effectNS(e.Record) > 0
}

// editStandby makes the first standby wrong for which edit finds an occasion.
func editStandby(e *Evidence, edit func(s *replica) (string, bool)) (string, bool) {
	name := Replicas{}.Name()
	var got replicas
	if json.Unmarshal(e.Extra[name], &got) != nil {
		return "", false
	}
	for i := range got.Standbys {
		s := &got.Standbys[i]
		if s.Manifest == nil {
			continue
		}
		if what, ok := edit(s); ok {
			b, err := json.Marshal(got)
			e.Extra[name] = b
			return what + " on " + s.Node, err == nil
		}
	}
	return "", false
}

func divergedStandby(e *Evidence) (string, bool) {
	return editStandby(e, func(s *replica) (string, bool) {
		for _, d := range s.Manifest.Databases {
			for i := range d.Tables {
				if t := &d.Tables[i]; t.Class == fixtures.Fixed && t.Error == "" && t.Rows > 0 {
					rewritten(t, t.Rows)
					return fmt.Sprintf("one row of %s with another digest", tableName(d.Name, *t)), true
				}
			}
		}
		return "", false
	})
}

func standbyWithoutObject(e *Evidence) (string, bool) {
	return editStandby(e, func(s *replica) (string, bool) {
		for i := range s.Manifest.Databases {
			d := &s.Manifest.Databases[i]
			for at, o := range d.Objects {
				if theirOwn[o.Kind] == "" {
					d.Objects = slices.Delete(d.Objects, at, at+1)
					return fmt.Sprintf("no %s %s", o.Kind, o.Name), true
				}
			}
		}
		return "", false
	})
}

func standbyTakesWrites(e *Evidence) (string, bool) {
	return editStandby(e, func(s *replica) (string, bool) {
		if s.Writes == nil {
			return "", false
		}
		s.Writes.Accepted, s.Writes.Refused = true, ""
		return "a client's write", true
	})
}

func editArchive(e *Evidence, edit func(a *archived) (string, bool)) (string, bool) {
	name := Archive{}.Name()
	var a archived
	if json.Unmarshal(e.Extra[name], &a) != nil {
		return "", false
	}
	what, ok := edit(&a)
	b, err := json.Marshal(a)
	e.Extra[name] = b
	return what, ok && err == nil
}

func stuckArchive(e *Evidence) (string, bool) {
	return editArchive(e, func(a *archived) (string, bool) {
		a.Stuck = "spoiled"
		return "an archive that gets nothing any more", true
	})
}

// archiveGap takes a file out of the middle of a series.
func archiveGap(e *Evidence) (string, bool) {
	return editArchive(e, func(a *archived) (string, bool) {
		for i, name := range a.Files {
			rest := slices.Delete(slices.Clone(a.Files), i, i+1)
			was, is := inSeries(a.Files), inSeries(rest)
			for series, n := range is {
				if len(n) == len(was[series])-1 && len(n) > 1 && n[0] == was[series][0] && n[len(n)-1] == was[series][len(n)] {
					a.Files = rest
					return "an archive without " + name, true
				}
			}
		}
		return "", false
	})
}

func secondPrimary(e *Evidence) (string, bool) {
	name := Fenced{}.Name()
	var all []fenced
	if json.Unmarshal(e.Extra[name], &all) != nil {
		return "", false
	}
	for i := range all {
		if f := &all[i]; !f.Serving && f.Unclear == "" {
			f.Accepted, f.Refused, f.Down = true, "", ""
			b, err := json.Marshal(all)
			e.Extra[name] = b
			return f.Node + " taking clients' writes as well", err == nil
		}
	}
	return "", false
}
