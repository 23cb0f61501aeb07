package recovery

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/recoverydrill/gameday/fixtures"
)

// Grace is how long a command that is told to end (SIGTERM to its process group, at its deadline or when the drill is
// interrupted) may take before it is killed.
const Grace = 5 * time.Second

// HostCommand is a recovery by a command on the harness's host: the team's own script, as they would run it.
type HostCommand struct {
	Path string // looked up in PATH unless it holds a slash; relative to the working directory
	Args []string
	Env  map[string]string

	ask        announcement
	privileged string
	secret     []string // names in Env

	mu    sync.Mutex
	mark  string         // what it starts is known by: see VarCommand; "" before
	group int            // process group of the running command; 0 before and after
	left  []process      // that process groups still had when their commands had ended
	used  fixtures.Usage // by it, once it has ended
	seen  fixtures.Usage // while it ran
	peak  int64          // memory
}

var (
	_ Recovery         = (*HostCommand)(nil)
	_ Cleaner          = (*HostCommand)(nil)
	_ Planner          = (*HostCommand)(nil)
	_ Preflighter      = (*HostCommand)(nil)
	_ Privileged       = (*HostCommand)(nil)
	_ fixtures.Metered = (*HostCommand)(nil)
)

// Command is a recovery by a command on the harness's host.
func Command(path string, args ...string) *HostCommand { return &HostCommand{Path: path, Args: args} }

// With adds a variable to the command's environment.
func (c *HostCommand) With(name, value string) *HostCommand {
	if c.Env == nil {
		c.Env = map[string]string{}
	}
	c.Env[name] = value
	return c
}

// Name is the command's base name.
func (c *HostCommand) Name() string { return filepath.Base(c.Path) }

// Line is the command line, for the report.
func (c *HostCommand) Line() []string { return append([]string{c.Path}, c.Args...) }

// Recover runs the command in a process group of its own and returns when it has exited. Programs that it leaves
// running stay until Cleanup, unless ctx has ended: then nothing of the group is left when it returns.
func (c *HostCommand) Recover(ctx context.Context, job Job) error {
	path, err := c.find()
	if err != nil {
		return err
	}
	cmd := exec.Command(path, c.Args...) //nolint:gosec,noctx // running the team's command is the point; ctx ends the group below
	cmd.Env = slices.Concat(inherited(), assignments(job.Env), assignments(c.Env), []string{VarCommand + "=" + c.marking()})
	cmd.Stdout, cmd.Stderr = job.Output, job.Output
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.WaitDelay = 2 * time.Second // a program left running may hold the output open
	if err := cmd.Start(); err != nil {
		return fmt.Errorf("start %s: %w%s", c.Path, err, startHint(path, err))
	}
	group := cmd.Process.Pid
	c.mu.Lock()
	c.group, c.used, c.seen, c.peak = group, fixtures.Usage{}, fixtures.Usage{}, 0
	c.mu.Unlock()
	defer c.leave(group)
	done := make(chan struct{})
	go func() {
		defer close(done)
		err = cmd.Wait()
		c.ended(cmd.ProcessState)
	}()
	select {
	case <-done:
	case <-ctx.Done():
		end(ctx, group)
		<-done
		return &Stopped{Name: c.Name(), Cause: context.Cause(ctx)}
	}
	if errors.Is(err, exec.ErrWaitDelay) {
		return nil // it exited with 0 and left something running, which is allowed
	}
	return exitStatus(c.Name(), err)
}

// marking is the mark of what this command starts. It is the same for each of its runs, so that one Cleanup ends all of them.
func (c *HostCommand) marking() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.mark == "" {
		c.mark = rand.Text()
	}
	return c.mark
}

// end stops a whole process group, politely first. Its leader may end long before the others.
func end(ctx context.Context, group int) {
	if !errors.Is(context.Cause(ctx), ErrKilled) {
		_ = syscall.Kill(-group, syscall.SIGTERM)
		if awaitEmpty(group, Grace) {
			return
		}
	}
	_ = syscall.Kill(-group, syscall.SIGKILL)
	awaitEmpty(group, Grace)
}

