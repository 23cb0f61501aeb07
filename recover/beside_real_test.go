package recovery_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/recoverydrill/gameday/fixtures"
	"github.com/recoverydrill/gameday/fixtures/container"
	"github.com/recoverydrill/gameday/fixtures/images"
	"github.com/recoverydrill/gameday/fixtures/mysql"
	"github.com/recoverydrill/gameday/fixtures/postgres"
	recovery "github.com/recoverydrill/gameday/recover"
)

// scene is a system of containers, as a recovery sees it.
type scene struct {
	run   fixtures.Run
	sys   fixtures.System
	image string // that its nodes were made from
	env   map[string]string
}

func containers(t *testing.T, b fixtures.Blueprint) *scene {
	t.Helper()
	if testing.Short() {
		t.Skip("needs Docker")
	}
	run, err := fixtures.NewRun(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	p, err := container.New(t.Context(), run, container.Options{Images: images.New(images.Options{Build: true, Log: t.Output()})})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { closed(t, p.Close) })
	sys, err := b.Start(t.Context(), run, p)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { closed(t, sys.Close) })
	engine, err := sys.(fixtures.Responder).Environment(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return &scene{run, sys, sys.Info().Images["primary"].Reference, recovery.Environment(engine, run, "a drill", t.TempDir(), fixtures.Mark{})}
}

func closed(t *testing.T, end func(context.Context) error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	if err := end(ctx); err != nil {
		t.Error(err)
	}
}

// does runs a recovery and returns what it printed.
func (s *scene) does(ctx context.Context, t *testing.T, r recovery.Recovery) (string, error) {
	t.Helper()
	var out bytes.Buffer
	err := r.Recover(ctx, recovery.Job{System: s.sys, Env: s.env, WorkDir: t.TempDir(), Output: &out})
	return out.String(), err
}

func file(t *testing.T, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "restore.sh")
	if err := os.WriteFile(path, []byte("#!/bin/sh\n"+text), 0o700); err != nil { //nolint:gosec // it is run
		t.Fatal(err)
	}
	return path
}

// A recovery of any kind is told the responder's password and no other: neither the superuser's nor the application's.
func TestNoOtherSecretThanTheRespondersReachesARecovery(t *testing.T) {
	for name, b := range map[string]fixtures.Blueprint{"postgres": postgres.Cluster{Spares: 1}, "mariadb": mysql.Cluster{Flavour: mysql.MariaDB, Spares: 1}} {
		t.Run(name, func(t *testing.T) {
			s := containers(t, b)
			secrets := s.sys.(fixtures.Responder).Secrets()
			own := s.env["GAMEDAY_PASSWORD"]
			if len(secrets) < 3 || !slices.Contains(secrets, own) {
				t.Fatalf("%d secrets; is the responder's among them? %v", len(secrets), slices.Contains(secrets, own))
			}
			for kind, r := range map[string]recovery.Recovery{
				"on this host":     recovery.Command(file(t, "env")),
				"on a node":        recovery.OnNode("spare", file(t, "env")),
				"beside the nodes": recovery.InImage(s.image, "env"),
			} {
				out, err := s.does(t.Context(), t, r)
				if err != nil || !strings.Contains(out, "GAMEDAY_PASSWORD="+own+"\n") {
					t.Errorf("%s: the responder's password is not there, %v: %d bytes", kind, err, len(out))
				}
				for _, secret := range secrets {
					if secret != own && strings.Contains(out, secret) {
						t.Errorf("%s: another secret is there", kind)
					}
				}
			}
		})
	}
}

