package drill

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/recoverydrill/gameday/fixtures"
	"github.com/recoverydrill/gameday/fixtures/manifest"
	recovery "github.com/recoverydrill/gameday/recover"
	"github.com/recoverydrill/gameday/reports"
	"github.com/recoverydrill/gameday/verify"
)

// RestoreScenario says which real backup is restored into an empty system, and what what comes back is held against.
// There is no fault, no traffic and no service clock: the drill begins, restores and verifies.
type RestoreScenario struct {
	// Scenario has the drill's name, owner, limits and plan. Disaster and Answers have defaults (Findable is among the
	// Answers where there is a Manifest or Freshness, InTime where there is an RTO), and the Level is full. Of the Objective only the
	// RTO is asked for: from the start of the team's command until the restored store answers. Checks are those of a
	// restore; further ones are added to them.
	Scenario
	// Store says how to enter the restored store: a foreign.Store with an account of the backup's own that may read
	// everything, as for "gameday manifest". Its address is replaced by where the restore led. Of a SQLite file the path is.
	// Required.
	Store fixtures.Account
	// Backup is a directory of this host, which the command finds as GAMEDAY_BACKUP: itself, or a copy in the vault where
	// nodes do not see this host's files. The copy keeps its permission bits and belongs to the server's user. "" leaves it to the command to fetch the backup from where it lies.
	Backup string
	// Manifest is the directory that "gameday manifest" has written beside the backup, and ManifestDigest the sum that it
	// has printed, if that was noted. Without a manifest at least one invariant with Breaks is required.
	Manifest       string
	ManifestDigest string
	// NewSystem accepts another system identifier of PostgreSQL: a logical restore into a new server.
	NewSystem bool
	// Allow lists differences of structure that the restore makes and its owner accepts, such as a smaller machine's
	// settings.
	Allow []verify.Tolerance

	Invariants []verify.Invariant
	Freshness  []verify.Fresh
	RowBands   []verify.RowBand
	// Tables must be there: Database and Table ("schema.table") of each. With a manifest all of its tables must.
	Tables []reports.Place
}

// complete checks what must be said and fills what may be left out.
func (s RestoreScenario) complete() (RestoreScenario, error) {
	if s.Disaster == "" {
		s.Disaster = "Everything is gone but the backup."
	}
	if len(s.Answers) == 0 {
		s.Answers = s.answers()
	}
	var errs []error
	if s.Store == nil {
		errs = append(errs, errors.New("RestoreScenario.Store is missing: the account that enters the restored store"))
	} else {
		errs = append(errs, s.Store.Check())
	}
	if s.Manifest == "" && !slices.ContainsFunc(s.Invariants, func(i verify.Invariant) bool { return i.Breaks != "" }) {
		errs = append(errs, errors.New("RestoreScenario: there is neither a Manifest nor one of the Invariants that has Breaks: nothing that is known to be able to fail would be held against what came back"))
	}
	if s.MustRefuse || len(s.Objective.LostRows) > 0 || s.Objective.LostWrites != nil || s.Objective.RPO != 0 {
		errs = append(errs, errors.New("RestoreScenario: of a real backup only Objective.RTO can be asked for; Freshness tells how old it is"))
	}
	if s.Level != "" && s.Level != reports.Full {
		errs = append(errs, fmt.Errorf("RestoreScenario: Level %q: a restored backup is always judged in full", s.Level))
	}
	if s.Manifest == "" && (len(s.Allow) > 0 || s.NewSystem || len(s.Refreshed) > 0 || len(s.Disposable) > 0) {
		errs = append(errs, errors.New("RestoreScenario: Allow, NewSystem, Refreshed and Disposable are about a Manifest, and there is none"))
	}
	if len(s.Tolerate) > 0 {
		errs = append(errs, errors.New("RestoreScenario: Tolerate is not for restores: the manifest was taken without it, and its digests are of every column to the last bit"))
	}
	for _, w := range s.Waivers {
		if s.Manifest == "" && w.Check == (verify.Invariants{}).Name() {
			errs = append(errs, errors.New("RestoreScenario: without a Manifest the invariants cannot be waived: nothing would be held against what came back"))
		}
	}
	for _, q := range s.Invariants {
		errs = append(errs, q.Check())
	}
	for _, q := range s.Freshness {
		errs = append(errs, q.Check())
	}
	for _, q := range s.RowBands {
		errs = append(errs, q.Check())
	}
	for _, t := range s.Tables {
		if t.Database == "" || t.Table == "" {
			errs = append(errs, fmt.Errorf("RestoreScenario.Tables: %+v: want Database and Table", t))
		}
	}
	r := s.restore()
	checks := verify.OfRestore(r)
	for i, c := range checks {
		switch c.(type) { // the questions themselves, where the record only counts them
		case verify.Invariants:
			checks[i] = verify.Invariants{All: s.Invariants}
		case verify.Freshness:
			checks[i] = verify.Freshness{All: s.Freshness}
		case verify.RowBands:
			checks[i] = verify.RowBands{All: s.RowBands}
		}
	}
	s.Checks = slices.Concat(checks, s.Checks)
	return s, errors.Join(errs...)
}

