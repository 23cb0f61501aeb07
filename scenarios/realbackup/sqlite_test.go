package realbackup_test

import (
	"context"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/recoverydrill/gameday/fixtures/foreign"
	"github.com/recoverydrill/gameday/fixtures/manifest"
	"github.com/recoverydrill/gameday/fixtures/sqlite"
	recovery "github.com/recoverydrill/gameday/recover"
	"github.com/recoverydrill/gameday/reports"
	"github.com/recoverydrill/gameday/scenarios/drill"
	"github.com/recoverydrill/gameday/scenarios/suite"
	"github.com/recoverydrill/gameday/verify"
)

// A store that no drill has made, of a schema of its own, filled, backed up and restored by the engine's own tool.
const library = `
PRAGMA journal_mode = wal;
CREATE TABLE readers (id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE);
CREATE TABLE loans (id INTEGER PRIMARY KEY AUTOINCREMENT, reader INTEGER NOT NULL, book TEXT NOT NULL, lent DATETIME NOT NULL);
CREATE TABLE fines (id INTEGER PRIMARY KEY, loan INTEGER NOT NULL, cents INTEGER NOT NULL);
CREATE INDEX loans_by_reader ON loans (reader);
WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 500) INSERT INTO readers SELECT i, 'reader ' || i FROM n;
WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 2000) INSERT INTO loans (reader, book, lent) SELECT 1 + i % 500, 'book ' || i, datetime('now', '-' || i || ' minutes') FROM n;
`

// shelf is the store, its backup and the manifest beside it.
type shelf struct{ file, backup, manifest, digest string }

func sqlite3(file string, statements ...string) {
	GinkgoHelper()
	out, err := exec.Command("sqlite3", append([]string{"-bail", file}, statements...)...).CombinedOutput() //nolint:noctx // short
	Expect(err).NotTo(HaveOccurred(), string(out))
}

func newShelf(ctx context.Context) shelf {
	GinkgoHelper()
	if _, err := exec.LookPath("sqlite3"); err != nil {
		Fail("needs the command sqlite3, which make test installs")
	}
	dir := GinkgoT().TempDir()
	s := shelf{file: filepath.Join(dir, "library.db"), backup: filepath.Join(dir, "backup"), manifest: filepath.Join(dir, "monday.manifest")}
	Expect(os.Mkdir(s.backup, 0o755)).To(Succeed())
	sqlite3(s.file, library)
	sqlite3(s.file, ".backup "+filepath.Join(s.backup, "app.db"))
	_, digest, err := foreign.Take(ctx, foreign.Store{SQLite: s.file}, s.manifest, foreign.TakeOptions{})
	Expect(err).NotTo(HaveOccurred())
	s.digest = digest
	return s
}

// restore is the team's scenario; change makes one of the cases of it.
func (s shelf) restore(ctx context.Context, name, afterwards string, change func(*drill.RestoreScenario)) *reports.Record {
	GinkgoHelper()
	scenario := drill.RestoreScenario{
		Scenario: drill.Scenario{Name: "realbackup/sqlite-" + name, Owner: "library", Engine: "sqlite", Objective: drill.Objective{RTO: time.Minute}, ServiceLimit: 2 * time.Second},
		Store:    foreign.Store{SQLite: "library.db"}, Backup: s.backup, Manifest: s.manifest, ManifestDigest: s.digest,
	}
	if change != nil {
		change(&scenario)
	}
	return suite.Restore(ctx, sqlite.Store{Unreplicated: true}, scenario, recovery.Command("./restore-sqlite.sh").With("AFTERWARDS", afterwards))
}

// weaker takes the manifest away and leaves what the team knows of its data.
func weaker(s *drill.RestoreScenario) {
	s.Manifest, s.ManifestDigest = "", ""
	s.Invariants = []verify.Invariant{{
		Name: "no loan without its reader", Reason: "nobody would get the book back", SQL: "SELECT id, reader FROM loans WHERE reader NOT IN (SELECT id FROM readers)",
		Of: "SELECT count(*) FROM loans", Breaks: "UPDATE loans SET reader = -1 WHERE id = 1",
	}}
	s.Freshness = []verify.Fresh{{Name: "the newest loan", SQL: "SELECT lent FROM loans ORDER BY lent DESC LIMIT 1", AtMost: time.Hour}}
	s.RowBands = []verify.RowBand{{Table: "readers", Least: 400, Most: 600}, {Table: "loans", Least: 1500}}
	s.Tables = []reports.Place{{Database: "main", Table: "main.fines"}}
}