// A container beside the nodes is a responder's machine: it reaches the servers as the responder, finds the vault, and has
// no shell on the nodes. Nothing of it is left, whether it ends, fails or hangs.
func TestImageBesideTheNodes(t *testing.T) {
	s := containers(t, postgres.Cluster{Spares: 1})
	sh := func(script string) *recovery.ImageCommand { return recovery.InImage(s.image, "sh", "-c", script) }
	out, err := s.does(t.Context(), t, sh(`set -eu
"$GAMEDAY_PGBIN/psql" -h "$GAMEDAY_HOST_PRIMARY" -p "$GAMEDAY_PORT" -d postgres -Atc 'SELECT current_user, pg_is_in_recovery()'
ls -d "$GAMEDAY_VAULT/wal"
ls "$GAMEDAY_PGDATA" 2>/dev/null || echo no data here
env | grep -E 'GAMEDAY_(NODE|ADDRESS)_|GAMEDAY_WORKDIR' || echo no shell
hostname`))
	if err != nil || !strings.HasPrefix(out, "gameday_responder|f\n"+s.env["GAMEDAY_VAULT"]+"/wal\n") || !strings.Contains(out, "no data here\nno shell\nbeside-") {
		t.Errorf("%v, it said %q", err, out)
	}
	if out, err := s.does(t.Context(), t, sh(`"$GAMEDAY_PGBIN/psql" -h primary -d "$GAMEDAY_DATABASE" -c 'CREATE TABLE t ()'`)); err == nil {
		t.Errorf("the responder made a table: %q", out)
	}
	s.measured(t, sh("i=0; while [ $i -lt 300000 ]; do i=$((i+1)); done; sleep 2"))
	var exit *recovery.ExitStatus
	if _, err := s.does(t.Context(), t, sh("exit 3")); !errors.As(err, &exit) || exit.Code != 3 {
		t.Errorf("an exit status of 3 is %v", err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 3*time.Second)
	defer cancel()
	began := time.Now()
	var stopped *recovery.Stopped
	if _, err := s.does(ctx, t, sh("trap '' TERM; echo hangs; sleep 600")); !errors.As(err, &stopped) || time.Since(began) > 30*time.Second {
		t.Errorf("one that hangs took %s and ended with %v", time.Since(began), err)
	}
	if out, err := s.does(t.Context(), t, recovery.InImage("gameday.invalid/no-such-image:1")); err == nil || !strings.Contains(err.Error(), "no-such-image") {
		t.Errorf("an image that there is not: %v, %q", err, out)
	}
	plan, err := sh("true").WithPlan("2").Plan(t.Context(), recovery.Job{System: s.sys, Env: s.env, Output: &bytes.Buffer{}})
	if err == nil {
		t.Errorf("an image that prints no plan has the plan %+v", plan)
	}
	left, err := container.Remaining(t.Context(), s.run.ID)
	if err != nil || len(left) == 0 {
		t.Errorf("listed %v, %v", left, err)
	}
	for _, line := range left {
		if strings.Contains(line, "beside-") {
			t.Errorf("left behind: %s", line)
		}
	}
}

// A container that is killed has no time to tidy up; one whose time is up has. See TestKilledCommandGetsNoGrace.
func TestKilledImageGetsNoGrace(t *testing.T) {
	s := containers(t, postgres.Cluster{})
	for name, c := range map[string]struct {
		cause error
		tidy  bool
	}{"killed": {recovery.ErrKilled, false}, "overdue": {context.DeadlineExceeded, true}} {
		t.Run(name, func(t *testing.T) {
			mark := s.env["GAMEDAY_VAULT"] + "/tidied-" + name
			ctx, end := context.WithCancelCause(t.Context())
			defer end(nil)
			began := time.Now()
			out := recovery.NewOutput(io.Discard, func(string) error {
				began = time.Now()
				end(c.cause)
				return nil
			})
			r := recovery.InImage(s.image, "sh", "-c", "trap 'touch "+mark+"; exit 1' TERM; echo 'gameday: step wait'; while :; do sleep 0.05; done")
			err := r.Recover(ctx, recovery.Job{System: s.sys, Env: s.env, WorkDir: t.TempDir(), Output: out})
			var stopped *recovery.Stopped
			if !errors.As(err, &stopped) || !errors.Is(err, c.cause) || time.Since(began) > 10*time.Second {
				t.Errorf("got %v after %s", err, time.Since(began))
			}
			_, err = s.sys.Members()[0].Node.Exec(t.Context(), fixtures.Command{Args: []string{"test", "-e", mark}})
			if (err == nil) != c.tidy {
				t.Errorf("did it tidy up? %v", err)
			}
		})
	}
}

// measured wants a container to be seen at work.
func (s *scene) measured(t *testing.T, c *recovery.ImageCommand) {
	t.Helper()
	if u, err := c.Usage(t.Context()); err != nil || u != (fixtures.Usage{Disk: -1}) {
		t.Errorf("before its start it has used %+v (%v)", u, err)
	}
	done := make(chan error, 1)
	go func() {
		_, err := s.does(t.Context(), t, c)
		done <- err
	}()
	var most fixtures.Usage
	for {
		select {
		case err := <-done:
			after, uerr := c.Usage(t.Context())
			if err != nil || uerr != nil || most.CPU < 20*time.Millisecond || most.Memory <= 0 || after.CPU < most.CPU {
				t.Errorf("used %+v, then %+v (%v, %v)", most, after, err, uerr)
			}
			return
		case <-time.After(100 * time.Millisecond):
			if u, err := c.Usage(t.Context()); err == nil {
				most.CPU, most.Memory = max(most.CPU, u.CPU), max(most.Memory, u.Memory)
			}
		}
	}
}

// Where nodes are no containers it is said that they are not.
func TestImageBesideAFile(t *testing.T) {
	s := members{}
	err := recovery.InImage("any").Recover(t.Context(), recovery.Job{System: s, Output: &bytes.Buffer{}})
	if !errors.Is(err, fixtures.ErrUnsupported) {
		t.Errorf("got %v", err)
	}
}

// members is a system without nodes.
type members struct{ fixtures.System }

func (members) Members() []fixtures.Member { return nil }
func (members) Info() fixtures.Info        { return fixtures.Info{Provider: "embedded"} }
