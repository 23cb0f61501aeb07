package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"github.com/recoverydrill/gameday/fixtures"
	"github.com/recoverydrill/gameday/fixtures/container/docker"
	"github.com/recoverydrill/gameday/fixtures/images"
	"github.com/recoverydrill/gameday/fixtures/process"
	"github.com/recoverydrill/gameday/scenarios/drill/config"
	"github.com/recoverydrill/gameday/scenarios/ground"
)

// advice is one line of the doctor's.
type advice struct {
	level string // "ok", "warn" or "fail"
	found string
	fix   string // what to do; "" for ok
}

// examination looks at one thing that drills need.
type examination struct {
	name string
	look func(context.Context) advice
	// optional says that what is lacking is a warning, unless the thing was named, or drills are to run there: the other
	// places that drills can run in may be enough.
	optional fixtures.Place
}

func examinations() []examination {
	return []examination{
		{name: "place", look: lookAtPlace},
		{name: "docker", look: lookAtDocker, optional: fixtures.InContainers},
		{name: "images", look: lookAtImages},
		{name: "disk", look: lookAtDisk},
		{name: "ports", look: lookAtPorts},
		{name: "leftovers", look: lookAtLeftovers},
		{name: "go", look: lookAtGo},
		{name: "servers", look: lookAtServers, optional: fixtures.InProcesses},
	}
}

func (a *app) doctorCommand() *cobra.Command {
	var names []string
	for _, e := range examinations() {
		names = append(names, e.name)
	}
	return &cobra.Command{
		Use:   "doctor [WHAT...]",
		Short: "Tell whether this machine can run drills, and what to do where it cannot",
		Long: `Doctor looks at what drills need, or at what is named: ` + strings.Join(names, ", ") + `.
Each line is ok, warn or fail, with one thing to do. The exit code is 3 if one is fail. What is
named must be there; otherwise Docker and servers may be lacking, where drills can run without.

The place is where a drill that can run anywhere would: in containers if a Docker API answers,
else from server binaries of this machine, else in gameday's own process. "gameday run --on", the
key "on" of gameday.yaml and GAMEDAY_ON force one of them.`,
		Example: `  gameday doctor
  gameday doctor place
  gameday doctor docker images`,
		ValidArgs: names,
		RunE: func(cmd *cobra.Command, args []string) error {
			for _, arg := range args {
				if !slices.Contains(names, arg) {
					return usagef("doctor does not know %q\nit looks at %s", arg, strings.Join(names, ", "))
				}
			}
			return a.doctor(cmd.Context(), args)
		},
	}
}

func (a *app) doctor(ctx context.Context, only []string) error {
	failed := false
	w := tabwriter.NewWriter(a.out, 0, 4, 2, ' ', 0)
	for _, e := range examinations() {
		if len(only) > 0 && !slices.Contains(only, e.name) {
			continue
		}
		r := e.look(ctx)
		if r.level == "fail" && e.optional != "" && len(only) == 0 && on() != string(e.optional) {
			r.level = "warn"
		}
		failed = failed || r.level == "fail"
		fmt.Fprintf(w, "%s\t%s\t%s\n", r.level, e.name, strings.TrimSuffix(r.found+"; "+r.fix, "; "))
	}
	if err := w.Flush(); err != nil {
		return err
	}
	if failed {
		return errSaid
	}
	return nil
}

// on is where drills are to run, as far as the environment and the configuration say; the configuration's mistakes are
// told by who needs it.
func on() string {
	conf, _ := runOptions{}.load() //nolint:errcheck // see above
	return cmp.Or(os.Getenv(config.OnVariable), conf.On, config.Auto)
}

// lookAtPlace tells where a drill would run that can run anywhere.
func lookAtPlace(ctx context.Context) advice {
	if _, err := (runOptions{}).load(); err != nil {
		return advice{"fail", err.Error(), ""}
	}
	m := ground.Here()
	m.Processes = func(ctx context.Context, _, _ string) (string, error) { return servers(ctx) }
	choice, err := ground.Choose(ctx, m, on(), fixtures.Needs{
		Places: []fixtures.Place{fixtures.InContainers, fixtures.InProcesses, fixtures.Embedded},
	})
	switch {
	case err != nil:
		return advice{"fail", head(err.Error(), 1), ""}
	case choice.Place == fixtures.Embedded && on() == config.Auto:
		return advice{"warn", "drills run " + choice.String(), "for engines that need a server, start Docker or install the server"}
	}
	return advice{"ok", "drills run " + choice.String(), ""}
}

func lookAtDocker(ctx context.Context) advice {
	engine, err := docker.Engine(ctx)
	if err != nil {
		return advice{"fail", head(err.Error(), 1), ""} // it says itself what to do
	}
	return advice{"ok", engine, ""}
}

