package faults

import (
	"context"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"strconv"
	"strings"
	"time"

	"github.com/recoverydrill/gameday/fixtures"
	"github.com/recoverydrill/gameday/fixtures/traffic"
)

// SlowBurn spoils a share of a table's rows each second, while clients go on writing: the release that nobody noticed for
// an hour. There is no moment to return to: before the last poison lie good writes, after the first one too.
//
// The poison can be told by its signature. In Table it is the row whose Column is Value: no row may have that before, and
// no other column of it changes. In traffic's tables it is the row whose val begins with [Poison]; what follows is what
// was there, and k, op, ver and mac are as they were, so that the mac does not fit any more. Traffic may write a row again,
// or delete it, after it was poisoned: such a row is good, and must stay as it is. So a selective repair takes the rows
// with the signature, and no others, from what was before; of traffic's rows it can also take the mark of poison away, which
// keeps what traffic wrote into the row during the burn.
type SlowBurn struct {
	// Database is where the table is; "" is the dataset's main database.
	Database string
	// Table has a primary key of numbers or text. Nobody else may write to Column while it burns.
	Table  string
	Column string
	Value  string // what the column is set to, as SQL: "0", "'lost'"
	// Share is the part of the rows that there are at the beginning which is spoiled each second. The default is 0.01.
	Share float64
	// Duration is how long it burns, in whole seconds from 2 up. The default is 10 s. A burst comes at the beginning of each
	// second.
	Duration time.Duration
	// Seed chooses the rows: with the same rows, the same seed hits the same ones at the same second. The default is 1.
	Seed int64
	// Traffic spoils the same share of traffic's tables of items and accounts, of the rows that there are at the beginning,
	// so that good later writes lie in the same tables as poison, and some in the same rows.
	Traffic bool

	fuel   []*fuel
	burnt  []Rows
	bursts []burst
	began  time.Time // the first burst was about to be committed
}

// Poison is what a slow burn puts before the values of traffic's rows.
const Poison = "burnt:"

var (
	_ Fault    = (*SlowBurn)(nil)
	_ Spreader = (*SlowBurn)(nil)
	_ Locator  = (*SlowBurn)(nil)
	_ Prover   = (*SlowBurn)(nil)
	_ Gradual  = (*SlowBurn)(nil)
)

// fuel is a table's rows in the order in which they burn.
type fuel struct {
	table        string
	set, but     string // what is done to a row; which rows are left out
	columns      []string
	keys         []string
	each, burned int
}

// burst is what one second did, and how many writes clients had committed by then.
type burst struct {
	rows   int
	writes int64
}

// BurnSlowly is a slow burn of 1 % of the rows each second for 10 s: BurnSlowly("shop.payments", "amount", "0").
func BurnSlowly(table, column, value string) *SlowBurn {
	return &SlowBurn{Table: table, Column: column, Value: value}
}

func (b *SlowBurn) share() float64 {
	if b.Share == 0 {
		return 0.01
	}
	return b.Share
}

func (b *SlowBurn) duration() time.Duration {
	if b.Duration == 0 {
		return 10 * time.Second
	}
	return b.Duration
}

func (b *SlowBurn) seed() int64 {
	if b.Seed == 0 {
		return 1
	}
	return b.Seed
}

// Describe says what burns and how fast, and afterwards how many rows did.
func (b *SlowBurn) Describe() Description {
	also := ""
	if b.Traffic {
		also = ", and as many of traffic's rows"
	}
	d := Description{
		Name: "slow burn", Class: badWrite,
		Detail: fmt.Sprintf("%s = %s in %g %% of the rows of %s each second for %s%s (seed %d)", b.Column, b.Value, 100*b.share(), b.Table, b.duration(), also, b.seed()),
	}
	for _, r := range b.burnt {
		d.Notes = append(d.Notes, fmt.Sprintf("%d rows of %s were hit, the first with the keys %s", len(r.Keys), r.Table, few(r.Keys, 10)))
	}
	return d
}

// Hit is every row that was hit, in the order of the seconds, whatever became of it since.
func (b *SlowBurn) Hit() []Rows { return b.burnt }

// FirstEffect is just before the first second's rows were spoiled.
func (b *SlowBurn) FirstEffect() time.Time { return b.began }

// Inject burns, and returns when it is over. Traffic runs meanwhile.
func (b *SlowBurn) Inject(ctx context.Context, sys fixtures.System) error {
	if b.duration() < 2*time.Second || b.duration()%time.Second != 0 {
		return fmt.Errorf("slow burn: Duration %s: want whole seconds, 2 or more", b.duration())
	}
	if b.share() < 0 || b.share() > 1 || math.IsNaN(b.share()) {
		return fmt.Errorf("slow burn: Share %g: want a part of 1", b.share())
	}
	s, err := openStore(ctx, sys, b.Database, "burn slowly")
	if err != nil {
		return err
	}
	if err := b.lay(ctx, s); err != nil {
		return err
	}
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	for i := range int(b.duration() / time.Second) {
		if i > 0 {
			select {
			case <-ctx.Done():
				return context.Cause(ctx)
			case <-tick.C:
			}
		}
		if i == 0 {
			b.began = time.Now()
		}
		if err := b.burst(ctx, s); err != nil {
			return fmt.Errorf("second %d: %w", i+1, err)
		}
	}
	return nil
}

