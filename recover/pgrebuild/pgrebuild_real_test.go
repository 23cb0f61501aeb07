package pgrebuild

import (
	"context"
	"errors"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/recoverydrill/gameday/fixtures"
	"github.com/recoverydrill/gameday/fixtures/container"
	"github.com/recoverydrill/gameday/fixtures/images"
	"github.com/recoverydrill/gameday/fixtures/postgres"
	recovery "github.com/recoverydrill/gameday/recover"
)

// A server that does not answer has nothing that could be read, and is not a sound one: neither a standby that is to be
// found, nor the primary that is to be copied.
func TestADeadServerCannotBeRead(t *testing.T) {
	if testing.Short() {
		t.Skip("needs Docker")
	}
	ctx, cancel := context.WithTimeout(t.Context(), 8*time.Minute)
	defer cancel()
	run, err := fixtures.NewRun(t.TempDir())
	noError(t, err)
	provider, err := container.New(ctx, run, container.Options{Images: images.New(images.Options{Build: true, Log: t.Output()})})
	noError(t, err)
	t.Cleanup(func() { noError(t, provider.Close(context.WithoutCancel(ctx))) })
	s, err := postgres.Cluster{Standbys: 2}.Open(ctx, run, provider)
	noError(t, err)
	t.Cleanup(func() { noError(t, s.Close(context.WithoutCancel(ctx))) })
	env, err := s.Environment(ctx)
	noError(t, err)
	delete(env, "PGUSER") // on a node, the server's user is the superuser
	nodes := map[string]fixtures.Node{}
	for _, m := range s.Members() {
		nodes[m.Node.Name()] = m.Node
	}
	rebuild := func() error {
		err := Standby("").Recover(ctx, recovery.Job{System: s, Env: env, Output: io.Discard, Step: func(string) {}})
		t.Log(err)
		return err
	}
	refuses := func(because string) {
		t.Helper()
		var refused *recovery.Refused
		if err := rebuild(); !errors.As(err, &refused) || !strings.Contains(refused.Reason, because) {
			t.Errorf("got %v, want a refusal because %q", err, because)
		}
	}

	refuses("every standby can be read")
	noError(t, s.KillServer(ctx, nodes["standby-2"]))
	noError(t, rebuild())
	noError(t, s.Statement(ctx, "", "", "CREATE TABLE after (at int)"))
	res, err := nodes["standby-2"].Exec(ctx, fixtures.Command{
		Args: []string{"sh", "-euc", `
i=0
until [ "$("$GAMEDAY_PGBIN/psql" -h /tmp -d app -XAtc "SELECT to_regclass('after') IS NOT NULL")" = t ]; do i=$((i + 1)); [ $i -lt 100 ]; sleep 0.1; done`}, User: "postgres", Env: env,
	})
	if err != nil {
		t.Errorf("the standby that was built anew does not follow: %v %s", err, res.Stderr)
	}
	noError(t, s.KillServer(ctx, nodes["primary"]))
	refuses("the primary primary cannot be read itself")
}

func noError(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