func lookAtImages(ctx context.Context) advice {
	conf, err := runOptions{}.load()
	if err != nil {
		return advice{"fail", err.Error(), ""}
	}
	resolver := images.New(images.Options{Overrides: conf.Images})
	var missing []string
	for _, s := range wantedImages {
		i, here, err := resolver.Look(ctx, s)
		if absent := (*docker.AbsentError)(nil); errors.As(err, &absent) {
			return advice{"warn", "cannot be looked for without Docker", ""}
		}
		if err != nil {
			return advice{"fail", "cannot be looked for: " + head(err.Error(), 1), ""}
		}
		if !here {
			missing = append(missing, i.Reference)
		}
	}
	if len(missing) > 0 {
		return advice{"warn", "not here: " + strings.Join(missing, ", "), "gameday images ensure (or the first drill does it)"}
	}
	return advice{"ok", "what the main job needs in containers is here", ""}
}

// Space that a drill needs for its stores, backups and archives, and below which it cannot be expected to end.
const (
	plentyGB = 10
	littleGB = 2
)

func lookAtDisk(context.Context) advice {
	here, err := os.Getwd()
	if err != nil {
		return advice{"warn", err.Error(), ""}
	}
	var least uint64 = 1 << 62
	where := here
	for _, dir := range []string{here, os.TempDir(), "/var/lib/docker"} {
		var s syscall.Statfs_t
		if err := syscall.Statfs(dir, &s); err != nil {
			continue // Docker keeps its data elsewhere, or on another machine
		}
		if free := s.Bavail * uint64(s.Bsize) >> 30; free < least { //nolint:gosec,unconvert // a block's size is positive; its type differs between systems
			least, where = free, dir
		}
	}
	found := fmt.Sprintf("%d GiB free at %s", least, where)
	switch {
	case least < littleGB:
		return advice{"fail", found, fmt.Sprintf("free at least %d GiB", plentyGB)}
	case least < plentyGB:
		return advice{"warn", found, fmt.Sprintf("drills with larger datasets need more than %d GiB", plentyGB)}
	}
	return advice{"ok", found, ""}
}

// lookAtPorts finds out whether published ports are looked for where they are. testcontainers-go takes the gateway's
// address when it finds itself in a container, which is wrong if the engine is in the same container.
func lookAtPorts(context.Context) advice {
	const name = "TESTCONTAINERS_HOST_OVERRIDE"
	if v := os.Getenv(name); v != "" {
		return advice{"ok", "published ports are reached at " + v + " (" + name + ")", ""}
	}
	_, err := os.Stat("/.dockerenv")
	host := os.Getenv("DOCKER_HOST")
	if err == nil && (host == "" || strings.HasPrefix(host, "unix://")) {
		return advice{
			"warn", "this is a container: published ports are looked for at its gateway",
			"if the engine runs in this container too, export " + name + "=127.0.0.1",
		}
	}
	return advice{"ok", "published ports are on this host", ""}
}

func lookAtLeftovers(ctx context.Context) advice {
	left, _, err := leftovers(ctx)
	absent := (*docker.AbsentError)(nil)
	switch {
	case errors.As(err, &absent):
		return advice{"warn", "cannot be listed: " + absent.Brief(), ""}
	case err != nil:
		return advice{"warn", "cannot be listed: " + head(err.Error(), 1), ""}
	case len(left) > 0:
		return advice{"warn", fmt.Sprintf("%d things of dead runs are left", len(left)), "gameday clean"}
	}
	return advice{"ok", "nothing is left of dead runs", ""}
}

func lookAtGo(ctx context.Context) advice {
	out, err := exec.CommandContext(ctx, "go", "env", "GOVERSION").Output()
	if err != nil {
		return advice{"fail", "go is not in PATH: suites are compiled here", "install Go, https://go.dev/dl"}
	}
	return advice{"ok", fmt.Sprintf("%s compiles the suites; this command was built with %s", strings.TrimSpace(string(out)), runtime.Version()), ""}
}

// lookAtServers lists server binaries of this machine, which drills can run on without containers.
func lookAtServers(ctx context.Context) advice {
	found, err := servers(ctx)
	if err != nil {
		return advice{"fail", head(err.Error(), 1), ""}
	}
	return advice{"ok", found, ""}
}

// servers lists the servers that nodes can be made of which are processes.
func servers(ctx context.Context) (string, error) {
	var names []string
	for _, b := range process.Installed(ctx) {
		names = append(names, b.String())
	}
	if len(names) == 0 {
		return "", errors.New("no server binaries of PostgreSQL, MariaDB or MySQL are here")
	}
	if err := process.Available(ctx); err != nil {
		return "", fmt.Errorf("%s cannot be used: %w", strings.Join(names, ", "), err)
	}
	return strings.Join(names, ", "), nil
}
