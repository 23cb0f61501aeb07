package faults

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/recoverydrill/gameday/fixtures"
)

// ErrForeign is wrapped by the refusal to damage something that this run did not create.
var ErrForeign = errors.New("not created by this run")

// Guard is what must hold immediately before an injection: every node carries the label of the run, and the store
// answers with the token that the run put into it. There is no way to switch it off.
type Guard struct {
	Run   fixtures.Run
	Token string // as read back when the drill began

	// Recovering is set while a recovery runs: the store may be down. Where it does not answer, the labels of its nodes must
	// do, as long as the route leads to one of them; one that answers with another token is refused all the same.
	Recovering bool
}

// answerLimit is how long a store may take to tell its token while it is being recovered.
const answerLimit = 2 * time.Second

// Check refuses a system that is not entirely the run's own.
func (g Guard) Check(ctx context.Context, sys fixtures.System) error {
	if g.Run.ID == "" || g.Token == "" {
		return errors.New("guard: run ID or identity token is empty")
	}
	members := sys.Members()
	if len(members) == 0 {
		return fmt.Errorf("guard: the system has no nodes: %w", ErrForeign)
	}
	for _, m := range members {
		if err := g.node(ctx, m.Node); err != nil {
			return err
		}
	}
	id, ok := sys.(fixtures.Identified)
	if !ok {
		return &fixtures.UnsupportedError{What: "engine " + sys.Info().Engine, Need: "fixtures.Identified", For: "check that the store is this run's before damaging it"}
	}
	if g.Recovering {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, answerLimit)
		defer cancel()
	}
	got, err := id.Identity(ctx, "")
	if err != nil && g.Recovering {
		return leadsHome(context.WithoutCancel(ctx), sys, err)
	}
	if err != nil {
		return fmt.Errorf("guard: read the store's identity: %w", err)
	}
	if got.Token != g.Token {
		return fmt.Errorf("guard: the store behind the route has another identity token: %w", ErrForeign)
	}
	return nil
}

// leadsHome refuses a store that does not tell its token and is none of the system's nodes: a recovery may have sent the route
// anywhere.
func leadsHome(ctx context.Context, sys fixtures.System, why error) error {
	route := sys.Route()
	if route == nil {
		return nil // the store is a file of the run's own node
	}
	ctx, cancel := context.WithTimeout(ctx, answerLimit)
	defer cancel()
	foreign, target := false, route.Target()
	for _, c := range route.History() { // the drill itself sends clients to nodes alone
		foreign = c.API || (foreign && c.Kind != "cut over")
	}
	if !foreign {
		return nil
	}
	env, err := environment(ctx, sys, "tell where the nodes' servers listen")
	if err != nil {
		return err
	}
	inside, err := strconv.Atoi(env["GAMEDAY_PORT"])
	if err != nil {
		return fmt.Errorf("guard: the environment names no port: %w", err)
	}
	for _, m := range sys.Members() {
		if at, err := m.Node.Address(ctx, inside); err == nil && (at.Harness == target || at.Peer == target) {
			return nil
		}
	}
	return fmt.Errorf("guard: somebody has sent the route to %s, which is none of the system's nodes and does not tell its token (%w): %w", target, why, ErrForeign)
}

func (g Guard) node(ctx context.Context, n fixtures.Node) error {
	l, ok := n.(fixtures.Labelled)
	if !ok {
		return &fixtures.UnsupportedError{What: fmt.Sprintf("node %q", n.Name()), Need: "fixtures.Labelled", For: "check that the node is this run's before damaging it"}
	}
	labels, err := l.Labels(ctx)
	if err != nil {
		return fmt.Errorf("guard: read the labels of node %q: %w", n.Name(), err)
	}
	if got := labels[fixtures.LabelRun]; got != g.Run.ID {
		return fmt.Errorf("guard: node %q carries the label %s=%q, this run is %q: %w", n.Name(), fixtures.LabelRun, got, g.Run.ID, ErrForeign)
	}
	return nil
}

// Injection is when an injection began and ended, on the drill's clock.
type Injection struct {
	StartNS int64
	EndNS   int64
}

// Inject checks the guard and damages the system. When the injection itself fails, what can be healed is healed, and the
// error says which of the two happened.
func Inject(ctx context.Context, f Fault, sys fixtures.System, g Guard, clock fixtures.Clock) (Injection, error) {
	name := f.Describe().Name
	if err := g.Check(ctx, sys); err != nil {
		return Injection{}, fmt.Errorf("inject %s: refused: %w", name, err)
	}
	in := Injection{StartNS: clock.NowNS()}
	err := f.Inject(ctx, sys)
	in.EndNS = clock.NowNS()
	if err != nil {
		return in, fmt.Errorf("inject %s: %w", name, errors.Join(err, Heal(ctx, f, sys)))
	}
	return in, nil
}

// Heal undoes the fault if it can be undone; for any other fault it does nothing.
func Heal(ctx context.Context, f Fault, sys fixtures.System) error {
	h, ok := f.(Healer)
	if !ok {
		return nil
	}
	if err := h.Heal(context.WithoutCancel(ctx), sys); err != nil {
		return fmt.Errorf("heal %s: %w", f.Describe().Name, err)
	}
	return nil
}

// SeenByClock tells whether the damage is to be seen by the service clock rather than by reading the store.
func SeenByClock(f Fault) bool {
	o, ok := f.(Outage)
	return ok && o.IsOutage()
}
