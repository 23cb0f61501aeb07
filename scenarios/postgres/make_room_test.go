package postgres_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// TestMakeRoomKeepsWhatIsNotArchived runs make-room.sh where the vault takes nothing more: a copy that fails, or that is cut
// short without a word, must leave the segment on the server's disk and waiting.
func TestMakeRoomKeepsWhatIsNotArchived(t *testing.T) {
	const segment = "000000010000000000000002"
	for name, cp := range map[string]string{
		"the copy fails":      "echo no space left >&2; exit 1",
		"the copy is cut":     `: >"$2"`,
		"the copy is another": `echo else >"$2"`,
		"":                    `exec /bin/cp "$1" "$2"`,
	} {
		dir := t.TempDir()
		put := func(path, text string) {
			path = filepath.Join(dir, path)
			if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(path, []byte(text), 0o700); err != nil { //nolint:gosec // some are programs
				t.Fatal(err)
			}
		}
		there := func(path string) bool {
			_, err := os.Stat(filepath.Join(dir, path))
			return err == nil
		}
		put("data/pg_wal/"+segment, "what was written")
		put("data/pg_wal/archive_status/"+segment+".ready", "")
		put("vault/wal/.keep", "")
		put("path/cp", "#!/bin/sh\n"+cp+"\n")
		put("bin/pg_controldata", "#!/bin/sh\necho \"Latest checkpoint's REDO WAL file:    000000010000000000000003\"\n")
		put("bin/pg_ctl", "#!/bin/sh\n")
		// The server would be there again and archive at once; the last segment is the one that was archived by hand.
		put("bin/psql", "#!/bin/sh\ncase \"$*\" in *in_recovery*) echo f ;; *switch_wal*) echo "+segment+" ;; esac\n")

		cmd := exec.CommandContext(t.Context(), "sh", "make-room.sh")
		cmd.Env = []string{
			"PATH=" + filepath.Join(dir, "path") + ":" + os.Getenv("PATH"), "GAMEDAY_PGDATA=" + filepath.Join(dir, "data"),
			"GAMEDAY_VAULT=" + filepath.Join(dir, "vault"), "GAMEDAY_PGBIN=" + filepath.Join(dir, "bin"),
		}
		out, err := cmd.CombinedOutput()
		if name == "" {
			if err != nil || there("data/pg_wal/"+segment) || !there("vault/wal/"+segment) {
				t.Errorf("a copy that succeeds: %v, the segment on the disk %v, in the vault %v\n%s", err, there("data/pg_wal/"+segment), there("vault/wal/"+segment), out)
			}
			continue
		}
		if err == nil || !there("data/pg_wal/"+segment) || !there("data/pg_wal/archive_status/"+segment+".ready") {
			t.Errorf("%s: %v, the segment on the disk %v, and waiting %v\n%s", name, err, there("data/pg_wal/"+segment), there("data/pg_wal/archive_status/"+segment+".ready"), out)
		}
	}
}
