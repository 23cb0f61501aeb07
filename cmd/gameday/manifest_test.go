package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/recoverydrill/gameday/fixtures/manifest"
	"github.com/recoverydrill/gameday/fixtures/sqlite/handle"
)

// The command writes a manifest that can be read back with the sum that it prints, or nothing and says why.
func TestManifest(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "a.db")
	h, err := handle.Open(t.Context(), path, handle.Create, "CREATE TABLE a (x)", "INSERT INTO a VALUES (1), (2)")
	if err != nil {
		t.Fatal(err)
	}
	if err := h.Close(); err != nil {
		t.Fatal(err)
	}
	out := filepath.Join(dir, "m")
	c := gameday(t, "manifest", "--sqlite", path, "--out", out)
	if c.code != 0 || !strings.Contains(c.out.String(), "tables 1, rows 2") {
		t.Fatalf("exit code %d\n%s%s", c.code, c.out.String(), c.err.String())
	}
	_, sum, _ := strings.Cut(c.out.String(), "sha256 ")
	if _, err := manifest.Read(out, strings.Fields(sum)[0]); err != nil {
		t.Error(err)
	}
	if c := gameday(t, "manifest", "--sqlite", path, "--out", out); c.code != exitInconclusive || !strings.Contains(c.err.String(), "is not empty") {
		t.Errorf("into the same directory: exit code %d\n%s", c.code, c.err.String())
	}
}

// A password that comes by the environment is in no output; one on the command line is not repeated, and warned of.
func TestManifestKeepsPasswords(t *testing.T) {
	for _, store := range []struct{ variable, option, dsn string }{
		{postgresVariable, "--postgres", "postgres://reader:s3cret@127.0.0.1:1/shop"}, {mysqlVariable, "--mysql", "reader:s3cret@tcp(127.0.0.1:1)/"},
	} {
		out := filepath.Join(t.TempDir(), "m")
		onLine := gameday(t, "manifest", store.option, store.dsn, "--out", out)
		t.Setenv(store.variable, store.dsn)
		byName := gameday(t, "manifest", "--out", out)
		if err := os.Unsetenv(store.variable); err != nil {
			t.Fatal(err)
		}
		for _, c := range []*command{onLine, byName} {
			said := c.out.String() + c.err.String()
			if c.code != exitInconclusive || strings.Contains(said, "s3cret") || !strings.Contains(said, "no manifest was written") {
				t.Errorf("%s: exit code %d\n%s", store.option, c.code, said)
			}
		}
		if !strings.Contains(onLine.err.String(), "ps shows it") || strings.Contains(byName.err.String(), "ps shows it") {
			t.Errorf("%s: the warning of a password on the command line:\n%s%s", store.option, onLine.err.String(), byName.err.String())
		}
		if c := gameday(t, "manifest", store.dsn, "--out", out); c.code != exitUsage || strings.Contains(c.err.String(), "s3cret") || !strings.Contains(c.err.String(), store.option) {
			t.Errorf("%s was forgotten: exit code %d\n%s", store.option, c.code, c.err.String())
		}
	}
	t.Setenv("PGPASSWORD", "s3cret")
	c := gameday(t, "manifest", "--postgres", "postgres://reader@127.0.0.1:1/shop", "--out", filepath.Join(t.TempDir(), "m"))
	if said := c.out.String() + c.err.String(); strings.Contains(said, "s3cret") || strings.Contains(said, "ps shows it") {
		t.Errorf("a password in PGPASSWORD:\n%s", said)
	}
}
