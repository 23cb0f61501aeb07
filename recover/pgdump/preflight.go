package pgdump

import (
	"context"
	"fmt"
	"strconv"
	"strings"

	recovery "github.com/recoverydrill/gameday/recover"
)

// inflation is how much larger a restored database is than its compressed dump, at least: for the forecast of the disk.
const inflation = 4

// Preflight reads the dumps as the procedure itself does, and looks for the binaries and for room.
func (p Procedure) Preflight(ctx context.Context, job recovery.Job) ([]recovery.Need, error) {
	r, err := p.on(job)
	if err != nil {
		return nil, err
	}
	out, err := r.server.Sh(ctx, `
"$bin/postgres" --version 2>&1 | head -n 1
dir=$data; while [ ! -d "$dir" ]; do dir=$(dirname "$dir"); done
echo "$(($(df -Pk "$dir" | tail -n 1 | awk '{print $4}') * 1024))"`, nil)
	if err != nil {
		return nil, fmt.Errorf("look at node %q: %w", r.server.Name(), err)
	}
	version, kept, _ := strings.Cut(out, "\n")
	free, _ := strconv.ParseInt(strings.TrimSpace(kept), 10, 64)
	dir, size, passed, err := r.look(ctx)
	if err != nil {
		return nil, err
	}
	major, _, _ := strings.Cut(job.Env["GAMEDAY_VERSION"], ".")
	backup := recovery.Need{Resource: recovery.NeedsBackup, Where: job.Env["GAMEDAY_DUMPS"], Met: dir != "", Detail: "there is no dump"}
	if dir != "" {
		backup.Detail = "the newest whole dump is " + dir
	}
	switch {
	case dir == "" && len(passed) > 0:
		backup.Detail = "no dump is whole: " + strings.Join(passed, "; ")
	case len(passed) > 0:
		backup.Detail += "; passed over: " + strings.Join(passed, "; ")
	}
	return []recovery.Need{
		{
			Resource: recovery.NeedsNode, Where: r.server.Name(), Met: strings.Contains(version+".", " "+major+"."),
			Detail: fmt.Sprintf("%s, PostgreSQL %s is needed", version, major),
		},
		backup,
		{
			Resource: recovery.NeedsDisk, Where: r.server.Name(), Needed: inflation * size, Available: free, Met: dir != "" && inflation*size <= free,
			Detail: fmt.Sprintf("%d times the dump's size; how large a restored database is shows only afterwards", inflation),
		},
	}, nil
}
