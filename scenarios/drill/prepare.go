package drill

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/recoverydrill/gameday/faults"
	"github.com/recoverydrill/gameday/fixtures"
	"github.com/recoverydrill/gameday/fixtures/probe"
	"github.com/recoverydrill/gameday/fixtures/traffic"
	"github.com/recoverydrill/gameday/reports"
	"github.com/recoverydrill/gameday/verify"
)

// Backup takes a base backup into the vault.
func (d *Drill) Backup(ctx context.Context) error {
	if d.fault != nil {
		return d.refused(&OnceError{Call: "Backup", Since: "Break"})
	}
	return d.phase(ctx, "backup", func(ctx context.Context) error {
		b, ok := d.sys.(fixtures.BackupTaker)
		if !ok {
			return d.lacks("fixtures.BackupTaker", "take a backup")
		}
		got, err := b.Backup(ctx, fmt.Sprintf("%d", len(d.rec.Backups)+1))
		if err != nil {
			return err
		}
		if got.Bytes == 0 {
			return fmt.Errorf("the backup at %s has no bytes", got.Path)
		}
		d.rec.Backups = append(d.rec.Backups, got)
		d.detail("%d bytes at %s", got.Bytes, got.Path)
		return nil
	})
}

// Traffic starts clients through the route. They run until Verify.
func (d *Drill) Traffic(ctx context.Context, mix traffic.Mix) error {
	if d.driver != nil {
		return d.refused(&OnceError{Call: "Traffic", Since: "Traffic"})
	}
	return d.phase(ctx, "traffic", func(ctx context.Context) error {
		store, ok := d.sys.(traffic.Store)
		if !ok {
			return d.lacks("traffic.Store", "run traffic")
		}
		if mix.Seed == 0 {
			mix.Seed = d.scenario.Seed
		}
		var err error
		if d.driver, err = traffic.Start(ctx, store, d.address(), d.ledger, mix); err != nil {
			return err
		}
		d.cleanups = append(d.cleanups, d.driver.Stop)
		return d.acknowledged(ctx, int64(d.scenario.MinAcknowledged))
	})
}

// acknowledged waits until traffic has been told of n more commits.
func (d *Drill) acknowledged(ctx context.Context, n int64) error {
	ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	from := d.driver.Counts().Acknowledged
	for t := time.NewTicker(20 * time.Millisecond); ; {
		got := d.driver.Counts().Acknowledged - from
		if got >= n {
			t.Stop()
			return nil
		}
		if err := d.driver.Err(); err != nil {
			return fmt.Errorf("traffic stopped: %w", err)
		}
		select {
		case <-ctx.Done():
			t.Stop()
			return fmt.Errorf("traffic was too thin: %d of %d writes acknowledged: %w", got, n, context.Cause(ctx))
		case <-t.C:
		}
	}
}

// Mark takes a mark: it holds traffic for an instant, so that mark, ledger and manifest speak of the same state, and
// returns when the log that holds the mark is in the vault and the manifest is written. Before the first one the dataset is
// changed, if it is [fixtures.Changing]: a backup that was taken before does not hold that, and the log must.
func (d *Drill) Mark(ctx context.Context, label string) (fixtures.Mark, error) {
	if err := d.before("Mark", "Traffic", "a mark without acknowledged writes proves nothing", d.driver != nil); err != nil {
		return fixtures.Mark{}, d.refused(err)
	}
	if d.fault != nil {
		return fixtures.Mark{}, d.refused(&OnceError{Call: "Mark", Since: "Break"})
	}
	if _, ok := d.marks[label]; ok || label == "" {
		return fixtures.Mark{}, d.refused(fmt.Errorf("mark %q: a mark needs a label of its own", label))
	}
	if err := d.change(ctx); err != nil {
		return fixtures.Mark{}, err
	}
	var t *taken
	err := d.phase(ctx, "mark", func(ctx context.Context) (err error) {
		t, err = d.mark(ctx, label)
		return err
	})
	if err != nil {
		return fixtures.Mark{}, err
	}
	d.marks[label], d.latest = t, t
	d.rec.Marks = append(d.rec.Marks, t.mark)
	if err := d.bite(ctx, t.manifest); err != nil {
		return fixtures.Mark{}, err
	}
	return t.mark, d.save()
}

// changeLimit is what changing a dataset may take: the time is the drill's.
const changeLimit = 30 * time.Second

// change lets the dataset be changed, once in a drill.
func (d *Drill) change(ctx context.Context) error {
	c, ok := d.sys.(fixtures.Changer)
	if !ok || d.changed {
		return nil
	}
	return d.phase(ctx, "change", func(ctx context.Context) error {
		ctx, cancel := context.WithTimeoutCause(ctx, changeLimit, overdue(changeLimit))
		defer cancel()
		d.changed = true
		what, err := c.Change(ctx)
		if err != nil {
			return fmt.Errorf("change the dataset: %w", err)
		}
		if what == "" {
			what = "nothing: the dataset has no later changes, and whether a log brings back more than traffic's rows is not tried"
		}
		d.detail("%s", what)
		return nil
	})
}