// answers are the questions that something in this drill speaks to.
func (s RestoreScenario) answers() []reports.Question {
	all := []reports.Question{reports.BackedUp}
	if s.Manifest != "" || len(s.Freshness) > 0 {
		all = append(all, reports.Findable)
	}
	all = append(all, reports.InService)
	if s.Objective.RTO > 0 {
		all = append(all, reports.InTime)
	}
	return all
}

// restore is what the record keeps of it.
func (s RestoreScenario) restore() *reports.Restore {
	r := &reports.Restore{
		Backup: s.Backup, NewSystem: s.NewSystem, Tables: s.Tables,
		Invariants: len(s.Invariants), Freshness: len(s.Freshness), RowBands: len(s.RowBands),
	}
	for _, a := range s.Allow {
		r.Allow = append(r.Allow, reports.Allowed(a))
	}
	if s.Manifest != "" {
		r.Manifest = &reports.RestoreManifest{}
	}
	return r
}

// restoring is a drill's part that restores a real backup.
type restoring struct {
	RestoreScenario
	baseline *fixtures.Manifest
	backup   string // as the command finds it
	file     string // where the restored file of an embedded store lies
}

// BeginRestore starts a drill that restores a real backup into an empty system with a place to restore to. A manifest that
// is not as it was taken, or of another engine, is refused here. The caller calls Restore, Verify and Finish.
func BeginRestore(ctx context.Context, sys fixtures.System, s RestoreScenario, o Options) (*Drill, error) {
	s, err := s.complete()
	if err == nil && o.Sabotage != nil {
		err = errors.New("a restored backup cannot be sabotaged: what came back is a team's own, and nothing is put into it")
	}
	if err == nil {
		checks := s.Checks // of a restore: those of other drills have nothing to look at
		s.Scenario, err = s.Scenario.complete()
		s.Checks = checks
	}
	if err == nil {
		err = s.says("engine", s.Engine, sys.Info().Engine)
	}
	if err != nil {
		return nil, fmt.Errorf("begin: %w", err)
	}
	dir, err := slug(o.Run, s.Name)
	if err != nil {
		return nil, fmt.Errorf("begin %s: %w", s.Name, err)
	}
	d := &Drill{scenario: s.Scenario, sys: sys, run: o.Run, clock: fixtures.NewClock(), progress: o.Progress, dir: dir, marks: map[string]*taken{}, planOnly: o.PlanOnly, restored: &restoring{RestoreScenario: s}}
	if d.progress == nil {
		d.progress = io.Discard
	}
	if d.rec, err = d.newRecord(); err != nil {
		return nil, fmt.Errorf("begin %s: %w", s.Name, err)
	}
	d.rec.Restore = s.restore()
	d.rec.Teeth = &reports.Teeth{NoScratch: "what came back is a team's own: nothing is put into it"}
	if err := d.phase(ctx, "begin", d.beginRestore); err != nil {
		return d, err
	}
	return d, nil
}

func (d *Drill) beginRestore(ctx context.Context) error {
	r := d.restored
	if r.Manifest != "" {
		if err := d.keepManifest(); err != nil {
			return err
		}
	}
	env, err := d.environment(ctx)
	if err != nil {
		return err
	}
	if data := env["GAMEDAY_DATA"]; data != "" {
		if err := os.Mkdir(data, 0o755); err != nil { //nolint:gosec // as an application's directory is
			return fmt.Errorf("make the place to restore to: %w", err)
		}
	}
	if r.Backup == "" {
		return nil
	}
	if r.backup, err = filepath.Abs(r.Backup); err != nil {
		return err
	}
	if empty, err := os.ReadDir(r.backup); err != nil || len(empty) == 0 {
		return errors.Join(fmt.Errorf("the backup %q is not a directory with something in it", r.Backup), err)
	}
	if d.stock, err = verify.StockAt(r.backup); err != nil {
		return err
	}
	d.keep()
	node := d.place()
	if _, hosted := node.(fixtures.Hosted); hosted {
		return nil
	}
	to := env["GAMEDAY_VAULT"] + "/backup"
	if err := fixtures.CopyIn(ctx, node, r.backup, to); err != nil {
		return err
	}
	mode, err := os.Stat(r.backup)
	if err != nil {
		return err
	}
	r.backup = to
	return give(ctx, node, to, mode.Mode().Perm(), env["GAMEDAY_OSUSER"])
}

