package verify

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/recoverydrill/gameday/fixtures"
	"github.com/recoverydrill/gameday/reports"
)

func marshalled(t *testing.T, v any) []byte {
	t.Helper()
	b, err := json.Marshal(v)
	must(t, err)
	return b
}

// restartedScene is evidence of a recovered store that was restarted and has lost nothing.
func restartedScene(t *testing.T) (*Evidence, *restarted) {
	t.Helper()
	e := newScene(t, plot{}).build()
	later := again(t, e.Found)
	later.Taken = later.Taken.Add(10 * time.Second)
	one(t, later, fixtures.Traffic) // there is one
	return e, &restarted{Node: "spare", Manifest: later, Durability: e.After}
}

func TestWhatARestartTakesAwayIsMissed(t *testing.T) {
	e, good := restartedScene(t)
	for name, c := range map[string]struct {
		harm    func(r *restarted)
		outcome reports.Outcome
		finding string
	}{
		"nothing":                   {func(*restarted) {}, reports.Passed, ""},
		"the probe's own rows":      {func(r *restarted) { harness(t, r.Manifest).Rows += 7 }, reports.Passed, ""},
		"a sequence that moved on":  {func(r *restarted) { *sequence(t, r.Manifest).AtLeast += 32 }, reports.Passed, ""},
		"a sequence that went back": {func(r *restarted) { *sequence(t, r.Manifest).AtLeast -= 1 }, reports.Failed, "went back by 1"},
		"rows of an unlogged table": {func(r *restarted) { *one(t, r.Manifest, fixtures.Fixed) = emptied(*one(t, r.Manifest, fixtures.Fixed)) }, reports.Failed, "after a restart: "},
		"rows that clients wrote": {func(r *restarted) {
			*one(t, r.Manifest, fixtures.Traffic) = emptied(*one(t, r.Manifest, fixtures.Traffic))
		}, reports.Failed, "after a restart: shop.gameday."},
		"a value": {func(r *restarted) {
			tab := one(t, r.Manifest, fixtures.Fixed)
			tab.Digest.Lo++
			tab.Buckets[firstUsed(tab)].Digest.Lo++
		}, reports.Failed, "after a restart: "},
		"an index":                         {func(r *restarted) { r.Manifest.Databases[0].Objects = r.Manifest.Databases[0].Objects[1:] }, reports.Failed, "is missing"},
		"a setting of the server":          {func(r *restarted) { changeSetting(t, r.Manifest) }, reports.Failed, "after a restart: setting "},
		"durability that was set by hand":  {func(r *restarted) { r.Durability = set(r.Durability, "fsync", "off") }, reports.Failed, `after a restart fsync is "off", it was "on" before`},
		"durability that nobody read":      {func(r *restarted) { r.Durability = nil }, reports.Inconclusive, "could not be read back"},
		"the way for clients":              {func(r *restarted) { r.Silent = "connection refused" }, reports.Failed, "clients get no answer after a restart"},
		"the server":                       {func(r *restarted) { r.Started, r.Manifest = "permission denied", nil }, reports.Failed, "does not start again"},
		"a server that nobody could end":   {func(r *restarted) { r.Killed, r.Manifest = "no server runs here", nil }, reports.Inconclusive, "could not be ended"},
		"another store in its place":       {func(r *restarted) { r.Manifest.Identity.Token = "x" }, reports.Failed, "clients reach another store"},
		"a recovery that begins once more": {func(r *restarted) { r.Manifest.Identity.Branch = "3" }, reports.Failed, "began a recovery of its own"},
		"a survey that was made before":    {func(r *restarted) { r.Manifest.Taken = r.Manifest.Taken.Add(-time.Minute) }, reports.Inconclusive, "not later"},
		"a survey of another drill":        {func(r *restarted) { r.Manifest.Nonce = "beef" }, reports.Inconclusive, "another nonce"},
		"a survey that could not be made":  {func(r *restarted) { r.Manifest, r.Unread = nil, "timeout" }, reports.Inconclusive, "could not be surveyed"},
		"a survey that only counted": {func(r *restarted) {
			*one(t, r.Manifest, fixtures.Fixed) = *counted(*one(t, r.Manifest, fixtures.Fixed))
		}, reports.Inconclusive, "not looked at"},
	} {
		got := *good
		got.Manifest = again(t, good.Manifest)
		c.harm(&got)
		e.Extra = map[string][]byte{"restart": marshalled(t, got)}
		outcome, results := judged(t, e, []Check{Restart{}})
		if text := describeResults(results); outcome != c.outcome || !strings.Contains(text, c.finding) {
			t.Errorf("%s: want %v and %q, got %v%s", name, c.outcome, c.finding, outcome, text)
		}
	}
	for name, extra := range map[string]map[string][]byte{"nobody looked": nil, "garbage": {"restart": []byte("{")}} {
		e.Extra = extra
		if outcome, _ := judged(t, e, []Check{Restart{}}); outcome != reports.Inconclusive {
			t.Errorf("%s: %v", name, outcome)
		}
	}
}

