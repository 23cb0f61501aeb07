package mysqlhost

import (
	"context"
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/recoverydrill/gameday/fixtures"
)

// Kind is the form in which a target is told.
type Kind string

// The forms of a target.
const (
	// Position is the mark's file of the log and the bytes of it.
	Position Kind = "position"
	// GTID is all transactions in the mark, whatever file they are in.
	GTID Kind = "gtid"
	// Time is the mark's time. The log knows it to the second in which a statement began: everything that began in the
	// target's second is left out, whether it came before the target or after it.
	Time Kind = "time"
	// Latest is the end of the archived log. Where the log's last event is not whole, the recovery ends in an error.
	Latest Kind = "latest"
)

// Target is a mark in the parts that the programs want.
type Target struct {
	Kind              Kind
	File, Bytes, GTID string
	Time              string // in UTC, in whole seconds
}

// String is the target in one line.
func (t Target) String() string {
	return map[Kind]string{Position: t.File + ":" + t.Bytes, GTID: t.GTID, Time: t.Time, Latest: "the end of the log"}[t.Kind]
}

// place is the form of a mark's position: "binlog.000003:1234 GTIDS".
var place = regexp.MustCompile(`^([^:/ ]+\.[0-9]{6,}):([0-9]+)(?: ([0-9A-Za-z:,_-]+))?$`)

// TargetOf reads a mark. One that lacks what the kind needs is an error.
func TargetOf(kind Kind, m fixtures.Mark) (Target, error) {
	t := Target{Kind: kind}
	if m.Position != "" {
		parts := place.FindStringSubmatch(m.Position)
		if parts == nil {
			return Target{}, fmt.Errorf("the target's position is %q, want FILE:BYTES GTIDS", m.Position)
		}
		t.File, t.Bytes, t.GTID = parts[1], parts[2], parts[3]
	}
	if !m.Time.IsZero() {
		t.Time = m.Time.UTC().Format(time.DateTime)
	}
	missing := ""
	switch t.Kind {
	case Position:
		missing = t.File
	case GTID:
		missing = t.GTID
	case Time:
		missing = t.Time
	case Latest:
		missing = "nothing"
	default:
		return Target{}, fmt.Errorf("unknown kind of target %q", kind)
	}
	if missing == "" {
		return Target{}, fmt.Errorf("the drill gave no target %s: ask for one with drill.To(mark)", t.Kind)
	}
	if kind == Latest { // whatever the mark says
		return Target{Kind: Latest}, nil
	}
	return t, nil
}

// stop is the option of the program that reads the log.
func (t Target) stop(f Flavour) (option, lastFile string) {
	switch t.Kind {
	case Position:
		return "--stop-position=" + t.Bytes, t.File
	case GTID:
		return f.byGTID + "=" + t.GTID, ""
	case Time:
		return "--stop-datetime=" + t.Time, ""
	}
	return "", ""
}

// Has asks the server for its transactions.
func (h Host) Has(ctx context.Context) (string, error) { return h.SQL(ctx, h.Flavour.has) }

// Contains tells whether all transactions of one set are in another.
func (h Host) Contains(ctx context.Context, set, of string) (bool, error) {
	if !h.IsMariaDB() {
		answer, err := h.Sh(ctx, `sql "SELECT gtid_subset('$OF', '$SET')"`, map[string]string{"OF": of, "SET": set})
		return answer == "1", err
	}
	has, err := domains(set)
	if err != nil {
		return false, err
	}
	want, err := domains(of)
	if err != nil {
		return false, err
	}
	for domain, n := range want {
		if has[domain] < n {
			return false, nil
		}
	}
	return true, nil
}

// domains reads MariaDB's "0-1-42,7-3-9": DOMAIN-SERVER-SEQUENCE, one for each domain.
func domains(position string) (map[string]uint64, error) {
	all := map[string]uint64{}
	for _, gtid := range strings.FieldsFunc(position, func(c rune) bool { return c == ',' }) {
		parts := strings.Split(gtid, "-")
		if len(parts) != 3 {
			return nil, fmt.Errorf("GTID %q: want DOMAIN-SERVER-SEQUENCE", gtid)
		}
		n, err := strconv.ParseUint(parts[2], 10, 64)
		if err != nil {
			return nil, fmt.Errorf("GTID %q: %w", gtid, err)
		}
		all[parts[0]] = n
	}
	return all, nil
}
