// Package pgrepair is the reference procedure for a selective repair in PostgreSQL: a bad write has damaged some rows, and
// what clients wrote since must not be lost. It restores a copy beside, finds the last good version of each damaged row in
// it, and puts these rows back into the serving primary in one transaction. Nothing else is touched.
//
// The last good version is the one just before the bad transaction committed, and not that of the mark: a row may have been
// changed rightly between the two. The bad transactions are told by the damaged rows themselves (xmin), and by the log where
// rows were deleted; the copy is led from the mark to just before each of them in turn, and read there. So a slow burn is one
// repair with many stops. A damaged row that a client has written to since names that client's transaction: before it, the
// row in the copy names the one that wrote it last until then, and the copy is led from the mark once more.
//
// A row that was damaged and then deleted is both: it comes back as it was last, and is healed. A row that looks damaged
// and looked so at every stop is left as it is, and counted. Rows that a bad transaction inserted are not told from good
// ones. Deleted rows of a table that was rewritten since the mark, as TRUNCATE does, are refused. It may be run again after
// it was killed: the copy is made anew, and rows that were put back are not damaged any more.
package pgrepair

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"strings"
	"time"

	recovery "github.com/recoverydrill/gameday/recover"
	"github.com/recoverydrill/gameday/recover/pgpitr"
	"github.com/recoverydrill/gameday/recover/pgserver"
)

// Damage is what was done to the rows of one table, and how it is told from health.
type Damage struct {
	// Table is schema.table. It needs a primary key.
	Table string
	// Poison is an SQL condition on the table's columns that every damaged row fulfils: "amount = 0". A row that
	// fulfilled it before the damage is left as it is. "" means that no row was changed.
	Poison string
	// Columns are what the damage changed; empty takes all that are no key and not generated. Of a row that somebody
	// has changed in part since, only these are put back.
	Columns []string
	// Deleted is an SQL condition on the columns of rows that the damage deleted: "order_id % 7 = 0". A row that fulfilled
	// it, at the mark or before any transaction that deleted from the table since, and is gone is put back as it was last.
	// If it looked damaged then, its Columns are those of its last good version, as with a row that is there.
	// It must not be true of rows that were deleted rightly since the mark.
	Deleted string
}

// Procedure is one repair.
type Procedure struct {
	// Damages are repaired in this order: a table before those that refer to it.
	Damages []Damage
	Node    string        // where the copy is restored; default the system's first spare
	Limit   time.Duration // for each stop of the copy; default 5 min
	Stops   int           // the most transactions that the copy is read before; default 500
}

var (
	_ recovery.Recovery    = Procedure{}
	_ recovery.Planner     = Procedure{}
	_ recovery.Preflighter = Procedure{}
)

// Rows is a repair of these damages.
func Rows(damages ...Damage) Procedure { return Procedure{Damages: damages} }

// Name is what reports call it.
func (Procedure) Name() string { return "pgrepair" }

// Recover runs the procedure. The target is a mark before the damage.
func (p Procedure) Recover(ctx context.Context, job recovery.Job) error {
	r, err := p.repair(job)
	if err != nil {
		return err
	}
	return job.Run(ctx, r.steps()...)
}

// Plan says what Recover would do.
func (p Procedure) Plan(_ context.Context, job recovery.Job) (recovery.Plan, error) {
	r, err := p.repair(job)
	if err != nil {
		return recovery.Plan{}, err
	}
	return recovery.PlanOf(r.steps()...), nil
}

// Preflight looks for what the copy needs.
func (p Procedure) Preflight(ctx context.Context, job recovery.Job) ([]recovery.Need, error) {
	node, err := recovery.SpareNode(job.System, p.Node)
	if err != nil {
		return []recovery.Need{{Resource: recovery.NeedsNode, Where: p.Node, Detail: err.Error()}}, nil
	}
	return pgpitr.Needs(ctx, pgserver.On(job, node), job.Target.Position)
}

// repair is one repair under way.
type repair struct {
	job     recovery.Job
	primary pgserver.Server
	copy    pgpitr.Restore
	tables  []*table
	stops   int

	suspects map[string]bool // transactions that have written rows which look damaged, or have deleted rows
	end      string          // up to where the log was archived
	bad      []stop          // of the suspects, those that committed after the mark, in that order
}

// stop is a bad transaction and where its commit lies in the log.
type stop struct{ xid, position string }

var tableName = regexp.MustCompile(`^[A-Za-z_"][^.;]*\.[^.;]+$`)

func (p Procedure) repair(job recovery.Job) (*repair, error) {
	if job.Target.Position == "" || job.Target.Name == "" {
		return nil, errors.New("pgrepair: the drill gave no target: ask for a mark before the damage with drill.To(mark)")
	}
	name, _, _ := strings.Cut(job.Env["GAMEDAY_PRIMARY"], ":")
	primary, err := pgserver.Named(job, name)
	if err != nil {
		return nil, fmt.Errorf("pgrepair: %w", err)
	}
	node, err := recovery.SpareNode(job.System, p.Node)
	if err != nil {
		return nil, fmt.Errorf("pgrepair: %w", err)
	}
	r := &repair{job: job, primary: primary, stops: p.Stops}
	if r.stops <= 0 {
		r.stops = 500
	}
	r.copy = pgpitr.Restore{
		Server: pgserver.On(job, node), Action: pgpitr.Pause, Limit: p.Limit,
		Target: "recovery_target_name = '" + strings.ReplaceAll(job.Target.Name, "'", "''") + "'",
	}
	if len(p.Damages) == 0 {
		return nil, errors.New("pgrepair: no damage is named")
	}
	for _, d := range p.Damages {
		if !tableName.MatchString(d.Table) || (d.Poison == "" && d.Deleted == "") {
			return nil, fmt.Errorf("pgrepair: damage to %q: want schema.table, and Poison or Deleted", d.Table)
		}
		r.tables = append(r.tables, &table{Damage: d, good: map[string]string{}, gone: map[string]string{}, late: map[string]bool{}})
	}
	return r, nil
}

func (r *repair) steps() []recovery.Step {
	var names []string
	for _, t := range r.tables {
		names = append(names, t.Table)
	}
	all, on := strings.Join(names, ", "), r.copy.Server.Name()
	return []recovery.Step{
		{Name: "find the damage", Does: "look for damaged rows in " + all + " on " + r.primary.Name() + ", and refuse if there are none", Do: r.find},
		{Name: "archive the log", Does: "end the segment of the log, and wait until the archive holds the damage", Do: r.archive},
		{Name: "fetch the base backup", Does: "verify the newest base backup and copy it to " + on, Do: r.copy.Fetch},
		{Name: "replay to the mark", Does: "start the copy on " + on + " in recovery, and let it pause at the mark", Do: r.mark},
		{Name: "collect the good rows", Does: "lead the copy to just before each bad transaction, and read the damaged rows there", Do: r.collect},
		{Name: "put them back", Does: "write the good rows over the damaged ones in one transaction, without triggers, and check every reference", Do: r.apply},
		{Name: "look again", Does: "refuse to call it done while a row is damaged", Do: r.again},
		{Name: "discard the copy", Does: "stop the copy on " + on + " and remove it", Do: r.copy.Discard},
	}
}
