package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"github.com/recoverydrill/gameday/fixtures/container"
	"github.com/recoverydrill/gameday/fixtures/container/docker"
	"github.com/recoverydrill/gameday/fixtures/images"
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
}

func examinations() []examination {
	return []examination{
		{"docker", lookAtDocker},
		{"images", lookAtImages},
		{"disk", lookAtDisk},
		{"ports", lookAtPorts},
		{"leftovers", lookAtLeftovers},
		{"go", lookAtGo},
		{"servers", lookAtServers},
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
Each line is ok, warn or fail, with one thing to do. The exit code is 3 if one is fail.`,
		Example: `  gameday doctor
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

func lookAtDocker(ctx context.Context) advice {
	d, err := docker.Dial(ctx)
	if err != nil {
		return advice{"fail", head(err.Error(), 1), ""} // it says itself what to do
	}
	defer func() { _ = d.Close() }()
	return advice{"ok", fmt.Sprintf("engine at %s, API %s", d.DaemonHost(), d.ClientVersion()), ""}
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
	return advice{"ok", "what the shipped scenarios need is here", ""}
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
	left, err := container.Leftovers(ctx)
	switch {
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

// lookAtServers lists server binaries of this machine. No drill needs them yet: nodes live in containers.
func lookAtServers(context.Context) advice {
	var found []string
	for _, pattern := range []string{"/usr/lib/postgresql/*/bin/postgres", "/usr/sbin/mysqld", "/usr/sbin/mariadbd", "/usr/local/bin/postgres"} {
		paths, _ := filepath.Glob(pattern) // the patterns are well formed
		found = append(found, paths...)
	}
	if len(found) == 0 {
		return advice{"ok", "none on this machine; nodes are containers", ""}
	}
	return advice{"ok", strings.Join(found, ", "), ""}
}
