package suite

import (
	"strings"
	"testing"

	"github.com/recoverydrill/gameday/scenarios/drill/config"
)

// While the variable is set nothing is a drill: what it names is done, and what it does not name is not run at all.
func TestALeftoverOfGamedaySabotageIsNoDrill(t *testing.T) {
	for value, want := range map[string]struct {
		ids string
		err string
	}{
		"":                    {"none", ""},
		"control":             {"", ""},
		"A17, B1":             {"A17 B1", ""},
		"a/b:A17,c/d:B1":      {"A17", ""},
		"c/d:B1":              {"", "names no act for a/b"},
		"B99":                 {"", `no act "B99"`},
		"control,a/b:H1":      {"H1", ""},
		"a/b:D9":              {"D9", ""}, // SQLite has no routines: it is told so, and not passed over
		"control,all,c/d:D11": {"many", ""},
	} {
		t.Setenv(config.SabotageVariable, value)
		acts, err := sabotageOf("a/b", "sqlite")
		switch {
		case want.err != "":
			if err == nil || !strings.Contains(err.Error(), want.err) {
				t.Errorf("%q: got %v", value, err)
			}
			continue
		case err != nil:
			t.Errorf("%q: %v", value, err)
			continue
		case want.ids == "none" && acts != nil, want.ids != "none" && acts == nil:
			t.Errorf("%q: it is a drill: %t", value, acts == nil)
		case want.ids == "many" && len(acts) < 20:
			t.Errorf("%q: %d acts", value, len(acts))
		}
		var ids []string
		for _, a := range acts {
			ids = append(ids, a.ID)
		}
		if got := strings.Join(ids, " "); want.ids != "many" && want.ids != "none" && got != want.ids {
			t.Errorf("%q: got %q, want %q", value, got, want.ids)
		}
	}
}