// give makes a copied backup the server's user's: backups are often for their owner's eyes alone, and the restore runs as
// that user. The directory itself keeps its mode, without which PostgreSQL does not start on a copy of it.
func give(ctx context.Context, node fixtures.Node, dir string, mode fs.FileMode, user string) error {
	if user == "" {
		return nil
	}
	const text = `chmod "$1" "$2" && exec chown -R "$3" "$2"`
	_, err := node.Exec(ctx, fixtures.Command{Args: []string{"sh", "-c", text, "sh", fmt.Sprintf("%o", mode), dir, user}})
	if err != nil {
		return fmt.Errorf("give the copied backup to the server's user: %w", err)
	}
	return nil
}

// place is the node to restore to: the first spare, else the first.
func (d *Drill) place() fixtures.Node {
	members := d.sys.Members()
	for _, m := range members {
		if m.Role == fixtures.Spare {
			return m.Node
		}
	}
	return members[0].Node
}

// keepManifest reads the manifest, refuses one that cannot be judged by, and puts a copy of it among the evidence.
func (d *Drill) keepManifest() error {
	r := d.restored
	m, err := manifest.Read(r.Manifest, r.ManifestDigest)
	if err != nil {
		return err
	}
	if engine := d.sys.Info().Engine; m.Engine != engine {
		return fmt.Errorf("the manifest is of %s %s, the place to restore to is of %s", m.Engine, m.ServerVersion, engine)
	}
	if m.Taken.After(time.Now().Add(5 * time.Minute)) {
		return fmt.Errorf("the manifest was taken in the future: %s", m.Taken)
	}
	to := d.path(reports.BaselineDir)
	if err := errors.Join(os.CopyFS(to, os.DirFS(r.Manifest)), ownersOnly(to)); err != nil {
		return fmt.Errorf("keep the manifest: %w", err)
	}
	kept, err := manifest.Read(to, r.ManifestDigest) // what is judged by is the copy
	if err != nil {
		return err
	}
	if r.ManifestDigest == "" {
		if r.ManifestDigest, err = manifest.Digest(to); err != nil {
			return err
		}
	}
	r.baseline, d.rec.Nonce = kept, kept.Nonce
	*d.rec.Restore.Manifest = reports.RestoreManifest{
		Taken: kept.Taken, Position: kept.Position, Version: kept.ServerVersion, Digest: r.ManifestDigest, Only: kept.Only, Tables: kept.Taking.Tables, Rows: kept.Taking.Rows,
	}
	if lacking := slices.DeleteFunc(slices.Clone(r.Tables), func(p reports.Place) bool { return verify.Surveyed(kept, p) }); len(lacking) > 0 {
		return fmt.Errorf("the manifest does not hold %s, which RestoreScenario.Tables wants to be there: it was taken when the table was gone, or of other databases", lacking[0].Table)
	}
	d.detail("manifest of %s, %d rows", kept.Taken.UTC().Format(time.RFC3339), kept.Taking.Rows)
	return nil
}

// ownersOnly keeps everybody else from reading a directory, as a manifest is kept: it holds keys of a team's rows as text.
func ownersOnly(dir string) error {
	return filepath.WalkDir(dir, func(path string, e fs.DirEntry, err error) error {
		if err != nil || e.Type()&fs.ModeSymlink != 0 {
			return err
		}
		mode := fs.FileMode(0o600)
		if e.IsDir() {
			mode = 0o700
		}
		return os.Chmod(path, mode)
	})
}

// environment is the responder's, with the real backup in it.
func (d *Drill) environment(ctx context.Context) (map[string]string, error) {
	responder, ok := d.sys.(fixtures.Responder)
	if !ok {
		return nil, d.lacks("fixtures.Responder", "tell the restore where it restores to")
	}
	env, err := responder.Environment(ctx)
	if err != nil {
		return nil, fmt.Errorf("build the restore's environment: %w", err)
	}
	env = maps.Clone(env)
	env["GAMEDAY_BACKUP"] = d.restored.backup
	if data := env["GAMEDAY_DATA"]; data != "" { // the file that the drill's own store has open is not to be written over
		env["GAMEDAY_DATA"] = filepath.Join(data, "restored")
	}
	return env, nil
}

