package mysqlhost

import (
	"context"
	"fmt"
	"strconv"
	"strings"

	recovery "github.com/recoverydrill/gameday/recover"
)

// lookScript finds what a restore needs and prints it as lines NAME=VALUE. Nothing is changed.
const lookScript = `
say() { printf '%s=%s\n' "$1" "$2"; }
state=free
if test -e "$GAMEDAY_DATADIR.recovery"; then state="an earlier recovery's"
elif test -n "$(ls -A "$GAMEDAY_DATADIR" 2>/dev/null)"; then state=occupied; fi
say state "$state"
lacking=
for p in "$GAMEDAY_SERVER" "$CLIENT" "$BINLOG" $PROGRAMS; do command -v "$p" >/dev/null || lacking="$lacking $p"; done
say lacking "$lacking"
say disk "$(df -Pk "$(dirname "$GAMEDAY_DATADIR")" | awk 'NR == 2 { printf "%.0f", $4 * 1024 }')"
test -n "$GAMEDAY_BACKUP" && test -r "$GAMEDAY_BACKUP/gameday-backup.info" || exit 0
say version "$(info version)"
say place "$(info binlog_file):$(info binlog_pos)"
for part in $PARTS; do test -r "$GAMEDAY_BACKUP/$part" || say absent "$part"; done
say size "$(du -sk "$GAMEDAY_BACKUP" | awk '{ printf "%.0f", $1 * 1024 }')"
seen=$( (` + filesScript + `
	echo "bytes $(cat "$@" | wc -c)") 2>&1 || :)
case "$seen" in
"bytes "*) say log "${seen#bytes }" ;;
*) say gap "$(echo "$seen" | tail -n 1)" ;;
esac
`

// Growth is what a restore needs of the disk, in multiples of what it reads.
type Growth struct {
	Backup int64
	Log    int64 // default 3: as text, and in the new server's own log
}

// Look says what a restore needs and has: the machine, the backup with its parts, the log from there to the target without
// a file missing, and disk for what the two become.
func (h Host) Look(ctx context.Context, t Target, grow Growth, programs, parts []string) ([]recovery.Need, error) {
	if grow.Log == 0 {
		grow.Log = 3
	}
	_, file := t.stop(h.Flavour)
	out, err := h.Sh(ctx, lookScript, map[string]string{
		"STOP_FILE": file, "PROGRAMS": strings.Join(programs, " "), "PARTS": strings.Join(parts, " "),
	})
	if err != nil {
		return nil, fmt.Errorf("look at node %q: %w", h.Node.Name(), err)
	}
	is := map[string]string{}
	for _, line := range strings.Split(out, "\n") {
		name, value, _ := strings.Cut(line, "=")
		is[name] = strings.TrimSpace(value)
	}
	node := recovery.Need{
		Resource: recovery.NeedsNode, Where: h.Node.Name(), Met: is["state"] != "occupied" && is["lacking"] == "",
		Detail: "the programs are there, the data directory is " + is["state"],
	}
	if is["lacking"] != "" {
		node.Detail = "not there: " + is["lacking"]
	}
	return append([]recovery.Need{node}, h.lookAtVault(is, t, grow)...), nil
}

func (h Host) lookAtVault(is map[string]string, t Target, grow Growth) []recovery.Need {
	path := h.Job.Env["GAMEDAY_BACKUP"]
	backup := recovery.Need{Resource: recovery.NeedsBackup, Where: path}
	log := recovery.Need{Resource: recovery.NeedsLog, Where: h.Job.Env["GAMEDAY_BINLOG_DIR"]}
	disk := recovery.Need{Resource: recovery.NeedsDisk, Where: h.Node.Name() + ":" + h.Job.Env["GAMEDAY_DATADIR"], Available: number(is["disk"])}
	switch {
	case path == "":
		backup.Where, backup.Detail = h.Job.Env["GAMEDAY_VAULT"], "there is none"
	case is["version"] == "":
		backup.Detail = "gameday-backup.info cannot be read"
	case is["absent"] != "":
		backup.Detail = "it has no " + is["absent"]
	case series(is["version"]) != series(h.Job.Env["GAMEDAY_VERSION"]):
		backup.Detail = fmt.Sprintf("it is of version %s, the server here is %s", is["version"], h.Job.Env["GAMEDAY_VERSION"])
	case t.Kind == Position && later(is["place"], t.File+":"+t.Bytes):
		backup.Detail = fmt.Sprintf("it is later than the target: it stands at %s, want %s:%s or earlier", is["place"], t.File, t.Bytes)
	default:
		backup.Met, backup.Detail = true, "of version "+is["version"]+", it stands at "+is["place"]
	}
	switch {
	case is["version"] == "":
		log.Detail = "where it must begin is not known without a backup"
	case is["gap"] != "":
		log.Detail = is["gap"]
	default:
		log.Met, log.Detail = true, fmt.Sprintf("every file from %s to %s: %s bytes", is["place"], t, is["log"])
	}
	disk.Needed = grow.Backup*number(is["size"]) + grow.Log*number(is["log"])
	disk.Met = is["version"] != "" && disk.Needed <= disk.Available
	disk.Detail = fmt.Sprintf("%d times the backup's %s bytes, and %d times the log's", grow.Backup, is["size"], grow.Log)
	return []recovery.Need{backup, log, disk}
}

func number(text string) int64 {
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil {
		return 0
	}
	return n
}

// series is the part of a version within which a backup of one server starts on another: 11.8 of 11.8.9-MariaDB.
func series(version string) string {
	parts := strings.SplitN(version, ".", 3)
	return strings.Join(parts[:min(len(parts), 2)], ".")
}

// later tells whether one place in the log, FILE:BYTES, comes after another. Names of files have the same length.
func later(a, b string) bool {
	fileA, bytesA, _ := strings.Cut(a, ":")
	fileB, bytesB, _ := strings.Cut(b, ":")
	return fileA > fileB || fileA == fileB && number(bytesA) > number(bytesB)
}
