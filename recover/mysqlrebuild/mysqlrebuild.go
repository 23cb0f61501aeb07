// Package mysqlrebuild is the reference procedure for a replica of MySQL or MariaDB whose data is not the primary's any
// more: it is damaged, or somebody has written to it. It puts the replica's data aside, copies the serving primary's to it
// (MySQL: the clone plugin, from server to server; MariaDB: mariadb-backup, by way of the vault), has every table of the
// copy checked, lets it follow again as it did before, and removes the old data last. Clients are served throughout, and are
// sent nowhere.
//
// It refuses to touch a server that is no replica. A copy that cannot be made, or is damaged as the primary's files are, ends
// with an error and the old data in its place, and so does one that cannot be checked: a bad replica is better than none. It
// may be run again after it was killed: what is needed to follow was put aside before anything else, and a copy that follows
// stays.
package mysqlrebuild

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	recovery "github.com/recoverydrill/gameday/recover"
	"github.com/recoverydrill/gameday/recover/mysqlhost"
)

// Procedure is one rebuild.
type Procedure struct {
	Node  string        // the replica's
	Limit time.Duration // for each of: the copy, a start of the server, until it follows; default 5 min
}

var (
	_ recovery.Recovery    = Procedure{}
	_ recovery.Planner     = Procedure{}
	_ recovery.Preflighter = Procedure{}
)

// Replica is a rebuild of the replica on a node.
func Replica(node string) Procedure { return Procedure{Node: node} }

// Name is what reports call it.
func (Procedure) Name() string { return "mysqlrebuild" }

// Recover runs the procedure.
func (p Procedure) Recover(ctx context.Context, job recovery.Job) error {
	r, err := p.rebuild(job)
	if err != nil {
		return err
	}
	return job.Run(ctx, r.steps()...)
}

// Plan implements [recovery.Planner].
func (p Procedure) Plan(_ context.Context, job recovery.Job) (recovery.Plan, error) {
	r, err := p.rebuild(job)
	if err != nil {
		return recovery.Plan{}, err
	}
	return recovery.PlanOf(r.steps()...), nil
}

// Preflight implements [recovery.Preflighter]: a primary that can be copied, the program by which the copy is checked, and
// disk for it on the replica beside the old data.
func (p Procedure) Preflight(ctx context.Context, job recovery.Job) ([]recovery.Need, error) {
	r, err := p.rebuild(job)
	if err != nil {
		return nil, err
	}
	donor := recovery.Need{Resource: recovery.NeedsNode, Where: r.donor.Name(), Met: true, Detail: "it takes writes: it can be copied"}
	if err := r.serves(ctx); err != nil {
		donor.Met, donor.Detail = false, err.Error()
	}
	checker, err := r.checker(ctx)
	if err != nil {
		return nil, err
	}
	disk := recovery.Need{Resource: recovery.NeedsDisk, Where: r.host.Name() + ":" + job.Env["GAMEDAY_DATADIR"], Detail: "the primary's data directory, beside the old one"}
	if disk.Needed, err = r.bytes(ctx, r.donor, `du -sk "$GAMEDAY_DATADIR" | cut -f 1`); err != nil {
		return nil, err
	}
	disk.Available, err = r.bytes(ctx, r.host, `df -Pk "$(dirname "$GAMEDAY_DATADIR")" | awk 'NR == 2 { print $4 }'`)
	disk.Met = disk.Needed <= disk.Available
	return []recovery.Need{donor, checker, disk}, err
}

// checker is the need of a program on the replica.
func (r *rebuild) checker(ctx context.Context) (recovery.Need, error) {
	said, err := r.host.Sh(ctx, `if p=$(command -v "$CHECK"); then echo "the copy is checked by $p"; else echo "not there: $CHECK"; fi`, nil)
	return recovery.Need{
		Resource: recovery.NeedsNode, Where: r.host.Name(), Met: !strings.HasPrefix(said, "not there"), Detail: said,
	}, err
}

func (r *rebuild) bytes(ctx context.Context, h mysqlhost.Host, script string) (int64, error) {
	out, err := h.Sh(ctx, script, nil)
	if err != nil {
		return 0, err
	}
	var kb int64
	if _, err := fmt.Sscan(out, &kb); err != nil {
		return 0, fmt.Errorf("read a size in kilobytes: %w", err)
	}
	return kb << 10, nil
}

// rebuild is one rebuild under way.
type rebuild struct {
	host, donor mysqlhost.Host
	done        bool // an earlier run was killed when there was nothing left to do but to remove the old data
}

func (p Procedure) rebuild(job recovery.Job) (*rebuild, error) {
	if p.Node == "" {
		return nil, errors.New("mysqlrebuild: Node is empty: which replica is to be rebuilt?")
	}
	name, _, _ := strings.Cut(job.Env["GAMEDAY_PRIMARY"], ":")
	if p.Node == name {
		return nil, fmt.Errorf("mysqlrebuild: %s is the primary", name)
	}
	node, err := recovery.Member(job.System, p.Node)
	if err != nil {
		return nil, fmt.Errorf("mysqlrebuild: %w", err)
	}
	donor, err := recovery.Member(job.System, name)
	if err != nil {
		return nil, fmt.Errorf("mysqlrebuild: %w", err)
	}
	h, err := mysqlhost.On(job, node, p.Limit)
	if err != nil {
		return nil, fmt.Errorf("mysqlrebuild: %w", err)
	}
	return &rebuild{host: h, donor: h.Beside(donor)}, nil
}

func (r *rebuild) steps() []recovery.Step {
	copies := "clone the primary " + r.donor.Name() + " to " + r.host.Name() + ", from server to server"
	if r.host.IsMariaDB() {
		copies = "copy the primary " + r.donor.Name() + " to " + r.host.Name() + " by mariadb-backup, by way of the vault"
	}
	return []recovery.Step{
		{Name: "look", Does: "refuse unless " + r.donor.Name() + " serves and " + r.host.Name() + " is a replica; keep how it follows", Do: r.look},
		{Name: "put the old data aside", Does: "end the server on " + r.host.Name() + " and rename its data directory", Do: r.aside},
		{Name: "copy the primary", Does: copies, Do: r.unless(r.orBack(r.copy))},
		{Name: "check the copy", Does: "start a server on it that nobody reaches, and have it check every table; put the old data back if one is damaged", Do: r.unless(r.orBack(r.check))},
		{Name: "let it follow", Does: "start the server as it is configured, and its replication as it was", Do: r.unless(r.follow)},
		{Name: "remove the old data", Does: "remove the data directory that was put aside", Do: r.remove},
	}
}
