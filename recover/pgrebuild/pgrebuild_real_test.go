package pgrebuild

import (
	"errors"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/recoverydrill/gameday/fixtures"
	"github.com/recoverydrill/gameday/fixtures/postgres"
	recovery "github.com/recoverydrill/gameday/recover"
	"github.com/recoverydrill/gameday/recover/internal/labtest"
)

// A server that does not answer has nothing that could be read, and is not a sound one: neither a standby that is to be
// found, nor the primary that is to be copied.
func TestADeadServerCannotBeRead(t *testing.T) {
	ctx, _, s := labtest.Open(t, 8*time.Minute, postgres.Cluster{Standbys: 2}.Open)
	env, err := s.Environment(ctx)
	labtest.NoError(t, err)
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
	labtest.NoError(t, s.KillServer(ctx, nodes["standby-2"]))
	labtest.NoError(t, rebuild())
	labtest.NoError(t, s.Statement(ctx, "", "", "CREATE TABLE after (at int)"))
	res, err := nodes["standby-2"].Exec(ctx, fixtures.Command{
		Args: []string{"sh", "-euc", `
i=0
until [ "$("$GAMEDAY_PGBIN/psql" -h /tmp -d app -XAtc "SELECT to_regclass('after') IS NOT NULL")" = t ]; do i=$((i + 1)); [ $i -lt 100 ]; sleep 0.1; done`}, User: "postgres", Env: env,
	})
	if err != nil {
		t.Errorf("the standby that was built anew does not follow: %v %s", err, res.Stderr)
	}
	labtest.NoError(t, s.KillServer(ctx, nodes["primary"]))
	refuses("the primary primary cannot be read itself")
}
