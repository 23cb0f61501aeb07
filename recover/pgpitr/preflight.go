package pgpitr

import (
	"context"
	"fmt"
	"strconv"
	"strings"

	recovery "github.com/recoverydrill/gameday/recover"
	"github.com/recoverydrill/gameday/recover/pgserver"
)

// Needs is what a restore of the newest base backup on a server's node needs: the binaries, the backup, the log from it
// to a position ("" is as far as it goes), and room. The backup is read in full, as the restore itself does before it copies
// it. It changes nothing.
func Needs(ctx context.Context, s pgserver.Server, position string) ([]recovery.Need, error) {
	out, err := s.Sh(ctx, `
echo "version=$("$bin/postgres" --version 2>&1 | head -n 1)"
echo "want=$GAMEDAY_VERSION"
echo "backup=$GAMEDAY_BACKUP"
echo "data=$data"
dir=$data; while [ ! -d "$dir" ]; do dir=$(dirname "$dir"); done
echo "free=$(($(df -Pk "$dir" | tail -n 1 | awk '{print $4}') * 1024))"
if [ -n "$GAMEDAY_BACKUP" ] && [ -e "$GAMEDAY_BACKUP/backup_label" ]; then
  echo "size=$(($(du -sk "$GAMEDAY_BACKUP" | cut -f 1) * 1024))"
  sed -n 's/^START WAL LOCATION: \([0-9A-F/]*\) (file \([0-9A-F]*\))/from=\1\nsegment=\2/p' "$GAMEDAY_BACKUP/backup_label"
  echo "bytes=$("$bin/pg_controldata" "$GAMEDAY_BACKUP" | sed -n 's/^Bytes per WAL segment: *//p')"
  damage=$("$bin/pg_verifybackup" --no-parse-wal --quiet "$GAMEDAY_BACKUP" 2>&1) || echo "damage=$(echo "${damage:-pg_verifybackup failed}" | head -n 1)"
fi
ls "$GAMEDAY_VAULT/wal" 2>/dev/null | sed 's/^/wal=/'`, nil)
	if err != nil {
		return nil, fmt.Errorf("look at what a restore on node %q needs: %w", s.Name(), err)
	}
	told, wal := map[string]string{}, map[string]bool{}
	for line := range strings.Lines(out) {
		k, v, _ := strings.Cut(strings.TrimSpace(line), "=")
		if told[k] = v; k == "wal" {
			wal[v] = true
		}
	}
	need := []recovery.Need{binaries(s, told), backup(told, position), room(s, told)}
	return append(need, segments(told, wal, position)), nil
}

func binaries(s pgserver.Server, told map[string]string) recovery.Need {
	major, _, _ := strings.Cut(told["want"], ".")
	return recovery.Need{
		Resource: recovery.NeedsNode, Where: s.Name(), Met: strings.Contains(told["version"]+".", " "+major+"."),
		Detail: fmt.Sprintf("%s, PostgreSQL %s is needed", told["version"], major),
	}
}

func backup(told map[string]string, position string) recovery.Need {
	n := recovery.Need{Resource: recovery.NeedsBackup, Where: told["backup"]}
	from, err := lsn(told["from"])
	to, errTo := lsn(position)
	switch {
	case told["backup"] == "":
		n.Detail = "there is no base backup in the vault"
	case err != nil:
		n.Detail = "it has no backup_label that says where its log begins"
	case told["damage"] != "":
		n.Detail = "it is damaged: " + told["damage"]
	case position != "" && (errTo != nil || to <= from):
		n.Detail = fmt.Sprintf("it begins at %s, the target is %s", told["from"], position)
	default:
		n.Met, n.Detail = true, "it begins at "+told["from"]
	}
	return n
}

// room asks for the copy and for the log that the server writes or fetches meanwhile: some segments.
func room(s pgserver.Server, told map[string]string) recovery.Need {
	size, _ := strconv.ParseInt(told["size"], 10, 64)
	free, _ := strconv.ParseInt(told["free"], 10, 64)
	segment, _ := strconv.ParseInt(told["bytes"], 10, 64)
	n := recovery.Need{Resource: recovery.NeedsDisk, Where: s.Name() + ":" + told["data"], Needed: size + 3*segment, Available: free}
	n.Met = size > 0 && n.Needed <= free
	n.Detail = "the base backup and three segments of the log"
	return n
}

// segments looks for a gap between the backup and the target.
func segments(told map[string]string, wal map[string]bool, position string) recovery.Need {
	n := recovery.Need{Resource: recovery.NeedsLog, Where: "the archive in the vault"}
	size, err := strconv.ParseUint(told["bytes"], 10, 64)
	first := told["segment"]
	if err != nil || size == 0 || len(first) != 24 {
		n.Detail = "without a backup nobody knows where the log has to begin"
		return n
	}
	timeline, perFile := first[:8], uint64(1<<32)/size
	high, errHigh := strconv.ParseUint(first[8:16], 16, 64)
	low, errLow := strconv.ParseUint(first[16:], 16, 64)
	if errHigh != nil || errLow != nil {
		n.Detail = fmt.Sprintf("%q is no segment of the log", first)
		return n
	}
	begin := high*perFile + low
	end := begin
	if to, err := lsn(position); err == nil {
		end = (to - 1) / size
	} else {
		for name := range wal { // the last one that there is
			if len(name) == 24 && name[:8] == timeline {
				h, _ := strconv.ParseUint(name[8:16], 16, 64)
				l, _ := strconv.ParseUint(name[16:], 16, 64)
				end = max(end, h*perFile+l)
			}
		}
	}
	for i := begin; i <= end; i++ {
		if name := fmt.Sprintf("%s%08X%08X", timeline, i/perFile, i%perFile); !wal[name] {
			n.Detail = fmt.Sprintf("segment %s is missing of %d that are needed", name, end-begin+1)
			return n
		}
	}
	n.Met, n.Detail = true, fmt.Sprintf("%d segments from %s on, none is missing", end-begin+1, first)
	return n
}

// lsn reads a position of the log.
func lsn(s string) (uint64, error) {
	high, low, ok := strings.Cut(s, "/")
	if !ok {
		return 0, fmt.Errorf("%q is no position of the log", s)
	}
	h, err := strconv.ParseUint(high, 16, 32)
	if err != nil {
		return 0, err
	}
	l, err := strconv.ParseUint(low, 16, 32)
	return h<<32 | l, err
}
