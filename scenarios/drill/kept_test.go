package drill_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/recoverydrill/gameday/faults"
	"github.com/recoverydrill/gameday/fixtures"
	"github.com/recoverydrill/gameday/fixtures/traffic"
	recovery "github.com/recoverydrill/gameday/recover"
	"github.com/recoverydrill/gameday/recover/litestream"
	"github.com/recoverydrill/gameday/reports"
	"github.com/recoverydrill/gameday/scenarios/drill"
	"github.com/recoverydrill/gameday/verify"
)

// What a recovery does to backups and log beside bringing the data back, on a real store with its replica. One that has
// taken a new backup before it did away with the old one has done well.
func TestARecoveryKeepsWhatItRecoversFrom(t *testing.T) {
	_, sys := shopOnFile(t)
	taker := sys.(fixtures.BackupTaker)
	env, err := sys.(fixtures.Responder).Environment(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for i, c := range []struct {
		name  string
		fault func(backup string) error // strikes before
		act   func(backup string) error
		want  reports.Outcome
		says  string
	}{
		{"leaves everything", nil, nil, reports.Passed, ""},
		{"moves the backup", nil, func(b string) error { return os.Rename(b, env["GAMEDAY_DATA"]+"/moved.db") }, reports.Failed, "is gone"},
		{"moves it aside", nil, func(b string) error { return os.Rename(filepath.Dir(b), filepath.Dir(b)+"-used") }, reports.Failed, "is gone"},
		{"writes to it", nil, func(b string) error { return scribble(b, 4096) }, reports.Failed, "1 file with other contents"},
		{"touches it", nil, func(b string) error { return os.Chtimes(b, time.Unix(1, 0), time.Unix(1, 0)) }, reports.Passed, ""},
		{"works on it", nil, func(b string) error { return os.WriteFile(b+"-wal", []byte("x"), 0o600) }, reports.Inconclusive, "1 file more than before"},
		{"takes a new one", nil, func(b string) error {
			_, err := taker.Backup(t.Context(), "newer")
			return errors.Join(err, os.RemoveAll(filepath.Dir(b)))
		}, reports.Passed, "the recovery has taken a new one"},
		{"finds none", os.Remove, nil, reports.Passed, "found no file of it"},
		{"finds a broken one", func(b string) error { return scribble(b, 4096) }, nil, reports.Passed, "found no file of it"},
		{"brings it back", os.Remove, func(b string) error { return os.WriteFile(b, []byte("x"), 0o600) }, reports.Passed, "found no file of it"},
		{"deletes the log", nil, func(string) error { // the last: nothing is left after it
			all, err := filepath.Glob(env["GAMEDAY_REPLICA"] + "/ltx/*/*.ltx")
			for _, f := range all {
				err = errors.Join(err, os.Remove(f))
			}
			return err
		}, reports.Failed, "of the archived log that"},
	} {
		b, err := taker.Backup(t.Context(), fmt.Sprint(i))
		if err != nil {
			t.Fatal(err)
		}
		stock, err := verify.StockOf(t.Context(), sys, []fixtures.Backup{b})
		if err != nil {
			t.Fatal(err)
		}
		strike := func() error {
			if c.fault == nil {
				return nil
			}
			return c.fault(b.Path)
		}
		if struck, unseen := stock.Around(t.Context(), sys, strike); struck != nil || unseen != nil {
			t.Fatal(struck, unseen)
		}
		if c.act != nil {
			if err := c.act(b.Path); err != nil {
				t.Fatal(err)
			}
		}
		kept := verify.Kept{Before: stock}
		data, err := kept.Collect(t.Context(), sys)
		if err != nil {
			t.Fatal(err)
		}
		r := kept.Judge(t.Context(), &verify.Evidence{Record: &reports.Record{}, Extra: map[string][]byte{"kept": data}})
		said := ""
		for _, f := range r.Findings {
			said += f.Summary + "\n"
		}
		if r.Outcome != c.want || !strings.Contains(said, c.says) || c.says == "" && said != "" {
			t.Errorf("%s: %v, %q; want %v and %q", c.name, r.Outcome, said, c.want, c.says)
		}
	}
}

func scribble(path string, at int64) error {
	f, err := os.OpenFile(path, os.O_WRONLY, 0) //nolint:gosec // of this test
	if err != nil {
		return err
	}
	_, err = f.WriteAt([]byte("scribbled"), at)
	return errors.Join(err, f.Close())
}

// All data is back, and its only backup is gone: the drill fails. What the fault took away is not asked of the recovery.
func TestADrillMissesTheBackupThatItsRecoveryUsedUp(t *testing.T) {
	good := litestream.To(litestream.Position)
	for name, c := range map[string]struct {
		fault faults.Fault
		then  func(backup string) error
		want  reports.Outcome
	}{
		"used up": {faults.BadWrite(`UPDATE payments SET amount = 0`), os.Remove, reports.Failed},
		"lost":    {faults.Together(faults.BadWrite(`UPDATE payments SET amount = 0`), faults.DeleteBackup()), func(string) error { return nil }, reports.Passed},
	} {
		run, sys := shopOnFile(t)
		d, err := drill.Begin(t.Context(), sys, drill.Scenario{Name: "kept/" + strings.ReplaceAll(name, " ", "-"), Owner: "gameday", Disaster: "A test.", Answers: []reports.Question{reports.Plan}}, drill.Options{Run: run})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { closed(t, d.Finish) })
		var m fixtures.Mark
		if err = errors.Join(d.Backup(t.Context()), d.Traffic(t.Context(), traffic.Mix{Clients: 2})); err == nil {
			m, err = d.Mark(t.Context(), "good")
		}
		if err == nil {
			err = d.Break(t.Context(), c.fault)
		}
		if err == nil {
			err = d.Recover(t.Context(), recovery.Func(good.Name(), func(ctx context.Context, job recovery.Job) error {
				return errors.Join(good.Recover(ctx, job), c.then(job.Env["GAMEDAY_BACKUP"]))
			}), drill.To(m))
		}
		if err != nil {
			t.Fatal(err)
		}
		if all := outcomes(t, d); all["kept"] != c.want || c.want == reports.Failed && d.Record().Outcome != reports.Failed {
			t.Errorf("%s: kept is %v, the drill %v", name, all["kept"], d.Record().Outcome)
		}
	}
}
