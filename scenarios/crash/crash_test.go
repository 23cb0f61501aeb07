// Package crash_test interrupts recoveries: at the begin of each of their steps and in between they are killed, lose the
// network or find the disk full, and are then run again, as somebody does who finds one dead. Each must converge to the
// right data or refuse clearly. What is half restored and serves is red.
package crash_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"strings"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/recoverydrill/gameday/faults"
	"github.com/recoverydrill/gameday/fixtures"
	"github.com/recoverydrill/gameday/fixtures/traffic"
	recovery "github.com/recoverydrill/gameday/recover"
	"github.com/recoverydrill/gameday/reports"
	"github.com/recoverydrill/gameday/scenarios/drill"
	"github.com/recoverydrill/gameday/scenarios/suite"
)

// procedure is a recovery that is interrupted at each of its steps.
type procedure struct {
	name      string
	blueprint fixtures.Blueprint
	limited   fixtures.Blueprint // the same with a small disk on the spare
	full      int                // the number of the step that is to find it full
	recovery  recovery.Recovery
	steps     []string // all of them: that there are no others is checked
}

// notStruck is why a specification proves nothing.
const notStruck = "the recovery ended before the step at which it was to be interrupted"

// took is how long each step of a procedure took when nothing interrupted it.
var took = map[string][]time.Duration{}

// inside is how many random moments within steps are tried for each procedure.
const inside = 3

func (p procedure) describe() bool {
	return Describe(p.name, Ordered, ContinueOnFailure, Label("crash", "full"), func() {
		It("goes through its steps when nothing interrupts it", SpecTimeout(4*time.Minute), func(ctx SpecContext) {
			d, mark := p.begin(ctx, "uninterrupted")
			Expect(d.Recover(ctx, p.recovery, drill.To(mark))).To(Succeed())
			Expect(d.Verify(ctx)).To(suite.HavePassed())
			var steps []string
			for _, s := range d.Record().Recovery.Steps {
				steps = append(steps, s.Name)
				took[p.name] = append(took[p.name], time.Duration(s.EndNS-s.StartNS))
			}
			Expect(steps).To(Equal(p.steps), "every step is to be interrupted")
		})
		for i, step := range p.steps {
			It(fmt.Sprintf("converges or refuses when it is killed as step %d begins: %s", i+1, step), SpecTimeout(4*time.Minute), func(ctx SpecContext) {
				Expect(p.interrupt(ctx, i, "killed as step %d begins: "+step, recovery.Interruption{Step: i + 1})).NotTo(Equal(late), notStruck)
			})
		}
		for n := range inside {
			It(fmt.Sprintf("converges or refuses when it is killed at a random moment (%d)", n+1), SpecTimeout(8*time.Minute), func(ctx SpecContext) {
				// Seeded by the run, so that --seed repeats it; a long step is hit more often than a short one.
				r := rand.New(rand.NewPCG(uint64(GinkgoRandomSeed()), uint64(n))) //nolint:gosec // not a secret
				step, after := p.moment(r)
				// This time the step may be quicker than it was: then the recovery is over before it is struck, and proves nothing.
				for range 4 {
					point := fmt.Sprintf("killed %s into step %%d: %s", after.Round(time.Millisecond), p.steps[step])
					if p.interrupt(ctx, len(p.steps)+n, point, recovery.Interruption{Step: step + 1, After: after}) != late {
						return
					}
					after /= 3
				}
				Fail("the recovery ended each time before it was struck")
			})
		}
		It("converges or refuses when its node loses the network in the middle", SpecTimeout(4*time.Minute), func(ctx SpecContext) {
			middle := len(p.steps) / 2
			Expect(p.interrupt(ctx, len(p.steps)+inside, "network of the spare lost as step %d begins: "+p.steps[middle],
				recovery.Interruption{Step: middle + 1, Strike: loseNetwork, Patience: 2 * time.Second})).NotTo(Equal(late), notStruck)
		})
		It("converges or refuses when its disk is full in the middle", SpecTimeout(4*time.Minute), func(ctx SpecContext) {
			p.blueprint = p.limited
			Expect(p.interrupt(ctx, len(p.steps)+inside+1, "disk of the spare full as step %d begins: "+p.steps[p.full-1],
				recovery.Interruption{Step: p.full, Strike: fillDisk, Patience: 20 * time.Second})).NotTo(Equal(late), notStruck)
		})
	})
}

