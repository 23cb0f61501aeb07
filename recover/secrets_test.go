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
