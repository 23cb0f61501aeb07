package recovery

import (
	"slices"
	"testing"
)

func TestSecretsAreToldByTheirNames(t *testing.T) {
	c := Command("./restore.sh").With("PGPASSWORD", "hunter22").With("AWS_SECRET_ACCESS_KEY", "abcdef").With("api_token", "t0ps3cret").
		With("PASS", "123456").With("PASSES", "three times").With("TARGET", "somewhere").With("MYSQL_PWD_PASSWORD", "abc")
	want := []string{"abcdef", "123456", "hunter22", "t0ps3cret"}
	if got := Interrupted(c, Interruption{}).Secrets(); !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
	if got := Interrupted(Func("", nil), Interruption{}).Secrets(); got != nil {
		t.Errorf("of a function: %q", got)
	}
}

func TestSecretsUnderMoreNames(t *testing.T) {
	for name, secret := range map[string]bool{
		"MYSQL_PWD": true, "REDISCLI_AUTH": true, "REPO1_S3_KEY": true, "ENCRYPTION_KEY": true, "restic_password": true,
		"PWD": false, "OLDPWD": false, "KEYS": false, "AUTHOR": false, "MONKEY": false, "DATABASE_URL": false,
	} {
		if got := Command("x").With(name, "/srv/restore").Secrets(); (len(got) == 1) != secret {
			t.Errorf("%s: %q", name, got)
		}
	}
	if got := OnNode("spare", "x").With("SALT", "shhhhh").WithSecret("PEPPER", "achoo!").Secrets(); !slices.Equal(got, []string{"achoo!"}) {
		t.Errorf("told to be secret: %q", got)
	}
}

func TestPasswordsInAddresses(t *testing.T) {
	for address, want := range map[string][]string{
		"postgres://app:hunter22@db:5432/shop":          {"hunter22"},
		"postgres://app:hunt%2Fer22@db/shop":            {"hunt%2Fer22", "hunt/er22"},
		"postgres://db/shop?user=app&password=hunter22": {"hunter22"},
		"jdbc:mysql://app:hunter22@db/shop":             {"hunter22"},
		"app:hunter22@tcp(db:3306)/shop":                {"hunter22"},
		"redis://:hunter22@cache":                       {"hunter22"},
		"host=db user=app password='hunter 22'":         {"hunter 22"},
		"host=db password=hunter22 user=app":            {"hunter22"},
		"postgres://app@db:5432/shop@home":              nil,
		"git@example.org:team/repository":               nil,
		"https://example.org:8443/":                     nil,
	} {
		for _, name := range []string{"DATABASE_URL", "BROKER_URI", "DSN"} {
			if got := InImage("x").With(name, address).Secrets(); !slices.Equal(got, want) {
				t.Errorf("%s=%s: got %q, want %q", name, address, got, want)
			}
		}
	}
}
