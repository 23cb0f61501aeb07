package pgpitr

import (
	"strings"
	"testing"

	recovery "github.com/recoverydrill/gameday/recover"
	"github.com/recoverydrill/gameday/recover/pgserver"
)

func TestAGapInTheLogIsSeenBeforeTheRestore(t *testing.T) {
	told := map[string]string{"bytes": "16777216", "segment": "0000000100000000000000FE", "backup": "/vault/base/1", "from": "0/FE000028"}
	all := func(names ...string) map[string]bool {
		wal := map[string]bool{}
		for _, n := range names {
			wal[n] = true
		}
		return wal
	}
	for _, c := range []struct {
		name, position string
		wal            map[string]bool
		met            bool
		detail         string
	}{
		{"whole, over the end of a file of 4 GiB", "1/1000028", all("0000000100000000000000FE", "0000000100000000000000FF", "000000010000000100000000", "000000010000000100000001"), true, "4 segments"},
		{"a hole", "1/1000028", all("0000000100000000000000FE", "0000000100000000000000FF", "000000010000000100000001"), false, "000000010000000100000000 is missing of 4"},
		{"the end is missing", "1/1000028", all("0000000100000000000000FE", "0000000100000000000000FF", "000000010000000100000000"), false, "000000010000000100000001 is missing"},
		{"the target is the end of a segment", "0/FF000000", all("0000000100000000000000FE"), true, "1 segments"},
		{"as far as it goes", "", all("0000000100000000000000FE", "0000000100000000000000FF", "00000002000000010000000F", "00000002.history"), true, "2 segments"},
		{"as far as it goes, with a hole", "", all("0000000100000000000000FE", "000000010000000100000000"), false, "0000000100000000000000FF is missing"},
		{"no log at all", "", nil, false, "0000000100000000000000FE is missing"},
	} {
		n := segments(told, c.wal, c.position)
		if n.Met != c.met || !strings.Contains(n.Detail, c.detail) || n.Resource != recovery.NeedsLog {
			t.Errorf("%s: %+v", c.name, n)
		}
	}
	if n := segments(map[string]string{}, nil, "0/1"); n.Met {
		t.Errorf("without a backup: %+v", n)
	}
}

func TestABackupMustBeginBeforeTheTarget(t *testing.T) {
	for _, c := range []struct {
		backup, from, position string
		met                    bool
	}{
		{"/b", "0/2000028", "0/3000000", true},
		{"/b", "0/2000028", "", true},
		{"/b", "0/2000028", "0/2000028", false},
		{"/b", "1/0", "0/FFFFFFFF", false},
		{"/b", "", "0/3000000", false},
		{"", "", "0/3000000", false},
	} {
		if n := backup(map[string]string{"backup": c.backup, "from": c.from}, c.position); n.Met != c.met {
			t.Errorf("%+v: %+v", c, n)
		}
	}
}

func TestADamagedBackupIsNone(t *testing.T) {
	n := backup(map[string]string{"backup": "/b", "from": "0/2000028", "damage": `error: checksum mismatch for file "base/5/1259"`}, "0/3000000")
	if n.Met || !strings.Contains(n.Detail, "checksum mismatch") {
		t.Errorf("%+v", n)
	}
}

func TestRoomIsNeededForTheCopyAndItsLog(t *testing.T) {
	for free, met := range map[string]bool{"148": true, "147": false, "": false} {
		n := room(pgserver.Server{}, map[string]string{"size": "100", "bytes": "16", "free": free, "data": "/data"})
		if n.Met != met || n.Needed != 148 {
			t.Errorf("free %q: %+v", free, n)
		}
	}
	if n := room(pgserver.Server{}, map[string]string{"free": "1000"}); n.Met {
		t.Errorf("without a backup: %+v", n)
	}
}

func TestOtherBinariesAreNotTaken(t *testing.T) {
	for version, met := range map[string]bool{"postgres (PostgreSQL) 17.11 (Debian)": true, "postgres (PostgreSQL) 16.4": false, "postgres (PostgreSQL) 117.1": false, "not found": false} {
		if n := binaries(pgserver.Server{}, map[string]string{"version": version, "want": "17.11"}); n.Met != met {
			t.Errorf("%q: %+v", version, n)
		}
	}
}
