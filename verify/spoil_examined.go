package verify

import (
	"encoding/json"
	"fmt"
	"slices"

	"github.com/recoverydrill/gameday/fixtures"
)

// editExamined changes what an engine has seen for a check.
func editExamined(e *Evidence, check string, edit func(seen *examined) (string, bool)) (string, bool) {
	seen := new(examined)
	if json.Unmarshal(e.Extra[check], seen) != nil || e.untouched().asDamaged {
		return "", false
	}
	what, ok := edit(seen)
	if !ok {
		return "", false
	}
	b, err := json.Marshal(seen)
	e.Extra[check] = b
	return what, err == nil
}

// soundEntry is the place of an entry that was looked at and found sound.
func soundEntry(all []fixtures.Examined, named bool) int {
	return slices.IndexFunc(all, func(x fixtures.Examined) bool {
		return x.Bad == 0 && x.Error == "" && x.NotLooked == "" && !x.Missing && (x.Table != "") == named
	})
}

// spoiledEntry makes the check see a fault where there is none.
func spoiledEntry(check string) spoil {
	return func(e *Evidence) (string, bool) {
		return editExamined(e, check, func(seen *examined) (string, bool) {
			i := soundEntry(seen.Entries, true)
			if i < 0 {
				return "", false
			}
			seen.Entries[i].Bad = 1
			return fmt.Sprintf("a fault in %s %s", seen.Entries[i].Kind, seen.Entries[i].Name), true
		})
	}
}

// silentEntry takes away what was said of one thing.
func silentEntry(check string) spoil {
	return func(e *Evidence) (string, bool) {
		return editExamined(e, check, func(seen *examined) (string, bool) {
			i := soundEntry(seen.Entries, true)
			if i < 0 {
				return "", false
			}
			x := seen.Entries[i]
			seen.Entries = slices.DeleteFunc(seen.Entries, func(y fixtures.Examined) bool {
				return y.Database == x.Database && y.Table == x.Table && (x.Claim == "" || (y.Kind == x.Kind && y.Name == x.Name && y.Claim == x.Claim))
			})
			return fmt.Sprintf("that nobody looked at %s %s", x.Kind, x.Name), true
		})
	}
}