func (d *Drill) mark(ctx context.Context, label string) (*taken, error) {
	marker, ok := d.sys.(fixtures.Marker)
	if !ok {
		return nil, d.lacks("fixtures.Marker", "take a mark")
	}
	surveyor, ok := d.sys.(fixtures.Surveyor)
	if !ok {
		return nil, d.lacks("fixtures.Surveyor", "take a manifest")
	}
	if err := d.acknowledged(ctx, int64(d.scenario.MinAcknowledged)); err != nil {
		return nil, err
	}
	m, snap, err := d.instant(ctx, label, marker, surveyor)
	if err != nil {
		return nil, err
	}
	defer closeQuietly(ctx, snap)
	if err := marker.Archived(ctx, m); err != nil {
		return nil, fmt.Errorf("wait until the log up to the mark is archived: %w", err)
	}
	dir := reports.BaselineDir
	if len(d.marks) > 0 {
		dir = fmt.Sprintf("%s-%d", dir, len(d.marks)+1)
	}
	manifest, err := d.survey(ctx, snap, dir, label, fixtures.SurveyOptions{})
	if err != nil {
		return nil, err
	}
	for _, db := range manifest.Databases {
		for _, t := range db.Tables {
			if t.Error != "" {
				return nil, fmt.Errorf("the store is not sound before the fault: %s.%s: %s", db.Name, t.FullName(), t.Error)
			}
		}
	}
	canaries, err := d.canaries(ctx, snap)
	if err != nil {
		return nil, err
	}
	d.askAbout(d.chosen(canaries, nil))
	if d.scenario.Level == reports.Deep {
		if d.scenario.Checks, err = verify.Deepen(ctx, d.sys, d.scenario.Checks); err != nil {
			return nil, fmt.Errorf("see what level deep can look at: %w", err)
		}
	}
	d.detail("%s at %s", m.Name, m.Position)
	return &taken{mark: m, manifest: manifest, dir: dir, canaries: canaries}, nil
}

// instant holds traffic while the position is fixed and the snapshot is opened.
func (d *Drill) instant(ctx context.Context, label string, marker fixtures.Marker, surveyor fixtures.Surveyor) (m fixtures.Mark, snap fixtures.Snapshot, err error) {
	if err := d.driver.Hold(ctx); err != nil {
		return m, nil, fmt.Errorf("hold traffic: %w", err)
	}
	defer d.driver.Resume()
	at := d.clock.NowNS()
	if m, err = marker.Mark(ctx, label); err != nil {
		return m, nil, err
	}
	m.Label, m.MonotonicNS = label, at
	if snap, err = surveyor.Snapshot(ctx, ""); err != nil {
		return m, nil, fmt.Errorf("open a snapshot at the mark: %w", err)
	}
	return m, snap, nil
}

// survey reads a snapshot into a directory of the evidence.
func (d *Drill) survey(ctx context.Context, snap fixtures.Snapshot, dir, mark string, o fixtures.SurveyOptions) (*fixtures.Manifest, error) {
	if err := os.MkdirAll(d.path(dir), 0o755); err != nil {
		return nil, fmt.Errorf("create %s: %w", dir, err)
	}
	o.Nonce, o.RowsDir, o.Tolerate = d.rec.Nonce, d.path(dir), d.scenario.Tolerate
	m, err := snap.Survey(ctx, o)
	if err != nil {
		return nil, fmt.Errorf("survey the store: %w", err)
	}
	m.Mark = mark
	b, err := json.MarshalIndent(m, "", " ")
	if err != nil {
		return nil, fmt.Errorf("write the manifest: %w", err)
	}
	if err := os.WriteFile(filepath.Join(d.path(dir), reports.ManifestFile), b, 0o644); err != nil { //nolint:gosec // evidence is to be read
		return nil, fmt.Errorf("write the manifest: %w", err)
	}
	return m, nil
}

// canaries are one for each table of a snapshot that can be asked about.
func (d *Drill) canaries(ctx context.Context, snap fixtures.Snapshot) ([]probe.Canary, error) {
	maker, ok := snap.(probe.CanaryMaker)
	if !ok {
		return nil, nil // the probe's own table is still asked
	}
	canaries, err := maker.Canaries(ctx, d.scenario.CanaryRows)
	if err != nil {
		return nil, fmt.Errorf("pick canaries: %w", err)
	}
	for _, v := range d.scenario.Refreshed { // their rows may be others
		canaries = slices.DeleteFunc(canaries, func(c probe.Canary) bool {
			return c.Database == v.Database && (c.Name == v.View || c.Name == v.Database+": "+v.View)
		})
	}
	return slices.DeleteFunc(canaries, d.aboutDisposable), nil
}

// chosen are those that are asked, of which the record says how many there are.
func (d *Drill) chosen(all []probe.Canary, damaged []faults.Rows) []probe.Canary {
	some := chosen(all, damaged, d.scenario.Seed)
	d.rec.TablesAsked, d.rec.TablesAskable = len(some), len(all)
	return some
}

// askAbout gives the service clock what to ask about, but for what may lose its rows.
func (d *Drill) askAbout(canaries []probe.Canary) {
	d.rec.Canaries = slices.DeleteFunc(canaries, d.aboutDisposable)
	d.prober.SetCanaries(d.rec.Canaries)
}

func closeQuietly(ctx context.Context, c interface{ Close(context.Context) error }) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 10*time.Second)
	defer cancel()
	_ = c.Close(ctx) // read only; its connections are gone either way
}
