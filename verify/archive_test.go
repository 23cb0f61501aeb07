package verify

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/recoverydrill/gameday/fixtures"
	"github.com/recoverydrill/gameday/reports"
)

func TestArchiveHasNoGap(t *testing.T) {
	whole := []string{
		"0000000100000000000000FE", "0000000100000000000000FF", "000000010000000100000000", "000000010000000100000001.00000028.backup",
		"000000020000000100000001", "00000002.history", "000000010000000100000001",
	}
	for name, c := range map[string]struct {
		seen archived
		want reports.Outcome
		says string
	}{
		"whole, over the end of a log file and two timelines": {archived{Files: whole}, reports.Passed, ""},
		"one segment missing":                {archived{Files: []string{"000000010000000000000001", "000000010000000000000003"}}, reports.Failed, "1 file of the log is missing"},
		"missing over a log's end":           {archived{Files: []string{"0000000100000000000000FE", "000000010000000100000001"}}, reports.Failed, "2 files of the log are missing"},
		"missing where the timeline changed": {archived{Files: []string{"000000010000000000000009", "00000001000000000000000A", "00000002.history", "00000002000000000000000D"}}, reports.Failed, "2 files of the log are missing in the archive where the timeline changed"},
		"an earlier moment was returned to":  {archived{Files: []string{"000000010000000000000009", "00000001000000000000000A", "00000001000000000000000B", "00000002000000000000000A"}}, reports.Passed, ""},
		"a binary log missing":               {archived{Files: []string{"binlog.000009", "binlog.000010", "binlog.000012"}}, reports.Failed, "1 file of the log is missing"},
		"binary logs":                        {archived{Files: []string{"binlog.000009", "binlog.000010", "binlog.000011"}}, reports.Passed, ""},
		"archives of two servers":            {archived{Files: []string{"/vault/binlog/binlog.000009", "/vault/binlog/binlog.000010", "/vault/binlog-2/binlog.000001", "/vault/binlog-2/binlog.000002"}}, reports.Passed, ""},
		"missing in the old server's":        {archived{Files: []string{"/vault/binlog/binlog.000001", "/vault/binlog/binlog.000003", "/vault/binlog-2/binlog.000001", "/vault/binlog-2/binlog.000002"}}, reports.Failed, "1 file of the log is missing"},
		"an empty file":                      {archived{Files: whole, Empty: whole[:1]}, reports.Failed, "is empty"},
		"the archive is stuck":               {archived{Files: whole, Stuck: "the archive command failed"}, reports.Failed, "does not reach the archive"},
		"an empty archive":                   {archived{}, reports.Inconclusive, "holds no log"},
		"files that nobody can sort":         {archived{Files: []string{"x", "y"}}, reports.Inconclusive, "holds no log"},
	} {
		data, err := json.Marshal(c.seen)
		must(t, err)
		outcome, results := judged(t, &Evidence{Record: &reports.Record{}, Extra: map[string][]byte{"archive": data}}, []Check{Archive{}})
		if text := describeResults(results); outcome != c.want || !strings.Contains(text, c.says) {
			t.Errorf("%s: want %v and %q, got %v%s", name, c.want, c.says, outcome, text)
		}
	}
	for name, e := range map[string]*Evidence{"nobody looked": {Record: &reports.Record{}}, "garbage": {Record: &reports.Record{}, Extra: map[string][]byte{"archive": []byte("{")}}} {
		if outcome, _ := judged(t, e, []Check{Archive{}}); outcome != reports.Inconclusive {
			t.Errorf("%s: %v", name, outcome)
		}
	}
}

// What the server that clients reach has written must have come to its own archive: another server's may grow for itself.
func TestTheServingServersArchiveGrows(t *testing.T) {
	file := func(path string, size int64) fixtures.File { return fixtures.File{Path: path, Size: size} }
	old := file("/vault/binlog/binlog.000002", 10)
	for name, c := range map[string]struct {
		before, now []fixtures.File
		want        bool
	}{
		"a new archive":             {[]fixtures.File{old}, []fixtures.File{old, file("/vault/binlog-2/binlog.000001", 5)}, true},
		"the last one grows":        {[]fixtures.File{old, file("/vault/binlog-2/binlog.000001", 5)}, []fixtures.File{old, file("/vault/binlog-2/binlog.000001", 6)}, true},
		"only the other one":        {[]fixtures.File{old, file("/vault/binlog-2/binlog.000001", 5)}, []fixtures.File{file(old.Path, 11), file("/vault/binlog-2/binlog.000001", 5)}, false},
		"a segment":                 {[]fixtures.File{file("/vault/wal/000000010000000000000001", 1)}, []fixtures.File{file("/vault/wal/000000010000000000000001", 1), file("/vault/wal/000000010000000000000002", 1)}, true},
		"transactions of any level": {[]fixtures.File{file("/r/0/1", 1)}, []fixtures.File{file("/r/0/2", 1), file("/r/1/1", 1)}, true},
	} {
		if got := grew(c.before, c.now); got != c.want {
			t.Errorf("%s: %t", name, got)
		}
	}
}
