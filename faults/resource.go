package faults

import (
	"context"
	"fmt"
	"strings"

	"github.com/recoverydrill/gameday/fixtures"
)

// The class of what is used up or wrong on a machine.
const resource = "resource"

// FullDisk is a disk of which no byte is free. Only a limited disk is filled (Disk or VaultDisk of the engine's cluster):
// one without a limit is this machine's.
type FullDisk struct {
	vault bool
	node  string
	file  string // what fills it
}

var (
	_ Fault  = (*FullDisk)(nil)
	_ Healer = (*FullDisk)(nil)
	_ Outage = (*FullDisk)(nil)
	_ Prover = (*FullDisk)(nil)
	_ Silent = (*FullDisk)(nil)
)

// FillDisk fills the data disk of a node, on which the server's log lies too; "" is the primary.
func FillDisk(node string) *FullDisk { return &FullDisk{node: node} }

// FillVault fills the vault. Clients do not see it: the log waits for its archive.
func FillVault() *FullDisk { return &FullDisk{vault: true} }

// Describe names the disk, and afterwards the file that fills it.
func (f *FullDisk) Describe() Description {
	d := Description{Name: "full disk", Class: resource, Detail: "not a byte is free on the data disk of node " + on(f.node)}
	if f.vault {
		d.Name, d.Detail = "full vault", "not a byte is free in the vault"
	}
	if f.file != "" {
		d.Notes = []string{"filled by " + f.file}
	}
	return d
}

// IsOutage is true for the primary's data: it cannot write.
func (f *FullDisk) IsOutage() bool { return !f.vault && isPrimary(f.node) }

// IsSilent is true for every other disk.
func (f *FullDisk) IsSilent() bool { return !f.IsOutage() }

// where is the directory on the disk, and the node to reach it from.
func (f *FullDisk) where(ctx context.Context, sys fixtures.System) (fixtures.Node, string, error) {
	n, err := nodeOf(sys, f.node)
	if err != nil {
		return nil, "", err
	}
	env, err := environment(ctx, sys, "find the disk to fill")
	if err != nil {
		return nil, "", err
	}
	dir := env["GAMEDAY_VAULT"]
	if !f.vault {
		dir = parent(env["GAMEDAY_PGDATA"] + env["GAMEDAY_DATADIR"]) // an engine has one of them
	}
	if dir == "" {
		return nil, "", unsupported(sys, "disk of its own", "fill it")
	}
	return n, dir, nil
}

func parent(path string) string {
	if i := strings.LastIndexByte(path, '/'); i > 0 {
		return path[:i]
	}
	return ""
}

// unlimited is the exit status of a script that was asked to use up what has no limit.
const unlimited = 45

// limitedScript ends with 45 where a directory is not on a limited disk: those are kept in memory, small, and mounted as a
// whole. A directory of the host's that happens to be in memory, as /tmp may be, is a part of a larger one.
const limitedScript = `
test "$(stat -f -c %T -- "$1")" = tmpfs || exit 45
mounted=$(cd -P -- "$1" && df -P . | awk 'NR == 2 { print $NF }')
root=$(awk -v d="$mounted" '$5 == d { r = $4 } END { print r }' /proc/self/mountinfo)
test "$root" = / && test "$mounted" != /tmp && test "$mounted" != /dev/shm && test "$mounted" != /run || exit 45
total=$(( $(stat -f -c '%b * %S' -- "$1") ))
test "$total" -gt 0 && test "$total" -le 17179869184 || exit 45
`

// freeScript tells how many bytes are free for an ordinary user.
const freeScript = `echo $(( $(stat -f -c '%a * %S' -- "$1") ))`

const fillScript = limitedScript + `
f="$1/gameday-filler"
for bs in 1048576 4096 1; do dd if=/dev/zero bs=$bs oflag=append conv=notrunc of="$f" 2>/dev/null || :; test $bs = 1048576 || sync; done
stat -c %s -- "$f"
`

// Inject fills it with a file of zeros.
func (f *FullDisk) Inject(ctx context.Context, sys fixtures.System) error {
	n, dir, err := f.where(ctx, sys)
	if err != nil {
		return err
	}
	if err := isLimited(n, runAs(ctx, n, "", limitedScript, dir)); err != nil {
		return err
	}
	f.file = dir + "/gameday-filler"
	said, err := shell(ctx, n, fillScript, dir)
	if err != nil {
		return fmt.Errorf("fill %s on node %s: %w", dir, n.Name(), err)
	}
	f.file += " with " + said + " bytes"
	return nil
}

func isLimited(n fixtures.Node, err error) error {
	if exitCode(err) == unlimited {
		return lacking(n, "limited disk (Disk or VaultDisk of the cluster)", "fill it")
	}
	return err
}

// Heal removes what filled it.
func (f *FullDisk) Heal(ctx context.Context, sys fixtures.System) error {
	if f.file == "" {
		return nil
	}
	n, dir, err := f.where(ctx, sys)
	if err != nil {
		return err
	}
	_, err = shell(ctx, n, `rm -f -- "$1/gameday-filler"`, dir)
	return err
}

// Prove tries to write a byte.
func (f *FullDisk) Prove(ctx context.Context, sys fixtures.System) (string, error) {
	n, dir, err := f.where(ctx, sys)
	if err != nil {
		return "", err
	}
	free, err := shell(ctx, n, freeScript, dir)
	if err != nil {
		return "", fmt.Errorf("look at the disk: %w", err)
	}
	if free != "0" {
		return "", fmt.Errorf("%w: %s bytes are free in %s on node %s", ErrNotSeen, free, dir, n.Name())
	}
	return fmt.Sprintf("no byte is free in %s on node %s", dir, n.Name()), nil
}
