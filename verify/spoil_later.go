package verify

import (
	"encoding/json"

	"github.com/recoverydrill/gameday/fixtures"
)

// edited decodes what a check observed, lets edit change it, and puts it back; false where there is nothing to change.
func edited[T any](e *Evidence, check string, edit func(*T) bool) bool {
	var got T
	if json.Unmarshal(e.Extra[check], &got) != nil || !edit(&got) {
		return false
	}
	b, err := json.Marshal(got)
	e.Extra[check] = b
	return err == nil
}

// emptyOne takes all rows from the first table that has some, may not be empty and is not the harness's.
func emptyOne(e *Evidence, m *fixtures.Manifest) bool {
	if m == nil {
		return false
	}
	for d := range m.Databases {
		for i := range m.Databases[d].Tables {
			if t := &m.Databases[d].Tables[i]; t.Rows > 0 && t.Class != fixtures.Harness && disposable(e, m.Databases[d].Name, *t) == nil {
				t.Rows, t.Digest, t.Buckets = 0, fixtures.Digest{}, nil
				return true
			}
		}
	}
	return false
}

func lostAtRestart(e *Evidence) (string, bool) {
	return "a table that is empty after a restart", edited(e, Restart{}.Name(), func(r *restarted) bool { return emptyOne(e, r.Manifest) })
}

func notStarted(e *Evidence) (string, bool) {
	return "a server that does not start again", edited(e, Restart{}.Name(), func(r *restarted) bool { r.Started = "spoiled"; return true })
}

func noNewBackup(e *Evidence) (string, bool) {
	return "a backup that cannot be taken", edited(e, Rearmed{}.Name(), func(r *rearmed) bool { r.Backup, r.NoBackup = nil, "spoiled"; return true })
}

func notArchivedAgain(e *Evidence) (string, bool) {
	return "an archive that gets nothing more", edited(e, Rearmed{}.Name(), func(r *rearmed) bool { r.Stuck = "spoiled"; return true })
}

func lostInCopy(e *Evidence) (string, bool) {
	return "a table that is empty in the restored copy", edited(e, Rearmed{}.Name(), func(r *rearmed) bool { return emptyOne(e, r.After) })
}

func lostBackup(e *Evidence) (string, bool) {
	return "a backup that is gone", edited(e, Kept{}.Name(), func(k *keeping) bool {
		if len(k.Backups) == 0 || k.Backups[0].Files == 0 {
			return false
		}
		k.Backups[0].Gone, k.New = some{Count: k.Backups[0].Files}, nil
		return true
	})
}

func lostArchived(e *Evidence) (string, bool) {
	return "archived log that is gone", edited(e, Kept{}.Name(), func(k *keeping) bool {
		k.Lost, k.New = some{Count: 1, First: []string{"spoiled"}}, nil
		return k.Archive > 0
	})
}
