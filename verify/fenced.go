package verify

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/recoverydrill/gameday/fixtures"
	"github.com/recoverydrill/gameday/fixtures/probe"
	"github.com/recoverydrill/gameday/reports"
)

// Fenced wants clients' writes to be taken by one server only. It asks every node that is or was a primary or standby,
// and starts a server that is down before it asks: a supervisor or a reboot would, and an old primary that then takes
// writes was never fenced. It is for scenarios that move the primary; name it beside the default checks.
type Fenced struct{}

var (
	_ Check     = Fenced{}
	_ Collector = Fenced{}
)

// Name is "fenced".
func (Fenced) Name() string { return "fenced" }

// Promise is what a passed check means.
func (Fenced) Promise() string {
	return "no other server than the one that clients are sent to takes their writes, even if it is started again"
}

// fenced is what one node's server did.
type fenced struct {
	Node     string `json:"node"`
	Serving  bool   `json:"serving"`           // the clients' route leads to it
	Started  bool   `json:"started,omitempty"` // it was down, and was started to be asked
	Down     string `json:"down,omitempty"`    // why it does not start
	Accepted bool   `json:"accepted"`          // it took a write
	Refused  string `json:"refused,omitempty"` // how it refused
	Unclear  string `json:"unclear,omitempty"` // why nobody could tell
	Address  string `json:"address,omitempty"` // where it was asked
}

// fencedDialer is the ability of a system to be asked by the service clock.
type fencedDialer interface {
	Dial(ctx context.Context, address string) (probe.Asker, error)
}

// readOnlyTeller tells the refusal of a server that takes no writes from any other error: a full disk is no fence.
type readOnlyTeller interface {
	TakesNoWrites(err error) bool
}

// Collect asks every server.
func (Fenced) Collect(ctx context.Context, sys fixtures.System) ([]byte, error) {
	dialer, ok := sys.(fencedDialer)
	if !ok {
		return nil, &fixtures.UnsupportedError{What: "engine " + sys.Info().Engine, Need: "drill.Dialer", For: "ask each node whether it takes writes"}
	}
	responder, ok := sys.(fixtures.Responder)
	if !ok || sys.Route() == nil {
		return nil, &fixtures.UnsupportedError{What: "engine " + sys.Info().Engine, Need: "fixtures.Responder and a route", For: "find each node's server"}
	}
	env, err := responder.Environment(ctx)
	if err != nil {
		return nil, fmt.Errorf("find each node's server: %w", err)
	}
	var all []fenced
	for _, m := range sys.Members() {
		name := m.Node.Name()
		f := fenced{Node: name, Address: env["GAMEDAY_ADDRESS_"+strings.ToUpper(strings.ReplaceAll(name, "-", "_"))]}
		f.Serving = f.Address != "" && f.Address == sys.Route().Target()
		if m.Role == fixtures.Spare && !f.Serving {
			continue
		}
		f.ask(ctx, sys, dialer, m.Node)
		if f.Started && m.Role == fixtures.Primary { // it was no part of what the recovery has left running
			f.stop(ctx, sys, m.Node)
		}
		all = append(all, f)
	}
	return json.Marshal(all)
}

func (f *fenced) ask(ctx context.Context, sys fixtures.System, dialer fencedDialer, n fixtures.Node) {
	if f.Address == "" {
		f.Unclear = "it has no address: its node is off the network"
		return
	}
	if frozen, ok := sys.(fixtures.Signaller); ok { // it may wake up at any time: what would it do then?
		if err := frozen.Thaw(ctx, n); err != nil {
			f.Unclear = "nobody could let it go on: " + err.Error()
			return
		}
	}
	err := f.write(ctx, sys, dialer)
	if err == nil || f.Refused != "" || f.Unclear != "" {
		return
	}
	silent := errors.Is(err, context.DeadlineExceeded)
	c, ok := sys.(fixtures.Controlled)
	if !ok {
		f.Unclear = "it does not answer, and nobody can start it: " + err.Error()
		return
	}
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	if err := c.StartServer(ctx, n); err != nil {
		exit := new(fixtures.ExitError)
		switch {
		case silent:
			f.Unclear = "it did not answer in time, and may run: " + err.Error()
			return
		case strings.Contains(strings.ToLower(err.Error()), "no space left"):
			f.Unclear = "its disk is full, which is no fence: " + err.Error()
			return
		case errors.As(err, &exit) && ctx.Err() == nil:
			f.starting(ctx, sys, dialer, err)
			return
		}
		f.Unclear = "it could not be started: " + err.Error()
		return
	}
	f.Started = true
	if err := f.write(ctx, sys, dialer); err != nil && f.Refused == "" && f.Unclear == "" {
		f.Unclear = "it was started and does not answer: " + err.Error()
	}
}

