// Package mysqlrepair is the reference procedure for a selective repair in MySQL and MariaDB: a bad write has damaged some
// rows, and what clients wrote since must not be lost. It restores a copy beside, replays the whole log there while it
// keeps of each row the last version that was good, and puts those columns back into the damaged rows of the serving
// primary in one transaction. Nothing else is touched.
//
// The last good version is the one just before the damage, and not that of a mark: a row may have been changed rightly
// between the two. So a slow burn is one repair. A row that looks damaged and was never seen good is left as it is, and
// counted. It may be run again after it was killed: the copy is made anew, and rows that were put back are not damaged any
// more.
package mysqlrepair

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"strings"
	"time"

	recovery "github.com/recoverydrill/gameday/recover"
	"github.com/recoverydrill/gameday/recover/mysqlhost"
)

// Damage is what was done to the rows of one table, and how it is told from health.
type Damage struct {
	// Table is database.table. It needs a primary key of numbers or text, and no trigger of its UPDATEs, which the repair
	// would set off.
	Table string
	// Poison is an SQL condition on the table's columns that every damaged row fulfils, and no row that a client has
	// written rightly since: "amount = 0".
	Poison string
	// Columns are what the damage changed, none of them a FLOAT. Only these are put back: what clients have written into
	// others since stays.
	Columns []string
}

// Procedure is one repair.
type Procedure struct {
	Damages []Damage
	Node    string        // where the copy is restored; default the system's first spare
	Limit   time.Duration // for each of: a start of the copy, the replay; default 5 min
}

var (
	_ recovery.Recovery    = Procedure{}
	_ recovery.Planner     = Procedure{}
	_ recovery.Preflighter = Procedure{}
)

// Rows is a repair of these damages.
func Rows(damages ...Damage) Procedure { return Procedure{Damages: damages} }

// Name is what reports call it.
func (Procedure) Name() string { return "mysqlrepair" }

// Recover runs the procedure. It needs no target: what is good is told by the damage's signature.
func (p Procedure) Recover(ctx context.Context, job recovery.Job) error {
	r, err := p.repair(job)
	if err != nil {
		return err
	}
	return job.Run(ctx, r.steps()...)
}

// Plan implements [recovery.Planner].
func (p Procedure) Plan(_ context.Context, job recovery.Job) (recovery.Plan, error) {
	r, err := p.repair(job)
	if err != nil {
		return recovery.Plan{}, err
	}
	return recovery.PlanOf(r.steps()...), nil
}

// Preflight implements [recovery.Preflighter]: what the copy needs.
func (p Procedure) Preflight(ctx context.Context, job recovery.Job) ([]recovery.Need, error) {
	r, err := p.repair(job)
	if err != nil {
		return nil, err
	}
	return r.copy.Look(ctx, mysqlhost.Target{Kind: mysqlhost.Latest}, mysqlhost.Growth{Backup: 1, Log: mysqlhost.EditedLog}, nil, []string{"data"})
}

// repair is one repair under way.
type repair struct {
	copy, primary mysqlhost.Host
	claim         *mysqlhost.Claim
	tables        []*table
	end           mysqlhost.Target // up to where the log was archived: the damage is in it
	before        bool             // an earlier run has put the rows back
}

// table is a damaged table.
type table struct {
	Damage
	database, name string
	keys           []string // the columns of its primary key
	ordinals       []string // and their places in the table, from 1
	unsigned       []string // those of them at which there is no negative number
	renewed        []string // columns that change by themselves when a row does, and must not now
	suspects       int      // rows that look damaged
}

var (
	tableName  = regexp.MustCompile(`^([A-Za-z0-9_$]+)\.([A-Za-z0-9_$]+)$`)
	columnName = regexp.MustCompile(`^[A-Za-z0-9_$]+$`)
)

func (p Procedure) repair(job recovery.Job) (*repair, error) {
	spare, err := mysqlhost.Spare(job, p.Node, p.Limit)
	if err != nil {
		return nil, fmt.Errorf("mysqlrepair: %w", err)
	}
	name, _, _ := strings.Cut(job.Env["GAMEDAY_PRIMARY"], ":")
	node, err := recovery.Member(job.System, name)
	if err != nil {
		return nil, fmt.Errorf("mysqlrepair: %w", err)
	}
	r := &repair{copy: spare, primary: spare.Beside(node)}
	r.claim = &mysqlhost.Claim{Host: spare, What: "mysqlrepair from " + job.Env["GAMEDAY_BACKUP"]}
	if len(p.Damages) == 0 {
		return nil, errors.New("mysqlrepair: no damage is named")
	}
	for _, d := range p.Damages {
		parts := tableName.FindStringSubmatch(d.Table)
		if parts == nil || strings.TrimSpace(d.Poison) == "" || len(d.Columns) == 0 {
			return nil, fmt.Errorf("mysqlrepair: damage to %q: want database.table, Poison and Columns", d.Table)
		}
		for _, c := range d.Columns {
			if !columnName.MatchString(c) {
				return nil, fmt.Errorf("mysqlrepair: damage to %q: column %q: want letters, digits, _ and $", d.Table, c)
			}
		}
		r.tables = append(r.tables, &table{Damage: d, database: parts[1], name: parts[2]})
	}
	return r, nil
}

func (r *repair) steps() []recovery.Step {
	var names []string
	for _, t := range r.tables {
		names = append(names, t.Table)
	}
	all := strings.Join(names, ", ")
	on, from := r.copy.Node.Name(), r.primary.Node.Name()
	return []recovery.Step{
		{Name: "find the damage", Does: "look for damaged rows in " + all + " on " + from + ", and refuse if there are none", Do: r.find},
		{Name: "archive the log", Does: "close the file of the log, and wait until the archive holds the damage", Do: r.unless(r.archive)},
		{Name: "restore a copy", Does: "copy the newest base backup to " + on + " and start a server on it that nobody reaches", Do: r.unless(r.restore)},
		{
			Name: "replay the log", Does: "replay the archived log to its end, and before each transaction keep the rows that it changes if they are good",
			Do: r.unless(r.replay),
		},
		{Name: "put the rows back", Does: "write the last good version over the damaged rows of " + from + " in one transaction", Do: r.unless(r.apply)},
		{Name: "look again", Does: "refuse to call it done while a row is damaged that was good before", Do: r.unless(r.again)},
		{Name: "discard the copy", Does: "stop the copy on " + on + " and remove it", Do: r.claim.Free},
	}
}

func (r *repair) unless(do func(context.Context) error) func(context.Context) error {
	return func(ctx context.Context) error {
		if r.before {
			return nil
		}
		return do(ctx)
	}
}
