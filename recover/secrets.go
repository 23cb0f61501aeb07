package recovery

import (
	"maps"
	"net/url"
	"regexp"
	"slices"
	"strings"
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

var (
	// secretName is how variables are called that hold one; the shell's own PWD and OLDPWD are none.
	secretName = regexp.MustCompile(`(?i)PASS(WORD|WD|PHRASE)?$|PWD$|AUTH$|_KEY$|SECRET|TOKEN|PRIVATE_?KEY|API_?KEY|ACCESS_?KEY|CREDENTIAL`)
	directory  = regexp.MustCompile(`^(OLD)?PWD$`)

	// addressName is how variables are called that say where a server is, and often the password with it: before the host, as
	// in postgres://user:password@host/ and user:password@tcp(host)/, or as in "host=... password=...".
	addressName  = regexp.MustCompile(`(?i)(^|_)(URL|URI|DSN)$`)
	userPassword = regexp.MustCompile(`^(?:(?:jdbc:)?[A-Za-z][A-Za-z0-9+.-]*://)?[^:/?#@]*:([^/?#]+)@`)
	wordPassword = regexp.MustCompile(`(?i)(?:^|[\s?&;])(?:password|pwd)\s*=\s*(?:'([^']*)'|([^\s&;']+))`)
)

// hideable is how long a secret must be: a shorter one stands in other words too.
const hideable = 6

// secretsOf are the values of a command's own variables that it was told are secret, or whose names say so, and the passwords
// in those that are addresses. A value of less than six characters is none that could be hidden.
func secretsOf(env map[string]string, told []string) (all []string) {
	add := func(values ...string) {
		for _, v := range values {
			if len(v) >= hideable && !slices.Contains(all, v) {
				all = append(all, v)
			}
		}
	}
	for _, name := range slices.Sorted(maps.Keys(env)) {
		switch {
		case slices.Contains(told, name) || secretName.MatchString(name) && !directory.MatchString(name):
			add(env[name])
		case addressName.MatchString(name):
			add(passwordsIn(env[name])...)
		}
	}
	return all
}

// passwordsIn are the passwords in an address, as it spells them and as they are.
func passwordsIn(address string) (all []string) {
	if m := userPassword.FindStringSubmatch(address); m != nil {
		all = append(all, m[1])
	}
	if p := driverPassword(address); p != "" {
		all = append(all, p)
	}
	for _, m := range wordPassword.FindAllStringSubmatch(address, -1) {
		all = append(all, m[1]+m[2]) // with quotes or without
	}
	for _, spelled := range slices.Clone(all) {
		if plain, err := url.PathUnescape(spelled); err == nil {
			all = append(all, plain)
		}
	}
	return all
}

// driverPassword is the password of an address as Go's driver for MySQL reads it, without a scheme: between the first colon and
// the last @ before the last slash, whatever characters it has.
func driverPassword(address string) string {
	if strings.Contains(address, "://") {
		return ""
	}
	before := address[:max(0, strings.LastIndexByte(address, '/'))]
	login := before[:max(0, strings.LastIndexByte(before, '@'))]
	_, password, _ := strings.Cut(login, ":")
	return password
}

// WithSecret is [HostCommand.With] of a value that is masked in whatever is kept, whatever its name.
func (c *HostCommand) WithSecret(name, value string) *HostCommand {
	c.secret = append(c.secret, name)
	return c.With(name, value)
}

// WithSecret is [NodeCommand.With] of a value that is masked in whatever is kept, whatever its name.
func (c *NodeCommand) WithSecret(name, value string) *NodeCommand {
	c.secret = append(c.secret, name)
	return c.With(name, value)
}

// WithSecret is [ImageCommand.With] of a value that is masked in whatever is kept, whatever its name.
func (c *ImageCommand) WithSecret(name, value string) *ImageCommand {
	c.secret = append(c.secret, name)
	return c.With(name, value)
}

// Secrets are the values that WithSecret was given, or With under names such as PGPASSWORD or API_TOKEN, and the passwords in
// addresses such as DATABASE_URL.
func (c *HostCommand) Secrets() []string { return secretsOf(c.Env, c.secret) }

// Secrets are told as [HostCommand.Secrets] does.
func (c *NodeCommand) Secrets() []string { return secretsOf(c.Env, c.secret) }

// Secrets are told as [HostCommand.Secrets] does.
func (c *ImageCommand) Secrets() []string { return secretsOf(c.Env, c.secret) }

// Secrets are the recovery's own.
func (t *Twice) Secrets() []string {
	if s, ok := t.Recovery.(Secretive); ok {
		return s.Secrets()
	}
	return nil
}
