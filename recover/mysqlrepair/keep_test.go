package mysqlrepair

import (
	"os/exec"
	"strings"
	"testing"
)

// mysqlLog is what mysqlbinlog writes of three transactions: one that changes two rows of the damaged table,
// one that inserts, and one that deletes from it and changes another table.
const mysqlLog = `DELIMITER /*!*/;
# at 157
#261126  3:00:00 server id 1  end_log_pos 234 CRC32 0x11223344 	GTID	last_committed=0
SET @@SESSION.GTID_NEXT= 'a:1'/*!*/;
BEGIN
/*!*/;
BINLOG '
one
'/*!*/;
### UPDATE ` + "`shop`.`payments`" + `
### WHERE
###   @1=17
###   @2='x'
### SET
###   @1=17
###   @2='y'
### UPDATE ` + "`shop`.`payments`" + `
### WHERE
###   @1=-1 (18446744073709551615)
###   @2='x'
### SET
###   @1=-1 (18446744073709551615)
###   @2='y'
COMMIT/*!*/;
# at 500
#261126  3:00:01 server id 1  end_log_pos 600 CRC32 0x11223344 	GTID	last_committed=1
SET @@SESSION.GTID_NEXT= 'a:2'/*!*/;
### INSERT INTO ` + "`shop`.`payments`" + `
### SET
###   @1=18
###   @2='x'
COMMIT/*!*/;
# at 700
#261126  3:00:02 server id 1  end_log_pos 800 CRC32 0x11223344 	GTID	last_committed=2
SET @@SESSION.GTID_NEXT= 'a:3'/*!*/;
### DELETE FROM ` + "`shop`.`payments`" + `
### WHERE
###   @1=19
###   @2='x'
### UPDATE ` + "`shop`.`orders`" + `
### WHERE
###   @1=20
### SET
###   @1=20
COMMIT/*!*/;
`

func edited(t *testing.T, client, text string, env ...string) string {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "awk", keepScript)
	cmd.Env = append([]string{
		"COUNT=1", "CLIENT=" + client, "NAME_0=`shop`.`payments`", "PLACES_0=1", "UNSIGNED_0=1", "HEAD_0=KEEP IN (", "PATH=/usr/bin:/bin",
	}, env...)
	cmd.Stdin = strings.NewReader(text)
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	return string(out)
}

// Rows are kept before the transaction that changes them: afterwards there is nothing good to keep.
func TestRowsAreKeptBeforeTheirTransaction(t *testing.T) {
	got := edited(t, "mysql", mysqlLog)
	keep := func(keys string) string {
		return "SET @@session.gtid_next = 'AUTOMATIC'/*!*/;\nSET @@session.sql_log_bin = 0/*!*/;\nKEEP IN (" + keys + ")/*!*/;\nSET @@session.sql_log_bin = 1/*!*/;\n"
	}
	want := mysqlLog
	for first, keys := range map[string]string{"#261126  3:00:00": "(17), (18446744073709551615)", "#261126  3:00:02": "(19)"} {
		want = strings.Replace(want, first, keep(keys)+first, 1)
	}
	if got != want {
		t.Errorf("got:\n%s\nwant:\n%s", got, want)
	}
	if n := strings.Count(edited(t, "mariadb", mysqlLog), "gtid_next = 'AUTOMATIC'"); n != 0 {
		t.Errorf("MariaDB was told %d times of MySQL's GTIDs", n)
	}
}

// A key of several columns is kept as one; one of text is text; what cannot be written as SQL ends the replay instead of
// keeping another row.
func TestKeysAreWrittenAsSQL(t *testing.T) {
	both := edited(t, "mysql", mysqlLog, "PLACES_0=1 2")
	if !strings.Contains(both, "KEEP IN ((17, 'x'), (18446744073709551615, 'x'))") {
		t.Errorf("got:\n%s", both)
	}
	for unsigned, want := range map[string]string{"UNSIGNED_0=": "KEEP IN ((17), (-1))", "UNSIGNED_0=1": "KEEP IN ((17), (18446744073709551615))", "UNSIGNED_0=2": "KEEP IN ((17), (-1))"} {
		if got := edited(t, "mariadb", mysqlLog, unsigned); !strings.Contains(got, want) {
			t.Errorf("with %s: no %s in:\n%s", unsigned, want, got)
		}
	}
	odd := edited(t, "mysql", strings.ReplaceAll(mysqlLog, "@1=19", `@1='it\x27s'`))
	if strings.Contains(odd, `KEEP IN (('it`) || !strings.Contains(odd, "gameday_repair.unreadable") {
		t.Errorf("got:\n%s", odd)
	}
}

// The rows come without the heading that would say in which zone their moments are.
func TestGoodRowsAreBroughtInTheirOwnZone(t *testing.T) {
	whose := &table{Damage: Damage{Columns: []string{"paid_at"}}, database: "shop", name: "payments", keys: []string{"id"}}
	before, behind := whose.bring(0)
	got := before + "INSERT INTO `gameday_good_0` VALUES (17,'2026-11-26 03:00:00.000000');" + behind
	_, after, ok := strings.Cut(got, "SET time_zone = '+00:00';\nINSERT INTO ")
	if !ok || !strings.HasSuffix(after, ";\nSET time_zone = @gameday_zone;\n") || !strings.Contains(got, "SET @gameday_zone = @@time_zone;\nSET time_zone") {
		t.Errorf("got:\n%s", got)
	}
}
