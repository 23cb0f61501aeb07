// Package binlog is the reference procedure for point-in-time recovery of MySQL and MariaDB: copy the base backup to a
// spare node, start a server on it that no client can reach, replay the archived binary logs up to the target, start the
// server anew as it is configured, and send clients there. It follows the servers' documentation ("Point-in-Time Recovery
// Using Binary Log") and works beside the damaged server, which it does not touch.
package binlog

import (
	"context"
	"fmt"
	"regexp"
	"time"

	"github.com/recoverydrill/gameday/fixtures"
	recovery "github.com/recoverydrill/gameday/recover"
)

// Kind is the form in which the target is told.
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

// Procedure is one point-in-time recovery.
type Procedure struct {
	Kind  Kind          // default Position
	Node  string        // where to restore; default the system's first spare
	Limit time.Duration // for each of: a start of the server, a stop, the replay; default 5 min
}

var _ recovery.Recovery = Procedure{}

// To is a recovery to the drill's target, told in the given form.
func To(kind Kind) Procedure { return Procedure{Kind: kind} }

// Name is what reports call it.
func (p Procedure) Name() string { return "binlog to " + string(p.kind()) }

func (p Procedure) kind() Kind {
	if p.Kind == "" {
		return Position
	}
	return p.Kind
}

// Recover runs the procedure.
func (p Procedure) Recover(ctx context.Context, job recovery.Job) error {
	if p.Limit <= 0 {
		p.Limit = 5 * time.Minute
	}
	t, err := p.target(job.Target)
	if err != nil {
		return err
	}
	f, err := flavourOf(job.Env["GAMEDAY_ENGINE"])
	if err != nil {
		return err
	}
	node, err := recovery.SpareNode(job.System, p.Node)
	if err != nil {
		return fmt.Errorf("binlog: %w", err)
	}
	r := restore{job: job, node: node, flavour: f, target: t, limit: p.Limit}
	return job.Run(ctx,
		recovery.Step{Name: "fetch the base backup", Do: r.fetch},
		recovery.Step{Name: "start a server that clients cannot reach", Do: r.startClosed},
		recovery.Step{Name: "replay the binary log", Do: r.replay},
		recovery.Step{Name: "start it for clients", Do: r.startOpen},
		recovery.Step{Name: "cut over", Do: r.cutOver},
	)
}

// target is a mark in the parts that the programs want.
type target struct {
	kind              Kind
	file, bytes, gtid string
	time              string // in UTC, in whole seconds
}

// place is the form of a mark's position: "binlog.000003:1234 GTIDS".
var place = regexp.MustCompile(`^([^:/ ]+\.[0-9]{6,}):([0-9]+)(?: ([0-9A-Za-z:,_-]+))?$`)

func (p Procedure) target(m fixtures.Mark) (target, error) {
	t := target{kind: p.kind()}
	if m.Position != "" {
		parts := place.FindStringSubmatch(m.Position)
		if parts == nil {
			return target{}, fmt.Errorf("binlog: the target's position is %q, want FILE:BYTES GTIDS", m.Position)
		}
		t.file, t.bytes, t.gtid = parts[1], parts[2], parts[3]
	}
	if !m.Time.IsZero() {
		t.time = m.Time.UTC().Format(time.DateTime)
	}
	missing := ""
	switch t.kind {
	case Position:
		missing = t.file
	case GTID:
		missing = t.gtid
	case Time:
		missing = t.time
	case Latest:
		missing = "nothing"
	default:
		return target{}, fmt.Errorf("binlog: unknown kind of target %q", p.Kind)
	}
	if missing == "" {
		return target{}, fmt.Errorf("binlog: the drill gave no target %s: ask for one with drill.To(mark)", t.kind)
	}
	return t, nil
}
