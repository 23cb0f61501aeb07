package recovery

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"

	"github.com/recoverydrill/gameday/fixtures"
)

// NodeCommand is a recovery by a script that runs on a node of the system, as if somebody had logged in there.
type NodeCommand struct {
	Node   string // the node's name: "spare"
	Script string // a file on the harness's host; it is copied to the node and made executable
	Args   []string
	User   string // on the node; "" is the engine's server user as in GAMEDAY_OSUSER, else the administrator
	Env    map[string]string

	ask        announcement
	privileged string
	secret     []string // names in Env
}

var (
	_ Recovery    = (*NodeCommand)(nil)
	_ Planner     = (*NodeCommand)(nil)
	_ Preflighter = (*NodeCommand)(nil)
	_ Privileged  = (*NodeCommand)(nil)
)

// OnNode is a recovery by a script that is copied to a node and run there.
func OnNode(node, script string, args ...string) *NodeCommand {
	return &NodeCommand{Node: node, Script: script, Args: args}
}

// With adds a variable to the script's environment.
func (c *NodeCommand) With(name, value string) *NodeCommand {
	if c.Env == nil {
		c.Env = map[string]string{}
	}
	c.Env[name] = value
	return c
}

// Name is the script's base name.
func (c *NodeCommand) Name() string { return filepath.Base(c.Script) }

// Line is the command line, for the report.
func (c *NodeCommand) Line() []string { return append([]string{c.Node + ":" + c.Name()}, c.Args...) }

// Recover copies the script and runs it. Servers that it starts live as long as the node.
func (c *NodeCommand) Recover(ctx context.Context, job Job) error { return c.run(ctx, job, nil) }

// run runs the script with more arguments after its own.
func (c *NodeCommand) run(ctx context.Context, job Job, more []string) error {
	node, err := Member(job.System, c.Node)
	if err != nil {
		return err
	}
	script, err := os.ReadFile(c.Script)
	if errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("recovery script %q does not exist on this host, from where it is copied to node %q%s", c.Script, c.Node, lookedIn(c.Script))
	}
	if err != nil {
		return fmt.Errorf("read the recovery script: %w", err)
	}
	path := "/tmp/gameday-recovery-" + c.Name()
	if _, ok := node.(fixtures.Hosted); ok { // its /tmp is this host's
		path = filepath.Join(job.WorkDir, c.Name())
	}
	if err := fixtures.WriteFile(ctx, node, path, script, fixtures.FileOptions{Mode: 0o755}); err != nil {
		return fmt.Errorf("copy the recovery script to node %q: %w", c.Node, err)
	}
	user := c.User
	if user == "" {
		user = job.Env["GAMEDAY_OSUSER"]
	}
	env := forNode(job.Env)
	for k, v := range c.Env {
		env[k] = v
	}
	_, err = node.Exec(ctx, fixtures.Command{Args: slices.Concat([]string{path}, c.Args, more), User: user, Env: env, Stdout: job.Output, Stderr: job.Output})
	var exit *fixtures.ExitError
	switch {
	case ctx.Err() != nil:
		return &Stopped{Name: c.Name(), Cause: context.Cause(ctx)}
	case errors.As(err, &exit):
		return &ExitStatus{Name: c.Name(), Code: exit.Result.ExitCode, Text: fmt.Sprintf("exit status %d", exit.Result.ExitCode)}
	case err != nil:
		return fmt.Errorf("run %s on node %q: %w", c.Name(), c.Node, err)
	}
	return nil
}

// Member finds a node of a system by its name.
func Member(sys fixtures.System, name string) (fixtures.Node, error) {
	var have []string
	for _, m := range sys.Members() {
		if m.Node.Name() == name {
			return m.Node, nil
		}
		have = append(have, m.Node.Name())
	}
	return nil, fmt.Errorf("the system has no node %q; it has %q", name, have)
}
