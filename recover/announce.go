package recovery

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// ErrNotDeclared is wrapped by the error of Plan and Preflight where the recovery has none: a command without WithPlan or
// WithPreflight.
var ErrNotDeclared = errors.New("the recovery declares none")

// announcement is how a command is asked before it is run: its own arguments, and then these. nil asks nothing.
type announcement struct{ plan, preflight []string }

func (a announcement) askPlan(job Job, run func(job Job, more []string) error) (Plan, error) {
	var p Plan
	err := listen(job, "WithPlan", a.plan, run, "plan", func(rest string) error {
		s, err := parseStep(rest)
		p.Steps = append(p.Steps, s)
		return err
	})
	if err == nil && len(p.Steps) == 0 {
		err = errors.New("it printed no line \"gameday: plan STEP: what it does\"")
	}
	if err != nil {
		return Plan{}, fmt.Errorf("ask for the plan: %w", err)
	}
	return p, nil
}

func (a announcement) askNeeds(job Job, run func(job Job, more []string) error) ([]Need, error) {
	var all []Need
	err := listen(job, "WithPreflight", a.preflight, run, "need", func(rest string) error {
		n, err := ParseNeed(rest)
		all = append(all, n)
		return err
	})
	if err == nil && len(all) == 0 {
		err = errors.New("it printed no line \"gameday: need …\"")
	}
	if err != nil {
		return nil, fmt.Errorf("ask for what it needs: %w", err)
	}
	return all, nil
}

// listen runs a command that is asked, and understands its lines of one verb. It may refuse instead. Without an argument more
// it would be the recovery itself that runs.
func listen(job Job, by string, args []string, run func(job Job, more []string) error, verb string, take func(rest string) error) error {
	switch {
	case args == nil:
		return ErrNotDeclared
	case len(args) == 0:
		return fmt.Errorf("%s needs an argument by which the command knows that it is only asked", by)
	}
	refused := ""
	out := NewOutput(job.Output, func(line string) error {
		word, rest, _ := strings.Cut(line, " ")
		switch rest = strings.TrimSpace(rest); word {
		case verb:
			return take(rest)
		case "refuse":
			refused = rest
		}
		return nil
	})
	job.Output = out
	err := errors.Join(run(job, args), out.Close())
	var exit *ExitStatus
	if refused != "" && errors.As(err, &exit) {
		return &Refused{Reason: refused}
	}
	return err
}

// parseStep understands "STEP: what it does".
func parseStep(rest string) (PlannedStep, error) {
	name, does, _ := strings.Cut(rest, ": ")
	s := PlannedStep{Name: strings.TrimSpace(name), Does: strings.TrimSpace(does)}
	if s.Name == "" {
		return s, fmt.Errorf("the recovery printed \"gameday: plan %s\": want \"gameday: plan STEP: what it does\"", rest)
	}
	return s, nil
}

var resources = []Resource{NeedsDisk, NeedsMemory, NeedsBackup, NeedsLog, NeedsKey, NeedsPermission, NeedsNode}

// ParseNeed understands the rest of a line "gameday: need RESOURCE WHERE NEEDED AVAILABLE ok|missing DETAIL". RESOURCE is
// one of the resources; WHERE is a word without blanks; NEEDED and AVAILABLE are decimal numbers of bytes, or "-"; DETAIL
// may hold anything or be left out.
func ParseNeed(rest string) (Need, error) {
	bad := func(why string) (Need, error) {
		return Need{}, fmt.Errorf("the recovery printed \"gameday: need %s\": %s; want \"gameday: need RESOURCE WHERE NEEDED AVAILABLE ok|missing DETAIL\"", rest, why)
	}
	f := strings.Fields(rest)
	if len(f) < 5 {
		return bad(fmt.Sprintf("%d words", len(f)))
	}
	n := Need{Resource: Resource(f[0]), Where: f[1], Met: f[4] == "ok", Detail: strings.Join(f[5:], " ")}
	if !slices.Contains(resources, n.Resource) {
		return bad(fmt.Sprintf("%q is none of the resources %q", f[0], resources))
	}
	if f[4] != "ok" && f[4] != "missing" {
		return bad(fmt.Sprintf("%q is neither ok nor missing", f[4]))
	}
	for i, to := range []*int64{&n.Needed, &n.Available} {
		word := f[2+i]
		if word == "-" {
			continue
		}
		bytes, err := strconv.ParseInt(word, 10, 64)
		if err != nil || bytes < 0 {
			return bad(fmt.Sprintf("%q is neither a number of bytes nor -", word))
		}
		*to = bytes
	}
	return n, nil
}

// WithPlan makes the command tell its plan: it is run with these arguments after its own, in the same environment, before
// the recovery, and prints a line "gameday: plan STEP: what it does" for each step. It changes nothing then. Without an
// argument, by which the command knows that it is only asked, Plan returns an error.
func (c *HostCommand) WithPlan(args ...string) *HostCommand {
	c.ask.plan = append([]string{}, args...)
	return c
}

// WithPreflight makes the command tell what it needs: it is run with these arguments after its own, in the same
// environment, before the recovery, and prints lines as [ParseNeed] understands them. It changes nothing then. Without an
// argument, by which the command knows that it is only asked, Preflight returns an error.
func (c *HostCommand) WithPreflight(args ...string) *HostCommand {
	c.ask.preflight = append([]string{}, args...)
	return c
}

// Plan asks the command; see [HostCommand.WithPlan].
func (c *HostCommand) Plan(ctx context.Context, job Job) (Plan, error) {
	return c.ask.askPlan(job, func(job Job, more []string) error { return c.asked(more).Recover(ctx, job) })
}

// Preflight asks the command; see [HostCommand.WithPreflight].
func (c *HostCommand) Preflight(ctx context.Context, job Job) ([]Need, error) {
	return c.ask.askNeeds(job, func(job Job, more []string) error { return c.asked(more).Recover(ctx, job) })
}

// asked is the same command with more arguments. It leaves nothing running.
func (c *HostCommand) asked(more []string) Recovery {
	return Func(c.Name(), func(ctx context.Context, job Job) error {
		own := &HostCommand{Path: c.Path, Args: slices.Concat(c.Args, more), Env: c.Env}
		return errors.Join(own.Recover(ctx, job), own.Cleanup(ctx, job))
	})
}

// WithPlan makes the script tell its plan, as [HostCommand.WithPlan] does.
func (c *NodeCommand) WithPlan(args ...string) *NodeCommand {
	c.ask.plan = append([]string{}, args...)
	return c
}

// WithPreflight makes the script tell what it needs, as [HostCommand.WithPreflight] does.
func (c *NodeCommand) WithPreflight(args ...string) *NodeCommand {
	c.ask.preflight = append([]string{}, args...)
	return c
}

// Plan asks the script; see [NodeCommand.WithPlan].
func (c *NodeCommand) Plan(ctx context.Context, job Job) (Plan, error) {
	return c.ask.askPlan(job, func(job Job, more []string) error { return c.run(ctx, job, more) })
}

// Preflight asks the script; see [NodeCommand.WithPreflight].
func (c *NodeCommand) Preflight(ctx context.Context, job Job) ([]Need, error) {
	return c.ask.askNeeds(job, func(job Job, more []string) error { return c.run(ctx, job, more) })
}