// Restore runs the team's own command, and returns nil once it has ended without an error and the restored store answers.
// The command says where that is: "gameday: cutover HOST:PORT", of a SQLite file PATH.
func (d *Drill) Restore(ctx context.Context, r recovery.Recovery) error {
	if err := d.before("Restore", "BeginRestore", "the drill is not about a real backup", d.restored != nil); err != nil {
		return d.refused(err)
	}
	if d.rec.Recovery != nil {
		return d.refused(&OnceError{Call: "Restore", Since: "Restore"})
	}
	if d.rec.Error != "" {
		return d.refused(fmt.Errorf("restore: the drill could not begin: %s", d.rec.Error))
	}
	if err := d.scenario.says("recovery", d.scenario.Recovery, r.Name()); err != nil {
		return d.refused(fmt.Errorf("restore: %w", err))
	}
	return d.phase(ctx, "restore", func(ctx context.Context) error { return d.restore(ctx, r) })
}

func (d *Drill) restore(ctx context.Context, r recovery.Recovery) error {
	if err := d.recover(ctx, r, recoverOptions{}); err != nil {
		return err
	}
	if s, err := d.store(); err == nil {
		if u, ok := s.(interface{ Unsettled() string }); ok && u.Unsettled() != "" {
			d.detail("%s", u.Unsettled())
		}
	}
	limit, cancel := context.WithTimeout(ctx, d.scenario.ServiceLimit)
	defer cancel()
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	for {
		ready, err := d.ready(limit)
		if ready {
			return d.save()
		}
		select {
		case <-limit.Done():
			if d.rec.Restore.ReadyNS > 0 { // it answers, and is not open for writing: that is for the checks to say
				return d.save()
			}
			return fmt.Errorf("%w: the restored store does not answer: %w", ErrNotBack, err)
		case <-tick.C:
		}
	}
}

// ready asks the restored store whether it answers and takes writes, and notes since when. A server that is still being
// promoted answers before it takes any.
func (d *Drill) ready(ctx context.Context) (bool, error) {
	if _, err := d.Ask(ctx, "", "SELECT 1"); err != nil {
		return false, err
	}
	at := d.clock.NowNS()
	why, err := d.noWrites(ctx)
	if err != nil {
		return false, fmt.Errorf("ask the restored store whether it takes writes: %w", err)
	}
	d.rec.Restore.ReadyNS, d.rec.Restore.NoWrites = at, why
	return why == "", nil
}

// writable asks, for each engine with a server, what keeps it from taking writes: a row for each reason. A survey leaves these
// out, because they are states of the service, which in a drill its clock judges.
var writable = map[string]string{
	"postgres": `SELECT 'it is in recovery, as a standby is' WHERE pg_is_in_recovery()
UNION ALL SELECT 'default_transaction_read_only is on' FROM pg_settings
WHERE name = 'default_transaction_read_only' AND setting = 'on' AND source NOT IN ('user', 'database user', 'client', 'session')`, // the account's own is its own
	"mysql": `SELECT CONCAT(name, ' is on') FROM (SELECT 'read_only' AS name, @@global.read_only AS is_on UNION ALL SELECT 'super_read_only', @@global.super_read_only
UNION ALL SELECT 'offline_mode', @@global.offline_mode UNION ALL SELECT 'innodb_read_only', @@global.innodb_read_only
UNION ALL SELECT 'innodb_force_recovery', @@global.innodb_force_recovery > 0) x WHERE is_on`, // the last takes no changes of rows, or would lose them
	"mariadb": `SELECT CONCAT(name, ' is on') FROM (SELECT 'read_only' AS name, @@global.read_only AS is_on
UNION ALL SELECT 'innodb_read_only', @@global.innodb_read_only UNION ALL SELECT 'innodb_force_recovery', @@global.innodb_force_recovery > 0) x WHERE is_on`,
}

// noWrites is why the restored store takes no writes; "" where it does.
func (d *Drill) noWrites(ctx context.Context) (string, error) {
	if d.restored.file != "" {
		return closedFile(d.restored.file)
	}
	question, ok := writable[d.sys.Info().Engine]
	if !ok {
		return "", nil
	}
	a, err := d.Ask(ctx, "", question)
	if err != nil {
		return "", err
	}
	var why []string
	for _, row := range a.Rows {
		if len(row) > 0 && row[0] != nil {
			why = append(why, *row[0])
		}
	}
	return strings.Join(why, ", "), nil
}

