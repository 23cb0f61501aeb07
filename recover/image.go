package recovery

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"

	"github.com/recoverydrill/gameday/fixtures"
)

// ImageCommand is a recovery by a container of the team's own image, on the network of the system's nodes.
type ImageCommand struct {
	Image string
	Args  []string // after the image's entry point; empty is the image's own command
	User  string   // "" is the image's own
	Env   map[string]string

	ask        announcement
	privileged string
	secret     []string // names in Env
	name       string

	mu     sync.Mutex
	beside fixtures.Beside // that runs it, or has
}

var (
	_ Recovery    = (*ImageCommand)(nil)
	_ Planner     = (*ImageCommand)(nil)
	_ Preflighter = (*ImageCommand)(nil)
	_ Privileged  = (*ImageCommand)(nil)
	_ Bound       = (*ImageCommand)(nil)

	_ fixtures.Metered = (*ImageCommand)(nil)
)

// Bound is an optional ability of a recovery that cannot be run everywhere: it returns an *[fixtures.UnsupportedError] for a
// system on which it cannot, and the drill is then inconclusive before anything is tried.
type Bound interface {
	Possible(sys fixtures.System) error
}

// InImage is a recovery by a container that runs beside the system's nodes: the team's own recovery image. It reaches the
// nodes by name, has the disks that they share (the vault) where they have them, and gets the documented environment with
// the responder's role; a shell on a node it has not. Systems whose nodes are no containers return an
// *[fixtures.UnsupportedError].
func InImage(image string, args ...string) *ImageCommand {
	return &ImageCommand{Image: image, Args: args}
}

// With adds a variable to the container's environment.
func (c *ImageCommand) With(name, value string) *ImageCommand {
	if c.Env == nil {
		c.Env = map[string]string{}
	}
	c.Env[name] = value
	return c
}

// WithPlan makes the image tell its plan, as [HostCommand.WithPlan] does: in a container of its own.
func (c *ImageCommand) WithPlan(args ...string) *ImageCommand {
	c.ask.plan = append([]string{}, args...)
	return c
}

// WithPreflight makes the image tell what it needs, as [HostCommand.WithPreflight] does: in a container of its own.
func (c *ImageCommand) WithPreflight(args ...string) *ImageCommand {
	c.ask.preflight = append([]string{}, args...)
	return c
}

// Privileged says that the container is given more than a responder has, by [ImageCommand.With], and why. Reports show it.
func (c *ImageCommand) Privileged(why string) *ImageCommand {
	c.privileged = why
	return c
}

// Privilege is what [ImageCommand.Privileged] was told.
func (c *ImageCommand) Privilege() string { return c.privileged }

// Named sets what reports call the recovery; default is the image's reference.
func (c *ImageCommand) Named(name string) *ImageCommand {
	c.name = name
	return c
}

// Name is what [ImageCommand.Named] was told.
func (c *ImageCommand) Name() string {
	if c.name != "" {
		return c.name
	}
	return c.Image
}

// Line is the image and the arguments, for the report.
func (c *ImageCommand) Line() []string { return append([]string{"image " + c.Image}, c.Args...) }

// Possible wants nodes that can make a machine beside them: containers.
func (c *ImageCommand) Possible(sys fixtures.System) error {
	_, err := besideOf(sys)
	return err
}

// Recover runs the container to its end. Nothing of it is left then.
func (c *ImageCommand) Recover(ctx context.Context, job Job) error {
	if b, err := besideOf(job.System); err == nil {
		c.mu.Lock()
		c.beside = b
		c.mu.Unlock()
	}
	return c.run(ctx, job, nil)
}

// Begin forgets what a container has used before: one image may be the recovery of several drills.
func (c *ImageCommand) Begin() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.beside = nil
}

// Usage is what the container has used, as far as it was asked while it ran; before its start, nothing.
func (c *ImageCommand) Usage(ctx context.Context) (fixtures.Usage, error) {
	c.mu.Lock()
	b := c.beside
	c.mu.Unlock()
	if b == nil {
		return fixtures.Usage{Disk: -1}, nil
	}
	return b.UsageBeside(ctx)
}

// Plan asks the image; see [ImageCommand.WithPlan].
func (c *ImageCommand) Plan(ctx context.Context, job Job) (Plan, error) {
	return c.ask.askPlan(job, func(job Job, more []string) error { return c.run(ctx, job, more) })
}

// Preflight asks the image; see [ImageCommand.WithPreflight].
func (c *ImageCommand) Preflight(ctx context.Context, job Job) ([]Need, error) {
	return c.ask.askNeeds(job, func(job Job, more []string) error { return c.run(ctx, job, more) })
}

func (c *ImageCommand) run(ctx context.Context, job Job, more []string) error {
	beside, err := besideOf(job.System)
	if err != nil {
		return fmt.Errorf("run the image %s: %w", c.Image, err)
	}
	env := forBeside(job.Env)
	maps.Copy(env, c.Env)
	_, err = beside.RunBeside(ctx, c.Image, fixtures.Command{
		Args: slices.Concat(c.Args, more), User: c.User, Env: env, Stdout: job.Output, Stderr: job.Output,
	})
	var exit *fixtures.ExitError
	switch {
	case ctx.Err() != nil:
		return &Stopped{Name: c.Name(), Cause: context.Cause(ctx)}
	case errors.As(err, &exit):
		return &ExitStatus{Name: c.Name(), Code: exit.Result.ExitCode, Text: fmt.Sprintf("exit status %d", exit.Result.ExitCode)}
	case err != nil:
		return fmt.Errorf("run the image %s: %w", c.Image, err)
	}
	return nil
}

// besideOf finds a node that can make a machine beside it.
func besideOf(sys fixtures.System) (fixtures.Beside, error) {
	for _, m := range sys.Members() {
		if b, ok := m.Node.(fixtures.Beside); ok {
			return b, nil
		}
	}
	return nil, &fixtures.UnsupportedError{What: "provider " + sys.Info().Provider, Need: "fixtures.Beside", For: "run an image beside the nodes"}
}

// forBeside is what of the environment goes into a machine beside the nodes: not what has a meaning on the harness's host
// only.
func forBeside(env map[string]string) map[string]string {
	out := map[string]string{}
	for k, v := range env {
		if k != VarWorkDir && !strings.HasPrefix(k, "GAMEDAY_NODE_") && !strings.HasPrefix(k, "GAMEDAY_ADDRESS_") {
			out[k] = v
		}
	}
	return out
}