// lay finds the rows and the order in which they burn.
func (b *SlowBurn) lay(ctx context.Context, s *store) error {
	same, err := s.one(ctx, "SELECT count(*) FROM "+b.Table+" WHERE "+b.Column+" = "+b.Value)
	if err != nil {
		return fmt.Errorf("look for the signature of the poison: %w", err)
	}
	if same != "0" {
		return fmt.Errorf("slow burn: %s rows of %s have %s = %s already: nobody could tell them from poison", same, b.Table, b.Column, b.Value)
	}
	b.fuel = []*fuel{{table: b.Table, set: b.Column + " = " + b.Value}}
	if b.Traffic {
		for _, t := range []string{traffic.TableItem, traffic.TableAccount} {
			set := "val = " + literal(Poison) + " || val"
			if s.mysql() {
				set = "val = concat(" + literal(Poison) + ", val)"
			}
			b.fuel = append(b.fuel, &fuel{table: s.trafficTable(t), set: set, but: "val NOT LIKE " + literal(Poison+"%")})
		}
	}
	for i, f := range b.fuel {
		if f.columns, f.keys, err = s.keys(ctx, f.table, ""); err != nil {
			return err
		}
		if len(f.keys) == 0 && i == 0 {
			return fmt.Errorf("slow burn of %s: %w", f.table, errNoRow)
		}
		f.each = int(math.Ceil(b.share() * float64(len(f.keys))))
		order := rand.New(rand.NewPCG(uint64(b.seed()), uint64(i))) //nolint:gosec // the choice must be repeatable from the seed
		order.Shuffle(len(f.keys), func(i, j int) { f.keys[i], f.keys[j] = f.keys[j], f.keys[i] })
		b.burnt = append(b.burnt, s.rowsOf(f.table, nil))
	}
	return nil
}

// trafficTable is the name of one of traffic's tables.
func (s *store) trafficTable(table string) string {
	if s.engine == engineSQLite {
		return traffic.TablePrefix + table
	}
	return "gameday." + table
}

// burst spoils the rows of one second.
func (b *SlowBurn) burst(ctx context.Context, s *store) error {
	now := burst{}
	for i, f := range b.fuel {
		keys := f.keys[f.burned:min(len(f.keys), f.burned+f.each)]
		if len(keys) == 0 {
			continue
		}
		where, err := among(f.columns, keys)
		if err != nil {
			return err
		}
		if f.but != "" {
			where = "(" + where + ") AND " + f.but
		}
		if err := s.insist(ctx, "UPDATE "+f.table+" SET "+f.set+" WHERE "+where); err != nil {
			return err
		}
		f.burned += len(keys)
		b.burnt[i].Keys = f.keys[:f.burned:f.burned]
		now.rows += len(keys)
	}
	writes, err := s.one(ctx, "SELECT count(*) FROM "+s.trafficTable(traffic.TableOp))
	if err != nil {
		return fmt.Errorf("count the clients' writes: %w", err)
	}
	if now.writes, err = strconv.ParseInt(writes, 10, 64); err != nil {
		return err
	}
	b.bursts = append(b.bursts, now)
	return nil
}

// insist tries a statement up to five times: it may be chosen to give way to a client in a deadlock.
func (s *store) insist(ctx context.Context, sql string) error {
	var err error
	for range 5 {
		if err = s.do(ctx, sql); err == nil || ctx.Err() != nil {
			return err
		}
	}
	return err
}

// Propagate waits until every standby, and every other copy, has the poison.
func (b *SlowBurn) Propagate(ctx context.Context, sys fixtures.System) (string, error) {
	return replicated(ctx, sys)
}

// Prove looks for the poison in the table, and for good writes between the first of it and the last.
func (b *SlowBurn) Prove(ctx context.Context, sys fixtures.System) (string, error) {
	if len(b.bursts) == 0 {
		return "", fmt.Errorf("%w: nothing burned", ErrNotSeen)
	}
	s, err := openStore(ctx, sys, b.Database, "look for the poison")
	if err != nil {
		return "", err
	}
	found, err := s.one(ctx, "SELECT count(*) FROM "+b.Table+" WHERE "+b.Column+" = "+b.Value)
	if err != nil {
		return "", fmt.Errorf("look for the poison: %w", err)
	}
	switch found {
	case "0":
		return "", fmt.Errorf("%w: no row of %s has %s = %s", ErrNotSeen, b.Table, b.Column, b.Value)
	case strconv.Itoa(len(b.burnt[0].Keys)):
	default:
		return "", fmt.Errorf("%s rows of %s have %s = %s, and %d were hit", found, b.Table, b.Column, b.Value, len(b.burnt[0].Keys))
	}
	total, least := b.between()
	if total == 0 {
		return "", fmt.Errorf("%w: no client committed anything between the first burst and the last: it was one bad write", ErrNotSeen)
	}
	var hit []string
	for _, r := range b.burnt {
		hit = append(hit, fmt.Sprintf("%d rows of %s", len(r.Keys), r.Table))
	}
	return fmt.Sprintf("%s in %d bursts; clients committed %d writes between the first and the last, at least %d between two", strings.Join(hit, ", "), len(b.bursts), total, least), nil
}

// between is how many writes clients committed between the first burst and the last, and between any two at least.
func (b *SlowBurn) between() (total, least int64) {
	least = math.MaxInt64
	for i := 1; i < len(b.bursts); i++ {
		least = min(least, b.bursts[i].writes-b.bursts[i-1].writes)
	}
	return b.bursts[len(b.bursts)-1].writes - b.bursts[0].writes, least
}

var errNoRow = errors.New("no row would be damaged")
