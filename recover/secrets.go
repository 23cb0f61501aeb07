package recovery

import (
	"maps"
	"regexp"
	"slices"
)

// Secretive is an ability of a recovery that is given secrets: they are masked in whatever is kept of it.
type Secretive interface {
	Secrets() []string
}

var (
	_ Secretive = (*HostCommand)(nil)
	_ Secretive = (*NodeCommand)(nil)
	_ Secretive = (*ImageCommand)(nil)
	_ Secretive = (*Twice)(nil)
)

// secretName is how variables are called that hold one.
var secretName = regexp.MustCompile(`(?i)PASS(WORD|WD|PHRASE)?$|SECRET|TOKEN|PRIVATE_?KEY|API_?KEY|ACCESS_?KEY|CREDENTIAL`)

// secretsOf are the values of a command's own variables whose names say that they hold a secret. A value of less than six
// characters is none that could be hidden: it stands in other words too.
func secretsOf(env map[string]string) (all []string) {
	for _, name := range slices.Sorted(maps.Keys(env)) {
		if secretName.MatchString(name) && len(env[name]) >= 6 {
			all = append(all, env[name])
		}
	}
	return all
}

// Secrets are the values that With was given under names such as PGPASSWORD or API_TOKEN.
func (c *HostCommand) Secrets() []string { return secretsOf(c.Env) }

// Secrets are the values that With was given under names such as PGPASSWORD or API_TOKEN.
func (c *NodeCommand) Secrets() []string { return secretsOf(c.Env) }

// Secrets are the values that With was given under names such as PGPASSWORD or API_TOKEN.
func (c *ImageCommand) Secrets() []string { return secretsOf(c.Env) }

// Secrets are the recovery's own.
func (t *Twice) Secrets() []string {
	if s, ok := t.Recovery.(Secretive); ok {
		return s.Secrets()
	}
	return nil
}