// leave keeps what is left of a process group for Cleanup: its number may be somebody else's by then.
func (c *HostCommand) leave(group int) {
	left := leftIn(group)
	c.mu.Lock()
	defer c.mu.Unlock()
	c.group, c.left = 0, append(c.left, left...)
}

// Cleanup kills what the command has left on this host: the rest of its process group, and whatever else carries its mark,
// as a program does that has made a session of its own.
func (c *HostCommand) Cleanup(ctx context.Context, _ Job) error {
	c.mu.Lock()
	left, mark := c.left, c.mark
	c.left = nil
	c.mu.Unlock()
	err := endGroups(left)
	if mark != "" {
		err = errors.Join(err, endMarked(ctx, VarCommand+"="+mark))
	}
	if err != nil {
		return fmt.Errorf("end the processes that %s left: %w", c.Name(), err)
	}
	return nil
}

func (c *HostCommand) find() (string, error) {
	path, err := exec.LookPath(c.Path)
	switch {
	case err == nil:
		return filepath.Abs(path)
	case errors.Is(err, fs.ErrPermission):
		return "", fmt.Errorf("recovery command %q is not executable: chmod +x %s", c.Path, c.Path)
	case errors.Is(err, fs.ErrNotExist):
		return "", fmt.Errorf("recovery command %q does not exist%s", c.Path, lookedIn(c.Path))
	case errors.Is(err, syscall.EISDIR):
		return "", fmt.Errorf("recovery command %q is a directory, not a program", c.Path)
	case strings.Contains(c.Path, "/"):
		return "", fmt.Errorf("recovery command %q cannot be run: %w", c.Path, err)
	}
	return "", fmt.Errorf("recovery command %q is not in PATH: %w", c.Path, err)
}

// lookedIn tells a person where a relative path begins: go test runs a package's tests in the package's directory.
func lookedIn(path string) string {
	dir, err := os.Getwd()
	if err != nil || filepath.IsAbs(path) {
		return ""
	}
	return fmt.Sprintf(" (looked in %s, the suite's directory)", dir)
}

// withheld are the beginnings of variables that would lead a command to another database than the drill's.
var withheld = []string{"GAMEDAY_", "PG", "MYSQL_", "MARIADB_"}

// inherited is the part of this process's environment that a person's shell would have too.
func inherited() []string {
	var keep []string
	for _, kv := range os.Environ() {
		if !slices.ContainsFunc(withheld, func(prefix string) bool { return strings.HasPrefix(kv, prefix) }) {
			keep = append(keep, kv)
		}
	}
	return keep
}

func startHint(path string, err error) string {
	if errors.Is(err, syscall.ENOEXEC) {
		return fmt.Sprintf(" (has %s a first line such as #!/bin/sh?)", path)
	}
	return ""
}

// ExitStatus says that a recovery command ran and reported failure by its exit status.
type ExitStatus struct {
	Name string
	Code int
	Text string // "exit status 3", "signal: killed"
}

func (e *ExitStatus) Error() string { return fmt.Sprintf("%s ended with %s", e.Name, e.Text) }

// Stopped says that a recovery was ended because its time was up or the drill was interrupted.
type Stopped struct {
	Name  string
	Cause error
}

func (e *Stopped) Error() string {
	if errors.Is(e.Cause, context.DeadlineExceeded) {
		return fmt.Sprintf("%s did not end in its time and was stopped: %v", e.Name, e.Cause)
	}
	return fmt.Sprintf("%s was stopped: %v", e.Name, e.Cause)
}

// Unwrap gives the context's error.
func (e *Stopped) Unwrap() error { return e.Cause }

func exitStatus(name string, err error) error {
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		return &ExitStatus{Name: name, Code: exit.ExitCode(), Text: exit.String()}
	}
	if err != nil {
		return fmt.Errorf("run %s: %w", name, err)
	}
	return nil
}
