package pgrepair

import (
	"strings"
	"testing"

	"github.com/recoverydrill/gameday/fixtures"
	recovery "github.com/recoverydrill/gameday/recover"
)

// What is damaged still, what has come to look so, and what always has must be told apart.
func TestDamageThatIsLeftIsSeen(t *testing.T) {
	for _, c := range []struct {
		name, before, now string
		left              int
	}{
		{"all is put back", `[["1"], ["2"]]`, `[]`, 0},
		{"one always looked so", `[["1"], ["7"]]`, `[["7"]]`, 0},
		{"one was left", `[["1"], ["2"]]`, `[["2"]]`, 1},
		{"one is new", `[["1"]]`, `[["9"]]`, 1},
		{"nothing was put back", `[["1"], ["2"], ["7"]]`, `[["1"], ["2"], ["7"]]`, 2},
		{"one was deleted, is back, and always looked so", `[["1"]]`, `[["5"]]`, 0},
		{"one was damaged and deleted, is back, and has a good version", `[["1"]]`, `[["6"]]`, 1},
		{"one was deleted, came back good, and is damaged now", `[["1"]]`, `[["8"]]`, 1},
		{"a key that COPY writes with escapes", `[["a\tb\\c"]]`, `[["a\tb\\c"]]`, 1},
	} {
		tab := &table{
			damaged: c.now, good: map[string]string{"1": "1\t5", "2": "2\t6", `a\tb\\c`: `a\tb\\c` + "\t1", "6": "6\t7"},
			gone: map[string]string{"5": "5\t0", "6": "6\t0", "8": "8\t9"}, late: map[string]bool{`["5"]`: true, `["6"]`: true},
		}
		left, err := tab.left(c.before)
		if err != nil || len(left) != c.left {
			t.Errorf("%s: %q, %v", c.name, left, err)
		}
	}
	if _, err := (&table{damaged: "[]"}).left("nonsense"); err == nil {
		t.Error("keys that cannot be read were taken for none")
	}
}

// A row that was damaged before it was deleted is asked for like a damaged one: its good version, and who wrote it. The key
// is as COPY writes a JSON list.
func TestRowsThatWereDamagedAndThenDeletedAreAskedFor(t *testing.T) {
	tab := &table{
		Damage: Damage{Table: "shop.lines", Poison: "price = 0", Deleted: "id < 9"}, damaged: "[]",
		Key: []column{{"id", "text"}}, Others: []column{{"price", "numeric"}},
		good: map[string]string{}, gone: map[string]string{}, late: map[string]bool{},
	}
	suspects := map[string]bool{}
	first := tab.reading(suspects)
	if len(first) != 2 || !strings.Contains(first[1].sql, "(id < 9) AND (price = 0)") {
		t.Fatalf("at first it asks %d questions, the last %q", len(first), first[len(first)-1].sql)
	}
	first[1].take("745\t" + `["a\\"b"]`)
	if !suspects["745"] {
		t.Errorf("who wrote it is no suspect: %v", suspects)
	}
	again := tab.reading(suspects)
	if len(again) != 4 || !strings.Contains(again[0].sql, `'[["a\"b"]]'::jsonb`) {
		t.Errorf("then it asks %d questions, first %q", len(again), again[0].sql)
	}
	if none := (&table{Damage: Damage{Table: "shop.lines", Deleted: "id < 9"}}).reading(suspects); len(none) != 1 {
		t.Errorf("of rows that were only deleted it asks %d questions", len(none))
	}
}

// A row is put back only while it is damaged, in the columns that the damage changed, and by its key.
func TestOnlyDamagedColumnsOfDamagedRowsArePutBack(t *testing.T) {
	tab := &table{
		Damage: Damage{Table: "shop.lines", Poison: "price = 0", Deleted: "id < 9"},
		Key:    []column{{"id", "bigint"}, {"no", "int"}}, Others: []column{{"name", "text"}, {"price", "numeric"}}, Set: []column{{"price", "numeric"}},
		good: map[string]string{"1\t2": "1\t2\tx\t5"}, gone: map[string]string{"3\t4": "3\t4\ty\t6"},
	}
	got := tab.script(0)
	for _, want := range []string{
		`UPDATE shop.lines x SET "price" = s.pgrepair_3 FROM pgrepair_good_0 s WHERE x."id" = s.pgrepair_0 AND x."no" = s.pgrepair_1 AND (price = 0) RETURNING`,
		`INSERT INTO shop.lines AS x ("id", "no", "name", "price") OVERRIDING SYSTEM VALUE SELECT pgrepair_0, pgrepair_1, pgrepair_2, pgrepair_3 FROM pgrepair_gone_0 s WHERE NOT EXISTS (SELECT FROM shop.lines x WHERE x."id" = s.pgrepair_0 AND x."no" = s.pgrepair_1)`,
		"COPY pgrepair_good_0 FROM STDIN;\n1\t2\tx\t5\n\\.\n",
	} {
		if !strings.Contains(got, want) {
			t.Errorf("%s\nis not in\n%s", want, got)
		}
	}
	if strings.Index(got, "INSERT") > strings.Index(got, "UPDATE") {
		t.Error("a row that was damaged and deleted would not be there when the damaged ones are healed")
	}
	if s := (&table{Damage: Damage{Table: "shop.lines", Poison: "price = 0"}}).script(0); s != "" {
		t.Errorf("without a good row: %s", s)
	}
}

func TestWhatIsMissingIsNamed(t *testing.T) {
	job := recovery.Job{Env: map[string]string{"GAMEDAY_PRIMARY": "primary:5432"}}
	if _, err := Rows(Damage{Table: "shop.payments", Poison: "amount = 0"}).Plan(t.Context(), job); err == nil || !strings.Contains(err.Error(), "no target") {
		t.Errorf("without a target: %v", err)
	}
	job.Target = fixtures.Mark{Name: "m", Position: "0/1"}
	job.System = noNodes{}
	if _, err := Rows().Plan(t.Context(), job); err == nil || !strings.Contains(err.Error(), `no node "primary"`) {
		t.Errorf("without nodes: %v", err)
	}
}

type noNodes struct{ fixtures.System }

func (noNodes) Members() []fixtures.Member { return nil }