// stop ends a server that was started to be asked.
func (f *fenced) stop(ctx context.Context, sys fixtures.System, n fixtures.Node) {
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	if c, ok := sys.(fixtures.Controlled); ok {
		if err := c.StopServer(ctx, n); err != nil {
			f.Unclear = "it was started to be asked, and could not be stopped again: " + err.Error()
		}
	}
}

// starting asks a server once more that could not be started: it may be one that runs already and has yet to answer. One that
// nobody hears of for so long is down.
func (f *fenced) starting(ctx context.Context, sys fixtures.System, dialer fencedDialer, why error) {
	const patience = 10 * time.Second
	for began := time.Now(); time.Since(began) < patience && ctx.Err() == nil; time.Sleep(patience / 20) {
		if err := f.write(ctx, sys, dialer); err == nil || f.Refused != "" || f.Unclear != "" {
			return
		}
	}
	if runs(why.Error()) {
		f.Unclear = "it runs and does not answer: " + why.Error()
		return
	}
	f.Down = why.Error()
}

// runs tells from what a start that failed has printed that a server runs already. pg_ctl's own line that one might be says
// no more than that the last one was killed.
func runs(said string) bool {
	return strings.Contains(said, "runs here already") || strings.Contains(said, `lock file "postmaster.pid" already exists`)
}

// write sends a write as clients do. An error without Refused or Unclear says that nobody answered.
func (f *fenced) write(ctx context.Context, sys fixtures.System, dialer fencedDialer) error {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	asker, err := dialer.Dial(ctx, f.Address)
	if err != nil {
		return err
	}
	defer asker.Close() //nolint:errcheck // nothing more is asked of it
	err = asker.Ask(ctx, fmt.Sprintf("fenced-%s-%d", f.Node, time.Now().UnixNano()), probe.Canary{})
	switch {
	case err == nil:
		f.Accepted = true
	case ctx.Err() != nil:
		return errors.Join(ctx.Err(), err)
	default:
		if t, ok := sys.(readOnlyTeller); ok && !t.TakesNoWrites(err) {
			f.Unclear = "it failed, and not because it takes no writes: " + err.Error()
			return err
		}
		f.Refused = err.Error()
	}
	return err
}

// Judge reads what the servers said.
func (Fenced) Judge(_ context.Context, e *Evidence) reports.CheckResult {
	const what = "servers"
	data := e.Extra[Fenced{}.Name()]
	if len(data) == 0 {
		return inconclusive(what, unsure("nobody asked the other servers whether they take writes"))
	}
	var all []fenced
	if err := json.Unmarshal(data, &all); err != nil {
		return inconclusive(what, unsure("what the servers said cannot be read: "+err.Error()))
	}
	j := judging(what)
	j.res.Questions = []reports.Question{reports.Harmless}
	j.res.Covered.Planned = int64(len(all))
	serving, others := 0, 0
	for _, f := range all {
		where := reports.Place{Node: f.Node}
		if f.Serving {
			serving++
		} else {
			others++
		}
		switch {
		case f.Unclear != "":
			j.unsure(reports.Finding{Summary: "whether " + f.Node + " takes writes is not known: " + f.Unclear, Where: where, Question: reports.Harmless})
			continue
		case f.Serving && !f.Accepted: // the same question to a server that must take it
			j.unsure(reports.Finding{Summary: "the server that clients are sent to takes no writes of this check: its refusals elsewhere mean nothing", Where: where, Found: f.Refused + f.Down})
		case !f.Serving && f.Accepted:
			j.fail(reports.Finding{
				Summary: f.Node + " takes clients' writes as well" + afterStart(f) + ": two primaries", Where: where, Question: reports.Harmless,
				Wanted: "it refuses writes", Found: "it took one",
				Hint: "fence the old primary before another one is promoted: stop it, and see to it that it starts as a standby only",
			})
		case f.Down != "":
			j.note(reports.Finding{Summary: f.Node + " does not start: it takes no writes", Where: where, Found: f.Down})
		}
		j.res.Covered.Looked++
	}
	if serving != 1 || others == 0 {
		j.unsure(unsure(fmt.Sprintf("of the servers that were asked, clients are sent to %d and %d are others: want one, and at least one other", serving, others)))
	}
	return j.done()
}

func afterStart(f fenced) string {
	if f.Started {
		return " once it is started again"
	}
	return ""
}