// closedFile says which of a file and its directory, in which a journal is made, nobody may write to. Whoever runs this may
// be somebody who is not kept from it.
func closedFile(path string) (string, error) {
	for _, p := range []string{path, filepath.Dir(path)} {
		info, err := os.Stat(p)
		if err != nil {
			return "", err
		}
		if info.Mode().Perm()&0o222 == 0 {
			return fmt.Sprintf("nobody may write to %s: its mode is %s", filepath.Base(p), info.Mode()), nil
		}
	}
	return "", nil
}

// store is the account at the place where the restore led.
func (d *Drill) store() (fixtures.Foreign, error) {
	r := d.restored
	if d.sys.Route() == nil {
		if r.file == "" {
			return nil, errors.New(`the restore did not say where the file is: it prints "gameday: cutover PATH"`)
		}
		return r.Store.At(r.file)
	}
	if len(d.rec.Recovery.CutOvers) == 0 {
		return nil, errors.New(`the restore did not say where the store is: it prints "gameday: cutover HOST:PORT"`)
	}
	return r.Store.At(d.address())
}

// sendToFile takes the path of a restored file. It is not opened as an application would: that may write to it.
func (d *Drill) sendToFile(ctx context.Context, path string) error {
	env, err := d.environment(ctx)
	if err != nil {
		return err
	}
	real, err := fixtures.Below(env["GAMEDAY_DATA"], path)
	if err != nil {
		return fmt.Errorf("where the store's files are: %w", err)
	}
	info, err := os.Stat(real)
	if err != nil {
		return err
	}
	if st, ok := info.Sys().(*syscall.Stat_t); ok && st.Nlink > 1 {
		return fmt.Errorf("%s has %d names (hard links): what the application writes would go into the file of the other name too, which may be the backup's; copy it", path, st.Nlink)
	}
	d.restored.file = real
	return nil
}

// Ask implements [fixtures.Asker] for the restored store.
func (d *Drill) Ask(ctx context.Context, database, statement string) (fixtures.Answer, error) {
	s, err := d.store()
	if err != nil {
		return fixtures.Answer{}, err
	}
	return s.Ask(ctx, database, statement)
}

// AskAfter implements [fixtures.Asker].
func (d *Drill) AskAfter(ctx context.Context, database, change, statement string) (fixtures.Answer, int64, error) {
	s, err := d.store()
	if err != nil {
		return fixtures.Answer{}, 0, err
	}
	return s.AskAfter(ctx, database, change, statement)
}

// questioned is the system as checks ask it: what they are answered by is the restored store.
type questioned struct {
	fixtures.System
	fixtures.Asker
}

// collectRestored gathers the evidence of a restore. The survey comes first: it finds the store as it was restored.
func (d *Drill) collectRestored(ctx context.Context) (*verify.Evidence, error) {
	r := d.restored
	e := &verify.Evidence{Dir: d.dir, Record: d.rec, Baseline: r.baseline, BaseDir: reports.BaselineDir, FoundDir: reports.FoundDir, Extra: map[string][]byte{}}
	if d.rec.Restore.ReadyNS == 0 { // the check says so
		return e, nil
	}
	var errs []error
	var err error
	if e.Found, err = d.surveyRestored(ctx); err != nil {
		errs = append(errs, fmt.Errorf("survey the restored store: %w", err))
	}
	d.pressed(&d.rec.Host)
	whole := d.sys
	d.sys = questioned{whole, d}
	errs = append(errs, d.observe(ctx, e, "", false))
	d.sys = whole
	return e, errors.Join(errs...)
}

func (d *Drill) surveyRestored(ctx context.Context) (*fixtures.Manifest, error) {
	s, err := d.store()
	if err != nil {
		return nil, err
	}
	var only []string
	if d.restored.baseline != nil {
		only = d.restored.baseline.Only
	}
	snap, err := s.Open(ctx, only)
	if err != nil {
		return nil, err
	}
	defer closeQuietly(ctx, snap)
	expect := d.restored.baseline
	if expect == nil { // whatever cannot be read is in the survey, not an error
		expect = &fixtures.Manifest{}
	}
	m, err := d.survey(ctx, snap, reports.FoundDir, "", fixtures.SurveyOptions{Expect: expect})
	if err != nil {
		return nil, err
	}
	return m, ownersOnly(d.path(reports.FoundDir))
}
