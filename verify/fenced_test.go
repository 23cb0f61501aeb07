package verify

import "testing"

func TestAServerThatRunsIsToldFromOneThatWasKilled(t *testing.T) {
	for said, want := range map[string]bool{
		"pg_ctl: another server might be running; trying to start server anyway\npostgres: could not access the server configuration file": false,
		"pg_ctl: another server might be running; trying to start server anyway\nFATAL:  lock file \"postmaster.pid\" already exists":      true,
		"a server runs here already":                        true,
		"mariadbd: Can't read dir of '/data/conf'":          false,
		"FATAL:  could not open file \"global/pg_control\"": false,
	} {
		if got := runs(said); got != want {
			t.Errorf("%q: got %t, want %t", said, got, want)
		}
	}
}