func TestWhatCannotBeRecoveredAgain(t *testing.T) {
	e, good := rearmedScene(t)
	for name, c := range map[string]struct {
		harm    func(r *rearmed)
		outcome reports.Outcome
		finding string
	}{
		"nothing":                      {func(*rearmed) {}, reports.Passed, ""},
		"no machine left":              {func(r *rearmed) { r.Unlooked, r.After = "no machine is left to restore on", nil }, reports.Passed, "the new backup was not restored"},
		"no backup":                    {func(r *rearmed) { r.NoBackup, r.Backup = "permission denied", nil }, reports.Failed, "no backup can be taken"},
		"nobody took one":              {func(r *rearmed) { r.Backup = nil }, reports.Inconclusive, "nobody took a backup"},
		"no log":                       {func(r *rearmed) { r.NoMark = "log_bin is off" }, reports.Failed, "writes no log"},
		"a log that is thrown away":    {func(r *rearmed) { r.Stuck = "the archive has 3 files as before" }, reports.Failed, "does not reach the archive"},
		"a restore that fails":         {func(r *rearmed) { r.Broken = "WAL ends before the target" }, reports.Failed, "cannot be restored"},
		"a copy without the new table": {func(r *rearmed) { dropTable(r.After, freshTable) }, reports.Failed, freshTable + " is missing"},
		"a copy that lacks a row":      {func(r *rearmed) { *one(t, r.After, fixtures.Traffic) = emptied(*one(t, r.After, fixtures.Traffic)) }, reports.Failed, "restored from the new backup: shop.gameday."},
		"a copy with other settings":   {func(r *rearmed) { changeSetting(t, r.After) }, reports.Passed, ""},
		"a copy without an index":      {func(r *rearmed) { r.After.Databases[0].Objects = r.After.Databases[0].Objects[1:] }, reports.Failed, "is missing"},
		"a copy of another store":      {func(r *rearmed) { r.After.Identity.Token = "x" }, reports.Failed, "of another store"},
		"a copy that cannot be read":   {func(r *rearmed) { r.After, r.Unread = nil, "timeout" }, reports.Inconclusive, "could not be compared"},
		"a copy of another drill":      {func(r *rearmed) { r.After.Nonce = "beef" }, reports.Inconclusive, "another drill"},
		"a store that takes no write":  {func(r *rearmed) { r.Deaf = "read only" }, reports.Inconclusive, "takes no writes"},
		"a table that was not there":   {func(r *rearmed) { dropTable(r.Before, freshTable); dropTable(r.After, freshTable) }, reports.Inconclusive, "nothing new was looked at"},
		"something left behind":        {func(r *rearmed) { r.Left = "the table" }, reports.Inconclusive, "could not be removed"},
	} {
		got := *good
		got.Before, got.After = again(t, good.Before), again(t, good.After)
		c.harm(&got)
		e.Extra = map[string][]byte{"rearmed": marshalled(t, got)}
		outcome, results := judged(t, e, []Check{Rearmed{}})
		if text := describeResults(results); outcome != c.outcome || !strings.Contains(text, c.finding) {
			t.Errorf("%s: want %v and %q, got %v%s", name, c.outcome, c.finding, outcome, text)
		}
	}
	e.Extra = nil
	if outcome, _ := judged(t, e, []Check{Rearmed{}}); outcome != reports.Inconclusive {
		t.Errorf("nobody looked: %v", outcome)
	}
}

// rearmedScene is evidence of a recovered store whose new backup leads back to it.
func rearmedScene(t *testing.T) (*Evidence, *rearmed) {
	t.Helper()
	e := newScene(t, plot{}).build()
	before := again(t, e.Found)
	before.Taken = before.Taken.Add(10 * time.Second)
	fresh := fixtures.Table{Schema: "public", Name: freshTable, Kind: "table", Class: fixtures.Fixed, Rows: 2, Digest: fixtures.Digest{Lo: 9}}
	for i := range before.Databases {
		if before.Databases[i].Name == "shop" {
			before.Databases[i].Tables = append(before.Databases[i].Tables, fresh)
		}
	}
	after := again(t, before)
	after.Taken = after.Taken.Add(10 * time.Second)
	return e, &rearmed{Backup: &fixtures.Backup{Bytes: 1}, Restored: "spare-2", Before: before, After: after}
}

func dropTable(m *fixtures.Manifest, name string) {
	for d := range m.Databases {
		for i, tab := range m.Databases[d].Tables {
			if tab.Name == name {
				m.Databases[d].Tables = append(m.Databases[d].Tables[:i:i], m.Databases[d].Tables[i+1:]...)
				return
			}
		}
	}
}

func emptied(t fixtures.Table) fixtures.Table {
	t.Rows, t.Digest, t.Buckets, t.RowsFile = 0, fixtures.Digest{}, nil, ""
	return t
}

func firstUsed(t *fixtures.Table) int {
	for i, b := range t.Buckets {
		if b.Rows > 0 {
			return i
		}
	}
	return 0
}

func harness(t *testing.T, m *fixtures.Manifest) *fixtures.Table {
	t.Helper()
	for d := range m.Databases {
		for i := range m.Databases[d].Tables {
			if tab := &m.Databases[d].Tables[i]; tab.Class == fixtures.Harness {
				return tab
			}
		}
	}
	t.Fatal("no table of the harness")
	return nil
}

func sequence(t *testing.T, m *fixtures.Manifest) *fixtures.Object {
	t.Helper()
	for d := range m.Databases {
		for i := range m.Databases[d].Objects {
			if o := &m.Databases[d].Objects[i]; o.AtLeast != nil {
				return o
			}
		}
	}
	t.Fatal("no sequence")
	return nil
}

func changeSetting(t *testing.T, m *fixtures.Manifest) {
	t.Helper()
	for i := range m.Objects {
		if m.Objects[i].Kind == "setting" {
			m.Objects[i].Definition = "another"
			return
		}
	}
	t.Fatal("no setting")
}

func set(all []fixtures.Setting, name, value string) []fixtures.Setting {
	own := append([]fixtures.Setting(nil), all...)
	for i := range own {
		if own[i].Name == name {
			own[i].Value, own[i].OK = value, value == own[i].Wanted
		}
	}
	return own
}
