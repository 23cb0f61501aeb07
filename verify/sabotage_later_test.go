package verify

import (
	"encoding/json"
	"slices"
	"testing"
	"time"

	"github.com/recoverydrill/gameday/fixtures"
	"github.com/recoverydrill/gameday/reports"
)

// everyCheck is what a drill of level deep has, and the check that a scenario names which moves the primary.
func everyCheck() []Check { return append(Default(), append(AddedChecks(), Fenced{})...) }

// collectedSound adds what those checks collect from a store with one standby, an archive and a spare machine, on which
// nothing is wrong but what the scene has made wrong.
func collectedSound(t *testing.T, e *Evidence) {
	t.Helper()
	afterwards := func(m *fixtures.Manifest) *fixtures.Manifest {
		m.Taken = m.Taken.Add(10 * time.Second)
		return m
	}
	grown := afterwards(again(t, e.Found))
	for i := range grown.Databases {
		if grown.Databases[i].Name == "shop" {
			fresh := fixtures.Table{Schema: "public", Name: freshTable, Kind: "table", Class: fixtures.Fixed, Rows: 2, Digest: fixtures.Digest{Lo: 9}}
			grown.Databases[i].Tables = append(grown.Databases[i].Tables, fresh)
		}
	}
	for name, collected := range map[string]any{
		Replicas{}.Name(): replicas{Primary: e.Found, Standbys: []replica{soundStandby(t, e, "standby-1")}},
		Archive{}.Name():  archived{Files: []string{"000000020000000000000005", "000000020000000000000006", "000000020000000000000007"}},
		Fenced{}.Name():   []fenced{{Node: "primary", Refused: "read-only", Started: true}, {Node: "standby-1", Serving: true, Accepted: true}},
		Kept{}.Name():     keeping{Backups: []keptBackup{{Path: "/vault/base/1", Files: 3}}, Archive: 3},
		Restart{}.Name():  restarted{Node: "spare", Manifest: afterwards(again(t, e.Found)), Durability: e.After},
		Rearmed{}.Name():  rearmed{Backup: &fixtures.Backup{Bytes: 1}, Restored: "spare-2", Before: grown, After: afterwards(again(t, grown))},
	} {
		e.Extra[name] = marshalled(t, collected)
	}
}

// collected changes what a check of level deep has collected.
func collected[T any](check Check, edit func(got *T)) func(*scene) {
	return onEvidence(func(e *Evidence) {
		var got T
		if err := json.Unmarshal(e.Extra[check.Name()], &got); err != nil {
			panic(err)
		}
		edit(&got)
		b, err := json.Marshal(got)
		if err != nil {
			panic(err)
		}
		e.Extra[check.Name()] = b
	})
}