// fillDisk leaves no room on the data disk of the node that is restored, until the recovery is run again. The disk is
// limited: nothing of the host is filled.
func fillDisk(ctx context.Context, sys fixtures.System) (func(context.Context) error, error) {
	node, err := recovery.SpareNode(sys, "")
	if err != nil {
		return nil, err
	}
	sh := func(ctx context.Context, script string) error {
		_, err := node.Exec(ctx, fixtures.Command{Args: []string{"sh", "-euc", script}})
		return err
	}
	// dd ends with an error when the disk is full, which is what it is for.
	err = sh(ctx, `dd if=/dev/zero of=/data/filler bs=1M 2>/dev/null && exit 1; dd if=/dev/zero of=/data/filler bs=1 oflag=append conv=notrunc count=65536 2>/dev/null || true
test "$(df --output=avail /data | tail -n 1)" -lt 64`)
	return func(ctx context.Context) error { return sh(ctx, "rm -f /data/filler") }, err
}

// moment is a random one of those at which the procedure works.
func (p procedure) moment(r *rand.Rand) (step int, after time.Duration) {
	durations := took[p.name]
	if len(durations) == 0 { // focused on this spec alone
		return r.IntN(len(p.steps)), time.Duration(r.Int64N(int64(300 * time.Millisecond)))
	}
	var total time.Duration
	for _, d := range durations {
		total += d
	}
	after = time.Duration(r.Int64N(int64(total * 9 / 10)))
	for step = 0; step < len(durations)-1 && after >= durations[step]; step++ {
		after -= durations[step]
	}
	return step, after
}

func (p procedure) begin(ctx SpecContext, what string) (*suite.Drill, fixtures.Mark) {
	GinkgoHelper()
	sys := suite.Start(ctx, p.blueprint)
	d := suite.Begin(ctx, sys, drill.Scenario{
		Name: "crash/" + strings.ReplaceAll(p.name, " ", "-") + "/" + what, Owner: "gameday", Engine: sys.Info().Engine,
		Disaster:  "A bad write that replication has copied, and a recovery that is interrupted on its way and run again.",
		Answers:   []reports.Question{reports.InService, reports.Plan, reports.Harmless},
		Objective: drill.Objective{RTO: 2 * time.Minute, RPO: 2 * time.Minute}, ServiceLimit: 10 * time.Second,
	})
	Expect(d.Backup(ctx)).To(Succeed())
	Expect(d.Traffic(ctx, traffic.Mix{})).To(Succeed())
	good := d.Mark(ctx, "before the bad deploy")
	Expect(d.Break(ctx, faults.BadWrite(`UPDATE shop.payments SET amount = 0`))).To(Succeed())
	return d, good
}

// interrupt runs the procedure twice, and adds what became of it to the matrix unless it was not interrupted.
func (p procedure) interrupt(ctx SpecContext, order int, point string, at recovery.Interruption) string {
	GinkgoHelper()
	d, mark := p.begin(ctx, fmt.Sprint("interrupted-", order+1))
	point = fmt.Sprintf(point, at.Step)
	r := recovery.Interrupted(p.recovery, at)
	err := d.Recover(ctx, r, drill.To(mark))
	if err == nil {
		d.Verify(ctx)
	}
	Expect(d.Finish(ctx)).To(Succeed())
	Expect(d.Record()).To(suite.HaveOutcome(reports.Passed, reports.Failed, reports.Inconclusive)) // the cell says which are right
	c := cell{procedure: p.name, order: order, point: point, outcome: outcomeOf(err, d.Record()), said: firstLine(r.First())}
	if c.outcome == late {
		return late
	}
	if c.outcome == converged {
		c.rta = fmt.Sprintf("%.1f s", float64(d.Record().Service.RTAMS)/1000)
	}
	Expect(add(c, d.Dir())).To(Succeed())
	Expect(c.outcome).To(BeElementOf(converged, refused), "%s: %v\n%s", point, err, d.Record().Headline)
	return c.outcome
}

// loseNetwork takes the node that is restored off the network, until the recovery is run again.
func loseNetwork(ctx context.Context, sys fixtures.System) (func(context.Context) error, error) {
	node, err := recovery.SpareNode(sys, "")
	if err != nil {
		return nil, err
	}
	i, ok := node.(fixtures.Isolator)
	if !ok {
		return nil, &fixtures.UnsupportedError{What: "node " + node.Name(), Need: "fixtures.Isolator", For: "lose its network"}
	}
	return i.Rejoin, i.Isolate(ctx)
}

func firstLine(err error) string {
	if err == nil {
		return ""
	}
	line, _, _ := strings.Cut(err.Error(), "\n")
	return line[:min(len(line), 120)]
}
