package faults

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/recoverydrill/gameday/fixtures"
)

// Delayed is a bad write on the primary of a standby that applies the log late. Every other standby has the damage when
// it has spread; the late one is sound for as long as it is late, which is how long there is to save its copy. PostgreSQL
// applies everything at once when a standby is promoted, MySQL and MariaDB when the delay is taken away.
type Delayed struct {
	write   Fault
	standby string
	delay   time.Duration
	since   time.Time
}

var (
	_ Fault    = (*Delayed)(nil)
	_ Spreader = (*Delayed)(nil)
	_ Locator  = (*Delayed)(nil)
)

// WithDelayedStandby makes a standby late by delay (whole seconds, at least one), waits until it holds all that was written
// before, and then lets write do its damage. The standby stays late.
func WithDelayedStandby(write Fault, standby string, delay time.Duration) *Delayed {
	return &Delayed{write: write, standby: standby, delay: delay}
}

// Describe is the write's description with the delay.
func (d *Delayed) Describe() Description {
	desc := d.write.Describe()
	desc.Name += " with a delayed standby"
	desc.Detail += fmt.Sprintf("; %s applies it %s later", d.standby, d.delay)
	return desc
}

// Hit is what the write has hit, if it knows.
func (d *Delayed) Hit() []Rows {
	if l, ok := d.write.(Locator); ok {
		return l.Hit()
	}
	return nil
}

// Inject delays the standby and runs the write.
func (d *Delayed) Inject(ctx context.Context, sys fixtures.System) error {
	if d.delay < time.Second || d.delay%time.Second != 0 {
		return fmt.Errorf("delay %s: %s: want whole seconds", d.standby, d.delay)
	}
	s, err := openStore(ctx, sys, "", "delay "+d.standby)
	if err != nil {
		return err
	}
	if _, err := replicated(ctx, sys); err != nil {
		return err
	}
	at, err := s.at(ctx, d.standby)
	if err != nil {
		return err
	}
	seconds := int(d.delay / time.Second)
	var sql []string
	switch s.engine {
	case enginePostgres:
		sql = []string{fmt.Sprintf("ALTER SYSTEM SET recovery_min_apply_delay = '%ds'", seconds), "SELECT pg_catalog.pg_reload_conf()"}
	case engineMySQL:
		sql = []string{"STOP REPLICA SQL_THREAD", fmt.Sprintf("CHANGE REPLICATION SOURCE TO SOURCE_DELAY = %d", seconds), "START REPLICA SQL_THREAD"}
	case engineMariaDB:
		sql = []string{"STOP SLAVE", fmt.Sprintf("CHANGE MASTER TO MASTER_DELAY = %d", seconds), "START SLAVE"}
	default:
		return unsupported(sys, "standby", "delay "+d.standby)
	}
	for _, one := range sql {
		if err := s.operator.Statement(ctx, at, s.maintenance(), one); err != nil {
			return fmt.Errorf("delay %s: %w", d.standby, err)
		}
	}
	if err := s.delayed(ctx, at, seconds); err != nil {
		return err
	}
	d.since = time.Now()
	return d.write.Inject(ctx, sys)
}

// maintenance is a database that is always there.
func (s *store) maintenance() string {
	if s.engine == enginePostgres {
		return "postgres"
	}
	return "mysql"
}

// delayed waits until the standby says that it is late by so much.
func (s *store) delayed(ctx context.Context, at string, seconds int) error {
	query := "SELECT setting::bigint / 1000 FROM pg_catalog.pg_settings WHERE name = 'recovery_min_apply_delay'"
	switch s.engine {
	case engineMySQL:
		query = "SELECT desired_delay FROM performance_schema.replication_applier_configuration"
	case engineMariaDB:
		return nil // CHANGE MASTER has said so
	}
	for ctx, cancel := context.WithTimeout(ctx, 10*time.Second); ; {
		rows, err := s.querier.Query(ctx, at, s.maintenance(), query)
		if err == nil && len(rows) > 0 && rows[0][0] == fmt.Sprint(seconds) {
			cancel()
			return nil
		}
		select {
		case <-ctx.Done():
			cancel()
			return fmt.Errorf("the standby does not say that it is %d s late: %v: %w", seconds, rows, errors.Join(err, ctx.Err()))
		case <-time.After(20 * time.Millisecond):
		}
	}
}

// at is where a standby's server is reached from here.
func (s *store) at(ctx context.Context, standby string) (string, error) {
	if n, err := member(s.sys, standby); err != nil {
		return "", err
	} else if role(s.sys, n) != fixtures.Standby {
		return "", fmt.Errorf("node %q is no standby", standby)
	}
	env, err := environment(ctx, s.sys, "reach "+standby)
	if err != nil {
		return "", err
	}
	name := "GAMEDAY_ADDRESS_" + strings.ToUpper(strings.ReplaceAll(standby, "-", "_"))
	if env[name] == "" {
		return "", fmt.Errorf("reach %s: the environment of a recovery has no %s", standby, name)
	}
	return env[name], nil
}

func role(sys fixtures.System, n fixtures.Node) fixtures.Role {
	for _, m := range sys.Members() {
		if m.Node == n {
			return m.Role
		}
	}
	return ""
}

// Propagate waits until every standby but the late one has the damage.
func (d *Delayed) Propagate(ctx context.Context, sys fixtures.System) (string, error) {
	s, err := openStore(ctx, sys, "", "follow the damage")
	if err != nil {
		return "", err
	}
	position, err := s.position(ctx)
	if err != nil {
		return "", err
	}
	reached := []string{}
	for _, m := range sys.Members() {
		if m.Role != fixtures.Standby || m.Node.Name() == d.standby {
			continue
		}
		if err := s.reached(ctx, m.Node.Name(), position); err != nil {
			return "", err
		}
		reached = append(reached, m.Node.Name())
	}
	where := strings.Join(reached, ", ")
	if where == "" {
		where = "nowhere yet"
	}
	return fmt.Sprintf("%s; not to the one that is %s late until %s", where, d.delay, d.since.Add(d.delay).UTC().Format("15:04:05Z07:00")), nil
}

// position is how far the primary's log goes.
func (s *store) position(ctx context.Context) (string, error) {
	switch s.engine {
	case enginePostgres:
		return s.one(ctx, "SELECT pg_catalog.pg_current_wal_lsn()")
	case engineMySQL:
		return s.one(ctx, "SELECT @@global.gtid_executed")
	}
	return s.one(ctx, "SELECT @@global.gtid_binlog_pos")
}

// reached waits until a standby has applied the log up to a position.
func (s *store) reached(ctx context.Context, standby, position string) error {
	at, err := s.at(ctx, standby)
	if err != nil {
		return err
	}
	query := "SELECT CASE WHEN pg_catalog.pg_last_wal_replay_lsn() >= " + literal(position) + "::pg_lsn THEN '1' ELSE '0' END"
	switch s.engine {
	case engineMySQL:
		query = "SELECT gtid_subset(" + literal(position) + ", @@global.gtid_executed)"
	case engineMariaDB:
		query = "SELECT master_gtid_wait(" + literal(position) + ", 0.1) = 0"
	}
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	for {
		rows, err := s.querier.Query(ctx, at, s.maintenance(), query)
		if err == nil && len(rows) > 0 && rows[0][0] == "1" {
			return nil
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("wait until the damage is on %s: %w", standby, errors.Join(err, ctx.Err()))
		case <-time.After(20 * time.Millisecond):
		}
	}
}
