package pgbackrest

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"

	recovery "github.com/recoverydrill/gameday/recover"
)

// Preflight reads the repository as the procedure itself does, and looks for the binaries and for room.
func (p Procedure) Preflight(ctx context.Context, job recovery.Job) ([]recovery.Need, error) {
	r, err := p.on(job)
	if err != nil {
		return nil, err
	}
	out, err := r.server.Sh(ctx, `
echo "server=$("$bin/postgres" --version 2>&1 | head -n 1)"
echo "pgbackrest=$(pgbackrest version 2>&1 | head -n 1)"
[ -r "$GAMEDAY_PGBACKREST_CONFIG" ] && echo "config=readable"
dir=$data; while [ ! -d "$dir" ]; do dir=$(dirname "$dir"); done
echo "free=$(($(df -Pk "$dir" | tail -n 1 | awk '{print $4}') * 1024))"
[ ! -d "$data" ] || echo "used=$(($(du -sk "$data" | cut -f 1) * 1024))"`, nil)
	if err != nil {
		return nil, fmt.Errorf("look at node %q: %w", r.server.Name(), err)
	}
	told := map[string]string{}
	for line := range strings.Lines(out) {
		k, v, _ := strings.Cut(strings.TrimSpace(line), "=")
		told[k] = v
	}
	needs := []recovery.Need{r.binaries(job, told), r.config(job, told)}
	if !needs[0].Met || !needs[1].Met {
		return needs, nil
	}
	repo, err := r.look(ctx)
	if err != nil {
		return needs, errors.Join(errors.New("the repository cannot be read"), err)
	}
	c, ok := repo.pick(r.want, r.Set)
	return append(needs, r.backup(job, c, ok), r.log(job, c, ok), r.room(told, c, ok)), nil
}

func (r *run) binaries(job recovery.Job, told map[string]string) recovery.Need {
	major, _, _ := strings.Cut(job.Env["GAMEDAY_VERSION"], ".")
	return recovery.Need{
		Resource: recovery.NeedsNode, Where: r.server.Name(),
		Met:    strings.Contains(told["server"]+".", " "+major+".") && strings.HasPrefix(told["pgbackrest"], "pgBackRest"),
		Detail: fmt.Sprintf("%s and %s, PostgreSQL %s and pgBackRest are needed", told["server"], told["pgbackrest"], major),
	}
}

func (r *run) config(job recovery.Job, told map[string]string) recovery.Need {
	n := recovery.Need{Resource: recovery.NeedsPermission, Where: r.server.Name() + ":" + job.Env["GAMEDAY_PGBACKREST_CONFIG"], Met: told["config"] != ""}
	n.Detail = "pgBackRest's configuration can be read by the server's user"
	if !n.Met {
		n.Detail = "pgBackRest's configuration cannot be read by the server's user"
	}
	return n
}

func (r *run) backup(job recovery.Job, c choice, ok bool) recovery.Need {
	n := recovery.Need{Resource: recovery.NeedsBackup, Where: "stanza " + job.Env["GAMEDAY_PGBACKREST_STANZA"], Met: ok || c.gap}
	n.Detail = strings.Join(c.passed, "; ")
	if ok {
		n.Detail = strings.Join(append([]string{fmt.Sprintf("%s backup %s, which ends at %s", c.Type, c.Label, c.LSN.Stop)}, c.passed...), "; passed over: ")
	}
	return n
}

func (r *run) log(job recovery.Job, c choice, ok bool) recovery.Need {
	n := recovery.Need{Resource: recovery.NeedsLog, Where: "archive of stanza " + job.Env["GAMEDAY_PGBACKREST_STANZA"], Met: ok}
	switch {
	case ok:
		n.Detail = fmt.Sprintf("%d segments from %s on, none is missing", c.segments, c.Archive.Start)
	case c.gap:
		n.Detail = strings.Join(c.passed, "; ")
	default:
		n.Detail = "without a backup nobody knows where the log has to begin"
	}
	return n
}

// room asks for the restored files and for some segments that the server fetches and writes meanwhile. In place, what is
// there is used again.
func (r *run) room(told map[string]string, c choice, ok bool) recovery.Need {
	free, _ := strconv.ParseInt(told["free"], 10, 64)
	if used, err := strconv.ParseInt(told["used"], 10, 64); err == nil && r.InPlace {
		free += used
	}
	n := recovery.Need{Resource: recovery.NeedsDisk, Where: r.server.Name(), Available: free, Detail: "the restored files and three segments of the log"}
	if !ok {
		n.Detail = "without a backup nobody knows how much it takes"
		return n
	}
	n.Needed = c.Info.Size + 3*segmentSize
	n.Met = n.Needed <= free
	return n
}
