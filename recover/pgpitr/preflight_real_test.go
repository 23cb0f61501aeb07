package pgpitr

import (
	"context"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/recoverydrill/gameday/fixtures"
	"github.com/recoverydrill/gameday/fixtures/postgres"
	recovery "github.com/recoverydrill/gameday/recover"
	"github.com/recoverydrill/gameday/recover/internal/labtest"
)

// A backup of which some bytes have gone bad has its label all the same.
func TestADamagedBackupIsSeenBeforeTheRestore(t *testing.T) {
	ctx, _, s := labtest.Open(t, 5*time.Minute, postgres.Cluster{Spares: 1}.Open)
	_, err := s.Backup(ctx, "full")
	labtest.NoError(t, err)
	env, err := s.Environment(ctx)
	labtest.NoError(t, err)
	delete(env, "PGUSER") // on a node, the server's user is the superuser
	if n := needOfBackup(ctx, t, s, env); !n.Met {
		t.Errorf("a sound backup: %+v", n)
	}
	_, err = s.Members()[0].Node.Exec(ctx, fixtures.Command{
		Args: []string{"sh", "-euc", `printf DAMAGED | dd of="$GAMEDAY_BACKUP/global/1262" bs=1 seek=100 conv=notrunc status=none`}, User: "postgres", Env: env,
	})
	labtest.NoError(t, err)
	if n := needOfBackup(ctx, t, s, env); n.Met || !strings.Contains(n.Detail, "global/1262") {
		t.Errorf("a damaged backup: %+v", n)
	}
}

func needOfBackup(ctx context.Context, t *testing.T, s *postgres.System, env map[string]string) recovery.Need {
	t.Helper()
	needs, err := To(Latest).Preflight(ctx, recovery.Job{System: s, Env: env, Output: io.Discard})
	labtest.NoError(t, err)
	for _, n := range needs {
		if n.Resource == recovery.NeedsBackup {
			return n
		}
	}
	t.Fatalf("no backup is needed: %+v", needs)
	return recovery.Need{}
}