// wrongLater are recoveries after which clients are served the right rows by a sound store, and all the same something is
// wrong: on another server, in the archive, or when it is needed the next time.
func wrongLater() []sabotage {
	const f, any = reports.Failed, reports.Inconclusive
	standby := func(edit func(r *replica)) func(*scene) {
		return collected(Replicas{}, func(r *replicas) { edit(&r.Standbys[0]) })
	}
	inArchive := func(edit func(a *archived)) func(*scene) { return collected(Archive{}, edit) }
	restart := func(edit func(r *restarted)) func(*scene) { return collected(Restart{}, edit) }
	next := func(edit func(r *rearmed)) func(*scene) { return collected(Rearmed{}, edit) }
	kept := func(edit func(b *keptBackup)) func(*scene) {
		return collected(Kept{}, func(k *keeping) { edit(&k.Backups[0]) })
	}
	old := func(edit func(o *fenced)) func(*scene) {
		return collected(Fenced{}, func(all *[]fenced) { edit(&(*all)[0]) })
	}
	nobody := func(check Check) func(*scene) { return onEvidence(func(e *Evidence) { delete(e.Extra, check.Name()) }) }
	return []sabotage{
		{"G5", "a row of the standby is another one", "replicas", plot{}, standby(func(r *replica) { rewritten(tableOf(r.Manifest, "payments"), 1000) }), f},
		{"G6", "the standby does not follow", "replicas", plot{}, collected(Replicas{}, func(r *replicas) { r.Follow = "standby-1 has applied 0/1" }), f},
		{"G7", "the standby was rebuilt by a dump without its indexes", "replicas", plot{}, standby(func(r *replica) {
			for i := range r.Manifest.Databases {
				db := &r.Manifest.Databases[i]
				db.Objects = slices.DeleteFunc(db.Objects, func(o fixtures.Object) bool { return o.Kind == "index" })
			}
		}), f},
		{"G7", "the standby was rebuilt without accounts", "replicas", plot{}, standby(func(r *replica) {
			r.Manifest.Objects = slices.DeleteFunc(r.Manifest.Objects, func(o fixtures.Object) bool { return o.Kind == "role" })
		}), f},
		{"G13", "the standby takes writes", "replicas", plot{}, standby(func(r *replica) { r.Writes = &fenced{Accepted: true} }), f},
		{"Z3", "nobody asked the standby whether it takes writes", "replicas", plot{}, standby(func(r *replica) { r.Writes = nil }), any},
		{"G9", "the standby is gone", "replicas", plot{}, standby(func(r *replica) { r.Manifest, r.Error = nil, "connection refused" }), f},
		{"Z3", "nobody looked at the standbys", "replicas", plot{}, nobody(Replicas{}), any},

		{"G4", "the old primary takes writes", "fenced", plot{}, old(func(o *fenced) { o.Accepted, o.Refused, o.Started = true, "", false }), f},
		{"G4", "the old primary takes writes when it is started again", "fenced", plot{}, old(func(o *fenced) { o.Accepted, o.Refused = true, "" }), f},
		{"Z3", "the old primary could not be asked", "fenced", plot{}, old(func(o *fenced) { o.Unclear = "timeout" }), any},
		{"Z3", "nobody asked the other servers", "fenced", plot{}, nobody(Fenced{}), any},

		{"F4", "a file is missing in the archive", "archive", plot{}, inArchive(func(a *archived) { a.Files = slices.Delete(a.Files, 1, 2) }), f},
		{"F4", "a file of the archive is empty", "archive", plot{}, inArchive(func(a *archived) { a.Empty = a.Files[1:2] }), f},
		{"Z3", "nobody looked into the archive", "archive", plot{}, nobody(Archive{}), any},

		{"F1", "fsync holds until the next restart only", "restart", plot{}, restart(func(r *restarted) { r.Durability = set(r.Durability, "fsync", "off") }), f},
		{"A24", "an unlogged table is empty after a restart", "restart", plot{}, restart(func(r *restarted) { *tableOf(r.Manifest, "audit") = emptied(*tableOf(r.Manifest, "audit")) }), f},
		{"H8", "the server was started by hand and does not start by its service", "restart", plot{}, restart(func(r *restarted) { r.Started, r.Manifest = "permission denied", nil }), f},
		{"G16", "clients are not let in after a restart", "restart", plot{}, restart(func(r *restarted) { r.Silent = "no pg_hba.conf entry" }), f},
		{"G2", "the service starts another data directory", "restart", plot{}, restart(func(r *restarted) { r.Manifest.Identity.Branch = "1" }), f},
		{"Z3", "nobody restarted the server", "restart", plot{}, nobody(Restart{}), any},

		{"F5", "the recovery used up its only backup", "kept", plot{}, kept(func(b *keptBackup) { b.Gone = some{Count: 3} }), f},
		{"F5", "the recovery wrote to the backup", "kept", plot{}, kept(func(b *keptBackup) { b.Changed.add("base.tar") }), f},
		{"F5", "the recovery put something into the backup", "kept", plot{}, kept(func(b *keptBackup) { b.Added.add("pg_wal/1") }), any},
		{"F4", "the recovery deleted log that the backup needs", "kept", plot{}, collected(Kept{}, func(k *keeping) { k.Lost.add("000000010000000000000004") }), f},
		{"Z3", "nobody looked whether the backups are still there", "kept", plot{}, nobody(Kept{}), any},

		{"F5", "no backup can be taken any more", "rearmed", plot{}, next(func(r *rearmed) { r.NoBackup, r.Backup = "permission denied", nil }), f},
		{"F4", "the archive throws everything away", "rearmed", plot{}, next(func(r *rearmed) { r.Stuck = "the archive has 3 files as before the last writes" }), f},
		{"H8", "the new backup cannot be restored", "rearmed", plot{}, next(func(r *rearmed) { r.Broken = "WAL ends before the target" }), f},
		{"H8", "the new backup leaves new tables out", "rearmed", plot{}, next(func(r *rearmed) { dropTable(r.After, freshTable) }), f},
		{"H8", "the new backup leads back to a store that lacks rows", "rearmed", plot{}, next(func(r *rearmed) { *tableOf(r.After, "payments") = emptied(*tableOf(r.After, "payments")) }), f},
		{"Z3", "nobody tried to back the store up again", "rearmed", plot{}, nobody(Rearmed{}), any},
	}
}