func sql(statement string) string {
	return fmt.Sprintf(`sqlite3 "$GAMEDAY_DATA/app.db" "%s"`, statement)
}

// staleJournal leaves a rollback journal beside the file that belongs to an older one, in the middle of whose transaction it
// was copied. Nothing reads it but the first open that may write, which rolls it back over the restored file.
const staleJournal = `old="$GAMEDAY_DATA/../old.db"
sqlite3 "$old" "CREATE TABLE loans (id INTEGER PRIMARY KEY, book TEXT)" "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 1000) INSERT INTO loans SELECT i, 'book' FROM n"
sqlite3 "$old" "PRAGMA cache_size = 1" "BEGIN" "UPDATE loans SET book = 'another book'" ".shell cp '$old-journal' '$GAMEDAY_DATA/app.db-journal'" "ROLLBACK"
[ -s "$GAMEDAY_DATA/app.db-journal" ] || exit 1`

var _ = Describe("a real backup of SQLite", Label("sqlite", "realbackup"), func() {
	It("comes back as its manifest says", SpecTimeout(time.Minute), func(ctx SpecContext) {
		rec := newShelf(ctx).restore(ctx, "manifest", "", nil)
		Expect(rec).To(suite.HavePassed())
		Expect(rec.Headline).To(MatchRegexp(`restored in .*; all of 2,500 rows are back as the manifest of`))
		var phases []string
		for _, p := range rec.Phases {
			phases = append(phases, p.Name)
		}
		Expect(phases).To(Equal([]string{"begin", "restore", "verify"}))
	})

	It("comes back without a manifest, and the verdict says how much weaker it is", SpecTimeout(time.Minute), func(ctx SpecContext) {
		s := newShelf(ctx)
		rec := s.restore(ctx, "weaker", "", weaker)
		Expect(rec).To(suite.HavePassed())
		Expect(rec.Headline).To(ContainSubstring("judged without a manifest: 1 invariant, freshness, 2 row bands and 1 required table held; whether every row is right is not known"))
		Expect(rec.Headline).NotTo(ContainSubstring("are back"))
		page, err := os.ReadFile(filepath.Join(filepath.Dir(rec.Dir), reports.HTMLFile))
		Expect(err).NotTo(HaveOccurred())
		Expect(string(page)).To(ContainSubstring("plausible, not verified"))
	})

	// One id that is NULL, and NOT IN is true of no row: whatever the restore lost, it would not be seen.
	It("comes back without a manifest, and the verdict does not count what may never fail", SpecTimeout(time.Minute), func(ctx SpecContext) {
		s := newShelf(ctx)
		rec := s.restore(ctx, "untried", "", func(r *drill.RestoreScenario) {
			weaker(r)
			r.Invariants = append(r.Invariants, verify.Invariant{
				Name: "no loan without its book", Reason: "it would be lost", Of: "SELECT count(*) FROM loans",
				SQL: "SELECT id FROM loans WHERE book NOT IN (SELECT NULL)",
			})
		})
		Expect(rec).To(suite.HavePassed())
		Expect(rec.Headline).To(ContainSubstring("1 invariant, freshness, 2 row bands and 1 required table held; 1 invariant without Breaks, which may never fail, held too;"))
		Expect(says(rec)).To(ContainSubstring(`invariant "no loan without its book": not shown that it can fail: it has no Breaks`))
	})

	cases := map[string]struct {
		afterwards string
		change     func(shelf, *drill.RestoreScenario)
		outcome    reports.Outcome
		says       string
	}{
		"table-left-out":           {sql("DROP TABLE fines"), nil, reports.Failed, "main.fines is missing"},
		"value-changed":            {sql("UPDATE loans SET book = 'book 8' WHERE id = 7"), nil, reports.Failed, "main.loans"},
		"index-dropped":            {sql("DROP INDEX loans_by_reader"), nil, reports.Failed, "loans_by_reader is missing"},
		"old-backup":               {sql("DELETE FROM loans WHERE id < 100"), nil, reports.Failed, "main.loans"},
		"journal-of-an-older-file": {staleJournal, nil, reports.Failed, "table main.readers is missing"},
		"command-that-lies":        {`rm "$GAMEDAY_DATA/app.db"`, nil, reports.Failed, "the restore failed"},
		"nothing-restored":         {"exit 0", nil, reports.Failed, "did not answer"},
		"two-names-of-one-file":    {`ln "$GAMEDAY_DATA/app.db" "$GAMEDAY_DATA/other.db"`, nil, reports.Failed, "hard links"},
		"backup-moved":             {`mv "$GAMEDAY_BACKUP/app.db" "$GAMEDAY_DATA/app.db"`, nil, reports.Failed, "backup is gone"},
		"backup-written-to":        {`sqlite3 "$GAMEDAY_BACKUP/app.db" "UPDATE loans SET book = 'book 8' WHERE id = 7"`, nil, reports.Failed, "1 file with other contents"},
		"table-not-in-manifest": {"", func(_ shelf, r *drill.RestoreScenario) {
			r.Tables = []reports.Place{{Database: "main", Table: "main.members"}}
		}, reports.Inconclusive, "the manifest does not hold main.members"},
		"manifest-edited": {"", func(s shelf, _ *drill.RestoreScenario) {
			file := filepath.Join(s.manifest, manifest.File)
			b, err := os.ReadFile(file)
			Expect(err).NotTo(HaveOccurred())
			Expect(os.WriteFile(file, []byte(strings.Replace(string(b), `"rows": 2000`, `"rows": 1999`, 1)), 0o600)).To(Succeed())
		}, reports.Inconclusive, "manifest.json was changed"},
		"manifest-of-another-store": {"", func(s shelf, r *drill.RestoreScenario) {
			sqlite3(s.file, "UPDATE readers SET name = 'another ' || id")
			r.Manifest += "-2"
			_, digest, err := foreign.Take(context.Background(), foreign.Store{SQLite: s.file}, r.Manifest, foreign.TakeOptions{})
			Expect(err).NotTo(HaveOccurred())
			r.ManifestDigest = digest
		}, reports.Failed, "main.readers"},
		"weaker-invariant-broken": {sql("DELETE FROM readers WHERE id = 3"), func(_ shelf, r *drill.RestoreScenario) { weaker(r) }, reports.Failed, "no loan without its reader"},
		"weaker-too-old":          {sql("UPDATE loans SET lent = datetime(lent, '-2 days')"), func(_ shelf, r *drill.RestoreScenario) { weaker(r) }, reports.Failed, "the newest loan is"},
		"weaker-too-few-rows":     {sql("DELETE FROM loans WHERE id > 1000"), func(_ shelf, r *drill.RestoreScenario) { weaker(r) }, reports.Failed, "loans has 1000 rows"},
		"weaker-table-left-out":   {sql("DROP TABLE fines"), func(_ shelf, r *drill.RestoreScenario) { weaker(r) }, reports.Failed, "main.fines is missing, which must be there"},
		"weaker-read-only":        {`chmod 0444 "$GAMEDAY_DATA/app.db"`, func(_ shelf, r *drill.RestoreScenario) { weaker(r) }, reports.Failed, "takes no writes: nobody may write to app.db"},
		"weaker-never-fires": {"", func(_ shelf, r *drill.RestoreScenario) {
			weaker(r)
			r.Invariants[0].SQL = "SELECT id FROM loans WHERE reader IS NULL"
		}, reports.Inconclusive, "holds even after the change that must break it"},
		"weaker-cannot-be-asked": {"", func(_ shelf, r *drill.RestoreScenario) {
			weaker(r)
			r.Invariants[0].SQL = "SELECT id FROM lone"
		}, reports.Inconclusive, "could not be asked"},
		"weaker-about-no-row": {"", func(_ shelf, r *drill.RestoreScenario) {
			weaker(r)
			r.Invariants = append(r.Invariants, verify.Invariant{
				Name: "no fine below nothing", Reason: "nobody would get it back", SQL: "SELECT id FROM fines WHERE cents < 0", Of: "SELECT count(*) FROM fines",
			})
		}, reports.Inconclusive, "speaks about no row"},
	}
	for _, name := range slices.Sorted(maps.Keys(cases)) {
		c := cases[name]
		It("is not green: "+name, SpecTimeout(time.Minute), func(ctx SpecContext) {
			s := newShelf(ctx)
			rec := s.restore(ctx, name, c.afterwards, func(r *drill.RestoreScenario) {
				if c.change != nil {
					c.change(s, r)
				}
			})
			Expect(rec).To(suite.HaveOutcome(c.outcome))
			Expect(says(rec)).To(ContainSubstring(c.says))
		})
	}
})
