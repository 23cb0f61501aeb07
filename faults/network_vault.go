package faults

import (
	"context"
	"fmt"
	"strings"

	"github.com/recoverydrill/gameday/fixtures"
)

// VaultCut makes the vault unreachable for the servers and for what recovers them: its directory refuses every user but
// the administrator, as a mount does whose keys have expired. The vault is one disk that all nodes share, so it is so on
// all of them. Clients do not see it: the fault is silent, and the log waits for its archive.
type VaultCut struct {
	mode string // of the directory before
	path string
}

var (
	_ Fault  = (*VaultCut)(nil)
	_ Healer = (*VaultCut)(nil)
	_ Prover = (*VaultCut)(nil)
	_ Silent = (*VaultCut)(nil)
)

// CutVault makes the vault unreachable for all nodes.
func CutVault() *VaultCut { return &VaultCut{} }

// Describe says so.
func (v *VaultCut) Describe() Description {
	return Description{Name: "vault unreachable", Class: "network", Detail: "no server and no recovery reaches the vault"}
}

// IsSilent is true: clients are served.
func (v *VaultCut) IsSilent() bool { return true }

// vaultOf is where the vault lies, and the user who must reach it.
func vaultOf(ctx context.Context, sys fixtures.System) (path, user string, err error) {
	env, err := environment(ctx, sys, "find the vault")
	if err != nil {
		return "", "", err
	}
	path, user = env["GAMEDAY_VAULT"], env["GAMEDAY_OSUSER"]
	if path == "" || user == "" {
		return "", "", unsupported(sys, "vault and a server's user of its own", "keep the server away from the vault")
	}
	return path, user, nil
}

// Inject takes the permissions. What the server has open it would keep writing to: MySQL's log goes on to another file.
func (v *VaultCut) Inject(ctx context.Context, sys fixtures.System) error {
	path, _, err := vaultOf(ctx, sys)
	if err != nil {
		return err
	}
	n, err := nodeOf(sys, "")
	if err != nil {
		return err
	}
	if v.mode, err = shell(ctx, n, `stat -c %a -- "$1"`, path); err != nil {
		return fmt.Errorf("look at the vault: %w", err)
	}
	v.path = path
	if _, err := shell(ctx, n, `chmod 0 -- "$1"`, path); err != nil {
		return fmt.Errorf("take the vault's permissions: %w", err)
	}
	if e := sys.Info().Engine; e == "mysql" || e == "mariadb" {
		return sys.(fixtures.Operator).Statement(ctx, "", "", "FLUSH LOCAL BINARY LOGS") //nolint:forcetypeassert // both are
	}
	return nil
}

// Heal gives them back.
func (v *VaultCut) Heal(ctx context.Context, sys fixtures.System) error {
	if v.path == "" {
		return nil
	}
	n, err := nodeOf(sys, "")
	if err != nil {
		return err
	}
	if _, err := shell(ctx, n, `chmod "$2" -- "$1"`, v.path, v.mode); err != nil {
		return fmt.Errorf("give the vault its permissions back: %w", err)
	}
	return nil
}

// Prove tries to look into the vault on every node, as the server does.
func (v *VaultCut) Prove(ctx context.Context, sys fixtures.System) (string, error) {
	path, user, err := vaultOf(ctx, sys)
	if err != nil {
		return "", err
	}
	var names []string
	for _, m := range sys.Members() {
		err := runAs(ctx, m.Node, user, `ls -- "$1" >/dev/null 2>&1 || exit 45`, path)
		switch status := exitCode(err); {
		case err == nil:
			return "", fmt.Errorf("%w: %s can look into %s on node %s", ErrNotSeen, user, path, m.Node.Name())
		case status != 45:
			return "", fmt.Errorf("look into the vault: %w", err)
		}
		names = append(names, m.Node.Name())
	}
	return fmt.Sprintf("%s cannot look into %s on %s", user, path, strings.Join(names, ", ")), nil
}
