package faults

import (
	"context"
	"fmt"
	"strings"

	"github.com/recoverydrill/gameday/fixtures"
)

// ExhaustedMemory is a machine that runs out of memory: another program takes all of it, and the kernel ends the server.
// Only a node with a limit is exhausted (Memory of the engine's cluster).
type ExhaustedMemory struct{ note string }

var (
	_ Fault  = (*ExhaustedMemory)(nil)
	_ Outage = (*ExhaustedMemory)(nil)
	_ Prover = (*ExhaustedMemory)(nil)
)

// ExhaustMemory lets a program on the primary's node take all its memory.
func ExhaustMemory() *ExhaustedMemory { return &ExhaustedMemory{} }

// Describe says so, and afterwards how it went.
func (e *ExhaustedMemory) Describe() Description {
	d := Description{Name: "exhausted memory", Class: resource, Detail: "a program on the primary's node takes all memory, and the kernel ends the server"}
	if e.note != "" {
		d.Notes = []string{e.note}
	}
	return d
}

// IsOutage is true: the server is gone.
func (e *ExhaustedMemory) IsOutage() bool { return true }

// hogScript makes the server's first process the kernel's first choice and takes a little more memory than there is, until
// that process is gone. $1 is the file with its number. A node without a limit below 8 GiB is left alone.
const hogScript = `
limit=$(cat /sys/fs/cgroup/memory.max 2>/dev/null || cat /sys/fs/cgroup/memory/memory.limit_in_bytes 2>/dev/null || echo max)
case "$limit" in ''|*[!0-9]*) exit 45 ;; esac
test "$limit" -le 8589934592 || exit 45
pid=$(head -n 1 "$1") || { echo "no server runs here" >&2; exit 1; }
echo 1000 >"/proc/$pid/oom_score_adj" || exit 1
alive() { case "$(sed -n 's/^State:[^A-Z]*\([A-Z]\).*/\1/p' "/proc/$pid/status" 2>/dev/null)" in ''|Z|X) false ;; esac; }
i=0
while alive; do
  i=$((i+1)); test $i -le 20 || { echo "the kernel spares the server" >&2; exit 1; }
  head -c "$((limit + 67108864))" /dev/zero | tail -c "$((limit + 67108864))" >/dev/null 2>&1
done
echo "$limit"
`

// Inject takes the memory, and returns when the kernel has ended the server and the memory is free again.
func (e *ExhaustedMemory) Inject(ctx context.Context, sys fixtures.System) error {
	n, err := nodeOf(sys, "")
	if err != nil {
		return err
	}
	env, err := environment(ctx, sys, "find the server's process")
	if err != nil {
		return err
	}
	file, user := env["GAMEDAY_PIDFILE"], env["GAMEDAY_OSUSER"]
	if dir := env["GAMEDAY_PGDATA"]; dir != "" {
		file = dir + "/postmaster.pid"
	}
	if file == "" || user == "" {
		return unsupported(sys, "server's process of its own", "run it out of memory")
	}
	res, err := n.Exec(ctx, fixtures.Command{Args: []string{"/bin/sh", "-c", hogScript, "sh", file}, User: user})
	if exitCode(err) == unlimited {
		return lacking(n, "limit of its memory (Memory of the cluster)", "exhaust it")
	}
	if err != nil {
		return fmt.Errorf("take all memory of node %s: %w", n.Name(), err)
	}
	e.note = fmt.Sprintf("the kernel ended the server when %s bytes were in use", strings.TrimSpace(string(res.Stdout)))
	return nil
}

// Prove asks the server at its own address.
func (e *ExhaustedMemory) Prove(ctx context.Context, sys fixtures.System) (string, error) {
	return deaf(ctx, sys, "")
}
